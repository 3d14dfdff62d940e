//! A run that is under way and has said nothing for long.
//!
//! Finds: a run whose root has not ended and of which nothing arrived for the time set, or for five times the 95th percentile of such
//! runs' whole duration, whichever is longer.
//!
//! Silent once the run counts as abandoned, which has its own finding.

use model::{RunStatus, Severity};

use super::{Detector, Draft, Evidence, Setting, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "stuck",
    source: include_str!("stuck.rs"),
    when: When::Steps,
    settings: &[Setting { name: "seconds", default: 300.0, about: "silence in seconds" }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let run = evidence.run;
    let silent = evidence.now.millis_since(run.last_received) / 1e3;
    let usual = evidence.usual("duration_ms", 0.95).unwrap_or(0.0) / 1e3;
    if run.status != RunStatus::Running || silent < tuned.get(0).max(usual * 5.0) {
        return Vec::new();
    }
    let last = evidence.steps.iter().max_by_key(|step| step.span.end.max(step.span.start));
    let at = last.map(|step| step.span.name.to_string()).unwrap_or_default();
    let message = format!("the run has not ended and said nothing for {silent:.0} s; the last step was `{at}`");
    vec![
        Draft::new(Severity::Warning, "", message)
            .spans(last.map(|step| step.span.span_id))
            .with("silent_seconds", silent.round()),
    ]
}
