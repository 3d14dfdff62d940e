//! What was said in a span, put together from all the places where it may be: dialects' own keys, the vocabulary's
//! fields, span events, log records.

use model::raw::RawLog;
use model::{Content, Message, Role, StepKind, Value};
use serde_json::Value as Json;

use crate::field::Field;
use crate::messages::{
    Object, conversation, conversation_or_text, json_of, langchain, log_events, parts_of, span_events,
};
use crate::reading::Reading;
use crate::{definitions, documents};

/// Everything said. `kind` is the span's as understood.
pub(crate) fn content(reading: &Reading<'_>, kind: StepKind, logs: &[RawLog<'_>]) -> Content {
    let mut content = Content::default();
    for dialect in reading.dialects() {
        if let Some(reshape) = dialect.reshape.content {
            reshape(reading, &mut content);
        }
    }
    if kind != StepKind::Tool {
        messages(reading, &mut content);
        from_events(reading, &mut content);
    }
    log_events::read(logs, &mut content);
    for dialect in reading.dialects() {
        if let Some(reshape) = dialect.reshape.logs {
            reshape(logs, &mut content);
        }
    }
    values(reading, kind, &mut content);
    if content.tool_definitions.is_empty()
        && let Some(value) = reading.get(Field::ToolDefinitions)
    {
        content.tool_definitions = definitions::read(&list_of(value));
    }
    content
}

/// Messages under the vocabulary's own fields.
fn messages(reading: &Reading<'_>, content: &mut Content) {
    if content.input.is_empty()
        && content.input_value.is_none()
        && let Some(value) = reading.get(Field::InputMessages)
    {
        content.input = conversation_or_text(&json_of(value), Role::User);
    }
    if content.output.is_empty()
        && content.output_value.is_none()
        && let Some(value) = reading.get(Field::OutputMessages)
    {
        content.output = conversation_or_text(&json_of(value), Role::Assistant);
    }
    system(reading, content);
}

/// Puts the system prompt in front, unless the messages begin with one.
pub(crate) fn system(reading: &Reading<'_>, content: &mut Content) {
    if content.input.first().is_some_and(|message| message.role == Role::System) {
        return;
    }
    let Some(value) = reading.get(Field::System) else { return };
    let parts = parts_of(&json_of(value));
    if !parts.is_empty() {
        content.input.insert(0, Message { role: Role::System, name: None, parts, finish_reason: None });
    }
}

/// Messages told as span events.
fn from_events(reading: &Reading<'_>, content: &mut Content) {
    let (need_input, need_output) =
        (content.input.iter().all(|message| message.role == Role::System), content.output.is_empty());
    let events = &reading.raw.events;
    if !(need_input || need_output) || !events.iter().any(|event| event.name.starts_with("gen_ai.")) {
        return;
    }
    let mut found = Content::default();
    for event in events {
        span_events::read(&event.name, &event.attributes, &Json::Null, &mut found);
    }
    if need_input && !found.input.is_empty() {
        if found.input.iter().any(|message| message.role == Role::System) {
            content.input.clear();
        }
        content.input.append(&mut found.input);
    }
    if need_output {
        content.output = found.output;
    }
    if content.tool_definitions.is_empty() {
        content.tool_definitions = found.tool_definitions;
    }
}

