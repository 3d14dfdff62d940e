//! Content shapes: the same attribute key carries any of eleven, depending on who sends it, so shapes are
//! recognised by their own marks and never by the key. One file per shape; what no shape explains is kept as sent.

use std::borrow::Cow;

use model::{Message, Part, Role, Value};
use serde_json::{Map, Value as Json};

pub(crate) mod autogen;
pub(crate) mod bedrock;
pub(crate) mod flat;
pub(crate) mod gemini;
pub(crate) mod langchain;
pub(crate) mod log_events;
pub(crate) mod openai_chat;
pub(crate) mod openai_responses;
pub(crate) mod openinference;
pub(crate) mod otel_parts;
pub(crate) mod python;
pub(crate) mod span_events;
pub(crate) mod traceloop_legacy;
pub(crate) mod vercel;

#[cfg(test)]
mod tests;

/// A JSON object.
pub(crate) type Object = Map<String, Json>;

/// How many wrappers around messages are opened (`{"inputs": {"messages": [[…]]}}` is three).
const MAX_WRAPPERS: usize = 6;

/// An attribute as JSON; text that is JSON is given as its value.
pub(crate) fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Str(text) => json_of_text(text),
        other => other.to_json(),
    }
}

/// Text as JSON where it is JSON, else as a JSON string. Numbers count only if no digit is lost.
pub(crate) fn json_of_text(text: &str) -> Json {
    let trimmed = text.trim();
    let promising = match trimmed.as_bytes().first() {
        Some(b'{' | b'[' | b'"') => true,
        Some(b'-' | b'0'..=b'9') => trimmed.len() <= 17,
        _ => matches!(trimmed, "true" | "false" | "null"),
    };
    if promising
        && let Ok(json) = serde_json::from_str::<Json>(trimmed)
        && (!json.is_number() || format!("{json}") == trimmed)
    {
        return json;
    }
    Json::String(text.to_owned())
}

/// A JSON string that holds JSON is given as that; anything else as it is.
pub(crate) fn opened(value: &Json) -> Cow<'_, Json> {
    match value {
        Json::String(text) => Cow::Owned(json_of_text(text)),
        other => Cow::Borrowed(other),
    }
}

/// The role a word names; `speaker` where it names none that is known.
pub(crate) fn role(word: Option<&str>, speaker: Role) -> Role {
    match word.unwrap_or_default() {
        "system" | "developer" | "SystemMessage" => Role::System,
        "user" | "human" | "HumanMessage" | "ROLE_USER" => Role::User,
        "assistant" | "ai" | "model" | "bot" | "AIMessage" | "AIMessageChunk" | "tool-call" => Role::Assistant,
        "tool" | "function" | "tool_result" | "ToolMessage" | "FunctionMessage" | "tool-response" => Role::Tool,
        _ => speaker,
    }
}

/// Whether a word is somebody's role: one that is not leaves it to who speaks.
pub(crate) fn is_role(word: &str) -> bool {
    role(Some(word), Role::User) == role(Some(word), Role::Assistant)
}

/// The messages in `value`, if it is a conversation in any shape. `speaker` is who speaks where a message does not say:
/// the user for inputs, the assistant for outputs.
pub(crate) fn conversation(value: &Json, speaker: Role) -> Option<Vec<Message>> {
    let mut messages = find(value, speaker, MAX_WRAPPERS)?;
    if speaker == Role::Assistant {
        // Gemini CLI gives outputs the role `system`; nobody but the model answers.
        messages
            .iter_mut()
            .filter(|message| message.role == Role::System)
            .for_each(|message| message.role = Role::Assistant);
    }
    openai_responses::join_calls(&mut messages);
    (!messages.is_empty()).then_some(messages)
}

/// Like [`conversation`], but whatever is not one becomes a single message of `speaker`.
pub(crate) fn conversation_or_text(value: &Json, speaker: Role) -> Vec<Message> {
    if let Some(messages) = conversation(value, speaker) {
        return messages;
    }
    let part = match value {
        Json::Null => return Vec::new(),
        Json::Array(items) if items.is_empty() => return Vec::new(),
        Json::Object(members) if members.is_empty() => return Vec::new(),
        Json::String(text) if text.is_empty() => return Vec::new(),
        Json::String(text) => match opened(value).as_ref() {
            Json::String(inner) => Part::Text { text: inner.clone() },
            _ => Part::Text { text: text.clone() },
        },
        other => part_of(other).unwrap_or_else(|| Part::Text { text: other.to_string() }),
    };
    vec![Message { role: speaker, name: None, parts: vec![part], finish_reason: None }]
}

