//! Shape 2: OpenInference's flattened messages, `llm.input_messages.N.message.…`.

use model::{Message, Part, Role, Value};

use super::flat::Item;
use super::{autogen, json_of, role};

/// One message from the keys of one index.
pub(crate) fn message(item: &Item<'_>, speaker: Role) -> Message {
    let text = |key: &str| item.text(key).map(str::to_owned);
    let role = role(item.text("message.role"), speaker);
    let mut parts = Vec::new();
    if role == Role::Tool {
        let result = item.get("message.content").map(json_of).or_else(|| contents(item).map(serde_json::Value::String));
        // AutoGen's instrumentation writes results as JSON objects under a key of its own.
        let others = || {
            let answers = item.list("function.");
            answers.iter().filter_map(|answer| autogen::answer(&json_of(answer.get("")?))).collect::<Vec<_>>()
        };
        match result {
            Some(result) => parts.push(Part::ToolResult { id: text("message.tool_call_id"), result }),
            None => parts.extend(others()),
        }
        if parts.is_empty() {
            parts.push(Part::ToolResult { id: text("message.tool_call_id"), result: serde_json::Value::Null });
        }
    } else {
        parts.extend(item.list("message.contents.").iter().map(content));
        if let Some(content) = item.text("message.content")
            && parts.is_empty()
        {
            parts.push(Part::Text { text: content.to_owned() });
        }
    }
    for call in item.list("message.tool_calls.").iter().map(call) {
        // Anthropic's blocks say the same call as content.
        if !parts.contains(&call) {
            parts.push(call);
        }
    }
    if let Some(name) = text("message.function_call_name") {
        let arguments = item.get("message.function_call_arguments_json").map(json_of).unwrap_or_default();
        parts.push(Part::ToolCall { id: None, name, arguments });
    }
    let finish_reason =
        item.text("message.finish_reason").map(|word| crate::normalise::finish_reason(word).into_owned());
    Message { role, name: text("message.name"), parts, finish_reason }
}

/// The text of a message's content parts.
fn contents(item: &Item<'_>) -> Option<String> {
    let list = item.list("message.contents.");
    let texts: Vec<&str> = list.iter().filter_map(|part| part.text("message_content.text")).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// A tool call, in a message's list or as a content part.
fn call(item: &Item<'_>) -> Part {
    Part::ToolCall {
        id: item.text("tool_call.id").map(str::to_owned),
        name: item.text("tool_call.function.name").unwrap_or_default().to_owned(),
        arguments: item.get("tool_call.function.arguments").map(json_of).unwrap_or_default(),
    }
}

/// One content part.
fn content(item: &Item<'_>) -> Part {
    let text = |key: &str| item.text(key).map(str::to_owned);
    match item.text("message_content.type").unwrap_or("text") {
        "reasoning" | "thinking" => Part::Reasoning { text: text("message_content.text").unwrap_or_default() },
        kind @ ("image" | "audio" | "video" | "file" | "document") => {
            let reference =
                ["url", "data", "file_id"].iter().find_map(|end| text(&format!("message_content.{kind}.{kind}.{end}")));
            let mime_type = text(&format!("message_content.{kind}.{kind}.mime_type"));
            Part::Media {
                modality: if kind == "document" { "file" } else { kind }.to_owned(),
                mime_type,
                reference: reference.or_else(|| text("message_content.data")).or_else(|| text("message_content.id")),
            }
        }
        "tool_use" | "tool_call" => call(item),
        "tool_result" => Part::ToolResult {
            id: text("message_content.tool_call_id").or_else(|| text("message_content.id")),
            result: item.get("message_content.text").map(json_of).unwrap_or_default(),
        },
        "text" => Part::Text { text: text("message_content.text").unwrap_or_default() },
        _ => Part::Other {
            value: item.entries.iter().map(|(key, value)| ((*key).to_owned(), Value::to_json(value))).collect(),
        },
    }
}
