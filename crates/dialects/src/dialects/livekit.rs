//! LiveKit Agents: a model call's metrics are JSON, its chat context a list of typed items.

use model::{Content, Message, Part, Role, Span, StepKind};
use serde_json::Value as Json;

use crate::messages::{json_of, openai_chat};
use crate::preview::output;
use crate::reading::Reading;
use crate::usage;

/// Usage from metrics, the answer.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if let Some(metrics) =
        ["lk.llm_metrics", "lk.realtime_model_metrics"].iter().find_map(|key| reading.attribute(key)).map(json_of)
    {
        if let Some(found) = usage::read(&metrics) {
            usage::complete(&mut span.usage, &found);
        }
        let seconds = metrics.get("ttft").and_then(Json::as_f64).filter(|seconds| *seconds >= 0.0);
        span.ttft_ms = span.ttft_ms.or_else(|| seconds.map(|seconds| seconds * 1000.0));
    }
    if span.kind == StepKind::Llm
        && let Some(answer) = answer(reading)
    {
        output(span, &[answer]);
    }
}

/// The answer.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if content.output.is_empty() && reading.kind == Some(StepKind::Llm) {
        content.output = answer(reading).into_iter().collect();
    }
}

fn answer(reading: &Reading<'_>) -> Option<Message> {
    let find = |keys: [&str; 2]| keys.iter().find_map(|key| reading.attribute(key));
    let mut parts = Vec::new();
    if let Some(text) = find(["lk.pii.response.text", "lk.response.text"])
        .and_then(model::Value::as_str)
        .filter(|text| !text.is_empty())
    {
        parts.push(Part::Text { text: text.to_owned() });
    }
    if let Some(Json::Array(calls)) =
        find(["lk.pii.response.function_calls", "lk.response.function_calls"]).map(json_of)
    {
        parts.extend(calls.iter().filter_map(|call| {
            // A list of JSON texts, or of objects.
            crate::messages::opened(call).as_object().map(openai_chat::call)
        }));
    }
    (!parts.is_empty()).then_some(Message { role: Role::Assistant, name: None, parts, finish_reason: None })
}
