//! How likely a run failed without saying so: a number that orders runs for whoever looks.
//!
//! The sum of what the detectors saw, each weighed by how telling it is, of how far the run lies above good runs of its kind, and of whether its
//! tools gave anything new. The weights are few and coarse, set by hand, and know nothing of any text; how they fare on labelled runs, beside
//! the mere length of the output, stands in `docs/benchmarks.md`.

use model::{Finding, Severity};

use super::evidence::Evidence;
use super::features::{Features, Value};

/// Weight of a detector's finding; others weigh by severity alone.
const WEIGHTS: &[(&str, f64)] = &[
    ("error_then_answer", 2.0),
    ("hidden_failure", 2.0),
    ("phantom_result", 1.5),
    ("loop", 1.5),
    ("step_cap", 2.0),
    ("retrieval_miss", 1.0),
    ("context_overflow", 2.0),
    ("duplicate_call", 0.7),
    ("ignored_result", 0.5),
    ("orphan_spans", 0.0),
    ("time_gap", 0.0),
    ("sensitive_data", 0.0),
    ("near_overflow", 0.3),
];

/// Numbers by which a run lies beyond the usual, with their weights. Failing runs say more, take more rounds and drag more along; what a run
/// says tells most, on every labelled set.
const LONG: &[(&str, f64)] = &[("output_tokens", 1.5), ("input_tokens", 0.5), ("rounds", 0.3), ("surprise", 0.2)];
/// Weight of the share of tool results that the run had seen before.
const NOTHING_NEW: f64 = 0.8;
/// Weight of a last tool call that failed.
const ENDED_ON_FAILURE: f64 = 0.3;
/// What a run adds that lies twice as high as 95 % of good runs, so that those beyond all that is known are ordered too.
const BEYOND: f64 = 0.1;
/// Good runs from which on an order by rank says something.
const FEW: u32 = 4;

/// How suspicious a run is, 0 or more; about 2.5 where nothing was seen and nothing is known.
pub fn suspicion(evidence: &Evidence<'_>, features: &Features, findings: &[Finding]) -> f64 {
    let middle: f64 = LONG.iter().map(|(_, weight)| weight).sum();
    let seen = findings.iter().map(weight).sum::<f64>() + in_calls(evidence);
    let Some(known) = evidence.known() else { return seen + middle };
    let long = LONG.iter().filter_map(|(name, weight)| {
        let Value::Number(value) = features.values.get(*name)? else { return None };
        let sketch = known.numbers.get(*name).filter(|sketch| sketch.count() >= FEW)?;
        let most = sketch.quantile(0.95).filter(|most| *most > 0.0);
        let beyond = most.map_or(0.0, |most| (value / most).log2().clamp(0.0, 4.0));
        // By rank among good runs: -1 below all of them, 1 above.
        Some(((sketch.rank(*value) - 0.5) * 2.0 + beyond * BEYOND) * weight)
    });
    seen + long.sum::<f64>() + middle
}

/// Whether the tools gave anything new, and whether the last of them worked.
fn in_calls(evidence: &Evidence<'_>) -> f64 {
    let mut results: Vec<u64> = evidence.calls.iter().map(|call| call.result_key).filter(|key| *key != 0).collect();
    let all = results.len();
    results.sort_unstable();
    results.dedup();
    let again = if all == 0 { 0.0 } else { (all - results.len()) as f64 / all as f64 };
    let failed = evidence.calls.last().is_some_and(|call| call.state.is_failure());
    again * NOTHING_NEW + if failed { ENDED_ON_FAILURE } else { 0.0 }
}

fn weight(finding: &Finding) -> f64 {
    let by_severity = match finding.severity {
        Severity::Info => 0.1,
        Severity::Warning => 1.0,
        Severity::Critical => 2.0,
    };
    WEIGHTS.iter().find(|(name, _)| *name == finding.detector).map_or(by_severity, |(_, weight)| {
        match finding.severity {
            // Worth knowing is not worth much: good runs have their small mishaps too.
            Severity::Info => weight * 0.2,
            _ => *weight,
        }
    })
}
