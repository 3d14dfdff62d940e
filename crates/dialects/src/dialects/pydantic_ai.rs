//! Pydantic AI and Logfire: point events are spans too, and usage is repeated raw.

use model::{Content, Part, Role, Span, StepKind};

use crate::content::system;
use crate::field::Field;
use crate::intern::intern;
use crate::messages::{conversation, json_of};
use crate::reading::Reading;
use crate::usage;

/// Names; point events are no steps; classes of usage that only the raw object has.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    // Logfire's span name is a template; the message is what it says with its values.
    if let Some(message) = reading.attribute_text("logfire.msg")
        && reading.raw.name.contains('{')
    {
        span.name = intern(message);
    }
    // `log` is a moment, `pending_span` the announcement of a span that will be sent when it ends.
    if matches!(reading.attribute_text("logfire.span_type"), Some("log" | "pending_span")) {
        span.kind = StepKind::Other;
        return;
    }
    if let Some(raw) = reading.attribute("gen_ai.usage.raw")
        && let Some(found) = usage::read(&json_of(raw))
    {
        usage::complete(&mut span.usage, &found);
    }
}

/// An agent tells its whole conversation under one key: what it said last is its answer.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if reading.kind != Some(StepKind::Agent) || !content.input.is_empty() || !content.output.is_empty() {
        return;
    }
    let told = reading.get(Field::InputMessages).map(json_of);
    let Some(mut messages) = told.and_then(|told| conversation(&told, Role::User)) else { return };
    let is_answer = |part: &Part| !matches!(part, Part::ToolCall { .. } | Part::ToolResult { .. });
    content.output.extend(
        messages.pop_if(|last| last.role == Role::Assistant && last.parts.iter().all(is_answer)),
    );
    content.input = messages;
    system(reading, content);
}
