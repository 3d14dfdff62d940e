//! Langfuse's ingestion API: `POST /api/public/ingestion` (a batch of events) and `POST /api/public/scores`.
//!
//! Source: langfuse/langfuse, `fern/apis/server/definition/ingestion.yml`, and what its Python SDK 2 to 5 sends. All events
//! are upserts keyed by `body.id`; an update may come before its create, and the event's `timestamp` decides. A span gets the attribute
//! keys that Langfuse's own SDKs use over OTLP. A trace has no span of its own in this protocol: one is made for it, which covers
//! the observations that name no parent.

use std::borrow::Cow;

use model::raw::{Scope, StatusCode};
use model::{Timestamp, Value};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::ids::{root_span_id, span_id, trace_id};
use crate::raw_json::{Items, Members, attribute, string};
use crate::{DecodeError, ITEMS_MAX, Partial, Score, Told};

/// Scope name under which Langfuse's SDKs send OTLP, and by which the dialect is known.
const SCOPE: &str = "langfuse-sdk";

/// Reads an ingestion batch: `{"batch": [event…], "metadata": {…}}`. `received` stands in for times nobody told.
///
/// # Errors
/// When the body is not such an object. Bad events are counted in [`Told::items`], under their event ids.
pub fn ingestion(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let request = Members::read(body).map_err(DecodeError::Json)?;
    let Some(Ok(Items(events))) = request.raw("batch").map(serde_json::from_str) else {
        return Err(DecodeError::Json("it has no list \"batch\" of events".into()));
    };
    let metadata = request.object("metadata");
    let scope = Scope {
        name: Cow::Borrowed(SCOPE),
        version: Cow::Owned(metadata.text("sdk_version").unwrap_or_default()),
        ..Scope::default()
    };
    let mut told = Told::default();
    for (number, event) in events.into_iter().enumerate() {
        let fields = Members::read(event.get().as_bytes());
        let id = fields.as_ref().ok().and_then(|fields| fields.text("id")).unwrap_or_else(|| format!("event {number}"));
        let read = fields.and_then(|fields| match number < ITEMS_MAX {
            true => self::event(&fields, &id, &scope, received, &mut told),
            false => Err(format!("a batch may hold {ITEMS_MAX} events (ITEMS_MAX); send smaller batches")),
        });
        match read {
            Ok(()) => told.take(id),
            Err(error) => told.refuse(id, error),
        }
    }
    Ok(told)
}

/// Reads `POST /api/public/scores`: one score, or a list of them.
///
/// # Errors
/// When the body is neither. Bad scores are counted in [`Told::items`].
pub fn scores(body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let list: Items<'_> = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?,
        _ => {
            let one: &RawValue = serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
            Items(vec![one])
        }
    };
    let mut told = Told::default();
    for (number, item) in list.0.into_iter().enumerate() {
        let read = match number < ITEMS_MAX {
            true => Members::read(item.get().as_bytes()).and_then(|fields| score(&fields, None, received)),
            false => Err(format!("a request may hold {ITEMS_MAX} scores (ITEMS_MAX); send fewer at once")),
        };
        match read {
            Ok(score) => {
                told.take(score.id.clone());
                told.scores.push(score);
            }
            Err(error) => told.refuse(format!("score {number}"), error),
        }
    }
    Ok(told)
}

/// One event of a batch.
fn event(
    fields: &Members<'_>,
    id: &str,
    scope: &Scope<'static>,
    received: Timestamp,
    told: &mut Told,
) -> Result<(), String> {
    let kind = fields.text("type").ok_or("the event has no \"type\"")?;
    let at = fields.time("timestamp").unwrap_or(received);
    let Some(body) = fields.raw("body") else { return Err("the event has no \"body\"".into()) };
    let body = Members::read(body.as_bytes()).map_err(|error| format!("its body is {error}"))?;
    match kind.as_str() {
        // What the SDK says about itself is of no interest to anybody else.
        "sdk-log" => Ok(()),
        "trace-create" => {
            let trace = body.text("id").unwrap_or_else(|| id.to_owned());
            told.spans.push(self::trace(&body, &trace, at, scope));
            Ok(())
        }
        "score-create" => {
            told.scores.push(score(&body, Some(id), at)?);
            Ok(())
        }
        "dataset-run-item-create" => Err("Tawny keeps no dataset runs; the trace itself is kept".into()),
        _ => {
            let sort = kind.strip_suffix("-create").or_else(|| kind.strip_suffix("-update")).ok_or_else(|| {
                format!("there is no event type {kind:?}: types are trace-create, score-create, span-create, span-update and so on")
            })?;
            let sort = match (sort, body.text("type")) {
                ("observation", Some(sort)) => sort.to_lowercase(),
                ("observation", None) => "span".to_owned(),
                (sort, _) => sort.to_owned(),
            };
            observation(&body, id, &sort, at, scope, told);
            Ok(())
        }
    }
}

