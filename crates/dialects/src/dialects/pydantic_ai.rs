//! Pydantic AI and Logfire: point events are spans too, and usage is repeated raw.

use model::{Attributes, Content, Part, Role, Span, StepKind};
use serde_json::Value as Json;

use crate::content::system;
use crate::field::Field;
use crate::intern::intern;
use crate::messages::{conversation, json_of, span_events};
use crate::preview::{PARSE_LIMIT, last_words, output, short};
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
    if let Some(told) = events(reading) {
        output(span, &told.output);
        span.input_preview = span.input_preview.take().or_else(|| last_words(&told.input).as_deref().and_then(short));
    }
    if let Some(raw) = reading.attribute("gen_ai.usage.raw")
        && let Some(found) = usage::read(&json_of(raw))
    {
        usage::complete(&mut span.usage, &found);
    }
}

/// Format 1 lists the messages of a call as events, `[{"event.name": "gen_ai.user.message", "content", …}]`.
fn events(reading: &Reading<'_>) -> Option<Content> {
    let value = reading.attribute("events").filter(|_| reading.kind != Some(StepKind::Agent))?;
    if value.as_str().is_some_and(|text| text.len() > PARSE_LIMIT) {
        return None;
    }
    let Json::Array(events) = json_of(value) else { return None };
    let mut told = Content::default();
    for event in &events {
        let name = event.get("event.name").and_then(Json::as_str).unwrap_or_default();
        span_events::read(name, &Attributes::default(), event, &mut told);
    }
    (told != Content::default()).then_some(told)
}

/// The messages of a call told as events. And an agent tells its whole conversation under one key: what it said last is its answer.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if content.input.is_empty()
        && content.output.is_empty()
        && let Some(told) = events(reading)
    {
        (content.input, content.output) = (told.input, told.output);
    }
    if reading.kind != Some(StepKind::Agent) || !content.input.is_empty() || !content.output.is_empty() {
        return;
    }
    let told = reading.get(Field::InputMessages).map(json_of);
    let Some(mut messages) = told.and_then(|told| conversation(&told, Role::User)) else { return };
    let is_answer = |part: &Part| !matches!(part, Part::ToolCall { .. } | Part::ToolResult { .. });
    content.output.extend(messages.pop_if(|last| last.role == Role::Assistant && last.parts.iter().all(is_answer)));
    content.input = messages;
    system(reading, content);
}