/// Inputs and outputs that are not under message keys, by the kind of step.
fn values(reading: &Reading<'_>, kind: StepKind, content: &mut Content) {
    let input = reading.get(Field::InputValue).map(json_of);
    let output = reading.get(Field::OutputValue).map(json_of);
    match kind {
        StepKind::Tool | StepKind::Handoff => {
            let arguments = reading.get(Field::ToolArguments).map(json_of).or(input);
            set(&mut content.tool_arguments, arguments.map(named_arguments));
            set(&mut content.tool_result, reading.get(Field::ToolResult).map(json_of).or(output));
            if let Some((result, _)) = content.tool_result.as_ref().and_then(langchain::tool_message) {
                content.tool_result = Some(result);
            }
            // A place kept for what a tool that failed would have returned.
            content.tool_result = content.tool_result.take().filter(|result| !result.is_null());
            return;
        }
        StepKind::Retriever | StepKind::Reranker => {
            if content.query.is_none() {
                content.query = reading.get(Field::Query).map(json_of).as_ref().or(input.as_ref()).and_then(query);
            }
            if content.documents.is_empty() {
                let found = reading.get(Field::Documents).map(json_of);
                content.documents = found.as_ref().or(output.as_ref()).map(documents::read).unwrap_or_default();
            }
        }
        StepKind::Llm => {
            if content.input.is_empty()
                && let Some(found) = input.as_ref().and_then(|value| conversation(value, Role::User))
            {
                content.input = found;
            }
            if content.output.is_empty()
                && let Some(found) = output.as_ref().and_then(|value| conversation(value, Role::Assistant))
            {
                content.output = found;
            }
            // A plain text is what was said, also as the only argument of a recorded function.
            if content.input.is_empty() {
                match &input {
                    Some(text @ Json::String(_)) => content.input = conversation_or_text(text, Role::User),
                    Some(Json::Object(recorded)) => {
                        content.input.extend(only_argument(recorded).map(|text| Message::text(Role::User, text)))
                    }
                    _ => {}
                }
            }
            if content.output.is_empty()
                && let Some(text @ Json::String(_)) = &output
            {
                content.output = conversation_or_text(text, Role::Assistant);
            }
            if content.tool_definitions.is_empty()
                && let Some(tools) = input.as_ref().and_then(|value| value.get("tools"))
            {
                content.tool_definitions = definitions::read(tools);
            }
            if content.input.is_empty() {
                set(&mut content.input_value, input);
            }
            if content.output.is_empty() {
                set(&mut content.output_value, output);
            }
            return;
        }
        _ => {
            // Some instrumentations flatten only the first of a chain's messages.
            if !content.input.is_empty()
                && let Some(all) = input.as_ref().and_then(|value| conversation(value, Role::User))
                && all.len() > content.input.len()
            {
                content.input = all;
            }
            // Tools without a tool's kind still say what they were given.
            set(&mut content.tool_arguments, reading.get(Field::ToolArguments).map(json_of));
            set(&mut content.tool_result, reading.get(Field::ToolResult).map(json_of));
        }
    }
    set(&mut content.input_value, input);
    set(&mut content.output_value, output);
}

/// The text of a query, or of the member that holds it.
pub(crate) fn query(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Object(object) => {
            let known = ["query", "input", "question", "text", "search_query", "query_str"];
            match known.iter().find_map(|key| object.get(*key)) {
                Some(Json::String(text)) => Some(text.clone()),
                Some(inner) => Some(inner.to_string()),
                None => Some(only_argument(object).map_or_else(|| value.to_string(), str::to_owned)),
            }
        }
        Json::Null => None,
        other => Some(other.to_string()),
    }
}

/// The arguments by name, out of the recorded call of a function that got no others (`{"args": [], "kwargs": {…}}`, DSPy's without
/// `args`, in smolagents' telling with the call's options beside them).
fn named_arguments(recorded: Json) -> Json {
    match recorded {
        Json::Object(mut call)
            if call.get("args").is_none_or(|args| args.as_array().is_some_and(Vec::is_empty))
                && call.get("kwargs").is_some_and(Json::is_object)
                && call.iter().all(|(key, value)| matches!(key.as_str(), "args" | "kwargs") || value.is_boolean()) =>
        {
            call.remove("kwargs").unwrap_or_default()
        }
        other => other,
    }
}

/// The text in the recorded arguments of a function that was called with one (`{"args": ["…"], "kwargs": {}}`).
pub(crate) fn only_argument(object: &Object) -> Option<&str> {
    let (args, kwargs) = (object.get("args")?.as_array()?, object.get("kwargs")?.as_object()?);
    match (args.as_slice(), kwargs.len(), object.len()) {
        ([Json::String(text)], 0, 2) => Some(text),
        ([], 1, 2) => kwargs.values().next()?.as_str(),
        _ => None,
    }
}

fn set(place: &mut Option<Json>, value: Option<Json>) {
    if place.is_none() {
        *place = value.filter(|value| !value.is_null());
    }
}

/// A list of JSON texts as a list of values.
fn list_of(value: &Value<'_>) -> Json {
    match value {
        Value::Array(items) => Json::Array(items.iter().map(json_of).collect()),
        other => json_of(other),
    }
}
