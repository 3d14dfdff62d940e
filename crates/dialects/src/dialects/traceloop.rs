//! Traceloop: names under `traceloop.entity.*` mean agent or tool by kind; LangChain's inputs and outputs come wrapped.

use std::sync::Arc;

use model::{Content, Span, StepKind};
use serde_json::Value as Json;

use crate::field::Field;
use crate::intern::intern;
use crate::messages::{json_of, opened};
use crate::preview::{PARSE_LIMIT, compact, short};
use crate::reading::Reading;
use crate::understand::{MAX_TAGS, is_mark};

/// Agent and tool from the entity's name; a tool's own arguments and result from LangChain's wrapping.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if reading.raw.name.ends_with(".handoff") {
        span.kind = StepKind::Handoff;
    }
    // LangChain's retriever calls itself a task.
    if reading.attribute_text("gen_ai.operation.name") == Some("vector_db_retrieve") {
        span.kind = StepKind::Retriever;
    }
    if reading.scope == "opentelemetry.instrumentation.google_generativeai" {
        thoughts(span);
    }
    if span.tags.is_empty() && reading.attribute_text("traceloop.span.kind") == Some("workflow") {
        span.tags = tags(reading);
    }
    let entity = reading.attribute_text("traceloop.entity.name");
    match span.kind {
        StepKind::Agent if span.agent.is_none() => span.agent = entity.map(intern),
        StepKind::Tool => {
            if span.tool_name.is_none() {
                span.tool_name = entity.map(intern);
            }
            let (arguments, result) = tool(reading);
            span.tool_call_id = span.tool_call_id.take().or_else(|| call_id(reading).map(Arc::from));
            span.input_preview = arguments.as_ref().map(compact).as_deref().and_then(short);
            span.output_preview = result.as_ref().map(compact).as_deref().and_then(short);
        }
        _ => {}
    }
}

/// What LangChain's run was tagged with, which stands beside its inputs.
fn tags(reading: &Reading<'_>) -> Vec<Arc<str>> {
    let text = reading.attribute_text("traceloop.entity.input").filter(|text| text.len() <= PARSE_LIMIT);
    let Some(text) = text.filter(|text| text.contains("\"tags\"")) else { return Vec::new() };
    let told: Json = serde_json::from_str(text).unwrap_or_default();
    if told.get("inputs").is_none() {
        return Vec::new();
    }
    let tags = told.get("tags").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    tags.filter(|tag| !is_mark(tag)).take(MAX_TAGS).map(intern).collect()
}

/// Gemini counts a model's thoughts beside what it answered; this instrumentation passes on the answer's count and the total.
fn thoughts(span: &mut Span) {
    let usage = &mut span.usage;
    if let (Some(input), Some(output), Some(total), None) =
        (usage.input_tokens, usage.output_tokens, usage.reported_total, usage.reasoning_tokens)
        && let Some(left) = total.checked_sub(input.saturating_add(output)).filter(|left| *left > 0)
    {
        usage.output_tokens = Some(output + left);
        usage.reasoning_tokens = Some(left);
    }
}

/// A tool's arguments and result, unwrapped.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if reading.kind != Some(StepKind::Tool) {
        return;
    }
    let (arguments, result) = tool(reading);
    content.tool_arguments = content.tool_arguments.take().or(arguments);
    content.tool_result = content.tool_result.take().or(result);
}

/// LangChain's callback data around a tool's arguments (`{"input_str", "inputs", …}`) and result (`{"output": message}`).
fn tool(reading: &Reading<'_>) -> (Option<Json>, Option<Json>) {
    let side = |first: Field, second: Field| {
        let value = reading.get(first).or_else(|| reading.get(second))?;
        value.as_str().is_none_or(|text| text.len() <= PARSE_LIMIT).then(|| json_of(value))
    };
    let arguments = side(Field::ToolArguments, Field::InputValue).map(|value| match value.get("inputs") {
        Some(inputs) if !inputs.is_null() && value.get("input_str").is_some() => inputs.clone(),
        _ => match (value.get("input_str"), value.get("args"), value.get("kwargs")) {
            (Some(text), _, _) => opened(text).into_owned(),
            // The decorators' wrapping of a plain function's arguments.
            (None, Some(Json::Array(args)), Some(kwargs)) if args.is_empty() => kwargs.clone(),
            _ => value,
        },
    });
    let result = side(Field::ToolResult, Field::OutputValue).map(|value| {
        match value.get("output").filter(|_| value.as_object().is_some_and(|object| object.len() <= 2)) {
            Some(output) => match output.get("kwargs").and_then(|fields| fields.get("content")) {
                Some(content) => opened(content).into_owned(),
                None => opened(output).into_owned(),
            },
            None => value,
        }
    });
    (arguments, result)
}

/// The call's id, which LangChain keeps in the message a tool returns.
fn call_id(reading: &Reading<'_>) -> Option<String> {
    let text = reading.attribute_text("traceloop.entity.output").filter(|text| text.len() <= PARSE_LIMIT)?;
    let json: Json = serde_json::from_str(text).ok()?;
    Some(json.get("output")?.get("kwargs")?.get("tool_call_id")?.as_str()?.to_owned())
}
