//! The OpenAI Agents SDK's own exporter: `POST /v1/traces/ingest` with `{"data": [item…]}`.
//!
//! Source: openai/openai-agents-python, `src/agents/tracing/{spans,span_data,processors}.py` (0.24). An item is a trace (name,
//! group, metadata; no times) or a span that has ended. The trace gets a span of its own that covers its spans. Attributes are
//! OpenTelemetry's GenAI keys; what those have no name for is kept under `openai.agents.*`.

use std::borrow::Cow;
use std::collections::HashMap;

use model::raw::{Scope, StatusCode};
use model::{SpanId, Timestamp, TraceId, Value};
use serde_json::Value as Json;

use crate::ids::{root_span_id, span_id, trace_id};
use crate::raw_json::{Items, Members, attribute, string};
use crate::{DecodeError, ITEMS_MAX, Partial, Told};

/// Scope under which these spans are kept.
const SCOPE: Scope<'static> = Scope {
    name: Cow::Borrowed("openai-agents"),
    version: Cow::Borrowed(""),
    attributes: model::Attributes(Vec::new()),
};

/// The SDK's span types by OpenTelemetry's operation; a type that is not here is kept without one.
const OPERATIONS: &[(&str, &str)] = &[
    ("agent", "invoke_agent"),
    ("response", "chat"),
    ("generation", "chat"),
    ("function", "execute_tool"),
    ("handoff", "handoff"),
    ("guardrail", "apply_guardrail"),
    ("task", "task"),
    ("turn", "agent_step"),
    ("custom", "task"),
];

/// Reads a request. `received` stands in for times nobody told.
///
/// # Errors
/// When the body is not `{"data": […]}`. Bad items are counted in [`Told::items`].
pub fn ingest(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let request = Members::read(body).map_err(DecodeError::Json)?;
    let Some(Ok(Items(items))) = request.raw("data").map(serde_json::from_str) else {
        return Err(DecodeError::Json("it has no list \"data\" of traces and spans".into()));
    };
    let mut told = Told::default();
    for (number, item) in items.into_iter().enumerate() {
        let fields = Members::read(item.get().as_bytes());
        let id = fields.as_ref().ok().and_then(|fields| fields.text("id")).unwrap_or_else(|| format!("item {number}"));
        let read = fields.and_then(|fields| match (number < ITEMS_MAX, fields.text("object").as_deref()) {
            (false, _) => Err(format!("a request may hold {ITEMS_MAX} items (ITEMS_MAX); send fewer at once")),
            (_, Some("trace")) => trace(&fields, received, &mut told),
            (_, Some("trace.span")) => span(&fields, received, &mut told),
            (_, other) => {
                Err(format!("its \"object\" is {:?}; known are trace and trace.span", other.unwrap_or_default()))
            }
        });
        match read {
            Ok(()) => told.take(id),
            Err(error) => told.refuse(id, error),
        }
    }
    share(&mut told.spans);
    Ok(told)
}

/// Where the keys of what a call used begin.
const OWN: &str = "gen_ai.usage";
/// The same for what the calls below a turn or task used.
const TOTAL: &str = "gen_ai.aggregated_usage";

/// The SDK for JavaScript tells what a response used on its turn alone: where a turn has one call, that is the call's.
fn share(spans: &mut [Partial]) {
    let does = |span: &Partial, what: &str| {
        span.attributes.iter().any(|(key, value)| key == "gen_ai.operation.name" && value.as_str() == Some(what))
    };
    let told = |span: &Partial, prefix: &str| span.attributes.iter().any(|(key, _)| key.starts_with(prefix));
    let mut calls: HashMap<SpanId, Vec<usize>> = HashMap::new();
    for (at, span) in spans.iter().enumerate().filter(|(_, span)| does(span, "chat")) {
        if let Some(parent) = span.parent {
            calls.entry(parent).or_default().push(at);
        }
    }
    for turn in 0..spans.len() {
        let Some([call]) = calls.get(&spans[turn].span_id).map(Vec::as_slice) else { continue };
        if !does(&spans[turn], "agent_step") || told(&spans[*call], OWN) {
            continue;
        }
        let own = |(key, value): &(Cow<'static, str>, Value<'static>)| {
            Some((Cow::Owned(format!("{OWN}{}", key.strip_prefix(TOTAL)?)), value.clone()))
        };
        let used: Vec<(Cow<'static, str>, Value<'static>)> = spans[turn].attributes.iter().filter_map(own).collect();
        spans[*call].attributes.extend(used);
    }
}

