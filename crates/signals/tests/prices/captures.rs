//! The calls that real clients were really served (`../shared/captures`), at the cost they come to by hand.

use std::path::{Path, PathBuf};

use model::Usage;
use serde_json::Value as Json;
use signals::prices::Prices;

use crate::{today, usd};

fn ledgers(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => ledgers(&path, found),
            path if path.ends_with("llm_calls.jsonl") => found.push(path),
            _ => {}
        }
    }
}

/// Model, tokens as the provider counted them, and the cost:
///
/// * gpt-4o-mini: 25 fresh at 0.15, 32 cached at 0.075, 23 out at 0.6: 3.75 + 2.4 + 13.8 = 19.95 millionths
/// * gpt-5-codex: 25 at 1.25, 32 at 0.125, 23 at 10: 31.25 + 4 + 230 = 265.25 millionths
/// * claude-sonnet-4-5: 25 at 3, 32 at 0.3, 11 written at 3.75, 23 at 15: 75 + 9.6 + 41.25 + 345 = 470.85 millionths
/// * gemini-2.5-flash: 25 at 0.3, 32 at 0.03, 23 at 2.5: 7.5 + 0.96 + 57.5 = 65.96 millionths
const CALLS: &[(&str, [u64; 4], &str)] = &[
    ("gpt-4o-mini", [57, 32, 0, 23], "0.00001995"),
    ("gpt-5-codex", [57, 32, 0, 23], "0.00026525"),
    ("claude-sonnet-4-5", [68, 32, 11, 23], "0.00047085"),
    ("gemini-2.5-flash", [57, 32, 0, 23], "0.00006596"),
];

#[test]
fn every_call_that_was_served_costs_what_it_comes_to_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !folder.is_dir() {
        println!("skipped: ../shared/captures is absent");
        return;
    }
    let (mut files, mut checked, mut other) = (Vec::new(), [0; CALLS.len()], Vec::new());
    ledgers(&folder, &mut files);
    let prices = Prices::built_in();
    for line in files
        .iter()
        .flat_map(|file| std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let call: Json = serde_json::from_str(&line).unwrap();
        let (model, truth) = (call["model"].as_str().unwrap_or_default(), &call["true_usage"]);
        if truth.is_null() {
            continue;
        }
        let count = |name: &str| truth[name].as_u64();
        let usage = Usage {
            input_tokens: count("input"),
            output_tokens: count("output"),
            cache_read_tokens: count("cache_read"),
            cache_write_tokens: count("cache_write"),
            reasoning_tokens: count("reasoning"),
            reported_total: None,
        };
        let counts = [count("input"), count("cache_read"), count("cache_write"), count("output")]
            .map(|count| count.unwrap_or(0));
        let priced = prices.cost_as(&usage, model, today());
        match CALLS.iter().position(|(known, tokens, _)| *known == model && *tokens == counts) {
            Some(at) => {
                assert_eq!(priced.usd(), Some(usd(CALLS[at].2)), "{model}: {line}");
                checked[at] += 1;
            }
            None => {
                assert!(priced.usd().is_some(), "no price: {line}");
                other.push(line);
            }
        }
    }
    println!("{checked:?} checked by hand, {} others", other.len());
    assert!(checked.iter().sum::<usize>() > 50, "{checked:?}; others: {other:#?}");
}
