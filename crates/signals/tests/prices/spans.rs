//! Spans: what is priced, what is left alone.

use model::{Billing, CostSource, StepKind, Timestamp, Usage, UsageRole};
use signals::prices::{Estimates, Percent, Priced, Prices, Why};

use crate::{llm, today, usage, usd};

#[test]
fn a_call_gets_its_cost_and_where_it_is_from() {
    let mut span = llm(Some("openai"), "gpt-4o-mini", usage(1000, 500));
    let priced = Prices::built_in().price(&mut span, &Billing::default());
    assert_eq!(priced, Priced::Computed { usd: usd("0.00045"), row: "openai/gpt-4o-mini".into() });
    assert_eq!((span.cost, span.cost_source), (Some(usd("0.00045")), Some(CostSource::Computed)));
}

#[test]
fn a_reported_cost_stays_as_it_is() {
    let mut span = llm(Some("openai"), "gpt-4o-mini", usage(1000, 500));
    (span.cost, span.cost_source) = (Some(usd("0")), Some(CostSource::Reported));
    assert_eq!(Prices::built_in().price(&mut span, &Billing::default()), Priced::Reported(usd("0")));
    assert_eq!((span.cost, span.cost_source), (Some(usd("0")), Some(CostSource::Reported)));
}

#[test]
fn an_unknown_model_has_no_cost_rather_than_none_to_pay() {
    let mut span = llm(Some("openai"), "gpt-99", usage(1000, 500));
    assert_eq!(Prices::built_in().price(&mut span, &Billing::default()), Priced::UnknownModel);
    assert_eq!((span.cost, span.cost_source), (None, None));
    span.model = None;
    assert_eq!(Prices::built_in().price(&mut span, &Billing::default()), Priced::UnknownModel);
}

#[test]
fn only_own_calls_of_models_are_priced() {
    let prices = Prices::built_in();
    for kind in StepKind::ALL {
        let mut span = llm(Some("openai"), "gpt-4o-mini", usage(1000, 500));
        span.kind = *kind;
        let priceable = matches!(kind, StepKind::Llm | StepKind::Embedding | StepKind::Reranker);
        assert_eq!(prices.price(&mut span, &Billing::default()) != Priced::NoUsage, priceable, "{kind}");
        assert_eq!(span.cost.is_some(), priceable, "{kind}");
    }
    // A total over other spans would be the same money again.
    let mut total = llm(Some("openai"), "gpt-4o-mini", usage(1000, 500));
    total.usage_role = UsageRole::Aggregate;
    assert_eq!((prices.price(&mut total, &Billing::default()), total.cost), (Priced::NoUsage, None));
    let mut silent = llm(Some("openai"), "gpt-4o-mini", Usage::default());
    assert_eq!((prices.price(&mut silent, &Billing::default()), silent.cost), (Priced::NoUsage, None));
}

#[test]
fn the_model_that_answered_is_billed_and_the_one_asked_for_where_that_is_unknown() {
    let prices = Prices::built_in();
    let mut span = llm(Some("openai"), "gpt-4o-mini-2024-07-18", usage(1000, 0));
    span.request_model = Some("gpt-4o".into());
    assert_eq!(prices.cost(&span, &Billing::default(), today()).row().unwrap().as_ref(), "openai/gpt-4o-mini");
    span.model = Some("my-deployment".into());
    assert_eq!(prices.cost(&span, &Billing::default(), today()).row().unwrap().as_ref(), "openai/gpt-4o@2024-10-02");
}

#[test]
fn a_call_is_priced_as_of_its_start_or_its_arrival_where_it_has_none() {
    let prices = Prices::built_in();
    let mut span = llm(Some("openai"), "gpt-4o", usage(1_000_000, 0));
    span.start = crate::at("2024-06-01");
    prices.price(&mut span, &Billing::default());
    assert_eq!(span.cost, Some(usd("5")));
    (span.start, span.received) = (Timestamp::default(), today());
    prices.price(&mut span, &Billing::default());
    assert_eq!(span.cost, Some(usd("2.5")));
}

