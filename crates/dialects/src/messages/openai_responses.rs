//! Shape 7: items of OpenAI's Responses API: `message`, `function_call`, `function_call_output`, `reasoning`.

use model::{Message, Part, Role};

use super::{Object, finish_reason, first_text, openai_chat, opened_member, otel_parts, parts_of, role, text};

/// One item as a message.
pub(crate) fn item(object: &Object, speaker: Role) -> Option<Message> {
    let kind = text(object, "type")?;
    let (role, parts) = match kind {
        "message" if object.contains_key("content") && !object.contains_key("data") => {
            (role(text(object, "role"), speaker), parts_of(&object["content"]))
        }
        "function_call" | "custom_tool_call" | "mcp_call" if !object.contains_key("function") => {
            let mut call = openai_chat::call(object);
            if let (Part::ToolCall { id, .. }, Some(call_id)) = (&mut call, text(object, "call_id")) {
                *id = Some(call_id.to_owned());
            }
            (Role::Assistant, vec![call])
        }
        "function_call_output" | "custom_tool_call_output" => {
            let id = first_text(object, &["call_id", "id"]).map(str::to_owned);
            (Role::Tool, vec![Part::ToolResult { id, result: opened_member(object, &["output"]) }])
        }
        "reasoning" if object.contains_key("summary") || object.contains_key("encrypted_content") => {
            let part = otel_parts::part(object)?;
            (Role::Assistant, vec![part])
        }
        "web_search_call"
        | "file_search_call"
        | "computer_call"
        | "code_interpreter_call"
        | "image_generation_call" => {
            let id = text(object, "id").map(str::to_owned);
            let arguments = opened_member(object, &["action", "queries", "code"]);
            (Role::Assistant, vec![Part::ToolCall { id, name: kind.trim_end_matches("_call").to_owned(), arguments }])
        }
        _ => return None,
    };
    Some(Message { role, name: None, parts, finish_reason: finish_reason(object) })
}

/// Parts of a `message` item.
pub(crate) fn part(object: &Object) -> Option<Part> {
    Some(match text(object, "type")? {
        "input_text" | "output_text" | "summary_text" | "reasoning_text" => {
            Part::Text { text: text(object, "text").unwrap_or_default().to_owned() }
        }
        "input_image" => media(object, "image", &["image_url", "file_id"]),
        "input_file" => media(object, "file", &["file_url", "file_id", "file_data", "filename"]),
        _ => return None,
    })
}

fn media(object: &Object, modality: &str, keys: &[&str]) -> Part {
    Part::Media {
        modality: modality.to_owned(),
        mime_type: None,
        reference: first_text(object, keys).map(str::to_owned),
    }
}

/// Joins neighbouring assistant messages that consist of tool calls only: the API lists parallel calls as separate
/// items, every other shape as parts of one message.
pub(crate) fn join_calls(messages: &mut Vec<Message>) {
    let calls_only = |message: &Message| {
        message.role == Role::Assistant
            && message.name.is_none()
            && !message.parts.is_empty()
            && message.parts.iter().all(|part| matches!(part, Part::ToolCall { .. }))
    };
    let mut joined: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages.drain(..) {
        match joined.last_mut() {
            Some(last) if calls_only(last) && calls_only(&message) => {
                last.parts.extend(message.parts);
                last.finish_reason = last.finish_reason.take().or(message.finish_reason);
            }
            _ => joined.push(message),
        }
    }
    *messages = joined;
}
