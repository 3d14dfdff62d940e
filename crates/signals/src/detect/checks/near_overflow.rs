//! A model call that nearly filled its model's context window.
//!
//! Finds: input tokens above 80 % of the window (the figure of the observability chapter's checklist). The windows of models come from
//! a dated table, by the beginning of their names.
//!
//! Silent for models the table does not know, and where `context_overflow` has happened already.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::{text, windows};

pub(super) const DETECTOR: Detector = Detector {
    name: "near_overflow",
    source: include_str!("near_overflow.rs"),
    when: When::Steps,
    settings: &[Setting { name: "share", default: 0.8, about: "share of the window" }],
    check,
};

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let full = evidence.rounds.iter().filter_map(|round| {
        let span = &evidence.steps[round.step].span;
        let (model, input) = (span.model.as_deref()?, span.usage.input_tokens?);
        let window = windows::window(model)?;
        (input as f64 > window as f64 * tuned.get(0)).then_some((round.step, model, input, window))
    });
    let Some((step, model, input, window)) = full.max_by_key(|&(_, _, input, _)| input) else { return Vec::new() };
    let share = input as f64 / window as f64 * 100.0;
    let [took, of] = [input, window].map(text::grouped);
    let message = format!("a call of {model} took {took} tokens of input, {share:.0} % of its window of {of}");
    vec![
        Draft::new(Severity::Info, model, message)
            .spans([evidence.span_id(step)])
            .with("input_tokens", input)
            .with("window", window)
            .with("model", model),
    ]
}
