//! Ledgers of runs, checked by hand against what peers got wrong.

use model::{StepKind, Usage, UsageRole};
use signals::money::ledger::{self, Basis, Detail, Ledger};
use signals::prices::{Estimates, Prices, Why};
use signals::runs::Resolved;

use crate::{call, reported, run, run_with, span, usd};

fn ledger(resolved: &Resolved) -> Ledger {
    ledger::of(&resolved.run, &resolved.steps, &Prices::built_in(), |_| Some(Detail::default()))
}

#[test]
fn a_sub_agents_cost_is_the_sub_agents_and_delegated_by_those_above() {
    let mut top = span(1, None, StepKind::Agent);
    top.agent = Some("supervisor".into());
    let mut below = span(3, Some(1), StepKind::Agent);
    below.agent = Some("researcher".into());
    let resolved =
        run(vec![top, call(2, Some(1), "gpt-4o", 1000, 100), below, call(4, Some(3), "gpt-4o-mini", 2000, 50)]);
    let ledger = ledger(&resolved);
    let told: Vec<_> = ledger
        .entries
        .iter()
        .map(|entry| (entry.agent.as_deref().unwrap(), entry.above.len(), entry.cost.unwrap().to_string()))
        .collect();
    // 1000*2.5 + 100*10 = 3500; 2000*0.15 + 50*0.6 = 330 millionths.
    assert_eq!(told, [("supervisor", 0, "0.0035".into()), ("researcher", 1, "0.00033".into())]);
    assert_eq!(ledger.entries[1].above[0].as_ref(), "supervisor");
    assert_eq!((ledger.counted(), resolved.run.cost), (Some(usd("0.00383")), Some(usd("0.00383"))));
}

#[test]
fn a_parents_total_is_never_added_to_what_its_children_tell() {
    let agent = reported(span(1, None, StepKind::Agent), "0.5");
    let resolved = run(vec![agent, reported(call(2, Some(1), "gpt-4o", 10, 10), "0.2")]);
    let ledger = ledger(&resolved);
    assert_eq!((ledger.entries.len(), &ledger.entries[0].basis), (1, &Basis::Reported));
    assert_eq!(ledger.counted(), Some(usd("0.2")));
}

#[test]
fn a_parents_total_is_all_there_is_where_its_children_tell_no_cost() {
    let agent = reported(span(1, None, StepKind::Agent), "0.5");
    let resolved = run(vec![agent, call(2, Some(1), "a-model-nobody-knows", 10, 10)]);
    let ledger = ledger(&resolved);
    let told: Vec<_> = ledger.entries.iter().map(|entry| (entry.basis.as_str(), entry.cost)).collect();
    assert_eq!(told, [("aggregated", Some(usd("0.5"))), ("elsewhere", None)]);
    assert_eq!(ledger.counted(), resolved.run.cost);
    // A price that comes later must not add the same money again.
    let text = "[[price]]\nmodel = 'a-model-nobody-knows'\ninput = 1\noutput = 1";
    let prices = Prices::built_in().with_overrides("ours.toml", text).unwrap();
    let mut again = ledger.clone();
    again.entries.iter_mut().for_each(|entry| entry.reprice(&prices));
    assert_eq!(again, ledger);
    // The total carries no tokens of its own: the child's are told once.
    let tokens: u64 = ledger.entries.iter().filter_map(|entry| entry.usage().total_tokens()).sum();
    assert_eq!(tokens, 20);
}

#[test]
fn an_aggregate_usage_is_no_entry() {
    let mut agent = span(1, None, StepKind::Agent);
    agent.usage = Usage { input_tokens: Some(1000), ..Usage::default() };
    agent.usage_role = UsageRole::Aggregate;
    let resolved = run(vec![agent, call(2, Some(1), "gpt-4o", 1000, 0)]);
    assert_eq!(ledger(&resolved).entries.len(), 1);
}

#[test]
fn work_inside_a_tool_names_the_tool() {
    let mut tool = span(2, Some(1), StepKind::Tool);
    tool.tool_name = Some("deep_research".into());
    let chain = span(3, Some(2), StepKind::Chain);
    let spans = vec![
        span(1, None, StepKind::Agent),
        tool,
        chain,
        call(4, Some(3), "gpt-4o", 10, 10),
        call(5, Some(1), "gpt-4o", 10, 10),
    ];
    let ledger = ledger(&run(spans));
    let tools: Vec<_> = ledger.entries.iter().map(|entry| entry.tool.as_deref()).collect();
    assert_eq!(tools, [Some("deep_research"), None]);
}

