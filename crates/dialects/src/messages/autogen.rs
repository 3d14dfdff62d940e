//! AutoGen's messages: `{"source", "type": "TextMessage", "content"}`, where `content` is text, calls or what tools answered.

use model::{Message, Part, Role};
use serde_json::Value as Json;

use super::{Object, json_of_text, parts_of, text};

/// One message or event of a chat.
pub(crate) fn message(object: &Object) -> Option<Message> {
    let kind = text(object, "type").filter(|kind| kind.ends_with("Message") || kind.ends_with("Event"))?;
    let (source, content) = (text(object, "source")?, object.get("content")?);
    let (role, parts) = match (kind, content) {
        ("ToolCallRequestEvent", Json::Array(calls)) => {
            (Role::Assistant, calls.iter().filter_map(Json::as_object).map(call).collect())
        }
        ("ToolCallExecutionEvent", Json::Array(answers)) => (Role::Tool, answers.iter().filter_map(answer).collect()),
        _ if source == "user" => (Role::User, parts_of(content)),
        _ => (Role::Assistant, parts_of(content)),
    };
    Some(Message { role, name: Some(source.to_owned()), parts, finish_reason: None })
}

fn call(object: &Object) -> Part {
    Part::ToolCall {
        id: text(object, "id").map(str::to_owned),
        name: text(object, "name").unwrap_or_default().to_owned(),
        arguments: text(object, "arguments").map(json_of_text).unwrap_or_default(),
    }
}

/// What a tool answered: `{"call_id", "content", "name", "is_error"}`.
pub(crate) fn answer(json: &Json) -> Option<Part> {
    let object = json.as_object()?;
    let result = object.get("content")?.clone();
    Some(Part::ToolResult { id: text(object, "call_id").map(str::to_owned), result })
}
