//! Spans as the SDKs that sent them read them back.
//!
//! What a span was told as is in its attributes, under the vendor's keys; a span that came over OTLP is shown by its name, times and
//! content as far as it has them.

use std::sync::Arc;

use ::receivers::Score;
use axum::http::HeaderMap;
use model::raw::StatusCode;
use model::{Attributes, SpanId, Timestamp, TraceId, Value};
use serde_json::{Map, Value as Json, json};
use store::{Store, StoredSpan};

use crate::api::whole;
use crate::app::App;
use crate::ingest::Refusal;

/// The spans of a trace and its scores, for a request with these headers; empty when unknown.
pub async fn trace(
    app: &App,
    headers: &HeaderMap,
    id: TraceId,
) -> Result<(Vec<StoredSpan<'static>>, Vec<Score>), Refusal> {
    let (project, store) = admitted(app, headers)?;
    let spans = whole::alone(app, store, &project, id, &mut 0).await.map_err(|error| match error.limit() {
        Some(limit) => Refusal::TooMuch { limit, detail: error.to_string() },
        None => unreadable(error),
    })?;
    Ok((spans, scores_of(store, &project, id).await?))
}

/// One span of a trace, or the first without a parent, and the scores of the trace; the rest of it is not read.
pub async fn one(
    app: &App,
    headers: &HeaderMap,
    trace: TraceId,
    span: Option<SpanId>,
) -> Result<(Option<StoredSpan<'static>>, Vec<Score>), Refusal> {
    let (project, store) = admitted(app, headers)?;
    let span = match span {
        Some(span) => Some(span),
        None => {
            let spans = store.trace_narrow(&project, trace).await.map_err(unreadable)?;
            spans.iter().find(|span| span.parent_span_id.is_none()).map(|span| span.span_id)
        }
    };
    let Some(span) = span else { return Ok((None, Vec::new())) };
    let found = store.span(&project, trace, span).await.map_err(unreadable)?;
    Ok((found, scores_of(store, &project, trace).await?))
}

/// The scores of a trace.
pub async fn scores(app: &App, headers: &HeaderMap, trace: TraceId) -> Result<Vec<Score>, Refusal> {
    let (project, store) = admitted(app, headers)?;
    scores_of(store, &project, trace).await
}

fn admitted<'a>(app: &'a App, headers: &HeaderMap) -> Result<(Arc<str>, &'a Store), Refusal> {
    let project = app.admit_reader(headers)?;
    let opened = app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
    Ok((project, &opened.store))
}

async fn scores_of(store: &Store, project: &str, trace: TraceId) -> Result<Vec<Score>, Refusal> {
    let logs = store.trace_logs(project, trace).await.map_err(unreadable)?;
    Ok(Score::latest(logs.iter().filter_map(|log| Score::from_log(&log.raw)).collect()))
}

fn unreadable(error: impl std::fmt::Display) -> Refusal {
    Refusal::NotKept(format!("the trace cannot be read: {error}"))
}

/// A value that was JSON when it was sent, as JSON again.
fn opened(value: &Value<'_>) -> Json {
    match value {
        Value::Str(text) if text.starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string()))
        }
        other => other.to_json(),
    }
}

fn member(attributes: &Attributes<'_>, key: &str) -> Json {
    attributes.get(key).map_or(Json::Null, opened)
}

/// Attributes below a prefix as an object.
fn below(attributes: &Attributes<'_>, prefix: &str) -> Json {
    let members =
        attributes.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), opened(value))));
    Json::Object(members.collect::<Map<String, Json>>())
}

fn time(time: Timestamp) -> Json {
    if time.is_unset() { Json::Null } else { Json::String(time.to_string()) }
}

/// The id a client gave, kept under `key`; else the own one.
fn given(attributes: &Attributes<'_>, key: &str, own: impl std::fmt::Display) -> String {
    attributes.text(key).map_or_else(|| own.to_string(), str::to_owned)
}

