//! Loki's query API at `/loki`: log records and numbers by LogQL, and their labels.
//!
//! Source: <https://grafana.com/docs/loki/latest/reference/loki-http-api/>. A stream is a service with a level in an environment; what else a record
//! says (trace, span, event, attributes) is its structured metadata.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::series::BLOCK;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::Timestamp;
use promql::{Labels, Matcher, Params, Series};
use query::{LogEntry, LogFilter, Page};
use serde_json::{Map, Value, json};

use super::logql::{self, Counts, Query, Range, Record, Selector, Shown, Unwrap};
use super::{any_time, json, texts};
use crate::app::App;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::http::{Form, success};
use crate::series::{count, evaluated, json as shapes, limits, millis};

/// Records given where no limit is, as in Loki.
const LIMIT: usize = 100;
/// Records one answer gives at most.
const LIMIT_MAX: usize = 5_000;
/// Records looked through for one answer: conditions that no index knows are checked one by one.
pub const SCANNED_MAX: usize = 100_000;
/// Time looked at where no start is given.
const HOUR: i64 = BLOCK / 2;

/// Bytes of a text that the search's index is asked for.
const INDEXED_MAX: usize = 200;

/// Labels of streams.
const STREAM_LABELS: [&str; 3] = ["environment", "level", "service_name"];

/// Everything below `/loki`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/loki/ready", get(|| async { "ready\n" }))
        .route("/loki/api/v1/status/buildinfo", get(buildinfo))
        .route("/loki/api/v1/query_range", get(query_range).post(query_range))
        .route("/loki/api/v1/query", get(query).post(query))
        .route("/loki/api/v1/labels", get(labels))
        .route("/loki/api/v1/label/{name}/values", get(label_values))
        .route("/loki/api/v1/series", get(series).post(series))
        .route("/loki/api/v1/index/stats", get(stats))
}

async fn buildinfo() -> Response {
    json(&json!({"version": "3.0.0", "revision": format!("tawny {}", crate::VERSION), "branch": "", "buildDate": "",
        "buildUser": "", "goVersion": ""}))
}

/// An error as Loki gives it: text.
struct Failed(StatusCode, String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(status, problem.detail)
    }
}

fn bad(message: impl Into<String>) -> Failed {
    Failed(StatusCode::BAD_REQUEST, message.into())
}

type Answer = Result<Response, Failed>;

/// Start and end of a question.
fn times(app: &App, form: &Form) -> Result<(Timestamp, Timestamp), Failed> {
    let read = |name: &str| match form.get(name) {
        "" => Ok(None),
        text => any_time(text)
            .map(Some)
            .ok_or_else(|| bad(format!("cannot read {name} {text:?}: give nanoseconds since 1970"))),
    };
    let end = read("end")?.unwrap_or_else(|| app.now());
    Ok((read("start")?.unwrap_or_else(|| end.plus_nanos(-HOUR * 1_000_000)), end))
}

async fn query_range(State(app): State<Arc<App>>, headers: HeaderMap, request: Request) -> Answer {
    let form = super::tempo::form(request).await?;
    let (start, end) = times(&app, &form)?;
    match logql::parse(form.get("query")).map_err(bad)? {
        Query::Records(selector) => records(&app, &form, &headers, &selector, (start, end)).await,
        Query::Numbers { promql, ranges } => {
            let (start, end) = (millis(start), millis(end));
            let step = form.duration("step").map_err(|_| bad("cannot read step: give seconds or a duration"))?;
            // Loki's own default: 250 points.
            let step = step.filter(|&step| step > 0).unwrap_or(((end - start) / 250).max(1_000));
            if (end - start) / step > limits::PROMQL_STEPS_MAX {
                return Err(bad("exceeded maximum resolution of 11,000 points per time series; use a larger step"));
            }
            numbers(&app, &promql, ranges, Params::range(start, end, step)).await
        }
    }
}

