//! `GET /api/v1/logs`: log records of all runs, and of none; `GET /api/v1/logs/counts`: how many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{LogFilterParams, PageParams, Params, StepParams};
use super::types::{FacetValue, LogCount, LogCountsAnswer, LogRecord, LogsAnswer, Problem};
use crate::app::App;

/// Lists log records.
#[utoipa::path(get, path = "/api/v1/logs", operation_id = "listLogs", tag = "logs", summary = "List log records, latest first",
    params(LogFilterParams, PageParams),
    responses((status = 200, body = LogsAnswer, description = "One page of records"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<LogsAnswer>, Problem> {
    let filter = params.log_filter(app.now())?;
    let page = params.page()?;
    params.end()?;
    let project = app.project();
    let page = app.ask(|engine| async move { engine.logs(&project, &filter, &page).await }).await?;
    Ok(Json(LogsAnswer { logs: page.logs.into_iter().map(LogRecord::from).collect(), next: page.next }))
}

/// Services and events that are named, the most frequent ones.
const NAMED: usize = 50;

/// Counts log records.
#[utoipa::path(get, path = "/api/v1/logs/counts", operation_id = "countLogs", tag = "logs",
    summary = "How many log records there are, over time and by severity, service and event",
    params(LogFilterParams, StepParams),
    responses((status = 200, body = LogCountsAnswer, description = "The counts"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "More rows than one answer takes")))]
pub async fn counts(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<LogCountsAnswer>, Problem> {
    let filter = params.log_filter(app.now())?;
    let step = params.step()?.ok_or_else(|| Problem::bad_request("say how long a bar is: step=1m"))?;
    params.end()?;
    let project = app.project();
    let found = app.ask(|engine| async move { engine.log_counts(&project, &filter, step).await }).await?;
    let mut rows = BTreeMap::new();
    let (mut services, mut events) = (BTreeMap::new(), BTreeMap::new());
    for part in &found {
        *rows.entry((part.time, level(part.severity))).or_insert(0) += part.count;
        for (names, name) in [(&mut services, &part.service), (&mut events, &part.event)] {
            if let Some(name) = name {
                *names.entry(name.clone()).or_insert(0) += part.count;
            }
        }
    }
    Ok(Json(LogCountsAnswer {
        step_seconds: step.as_secs_f64(),
        total: found.iter().map(|part| part.count).sum(),
        rows: rows
            .into_iter()
            .map(|((time, level), count)| LogCount { time, level: level.to_owned(), count })
            .collect(),
        services: most(services),
        events: most(events),
    }))
}

/// OTLP severity numbers by their names.
fn level(severity: u8) -> &'static str {
    match severity {
        0 => "unset",
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        _ => "fatal",
    }
}

fn most(counts: BTreeMap<String, u64>) -> Vec<FacetValue> {
    let mut values: Vec<FacetValue> = counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.count));
    values.truncate(NAMED);
    values
}
