//! A run that did its work in an unusual order.
//!
//! Finds: a run whose sequence of tools is more surprising than that of all but one in a hundred good runs of its kind: mean surprise of each
//! tool after the one before it, in bits.
//!
//! Silent before a hundred good runs of the kind are known, and for runs that call no tool. Worth knowing only: it orders what a person looks at
//! first, and is no failure by itself.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "unusual_run",
    source: include_str!("unusual_run.rs"),
    when: When::End,
    settings: &[
        Setting { name: "runs", default: 100.0, about: "good runs that must be known" },
        Setting { name: "quantile", default: 0.99, about: "quantile of surprise beyond which a run is unusual" },
    ],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let Some(known) = evidence.known().filter(|known| f64::from(known.runs) >= tuned.get(0)) else { return Vec::new() };
    let (Some(bits), Some(usual)) = (evidence.surprise(), known.quantile("surprise", tuned.get(1))) else {
        return Vec::new();
    };
    if bits <= usual * 1.05 {
        return Vec::new();
    }
    let message = format!(
        "the order of tools is unusual for such runs: {bits:.1} bits a step, where 99 % have {usual:.1} or fewer"
    );
    vec![
        Draft::new(Severity::Info, "order", message)
            .spans(evidence.calls.first().map(|call| evidence.span_id(call.step)))
            .with("bits", (bits * 100.0).round() / 100.0)
            .with("p99", (usual * 100.0).round() / 100.0),
    ]
}
