//! A user's own prices, and what is said when they cannot be read.

use model::Billing;
use signals::prices::{Call, MAX_FILE_BYTES, Priced, Prices, Tier, Why};

use crate::{at, llm, today, usage, usd};

fn own(text: &str) -> Prices {
    Prices::built_in().with_overrides("prices.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn cost(prices: &Prices, provider: Option<&str>, model: &str, moment: &str) -> (Option<String>, Option<String>) {
    let priced = prices.cost(&llm(provider, model, usage(1_000_000, 1_000_000)), &Billing::default(), at(moment));
    (priced.usd().map(|usd| usd.to_string()), priced.row().map(ToString::to_string))
}

fn is(amount: &str, row: &str) -> (Option<String>, Option<String>) {
    (Some(amount.into()), Some(row.into()))
}

#[test]
fn a_users_price_holds_before_the_built_in_one() {
    let prices = own("[[price]]\nprovider = 'openai'\nmodel = 'gpt-4o'\ninput = 2\noutput = '8.00'");
    assert_eq!(cost(&prices, Some("openai"), "gpt-4o", "2026-11-21"), is("10", "prices.toml:openai/gpt-4o"));
    // Also for its versions, and for Azure, which sells at OpenAI's price.
    assert_eq!(cost(&prices, Some("openai"), "gpt-4o-2024-11-20", "2026-11-21"), is("10", "prices.toml:openai/gpt-4o"));
    assert_eq!(cost(&prices, Some("azure.ai.openai"), "gpt-4o", "2026-11-21"), is("10", "prices.toml:openai/gpt-4o"));
    // Others keep theirs.
    assert_eq!(cost(&prices, Some("openai"), "gpt-4o-mini", "2026-11-21"), is("0.75", "openai/gpt-4o-mini"));
}

#[test]
fn a_users_price_from_a_day_on_leaves_the_days_before_alone() {
    let prices = own("[[price]]\nmodel = 'gpt-4o'\nfrom = 2026-11-01\ninput = 2\noutput = 8");
    assert_eq!(cost(&prices, Some("openai"), "gpt-4o", "2026-10-31"), is("12.5", "openai/gpt-4o@2024-10-02"));
    assert_eq!(cost(&prices, Some("openai"), "gpt-4o", "2026-11-01"), is("10", "prices.toml:*/gpt-4o@2026-11-01"));
}

#[test]
fn models_and_providers_of_ones_own_can_be_priced() {
    let text =
        "provider = 'Ollama'\n[[price]]\nmodel = 'llama3.2:3b'\naliases = ['llama3.2']\ninput = 0.01\noutput = 0.02";
    let prices = own(text);
    assert_eq!(cost(&prices, Some("ollama"), "llama3.2", "2026-11-21"), is("0.03", "prices.toml:ollama/llama3.2:3b"));
    assert_eq!(cost(&prices, Some("openai"), "llama3.2", "2026-11-21"), (None, None));
    // Without a provider a row holds for all of them, deployments too.
    let prices = own("[[price]]\nmodel = 'chatbot-prod'\ninput = 2.5\noutput = 10");
    for provider in [None, Some("azure.ai.openai"), Some("ollama"), Some("some_startup")] {
        assert_eq!(cost(&prices, provider, "chatbot-prod", "2026-11-21"), is("12.5", "prices.toml:*/chatbot-prod"));
    }
}

#[test]
fn a_users_price_of_a_model_holds_for_deployments_named_after_it() {
    let prices = own("[[price]]\nmodel = 'gpt-4o'\ninput = 2\noutput = 8");
    let azure = cost(&prices, Some("azure.ai.openai"), "contoso-gpt-4o-prod", "2026-11-21");
    assert_eq!(azure, is("10", "prices.toml:*/gpt-4o"));
}

#[test]
fn of_two_files_the_later_wins() {
    let prices = own("[[price]]\nmodel = 'gpt-4o'\ninput = 1\noutput = 1")
        .with_overrides("second.toml", "[[price]]\nmodel = 'gpt-4o'\ninput = 3\noutput = 3")
        .unwrap();
    assert_eq!(cost(&prices, None, "gpt-4o", "2026-11-21"), is("6", "second.toml:*/gpt-4o"));
}

#[test]
fn all_of_the_format_can_be_used() {
    let prices = own(r#"
        source = "our contract"
        read = 2026-11-01
        [[price]]
        provider = "bedrock"
        model = "anthropic.claude-sonnet-4-5"
        input = 2
        output = 10
        cache_read = 0.2
        cache_write = 2.5
        cache_write_1h = 4
        reasoning = 12
        audio_input = 20
        audio_output = 40
        above = [{ tokens = 200_000, input = 4, output = 15, cache_read = 0.4, cache_write = 5, cache_write_1h = 8, reasoning = 18, audio_input = 20, audio_output = 40 }]
        batch = { times = 0.5 }
        priority = { input = 3, output = 15 }
        hours = { utc = ["20:00-24:00"], weekdays_only = true, change = { times = 0.9 } }
        regional_times = 1.1
        "#);
    let row = prices.rows().last().unwrap();
    assert_eq!((row.source.as_ref(), row.read.as_deref()), ("our contract", Some("2026-11-01")));
    let us = "us.anthropic.claude-sonnet-4-5-v1:0";
    assert_eq!(cost(&prices, None, us, "2026-11-20").1.unwrap(), "prices.toml:aws.bedrock/anthropic.claude-sonnet-4-5");
    // 1,000,000 in is a long prompt: 4 + 15, a tenth more for the region; 10 % less on Friday evening, not on Saturday.
    assert_eq!(cost(&prices, None, us, "2026-11-20T19:59:59Z").0.unwrap(), "20.9");
    assert_eq!(cost(&prices, None, us, "2026-11-20T20:00:00Z").0.unwrap(), "18.81");
    assert_eq!(cost(&prices, None, us, "2026-11-21T20:00:00Z").0.unwrap(), "20.9");
}

#[test]
fn guesses_can_be_asked_for_in_the_file() {
    let prices = own("[unknown_models]\ninput = 5\noutput = 15\n[bare_totals]\noutput_percent = 20");
    let expected = Priced::Estimated { usd: usd("0.0125"), row: "unknown_models".into(), why: Why::UnknownModel };
    assert_eq!(prices.cost(&llm(None, "gpt-99", usage(1000, 500)), &Billing::default(), today()), expected);
}

#[test]
fn the_same_name_twice_in_one_row_is_harmless() {
    let prices = own("[[price]]\nmodel = 'a.b'\naliases = ['a_b', 'A-B', 'c', 'C']\ninput = 1\noutput = 2");
    assert_eq!(cost(&prices, None, "a-b", "2026-11-21"), is("3", "prices.toml:*/a.b"));
}

#[test]
fn mistakes_are_told_with_file_line_and_field() {
    let row = "[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\n";
    for (text, expected) in [
        ("[[price]]\nmodel = 'a'\ninput = -1\noutput = 2", "line 3, field `input`: cannot be negative"),
        (
            "[[price]]\nmodel = 'a'\ninput = '2,5'\noutput = 2",
            "line 3, field `input`: `2,5` is not a plain decimal number",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput = 0.0000001\noutput = 2",
            "line 3, field `input`: cannot have more than 6 decimals",
        ),
        ("[[price]]\nmodel = 'a'\ninput = true\noutput = 2", "line 3, field `input`: invalid type: boolean"),
        ("[[price]]\nmodel = 'a'\ninput = inf\noutput = 2", "line 3, field `input`: `inf` is not a plain decimal"),
        ("[[price]]\nmodel = 'a'\ninput = 1e300\noutput = 2", "line 3, field `input`: "),
        ("[[price]]\nmodel = 'a'\ninput = 1\n", "line 1: missing field `output`"),
        ("[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\nimput = 3", "line 5, field `imput`: unknown field `imput`"),
        ("[[price]]\nmodel = ' '\ninput = 1\noutput = 2", "line 2, field `model`: cannot be empty"),
        (
            "[[price]]\nmodel = 'a'\nfrom = 'soon'\ninput = 1\noutput = 2",
            "line 3, field `from`: must be a day such as 2026-11-21",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\nbatch = { times = 11 }",
            "line 5, field `times`: cannot be above 10",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\nhours = { utc = ['22:00-06:00'] }",
            "line 5, field `utc`: must be like \"01:00-04:00\"",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\ncache_read = 0.1\nabove = [{ tokens = 9, input = 2, output = 4 }]",
            "line 6, field `above`: needs `cache_read`",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\noutput = 2\nabove = [{ tokens = 9, input = 2, output = 4 },\n { tokens = 9, input = 3, output = 4 }]",
            "line 6: `tokens` must rise",
        ),
        ("[bare_totals]\noutput_percent = 101", "line 2, field `output_percent`: must be from 0 to 100"),
        ("[[price]]\nmodel = 'a'\ninput = \noutput = 2", "line 3, field `input`: "),
        ("prise = 3", "line 1, field `prise`: unknown field"),
        (&format!("{row}{row}"), "line 6, field `model`: `a` has another row from the same day"),
        (
            &format!("{row}[[price]]\nmodel = 'b'\naliases = ['A']\ninput = 1\noutput = 2"),
            "line 6, field `model`: `A` has another row",
        ),
    ] {
        let error = Prices::built_in().with_overrides("my/prices.toml", text).expect_err(text).to_string();
        let expected = format!("cannot read the prices in my/prices.toml, {expected}");
        assert!(error.starts_with(&expected), "\n  said     {error}\n  expected {expected}");
        assert!(!error.contains('\n'), "{error}");
    }
    let large = format!("#{}", " ".repeat(MAX_FILE_BYTES));
    let error = Prices::built_in().with_overrides("large.toml", &large).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the prices in large.toml: cannot be larger than 1048576 bytes");
}

#[test]
fn a_sum_is_rounded_once_and_to_the_nearest() {
    let prices = own("[[price]]\nmodel = 'tiny'\ninput = 0.000001\noutput = 0.000003\nbatch = { times = 0.5 }");
    let cost = |input, output| {
        let call = Call { tier: Tier::Batch, ..Call::from(usage(input, output)) };
        prices.cost_of(&call, None, &["tiny"], today()).usd().unwrap().as_pico()
    };
    // In 10⁻¹² dollars: 1*0.5 = 0.5 and 1*1.5 = 1.5 go up; together they are 2, not 1 + 2.
    assert_eq!((cost(1, 0), cost(0, 1), cost(1, 1), cost(4, 0)), (1, 2, 2, 2));
}
