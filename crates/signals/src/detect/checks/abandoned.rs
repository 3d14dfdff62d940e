//! A run that never ended.
//!
//! Finds: a run whose root never arrived or never ended, long after the last of its spans: the process died, or its exporter was not
//! flushed.
//!
//! Silent while the run may still go on.

use model::{RunStatus, Severity};

use super::{Detector, Draft, Evidence, Tuned, When};

pub(super) const DETECTOR: Detector =
    Detector { name: "abandoned", source: include_str!("abandoned.rs"), when: When::End, settings: &[], check };

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    if evidence.run.status != RunStatus::Abandoned {
        return Vec::new();
    }
    let last = evidence.steps.iter().max_by_key(|step| step.span.end.max(step.span.start));
    let name = last.map(|step| step.span.name.to_string()).unwrap_or_default();
    let message = format!("the run never ended; the last that was heard of it is `{name}`");
    vec![Draft::new(Severity::Warning, "", message).spans(last.map(|step| step.span.span_id)).with("last_step", name)]
}
