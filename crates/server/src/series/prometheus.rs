//! Prometheus' HTTP API at `/prometheus/api/v1`, for Grafana's data source, `promtool query` and everything else that speaks it.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/api/>. Answers and errors have the same shape, word by word where clients look.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ::series::Exemplar;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use promql::ast::{Expr, Node};
use promql::{Answer, Labels, Matcher, Params, Severity, Value};

use super::ask::{ask, in_kept_names, on_threads, selector_in_kept_names};
use super::http::{ApiError, ApiResult, Form, success};
use super::spelt::{self, Told};
use super::{json, limits, millis, remote_write, status, tree};
use crate::app::App;
use crate::limits::LimitName;

/// Everything below `/prometheus`.
pub fn routes() -> Router<Arc<App>> {
    let api = Router::new()
        .route("/query", get(query).post(query))
        .route("/query_range", get(query_range).post(query_range))
        .route("/query_exemplars", get(query_exemplars).post(query_exemplars))
        .route("/format_query", get(format_query).post(format_query))
        .route("/parse_query", get(parse_query).post(parse_query))
        .route("/series", get(series).post(series))
        .route("/labels", get(label_names).post(label_names))
        .route("/label/{name}/values", get(label_values))
        .route("/metadata", get(metadata))
        .route("/rules", get(crate::alerting::prometheus::rules))
        .route("/alerts", get(crate::alerting::prometheus::alerts))
        .route("/status/buildinfo", get(status::buildinfo))
        .route("/status/runtimeinfo", get(status::runtimeinfo))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/tsdb", get(status::tsdb))
        .route("/write", post(remote_write::receive))
        .fallback(nothing_there);
    Router::new()
        .nest("/prometheus/api/v1", api)
        .route("/prometheus/-/ready", get(status::ready))
        .route("/prometheus/-/healthy", get(|| async { "Tawny is healthy.\n" }))
}

async fn nothing_there(request: Request) -> Response {
    ApiError::not_found(format!("Prometheus' API has no {} here", request.uri().path())).into_response()
}

fn parse(name: &str, text: &str) -> Result<promql::Query, ApiError> {
    promql::parse(text).map_err(|error| ApiError::parameter(name, error))
}

/// How long the query may take: as asked for, within the limit.
fn timeout(form: &Form) -> Result<Duration, ApiError> {
    let asked = form.duration("timeout")?.map(|millis| Duration::from_millis(millis.max(0).unsigned_abs()));
    Ok(asked.map_or(limits::PROMQL_TIME, |asked| asked.min(limits::PROMQL_TIME)))
}

fn with_lookback(params: Params, form: &Form) -> Result<Params, ApiError> {
    Ok(match form.duration("lookback_delta")? {
        Some(lookback) if lookback > 0 => Params { lookback, ..params },
        _ => params,
    })
}

async fn query(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let limit = form.limit()?;
    let time = form.time("time")?.unwrap_or_else(|| millis(app.now()));
    let timeout = timeout(&form)?;
    let query = parse("query", form.get("query"))?;
    let params = with_lookback(Params::instant(time), &form)?;
    let answer = ask(&app, &app.project(), query, params, timeout).await?;
    Ok(found(answer, form.get("query"), time, limit))
}

async fn query_range(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let limit = form.limit()?;
    let missing = |name: &str| ApiError::parameter(name, "cannot parse \"\" to a valid timestamp");
    let start = form.time("start")?.ok_or_else(|| missing("start"))?;
    let end = form.time("end")?.ok_or_else(|| missing("end"))?;
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = form.duration("step")?;
    let step = step.ok_or_else(|| ApiError::parameter("step", "cannot parse \"\" to a valid duration"))?;
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", message));
    }
    if end.saturating_sub(start) / step > limits::PROMQL_STEPS_MAX {
        app.counters.limit_reached(LimitName::PromqlStepsMax);
        return Err(ApiError::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let timeout = timeout(&form)?;
    let query = parse("query", form.get("query"))?;
    let params = with_lookback(Params::range(start, end, step), &form)?;
    let answer = ask(&app, &app.project(), query, params, timeout).await?;
    Ok(found(answer, form.get("query"), start, limit))
}

fn found(answer: Answer, text: &str, time: i64, limit: Option<usize>) -> Response {
    let Answer { mut value, annotations } = answer;
    let mut warnings = annotations.messages(Severity::Warning, text);
    if let Some(limit) = limit {
        let cut = match &mut value {
            Value::Vector(samples) => cut(samples, limit),
            Value::Matrix(series) => cut(series, limit),
            Value::Scalar(_) | Value::String(_) => false,
        };
        warnings.extend(cut.then(|| TRUNCATED.to_owned()));
    }
    success(&json::value(&value, time), &warnings, &annotations.messages(Severity::Info, text))
}

const TRUNCATED: &str = "results truncated due to limit";

/// Cuts a list; says whether something went.
fn cut<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let more = items.len() > limit;
    items.truncate(limit);
    more
}