#[test]
fn a_stream_without_counts_is_guessed_from_its_text_and_marked() {
    let mut silent = call(2, Some(1), "gpt-4o", 0, 0);
    silent.usage = Usage::default();
    let resolved = run(vec![span(1, None, StepKind::Agent), silent]);
    assert_eq!(resolved.run.cost, None);
    let said = |_: &model::ResolvedStep| Some(Detail { said: Some((4001, 400)), ..Detail::default() });
    let ledger = ledger::of(&resolved.run, &resolved.steps, &Prices::built_in(), said);
    let entry = &ledger.entries[0];
    // 1001 tokens in at 2.5 and 100 out at 10 dollars a million.
    assert_eq!(entry.cost, Some(usd("0.0035025")));
    assert!(matches!(&entry.basis, Basis::Estimated(_, Why::NoCounts)), "{:?}", entry.basis);
    assert_eq!((ledger.counted(), ledger.guessed()), (None, Some(usd("0.0035025"))));
    // Without captured text there is nothing to guess from.
    assert!(self::ledger(&resolved).entries.is_empty());
}

#[test]
fn a_total_without_a_split_keeps_its_tokens_and_says_between_what_it_lies() {
    let mut bare = call(1, None, "gpt-4o", 0, 0);
    bare.usage = Usage { reported_total: Some(1_000_000), ..Usage::default() };
    let ledger = ledger(&run(vec![bare]));
    let entry = &ledger.entries[0];
    assert_eq!(entry.basis, Basis::Uncertain { least: usd("1.25"), most: Some(usd("10")) });
    assert_eq!((entry.cost, entry.call.usage.total_tokens()), (None, Some(1_000_000)));
}

#[test]
fn late_prices_price_what_was_unknown_and_leave_what_was_reported() {
    let spans = vec![
        span(1, None, StepKind::Agent),
        call(2, Some(1), "in-house", 1_000_000, 0),
        reported(call(3, Some(1), "gpt-4o", 1_000_000, 0), "9"),
        call(4, Some(1), "gpt-4o", 1_000_000, 0),
    ];
    let mut ledger = ledger(&run(spans));
    assert_eq!(ledger.counted(), Some(usd("11.5")));
    let text =
        "[[price]]\nmodel = 'in-house'\ninput = 0.1\noutput = 1\n[[price]]\nmodel = 'gpt-4o'\ninput = 2\noutput = 8";
    let prices = Prices::built_in().with_overrides("ours.toml", text).unwrap();
    ledger.entries.iter_mut().for_each(|entry| entry.reprice(&prices));
    assert_eq!(ledger.counted(), Some(usd("11.1")));
    assert_eq!(ledger.entries[0].basis.row().unwrap().as_ref(), "ours.toml:*/in-house");
    let once = ledger.clone();
    ledger.entries.iter_mut().for_each(|entry| entry.reprice(&prices));
    assert_eq!(ledger, once);
}

#[test]
fn the_same_traffic_on_another_model() {
    let ledger = ledger(&run(vec![call(1, None, "gpt-4o", 1_000_000, 100_000)]));
    let entry = &ledger.entries[0];
    // 1,000,000 * 0.15 + 100,000 * 0.6 millionths.
    assert_eq!(entry.cost_as(&Prices::built_in(), "gpt-4o-mini"), Some(usd("0.21")));
    assert_eq!(entry.cost_as(&Prices::built_in(), "no-such-model"), None);
}

#[test]
fn a_fallback_price_is_used_only_where_asked_for_and_marked() {
    let spans = || vec![call(1, None, "no-such-model", 1_000_000, 1_000_000)];
    assert_eq!(ledger(&run(spans())).entries[0].basis, Basis::UnknownModel);
    let asked = Estimates::default().unknown_models_at("5", "15").unwrap();
    let prices = Prices::built_in().with_estimates(asked);
    let resolved = run_with(spans(), &prices);
    let ledger = ledger::of(&resolved.run, &resolved.steps, &prices, |_| Some(Detail::default()));
    assert_eq!(ledger.entries[0].basis, Basis::Estimated("unknown_models".into(), Why::UnknownModel));
    assert_eq!(ledger.counted(), Some(usd("20")));
}
