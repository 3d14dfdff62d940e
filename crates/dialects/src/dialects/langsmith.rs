//! LangSmith over OTLP: details of usage are JSON inside attributes; inputs and outputs are a run's dictionaries.

use model::{Content, Span, StepKind, Usage, UsageRole};
use serde_json::{Value as Json, json};

use crate::intern::intern;
use crate::messages::json_of;
use crate::reading::Reading;
use crate::understand::set_cost;
use crate::usage;

/// Details of usage, and cost; what the runs of OpenAI's Agents SDK are.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    agents_sdk(reading, span);
    let details = json!({
        "input_token_details": reading.attribute("gen_ai.usage.input_token_details").map(json_of),
        "output_token_details": reading.attribute("gen_ai.usage.output_token_details").map(json_of),
    });
    if let Some(found) = usage::read(&details) {
        usage::complete(&mut span.usage, &found);
    }
    if let Some(value) = reading.attribute("langsmith.metadata.usage_metadata") {
        let value = json_of(value);
        if let Some(found) = usage::read(&value) {
            usage::complete(&mut span.usage, &found);
        }
        let part = |key: &str| value.get(key).and_then(Json::as_f64);
        let dollars = part("total_cost").or_else(|| match (part("input_cost"), part("output_cost")) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0.0) + output.unwrap_or(0.0)),
        });
        set_cost(span, dollars);
    }
    // LiteLLM sends the provider's whole usage beside a summary of it.
    if let Some(found) =
        reading.attribute("langsmith.extra.usage_object").and_then(|value| usage::read(&json_of(value)))
    {
        usage::complete(&mut span.usage, &found);
    }
    if span.usage != Usage::default() {
        span.usage_role = UsageRole::Own;
    }
}

/// LangSmith's processor for OpenAI's Agents SDK calls agents and handoffs chains, and guardrails tools.
fn agents_sdk(reading: &Reading<'_>, span: &mut Span) {
    if reading.attribute_text("langsmith.metadata.ls_integration") != Some("openai-agents-sdk") {
        return;
    }
    if span.response_id.is_none() && span.kind == StepKind::Llm {
        span.response_id = reading.attribute_text("langsmith.metadata.id").map(Into::into);
    }
    let handoffs = || {
        let told = reading.attribute("langsmith.extra.invocation_params").map(json_of);
        told.is_some_and(|told| told.get("handoffs").is_some())
    };
    match span.kind {
        StepKind::Chain if handoffs() => {
            span.kind = StepKind::Agent;
            span.agent = span.agent.take().or_else(|| Some(intern(&span.name)));
        }
        StepKind::Chain if span.name.as_ref() == "Handoff" => span.kind = StepKind::Handoff,
        StepKind::Chain if span.parent_span_id.is_none() && span.workflow.is_none() => {
            span.workflow = Some(intern(&span.name));
        }
        StepKind::Tool if reading.attribute("langsmith.metadata.triggered").is_some() => {
            span.kind = StepKind::Guardrail;
            span.tool_name = None;
        }
        _ => {}
    }
}

/// What a tool returned: the SDKs put what is no dictionary under `output`, in JavaScript under `outputs`.
pub(crate) fn content(reading: &Reading<'_>, content: &mut Content) {
    if reading.kind != Some(StepKind::Tool) || content.tool_result.is_some() {
        return;
    }
    let Some(Json::Object(mut told)) = reading.attribute("gen_ai.completion").map(json_of) else { return };
    if told.len() == 1 {
        content.tool_result = told.remove("output").or_else(|| told.remove("outputs"));
    }
}
