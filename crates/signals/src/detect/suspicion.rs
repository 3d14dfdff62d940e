//! How likely a run failed without saying so: a number that orders runs for whoever looks.
//!
//! The sum of what the detectors saw, each weighed by how telling it is, and of how far the run lies from what such runs usually are.
//! The weights were set by hand from what each finding means, before they were measured on labelled runs; they know nothing of any text.

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

/// Numbers by which a run lies beyond the usual, with their weights.
const LONG: &[(&str, f64)] = &[("output_tokens", 1.0), ("tool_calls", 0.5), ("rounds", 0.5), ("surprise", 0.5)];
/// Good runs from which on an order by rank says something.
const FEW: u32 = 4;

/// How suspicious a run is, 0 or more; 2 where nothing was seen and nothing is known.
pub fn suspicion(evidence: &Evidence<'_>, features: &Features, findings: &[Finding]) -> f64 {
    let seen: f64 = findings.iter().map(weight).sum();
    let Some(known) = evidence.known() else { return seen + 2.0 };
    // Failing runs take longer and say more: how far a run lies above the middle of good runs, by rank.
    let long: f64 = LONG
        .iter()
        .filter_map(|(name, weight)| {
            let Value::Number(value) = features.values.get(*name)? else { return None };
            let sketch = known.numbers.get(*name).filter(|sketch| sketch.count() >= FEW)?;
            Some((sketch.rank(*value) - 0.5) * 2.0 * weight)
        })
        .sum();
    seen + long + 2.0
}

fn weight(finding: &Finding) -> f64 {
    let by_severity = match finding.severity {
        Severity::Info => 0.3,
        Severity::Warning => 1.0,
        Severity::Critical => 2.0,
    };
    WEIGHTS.iter().find(|(name, _)| *name == finding.detector).map_or(by_severity, |(_, weight)| match finding.severity {
        Severity::Info => weight * 0.5,
        _ => *weight,
    })
}