async fn query(State(app): State<Arc<App>>, headers: HeaderMap, request: Request) -> Answer {
    let form = super::tempo::form(request).await?;
    let time = match form.get("time") {
        "" => app.now(),
        text => any_time(text).ok_or_else(|| bad(format!("cannot read time {text:?}: give nanoseconds since 1970")))?,
    };
    match logql::parse(form.get("query")).map_err(bad)? {
        Query::Records(selector) => {
            records(&app, &form, &headers, &selector, (time.plus_nanos(-HOUR * 1_000_000), time)).await
        }
        Query::Numbers { promql, ranges } => numbers(&app, &promql, ranges, Params::instant(millis(time))).await,
    }
}

/// Records a selector lets pass, as its stages leave them, newest first; the flag says whether there are more.
async fn find(
    app: &App,
    selector: &Selector,
    (from, to): (Timestamp, Timestamp),
    limit: usize,
) -> Result<(Vec<Record>, bool), Failed> {
    let exact = |name: &str| -> Vec<String> {
        let of_it = |matcher: &&Matcher| &*matcher.name == name && matcher.op == promql::MatchOp::Equal;
        selector
            .kept_labels()
            .filter(of_it)
            .map(|matcher| matcher.value.to_string())
            .filter(|it| !it.is_empty())
            .collect()
    };
    let text = selector.kept_lines().find_map(|filter| match filter {
        // What the line's form as JSON might spell otherwise is left to the filter itself.
        logql::LineFilter::Contains(true, text)
            if !text.trim().is_empty()
                && text.len() <= INDEXED_MAX
                && text.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            Some(text.clone())
        }
        _ => None,
    });
    let filter = LogFilter {
        from: Some(from),
        to: Some(to),
        text,
        service: exact("service_name"),
        environment: exact("environment"),
        event: exact("event_name"),
        trace_id: exact("trace_id").first().and_then(|id| id.parse().ok()),
        span_id: exact("span_id").first().and_then(|id| id.parse().ok()),
        ..LogFilter::default()
    };
    let mut page = Page { limit: query::MAX_PAGE, total: false, ..Page::default() };
    let (mut found, mut scanned) = (Vec::new(), 0);
    loop {
        let (project, filter, asked) = (app.project(), filter.clone(), page.clone());
        let answer = app.ask(|engine| async move { engine.logs(&project, &filter, &asked).await }).await?;
        for entry in answer.logs {
            scanned += 1;
            let mut record = read(entry);
            if selector.run(&mut record) {
                found.push(record);
                if found.len() == limit {
                    return Ok((found, true));
                }
            }
        }
        page.cursor = answer.next;
        if page.cursor.is_none() {
            return Ok((found, false));
        }
        if scanned >= SCANNED_MAX {
            app.counters.limit_reached(LimitName::LokiScannedMax);
            return Err(Failed(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!(
                    "more than {SCANNED_MAX} records were looked through (loki_scanned_max): ask for a shorter time, or for service_name, environment or a text"
                ),
            ));
        }
    }
}

fn read(entry: LogEntry) -> Record {
    let LogEntry { log, body, attributes } = entry;
    let line = match body {
        Value::String(text) => text,
        Value::Null => log.event_name.as_deref().unwrap_or(&log.preview).to_owned(),
        other => other.to_string(),
    };
    let level = match log.severity {
        0 if log.severity_text.is_empty() => "unknown".to_owned(),
        0 => log.severity_text.to_lowercase(),
        1..=4 => "trace".to_owned(),
        5..=8 => "debug".to_owned(),
        9..=12 => "info".to_owned(),
        13..=16 => "warn".to_owned(),
        17..=20 => "error".to_owned(),
        _ => "critical".to_owned(),
    };
    let stream = [
        ("service_name", log.service.as_deref().unwrap_or("unknown_service").to_owned()),
        ("level", level),
        ("environment", log.tenant.environment.to_string()),
    ];
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in attributes.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        metadata.insert(::series::names::label(key), text);
    }
    let ids = [
        ("trace_id", log.trace_id.map(|id| id.to_string())),
        ("span_id", log.span_id.map(|id| id.to_string())),
        ("event_name", log.event_name.as_deref().map(str::to_owned)),
    ];
    metadata.extend(ids.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Record { time: log.time, line, stream: stream.map(|(name, value)| (name.to_owned(), value)).into(), metadata }
}