/// The selectors of `match[]`.
fn matchers(form: &Form) -> Result<Vec<Vec<Matcher>>, ApiError> {
    form.all("match[]")
        .map(|text| match parse("match[]", text)?.root.bare().expr.clone() {
            Expr::Vector(selector) if selector.when == promql::ast::When::default() => Ok(selector.matchers),
            _ => Err(ApiError::parameter("match[]", format!("{text} is not a series selector"))),
        })
        .collect()
}

/// The time of a question about series; all time where it is not given.
fn times(form: &Form) -> Result<(i64, i64), ApiError> {
    let start = form.time("start")?.unwrap_or(i64::MIN / 2);
    let end = form.time("end")?.unwrap_or(i64::MAX / 2);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start timestamp"));
    }
    // Selections are open on the left.
    Ok((start - 1, end))
}

async fn labels_of(app: &App, sets: Vec<Vec<Matcher>>, (from, to): (i64, i64)) -> Result<Vec<Labels>, ApiError> {
    let (now, sees) = (app.now(), app.sees());
    let look = move |store: Arc<super::SeriesStore>, project: Arc<str>| {
        let db = store.of(&project, now)?;
        let sets = sets.into_iter().map(|set| selector_in_kept_names(&db, set)).collect::<Result<Vec<_>, _>>()?;
        let mut found = spelt::labels(&db, &sets, (from, to), limits::PROMQL_SERIES_MAX)?;
        found.retain(|labels| sees.shows(labels));
        Ok(found)
    };
    Ok(on_threads(app, look, &app.project()).await?)
}

async fn series(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let limit = form.limit()?;
    let (sets, times) = (matchers(&form)?, times(&form)?);
    if sets.is_empty() {
        return Err(ApiError::bad("no match[] parameter provided"));
    }
    let mut series = labels_of(&app, sets, times).await?;
    let truncated = limit.is_some_and(|limit| cut(&mut series, limit));
    let mut out = String::new();
    json::list(&mut out, &series, json::labels);
    Ok(success(&out, &warning(truncated), &[]))
}

fn warning(truncated: bool) -> Vec<String> {
    truncated.then(|| TRUNCATED.to_owned()).into_iter().collect()
}

fn texts(texts: BTreeSet<Arc<str>>, limit: Option<usize>) -> Response {
    let mut texts: Vec<Arc<str>> = texts.into_iter().collect();
    let truncated = limit.is_some_and(|limit| cut(&mut texts, limit));
    let mut out = String::new();
    json::list(&mut out, &texts, |out, text| json::text(out, text));
    success(&out, &warning(truncated), &[])
}

/// What the labels of series tell. However many series there are, only what is told is kept.
async fn told(app: &App, form: &Form, what: Told) -> Result<BTreeSet<Arc<str>>, ApiError> {
    let (sets, times, now, sees) = (matchers(form)?, times(form)?, app.now(), app.sees());
    let look = move |store: Arc<super::SeriesStore>, project: Arc<str>| {
        let db = store.of(&project, now)?;
        let sets = sets.into_iter().map(|set| selector_in_kept_names(&db, set)).collect::<Result<Vec<_>, _>>()?;
        let mut texts: HashSet<Arc<str>> = HashSet::new();
        let mut add = |text: &Arc<str>| {
            if !texts.contains(text) {
                texts.insert(Arc::clone(text));
            }
        };
        spelt::each_labels(&db, &sets, times, &what, &mut |labels| {
            let seen = sees.shows(labels);
            if seen {
                match &what {
                    Told::Names => labels.iter().for_each(|label| add(&label.name)),
                    Told::Values(name) => {
                        labels.iter().filter(|label| *label.name == **name).for_each(|label| add(&label.value));
                    }
                }
            }
            seen
        })?;
        Ok(texts.into_iter().collect())
    };
    Ok(on_threads(app, look, &app.project()).await?)
}

async fn label_names(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let limit = form.limit()?;
    Ok(texts(told(&app, &form, Told::Names).await?, limit))
}

async fn label_values(State(app): State<Arc<App>>, Path(name): Path<String>, form: Form) -> ApiResult {
    let limit = form.limit()?;
    let name = unescaped(&name);
    if name.is_empty() {
        return Err(ApiError::bad(format!("invalid label name: {name:?}")));
    }
    Ok(texts(told(&app, &form, Told::Values(name)).await?, limit))
}

