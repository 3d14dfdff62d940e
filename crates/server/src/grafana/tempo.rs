//! Tempo's query API at `/tempo`: a trace by its id, and search. Numbers over time are in `tempo_metrics.rs`.
//!
//! Source: <https://grafana.com/docs/tempo/latest/api_docs/>. Grafana asks for a trace as protobuf; Tempo's `Trace` is written as OTLP's request is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use wire::Signal;

use super::traceql::{self, duration_ms};
use super::{ANSWERS_MAX, any_time, json, literal, sql, texts, time_literal, time_of};
use crate::app::App;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::http::Form;

/// Traces found where no limit is given, as in Tempo.
const LIMIT: usize = 20;
/// Spans shown of a trace where nothing else is asked for, as in Tempo.
const SPANS_PER_SET: usize = 3;
/// Values of a tag that are listed.
const VALUES_MAX: usize = 1_000;

/// Everything below `/tempo`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/tempo/api/echo", get(|| async { "echo" }))
        .route("/tempo/ready", get(|| async { "ready\n" }))
        .route("/tempo/api/status/buildinfo", get(buildinfo))
        .route("/tempo/api/traces/{id}", get(by_id))
        .route("/tempo/api/v2/traces/{id}", get(by_id_v2))
        .route("/tempo/api/search", get(search))
        .route("/tempo/api/metrics/query_range", get(super::tempo_metrics::query_range))
        .route("/tempo/api/metrics/query", get(super::tempo_metrics::query))
        .route("/tempo/api/search/tags", get(tags))
        .route("/tempo/api/v2/search/tags", get(tags_v2))
        .route("/tempo/api/search/tag/{tag}/values", get(tag_values))
        .route("/tempo/api/v2/search/tag/{tag}/values", get(tag_values_v2))
}

async fn buildinfo() -> Response {
    json(&json!({"version": "2.6.0", "revision": format!("tawny {}", crate::VERSION), "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": ""}))
}

fn wants_protobuf(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("protobuf"))
}

fn protobuf(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/protobuf")], body).into_response()
}

fn as_protobuf(otlp: &str) -> Result<Vec<u8>, Problem> {
    wire::json_to_protobuf(Signal::Traces, otlp.as_bytes())
        .map_err(|error| Problem::internal(format!("cannot write the trace as protobuf: {error}")))
}

fn parsed(otlp: &str) -> Result<Value, Problem> {
    serde_json::from_str(otlp).map_err(|error| Problem::internal(format!("cannot write the trace: {error}")))
}

async fn by_id(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let (_, spans) = super::trace(&app, &id).await?;
    let otlp = crate::api::run::otlp_text(&spans);
    if wants_protobuf(&headers) {
        return Ok(protobuf(as_protobuf(&otlp)?));
    }
    let mut trace = parsed(&otlp)?;
    Ok(json(&json!({"batches": trace["resourceSpans"].take()})))
}

async fn by_id_v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, spans) = super::trace(&app, &id).await?;
    let otlp = crate::api::run::otlp_text(&spans);
    if wants_protobuf(&headers) {
        // `TraceByIDResponse`: the trace is field 1.
        let trace = as_protobuf(&otlp)?;
        let mut body = vec![0x0a];
        let mut length = trace.len();
        while length >= 0x80 {
            body.push(length as u8 | 0x80);
            length >>= 7;
        }
        body.push(length as u8);
        body.extend(trace);
        return Ok(protobuf(body));
    }
    Ok(json(&json!({"trace": parsed(&otlp)?, "metrics": {}})))
}

/// `tags`, as logfmt: `service.name=shop error=true`.
fn logfmt(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        pairs.push((key.trim().to_owned(), value.to_owned()));
        rest = next.trim_start();
    }
    pairs
}

/// What is asked of spans and traces, in SQL.
pub(super) struct Wanted {
    /// The query.
    pub search: traceql::Search,
    /// Condition on the spans that are found.
    pub spans: String,
    /// Condition on the traces.
    pub traces: String,
}