async fn records(
    app: &App,
    form: &Form,
    headers: &HeaderMap,
    selector: &Selector,
    times: (Timestamp, Timestamp),
) -> Answer {
    let limit = match form.get("limit") {
        "" => LIMIT,
        text => text.parse().map_err(|_| bad(format!("cannot read limit {text:?}: give a number")))?,
    };
    let forward = form.get("direction").eq_ignore_ascii_case("forward");
    // The list is newest first; the oldest are at its end.
    let wanted = if forward { LIMIT_MAX } else { limit.min(LIMIT_MAX) };
    let (mut found, _) = find(app, selector, times, wanted).await?;
    if forward {
        found.reverse();
        found.truncate(limit);
    }
    // Grafana asks for metadata apart from labels; others get it among them.
    let apart = headers
        .get("x-loki-response-encoding-flags")
        .is_some_and(|flags| flags.to_str().is_ok_and(|flags| flags.contains("categorize-labels")));
    let mut streams: Vec<(BTreeMap<String, String>, Vec<Value>)> = Vec::new();
    let mut places: BTreeMap<BTreeMap<String, String>, usize> = BTreeMap::new();
    for record in found {
        let mut stream = record.stream;
        let mut value = vec![json!(record.time.as_nanos().to_string()), json!(record.line)];
        if apart {
            value.push(json!({"structuredMetadata": record.metadata}));
        } else {
            stream.extend(record.metadata);
        }
        let place = *places.entry(stream.clone()).or_insert_with(|| {
            streams.push((stream, Vec::new()));
            streams.len() - 1
        });
        streams[place].1.push(Value::Array(value));
    }
    let result: Vec<Value> =
        streams.into_iter().map(|(stream, values)| json!({"stream": stream, "values": values})).collect();
    let mut data = Map::new();
    data.insert("resultType".into(), json!("streams"));
    data.insert("result".into(), json!(result));
    data.insert("stats".into(), json!({}));
    if apart {
        data.insert("encodingFlags".into(), json!(["categorize-labels"]));
    }
    Ok(json(&json!({"status": "success", "data": data})))
}

/// Numbers over records: one sample a record, computed by PromQL.
async fn numbers(app: &App, text: &str, ranges: Vec<Range>, params: Params) -> Answer {
    let query = promql::parse(text).map_err(|error| bad(error.to_string()))?;
    let needs = query.selectors(&params).map_err(|error| bad(error.to_string()))?;
    let mut fetched: Vec<Vec<Arc<Series>>> = Vec::new();
    for need in &needs {
        let range = ranges.iter().enumerate().find(|(at, _)| {
            let name = logql::metric(*at);
            need.matchers.iter().any(|matcher| &*matcher.name == promql::METRIC_NAME && *matcher.value == *name)
        });
        let Some((at, range)) = range else {
            return Err(bad("a metric is no part of LogQL; ask Prometheus' API for it"));
        };
        let nanos = |millis: i64| Timestamp::from_nanos(millis.saturating_mul(1_000_000));
        // A range is open on the left.
        let times = (nanos(need.from_ms).plus_nanos(1), nanos(need.to_ms).plus_nanos(1));
        let (found, _) = find(app, &range.selector, times, SCANNED_MAX).await?;
        fetched.push(streams(&logql::metric(at), found, range));
    }
    let evaluate = move || {
        let bounds = promql::Limits { max_series: limits::PROMQL_SERIES_MAX, ..promql::Limits::default() };
        promql::evaluate(&query, &fetched, &params, &bounds)
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), app.query_threads.spawn_blocking(evaluate)).await;
    let answer = answer
        .map_err(|_| {
            app.counters.limit_reached(LimitName::PromqlTime);
            Failed(StatusCode::SERVICE_UNAVAILABLE, "the query took too long (promql_time)".into())
        })?
        .map_err(|error| Failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
        .map_err(|error| {
            let error = evaluated(error, limits::PROMQL_TIME);
            count(app, &error);
            bad(error.to_string())
        })?;
    Ok(success(&shapes::value(&answer.value, params.start), &[], &[]))
}

