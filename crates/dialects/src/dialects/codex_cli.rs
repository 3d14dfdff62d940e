//! Codex CLI: of some 275 tracing spans per model call, these are the agent's work.

use std::sync::Arc;

use model::raw::RawLog;
use model::{Content, Message, Role, Span, StepKind, Value};

use crate::messages::{json_of, log_events};
use crate::reading::Reading;

/// Kinds that need more than a name, the turn's conversation, time to the first token.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    let raw = reading.raw;
    if raw.name == "handle_responses" && reading.attribute("gen_ai.usage.input_tokens").is_some() {
        span.kind = StepKind::Llm;
        if span.provider.is_none() {
            span.provider = Some(crate::intern::intern("openai"));
        }
    }
    // Other spans around a tool call name the tool too; the dispatch is the call.
    let is_dispatch = reading.attribute("codex.tool.phase").is_some()
        || reading.attribute_text("tool_name").is_some_and(|name| name == raw.name);
    if is_dispatch && span.tool_name.is_some() {
        span.kind = StepKind::Tool;
    } else if span.kind == StepKind::Other {
        (span.tool_name, span.tool_call_id) = (None, None);
    }
    // Elsewhere `thread.id` is the number of an operating-system thread.
    if raw.name == "session_task.turn" && span.session_id.is_none() {
        span.session_id = reading.attribute_text("thread.id").map(Arc::from);
    }
    if span.ttft_ms.is_none() {
        span.ttft_ms = raw
            .events
            .iter()
            .find(|event| event.attributes.text("event.name") == Some("codex.turn_ttft"))
            .and_then(|event| event.attributes.get("duration_ms").and_then(Value::as_f64));
    }
}

/// Prompt, arguments and results, from the records of a turn.
pub(crate) fn logs(logs: &[RawLog<'_>], content: &mut Content) {
    for log in logs {
        match log_events::name(log) {
            "codex.user_prompt" if content.input.is_empty() => {
                content.input.extend(log.attributes.text("prompt").map(|text| Message::text(Role::User, text)));
            }
            "codex.tool_result" => {
                for (place, key) in [(&mut content.tool_arguments, "arguments"), (&mut content.tool_result, "output")] {
                    if place.is_none() {
                        *place = log.attributes.get(key).map(json_of);
                    }
                }
            }
            _ => {}
        }
    }
}
