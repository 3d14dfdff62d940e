//! Google's Agent Development Kit, older versions: a request holds system prompt and tools under `config`.

use model::{Content, Message, Role, Span};
use serde_json::Value as Json;

use crate::definitions;
use crate::messages::{conversation, json_of, parts_of};
use crate::preview::{last_words, output, short};
use crate::reading::Reading;

/// Previews from the request and response; the provider behind the framework's name.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    if span.provider.as_deref() == Some("gcp.vertex.agent") {
        span.provider = Some(crate::intern::intern("gcp.vertex_ai"));
    }
    if span.input_preview.is_none() && reading.attribute("gcp.vertex.agent.llm_request").is_some() {
        let mut found = Content::default();
        content(reading, &mut found);
        span.input_preview = last_words(&found.input).as_deref().and_then(short);
        output(span, &found.output);
    }
}

/// Messages and tools of the request, the answer.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    let request = reading.attribute("gcp.vertex.agent.llm_request").map(json_of);
    if content.input.is_empty()
        && let Some(request) = &request
        && let Some(mut messages) = request.get("contents").and_then(|contents| conversation(contents, Role::User))
    {
        let config = request.get("config");
        if let Some(system) = config.and_then(|config| config.get("system_instruction")) {
            let parts = parts_of(system.get("parts").unwrap_or(system));
            messages.insert(0, Message { role: Role::System, name: None, parts, finish_reason: None });
        }
        if let Some(tools) = config.and_then(|config| config.get("tools")) {
            content.tool_definitions = definitions::read(tools);
        }
        content.input = messages;
    }
    if content.output.is_empty()
        && let Some(response) = reading.attribute("gcp.vertex.agent.llm_response").map(json_of)
        && let Some(answer) =
            response.get("content").or(Some(&response)).filter(|answer| answer.get("parts").is_some_and(Json::is_array))
    {
        content.output = conversation(answer, Role::Assistant).unwrap_or_default();
    }
}
