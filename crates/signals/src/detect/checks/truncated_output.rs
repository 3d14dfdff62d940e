//! A model's output was cut off by its token limit.
//!
//! Finds: a finish reason that says so (`length`, `max_tokens`, `max_output_tokens`, `incomplete`). A warning where it is the answer of the
//! run or the call asked for tools, worth knowing elsewhere.
//!
//! Silent where no finish reason is told.

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};

pub(super) const DETECTOR: Detector = Detector {
    name: "truncated_output",
    source: include_str!("truncated_output.rs"),
    when: When::End,
    settings: &[],
    check,
};

/// Finish reasons of providers, folded.
const REASONS: &[&str] = &["length", "max_tokens", "max_output_tokens", "incomplete", "model_length"];

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let cut = |step: usize| {
        let reason = evidence.steps[step].span.finish_reason.as_deref();
        reason.is_some_and(|reason| REASONS.contains(&reason))
    };
    let all: Vec<&crate::detect::evidence::Round<'_>> =
        evidence.rounds.iter().filter(|round| cut(round.step)).collect();
    let Some(last) = all.last() else { return Vec::new() };
    let ends = evidence.rounds.last().is_some_and(|round| round.step == last.step);
    let severity = if ends || !last.asked.is_empty() { Severity::Warning } else { Severity::Info };
    let span = &evidence.steps[last.step].span;
    let model = span.model.as_deref().unwrap_or("the model");
    let tokens = span.usage.output_tokens.map(|tokens| format!(" after {tokens} tokens")).unwrap_or_default();
    let what = if ends { "the answer" } else { "an output" };
    let message = format!("{what} of {model} was cut off{tokens}; raise the limit or ask for less");
    vec![
        Draft::new(severity, model, message)
            .spans(all.iter().rev().map(|round| evidence.span_id(round.step)))
            .with("calls", all.len())
            .with("model", model),
    ]
}
