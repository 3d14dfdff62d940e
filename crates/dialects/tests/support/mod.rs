//! Shared by the tests: spans from plain JSON, and understood spans as plain JSON.
#![allow(dead_code)]

use std::borrow::Cow;

use model::raw::{Event, RawLog, RawSpan, Resource, Scope, SpanKind, StatusCode};
use model::{Attributes, Span, SpanId, Timestamp, TraceId, UsageRole, Value};
use serde_json::{Map, Value as Json, json};

/// Start of every span in golden files.
pub const START: Timestamp = Timestamp::from_millis(1_763_700_000_000);

/// One golden input: a resource, a scope, spans and the log records joined to them.
pub struct Case {
    pub resource: Resource<'static>,
    pub scope: Scope<'static>,
    pub spans: Vec<RawSpan<'static>>,
    pub logs: Vec<RawLog<'static>>,
}

pub fn value(json: &Json) -> Value<'static> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap()), Value::Int),
        Json::String(text) => Value::Str(Cow::Owned(text.clone())),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(map) => Value::Map(map.iter().map(|(key, item)| (Cow::Owned(key.clone()), value(item))).collect()),
    }
}

pub fn attributes(json: Option<&Json>) -> Attributes<'static> {
    let Some(Json::Object(map)) = json else { return Attributes::default() };
    // `$json` spares escaping: {"$json": …} is sent as JSON text.
    let one = |item: &Json| match item.get("$json") {
        Some(inner) => Value::Str(Cow::Owned(inner.to_string())),
        None => value(item),
    };
    Attributes(map.iter().map(|(key, item)| (Cow::Owned(key.clone()), one(item))).collect())
}

fn text(json: &Json, key: &str) -> Cow<'static, str> {
    Cow::Owned(json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned())
}

fn after(json: &Json, key: &str) -> Timestamp {
    START.plus_nanos((json.get(key).and_then(Json::as_f64).unwrap_or(0.0) * 1e6) as i64)
}

pub fn case(json: &Json) -> Case {
    let list = |key: &str| json.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
    Case {
        resource: Resource { attributes: attributes(json.get("resource")) },
        scope: Scope { name: text(json, "scope"), ..Scope::default() },
        spans: list("spans").iter().map(span).collect(),
        logs: list("logs").iter().map(log).collect(),
    }
}

fn span(json: &Json) -> RawSpan<'static> {
    let events = json.get("events").and_then(Json::as_array).cloned().unwrap_or_default();
    RawSpan {
        trace_id: TraceId::from_array([1; 16]),
        span_id: SpanId::from_array([2; 8]),
        name: text(json, "name"),
        kind: match json.get("kind").and_then(Json::as_str) {
            Some("server") => SpanKind::Server,
            Some("client") => SpanKind::Client,
            Some("consumer") => SpanKind::Consumer,
            _ => SpanKind::Internal,
        },
        start: START,
        end: if json.get("running").is_some() { Timestamp::default() } else { START.plus_nanos(100_000_000) },
        attributes: attributes(json.get("attributes")),
        events: events
            .iter()
            .map(|event| Event {
                time: after(event, "at_ms"),
                name: text(event, "name"),
                attributes: attributes(event.get("attributes")),
            })
            .collect(),
        status: match json.get("status").and_then(Json::as_str) {
            Some("error") => StatusCode::Error,
            Some("ok") => StatusCode::Ok,
            _ => StatusCode::Unset,
        },
        status_message: text(json, "message"),
        ..RawSpan::default()
    }
}

fn log(json: &Json) -> RawLog<'static> {
    RawLog {
        time: after(json, "at_ms"),
        event_name: text(json, "event_name"),
        body: json.get("body").map(value).unwrap_or_default(),
        attributes: attributes(json.get("attributes")),
        severity: json.get("severity").and_then(Json::as_u64).unwrap_or(0) as u8,
        ..RawLog::default()
    }
}

/// What a span was understood as, without what nobody said.
pub fn shown(span: &Span) -> Json {
    let mut out = Map::new();
    let mut put = |key: &str, value: Json| {
        if !value.is_null() && value != json!([]) && value != json!({}) && value != json!("") {
            out.insert(key.to_owned(), value);
        }
    };
    put("dialect", json!(span.dialect));
    put("kind", json!(span.kind));
    put("status", json!(span.status));
    put("error_type", json!(span.error_type));
    put("error_message", json!(span.error_message));
    put("service", json!(span.service));
    put("environment", json!(span.tenant.environment));
    put("agent", json!(span.agent));
    put("agent_version", json!(span.agent_version));
    put("workflow", json!(span.workflow));
    put("session_id", json!(span.session_id));
    put("user_id", json!(span.user_id));
    put("query_type", json!(span.query_type));
    put("outcome", json!(span.outcome));
    put("model", json!(span.model));
    put("request_model", json!(span.request_model));
    put("provider", json!(span.provider));
    put("response_id", json!(span.response_id));
    let usage = serde_json::to_value(span.usage).unwrap();
    put(
        "usage",
        usage
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    );
    put("usage_role", if span.usage_role == UsageRole::Own { Json::Null } else { json!(span.usage_role) });
    put("cost", json!(span.cost.map(|cost| cost.to_string())));
    put("cost_source", json!(span.cost_source));
    put("ttft_ms", json!(span.ttft_ms));
    put("finish_reason", json!(span.finish_reason));
    put("tool_name", json!(span.tool_name));
    put("tool_call_id", json!(span.tool_call_id));
    put("requested_tool_calls", json!(span.requested_tool_calls));
    put("documents", json!(span.documents));
    put("prompt_name", json!(span.prompt_name));
    put("prompt_version", json!(span.prompt_version));
    put("tags", json!(span.tags));
    put("provider_sdk", if span.provider_sdk { json!(true) } else { Json::Null });
    put("input_preview", json!(span.input_preview));
    put("output_preview", json!(span.output_preview));
    put("unmapped", if span.unmapped > 0 { json!(span.unmapped) } else { Json::Null });
    Json::Object(out)
}
