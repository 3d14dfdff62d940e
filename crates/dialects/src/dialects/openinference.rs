//! OpenInference (Arize Phoenix): flattened messages, documents and tools; ids and models inside JSON values.

use std::sync::Arc;

use model::{Content, Message, Part, Role, Span, StepKind, Value};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::intern::intern;
use crate::messages::flat::{self, Item};
use crate::messages::{conversation, json_of, json_of_text, openinference as shape};
use crate::preview::{PARSE_LIMIT, last_words, output, short};
use crate::reading::Reading;
use crate::understand::until_event;
use crate::{definitions, documents, normalise};

/// Corrections to the narrow span.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    match span.kind {
        StepKind::Llm => llm(reading, span),
        // smolagents names the agent, or its class, and the method.
        StepKind::Agent if span.agent.is_none() => {
            let named = reading.raw.name.strip_suffix(".run").filter(|agent| !agent.contains('.'));
            span.agent = named.or_else(|| node(reading)).map(intern);
        }
        StepKind::Embedding => request_model(reading, span, "embedding.invocation_parameters"),
        StepKind::Tool if reading.raw.name.starts_with("handoff to ") => span.kind = StepKind::Handoff,
        StepKind::Retriever => retrieved(reading, span, "retrieval.documents."),
        StepKind::Reranker => retrieved(reading, span, "reranker.output_documents."),
        _ => {}
    }
    metadata(reading, span);
    super::instrumented::span(reading, span);
}

/// The agent's place in the graph, where that is a name and no id (CrewAI, AutoGen).
pub(super) fn node<'r>(reading: &Reading<'r>) -> Option<&'r str> {
    let is_id = |text: &str| text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    ["graph.node.name", "graph.node.id"].iter().filter_map(|key| reading.attribute_text(key)).find(|text| !is_id(text))
}

fn llm(reading: &Reading<'_>, span: &mut Span) {
    request_model(reading, span, "llm.invocation_parameters");
    if span.ttft_ms.is_none() {
        span.ttft_ms = until_event(reading, &["First Token Stream Event"]);
    }
    let attributes = &reading.raw.attributes;
    let answers = told(reading, "llm.output_messages.", "output.value", Role::Assistant);
    output(span, &answers);
    if span.input_preview.is_none() {
        let items = flat::list(attributes, "llm.input_messages.");
        let last_user = items
            .iter()
            .rev()
            .filter(|item| item.text("message.role") == Some("user"))
            .find_map(|item| last_words(&[shape::message(item, Role::User)]));
        span.input_preview = last_user.or_else(|| last_words(&messages(&items, Role::User))).as_deref().and_then(short);
    }
    if span.response_id.is_none()
        && let Some(value) = reading.attribute_text("output.value")
    {
        span.response_id = response_id(value);
    }
}

/// The model asked for: OpenInference gives it among the parameters of the call.
fn request_model(reading: &Reading<'_>, span: &mut Span, key: &str) {
    if span.request_model.is_none()
        && let Some(Json::Object(parameters)) = reading.attribute(key).map(json_of)
    {
        let named =
            ["model", "model_name", "model_id"].iter().find_map(|key| parameters.get(*key)).and_then(Json::as_str);
        span.request_model = named.filter(|model| !model.is_empty()).map(intern);
    }
    if span.model.is_none() {
        span.model = span.request_model.clone();
    }
}

/// The `id` of a provider's answer: of OpenAI's, Anthropic's, or the one LangChain keeps in the message.
fn response_id(text: &str) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<String>,
    }
    if !text.starts_with('{') || text.len() > PARSE_LIMIT {
        return None;
    }
    let id = serde_json::from_str::<Answer>(text).ok().and_then(|answer| answer.id);
    id.or_else(|| langchain_id(text)).filter(|id| !id.is_empty()).map(Arc::from)
}

/// `generations[0][0].message.kwargs.response_metadata.id`: the provider's id in LangChain's result.
fn langchain_id(text: &str) -> Option<String> {
    if !text.starts_with("{\"generations\"") {
        return None;
    }
    let json: Json = serde_json::from_str(text).ok()?;
    let message = json.get("generations")?.get(0)?.get(0)?.get("message")?;
    let fields = message.get("kwargs").or_else(|| message.get("data")).unwrap_or(message);
    Some(fields.get("response_metadata")?.get("id")?.as_str()?.to_owned())
}

fn retrieved(reading: &Reading<'_>, span: &mut Span, prefix: &str) {
    let found = flat::list(&reading.raw.attributes, prefix);
    if found.is_empty() {
        return;
    }
    span.documents = span.documents.or(u32::try_from(found.len()).ok());
    if span.output_preview.is_none() {
        span.output_preview = found.iter().find_map(|item| item.text("document.content")).and_then(short);
    }
}

