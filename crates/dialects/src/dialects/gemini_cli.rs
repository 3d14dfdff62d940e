//! Gemini CLI: a tool's request and the whole record of its execution stand where messages would.

use model::{Content, Span, SpanStatus, StepKind};
use serde_json::Value as Json;

use crate::messages::{Object, json_of, text};
use crate::preview::{PARSE_LIMIT, compact, short};
use crate::reading::Reading;
use crate::understand::cut;

/// Previews and outcome of a tool; a prompt's id is no prompt template.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    let is_prompt_id = |name: &str| reading.attribute_text("gen_ai.prompt.name") == Some(name);
    if span.prompt_name.as_deref().is_some_and(is_prompt_id) {
        span.prompt_name = None;
    }
    if span.kind != StepKind::Tool {
        return;
    }
    span.input_preview = arguments(reading).as_ref().map(compact).as_deref().and_then(short);
    let Some(record) = record(reading) else { return };
    let answer = answer(&record);
    span.output_preview = answer.as_ref().map(compact).as_deref().and_then(short);
    if matches!(text(&record, "status"), Some("error" | "cancelled")) {
        span.status = SpanStatus::Error;
        let error = record.get("response").and_then(|response| response.get("error"));
        let told = error.and_then(|error| error.get("message").unwrap_or(error).as_str());
        span.error_message = told.map(cut).or(span.output_preview.clone());
    }
}

/// A tool's arguments and result; what a scheduler was given and gave.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    match reading.kind {
        Some(StepKind::Tool) => {
            content.tool_arguments = content.tool_arguments.take().or_else(|| arguments(reading));
            content.tool_result = content.tool_result.take().or_else(|| record(reading).as_ref().and_then(answer));
        }
        Some(StepKind::Chain) => {
            let value = |key| reading.attribute(key).map(json_of);
            content.input_value = content.input_value.take().or_else(|| value("gen_ai.input.messages"));
            content.output_value = content.output_value.take().or_else(|| value("gen_ai.output.messages"));
        }
        _ => {}
    }
}

/// The arguments in a request, `{"name", "args"}`.
fn arguments(reading: &Reading<'_>) -> Option<Json> {
    let request = ["gen_ai.tool.call.arguments", "function_args", "gen_ai.input.messages"]
        .iter()
        .find_map(|key| reading.attribute(key))
        .map(json_of);
    match request {
        Some(Json::Object(mut request)) if request.contains_key("name") => request.remove("args"),
        other => other,
    }
}

/// What is kept of an execution: `{"status", "request", "tool", "response", …}`.
fn record(reading: &Reading<'_>) -> Option<Object> {
    let told = ["gen_ai.tool.call.result", "gen_ai.output.messages"].iter().find_map(|key| reading.attribute(key))?;
    if told.as_str().is_some_and(|text| text.len() > PARSE_LIMIT) {
        return None;
    }
    match json_of(told) {
        Json::Object(record) if record.contains_key("response") => Some(record),
        _ => None,
    }
}

/// What the model was told: the parts of the response, else what the person was shown.
fn answer(record: &Object) -> Option<Json> {
    let response = record.get("response")?;
    let told = response.get("responseParts").and_then(Json::as_array).and_then(|parts| {
        let mut answers = parts.iter().filter_map(|part| part.get("functionResponse")?.get("response"));
        match (answers.next(), answers.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    });
    told.or_else(|| response.get("resultDisplay").cloned()).or_else(|| Some(response.clone()))
}
