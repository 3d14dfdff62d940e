//! Shape 6: chat messages of OpenAI's API and its imitators, `{"role", "content", "tool_calls": [{"id", "function"}]}`;
//! also Anthropic's content blocks, which sit in the same place.

use model::{Message, Part, Role};
use serde_json::Value as Json;

use super::{Object, finish_reason, first_text, is_role, opened, opened_member, parts_of, role, text};

/// A message with a `role` and `content` or `tool_calls`.
pub(crate) fn message(object: &Object, speaker: Role) -> Option<Message> {
    let word = text(object, "role");
    let told =
        ["content", "tool_calls", "toolCalls", "function_call", "refusal"].iter().any(|key| object.contains_key(*key));
    if word.is_none() && !object.contains_key("tool_calls") || !told && word.is_none() {
        return None;
    }
    // Langfuse's handler for LangChain.js gives a tool's answer the tool's name as its role.
    let tool = word.filter(|word| object.contains_key("additional_kwargs") && !is_role(word));
    let mut role = if tool.is_some() { Role::Tool } else { role(word, speaker) };
    let call_id = first_text(object, &["tool_call_id", "toolCallId"]).map(str::to_owned);
    let mut parts = Vec::new();
    if let Some(thought) = first_text(object, &["reasoning_content", "reasoning"]) {
        parts.push(Part::Reasoning { text: thought.to_owned() });
    }
    let content = object.get("content").unwrap_or(&Json::Null);
    if let Some(Json::Array(results)) = object.get("tool_results") {
        parts.extend(results.iter().filter_map(Json::as_object).map(result));
    } else if role == Role::Tool && !holds_result(content) {
        let id = call_id.or_else(|| text(object, "id").map(str::to_owned));
        parts.push(Part::ToolResult { id, result: opened(content).into_owned() });
    } else {
        parts.extend(parts_of(content));
    }
    if let Some(refusal) = text(object, "refusal") {
        parts.push(Part::Text { text: refusal.to_owned() });
    }
    // Botocore's instrumentation sends Bedrock's blocks, and the same calls in OpenAI's form beside them.
    let called: Vec<Part> = calls(object).into_iter().filter(|call| !parts.contains(call)).collect();
    parts.extend(called);
    if role == Role::User && !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult { .. })) {
        role = Role::Tool;
    }
    let name = text(object, "name").or(tool).map(str::to_owned);
    Some(Message { role, name, parts, finish_reason: finish_reason(object) })
}

/// Whether a tool message's content carries its own result parts (Vercel, Bedrock).
fn holds_result(content: &Json) -> bool {
    matches!(content, Json::Array(items) if items.iter().any(|item| {
        item.get("toolResult").is_some()
            || item.get("type").and_then(Json::as_str).is_some_and(|word| matches!(word, "tool-result" | "tool_result" | "tool_call_response"))
    }))
}

/// The tool calls of a message, in any of the places they are kept.
pub(crate) fn calls(object: &Object) -> Vec<Part> {
    let mut calls = Vec::new();
    for key in ["tool_calls", "toolCalls"] {
        if let Some(Json::Array(items)) = object.get(key).map(|value| opened(value)).as_deref() {
            calls.extend(items.iter().filter_map(Json::as_object).map(call));
        }
    }
    if let Some(function) = object.get("function_call").and_then(Json::as_object) {
        calls.push(call(function));
    }
    calls
}

/// A result beside the content (Datadog): `{"result", "tool_id"}`.
fn result(object: &Object) -> Part {
    let id = first_text(object, &["tool_id"]).map(str::to_owned);
    Part::ToolResult { id, result: opened_member(object, &["result"]) }
}

/// One tool call: `{"id", "function": {"name", "arguments"}}`, or the same without the inner object.
pub(crate) fn call(object: &Object) -> Part {
    let inner = object.get("function").and_then(Json::as_object).unwrap_or(object);
    Part::ToolCall {
        id: first_text(object, &["id", "toolCallId", "call_id", "tool_call_id", "tool_id"]).map(str::to_owned),
        name: first_text(inner, &["name", "toolName", "tool_name"]).unwrap_or_default().to_owned(),
        arguments: opened_member(inner, &["arguments", "args", "input"]),
    }
}

/// An element of `choices`: `{"index", "finish_reason", "message"}`; also G1's `gen_ai.choice` bodies.
pub(crate) fn choice(object: &Object, speaker: Role) -> Option<Message> {
    if object.contains_key("role") || object.contains_key("kwargs") {
        return None;
    }
    let inner = ["message", "delta"].iter().find_map(|key| object.get(*key)).map(|value| opened(value));
    let mut found = match inner.as_deref() {
        Some(Json::Object(inner)) => {
            let mut inner = inner.clone();
            inner.entry("role").or_insert_with(|| Json::String(speaker.as_str().to_owned()));
            super::otel_parts::message(&inner, speaker).or_else(|| message(&inner, speaker))?
        }
        Some(blocks @ Json::Array(_)) if object.contains_key("finish_reason") => {
            Message { role: speaker, name: None, parts: parts_of(blocks), finish_reason: None }
        }
        Some(Json::String(text)) if object.contains_key("finish_reason") => Message::text(speaker, text.as_str()),
        // Gemini's candidates hold `content` with parts; completions hold `text`.
        None if object.get("content").is_some_and(|content| content.get("parts").is_some()) => {
            super::otel_parts::message(object["content"].as_object()?, speaker)?
        }
        None if object.contains_key("index") && object.contains_key("finish_reason") => {
            Message::text(speaker, text(object, "text")?)
        }
        _ => return None,
    };
    found.finish_reason = finish_reason(object).or(found.finish_reason);
    Some(found)
}

/// A typed part of OpenAI's or Anthropic's content lists.
pub(crate) fn part(object: &Object) -> Option<Part> {
    let url = |key: &str| match object.get(key) {
        Some(Json::String(url)) => Some(url.clone()),
        Some(Json::Object(inner)) => first_text(inner, &["url", "data", "file_id", "file_data"]).map(str::to_owned),
        _ => None,
    };
    let media = |modality: &str, reference: Option<String>| {
        let source = object.get("source").and_then(Json::as_object);
        Part::Media {
            modality: modality.to_owned(),
            mime_type: source.and_then(|source| text(source, "media_type")).map(str::to_owned),
            reference: reference.or_else(|| {
                source.and_then(|source| first_text(source, &["data", "url", "file_id"])).map(str::to_owned)
            }),
        }
    };
    Some(match text(object, "type")? {
        "image_url" => media("image", url("image_url")),
        "image" if object.contains_key("source") => media("image", None),
        "document" if object.contains_key("source") => media("file", None),
        "input_audio" | "audio" => media("audio", url("input_audio").or_else(|| url("audio"))),
        "file" if object.get("file").is_some_and(Json::is_object) => media("file", url("file")),
        "refusal" => Part::Text { text: text(object, "refusal")?.to_owned() },
        "tool_use" | "server_tool_use" => call(object),
        "function" if object.get("function").is_some_and(Json::is_object) => call(object),
        "tool_call" if object.contains_key("function") => call(object),
        "tool_result" => Part::ToolResult {
            id: first_text(object, &["tool_use_id", "tool_call_id"]).map(str::to_owned),
            result: opened_member(object, &["content", "output", "result"]),
        },
        "redacted_thinking" => Part::Reasoning { text: String::new() },
        _ => return None,
    })
}
