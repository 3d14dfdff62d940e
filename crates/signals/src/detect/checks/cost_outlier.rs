//! A run that used far more tokens, or cost far more, than such runs do.
//!
//! Finds: input or output tokens over 3 times the median of good runs of the same kind (the figure of the observability chapter's
//! baselines) and beyond their 99th percentile; cost over 3 times the median and twice the 95th percentile. Ten times the median and five
//! times the 95th percentile is critical; up to the smallest sums set it is worth knowing only.
//!
//! Silent before enough runs are known.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::features;

pub(super) const DETECTOR: Detector = Detector {
    name: "cost_outlier",
    source: include_str!("cost_outlier.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "factor", default: 3.0, about: "times the median" },
        Setting { name: "tokens", default: 1_000.0, about: "tokens up to which it is no warning" },
        Setting { name: "usd", default: 0.005, about: "dollars up to which it is no warning" },
    ],
    check,
};

/// Times the 95th percentile from which a run is dear, whatever the median.
const DEAR: f64 = 2.0;

/// Times the 95th percentile from which it is more than a dear run: a kind with two heaps of runs reaches ten times the median on its own.
const GRAVE: f64 = 5.0;

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let run = evidence.run;
    let values = [
        ("cost_usd", run.cost.map(|cost| cost.as_f64()), tuned.get(2)),
        ("output_tokens", run.usage.output_tokens.map(|tokens| tokens as f64), tuned.get(1)),
        ("input_tokens", run.usage.input_tokens.map(|tokens| tokens as f64), tuned.get(1)),
    ];
    let mut worst: Option<(&str, f64, f64, f64)> = None;
    let mut worst_is_much = false;
    for (feature, value, floor) in values {
        let (Some(value), Some(median)) = (value, evidence.usual(feature, 0.5)) else { continue };
        let p95 = evidence.usual(feature, 0.95).unwrap_or(0.0);
        let rare = match feature {
            // Runs on two models cost in two heaps: the median says little of the dearer one.
            "cost_usd" => p95 * DEAR,
            _ => evidence.usual(feature, 0.99).unwrap_or(0.0),
        };
        let times = value / median;
        let (beyond, much) = (value > rare && times > tuned.get(0), value > floor);
        if beyond && worst.is_none_or(|(_, _, before, _)| (much, times) > (worst_is_much, before)) {
            worst = Some((feature, value, times, value / p95));
            worst_is_much = much;
        }
    }
    let Some((feature, value, times, times_p95)) = worst else { return Vec::new() };
    let dearest = evidence.rounds.iter().max_by_key(|round| {
        let usage = &evidence.steps[round.step].span.usage;
        if feature == "output_tokens" { usage.output_tokens } else { usage.input_tokens }
    });
    let shown = match (features::written(feature, value), feature) {
        (cost, "cost_usd") => cost,
        (tokens, _) => format!("{tokens} {}", feature.replace('_', " ")),
    };
    let severity = match (worst_is_much, times >= 10.0 && times_p95 >= GRAVE) {
        (false, _) => Severity::Info,
        (true, false) => Severity::Warning,
        (true, true) => Severity::Critical,
    };
    vec![
        Draft::new(severity, feature, format!("{shown}, {times:.1} times the median of such runs"))
            .spans(dearest.map(|round| evidence.span_id(round.step)))
            .with("feature", feature)
            .with("value", value)
            .with("times_median", (times * 100.0).round() / 100.0),
    ]
}
