//! What single instrumentations of OpenInference leave to be known by their own ways: which spans are a framework's inner
//! machinery, and what only the printed objects of Python tell.

use model::{Span, StepKind};

use crate::intern::intern;
use crate::messages::{json_of, python};
use crate::preview::PARSE_LIMIT;
use crate::reading::Reading;
use crate::usage;

use super::openinference::node;

/// Corrections by instrumentation, after those that hold for all.
pub(super) fn span(reading: &Reading<'_>, span: &mut Span) {
    let name: &str = &reading.raw.name;
    match reading.scope.strip_prefix("openinference.instrumentation.").unwrap_or_default() {
        "litellm" => without_provider(reading, span),
        "llama_index" => llama_index(reading, span, name),
        "haystack" => haystack(reading, span, name),
        // The SDK's trace, which this instrumentation calls an agent: it is what the agents work in.
        "openai_agents"
            if span.kind == StepKind::Agent && node(reading).is_none() && reading.raw.parent_span_id.is_none() =>
        {
            (span.kind, span.workflow) = (StepKind::Chain, Some(intern(name)));
        }
        "dspy" if span.kind == StepKind::Tool && span.tool_name.is_none() => {
            span.tool_name = name.strip_suffix(".__call__").map(intern);
        }
        _ => {}
    }
}

/// LiteLLM's names say who serves the model: `openai/gpt-4o`.
fn without_provider(reading: &Reading<'_>, span: &mut Span) {
    let Some(provider) = reading.attribute_text("llm.provider") else { return };
    for model in [&mut span.request_model, &mut span.model].into_iter().flatten() {
        if let Some(after) = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')) {
            *model = intern(after);
        }
    }
}

/// Methods with an underscore are the inner halves of others, and prepare a call or make it: the outer tell it.
/// The agent is named in the events of its workflow only; one round of its work is a step of it, beside the tools it asked for.
fn llama_index(reading: &Reading<'_>, span: &mut Span, name: &str) {
    let method = name.rsplit_once('.').map_or(name, |(_, method)| method);
    if method.starts_with('_') && matches!(span.kind, StepKind::Llm | StepKind::Retriever | StepKind::Embedding) {
        span.kind = StepKind::Chain;
    }
    if method == "run_agent_step"
        && let Some(text) = reading.attribute_text("input.value")
        && let Some((_, rest)) = text.rsplit_once("current_agent_name='")
        && let Some((agent, _)) = rest.split_once('\'')
        && !agent.is_empty()
    {
        span.agent = Some(intern(agent));
    }
}

/// An agent is a component like others; what a call used stands in its answer, printed or as JSON.
fn haystack(reading: &Reading<'_>, span: &mut Span, name: &str) {
    if name == "Agent.run" {
        span.kind = StepKind::Agent;
    }
    if !matches!(span.kind, StepKind::Llm | StepKind::Embedding) {
        return;
    }
    let Some(value) = reading.attribute("output.value") else { return };
    let Some(text) = value.as_str().filter(|text| text.len() <= PARSE_LIMIT) else { return };
    let printed = || python::literal_at(text.split_once("'usage': ")?.1);
    if let Some(found) = json_of(value).pointer("/meta/usage").cloned().or_else(printed).as_ref().and_then(usage::read)
    {
        usage::complete(&mut span.usage, &found);
    }
    if span.finish_reason.is_none()
        && let Some((reason, _)) = text.split_once("'finish_reason': '").and_then(|(_, rest)| rest.split_once('\''))
    {
        span.finish_reason = Some(intern(&crate::normalise::finish_reason(reason)));
    }
}
