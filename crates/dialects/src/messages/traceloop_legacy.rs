//! Shape 3: Traceloop's flattened messages of old, `gen_ai.prompt.N.…` and `gen_ai.completion.N.…`.

use model::{Message, Part, Role};

use super::flat::Item;
use super::{json_of, json_of_text, parts_of, role};

/// One message from the keys of one index.
pub(crate) fn message(item: &Item<'_>, speaker: Role) -> Message {
    let role = role(item.text("role"), speaker);
    let mut parts = Vec::new();
    if let Some(thought) = item.text("reasoning").or_else(|| item.text("reasoning_content")) {
        parts.push(Part::Reasoning { text: thought.to_owned() });
    }
    if role == Role::Tool {
        let id = item.text("tool_call_id").map(str::to_owned);
        parts.push(Part::ToolResult { id, result: item.get("content").map(json_of).unwrap_or_default() });
    } else if let Some(content) = item.text("content") {
        // Content with images is a JSON list of typed parts.
        let json = json_of_text(content);
        match json.as_array() {
            Some(list) if list.iter().all(|part| part.get("type").is_some()) => parts.extend(parts_of(&json)),
            _ => parts.push(Part::Text { text: content.to_owned() }),
        }
    }
    parts.extend(item.list("tool_calls.").iter().map(|call| Part::ToolCall {
        id: call.text("id").map(str::to_owned),
        name: call.text("name").unwrap_or_default().to_owned(),
        arguments: call.get("arguments").map(json_of).unwrap_or_default(),
    }));
    if let Some(name) = item.text("function_call.name") {
        let arguments = item.get("function_call.arguments").map(json_of).unwrap_or_default();
        parts.push(Part::ToolCall { id: None, name: name.to_owned(), arguments });
    }
    let finish_reason = item.text("finish_reason").map(|word| crate::normalise::finish_reason(word).into_owned());
    Message { role, name: None, parts, finish_reason }
}
