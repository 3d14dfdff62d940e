//! Claude Code: a tool's output is a span event, the conversation a handful of log records.

use model::raw::RawLog;
use model::{Attributes, Content, Message, Role, Span, StepKind};

use crate::messages::{json_of, log_events};
use crate::preview::{line, short};
use crate::reading::Reading;

/// A tool's output; a prompt's id is no prompt template.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if span.prompt_name.as_deref() == reading.attribute_text("prompt.id") {
        span.prompt_name = None;
    }
    if span.kind == StepKind::Tool
        && let Some(output) = tool_output(reading)
    {
        span.output_preview = output.get("output").map(line).as_deref().and_then(short);
    }
}

fn tool_output<'r>(reading: &Reading<'r>) -> Option<&'r Attributes<'r>> {
    let raw: &'r model::raw::RawSpan<'r> = reading.raw;
    raw.events.iter().rev().find(|event| event.name == "tool.output").map(|event| &event.attributes)
}

/// A tool's output.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if content.tool_result.is_none()
        && let Some(output) = tool_output(reading)
    {
        content.tool_result =
            ["output", "result", "content", "error"].iter().find_map(|key| output.get(key)).map(json_of);
    }
}

/// The user's prompt and the answer, from the records of an interaction.
pub(crate) fn logs(logs: &[RawLog<'_>], content: &mut Content) {
    let mut ordered: Vec<&RawLog<'_>> = logs.iter().collect();
    ordered.sort_by_key(|log| log.time);
    for log in ordered {
        let name = log_events::name(log);
        match name.strip_prefix("claude_code.").unwrap_or(name) {
            "user_prompt" if content.input.iter().all(|message| message.role != Role::User) => {
                content.input.extend(log.attributes.text("prompt").map(|text| Message::text(Role::User, text)));
            }
            "assistant_response" => {
                content.output.extend(log.attributes.text("response").map(|text| Message::text(Role::Assistant, text)));
            }
            _ => {}
        }
    }
}
