//! The model asked for a tool that it was not offered.
//!
//! Finds: a tool call whose name is on no list of tools that was offered to the call; and results that say so ("unknown tool", "is not a
//! valid tool").
//!
//! Silent where no tools are told as offered.

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text;

pub(super) const DETECTOR: Detector =
    Detector { name: "unknown_tool", source: include_str!("unknown_tool.rs"), when: When::Steps, settings: &[], check };

const WORDINGS: &[&str] = &[
    "unknown tool",
    "is not a valid tool",
    "no such tool",
    "tool not found",
    "unknown function",
    "not a known tool",
    "invalid tool name",
];

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found = Vec::new();
    for round in &evidence.rounds {
        let offered = &evidence.contents[round.step].tool_definitions;
        if offered.is_empty() {
            continue;
        }
        for asked in round.asked.iter().filter(|asked| offered.iter().all(|tool| tool.name != asked.name)) {
            let tools = text::count(offered.len() as u64, "tool");
            let message =
                format!("the model asked for `{}`, which is not among the {tools} it was offered", asked.name);
            found.push(
                Draft::new(Severity::Warning, asked.name, message)
                    .spans([evidence.span_id(round.step)])
                    .with("tool", asked.name),
            );
        }
    }
    if found.is_empty() {
        for call in evidence.calls.iter().filter(|call| call.state.is_failure()) {
            let error = evidence.steps[call.step].span.error_message.as_deref().map(std::borrow::Cow::Borrowed);
            let Some(said) = call.result.map(text::as_text).or(error) else { continue };
            if text::phrase(&text::lower(&said, 300), WORDINGS).is_some() {
                let message = format!("`{}` does not exist: {}", call.name, text::short(&said, 100));
                found.push(
                    Draft::new(Severity::Warning, call.name, message)
                        .spans([evidence.span_id(call.step)])
                        .with("tool", call.name),
                );
            }
        }
    }
    found
}
