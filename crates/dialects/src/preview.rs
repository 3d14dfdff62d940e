//! First words of what went in and came out, and the ids of the tool calls an answer asks for: the little of a span's
//! content that lists need. Only the last messages are parsed, so a long conversation costs one scan.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Message, Part, Role, Span, StepKind, Value};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::content::{only_argument, query};
use crate::field::Field;
use crate::messages::{self, conversation, json_of, json_of_text, python};
use crate::reading::Reading;
use crate::understand::MAX_TOOL_CALLS;

/// Text longer than this is shown from its beginning instead of being parsed, so that one span cannot hold up a request.
pub(crate) const PARSE_LIMIT: usize = 4 << 20;

/// Fills previews, requested tool calls and what else only the messages say. What a dialect filled stays.
pub(crate) fn fill(reading: &Reading<'_>, span: &mut Span) {
    match span.kind {
        StepKind::Tool | StepKind::Handoff => {
            plain(reading, span, Field::ToolArguments, true);
            plain(reading, span, Field::ToolResult, false);
            told_by_langchain(reading, span);
        }
        StepKind::Retriever | StepKind::Reranker => {
            if span.input_preview.is_none() {
                let asked = reading.get(Field::Query).or_else(|| reading.get(Field::InputValue));
                span.input_preview = asked.and_then(|value| query(&json(value))).as_deref().and_then(short);
            }
            retrieved(reading, span);
        }
        _ => {}
    }
    if span.output_preview.is_none()
        && let Some(value) = reading.get(Field::OutputMessages)
    {
        output(span, &conversation(&json(value), Role::Assistant).unwrap_or_default());
    }
    if span.input_preview.is_none()
        && let Some(value) = reading.get(Field::InputMessages)
    {
        span.input_preview = input(value);
    }
    if span.input_preview.is_none()
        && span.output_preview.is_none()
        && matches!(span.kind, StepKind::Llm | StepKind::Agent)
    {
        events(reading, span);
    }
    value(reading, span, Field::InputValue, true);
    value(reading, span, Field::OutputValue, false);
}

/// Previews an answer, and notes what it asks for.
pub(crate) fn output(span: &mut Span, messages: &[Message]) {
    if span.output_preview.is_none() {
        let text = messages.iter().map(Message::plain_text).find(|text| !text.trim().is_empty());
        span.output_preview = text.or_else(|| calls_text(messages)).as_deref().and_then(short);
    }
    if span.kind != StepKind::Llm {
        return;
    }
    if span.requested_tool_calls.is_empty() {
        span.requested_tool_calls = messages
            .iter()
            .flat_map(|message| &message.parts)
            .filter_map(|part| match part {
                Part::ToolCall { id: Some(id), .. } => Some(Arc::from(id.as_str())),
                _ => None,
            })
            .take(MAX_TOOL_CALLS)
            .collect();
    }
    if span.finish_reason.is_none() {
        span.finish_reason =
            messages.iter().find_map(|message| message.finish_reason.as_deref()).map(crate::intern::intern);
    }
}

/// Tool calls as a line of text, for answers that say nothing else.
fn calls_text(messages: &[Message]) -> Option<String> {
    let calls: Vec<String> = messages
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(|part| match part {
            Part::ToolCall { name, arguments, .. } => Some(format!("{name}({})", compact(arguments))),
            _ => None,
        })
        .take(4)
        .collect();
    (!calls.is_empty()).then(|| calls.join(", "))
}

/// The text a message is previewed by: its words, else what a tool answered.
pub(crate) fn words(message: &Message) -> Option<String> {
    let told = message.parts.iter().find_map(|part| match part {
        Part::ToolResult { result, .. } => Some(compact(result)),
        _ => None,
    });
    [Some(message.plain_text()), told].into_iter().flatten().find(|text| !text.trim().is_empty())
}

/// The last thing the user said, else the last message with words.
pub(crate) fn last_words(messages: &[Message]) -> Option<String> {
    let by_user = messages.iter().rev().filter(|message| message.role == Role::User).find_map(words);
    by_user.or_else(|| messages.iter().rev().find_map(words))
}

/// Preview of an input of messages.
fn input(value: &Value<'_>) -> Option<Arc<str>> {
    if let Value::Str(text) = value {
        return input_text(text);
    }
    conversation(&value.to_json(), Role::User).as_deref().and_then(last_words).as_deref().and_then(short)
}

/// The same from JSON text: elements are found without reading them, then read from the last backwards.
fn input_text(text: &str) -> Option<Arc<str>> {
    if text.len() > PARSE_LIMIT {
        return short(text);
    }
    let trimmed = text.trim_start();
    if !trimmed.starts_with('[') {
        let messages = conversation(&json_of_text(text), Role::User);
        return messages.as_deref().and_then(last_words).or_else(|| Some(text.to_owned())).as_deref().and_then(short);
    }
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(trimmed) else { return short(text) };
    let mut fallback = None;
    for element in elements.iter().rev() {
        // A look at the text spares parsing what cannot be the user's.
        let spoken_by_user = element.get().contains("\"user\"")
            || element.get().contains("\"human\"")
            || element.get().contains("Human");
        if !spoken_by_user && fallback.is_some() {
            continue;
        }
        let Ok(json) = serde_json::from_str::<Json>(element.get()) else { continue };
        let messages = conversation(&Json::Array(vec![json]), Role::User).unwrap_or_default();
        let said = messages.iter().rev().find_map(|message| Some((message.role, words(message)?)));
        match said {
            Some((Role::User, words)) => return short(&words),
            Some((_, words)) => fallback = fallback.or(Some(words)),
            None => {}
        }
    }
    fallback.as_deref().and_then(short).or_else(|| short(text).filter(|_| !elements.is_empty()))
}

