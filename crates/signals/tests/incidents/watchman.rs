//! Sends plans of the simulator as the server would get them, judges what arrives, and says whether that was right.

use std::collections::BTreeMap;

use model::raw::Batch;
use model::{Finding, Severity, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use signals::detect::{Beside, DRIFT, Night, Verdict};
use simulator::{Industry, Payload, Plan, Simulator, tell};

use crate::support;

const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Sends plans and judges what arrives.
#[derive(Default)]
pub struct Watchman {
    night: Night,
    sent: i64,
}

impl Watchman {
    /// Judges a run, twenty seconds after the one before.
    pub fn judge(&mut self, plan: &Plan) -> Verdict {
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
        self.night.judge(
            &told.run,
            &told.steps,
            told.contents.iter().collect(),
            support::later(told.run.end),
            Beside::default(),
        )
    }
}

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

/// What must be seen of something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Runs of the industry after the change within which it is found.
    pub within: u64,
    /// Detectors, or dimensions of drift, that name it rightly.
    pub right: &'static [&'static str],
    /// Others that may speak as well: consequences of the same thing.
    pub also: &'static [&'static str],
}

/// Plays healthy runs of an industry, then changed ones, and asserts that it is found in time, as what it is, and that nothing else speaks.
/// `change` is told how many runs went before since the change began.
#[track_caller]
pub fn check(incident: &str, industry: Industry, change: impl Fn(&mut Plan, u64), expected: Expected) {
    let (mut simulator, mut watchman) = (Simulator::new(41), Watchman::default());
    let mut background: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..BEFORE {
        let verdict = watchman.judge(&simulator.plan_of(industry));
        grave(&verdict).into_iter().for_each(|name| *background.entry(name).or_default() += 1);
    }
    let (mut found, mut others) = (None, BTreeMap::<String, u64>::new());
    for since in 0..expected.within {
        let mut plan = simulator.plan_of(industry);
        change(&mut plan, since);
        let verdict = watchman.judge(&plan);
        verdict.shift.iter().for_each(|shift| println!("{incident}: run {since}: {shift:?}"));
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
        let family =
            if name.contains(':') || !signals::detect::ALL.iter().any(|it| it.name == name) { DRIFT } else { &name };
        // As often as a small mishap may come in that many runs.
        let usual = background.get(&name).copied().unwrap_or(0) * expected.within / BEFORE + 2;
        assert!(
            expected.also.contains(&family) || (background.contains_key(&name) && count <= usual),
            "{incident}: {name} spoke {count} times"
        );
    }
    for name in background.keys() {
        assert!(
            !expected.right.contains(&name.as_str()) || expected.right.len() > 1,
            "{incident}: {name} spoke before anything happened"
        );
    }
}
