//! The built-in table as a whole.

use std::collections::HashSet;

use signals::prices::{Class, Prices};

use crate::today;

#[test]
fn every_row_says_where_and_when_it_was_read() {
    let prices = Prices::built_in();
    assert!(prices.rows().count() > 380, "only {} rows", prices.rows().count());
    for row in prices.rows() {
        assert!(!row.source.trim().is_empty(), "{} has no source", row.id);
        let read = row.read.as_deref().unwrap_or_else(|| panic!("{} has no day", row.id));
        assert!(crate::at(read) <= today(), "{} was read in the future: {read}", row.id);
    }
}

#[test]
fn row_ids_are_unique() {
    let prices = Prices::built_in();
    let mut seen = HashSet::new();
    for row in prices.rows() {
        assert!(seen.insert(row.id.clone()), "{} is twice", row.id);
    }
}

#[test]
fn every_row_is_reached_by_its_provider_and_model() {
    let prices = Prices::built_in();
    for row in prices.rows() {
        let moment = row.from.unwrap_or_default();
        let found = prices.find(Some(&row.provider), &row.model, moment);
        assert_eq!(found.map(|found| found.row.id.as_ref()), Some(row.id.as_ref()), "{}", row.id);
    }
}

#[test]
fn prices_are_in_proportion() {
    // A slip of the decimal point in a table shows in one of these.
    for row in Prices::built_in().rows() {
        let rate = |class| row.rates.rate(class).as_pico();
        let (input, output) = (rate(Class::Input), rate(Class::Output));
        assert!(input > 0 && input <= 150_000_000_000_000, "{}: input", row.id);
        assert!(output == 0 || (output >= input && output <= input * 34), "{}: output", row.id);
        assert!(rate(Class::CacheRead) <= input, "{}: reading the cache costs more than not to", row.id);
        assert!((input..=input * 2).contains(&rate(Class::CacheWrite)), "{}: cache write", row.id);
        assert!(rate(Class::CacheWrite1h) >= rate(Class::CacheWrite), "{}: an hour is cheaper than 5 minutes", row.id);
    }
}

#[test]
fn anthropics_cache_writes_cost_a_quarter_more_and_twice_as_much() {
    for row in
        Prices::built_in().rows().filter(|row| row.model.contains("claude-") && row.provider.as_ref() == "anthropic")
    {
        let rate = |class| row.rates.rate(class).as_pico();
        let (input, write, hour) = (rate(Class::Input), rate(Class::CacheWrite), rate(Class::CacheWrite1h));
        // Models from before caching have no such price; Claude 3 Haiku's is rounded down by its maker.
        if write != input && row.model.as_ref() != "claude-3-haiku" {
            assert_eq!((write * 4, hour), (input * 5, input * 2), "{}", row.id);
        }
    }
}

#[test]
fn every_model_of_the_seeds_has_a_price() {
    let prices = Prices::built_in();
    for model in [
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4.1-nano",
        "claude-sonnet-4",
        "claude-sonnet-4-20250514",
        "claude-haiku-3-20250313",
    ] {
        assert!(prices.find(None, model, today()).is_some(), "{model}");
    }
}

#[test]
fn every_model_named_in_the_seeds_texts_has_a_price() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared/seeds is absent");
        return;
    };
    let prices = Prices::built_in();
    let mut found = HashSet::new();
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.')) {
            let word = word.trim_end_matches(['.', '-']);
            let named = ["gpt-", "claude-", "gemini-", "mistral-", "deepseek-", "command-", "llama-"];
            if named.iter().any(|start| word.starts_with(start)) && word.bytes().any(|byte| byte.is_ascii_digit()) {
                assert!(prices.find(None, word, today()).is_some(), "{word} has no price");
                found.insert(word.to_owned());
            }
        }
    }
    assert!(found.len() >= 7, "the seeds name more models than {found:?}");
}
