//! Datadog's LLM observability: what ddtrace sends to an agent.
//!
//! Source: DataDog/dd-trace-py 4.16, `ddtrace/llmobs/{_llmobs,_writer,_event_types,_constants}.py`. Traces (`/v0.4/traces`,
//! MessagePack: a list of lists of spans) carry what a model call said as MessagePack in `meta_struct._llmobs`; without tracing,
//! spans come alone as JSON events (`/evp_proxy/v2/api/v2/llmobs`). Both go by the trace of the tracer, so that a span told both ways is one.
//! Attributes are the tracer's tags, and `_ml_obs.*` for the rest.

mod body;

use std::borrow::Cow;

use model::raw::{Scope, StatusCode};
use model::{SpanId, Timestamp, TraceId, Value};
use serde_json::{Map, Value as Json};

use self::body::read;
use crate::{DecodeError, ITEMS_MAX, Partial, Score, Told};

/// Scope under which these spans are kept.
const SCOPE: Scope<'static> =
    Scope { name: Cow::Borrowed("ddtrace"), version: Cow::Borrowed(""), attributes: model::Attributes(Vec::new()) };

/// A model or provider the tracer does not know.
const UNKNOWN: &str = "unknown";

/// Reads `PUT /v0.4/traces`: MessagePack, or JSON with the same shape. `received` stands in for times nobody told.
///
/// # Errors
/// When the body is not a list of traces. Bad spans are counted in [`Told::items`].
pub fn traces(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let Json::Array(chunks) = read(body)? else {
        return Err(DecodeError::Json("it is no list of traces, each a list of spans".into()));
    };
    let mut told = Told::default();
    for chunk in &chunks {
        let Some(spans) = chunk.as_array() else {
            told.refuse(format!("trace {}", told.items.len()), "it is no list of spans");
            continue;
        };
        // Only one span of a chunk names the upper half of the trace id.
        let high = spans.iter().find_map(|span| span["meta"]["_dd.p.tid"].as_str());
        let high = high.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        for span in spans {
            note(&mut told, span, |span| traced(span, high, received));
        }
    }
    Ok(told)
}

/// Reads `POST /evp_proxy/v2/api/v2/llmobs`: `[{"event_type": "span", "spans": [event…]}…]`, or one such object.
///
/// # Errors
/// When the body is no such JSON. Bad spans are counted in [`Told::items`].
pub fn events(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let payloads = match read(body)? {
        Json::Array(payloads) => payloads,
        payload @ Json::Object(_) => vec![payload],
        _ => return Err(DecodeError::Json("it is no list of objects with \"spans\"".into())),
    };
    let mut told = Told::default();
    for payload in &payloads {
        let Some(spans) = payload["spans"].as_array() else {
            told.refuse(format!("event {}", told.items.len()), "it has no list \"spans\"");
            continue;
        };
        for span in spans {
            note(&mut told, span, |span| event(span, received));
        }
    }
    Ok(told)
}

/// Reads `POST /evp_proxy/v2/api/intake/llm-obs/v2/eval-metric`: `{"data": {"attributes": {"metrics": [evaluation…]}}}`.
///
/// # Errors
/// When the body is no such JSON. Bad evaluations are counted in [`Told::items`].
pub fn evaluations(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let request = read(body)?;
    let Some(metrics) = request["data"]["attributes"]["metrics"].as_array() else {
        return Err(DecodeError::Json("it has no list \"data.attributes.metrics\"".into()));
    };
    let mut told = Told::default();
    for (number, metric) in metrics.iter().enumerate() {
        let id = text(&metric["label"]).unwrap_or_else(|| format!("evaluation {number}"));
        match evaluation(metric, received).and_then(|score| bounded(number).map(|()| score)) {
            Ok(score) => {
                told.scores.push(score);
                told.take(id);
            }
            Err(error) => told.refuse(id, error),
        }
    }
    Ok(told)
}

fn bounded(number: usize) -> Result<(), String> {
    if number < ITEMS_MAX {
        return Ok(());
    }
    Err(format!("a request may hold {ITEMS_MAX} items (ITEMS_MAX); send fewer at once"))
}

fn note(told: &mut Told, span: &Json, read: impl FnOnce(&Json) -> Result<Partial, String>) {
    let id = text(&span["span_id"]).unwrap_or_else(|| format!("span {}", told.items.len()));
    match bounded(told.items.len()).and_then(|()| read(span)) {
        Ok(partial) => {
            told.spans.push(partial);
            told.take(id);
        }
        Err(error) => told.refuse(id, error),
    }
}

