//! Shape 8: LangChain's messages: serialised constructors (`{"lc": 1, "id": […, "AIMessage"], "kwargs": {…}}`), plain
//! dictionaries (`{"type": "ai", "data": {…}}`, `{"type": "ai", "content": …}`), pairs (`["system", "…"]`) and results
//! (`{"generations": [[{"text", "message"}]]}`).

use model::{Message, Part, Role};
use serde_json::Value as Json;

use super::{Object, finish_reason, openai_chat, opened, parts_of, role, text};

/// A serialised or plain message.
pub(crate) fn message(object: &Object, speaker: Role) -> Option<Message> {
    if let Some(fields) = object.get("kwargs").and_then(Json::as_object)
        && (object.contains_key("lc") || object.contains_key("id"))
    {
        let class = object.get("id").and_then(Json::as_array).and_then(|path| path.last()).and_then(Json::as_str);
        if class.is_some_and(|class| class.contains("Message")) {
            return Some(build(fields, class.or(text(fields, "type")), speaker));
        }
        return None;
    }
    let kind = text(object, "type")?;
    if !matches!(kind, "human" | "ai" | "system" | "tool" | "function" | "chat" | "AIMessageChunk" | "developer") {
        return None;
    }
    let fields = object.get("data").and_then(Json::as_object).unwrap_or(object);
    fields.contains_key("content").then(|| build(fields, Some(kind), speaker))
}

fn build(fields: &Object, kind: Option<&str>, speaker: Role) -> Message {
    let role = role(kind, role(text(fields, "role"), speaker));
    let content = fields.get("content").unwrap_or(&Json::Null);
    let mut parts = if role == Role::Tool {
        let id = text(fields, "tool_call_id").map(str::to_owned);
        vec![Part::ToolResult { id, result: opened(content).into_owned() }]
    } else {
        parts_of(content)
    };
    let already = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    if !already(&parts) {
        parts.extend(openai_chat::calls(fields));
    }
    if !already(&parts)
        && let Some(extra) = fields.get("additional_kwargs").and_then(Json::as_object)
    {
        parts.extend(openai_chat::calls(extra));
    }
    let finish = fields.get("response_metadata").and_then(Json::as_object).and_then(finish_reason);
    Message { role, name: text(fields, "name").map(str::to_owned), parts, finish_reason: finish }
}

/// A pair of role and text.
pub(crate) fn pair(items: &[Json]) -> Option<Message> {
    let [Json::String(word), content] = items else { return None };
    matches!(word.as_str(), "system" | "user" | "human" | "ai" | "assistant" | "tool" | "developer").then(|| Message {
        role: role(Some(word), Role::User),
        name: None,
        parts: parts_of(content),
        finish_reason: None,
    })
}

/// The first generation of each prompt of an `LLMResult`.
pub(crate) fn generations(object: &Object, speaker: Role) -> Option<Vec<Message>> {
    let Some(Json::Array(prompts)) = object.get("generations") else { return None };
    let mut found = Vec::new();
    for prompt in prompts {
        let generation = match prompt {
            Json::Array(list) => list.first(),
            other => Some(other),
        };
        let Some(generation) = generation.and_then(Json::as_object) else { continue };
        let mut message = generation
            .get("message")
            .and_then(Json::as_object)
            .and_then(|inner| message(inner, speaker))
            .or_else(|| text(generation, "text").map(|text| Message::text(speaker, text)));
        if let Some(message) = &mut message {
            let info = generation.get("generation_info").and_then(Json::as_object);
            message.finish_reason = info.and_then(finish_reason).or(message.finish_reason.take());
        }
        found.extend(message);
    }
    (!found.is_empty()).then_some(found)
}

/// A tool's message that stands where its result should: the result, and the id of the call.
pub(crate) fn tool_message(value: &Json) -> Option<(Json, Option<String>)> {
    let object = value.as_object()?;
    let object = match object.get("output").and_then(Json::as_object) {
        Some(inner) if object.len() <= 2 => inner,
        _ => object,
    };
    match message(object, Role::Tool)?.parts.into_iter().next()? {
        Part::ToolResult { id, result } => Some((result, id)),
        _ => None,
    }
}
