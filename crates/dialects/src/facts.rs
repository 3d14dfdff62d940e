//! What was understood, as names and texts: to show a span to its author, and to compare two ways of reading it.

use model::{Content, Span, UsageRole};
use serde_json::Value as Json;

/// A field that has a value, by the name that convention tables use where there is one.
pub type Fact = (&'static str, String);

/// The narrow facts of a span, without its identity and times.
pub fn facts(span: &Span) -> Vec<Fact> {
    let text = |value: &Option<std::sync::Arc<str>>| value.as_deref().map(str::to_owned);
    let count = |value: Option<u64>| value.map(|count| count.to_string());
    let list = |values: &[std::sync::Arc<str>]| (!values.is_empty()).then(|| values.join(", "));
    let of_role =
        |own: &'static str, sum: &'static str| if span.usage_role == UsageRole::Aggregate { sum } else { own };
    let usage = &span.usage;
    let all = [
        ("dialect", Some(span.dialect.to_string()).filter(|name| !name.is_empty())),
        ("name", Some(span.name.to_string())),
        ("kind", Some(span.kind.to_string())),
        ("status", Some(span.status.to_string())),
        ("error_type", text(&span.error_type)),
        ("error_message", text(&span.error_message)),
        ("service", text(&span.service)),
        ("environment", Some(span.tenant.environment.to_string())),
        ("agent", text(&span.agent)),
        ("agent_version", text(&span.agent_version)),
        ("workflow", text(&span.workflow)),
        ("session_id", text(&span.session_id)),
        ("user_id", text(&span.user_id)),
        ("query_type", text(&span.query_type)),
        ("outcome", text(&span.outcome)),
        ("model", text(&span.model)),
        ("request_model", text(&span.request_model)),
        ("provider", text(&span.provider)),
        ("response_id", text(&span.response_id)),
        (of_role("input_tokens", "aggregate_input_tokens"), count(usage.input_tokens)),
        (of_role("output_tokens", "aggregate_output_tokens"), count(usage.output_tokens)),
        (of_role("cache_read_tokens", "aggregate_cache_read_tokens"), count(usage.cache_read_tokens)),
        (of_role("cache_write_tokens", "aggregate_cache_write_tokens"), count(usage.cache_write_tokens)),
        (of_role("reasoning_tokens", "aggregate_reasoning_tokens"), count(usage.reasoning_tokens)),
        (of_role("total_tokens", "aggregate_total_tokens"), count(usage.reported_total)),
        ("cost_total", span.cost.map(|cost| cost.to_string())),
        ("ttft_ms", span.ttft_ms.map(|ms| ms.to_string())),
        ("finish_reason", text(&span.finish_reason)),
        ("tool_name", text(&span.tool_name)),
        ("tool_call_id", text(&span.tool_call_id)),
        ("requested_tool_calls", list(&span.requested_tool_calls)),
        ("document_count", span.documents.map(|count| count.to_string())),
        ("prompt_name", text(&span.prompt_name)),
        ("prompt_version", text(&span.prompt_version)),
        ("tags", list(&span.tags)),
        ("unexplained attributes", (span.unmapped > 0).then(|| span.unmapped.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What was said, a text for each part that is there.
pub fn content_facts(content: &Content) -> Vec<Fact> {
    let Ok(Json::Object(mut parts)) = serde_json::to_value(content) else { return Vec::new() };
    const NAMES: &[(&str, &str)] = &[
        ("input", "input_messages"),
        ("output", "output_messages"),
        ("input_value", "input_value"),
        ("output_value", "output_value"),
        ("tool_arguments", "tool_arguments"),
        ("tool_result", "tool_result"),
        ("tool_definitions", "tool_definitions"),
        ("query", "query"),
        ("documents", "documents"),
        ("input_documents", "input_documents"),
    ];
    let said = |value: &Json| match value {
        Json::Null => None,
        Json::Array(items) if items.is_empty() => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    NAMES.iter().filter_map(|(part, name)| Some((*name, said(&parts.remove(*part)?)?))).collect()
}
