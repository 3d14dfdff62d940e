//! OpenTelemetry GenAI: what its tables cannot say.
//!
//! Three generations are read by one table (current keys first, older ones after them), since libraries mix them.

use model::{Content, Role, Span, StepKind};

use crate::messages::{flat, json_of, traceloop_legacy};
use crate::normalise::is_framework;
use crate::preview::{last_words, output, short};
use crate::reading::Reading;
use crate::understand::{is_server, until_event};

/// Corrections to the narrow span.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    // The server's side of an MCP tool call is not a second call.
    if span.kind == StepKind::Tool && is_server(reading) && reading.attribute("mcp.method.name").is_some() {
        span.kind = StepKind::Other;
    }
    // LangGraph's telling of a whole graph, named as the run is: the agents are below it.
    if span.kind == StepKind::Agent && reading.attribute("gen_ai.workflow.nodes").is_some() {
        span.kind = StepKind::Chain;
        span.workflow = span.workflow.take().or(span.agent.take());
    }
    // A provider is whoever serves the model, not the framework that called it.
    if span.provider.as_deref().is_some_and(is_framework) {
        span.provider = None;
    }
    if span.ttft_ms.is_none() {
        span.ttft_ms = until_event(reading, &["gen_ai.content.completion.chunk", "llm.content.completion.chunk"]);
    }
    flattened(reading, span);
}

/// `gen_ai.prompt.N.*` and `gen_ai.completion.N.*`.
fn flattened(reading: &Reading<'_>, span: &mut Span) {
    if !reading.raw.attributes.iter().any(|(key, _)| is_flattened(key)) {
        return;
    }
    if span.kind == StepKind::Other {
        span.kind = StepKind::Llm;
    }
    let attributes = &reading.raw.attributes;
    let answers: Vec<_> = flat::list(attributes, "gen_ai.completion.")
        .iter()
        .map(|item| traceloop_legacy::message(item, Role::Assistant))
        .collect();
    output(span, &answers);
    if span.input_preview.is_none() {
        let prompts: Vec<_> = flat::list(attributes, "gen_ai.prompt.")
            .iter()
            .map(|item| traceloop_legacy::message(item, Role::User))
            .collect();
        span.input_preview = last_words(&prompts).as_deref().and_then(short);
    }
}

fn is_flattened(key: &str) -> bool {
    let rest = key.strip_prefix("gen_ai.prompt.").or_else(|| key.strip_prefix("gen_ai.completion."));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Flattened messages, and tools flattened beside them.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    let attributes = &reading.raw.attributes;
    if content.input.is_empty() {
        let items = flat::list(attributes, "gen_ai.prompt.");
        content.input = items.iter().map(|item| traceloop_legacy::message(item, Role::User)).collect();
    }
    if content.output.is_empty() {
        let items = flat::list(attributes, "gen_ai.completion.");
        content.output = items.iter().map(|item| traceloop_legacy::message(item, Role::Assistant)).collect();
    }
    if content.tool_definitions.is_empty() {
        content.tool_definitions = flat::list(attributes, "llm.request.functions.")
            .iter()
            .filter_map(|item| {
                Some(model::ToolDefinition {
                    name: item.text("name")?.to_owned(),
                    description: item.text("description").map(str::to_owned),
                    parameters: item.get("parameters").map(json_of),
                })
            })
            .collect();
    }
}
