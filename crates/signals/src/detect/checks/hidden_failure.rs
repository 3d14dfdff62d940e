//! A part of the run failed and the whole reports success.
//!
//! Finds: an agent below the top one whose step failed, and that did not succeed when tried again, in a run whose root ended without
//! error.
//!
//! Silent where a later step of the same agent succeeded, where the root failed as well, and where the answer owns up to it.

use model::{RunStatus, Severity, SpanStatus, StepKind};

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "hidden_failure",
    source: include_str!("hidden_failure.rs"),
    when: When::End,
    settings: &[],
    check,
};

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    if evidence.run.status != RunStatus::Ok {
        return Vec::new();
    }
    let agents = || evidence.steps.iter().enumerate().filter(|(_, step)| step.span.kind == StepKind::Agent);
    let mut found = Vec::new();
    for (at, step) in agents().filter(|(_, step)| step.span.status == SpanStatus::Error) {
        let name = step.agent.as_deref().unwrap_or(&step.span.name);
        let is_root = Some(step.span.span_id) == evidence.run.root_span_id;
        let later = agents().any(|(_, other)| {
            other.span.status == SpanStatus::Ok
                && other.agent == step.agent
                && other.span.start > step.span.start
                && other.shown_parent == step.shown_parent
        });
        if is_root || later || evidence.admits() {
            continue;
        }
        let why =
            step.span.error_message.as_deref().map(|it| format!(": {}", text::short(it, 100))).unwrap_or_default();
        let message = format!("agent `{name}` failed, yet the run reports success{why}");
        found.push(Draft::new(Severity::Warning, name, message).spans([evidence.span_id(at)]).with("agent", name));
    }
    found
}