/// Reads what a search is for, and looks at how spans lie to one another where that matters.
pub(super) async fn wanted(app: &App, form: &Form) -> Result<Wanted, Problem> {
    let search = traceql::parse(form.get("q")).map_err(Problem::bad_request)?;
    let mut bounds = Vec::new();
    for (key, value) in logfmt(form.get("tags")) {
        bounds.push(match key.as_str() {
            "service.name" => format!("service = {}", literal(&value)),
            "name" => format!("name = {}", literal(&value)),
            "error" => "status_code = 'error'".to_owned(),
            _ => {
                let key = literal(&key);
                format!("coalesce(attr(attributes, {key}), attr(resource, {key})) = {}", literal(&value))
            }
        });
    }
    for (name, order) in [("minDuration", ">="), ("maxDuration", "<=")] {
        let text = form.get(name);
        if !text.is_empty() {
            let millis = duration_ms(text).ok_or_else(|| {
                Problem::bad_request(format!("cannot read {name} {text:?}: give a duration such as 100ms"))
            })?;
            bounds.push(format!("trace_id IN (SELECT trace_id FROM runs WHERE duration_ms {order} {millis})"));
        }
    }
    for (name, order) in [("start", ">="), ("end", "<=")] {
        let text = form.get(name);
        if !text.is_empty() {
            let time = any_time(text)
                .ok_or_else(|| Problem::bad_request(format!("cannot read {name} {text:?}: give Unix seconds")))?;
            bounds.push(format!("started_at {order} {}", time_literal(time)));
        }
    }
    if search.set.is_related() {
        bounds.push(related(app, &search, &bounds).await?);
    }
    let found = search.spans();
    let spans = bounds.iter().fold(format!("({found})"), |spans, bound| format!("{spans} AND {bound}"));
    // What traces come to is asked of the spans that lie as they should.
    let of_traces = if search.set.is_related() { &spans } else { &found };
    let traces = search.traces(of_traces);
    Ok(Wanted { search, spans, traces })
}

/// Traces in which spans are laid to one another for one answer, the newest.
const RELATED_TRACES_MAX: usize = 500;
/// Spans of theirs that are looked at.
pub const RELATED_SPANS_MAX: usize = 200_000;
/// Spans of which it may be found.
pub const RELATED_FOUND_MAX: usize = 20_000;

/// A condition on the spans that lie to one another as a query wants.
async fn related(app: &App, search: &traceql::Search, bounds: &[String]) -> Result<String, Problem> {
    let bounds = bounds.iter().fold(String::from("TRUE"), |all, bound| format!("{all} AND {bound}"));
    let question = format!(
        "SELECT trace_id, max(started_at) AS newest_at FROM spans WHERE {bounds} AND {} \
         GROUP BY trace_id ORDER BY newest_at DESC LIMIT {RELATED_TRACES_MAX}",
        search.set.traces(&search.filters)
    );
    let traces = sql(app, question).await?;
    let traces: Vec<String> = traces.iter().filter_map(|row| Some(literal(row.first()?.as_str()?))).collect();
    if traces.is_empty() {
        return Ok("FALSE".into());
    }
    let filters = search.filters.iter().enumerate();
    let filters: String = filters.map(|(at, filter)| format!(", coalesce({filter}, FALSE) AS fits_{at}")).collect();
    let question = format!(
        "SELECT trace_id, span_id, parent_span_id{filters} FROM spans WHERE trace_id IN ({}) LIMIT {}",
        traces.join(", "),
        RELATED_SPANS_MAX + 1
    );
    let rows = super::sql_rows(app, question, RELATED_SPANS_MAX + 1).await?;
    if rows.len() > RELATED_SPANS_MAX {
        app.counters.limit_reached(LimitName::TempoRelatedSpansMax);
        return Err(Problem::bad_request(format!(
            "more than {RELATED_SPANS_MAX} spans would have to be laid to one another (tempo_related_spans_max): ask for a shorter time or for more of the spans"
        )));
    }
    let mut trees: BTreeMap<String, traceql::Tree> = BTreeMap::new();
    for row in &rows {
        let [trace, span, parent, fits @ ..] = row.as_slice() else { continue };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (Some(trace), Some(span)) = (text(trace), text(span)) else { continue };
        let fits = fits.iter().map(|fits| fits.as_bool().unwrap_or(false)).collect();
        trees.entry(trace).or_default().add(span, text(parent), fits);
    }
    let (mut traces, mut keys) = (Vec::new(), Vec::new());
    for (trace, tree) in &trees {
        let found = search.set.found(tree);
        if !found.is_empty() {
            traces.push(literal(trace));
        }
        keys.extend(found.into_iter().map(|span| literal(&format!("{trace}{}", tree.id(span)))));
    }
    if keys.is_empty() {
        return Ok("FALSE".into());
    }
    if keys.len() > RELATED_FOUND_MAX {
        app.counters.limit_reached(LimitName::TempoRelatedFoundMax);
        return Err(Problem::bad_request(format!(
            "more than {RELATED_FOUND_MAX} spans lie to one another as asked (tempo_related_found_max): ask for a shorter time or for more of the spans"
        )));
    }
    Ok(format!("trace_id IN ({}) AND concat(trace_id, span_id) IN ({})", traces.join(", "), keys.join(", ")))
}