/// Session, user and agent that LangChain's instrumentation leaves in `metadata` (JSON).
pub(super) fn metadata(reading: &Reading<'_>, span: &mut Span) {
    if span.session_id.is_some() && span.user_id.is_some() && span.agent.is_some() {
        return;
    }
    let small = |value: &&Value<'_>| value.as_str().is_none_or(|text| text.len() <= PARSE_LIMIT);
    let Some(Json::Object(metadata)) = reading.attribute("metadata").filter(small).map(json_of) else { return };
    let find = |keys: &[&str]| {
        keys.iter().find_map(|key| metadata.get(*key)).and_then(Json::as_str).filter(|text| !text.is_empty())
    };
    if span.session_id.is_none() {
        span.session_id = find(&["session_id", "thread_id", "conversation_id"]).map(Arc::from);
    }
    if span.user_id.is_none() {
        span.user_id = find(&["user_id"]).map(Arc::from);
    }
    if span.agent.is_none() {
        span.agent = find(&["lc_agent_name", "agent_name"]).map(intern);
    }
    if span.provider.is_none()
        && span.kind == StepKind::Llm
        && let Some(provider) = find(&["ls_provider"])
    {
        span.provider = Some(intern(&normalise::provider(provider)));
    }
}

fn messages(items: &[Item<'_>], speaker: Role) -> Vec<Message> {
    items.iter().map(|item| shape::message(item, speaker)).filter(|message| !message.parts.is_empty()).collect()
}

/// Messages as they were flattened, or what of LangChain's they were made from where that says more: the instrumentation for JavaScript
/// loses words that stand in blocks, and the ids of calls.
fn told(reading: &Reading<'_>, prefix: &str, whole: &str, speaker: Role) -> Vec<Message> {
    let items = flat::list(&reading.raw.attributes, prefix);
    let flat = messages(&items, speaker);
    let nameless = |part: &Part| matches!(part, Part::ToolCall { id: None, .. } | Part::ToolResult { id: None, .. });
    if flat.len() == items.len() && !flat.iter().flat_map(|message| &message.parts).any(nameless) {
        return flat;
    }
    let whole = reading
        .attribute_text(whole)
        .filter(|text| text.len() <= PARSE_LIMIT && text.contains("\"lc\":1"))
        .and_then(|text| conversation(&json_of_text(text), speaker));
    whole.filter(|whole| whole.len() == items.len()).unwrap_or(flat)
}

/// Everything flattened.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    let attributes = &reading.raw.attributes;
    if content.input.is_empty() {
        content.input = told(reading, "llm.input_messages.", "input.value", Role::User);
    }
    if content.input.is_empty() {
        content.input = texts(&flat::list(attributes, "llm.prompts."), "prompt.text", Role::User);
    }
    if content.output.is_empty() {
        content.output = told(reading, "llm.output_messages.", "output.value", Role::Assistant);
    }
    if content.output.is_empty() {
        content.output = texts(&flat::list(attributes, "llm.choices."), "completion.text", Role::Assistant);
    }
    if content.tool_definitions.is_empty() {
        content.tool_definitions = flat::list(attributes, "llm.tools.")
            .iter()
            .filter_map(|item| item.get("tool.json_schema").or_else(|| item.get("tool.name")))
            .flat_map(|value| match json_of(value) {
                Json::String(name) => vec![model::ToolDefinition { name, description: None, parameters: None }],
                schema => definitions::read(&schema),
            })
            .collect();
    }
    for prefix in ["retrieval.documents.", "reranker.output_documents."] {
        if content.documents.is_empty() {
            content.documents = documents::flattened(attributes, prefix);
        }
    }
    if content.input_documents.is_empty() {
        content.input_documents = documents::flattened(attributes, "reranker.input_documents.");
    }
    embedded(reading, content);
}

/// Texts that were embedded stand for the input of an embedding.
fn embedded(reading: &Reading<'_>, content: &mut Content) {
    let items = flat::list(&reading.raw.attributes, "embedding.embeddings.");
    let texts: Vec<Json> = items.iter().filter_map(|item| item.text("embedding.text")).map(Json::from).collect();
    if content.input_value.is_none() && !texts.is_empty() {
        content.input_value = Some(Json::Array(texts));
    }
}

fn texts(items: &[Item<'_>], key: &str, role: Role) -> Vec<Message> {
    items
        .iter()
        .filter_map(|item| item.get(key))
        .filter_map(Value::as_str)
        .map(|text| Message::text(role, text))
        .collect()
}