/// The span that stands for a trace.
fn trace(body: &Members<'_>, id: &str, at: Timestamp, scope: &Scope<'static>) -> Partial {
    let trace = trace_id(id);
    let mut span = Partial::new(trace, root_span_id(trace), at, scope.clone());
    span.covers = true;
    span.name = body.text("name");
    let starts = ["timestamp", "startTime", "start_time"];
    span.start = starts.iter().filter_map(|key| body.time(key)).min();
    // The protocol has no end of a trace. Its output is there when it is over; Python's decorator sends the time as well.
    let ended = body.raw("output").map(|_| at);
    span.end = ["endTime", "end_time"].iter().find_map(|key| body.time(key)).or(ended);
    span.set("langfuse.observation.type", Some(string("span")));
    span.set_text("langfuse.trace.id", Some(id));
    span.set_text("langfuse.trace.name", body.text("name"));
    span.set_text("user.id", body.text("userId"));
    span.set_text("session.id", body.text("sessionId"));
    span.set_text("langfuse.release", body.text("release"));
    span.set("langfuse.trace.public", body.raw("public").and_then(attribute));
    span.set("langfuse.trace.input", body.raw("input").and_then(attribute));
    span.set("langfuse.trace.output", body.raw("output").and_then(attribute));
    let tags = body.texts("tags");
    if !tags.is_empty() {
        span.set("langfuse.trace.tags", Some(Value::Array(tags.into_iter().map(string).collect())));
    }
    metadata(body, "langfuse.trace.metadata", &mut span);
    common(body, &mut span);
    span
}

/// A span, generation, event or observation of any other type; with it, the trace's span comes to cover it.
fn observation(body: &Members<'_>, event: &str, sort: &str, at: Timestamp, scope: &Scope<'static>, told: &mut Told) {
    let id = body.text("id").unwrap_or_else(|| event.to_owned());
    let trace_name = body.text("traceId").unwrap_or_else(|| id.clone());
    let trace = trace_id(&trace_name);
    let mut span = Partial::new(trace, span_id(&id), at, scope.clone());
    span.name = body.text("name");
    span.parent = body.text("parentObservationId").map(|parent| span_id(&parent));
    span.parent_if_untold = Some(root_span_id(trace));
    span.start = body.time("startTime");
    span.end = body.time("endTime");
    if sort == "event" {
        span.end = span.end.or(span.start);
    }
    span.set("langfuse.observation.type", Some(string(sort)));
    span.set_text("langfuse.observation.id", Some(id));
    span.set("langfuse.observation.input", body.raw("input").and_then(attribute));
    span.set("langfuse.observation.output", body.raw("output").and_then(attribute));
    span.set_text("langfuse.observation.model.name", body.text("model"));
    span.set("langfuse.observation.model.parameters", body.raw("modelParameters").and_then(attribute));
    span.set_text("langfuse.observation.completion_start_time", body.text("completionStartTime"));
    span.set_text("langfuse.observation.prompt.name", body.text("promptName"));
    span.set_text("langfuse.observation.prompt.version", body.text("promptVersion"));
    level(body, &mut span);
    usage(body, &mut span);
    metadata(body, "langfuse.observation.metadata", &mut span);
    common(body, &mut span);

    let mut root = Partial::new(trace, root_span_id(trace), at, scope.clone());
    root.covers = true;
    (root.start, root.end) = (span.start.or(span.end), span.end);
    root.set_text("langfuse.trace.id", Some(trace_name));
    root.set("langfuse.observation.type", Some(string("span")));
    told.spans.push(span);
    told.spans.push(root);
}

/// Level and status message: an error is one, whatever else is said.
fn level(body: &Members<'_>, span: &mut Partial) {
    let (level, message) = (body.text("level"), body.text("statusMessage"));
    if let Some(level) = &level {
        let status = if level == "ERROR" { StatusCode::Error } else { StatusCode::Unset };
        span.status = Some((status, message.clone().filter(|_| level == "ERROR").unwrap_or_default()));
    }
    span.set_text("langfuse.observation.level", level);
    span.set_text("langfuse.observation.status_message", message);
}