async fn search(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let form = form(request).await?;
    let number = |name: &str, default: usize| -> Result<usize, Problem> {
        let text = form.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        text.parse().map_err(|_| Problem::bad_request(format!("cannot read {name} {text:?}: give a number")))
    };
    let (limit, shown) = (number("limit", LIMIT)?.min(ANSWERS_MAX), number("spss", SPANS_PER_SET)?);
    let Wanted { search: traceql::Search { select, metrics, .. }, spans, traces } = wanted(&app, &form).await?;
    if metrics.is_some() {
        return Err(Problem::bad_request("the query asks for numbers over time: send it to /api/metrics/query_range"));
    }
    let chosen: String =
        select.iter().enumerate().map(|(at, (_, expression))| format!(", {expression} AS chosen_{at}")).collect();
    // The traces first: one of a hundred thousand spans must not hide the others.
    let question = format!(
        "SELECT trace_id, max(started_at) AS newest_at, count(*) AS spans_found FROM spans WHERE {spans} AND {traces} \
         GROUP BY trace_id ORDER BY newest_at DESC LIMIT {limit}"
    );
    let newest = sql(&app, question).await?;
    let newest = newest.iter().filter_map(|row| Some((row.first()?.as_str()?.to_owned(), row.last()?.as_u64()?)));
    let order: Vec<(String, u64)> = newest.collect();
    let ids: Vec<String> = order.iter().map(|(trace, _)| literal(trace)).collect();
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let rows = if ids.is_empty() {
        Vec::new()
    } else {
        let question = format!(
            "SELECT trace_id, span_id, name, started_at, duration_ms, service{chosen} FROM spans WHERE {spans} \
             AND trace_id IN ({}) ORDER BY started_at DESC LIMIT {ANSWERS_MAX}",
            ids.join(", ")
        );
        sql(&app, question).await?
    };
    for row in &rows {
        let [trace, span, name, started, millis, service, chosen @ ..] = row.as_slice() else { continue };
        let trace = trace.as_str().unwrap_or_default().to_owned();
        let mut attributes =
            vec![json!({"key": "service.name", "value": {"stringValue": service.as_str().unwrap_or_default()}})];
        let chosen = select.iter().zip(chosen).filter(|(_, value)| !value.is_null());
        attributes.extend(chosen.map(|((name, _), value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let key = ["span.", "resource.", "."].iter().find_map(|scope| name.strip_prefix(scope)).unwrap_or(name);
            json!({"key": key, "value": {"stringValue": text}})
        }));
        found.entry(trace).or_default().push(json!({
            "spanID": span, "name": name,
            "startTimeUnixNano": time_of(started).as_nanos().to_string(),
            "durationNanos": format!("{:.0}", millis.as_f64().unwrap_or(0.0) * 1e6),
            "attributes": attributes,
        }));
    }
    let ids: Vec<String> = order.iter().map(|(trace, _)| trace.clone()).collect();
    let runs = runs(&app, &ids).await?;
    let traces: Vec<Value> = order
        .iter()
        .map(|(trace, matched)| {
            let mut spans = found.remove(trace).unwrap_or_default();
            spans.truncate(shown.max(1));
            let set = json!({"spans": spans, "matched": matched});
            let mut answer = runs.get(trace).cloned().unwrap_or_default();
            answer.insert("traceID".into(), json!(trace));
            answer.insert("spanSet".into(), set.clone());
            answer.insert("spanSets".into(), json!([set]));
            Value::Object(answer)
        })
        .collect();
    Ok(json(&json!({"traces": traces, "metrics": {"inspectedTraces": traces.len()}})))
}