/// Langfuse's `TraceWithFullDetails`.
pub fn langfuse_trace(id: &str, spans: &[StoredSpan<'_>], scores: &[Score]) -> Json {
    let root = spans.iter().find(|span| span.raw.parent_span_id.is_none()).unwrap_or(&spans[0]);
    let told = &root.raw.attributes;
    // The span that stands for the trace is no observation.
    let stands_for_trace = |span: &&StoredSpan<'_>| span.raw.attributes.get("langfuse.trace.id").is_none();
    let observations: Vec<Json> = spans.iter().filter(stands_for_trace).map(|span| observation(id, span)).collect();
    let first = |keys: [&str; 2]| keys.iter().map(|key| member(told, key)).find(|value| !value.is_null());
    let cost = spans.iter().filter_map(|span| span.span.cost).fold(model::Usd::default(), model::Usd::plus).as_f64();
    let end = spans.iter().map(|span| span.raw.end).max().unwrap_or_default();
    json!({
        "id": id,
        "timestamp": time(root.raw.start),
        "name": first(["langfuse.trace.name", "langfuse.trace.name"]).unwrap_or_else(|| Json::String(root.raw.name.to_string())),
        "input": first(["langfuse.trace.input", "langfuse.observation.input"]),
        "output": first(["langfuse.trace.output", "langfuse.observation.output"]),
        "sessionId": first(["session.id", "langfuse.session.id"]),
        "userId": first(["user.id", "langfuse.user.id"]),
        "release": member(told, "langfuse.release"),
        "version": member(told, "langfuse.version"),
        "environment": first(["langfuse.environment", "deployment.environment"]).unwrap_or_else(|| "default".into()),
        "public": told.get("langfuse.trace.public").and_then(Value::as_bool).unwrap_or(false),
        "tags": told.get("langfuse.trace.tags").map_or_else(|| json!([]), opened),
        "metadata": below(told, "langfuse.trace.metadata."),
        "htmlPath": format!("/runs/{}", root.raw.trace_id),
        "latency": if end.is_unset() { 0.0 } else { end.millis_since(root.raw.start).max(0.0) / 1e3 },
        "totalCost": cost,
        "observations": observations,
        "scores": scores.iter().map(|score| langfuse_score(id, score)).collect::<Vec<_>>(),
    })
}

fn observation(trace: &str, stored: &StoredSpan<'_>) -> Json {
    let (raw, span) = (&stored.raw, &stored.span);
    let told = &raw.attributes;
    let sort = told.text("langfuse.observation.type").unwrap_or("span");
    json!({
        "id": given(told, "langfuse.observation.id", raw.span_id),
        "traceId": trace,
        "type": sort.to_uppercase(),
        "name": raw.name,
        "startTime": time(raw.start),
        "endTime": time(raw.end),
        "completionStartTime": member(told, "langfuse.observation.completion_start_time"),
        "model": member(told, "langfuse.observation.model.name"),
        "modelParameters": member(told, "langfuse.observation.model.parameters"),
        "input": member(told, "langfuse.observation.input"),
        "output": member(told, "langfuse.observation.output"),
        "metadata": below(told, "langfuse.observation.metadata."),
        "level": told.text("langfuse.observation.level").unwrap_or(if raw.status == StatusCode::Error { "ERROR" } else { "DEFAULT" }),
        "statusMessage": member(told, "langfuse.observation.status_message"),
        "parentObservationId": raw.parent_span_id.map(|id| id.to_string()),
        "promptName": member(told, "langfuse.observation.prompt.name"),
        "promptVersion": member(told, "langfuse.observation.prompt.version"),
        "usageDetails": {
            "input": span.usage.input_tokens, "output": span.usage.output_tokens, "total": span.usage.total_tokens(),
        },
        "usage": {
            "input": span.usage.input_tokens, "output": span.usage.output_tokens, "total": span.usage.total_tokens(), "unit": "TOKENS",
        },
        "costDetails": { "total": span.cost.map(model::Usd::as_f64) },
        "version": member(told, "langfuse.version"),
    })
}

fn langfuse_score(trace: &str, score: &Score) -> Json {
    let kind = if score.value.is_some() { "NUMERIC" } else { "CATEGORICAL" };
    json!({
        "id": score.id,
        "traceId": trace,
        "observationId": score.span_id.map(|id| id.to_string()),
        "name": score.name,
        "value": score.value.map_or_else(|| score.label.clone().into(), Json::from),
        "stringValue": score.label,
        "dataType": kind,
        "source": score.source.as_deref().unwrap_or("API"),
        "comment": score.comment,
        "timestamp": time(score.at),
        "createdAt": time(score.at),
        "updatedAt": time(score.at),
    })
}

/// LangSmith's `Run`. Spans of other senders get UUIDs made of their ids.
pub fn langsmith_run(stored: &StoredSpan<'_>, scores: &[Score]) -> Json {
    let (raw, span) = (&stored.raw, &stored.span);
    let told = &raw.attributes;
    let mut extra = below(told, "langsmith.extra.");
    if let Json::Object(members) = &mut extra {
        members.insert("metadata".into(), below(told, "langsmith.metadata."));
        members.insert("runtime".into(), member(told, "langsmith.runtime"));
    }
    let object = |key: &str| match member(told, key) {
        value @ Json::Object(_) => value,
        Json::Null => json!({}),
        other => json!({ "input": other }),
    };
    let error = told
        .text("langsmith.error")
        .map(str::to_owned)
        .or_else(|| (raw.status == StatusCode::Error).then(|| raw.status_message.to_string()));
    let events: Vec<Json> =
        raw.events.iter().map(|event| json!({ "name": event.name, "time": time(event.time) })).collect();
    let mut feedback = Map::new();
    for score in scores.iter().filter(|score| score.span_id == Some(raw.span_id)) {
        feedback.insert(
            score.name.clone(),
            json!({ "n": 1, "avg": score.value, "comments": score.comment.iter().collect::<Vec<_>>() }),
        );
    }
    json!({
        "id": run_id(stored),
        "trace_id": given(told, "langsmith.trace_id", uuid(raw.trace_id.as_bytes())),
        "parent_run_id": told.text("langsmith.parent_run_id").map(str::to_owned).or_else(|| raw.parent_span_id.map(|id| span_uuid(stored, id.as_bytes()))),
        "name": raw.name,
        "run_type": told.text("langsmith.span.kind").unwrap_or("chain"),
        "start_time": time(raw.start),
        "end_time": time(raw.end),
        "status": match (raw.end.is_unset(), error.is_some()) { (_, true) => "error", (true, false) => "pending", (false, false) => "success" },
        "error": error,
        "inputs": object("gen_ai.prompt"),
        "outputs": object("gen_ai.completion"),
        "extra": extra,
        "events": events,
        "tags": told.text("langsmith.span.tags").map(|tags| tags.split(", ").map(str::to_owned).collect::<Vec<_>>()),
        "session_id": given(told, "langsmith.trace.session_id", answers_session(told)),
        "feedback_stats": feedback,
        "prompt_tokens": span.usage.input_tokens,
        "completion_tokens": span.usage.output_tokens,
        "total_tokens": span.usage.total_tokens(),
        "total_cost": span.cost.map(model::Usd::as_f64),
        "app_path": format!("/runs/{}", raw.trace_id),
    })
}

/// The id of a span as a run: the one the client gave, else a UUID made of trace and span.
pub fn run_id(stored: &StoredSpan<'_>) -> String {
    let own = span_uuid(stored, stored.raw.span_id.as_bytes());
    given(&stored.raw.attributes, "langsmith.run_id", own)
}

fn span_uuid(stored: &StoredSpan<'_>, span: &[u8; 8]) -> String {
    let mut bytes = *stored.raw.trace_id.as_bytes();
    bytes[8..].copy_from_slice(span);
    uuid(&bytes)
}

fn answers_session(attributes: &Attributes<'_>) -> String {
    project_id(attributes.text("langsmith.trace.session_name").unwrap_or("default"))
}

/// The UUID that a project's name gives: LangSmith names its projects by both.
pub fn project_id(name: &str) -> String {
    uuid(::receivers::trace_id(&format!("langsmith project {name}")).as_bytes())
}

/// Sixteen bytes in a UUID's form.
pub fn uuid(bytes: &[u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