/// A span of a trace.
fn traced(span: &Json, high: u64, received: Timestamp) -> Result<Partial, String> {
    let low = number(&span["trace_id"]).ok_or("the span has no \"trace_id\"")?;
    let trace = TraceId::from_slice(&(u128::from(high) << 64 | u128::from(low)).to_be_bytes());
    let trace = trace.map_err(|error| format!("its \"trace_id\" is no id: {error}"))?;
    let mut partial = timed(span, trace, "start", received)?;
    let data = &span["meta_struct"]["_llmobs"];
    partial.name = text(&data["name"]).or_else(|| text(&span["name"]));
    partial.parent = number(&span["parent_id"]).and_then(|id| SpanId::from_slice(&id.to_be_bytes()).ok());
    partial.set_text("dd.service", text(&span["service"]));
    for (key, name) in [("resource", "resource.name"), ("type", "span.type")] {
        partial.set_text(name, text(&span[key]));
    }
    // Copies of what LLM observability says; a model provider nobody knows is "unknown" there.
    let copies = data.is_object() && text(&span["meta"]["_dd.llmobs.artificial_gen_ai_tags"]).is_some();
    let tags = entries(&span["meta"]).chain(entries(&span["metrics"]));
    for (key, value) in tags.filter(|(key, _)| !(copies && key.starts_with("gen_ai."))) {
        let key = if key == "env" { "dd.env" } else { key };
        partial.set(key.to_owned(), plain(value));
    }
    if number(&span["error"]).is_some_and(|error| error > 0) {
        let message = ["error.message", "error.msg"].iter().find_map(|key| text(&span["meta"][key]));
        partial.status = Some((StatusCode::Error, message.unwrap_or_default()));
    }
    if data.is_object() {
        said(&mut partial, data);
    }
    Ok(partial)
}

/// A span that comes alone.
fn event(span: &Json, received: Timestamp) -> Result<Partial, String> {
    let own = &span["_dd"]["apm_trace_id"];
    let trace = text(own).or_else(|| text(&span["trace_id"])).ok_or("the span has no \"trace_id\"")?;
    let mut partial = timed(span, trace_id(&trace), "start_ns", received)?;
    partial.name = text(&span["name"]);
    // A root's parent is the word "undefined".
    partial.parent = number(&span["parent_id"]).and_then(|id| SpanId::from_slice(&id.to_be_bytes()).ok());
    let service = text(&span["service"]);
    if text(&span["status"]).as_deref() == Some("error") {
        partial.status = Some((StatusCode::Error, text(&span["status_message"]).unwrap_or_default()));
    }
    said(&mut partial, span);
    if service.is_some() {
        partial.attributes.retain(|(key, _)| key != "dd.service");
    }
    partial.set_text("dd.service", service);
    Ok(partial)
}

/// Ids and times.
fn timed(span: &Json, trace: TraceId, start: &str, received: Timestamp) -> Result<Partial, String> {
    let id = number(&span["span_id"]).ok_or("the span has no \"span_id\"")?;
    let id = SpanId::from_slice(&id.to_be_bytes()).map_err(|error| format!("its \"span_id\" is no id: {error}"))?;
    let nanos = |key: &str| number(&span[key]).and_then(|nanos| i64::try_from(nanos).ok());
    let start = nanos(start).filter(|start| *start > 0).map(Timestamp::from_nanos);
    let end = start.zip(nanos("duration")).map(|(start, took)| start.plus_nanos(took));
    let mut partial = Partial::new(trace, id, end.unwrap_or(received), SCOPE);
    (partial.start, partial.end) = (start, end);
    Ok(partial)
}

/// What the LLM observability says of a span.
fn said(span: &mut Partial, data: &Json) {
    let meta = &data["meta"];
    let kind = text(&meta["span"]["kind"]).or_else(|| text(&meta["span.kind"]));
    span.set_text("_ml_obs.meta.span.kind", kind);
    for key in ["model_name", "model_provider", "tool_definitions", "expected_output", "intent"] {
        let value = Some(&meta[key]).filter(|value| value.as_str() != Some(UNKNOWN));
        span.set(format!("_ml_obs.meta.{key}"), value.and_then(plain));
    }
    for side in ["input", "output"] {
        for (key, value) in entries(&meta[side]) {
            span.set(format!("_ml_obs.meta.{side}.{key}"), plain(value));
        }
    }
    for (key, value) in entries(&meta["input"]["prompt"]).filter(|(_, value)| !value.is_object()) {
        span.set(format!("_ml_obs.meta.input.prompt.{key}"), plain(value));
    }
    for (key, value) in entries(&meta["metadata"]) {
        span.set(format!("_ml_obs.meta.metadata.{key}"), plain(value));
    }
    for (key, value) in entries(&data["metrics"]) {
        span.set(format!("_ml_obs.metrics.{key}"), plain(value));
    }
    span.set_text("_ml_obs.session_id", text(&data["session_id"]));
    for (key, text) in tags(&data["tags"]) {
        match key.as_str() {
            "user_id" | "user.id" | "usr.id" => span.set_text("user.id", Some(text)),
            "env" if !text.is_empty() => span.set_text("dd.env", Some(text)),
            "version" if !text.is_empty() => span.set_text("dd.version", Some(text)),
            "service" => span.set_text("dd.service", Some(text)),
            "ml_app" => span.set_text("_ml_obs.ml_app", Some(text)),
            _ => span.set_text(format!("_ml_obs.tags.{key}"), Some(text)),
        }
    }
    if let Some(app) = text(&data["ml_app"]) {
        span.set_text("_ml_obs.ml_app", Some(app));
    }
    let error = &meta["error"];
    let old = |key: &str| text(&error[key]).or_else(|| text(&meta[format!("error.{key}")]));
    span.set_text("error.type", old("type"));
    span.set_text("error.stack", old("stack"));
    if let Some(message) = old("message") {
        span.status = Some((StatusCode::Error, message));
    }
}