/// A side shown as it was sent.
fn plain(reading: &Reading<'_>, span: &mut Span, field: Field, is_input: bool) {
    let place = if is_input { &mut span.input_preview } else { &mut span.output_preview };
    if place.is_none() {
        *place = reading.get(field).and_then(|value| short(&line(value)));
    }
}

/// A tool's result that LangChain wrapped in a message.
fn told_by_langchain(reading: &Reading<'_>, span: &mut Span) {
    if span.output_preview.is_none()
        && let Some(Value::Str(text)) = reading.get(Field::OutputValue)
        && text.starts_with('{')
        && text.len() <= PARSE_LIMIT
        && let Some((result, id)) = messages::langchain::tool_message(&json_of_text(text))
    {
        span.output_preview = short(&compact(&result));
        span.tool_call_id = span.tool_call_id.take().or_else(|| id.map(Arc::from));
    }
}

/// Counts and previews what a retriever found.
fn retrieved(reading: &Reading<'_>, span: &mut Span) {
    let found = reading.get(Field::Documents).or_else(|| reading.get(Field::OutputValue));
    let Some(value) = found.filter(|_| span.documents.is_none() || span.output_preview.is_none()) else { return };
    let documents = crate::documents::read(&json(value));
    if documents.is_empty() {
        return;
    }
    if span.documents.is_none() {
        span.documents = u32::try_from(documents.len()).ok();
    }
    if span.output_preview.is_none() {
        span.output_preview = documents.iter().find_map(|document| document.content.as_deref()).and_then(short);
    }
}

/// Input or output of any shape: the words of a conversation where it is one, else as sent.
fn value(reading: &Reading<'_>, span: &mut Span, field: Field, is_input: bool) {
    let is_llm = span.kind == StepKind::Llm;
    let missing = if is_input { span.input_preview.is_none() } else { span.output_preview.is_none() };
    let calls_missing = is_llm && !is_input && span.requested_tool_calls.is_empty();
    if !missing && !calls_missing {
        return;
    }
    let Some(value) = reading.get(field) else { return };
    let shown = match value {
        Value::Str(text) if text.len() > PARSE_LIMIT || !text.trim_start().starts_with(['[', '{', '"']) => {
            Cow::Borrowed(text.as_ref())
        }
        value => {
            let json = json(value);
            // The state a workflow starts from (LlamaIndex) is nothing that was said.
            if json.get("init_state").is_some() {
                return;
            }
            let speaker = if is_input { Role::User } else { Role::Assistant };
            let talks = !matches!(span.kind, StepKind::Tool | StepKind::Retriever | StepKind::Embedding);
            match talks.then(|| conversation(&json, speaker)).flatten() {
                // Messages without a word: nothing was said.
                Some(messages) if messages.iter().all(|message| message.parts.is_empty()) => return,
                Some(messages) if is_input => Cow::Owned(last_words(&messages).unwrap_or_else(|| compact(&json))),
                Some(messages) => {
                    // An agent's output may be its whole conversation: the answer is the last thing said.
                    if is_llm {
                        output(span, &messages)
                    }
                    match messages.iter().rev().find_map(words) {
                        Some(words) => Cow::Owned(words),
                        None => Cow::Owned(calls_text(&messages).unwrap_or_else(|| compact(&json))),
                    }
                }
                None => Cow::Owned(printed(&json).unwrap_or_else(|| compact(&json))),
            }
        }
    };
    let shown = match &shown {
        Cow::Borrowed(text) if text.len() <= PARSE_LIMIT => python::last_text(text).map_or(shown, Cow::Owned),
        _ => shown,
    };
    let place = if is_input { &mut span.input_preview } else { &mut span.output_preview };
    if place.is_none() {
        *place = short(&shown);
    }
}

/// The last words of messages that Python printed into the texts of a value.
fn printed(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => python::last_text(text),
        Json::Array(items) => items.iter().rev().find_map(printed),
        Json::Object(members) => members.values().rev().find_map(printed),
        _ => None,
    }
}

/// Previews from message events on the span.
fn events(reading: &Reading<'_>, span: &mut Span) {
    if !reading.raw.events.iter().any(|event| event.name.starts_with("gen_ai.")) {
        return;
    }
    let mut content = model::Content::default();
    for event in &reading.raw.events {
        messages::span_events::read(&event.name, &event.attributes, &Json::Null, &mut content);
    }
    span.input_preview = last_words(&content.input).as_deref().and_then(short);
    output(span, &content.output);
}

fn json(value: &Value<'_>) -> Json {
    match value {
        Value::Str(text) if text.len() > PARSE_LIMIT => Json::Null,
        value => json_of(value),
    }
}

/// A value on one line: text as it is, structure as compact JSON.
pub(crate) fn line<'r>(value: &'r Value<'_>) -> Cow<'r, str> {
    match value {
        Value::Str(text) => crate::reading::unquote(text),
        value => Cow::Owned(compact(&value.to_json())),
    }
}

/// JSON without white space; a string without quotes.
pub(crate) fn compact(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Object(object) if object.len() <= 2 => match only_text(object).or_else(|| only_argument(object)) {
            Some(text) => text.to_owned(),
            None => json.to_string(),
        },
        other => other.to_string(),
    }
}

/// The text in an object that holds nothing else.
fn only_text(object: &messages::Object) -> Option<&str> {
    const NAMES: &[&str] =
        &["text", "output", "outputs", "result", "content", "answer", "response", "input", "question"];
    (object.len() == 1).then(|| messages::first_text(object, NAMES)).flatten()
}

/// A preview, if there is anything to show.
pub(crate) fn short(text: &str) -> Option<Arc<str>> {
    let shown = model::preview(text);
    (!shown.is_empty()).then(|| shown.into())
}
