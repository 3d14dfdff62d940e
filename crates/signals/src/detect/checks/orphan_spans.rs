//! Spans whose parents never arrived.
//!
//! Finds: steps that name a parent which is not part of the trace, in a run that has settled: context was lost on the way, a sampler
//! dropped parents, or a process did not flush.
//!
//! Silent where the parent is in another process that reports elsewhere, and where the only orphan is the top of the run.

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};

pub(super) const DETECTOR: Detector =
    Detector { name: "orphan_spans", source: include_str!("orphan_spans.rs"), when: When::End, settings: &[], check };

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let orphans: Vec<_> = evidence.steps.iter().filter(|step| step.orphan && !step.span.remote_parent).collect();
    let has_root = evidence.run.root_span_id.is_some_and(|root| orphans.iter().all(|step| step.span.span_id != root));
    if orphans.is_empty() || (orphans.len() == 1 && !has_root) {
        return Vec::new();
    }
    let name = &orphans[0].span.name;
    let message = match orphans.len() {
        1 => format!("`{name}` names a parent that never arrived"),
        all => format!("{all} spans name a parent that never arrived, the first is `{name}`"),
    };
    let kind = name.to_string();
    vec![
        Draft::new(Severity::Info, kind, message)
            .spans(orphans.iter().map(|step| step.span.span_id))
            .with("orphans", orphans.len()),
    ]
}
