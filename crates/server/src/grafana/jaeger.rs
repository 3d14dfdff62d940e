//! Jaeger's query API at `/jaeger`: services, operations, traces, dependencies.
//!
//! Source: Jaeger's HTTP JSON API as its own page and Grafana's data source use it (`model/json/model.go`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use model::raw::{SpanKind, StatusCode};
use model::{Attributes, Timestamp};
use serde_json::{Value, json};
use store::StoredSpan;

use super::tempo::form;
use super::traceql::duration_ms;
use super::{ANSWERS_MAX, any_time, json, literal, texts, time_literal};
use crate::app::App;
use crate::problem::Problem;

/// Traces found where no limit is given.
const LIMIT: usize = 20;
/// Traces one search gives at most: each is read whole.
const LIMIT_MAX: usize = 200;

/// Milliseconds looked back for dependencies where nothing is asked for, as in Jaeger: a day.
const LOOKBACK_MS: i64 = 86_400_000;

/// Everything below `/jaeger`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/jaeger/api/services", get(services))
        .route("/jaeger/api/services/{service}/operations", get(operations_of))
        .route("/jaeger/api/operations", get(operations))
        .route("/jaeger/api/traces", get(search))
        .route("/jaeger/api/traces/{id}", get(by_id))
        .route("/jaeger/api/dependencies", get(dependencies))
}

fn found(data: &Value) -> Response {
    let total = data.as_array().map_or(0, Vec::len);
    json(&json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null}))
}

async fn services(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let question =
        format!("SELECT DISTINCT service FROM spans WHERE service IS NOT NULL ORDER BY service LIMIT {ANSWERS_MAX}");
    Ok(found(&json!(texts(&app, question).await?)))
}

async fn names(app: &App, service: &str) -> Result<Vec<String>, Problem> {
    let service = literal(service);
    texts(app, format!("SELECT DISTINCT name FROM spans WHERE service = {service} ORDER BY name LIMIT {ANSWERS_MAX}"))
        .await
}

async fn operations_of(State(app): State<Arc<App>>, Path(service): Path<String>) -> Result<Response, Problem> {
    Ok(found(&json!(names(&app, &service).await?)))
}

async fn operations(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let names = names(&app, form.get("service")).await?;
    let operations: Vec<Value> = names.into_iter().map(|name| json!({"name": name, "spanKind": ""})).collect();
    Ok(found(&json!(operations)))
}

async fn by_id(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let (_, spans) = super::trace(&app, &id).await?;
    Ok(found(&json!([trace(&spans)])))
}

