//! Shape 9: parts of the Vercel AI SDK's prompts: `tool-call`, `tool-result`, `image` and `file` with camel-case members.

use model::Part;
use serde_json::Value as Json;

use super::{Object, first_text, openai_chat, opened_member, text};

/// A part by Vercel's types.
pub(crate) fn part(object: &Object) -> Option<Part> {
    Some(match text(object, "type")? {
        "tool-call" => openai_chat::call(object),
        "tool-result" => Part::ToolResult {
            id: text(object, "toolCallId").map(str::to_owned),
            result: match opened_member(object, &["output", "result"]) {
                // Version 5 and later wrap the value: {"type": "json", "value": …}.
                Json::Object(mut wrapped) if wrapped.contains_key("type") && wrapped.contains_key("value") => {
                    wrapped.remove("value").unwrap_or_default()
                }
                other => other,
            },
        },
        kind @ ("image" | "file") => Part::Media {
            modality: kind.to_owned(),
            mime_type: first_text(object, &["mediaType", "mimeType"]).map(str::to_owned),
            reference: first_text(object, &["image", "data", "url"]).map(str::to_owned),
        },
        _ => return None,
    })
}