#[test]
fn new_prices_replace_what_was_computed_and_nothing_else() {
    let mut span = llm(Some("openai"), "gpt-4o-mini", usage(1000, 500));
    let prices = Prices::built_in();
    prices.price(&mut span, &Billing::default());
    let own = prices.with_overrides("mine.toml", "[[price]]\nmodel = 'gpt-4o-mini'\ninput = 1\noutput = 2").unwrap();
    own.price(&mut span, &Billing::default());
    assert_eq!(span.cost, Some(usd("0.002")));
    // A model that no longer resolves must not keep a cost from a row that is gone.
    span.model = Some("gpt-99".into());
    own.price(&mut span, &Billing::default());
    assert_eq!((span.cost, span.cost_source), (None, None));
}

#[test]
fn a_total_without_a_split_is_uncertain_between_bounds() {
    let bare = Usage { reported_total: Some(1_000_000), ..Usage::default() };
    let mut span = llm(Some("openai"), "gpt-4o", bare);
    // All read from the cache: $1.25; all output: $10.
    let expected = Priced::Uncertain { tokens: 1_000_000, least: usd("1.25"), most: Some(usd("10")) };
    assert_eq!(Prices::built_in().price(&mut span, &Billing::default()), expected);
    assert_eq!(span.cost, None);
    let half_known = llm(Some("openai"), "gpt-4o", Usage { input_tokens: Some(1000), ..Usage::default() });
    let expected = Priced::Uncertain { tokens: 1000, least: usd("0.0025"), most: None };
    assert_eq!(Prices::built_in().cost(&half_known, &Billing::default(), today()), expected);
}

#[test]
fn guesses_are_made_only_where_asked_for_and_say_so() {
    let bare = Usage { reported_total: Some(1_000_000), ..Usage::default() };
    let seed_c = Estimates::default().unknown_models_at("5", "15").unwrap();
    let asked = Prices::built_in().with_estimates(Estimates { output_percent: Percent::new(20), ..seed_c });
    let cost = |model: &str, usage| asked.cost(&llm(Some("openai"), model, usage), &Billing::default(), today());
    // Seed C: 1,000 in at $5 and 500 out at $15 a million.
    let expected = Priced::Estimated { usd: usd("0.0125"), row: "unknown_models".into(), why: Why::UnknownModel };
    assert_eq!(cost("gpt-99", usage(1000, 500)), expected);
    // 800,000 * 2.5 + 200,000 * 10
    let expected = Priced::Estimated { usd: usd("4"), row: "openai/gpt-4o@2024-10-02".into(), why: Why::BareTotal };
    assert_eq!(cost("gpt-4o", bare), expected);
    // 800,000 * 5 + 200,000 * 15
    let expected =
        Priced::Estimated { usd: usd("7"), row: "unknown_models".into(), why: Why::UnknownModelAndBareTotal };
    assert_eq!(cost("gpt-99", bare), expected);
    // What is known is not guessed.
    assert!(matches!(cost("gpt-4o", usage(1000, 500)), Priced::Computed { .. }));
    // Prices for unknown models alone do not make a split of a total.
    assert_eq!(
        Prices::built_in().with_estimates(seed_c).cost(&llm(None, "gpt-99", bare), &Billing::default(), today()),
        Priced::UnknownModel
    );
}

#[test]
fn what_if_bills_the_same_tokens_as_another_model() {
    let prices = Prices::built_in();
    let tokens = Usage { cache_read_tokens: Some(400_000), ..usage(1_000_000, 100_000) };
    let cost = |model| prices.cost_as(&tokens, model, today()).usd();
    // 600,000*2.5 + 400,000*1.25 + 100,000*10
    assert_eq!(cost("gpt-4o"), Some(usd("3")));
    // 600,000*1 + 400,000*0.1 + 100,000*5 at Anthropic; a tenth more in a region of Bedrock.
    assert_eq!(cost("claude-haiku-4-5"), Some(usd("1.14")));
    assert_eq!(cost("bedrock/us.anthropic.claude-haiku-4-5"), Some(usd("1.254")));
    assert_eq!(cost("gpt-99"), None);
    assert_eq!(prices.cost_as(&Usage::default(), "gpt-4o", today()), Priced::NoUsage);
}
