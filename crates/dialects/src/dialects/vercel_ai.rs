//! Vercel AI SDK 3 to 6: an answer is spread over `ai.response.*`.

use model::{Content, Message, Part, Role, Span, StepKind};
use serde_json::Value as Json;

use crate::intern::intern;
use crate::messages::{json_of, openai_chat, opened};
use crate::preview::{output, short};
use crate::reading::Reading;
use crate::understand::until_event;

/// Previews, time to the first token, prompt.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if reading.attribute("ai.operationId").is_none() {
        return;
    }
    if span.ttft_ms.is_none() && span.kind == StepKind::Llm {
        span.ttft_ms = until_event(reading, &["ai.stream.firstChunk"]);
    }
    if let Some(answer) = answer(reading) {
        output(span, &[answer]);
    }
    if span.input_preview.is_none() {
        span.input_preview = embedded(reading).map(|texts| texts.join(", ")).as_deref().and_then(short);
    }
    if span.prompt_name.is_none()
        && let Some(prompt) = reading.attribute("ai.telemetry.metadata.langfusePrompt")
    {
        let prompt = json_of(prompt);
        span.prompt_name = prompt.get("name").and_then(Json::as_str).map(intern);
        span.prompt_version = match prompt.get("version") {
            Some(Json::Number(number)) => Some(intern(&number.to_string())),
            Some(Json::String(text)) => Some(intern(text)),
            _ => None,
        };
    }
}

/// Texts that were embedded: each is JSON of its own.
fn embedded(reading: &Reading<'_>) -> Option<Vec<String>> {
    let Json::Array(values) = json_of(reading.attribute("ai.values")?) else { return None };
    let text = |value: &Json| match opened(value).as_ref() {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(values.iter().map(text).collect())
}

/// The answer as one message.
fn answer(reading: &Reading<'_>) -> Option<Message> {
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| reading.attribute_text(key));
    let value = |keys: [&str; 2]| keys.iter().find_map(|key| reading.attribute(key)).map(json_of);
    let mut parts = Vec::new();
    if let Some(thought) = text(["ai.response.reasoning", "ai.result.reasoning"]) {
        parts.push(Part::Reasoning { text: thought.to_owned() });
    }
    if let Some(said) =
        text(["ai.response.text", "ai.result.text"]).or_else(|| text(["ai.response.object", "ai.result.object"]))
    {
        parts.push(Part::Text { text: said.to_owned() });
    }
    if let Some(Json::Array(calls)) = value(["ai.response.toolCalls", "ai.result.toolCalls"]) {
        parts.extend(calls.iter().filter_map(Json::as_object).map(openai_chat::call));
    }
    if let Some(Json::Array(files)) = value(["ai.response.files", "ai.result.files"]) {
        parts.extend(files.iter().map(|file| {
            Part::Media {
                modality: "file".to_owned(),
                mime_type: ["mimeType", "mediaType"]
                    .iter()
                    .find_map(|key| file.get(*key))
                    .and_then(Json::as_str)
                    .map(str::to_owned),
                reference: file.get("data").and_then(Json::as_str).map(str::to_owned),
            }
        }));
    }
    let finish = text(["ai.response.finishReason", "ai.finishReason"]);
    (!parts.is_empty()).then(|| Message {
        role: Role::Assistant,
        name: None,
        parts,
        finish_reason: finish.map(|word| crate::normalise::finish_reason(word).into_owned()),
    })
}

/// The answer, and what was embedded.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if content.input_value.is_none() {
        content.input_value = embedded(reading).map(Json::from);
    }
    if content.output.is_empty() && reading.attribute("ai.operationId").is_some() {
        content.output = answer(reading).into_iter().collect();
    }
}
