//! `status/*` of Prometheus' API: what clients ask to find out whom they talk to.

use std::sync::Arc;

use ::series::{BLOCK, Settings};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::http::{ApiError, success};
use super::{limits, millis};
use crate::app::{App, Phase};

/// The version of Prometheus whose language and API this is. Grafana chooses by it which parts of the API it uses.
const SPOKEN: &str = "3.0.0";

fn ok(value: &serde_json::Value) -> Response {
    success(&value.to_string(), &[], &[])
}

/// `status/buildinfo`.
pub async fn buildinfo() -> Response {
    ok(&json!({
        "version": SPOKEN, "revision": format!("tawny {}", crate::VERSION), "branch": "tawny", "buildUser": "",
        "buildDate": "", "goVersion": "",
    }))
}

/// `status/runtimeinfo`.
pub async fn runtimeinfo(State(app): State<Arc<App>>) -> Response {
    let stats = app.opened().map(|opened| opened.series.stats()).unwrap_or_default();
    let kept = Settings::default();
    ok(&json!({
        "startTime": app.started.to_string(),
        "CWD": "", "hostname": "",
        "serverTime": app.now().to_string(),
        "reloadConfigSuccess": true,
        "lastConfigTime": app.started.to_string(),
        "corruptionCount": stats.values().map(|stats| stats.damaged).sum::<u64>(),
        "goroutineCount": 0, "GOMAXPROCS": app.settings.limits.decoders, "GOMEMLIMIT": 0, "GOGC": "", "GODEBUG": "",
        "storageRetention": format!("every sample for {}", promql::format_duration(kept.thin_after.unwrap_or_default())),
    }))
}

/// `status/config`: there is no configuration file.
pub async fn config() -> Response {
    ok(&json!({"yaml": ""}))
}

/// `status/flags`: the limits of queries, under Prometheus' names.
pub async fn flags() -> Response {
    ok(&json!({
        "query.lookback-delta": promql::format_duration(promql::DEFAULT_LOOKBACK_MS),
        "query.max-concurrency": limits::PROMQL_QUERIES_MAX.to_string(),
        "query.max-samples": limits::PROMQL_SAMPLES_MAX.to_string(),
        "query.timeout": format!("{}s", limits::PROMQL_TIME.as_secs()),
        "storage.tsdb.min-block-duration": promql::format_duration(BLOCK),
        "storage.tsdb.out-of-order-time-window": promql::format_duration(Settings::default().late_window),
    }))
}

/// `status/tsdb`: sizes of what is in memory.
pub async fn tsdb(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let (now, sees) = (app.now(), app.sees());
    let look = move |store: Arc<super::SeriesStore>, project: Arc<str>| {
        let db = store.of(&project, now)?;
        let recent = millis(now) - Settings::default().late_window;
        let mut found = db.labels(&[], recent, i64::MAX, limits::PROMQL_SERIES_MAX)?;
        found.retain(|labels| sees.shows(labels));
        Ok((db.stats(), found))
    };
    let (stats, series) = super::ask::on_threads(&app, look, &app.project()).await?;
    let mut metrics = std::collections::BTreeMap::<&str, u64>::new();
    let mut pairs = std::collections::BTreeMap::<(&str, &str), u64>::new();
    let mut values = std::collections::BTreeMap::<&str, std::collections::BTreeSet<&str>>::new();
    for labels in &series {
        *metrics.entry(labels.metric_name()).or_default() += 1;
        for label in labels.iter() {
            *pairs.entry((&label.name, &label.value)).or_default() += 1;
            values.entry(&label.name).or_default().insert(&label.value);
        }
    }
    let top = |counts: Vec<(String, u64)>| {
        let mut counts = counts;
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts.truncate(10);
        counts.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>()
    };
    Ok(ok(&json!({
        "headStats": {
            "numSeries": stats.series, "numLabelPairs": pairs.len(), "chunkCount": stats.samples / 120,
            "minTime": stats.min_time, "maxTime": stats.max_time.unwrap_or(stats.min_time),
        },
        "seriesCountByMetricName": top(metrics.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()),
        "labelValueCountByLabelName": top(values.iter().map(|(name, it)| ((*name).to_owned(), it.len() as u64)).collect()),
        "memoryInBytesByLabelName": top(
            values.iter().map(|(name, it)| ((*name).to_owned(), it.iter().map(|value| value.len() as u64).sum())).collect(),
        ),
        "seriesCountByLabelValuePair": top(
            pairs.iter().map(|((name, value), count)| (format!("{name}={value}"), *count)).collect(),
        ),
    })))
}

/// `/prometheus/-/ready`, which `promtool check ready` asks.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.phase() {
        Phase::Ready => "Tawny is ready.\n".into_response(),
        phase => (StatusCode::SERVICE_UNAVAILABLE, format!("Tawny is {}.\n", phase.as_str())).into_response(),
    }
}
