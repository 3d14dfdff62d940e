//! Incidents of the demo are detected: within a bound of runs, as what they are, and nothing else wakes anybody; a quiet day is quiet.
//!
//! The simulator's bytes go through `wire` and `dialects` as in the server; nothing but those bytes is looked at.

mod support;

use std::collections::BTreeMap;

use model::raw::Batch;
use model::{Finding, Severity, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::{DRIFT, Night, Verdict};
use simulator::{Incident, Payload, Plan, Simulator, tell};

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Sends plans and judges what arrives.
#[derive(Default)]
struct Watchman {
    night: Night,
    sent: i64,
}

impl Watchman {
    fn judge(&mut self, plan: &Plan) -> Verdict {
        self.sent += 1;
        let start = START.plus_nanos(self.sent * 20_000_000_000);
        let (mut spans, mut logs) = (Vec::new(), Vec::new());
        for emission in tell(plan, start) {
            match emission.payload {
                Payload::Spans(payload) => spans.push(payload),
                Payload::Logs(payload) => logs.push(payload),
            }
        }
        let spans = ExportTraceServiceRequest { resource_spans: spans }.encode_to_vec();
        let logs = ExportLogsServiceRequest { resource_logs: logs }.encode_to_vec();
        let batches: [Batch<'_>; 2] = [
            wire::decode(wire::Signal::Traces, wire::Encoding::Protobuf, &spans).unwrap(),
            wire::decode(wire::Signal::Logs, wire::Encoding::Protobuf, &logs).unwrap(),
        ];
        let told = support::runs(&batches).pop().unwrap();
        self.night.judge(&told.run, &told.steps, told.contents.iter().collect(), support::later(told.run.end), false)
    }
}

/// What an incident must look like.
struct Expected {
    incident: Incident,
    /// Runs of the industry after the change within which it is found.
    within: u64,
    /// Detectors, or dimensions of drift, that name it rightly.
    right: &'static [&'static str],
    /// Others that may speak as well: consequences of the same thing.
    also: &'static [&'static str],
}

/// Bounds were set from the share of runs an incident touches, before they were tried: something that shows in every run of a
/// kind is certain for drift after about a dozen runs of that kind, in every third after about fifty. Industries have three kinds at most.
const EXPECTED: &[Expected] = &[
    Expected {
        incident: Incident::WrongTool,
        within: 120,
        right: &["tool:process_refund", "tool:return_unable_to_process", "outcome"],
        also: &["unusual_tool"],
    },
    Expected { incident: Incident::OutdatedDocument, within: 60, right: &["document"], also: &["retrieval_miss", "unusual_tool"] },
    Expected {
        incident: Incident::RunawayLoop,
        within: 12,
        right: &["loop"],
        also: &["duplicate_call", "excessive_steps", "cost_outlier", "latency_outlier", "drift"],
    },
    Expected { incident: Incident::SlowTool, within: 60, right: &["latency_outlier", "tool_ms:get_order"], also: &[] },
    Expected {
        incident: Incident::SchemaChange,
        within: 4,
        right: &["bad_arguments"],
        also: &["retry_storm", "error_then_answer", "drift"],
    },
    Expected { incident: Incident::RetrievalMiss, within: 12, right: &["retrieval_miss"], also: &["drift"] },
    Expected {
        incident: Incident::ContextOverflow,
        within: 12,
        right: &["context_overflow"],
        also: &["near_overflow", "cost_outlier", "drift"],
    },
    Expected { incident: Incident::ShrinkingAnswers, within: 250, right: &["answer_chars", "output_tokens"], also: &[] },
    Expected {
        incident: Incident::PromptInjection,
        within: 60,
        right: &["cost_outlier", "answer_chars"],
        also: &["excessive_steps"],
    },
    Expected { incident: Incident::ProviderOutage, within: 4, right: &["retry_storm"], also: &["drift"] },
    Expected { incident: Incident::CostSpike, within: 30, right: &["cost_outlier", "cost_usd", "input_tokens", "context"], also: &[] },
    Expected { incident: Incident::ModelSwap, within: 60, right: &["model"], also: &[] },
];

/// Runs of the industry before an incident.
const BEFORE: u64 = 600;

/// Detectors that speak at or above a warning now and then in healthy traffic too: real systems have small mishaps.
fn grave(verdict: &Verdict) -> Vec<String> {
    let name = |finding: &Finding| match (&verdict.shift, finding.detector.as_str()) {
        (Some(shift), DRIFT) => shift.feature.clone(),
        (_, other) => other.to_string(),
    };
    verdict.findings.iter().filter(|finding| finding.severity >= Severity::Warning).map(name).collect()
}

fn check(expected: &Expected) {
    let incident = expected.incident;
    let (mut simulator, mut watchman) = (Simulator::new(41), Watchman::default());
    let mut background: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..BEFORE {
        let verdict = watchman.judge(&simulator.plan_of(incident.industry()));
        grave(&verdict).into_iter().for_each(|name| *background.entry(name).or_default() += 1);
    }
    let (mut found, mut others) = (None, BTreeMap::<String, u64>::new());
    for since in 0..expected.within {
        let mut plan = simulator.plan_of(incident.industry());
        incident.change(&mut plan, since);
        let verdict = watchman.judge(&plan);
        for name in grave(&verdict) {
            if expected.right.contains(&name.as_str()) {
                found.get_or_insert(since + 1);
            } else {
                *others.entry(name).or_default() += 1;
            }
        }
        if found.is_some_and(|found| since > found + 5) {
            break;
        }
    }
    println!("{incident}: found after {found:?} runs; others {others:?}; before {background:?}");
    assert!(found.is_some(), "{incident} is not found within {} runs; others: {others:?}", expected.within);
    for (name, count) in others {
        let family = if name.contains(':') || !signals::detect::ALL.iter().any(|it| it.name == name) { DRIFT } else { &name };
        // As often as a small mishap may come in that many runs.
        let usual = background.get(&name).copied().unwrap_or(0) * expected.within / BEFORE + 2;
        assert!(expected.also.contains(&family) || (background.contains_key(&name) && count <= usual), "{incident}: {name} spoke {count} times");
    }
    for name in background.keys() {
        assert!(!expected.right.contains(&name.as_str()) || expected.right.len() > 1, "{incident}: {name} spoke before anything happened");
    }
}

macro_rules! incidents {
    ($($name:ident: $at:literal),+ $(,)?) => {
        $(#[test] fn $name() { check(&EXPECTED[$at]); })+

        #[test]
        fn every_incident_of_the_demo_has_its_test() {
            let tested = [$(EXPECTED[$at].incident),+];
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
    // In a test build 2,000 runs are what time allows; the whole day runs with `TAWNY_DAY=1`.
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