fn find(value: &Json, speaker: Role, wrappers: usize) -> Option<Vec<Message>> {
    match value {
        Json::String(_) => match opened(value) {
            Cow::Owned(inner @ (Json::Array(_) | Json::Object(_))) if wrappers > 0 => {
                find(&inner, speaker, wrappers - 1)
            }
            _ => None,
        },
        Json::Array(items) => {
            if let [Json::Array(inner)] = items.as_slice()
                && inner.iter().any(|item| !item.is_string())
                && wrappers > 0
            {
                return find(&items[0], speaker, wrappers - 1);
            }
            let found: Vec<Option<Vec<Message>>> = items.iter().map(|item| message(item, speaker)).collect();
            if found.iter().all(Option::is_none) {
                let parts: Option<Vec<Part>> = items.iter().map(part_of).collect();
                if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                    return Some(vec![Message { role: speaker, name: None, parts, finish_reason: None }]);
                }
                // LangGraph lists the updates of its nodes, each with messages inside.
                let inside = items.iter().filter_map(Json::as_object).filter(|_| wrappers > 0);
                let inside: Vec<Message> =
                    inside.filter_map(|object| wrapped(object, speaker, wrappers - 1)).flatten().collect();
                return (!inside.is_empty()).then_some(inside);
            }
            let kept = items.iter().zip(found).flat_map(|(item, found)| {
                found.unwrap_or_else(|| {
                    vec![Message { role: speaker, name: None, parts: parts_of(item), finish_reason: None }]
                })
            });
            Some(kept.collect())
        }
        Json::Object(object) => {
            message(value, speaker).or_else(|| if wrappers > 0 { wrapped(object, speaker, wrappers - 1) } else { None })
        }
        _ => None,
    }
}

/// One message, or the several that a Responses item or choice stands for.
fn message(value: &Json, speaker: Role) -> Option<Vec<Message>> {
    match value {
        Json::Array(pair) => langchain::pair(pair).map(|message| vec![message]),
        Json::Object(object) => langchain::message(object, speaker)
            .or_else(|| openai_responses::item(object, speaker))
            .or_else(|| openai_chat::choice(object, speaker))
            .or_else(|| otel_parts::message(object, speaker))
            .or_else(|| openai_chat::message(object, speaker))
            .or_else(|| autogen::message(object))
            .map(|message| vec![message]),
        _ => None,
    }
}

/// Messages inside the request or response object of some API.
fn wrapped(object: &Object, speaker: Role, wrappers: usize) -> Option<Vec<Message>> {
    if let Some(found) = langchain::generations(object, speaker) {
        return Some(found);
    }
    for key in ["choices", "candidates", "output", "contents", "messages", "input_messages", "chat_history", "items"] {
        if let Some(inner @ (Json::Array(_) | Json::Object(_))) = object.get(key).map(|value| opened(value)).as_deref()
            && let Some(messages) = find(inner, speaker, wrappers)
        {
            return Some(with_system(object, messages));
        }
    }
    for key in ["input", "prompt", "query", "question", "task"] {
        match object.get(key) {
            Some(Json::String(text)) if speaker == Role::User => {
                return Some(with_system(object, vec![Message::text(Role::User, text.as_str())]));
            }
            Some(inner @ (Json::Array(_) | Json::Object(_))) => {
                if let Some(messages) = find(inner, speaker, wrappers) {
                    return Some(with_system(object, messages));
                }
            }
            _ => {}
        }
    }
    for key in ["inputs", "outputs", "kwargs", "message", "content", "request", "response", "update"] {
        if let Some(inner @ (Json::Array(_) | Json::Object(_))) = object.get(key)
            && let Some(messages) = find(inner, speaker, wrappers)
        {
            return Some(messages);
        }
    }
    None
}

/// Puts a system prompt that stands beside the messages in front of them.
fn with_system(object: &Object, mut messages: Vec<Message>) -> Vec<Message> {
    let system =
        ["system", "instructions", "system_instruction", "systemInstruction"].iter().find_map(|key| object.get(*key));
    if let Some(system) = system
        && messages.first().is_none_or(|message| message.role != Role::System)
    {
        let parts = match system {
            Json::Object(object) if object.contains_key("parts") => parts_of(&object["parts"]),
            other => parts_of(other),
        };
        if !parts.is_empty() {
            messages.insert(0, Message { role: Role::System, name: None, parts, finish_reason: None });
        }
    }
    messages
}

/// The parts in a message's content: text, one part or a list of them.
pub(crate) fn parts_of(value: &Json) -> Vec<Part> {
    match value {
        Json::Null => Vec::new(),
        Json::String(text) if text.is_empty() => Vec::new(),
        Json::String(text) => vec![Part::Text { text: text.clone() }],
        Json::Array(items) => {
            items.iter().map(|item| part_of(item).unwrap_or_else(|| Part::Other { value: item.clone() })).collect()
        }
        other => vec![part_of(other).unwrap_or_else(|| Part::Other { value: other.clone() })],
    }
}

/// One part in any shape.
pub(crate) fn part_of(value: &Json) -> Option<Part> {
    match value {
        Json::String(text) => Some(Part::Text { text: text.clone() }),
        Json::Object(object) => otel_parts::part(object)
            .or_else(|| openai_chat::part(object))
            .or_else(|| openai_responses::part(object))
            .or_else(|| vercel::part(object))
            .or_else(|| bedrock::part(object))
            .or_else(|| gemini::part(object)),
        _ => None,
    }
}

/// A member's text, if it is non-empty.
pub(crate) fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// The first of several members that has text.
pub(crate) fn first_text<'o>(object: &'o Object, keys: &[&str]) -> Option<&'o str> {
    keys.iter().find_map(|key| text(object, key))
}

/// A member as its value, JSON text opened; null where absent.
pub(crate) fn opened_member(object: &Object, keys: &[&str]) -> Json {
    keys.iter().find_map(|key| object.get(*key)).map_or(Json::Null, |value| opened(value).into_owned())
}

/// A finish reason given anywhere in a message object.
pub(crate) fn finish_reason(object: &Object) -> Option<String> {
    first_text(object, &["finish_reason", "finishReason", "stop_reason", "stopReason"])
        .map(|word| crate::normalise::finish_reason(word).into_owned())
}