async fn search(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let mut ids: Vec<String> = form.all("traceID").map(str::to_owned).collect();
    if ids.is_empty() {
        let mut conditions = vec!["TRUE".to_owned()];
        for (name, column) in [("service", "service"), ("operation", "name")] {
            let value = form.get(name);
            if !value.is_empty() && value != "all" {
                conditions.push(format!("{column} = {}", literal(value)));
            }
        }
        for (name, order) in [("minDuration", ">="), ("maxDuration", "<=")] {
            let text = form.get(name);
            if !text.is_empty() {
                let millis = duration_ms(text).ok_or_else(|| unreadable(name, text, "a duration such as 100ms"))?;
                conditions.push(format!("duration_ms {order} {millis}"));
            }
        }
        for (name, order) in [("start", ">="), ("end", "<=")] {
            let text = form.get(name);
            if !text.is_empty() {
                let time = any_time(text).ok_or_else(|| unreadable(name, text, "microseconds since 1970"))?;
                conditions.push(format!("started_at {order} {}", time_literal(time)));
            }
        }
        let tags = form.get("tags");
        if !tags.is_empty() {
            let tags: std::collections::BTreeMap<String, String> = serde_json::from_str(tags)
                .map_err(|_| unreadable("tags", tags, "a JSON object of texts such as {\"error\":\"true\"}"))?;
            for (key, value) in tags {
                conditions.push(match (key.as_str(), value.as_str()) {
                    ("error", "true") => "status_code = 'error'".to_owned(),
                    // Shown as internal where nothing is told.
                    ("span.kind", "internal") => "span_kind IN ('internal', 'unspecified')".to_owned(),
                    ("span.kind", kind) => format!("span_kind = {}", literal(kind)),
                    _ => {
                        let key = literal(&key);
                        format!("coalesce(attr(attributes, {key}), attr(resource, {key})) = {}", literal(&value))
                    }
                });
            }
        }
        let limit = form.get("limit").parse().unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
        let question = format!(
            "SELECT trace_id FROM (SELECT trace_id, max(started_at) AS last FROM spans WHERE {} GROUP BY trace_id) \
             ORDER BY last DESC LIMIT {limit}",
            conditions.join(" AND ")
        );
        ids = texts(&app, question).await?;
    }
    let (mut traces, mut taken) = (Vec::new(), 0);
    for id in ids.iter().take(LIMIT_MAX) {
        match super::trace_beside(&app, id, &mut taken).await {
            Ok((_, spans)) => traces.push(trace(&spans)),
            // Removed since it was found.
            Err(problem) if problem.status == 404 => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(found(&json!(traces)))
}

/// Which services call which, by spans whose parent is of another service: a handful of rows of many spans.
async fn dependencies(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let number = |name: &str, default: i64| match form.get(name) {
        "" => Ok(default),
        text => text.parse::<i64>().map_err(|_| unreadable(name, text, "milliseconds")),
    };
    let end = number("endTs", app.now().as_nanos() / 1_000_000)?;
    let start = end.saturating_sub(number("lookback", LOOKBACK_MS)?);
    let at = |millis: i64| time_literal(Timestamp::from_nanos(millis.saturating_mul(1_000_000)));
    let question = format!(
        "SELECT parent.service, child.service, count(*) FROM spans child JOIN spans parent \
         ON child.trace_id = parent.trace_id AND child.parent_span_id = parent.span_id \
         WHERE child.service <> parent.service AND child.started_at BETWEEN {} AND {} \
         GROUP BY parent.service, child.service ORDER BY 1, 2 LIMIT {ANSWERS_MAX}",
        at(start),
        at(end)
    );
    let rows = super::sql(&app, question).await?;
    let calls = rows.iter().filter_map(|row| match row.as_slice() {
        [parent, child, calls] => Some(json!({"parent": parent, "child": child, "callCount": calls})),
        _ => None,
    });
    Ok(found(&calls.collect::<Value>()))
}

fn unreadable(name: &str, text: &str, expected: &str) -> Problem {
    Problem::bad_request(format!("cannot read {name} {text:?}: give {expected}"))
}

/// A trace as Jaeger writes it: processes are resources, numbered.
fn trace(spans: &[StoredSpan<'_>]) -> Value {
    let mut resources: Vec<&model::raw::Resource<'_>> = Vec::new();
    let mut written = Vec::with_capacity(spans.len());
    for stored in spans {
        let place = resources.iter().position(|known| **known == *stored.resource).unwrap_or_else(|| {
            resources.push(&stored.resource);
            resources.len() - 1
        });
        written.push(span(stored, &format!("p{}", place + 1)));
    }
    let process = |(at, resource): (usize, &&model::raw::Resource<'_>)| {
        let service = resource.attributes.text("service.name").unwrap_or("unknown");
        (format!("p{}", at + 1), json!({"serviceName": service, "tags": tags(&resource.attributes)}))
    };
    let processes: serde_json::Map<String, Value> = resources.iter().enumerate().map(process).collect();
    let id = spans.first().map(|stored| stored.raw.trace_id.to_string()).unwrap_or_default();
    json!({"traceID": id, "spans": written, "processes": processes, "warnings": null})
}

fn span(stored: &StoredSpan<'_>, process: &str) -> Value {
    let raw = &stored.raw;
    let mut tags = tags(&raw.attributes);
    let mut add = |key: &str, value: Value| {
        let kind = if value.is_boolean() { "bool" } else { "string" };
        tags.push(json!({"key": key, "type": kind, "value": value}));
    };
    let kind = match raw.kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal | SpanKind::Unspecified => "internal",
    };
    add("span.kind", json!(kind));
    if raw.status == StatusCode::Error {
        add("error", json!(true));
        add("otel.status_code", json!("ERROR"));
        if !raw.status_message.is_empty() {
            add("otel.status_description", json!(raw.status_message));
        }
    }
    add("otel.scope.name", json!(stored.scope.name));
    let references: Vec<Value> = raw
        .parent_span_id
        .iter()
        .map(|parent| json!({"refType": "CHILD_OF", "traceID": raw.trace_id.to_string(), "spanID": parent.to_string()}))
        .chain(raw.links.iter().map(|link| {
            json!({"refType": "FOLLOWS_FROM", "traceID": link.trace_id.to_string(), "spanID": link.span_id.to_string()})
        }))
        .collect();
    let logs: Vec<Value> = raw
        .events
        .iter()
        .map(|event| {
            let mut fields = vec![json!({"key": "event", "type": "string", "value": event.name})];
            fields.extend(self::tags(&event.attributes));
            json!({"timestamp": micros(event.time), "fields": fields})
        })
        .collect();
    let duration = if raw.end > raw.start { micros(raw.end) - micros(raw.start) } else { 0 };
    json!({
        "traceID": raw.trace_id.to_string(), "spanID": raw.span_id.to_string(), "operationName": raw.name,
        "references": references, "startTime": micros(raw.start), "duration": duration,
        "tags": tags, "logs": logs, "processID": process, "warnings": null, "flags": 1,
    })
}

fn micros(time: Timestamp) -> i64 {
    time.as_nanos() / 1_000
}

fn tags(attributes: &Attributes<'_>) -> Vec<Value> {
    let tag = |(key, value): (&str, &model::Value<'_>)| {
        let (kind, value) = match value {
            model::Value::Bool(value) => ("bool", json!(value)),
            model::Value::Int(value) => ("int64", json!(value)),
            model::Value::Double(value) => ("float64", json!(value)),
            model::Value::Str(text) => ("string", json!(text)),
            other => ("string", json!(other.to_json().to_string())),
        };
        json!({"key": key, "type": kind, "value": value})
    };
    attributes.iter().map(tag).collect()
}
