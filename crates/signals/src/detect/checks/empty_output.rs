//! A model call that ended well and said nothing.
//!
//! Finds: no text and no tool call in the output of a call with status OK, in a run whose other calls do carry content; and calls that
//! report zero output tokens.
//!
//! Silent where content is not captured, and for calls that only reasoned and report tokens for it.

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector =
    Detector { name: "empty_output", source: include_str!("empty_output.rs"), when: When::End, settings: &[], check };

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let told = evidence.has_content();
    let empty: Vec<usize> = evidence
        .rounds
        .iter()
        .filter(|round| !round.failed && round.text.trim().is_empty() && round.asked.is_empty())
        .filter(|round| {
            let (span, content) = (&evidence.steps[round.step].span, &evidence.contents[round.step]);
            let none = span.usage.output_tokens == Some(0) && span.usage.input_tokens.is_some_and(|input| input > 0);
            // Reasoning, images and the like are an output as well.
            let other =
                content.output.iter().any(|message| !message.parts.is_empty() && message.parts.iter().any(carries));
            let blank = told && span.finish_reason.is_some() && !content.input.is_empty() && !content.output.is_empty();
            !span.end.is_unset() && !other && span.requested_tool_calls.is_empty() && (none || blank)
        })
        .map(|round| round.step)
        .collect();
    let Some(&last) = empty.last() else { return Vec::new() };
    let ends = evidence.rounds.last().is_some_and(|round| round.step == last);
    let severity = if ends { Severity::Warning } else { Severity::Info };
    let model = evidence.steps[last].span.model.as_deref().unwrap_or("the model");
    let message = format!("{} of {model} ended well and said nothing", text::count(empty.len() as u64, "call"));
    vec![
        Draft::new(severity, model, message)
            .spans(empty.iter().rev().map(|&at| evidence.span_id(at)))
            .with("calls", empty.len()),
    ]
}

fn carries(part: &model::Part) -> bool {
    match part {
        model::Part::Text { text } | model::Part::Reasoning { text } => !text.trim().is_empty(),
        _ => true,
    }
}