fn trace(fields: &Members<'_>, received: Timestamp, told: &mut Told) -> Result<(), String> {
    let id = fields.text("id").ok_or("the trace has no \"id\"")?;
    let trace = own_trace_id(&id);
    let mut root = Partial::new(trace, root_span_id(trace), received, SCOPE);
    root.covers = true;
    root.name = fields.text("workflow_name");
    root.set("gen_ai.operation.name", Some(string("invoke_workflow")));
    root.set_text("gen_ai.workflow.name", fields.text("workflow_name"));
    root.set_text("gen_ai.conversation.id", fields.text("group_id"));
    root.set_text("openai.agents.trace_id", Some(id));
    for (key, text) in fields.object("metadata").iter() {
        match key {
            "user_id" | "user" => root.set("user.id", attribute(text)),
            "session_id" => root.set("session.id", attribute(text)),
            _ => {}
        }
        root.set(format!("openai.agents.metadata.{key}"), attribute(text));
    }
    told.spans.push(root);
    Ok(())
}

fn span(fields: &Members<'_>, received: Timestamp, told: &mut Told) -> Result<(), String> {
    let id = fields.text("id").ok_or("the span has no \"id\"")?;
    let trace_name = fields.text("trace_id").ok_or("the span has no \"trace_id\"")?;
    let trace = own_trace_id(&trace_name);
    let (start, end) = (fields.time("started_at"), fields.time("ended_at"));
    let at = end.or(start).unwrap_or(received);
    let mut span = Partial::new(trace, span_id(&id), at, SCOPE);
    (span.start, span.end) = (start, end);
    span.parent = fields.text("parent_id").map(|parent| span_id(&parent));
    span.parent_if_untold = Some(root_span_id(trace));
    span.set_text("openai.agents.span_id", Some(id));
    let data = fields.object("span_data");
    let told_sort = data.text("type").unwrap_or_default();
    let inner = data.object("data");
    // Newer SDKs send turns and tasks as custom spans that say so inside.
    let sort = inner.text("sdk_span_type").filter(|_| told_sort == "custom").unwrap_or_else(|| told_sort.clone());
    span.set_text("openai.agents.span_type", Some(told_sort));
    let operation = OPERATIONS.iter().find(|(known, _)| *known == sort).map(|(_, operation)| *operation);
    span.set_text("gen_ai.operation.name", operation);
    let name = data.text("name").filter(|_| sort == "custom" || inner.is_empty()).or_else(|| inner.text("name"));
    span.name = Some(name.unwrap_or_else(|| sort.clone()));
    of_sort(&sort, &data, &inner, &mut span);
    error(fields, &mut span);

    let mut root = Partial::new(trace, root_span_id(trace), at, SCOPE);
    root.covers = true;
    (root.start, root.end) = (start, end);
    root.set_text("openai.agents.trace_id", Some(trace_name));
    root.set("gen_ai.operation.name", Some(string("invoke_workflow")));
    if sort == "agent" {
        // The trace has no status of its own; an agent that fails takes its workflow with it.
        root.status = span.status.clone();
    }
    told.spans.push(span);
    told.spans.push(root);
    Ok(())
}

/// `trace_<32 hexadecimal digits>` is the trace id itself.
fn own_trace_id(id: &str) -> TraceId {
    trace_id(id.strip_prefix("trace_").unwrap_or(id))
}