/// A label name as it may stand in a path: `U__` and `_2e_` for what is neither letter nor digit.
fn unescaped(name: &str) -> String {
    let Some(rest) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    let mut parts = rest.split('_');
    out.push_str(parts.next().unwrap_or_default());
    let mut coded = true;
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let character = u32::from_str_radix(part, 16).ok().and_then(char::from_u32);
        match (coded, character) {
            (true, _) if part.is_empty() => {
                // Two underscores stand for one.
                out.push('_');
                out.push_str(parts.next().unwrap_or_default());
            }
            (true, Some(character)) => {
                out.push(character);
                coded = false;
            }
            (true, None) => return name.to_owned(),
            (false, _) => {
                out.push_str(part);
                coded = true;
            }
        }
    }
    out
}

async fn metadata(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let limit = form.limit()?.unwrap_or(usize::MAX);
    let metric = form.get("metric").to_owned();
    let now = app.now();
    let look = move |store: Arc<super::SeriesStore>, project: Arc<str>| {
        let kept = store.of(&project, now)?.metadata();
        Ok(spelt::metadata(kept))
    };
    let known = on_threads(&app, look, &app.project()).await?;
    let wanted = known.iter().filter(|(name, _)| metric.is_empty() || **name == metric).take(limit);
    let mut out = String::from("{");
    for (at, (name, metadata)) in wanted.enumerate() {
        if at > 0 {
            out.push(',');
        }
        json::text(&mut out, name);
        out.push_str(&format!(":[{{\"type\":\"{}\",\"help\":", metadata.kind.as_str()));
        json::text(&mut out, &metadata.help);
        out.push_str(",\"unit\":");
        json::text(&mut out, &metadata.unit);
        out.push_str("}]");
    }
    out.push('}');
    Ok(success(&out, &[], &[]))
}

async fn query_exemplars(State(app): State<Arc<App>>, form: Form) -> ApiResult {
    let query = parse("query", form.get("query"))?;
    let times = (form.time("start")?.unwrap_or(i64::MIN), form.time("end")?.unwrap_or(i64::MAX));
    if times.1 < times.0 {
        return Err(ApiError::parameter("end", "end timestamp must not be before start timestamp"));
    }
    let (now, sees) = (app.now(), app.sees());
    let look = move |store: Arc<super::SeriesStore>, project: Arc<str>| {
        let db = store.of(&project, now)?;
        let mut sets = Vec::new();
        selectors(&in_kept_names(&db, &query)?.root, &mut sets);
        let mut found = spelt::exemplars(&db, &sets, times);
        found.retain(|exemplar| sees.shows(&exemplar.series));
        Ok(found)
    };
    let exemplars = on_threads(&app, look, &app.project()).await?;
    let mut by_series: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
    for exemplar in exemplars {
        by_series.entry(exemplar.series.clone()).or_default().push(exemplar);
    }
    let mut out = String::new();
    json::list(&mut out, &by_series.into_iter().collect::<Vec<_>>(), |out, (series, exemplars)| {
        out.push_str("{\"seriesLabels\":");
        json::labels(out, series);
        out.push_str(",\"exemplars\":");
        json::list(out, exemplars, |out, exemplar| {
            out.push_str("{\"labels\":");
            json::labels(out, &exemplar.labels);
            out.push_str(&format!(",\"value\":\"{}\",\"timestamp\":", json::float(exemplar.value)));
            json::timestamp(out, exemplar.time);
            out.push('}');
        });
        out.push('}');
    });
    Ok(success(&out, &[], &[]))
}

/// All selectors of a query.
fn selectors(node: &Node, found: &mut Vec<Vec<Matcher>>) {
    match &node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => found.push(selector.matchers.clone()),
        _ => node.children().into_iter().for_each(|child| selectors(child, found)),
    }
}

async fn format_query(form: Form) -> ApiResult {
    let query = parse("query", form.get("query"))?;
    let mut out = String::new();
    json::text(&mut out, &query.root.to_string());
    Ok(success(&out, &[], &[]))
}

async fn parse_query(form: Form) -> ApiResult {
    let query = parse("query", form.get("query"))?;
    Ok(success(&tree::json(&query.root).to_string(), &[], &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_in_paths_may_be_escaped() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status_5f_code", "http.status_code"),
            ("U__a__b", "a_b"),
            ("U__x_zz_", "U__x_zz_"),
        ] {
            assert_eq!(unescaped(escaped), name);
        }
    }
}