/// Tokens and costs: `usageDetails` and `costDetails`, else the older `usage`, which names its parts in two ways.
fn usage(body: &Members<'_>, span: &mut Partial) {
    let old = body.object("usage");
    let part = |names: &[&str]| names.iter().find_map(|name| old.number(name));
    let object = |parts: [(&str, Option<f64>); 3]| -> Option<Value<'static>> {
        let members: serde_json::Map<String, Json> =
            parts.into_iter().filter_map(|(name, number)| Some((name.to_owned(), whole(number?)))).collect();
        (!members.is_empty()).then(|| string(Json::Object(members).to_string()))
    };
    let details = body.raw("usageDetails").and_then(attribute).or_else(|| {
        // Characters, images and seconds are no tokens.
        let tokens = old.text("unit").is_none_or(|unit| unit.eq_ignore_ascii_case("tokens"));
        tokens.then(|| {
            object([
                ("input", part(&["input", "promptTokens", "prompt_tokens"])),
                ("output", part(&["output", "completionTokens", "completion_tokens"])),
                ("total", part(&["total", "totalTokens", "total_tokens"])),
            ])
        })?
    });
    span.set("langfuse.observation.usage_details", details);
    let costs = body.raw("costDetails").and_then(attribute).or_else(|| {
        object([("input", part(&["inputCost"])), ("output", part(&["outputCost"])), ("total", part(&["totalCost"]))])
    });
    span.set("langfuse.observation.cost_details", costs);
}

fn whole(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { Json::from(number as i64) } else { Json::from(number) }
}

/// What traces and observations share.
fn common(body: &Members<'_>, span: &mut Partial) {
    span.set_text("langfuse.version", body.text("version"));
    span.set_text("langfuse.environment", body.text("environment"));
}

/// Metadata: an attribute a key, as the SDKs send it over OTLP; anything but an object is one attribute.
fn metadata(body: &Members<'_>, prefix: &str, span: &mut Partial) {
    let Some(text) = body.raw("metadata") else { return };
    if !text.starts_with('{') {
        span.set(prefix.to_owned(), attribute(text));
        return;
    }
    for (key, text) in body.object("metadata").iter() {
        span.set(format!("{prefix}.{key}"), attribute(text));
    }
}

/// A score. `event` is the id of the event it came in, which stands in for an id of its own.
fn score(body: &Members<'_>, event: Option<&str>, at: Timestamp) -> Result<Score, String> {
    let name = body.text("name").ok_or("the score has no \"name\"")?;
    let mut score = Score::new(name, body.time("timestamp").unwrap_or(at));
    score.id = body.text("id").or_else(|| event.map(str::to_owned)).unwrap_or_default();
    match body.json("value") {
        Some(Json::Number(number)) => score.value = number.as_f64(),
        Some(Json::Bool(truth)) => score.value = Some(f64::from(u8::from(truth))),
        Some(Json::String(text)) => score.label = Some(text),
        _ => return Err("the score has no \"value\": give a number or a text".into()),
    }
    score.comment = body.text("comment");
    score.source = Some(body.text("source").unwrap_or_else(|| "API".into()));
    let (trace, observation, session) = (body.text("traceId"), body.text("observationId"), body.text("sessionId"));
    if trace.is_none() && observation.is_none() && session.is_none() && body.text("datasetRunId").is_none() {
        return Err("the score names no \"traceId\", \"observationId\" or \"sessionId\"".into());
    }
    score.trace_id = trace.as_deref().map(trace_id);
    score.span_id = observation.as_deref().map(span_id);
    let mut more = |key: &'static str, text: Option<String>| {
        score.more.extend(text.map(|text| (Cow::Borrowed(key), string(text))));
    };
    more("session.id", session);
    more("langfuse.score.trace_id", trace);
    more("langfuse.score.observation_id", observation);
    more("langfuse.score.data_type", body.text("dataType"));
    more("langfuse.score.config_id", body.text("configId"));
    more("langfuse.environment", body.text("environment"));
    more("langfuse.score.metadata", body.raw("metadata").map(str::to_owned));
    Ok(score)
}

#[cfg(test)]
mod tests;
