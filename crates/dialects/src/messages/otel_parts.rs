//! Shape 1: OpenTelemetry's messages, `{"role", "parts": [{"type", …}], "finish_reason"?}` (semantic-conventions-genai).

use model::{Message, Part, Role};
use serde_json::Value as Json;

use super::{Object, finish_reason, first_text, json_of_text, openai_chat, opened_member, parts_of, role, text};

/// A message with `parts` (Gemini's contents too: their parts tell themselves apart).
pub(crate) fn message(object: &Object, speaker: Role) -> Option<Message> {
    let parts = object.get("parts").filter(|parts| parts.is_array())?;
    let mut parts = parts_of(parts);
    // LiteLLM leaves the calls beside the parts, as OpenAI has them, and a tool's result as text.
    if !parts.iter().any(|part| matches!(part, Part::ToolCall { .. })) {
        parts.extend(openai_chat::calls(object));
    }
    let mut role = role(text(object, "role"), speaker);
    if role == Role::User && !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult { .. })) {
        // Gemini and Bedrock hand tool results back as the user.
        role = Role::Tool;
    }
    if role == Role::Tool
        && let [Part::Text { text: told }] = parts.as_slice()
    {
        let id = first_text(object, &["tool_call_id", "id"]).map(str::to_owned);
        parts = vec![Part::ToolResult { id, result: json_of_text(told) }];
    }
    Some(Message { role, name: text(object, "name").map(str::to_owned), parts, finish_reason: finish_reason(object) })
}

/// A part by OpenTelemetry's types.
pub(crate) fn part(object: &Object) -> Option<Part> {
    let id = || text(object, "id").map(str::to_owned);
    Some(match text(object, "type")? {
        "text" => Part::Text { text: first_text(object, &["content", "text"]).unwrap_or_default().to_owned() },
        "reasoning" | "thinking" => Part::Reasoning {
            text: first_text(object, &["content", "text", "thinking", "reasoning"])
                .map_or_else(|| summary(object), str::to_owned),
        },
        "tool_call" | "server_tool_call" if !object.contains_key("function") => Part::ToolCall {
            id: id(),
            name: text(object, "name").unwrap_or_default().to_owned(),
            arguments: opened_member(object, &["arguments", "args", "input", "server_tool_call"]),
        },
        "tool_call_response" | "server_tool_call_response" => Part::ToolResult {
            id: id(),
            result: opened_member(object, &["response", "result", "content", "server_tool_call_response"]),
        },
        "blob" | "uri" | "file"
            if !object.contains_key("mediaType") && !object.get("file").is_some_and(Json::is_object) =>
        {
            Part::Media {
                modality: text(object, "modality").unwrap_or("file").to_owned(),
                mime_type: first_text(object, &["mime_type", "media_type"]).map(str::to_owned),
                reference: first_text(object, &["uri", "file_id", "content", "data", "url"]).map(str::to_owned),
            }
        }
        _ => return None,
    })
}

/// Text of a Responses reasoning item's summary.
fn summary(object: &Object) -> String {
    let Some(Json::Array(items)) = object.get("summary") else { return String::new() };
    let texts: Vec<&str> = items.iter().filter_map(|item| item.get("text").and_then(Json::as_str)).collect();
    texts.join("\n")
}
