//! Shape 5: the same message events as span events (Strands, Spring AI, Traceloop of old).

use model::{Attributes, Content, Message, Part, Role};
use serde_json::Value as Json;

use super::{Object, conversation, conversation_or_text, finish_reason, json_of, openai_chat, otel_parts, parts_of};

/// Adds what one event says. `body` is a log record's body, null for span events, whose attributes say it all.
pub(crate) fn read(name: &str, attributes: &Attributes<'_>, body: &Json, content: &mut Content) {
    let speaker = match name {
        "gen_ai.system.message" => Role::System,
        "gen_ai.user.message" => Role::User,
        "gen_ai.assistant.message" | "gen_ai.choice" => Role::Assistant,
        "gen_ai.tool.message" => Role::Tool,
        "gen_ai.client.inference.operation.details" => return details(attributes, content),
        "gen_ai.content.prompt" => {
            if let Some(prompt) = attributes.get("gen_ai.prompt") {
                content.input.extend(conversation_or_text(&json_of(prompt), Role::User));
            }
            return;
        }
        "gen_ai.content.completion" => {
            if let Some(completion) = attributes.get("gen_ai.completion") {
                content.output.extend(conversation_or_text(&json_of(completion), Role::Assistant));
            }
            return;
        }
        _ => return,
    };
    // .NET's Semantic Kernel and Azure's SDKs put the body into an attribute, as JSON text.
    let inside = attributes.get("gen_ai.event.content").map(json_of);
    let fields: Object = match (body, inside) {
        (Json::Object(body), _) => body.clone(),
        (_, Some(Json::Object(inside))) => inside,
        _ => attributes.iter().map(|(key, value)| (key.to_owned(), json_of(value))).collect(),
    };
    let Some(message) = one(&fields, speaker) else { return };
    // Botocore's instrumentation tells a tool's answer as a tool's message and once more as the user's, whose blocks it is.
    let answered = |message: &Message| match message.parts.as_slice() {
        [Part::ToolResult { id: Some(id), .. }] => Some(id.clone()),
        _ => None,
    };
    if speaker == Role::User
        && answered(&message).is_some()
        && content.input.last().and_then(answered) == answered(&message)
    {
        content.input.pop();
    }
    if name == "gen_ai.choice" { content.output.push(message) } else { content.input.push(message) }
}

/// One message event.
fn one(fields: &Object, speaker: Role) -> Option<Message> {
    if let Some(choice) = openai_chat::choice(fields, speaker) {
        return Some(choice);
    }
    if let Some(message) = otel_parts::message(fields, speaker) {
        return Some(message);
    }
    let mut fields = fields.clone();
    // Strands gives a tool's answer as `gen_ai.choice` with `message` holding blocks, and messages as `content`.
    if let Some(blocks) = fields.remove("message") {
        let parts = parts_of(&blocks);
        return Some(Message { role: speaker, name: None, parts, finish_reason: finish_reason(&fields) });
    }
    fields.entry("role").or_insert_with(|| Json::String(speaker.as_str().to_owned()));
    let mut message = openai_chat::message(&fields, speaker)?;
    if speaker == Role::Tool {
        message.role = Role::Tool;
        if message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. })) {
            message.parts.retain(|part| matches!(part, Part::ToolResult { .. }));
        }
    }
    Some(message)
}

/// A record of a whole call, with the attributes a span would have.
fn details(attributes: &Attributes<'_>, content: &mut Content) {
    if let Some(system) = attributes.get("gen_ai.system_instructions")
        && content.input.is_empty()
    {
        let parts = parts_of(&json_of(system));
        content.input.push(Message { role: Role::System, name: None, parts, finish_reason: None });
    }
    if let Some(input) = attributes.get("gen_ai.input.messages")
        && content.input.iter().all(|message| message.role == Role::System)
    {
        content.input.extend(conversation(&json_of(input), Role::User).unwrap_or_default());
    }
    if let Some(output) = attributes.get("gen_ai.output.messages")
        && content.output.is_empty()
    {
        content.output.extend(conversation(&json_of(output), Role::Assistant).unwrap_or_default());
    }
    if let Some(tools) = attributes.get("gen_ai.tool.definitions")
        && content.tool_definitions.is_empty()
    {
        content.tool_definitions = crate::definitions::read(&json_of(tools));
    }
}