/// What a list says of each trace.
async fn runs(app: &App, traces: &[String]) -> Result<BTreeMap<String, Map<String, Value>>, Problem> {
    if traces.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = traces.iter().map(|trace| literal(trace)).collect();
    let question = format!(
        "SELECT trace_id, name, service, started_at, duration_ms FROM runs WHERE trace_id IN ({}) LIMIT {}",
        ids.join(", "),
        traces.len()
    );
    let about = |row: Vec<Value>| {
        let [trace, name, service, started, millis] = row.as_slice() else { return None };
        let about = json!({
            "rootServiceName": service.as_str().unwrap_or_default(),
            "rootTraceName": name,
            "startTimeUnixNano": time_of(started).as_nanos().to_string(),
            "durationMs": millis.as_f64().unwrap_or(0.0).round() as i64,
        });
        Some((trace.as_str()?.to_owned(), about.as_object()?.clone()))
    };
    Ok(sql(app, question).await?.into_iter().filter_map(about).collect())
}

/// Attributes agents' spans carry that are worth offering; any other can be asked for all the same.
const SPAN_TAGS: [&str; 10] = [
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.agent.name",
    "gen_ai.tool.name",
    "gen_ai.conversation.id",
    "error.type",
    "server.address",
    "user.id",
];
const RESOURCE_TAGS: [&str; 5] =
    ["service.name", "service.version", "service.namespace", "deployment.environment.name", "host.name"];
const INTRINSICS: [&str; 8] =
    ["name", "status", "kind", "duration", "rootName", "rootServiceName", "traceDuration", "statusMessage"];

async fn tags() -> Response {
    json(&json!({"tagNames": SPAN_TAGS.iter().chain(&RESOURCE_TAGS).collect::<Vec<_>>()}))
}

async fn tags_v2() -> Response {
    json(&json!({"scopes": [
        {"name": "span", "tags": SPAN_TAGS}, {"name": "resource", "tags": RESOURCE_TAGS}, {"name": "intrinsic", "tags": INTRINSICS},
    ]}))
}

async fn values(app: &App, tag: &str) -> Result<Vec<String>, Problem> {
    // Intrinsics have a scope of their own in newer TraceQL.
    let tag = match tag {
        "span:name" => "name",
        "span:status" => "status",
        "span:kind" => "kind",
        "trace:rootName" => "rootName",
        "trace:rootService" => "rootServiceName",
        other => other,
    };
    let expression = match tag {
        "name" => "name".to_owned(),
        "status" => return Ok(["error", "ok", "unset"].map(str::to_owned).into()),
        "kind" => return Ok(["client", "consumer", "internal", "producer", "server"].map(str::to_owned).into()),
        "rootName" => return texts(app, distinct("name", "runs")).await,
        "rootServiceName" => return texts(app, distinct("service", "runs")).await,
        "resource.service.name" | "service.name" | ".service.name" => "service".to_owned(),
        _ => match (tag.strip_prefix("span."), tag.strip_prefix("resource.")) {
            (Some(key), _) => format!("attr(attributes, {})", literal(key)),
            (_, Some(key)) => format!("attr(resource, {})", literal(key)),
            _ => {
                let key = literal(tag.trim_start_matches('.'));
                format!("coalesce(attr(attributes, {key}), attr(resource, {key}))")
            }
        },
    };
    texts(app, distinct(&expression, "spans")).await
}

/// The values of an expression in the newest rows of a view.
fn distinct(expression: &str, view: &str) -> String {
    /// Rows looked through: what is offered while somebody types must come at once.
    const ROWS: usize = 50_000;
    format!(
        "SELECT DISTINCT value FROM (SELECT {expression} AS value FROM {view} ORDER BY started_at DESC LIMIT {ROWS}) \
         WHERE value IS NOT NULL ORDER BY value LIMIT {VALUES_MAX}"
    )
}

async fn tag_values(State(app): State<Arc<App>>, Path(tag): Path<String>) -> Result<Response, Problem> {
    Ok(json(&json!({"tagValues": values(&app, &tag).await?})))
}

async fn tag_values_v2(State(app): State<Arc<App>>, Path(tag): Path<String>) -> Result<Response, Problem> {
    let keywords = ["status", "kind", "span:status", "span:kind"];
    let kind = if keywords.contains(&tag.as_str()) { "keyword" } else { "string" };
    let values: Vec<Value> =
        values(&app, &tag).await?.into_iter().map(|value| json!({"type": kind, "value": value})).collect();
    Ok(json(&json!({"tagValues": values})))
}

/// Parameters of a request, with errors in our own shape.
pub async fn form(request: Request) -> Result<Form, Problem> {
    use axum::extract::FromRequest;
    Form::from_request(request, &()).await.map_err(|_| Problem::bad_request("the form is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_logfmt() {
        let pairs = logfmt("service.name=shop name=\"a b\" error=true");
        let expected = [("service.name", "shop"), ("name", "a b"), ("error", "true")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