/// Tags: an object, or a list of `key:value`.
fn tags(tags: &Json) -> Vec<(String, String)> {
    let of_object = entries(tags).filter_map(|(key, value)| Some((key.to_owned(), text(value)?)));
    let of_list = tags.as_array().into_iter().flatten().filter_map(Json::as_str);
    let of_list = of_list.filter_map(|tag| tag.split_once(':')).map(|(key, text)| (key.to_owned(), text.to_owned()));
    of_object.chain(of_list).collect()
}

fn evaluation(metric: &Json, received: Timestamp) -> Result<Score, String> {
    let label = text(&metric["label"]).ok_or("the evaluation has no \"label\"")?;
    let named = |key: &str| text(&metric["join_on"]["span"][key]).or_else(|| text(&metric[key]));
    let (span, trace) = (named("span_id"), named("trace_id"));
    let span_id = span.as_deref().and_then(|id| id.parse::<u64>().ok());
    let span_id = span_id.and_then(|id| SpanId::from_slice(&id.to_be_bytes()).ok());
    let span_id = span_id.ok_or(
        "the evaluation names no \"join_on.span.span_id\"; evaluations that are joined by a tag are not supported",
    )?;
    let at = number(&metric["timestamp_ms"]).and_then(|millis| i64::try_from(millis).ok());
    let mut score = Score::new(label.clone(), at.map_or(received, Timestamp::from_millis));
    score.id = format!("{span_id}:{label}");
    score.span_id = Some(span_id);
    // The trace it names is that of the LLM spans alone, not the tracer's.
    score.trace_if_unknown = trace.as_deref().map(trace_id);
    score.value = metric["score_value"].as_f64().or_else(|| metric["boolean_value"].as_bool().map(f64::from));
    score.label = text(&metric["categorical_value"]).or_else(|| text(&metric["assessment"]));
    score.comment = text(&metric["reasoning"]);
    score.source = text(&metric["eval_source_type"]);
    if let Some(value) = plain(&metric["json_value"]) {
        score.more.push((Cow::Borrowed("_ml_obs.evaluation.value"), value));
    }
    if score.value.is_none() && score.label.is_none() && score.more.is_empty() {
        return Err("the evaluation has no value".into());
    }
    Ok(score)
}

/// A trace id as 32 hexadecimal digits, or as a decimal number.
fn trace_id(id: &str) -> TraceId {
    let decimal = id.parse::<u128>().ok().filter(|_| id.len() != 32);
    let decimal = decimal.and_then(|number| TraceId::from_slice(&number.to_be_bytes()).ok());
    decimal.unwrap_or_else(|| crate::trace_id(id))
}

/// A text that is not empty, or a number's digits.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, also from text.
fn number(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn entries(value: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let map: Option<&Map<String, Json>> = value.as_object();
    map.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// A value as an attribute: lists and objects as their JSON text; `None` for null and for nothing in it.
fn plain(value: &Json) -> Option<Value<'static>> {
    match value {
        Json::Null => None,
        Json::Array(items) if items.is_empty() => None,
        Json::Object(items) if items.is_empty() => None,
        Json::Array(_) | Json::Object(_) => Some(Value::Str(Cow::Owned(value.to_string()))),
        Json::String(text) => Some(Value::Str(Cow::Owned(text.clone()))).filter(|_| !text.is_empty()),
        Json::Bool(truth) => Some(Value::Bool(*truth)),
        Json::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or_default()), Value::Int))
        }
    }
}

#[cfg(test)]
mod tests;
