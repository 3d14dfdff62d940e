//! Shape 10: content blocks of Bedrock's Converse API, which have no type but one telling member (Strands sends them).

use model::Part;
use serde_json::Value as Json;

use super::{Object, first_text, opened, opened_member, text};

/// A block by its telling member.
pub(crate) fn part(object: &Object) -> Option<Part> {
    if let Some(call) = object.get("toolUse").and_then(Json::as_object) {
        return Some(Part::ToolCall {
            id: text(call, "toolUseId").map(str::to_owned),
            name: text(call, "name").unwrap_or_default().to_owned(),
            arguments: opened_member(call, &["input"]),
        });
    }
    if let Some(result) = object.get("toolResult").and_then(Json::as_object) {
        return Some(Part::ToolResult { id: text(result, "toolUseId").map(str::to_owned), result: content(result) });
    }
    if let Some(thought) = object.get("reasoningContent") {
        let inner = thought.get("reasoningText").and_then(Json::as_object);
        return Some(Part::Reasoning {
            text: inner.and_then(|inner| text(inner, "text")).unwrap_or_default().to_owned(),
        });
    }
    for (key, modality) in [("image", "image"), ("document", "file"), ("video", "video")] {
        if let Some(media) = object.get(key).and_then(Json::as_object)
            && media.contains_key("format")
        {
            return Some(Part::Media {
                modality: modality.to_owned(),
                mime_type: text(media, "format").map(str::to_owned),
                reference: first_text(media, &["name"]).map(str::to_owned),
            });
        }
    }
    None
}

/// A result's content: a single text or JSON block stands for itself.
fn content(result: &Object) -> Json {
    match result.get("content") {
        Some(Json::Array(blocks)) if blocks.len() == 1 => {
            let block = &blocks[0];
            block
                .get("json")
                .cloned()
                .or_else(|| block.get("text").map(|text| opened(text).into_owned()))
                .unwrap_or_else(|| block.clone())
        }
        Some(other) => other.clone(),
        None => Json::Null,
    }
}
