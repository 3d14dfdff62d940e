//! Incidents of the demo are detected: within a bound of runs, as what they are, and nothing else wakes anybody; a quiet day is quiet.
//!
//! The simulator's bytes go through `wire` and `dialects` as in the server; nothing but those bytes is looked at.

mod support;
#[path = "incidents/watchman.rs"]
mod watchman;

use std::collections::BTreeMap;

use model::Severity;
use simulator::{Incident, Simulator};
use watchman::{Expected, Watchman, check};

/// Bounds were set from the share of runs an incident touches, before they were tried: something that shows in every run of a
/// kind is certain for drift after about a dozen runs of that kind, in every third after about fifty. Industries have three kinds at most.
const EXPECTED: &[(Incident, Expected)] = &[
    (
        Incident::WrongTool,
        Expected {
            within: 120,
            right: &["tool:process_refund", "tool:return_unable_to_process", "outcome"],
            also: &["unusual_tool"],
        },
    ),
    (
        Incident::OutdatedDocument,
        Expected { within: 60, right: &["document"], also: &["retrieval_miss", "unusual_tool"] },
    ),
    (
        Incident::RunawayLoop,
        Expected {
            within: 12,
            right: &["loop"],
            also: &["duplicate_call", "excessive_steps", "cost_outlier", "latency_outlier", "drift"],
        },
    ),
    (Incident::SlowTool, Expected { within: 60, right: &["latency_outlier", "tool_ms:calculate_price"], also: &[] }),
    (
        Incident::SchemaChange,
        Expected { within: 4, right: &["bad_arguments"], also: &["retry_storm", "error_then_answer", "drift"] },
    ),
    (Incident::RetrievalMiss, Expected { within: 12, right: &["retrieval_miss"], also: &["drift"] }),
    (
        Incident::ContextOverflow,
        Expected { within: 12, right: &["context_overflow"], also: &["near_overflow", "cost_outlier", "drift"] },
    ),
    (Incident::ShrinkingAnswers, Expected { within: 250, right: &["answer_chars", "output_tokens"], also: &[] }),
    (
        Incident::PromptInjection,
        Expected { within: 60, right: &["cost_outlier", "answer_chars"], also: &["excessive_steps"] },
    ),
    (Incident::ProviderOutage, Expected { within: 4, right: &["retry_storm"], also: &["drift"] }),
    (
        Incident::CostSpike,
        Expected { within: 30, right: &["cost_outlier", "cost_usd", "input_tokens", "context"], also: &[] },
    ),
    (Incident::ModelSwap, Expected { within: 60, right: &["model"], also: &[] }),
];

fn demo((incident, expected): (Incident, Expected)) {
    check(incident.name(), incident.industry(), |plan, since| incident.change(plan, since), expected);
}

macro_rules! incidents {
    ($($name:ident: $at:literal),+ $(,)?) => {
        $(#[test] fn $name() { demo(EXPECTED[$at]); })+

        #[test]
        fn every_incident_of_the_demo_has_its_test() {
            let tested = [$(EXPECTED[$at].0),+];
            assert!(Incident::all().all(|incident| tested.contains(&incident)));
        }
    };
}

incidents! {
    a_refund_agent_that_picks_the_wrong_tool: 0,
    an_outdated_document_after_a_reindex: 1,
    a_runaway_loop: 2,
    a_slow_tool: 3,
    a_tool_whose_schema_changed: 4,
    a_search_that_finds_nothing: 5,
    a_context_that_overflows: 6,
    answers_that_shrink: 7,
    injected_prompts_that_make_answers_long: 8,
    a_provider_that_is_down: 9,
    a_cost_spike: 10,
    a_model_swapped_silently: 11,
}

/// 20,000 healthy runs of all industries: nobody is woken. A page is what is critical: a finding, or drift.
#[test]
fn a_quiet_day_sends_no_page() {
    let (mut simulator, mut watchman) = (Simulator::new(97), Watchman::default());
    let (mut seen, mut pages, mut drifts) = (BTreeMap::<String, u64>::new(), Vec::new(), Vec::new());
    // In a test build 2,000 runs are what time allows; `cargo xtask test --only quiet-day` plays the whole day in a release
    // build.
    let runs = if std::env::var_os("TAWNY_DAY").is_some() { 20_000 } else { 2_000 };
    for number in 0..runs {
        let verdict = watchman.judge(&simulator.next_plan());
        for finding in &verdict.findings {
            *seen.entry(format!("{} {}", finding.detector, finding.severity)).or_default() += 1;
            if finding.severity == Severity::Critical {
                pages.push((number, finding.message.clone()));
            }
        }
        drifts.extend(verdict.shift.map(|shift| (number, shift.feature)));
    }
    println!("{runs} runs: {seen:#?}, drift {drifts:?}");
    assert!(pages.is_empty(), "{pages:#?}");
    assert!(drifts.len() <= runs / 10_000 + 1, "{drifts:?}");
}