/// What each type of span carries.
fn of_sort(sort: &str, data: &Members<'_>, inner: &Members<'_>, span: &mut Partial) {
    let kept = |key: &str| data.raw(key).and_then(attribute);
    match sort {
        "agent" => {
            span.set_text("gen_ai.agent.name", data.text("name"));
            span.set("openai.agents.tools", kept("tools"));
            span.set("openai.agents.handoffs", kept("handoffs"));
            span.set("openai.agents.output_type", kept("output_type"));
        }
        "response" | "generation" => {
            span.set("gen_ai.provider.name", Some(string("openai")));
            span.set_text("gen_ai.response.id", data.text("response_id"));
            span.set_text("gen_ai.request.model", data.text("model"));
            span.set("gen_ai.input.messages", kept("input"));
            span.set("gen_ai.output.messages", kept("output"));
            let config = data.object("model_config");
            for key in ["temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty"] {
                span.set(format!("gen_ai.request.{key}"), config.raw(key).and_then(attribute));
            }
            span.set("openai.agents.model_config", kept("model_config"));
            let (told, inside) = (data.object("usage"), data.raw("output").and_then(answer));
            if let Some(answer) = inside.as_ref().filter(|_| told.is_empty()) {
                usage(&answer.object("usage"), OWN, span);
                span.set_text("gen_ai.response.id", answer.text("id"));
                span.set_text("gen_ai.response.model", answer.text("model"));
            } else {
                usage(&told, OWN, span);
            }
        }
        "function" => {
            span.set_text("gen_ai.tool.name", data.text("name"));
            span.set("gen_ai.tool.call.arguments", kept("input"));
            span.set("gen_ai.tool.call.result", kept("output"));
            span.set("openai.agents.mcp_data", kept("mcp_data"));
        }
        "handoff" => {
            let (from, to) = (data.text("from_agent"), data.text("to_agent"));
            let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".into());
            span.name = Some(format!("{} → {}", shown(&from), shown(&to)));
            span.set_text("gen_ai.handoff.from_agent", from);
            span.set_text("gen_ai.handoff.to_agent", to);
        }
        "guardrail" => {
            span.set_text("gen_ai.guardrail.name", data.text("name"));
            span.set("gen_ai.guardrail.triggered", kept("triggered"));
        }
        "task" | "turn" => {
            let source = if inner.is_empty() { data } else { inner };
            span.set_text("gen_ai.agent.name", source.text("agent_name"));
            span.set("openai.agents.turn", source.raw("turn").and_then(attribute));
            // Totals over the calls below.
            usage(&source.object("usage"), TOTAL, span);
        }
        _ => {
            for (key, text) in data.iter().filter(|(key, _)| !matches!(*key, "type" | "name" | "usage")) {
                span.set(format!("openai.agents.{key}"), attribute(text));
            }
            span.set_text("gen_ai.request.model", data.text("model"));
        }
    }
}

/// The provider's whole answer, which the SDK for JavaScript gives as the only element of the output.
fn answer(output: &str) -> Option<Members<'_>> {
    let Items(items) = serde_json::from_str(output).ok()?;
    let answer = Members::read(items.first().copied()?.get().as_bytes()).ok()?;
    answer.text("object").filter(|object| object == "chat.completion")?;
    Some(answer)
}

/// Token counts as the Responses API, the chat API or the SDK's own totals name them.
fn usage(usage: &Members<'_>, prefix: &str, span: &mut Partial) {
    let count = |members: &Members<'_>, names: &[&str]| {
        names.iter().find_map(|name| members.number(name)).filter(|count| *count >= 0.0).map(|count| count as i64)
    };
    let input = ["input_tokens_details", "prompt_tokens_details"].map(|key| usage.object(key));
    let output = ["output_tokens_details", "completion_tokens_details"].map(|key| usage.object(key));
    let detail = |groups: &[Members<'_>; 2], names: &[&str]| groups.iter().find_map(|group| count(group, names));
    for (key, value) in [
        ("input_tokens", count(usage, &["input_tokens", "prompt_tokens"])),
        ("output_tokens", count(usage, &["output_tokens", "completion_tokens"])),
        ("total_tokens", count(usage, &["total_tokens"])),
        (
            "cache_read.input_tokens",
            detail(&input, &["cached_tokens"]).or_else(|| count(usage, &["cached_input_tokens"])),
        ),
        (
            "cache_write.input_tokens",
            detail(&input, &["cache_write_tokens"]).or_else(|| count(usage, &["cache_write_input_tokens"])),
        ),
        ("reasoning.output_tokens", detail(&output, &["reasoning_tokens"])),
    ] {
        span.set(format!("{prefix}.{key}"), value.map(Value::Int));
    }
}

/// What went wrong: a sentence, and data in which the SDK puts the cause.
fn error(fields: &Members<'_>, span: &mut Partial) {
    let Some(text) = fields.raw("error") else { return };
    let error = fields.object("error");
    let message = error.text("message").unwrap_or_else(|| text.to_owned());
    let cause = match error.json("data") {
        Some(Json::Object(data)) => data.get("error").and_then(Json::as_str).map(str::to_owned),
        _ => None,
    };
    let message = cause.map_or_else(|| message.clone(), |cause| format!("{message}: {cause}"));
    span.status = Some((StatusCode::Error, message));
    span.set("openai.agents.error_data", error.raw("data").and_then(attribute));
}

#[cfg(test)]
mod tests;