/// Records by stream, each a sample: 1, the length of its line, or the number in a label.
fn streams(metric: &str, mut found: Vec<Record>, range: &Range) -> Vec<Arc<Series>> {
    found.sort_by_key(|record| record.time);
    let mut series: BTreeMap<Labels, Series> = BTreeMap::new();
    for mut record in found {
        let unwrapped = range.selector.unwrap.as_ref();
        let value = match (range.counts, unwrapped) {
            (Counts::Bytes, _) => record.line.len() as f64,
            (Counts::Values, Some(Unwrap(label))) => match logql::number(record.value(label)) {
                Some(number) => number,
                None => continue,
            },
            _ => 1.0,
        };
        // What is computed with is no label of the result.
        if let Some(Unwrap(label)) = unwrapped {
            record.show(&Shown::new(false, [label.clone()]));
        }
        range.by.iter().for_each(|by| record.show(by));
        let name = (promql::METRIC_NAME.to_owned(), metric.to_owned());
        let labels = Labels::new(record.stream.into_iter().chain(record.metadata).chain([name]));
        let series = series.entry(labels.clone()).or_insert_with(|| Series { labels, ..Series::default() });
        // A series has one sample a millisecond; records of one millisecond move apart.
        let time = millis(record.time);
        series.times.push(series.times.last().map_or(time, |&last| time.max(last + 1)));
        series.values.push(value);
    }
    series.into_values().map(Arc::new).collect()
}

async fn labels() -> Response {
    json(&json!({"status": "success", "data": STREAM_LABELS}))
}

async fn values(app: &App, name: &str) -> Result<Vec<String>, Problem> {
    let question = match name {
        "service_name" => "SELECT DISTINCT service FROM logs WHERE service IS NOT NULL ORDER BY service LIMIT 1000",
        "environment" => "SELECT DISTINCT environment FROM logs ORDER BY environment LIMIT 1000",
        "event_name" => {
            "SELECT DISTINCT event_name FROM logs WHERE event_name IS NOT NULL ORDER BY event_name LIMIT 1000"
        }
        "level" => {
            return Ok(["critical", "debug", "error", "info", "trace", "unknown", "warn"].map(str::to_owned).into());
        }
        _ => return Ok(Vec::new()),
    };
    texts(app, question.to_owned()).await
}

async fn label_values(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    Ok(json(&json!({"status": "success", "data": values(&app, &name).await?})))
}

async fn series(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = super::tempo::form(request).await?;
    let times = times(&app, &form)?;
    let mut streams = std::collections::BTreeSet::new();
    for text in form.all("match[]").chain(form.all("match")) {
        let Query::Records(selector) = logql::parse(text).map_err(bad)? else {
            return Err(bad("match[] is a stream selector such as {service_name=\"shop\"}"));
        };
        let (found, _) = find(&app, &selector, times, LIMIT_MAX).await?;
        streams.extend(found.into_iter().map(|record| record.stream));
    }
    Ok(json(&json!({"status": "success", "data": streams})))
}

/// How much a question would read; Grafana shows it before it asks. Not counted ahead here.
async fn stats() -> Response {
    json(&json!({"streams": 0, "chunks": 0, "bytes": 0, "entries": 0}))
}
