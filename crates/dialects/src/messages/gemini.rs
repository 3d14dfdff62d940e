//! Shape 11: parts of Gemini's contents, which have no type but one telling member (Gemini CLI, older Google ADK).

use model::Part;
use serde_json::Value as Json;

use super::{Object, first_text, opened_member, text};

/// A part by its telling member, in the API's or the Python SDK's spelling.
pub(crate) fn part(object: &Object) -> Option<Part> {
    let member = |keys: [&str; 2]| keys.iter().find_map(|key| object.get(*key)).and_then(Json::as_object);
    if let Some(call) = member(["functionCall", "function_call"]) {
        return Some(Part::ToolCall {
            id: text(call, "id").map(str::to_owned),
            name: text(call, "name").unwrap_or_default().to_owned(),
            arguments: opened_member(call, &["args", "arguments"]),
        });
    }
    if let Some(result) = member(["functionResponse", "function_response"]) {
        let id = first_text(result, &["id", "name"]).map(str::to_owned);
        return Some(Part::ToolResult { id, result: opened_member(result, &["response"]) });
    }
    if let Some(media) = member(["inlineData", "inline_data"]).or_else(|| member(["fileData", "file_data"])) {
        let mime_type = first_text(media, &["mimeType", "mime_type"]).map(str::to_owned);
        let modality = mime_type.as_deref().and_then(|mime| mime.split('/').next()).unwrap_or("file").to_owned();
        let reference = first_text(media, &["fileUri", "file_uri", "data"]).map(str::to_owned);
        return Some(Part::Media { modality, mime_type, reference });
    }
    let text = object.get("text").and_then(Json::as_str).filter(|_| !object.contains_key("type"))?.to_owned();
    Some(if object.get("thought") == Some(&Json::Bool(true)) { Part::Reasoning { text } } else { Part::Text { text } })
}
