//! `GET /api/v1/checklist`: the production monitoring checklist with its values now.

use std::sync::Arc;

use ::alerts::checklist::{Question, questions};
use ::alerts::evaluate::samples;
use axum::Json;
use axum::extract::State;
use promql::Params as QueryParams;

use super::alerts::map;
use super::params::Params;
use super::types::{ChecklistAnswer, ChecklistRow, Problem};
use crate::app::App;
use crate::series::{ask, limits, millis};

/// A series as its labels and value.
type Found = (promql::Labels, f64);

/// The checklist.
#[utoipa::path(get, path = "/api/v1/checklist", operation_id = "getChecklist", tag = "alerts",
    summary = "The production monitoring checklist: value, baseline, threshold and state of its rows",
    description = "Of each row the series that is furthest towards its threshold. Computed from the expressions of the rule pack \
        `checklist`, whether the pack is on or not.",
    responses((status = 200, body = ChecklistAnswer, description = "Nineteen rows")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<ChecklistAnswer>, Problem> {
    params.end()?;
    let mut rows = Vec::new();
    for question in questions() {
        rows.push(row(&app, &question).await?);
    }
    Ok(Json(ChecklistAnswer { rows }))
}

async fn row(app: &App, question: &Question) -> Result<ChecklistRow, Problem> {
    let values = evaluated(app, &question.value).await?;
    let baselines = evaluated(app, &question.baseline).await?;
    let thresholds = evaluated(app, question.threshold.as_deref().unwrap_or_default()).await?;
    let beyond = evaluated(app, question.beyond.as_deref().unwrap_or_default()).await?;
    // How far on the way to the threshold, where there is one to go to.
    let way = |found: &Found| match of_series(&thresholds, &found.0) {
        Some(limit) if question.above && limit > 0.0 => found.1 / limit,
        Some(limit) if !question.above && found.1 > 0.0 => limit / found.1,
        _ => found.1,
    };
    let is_beyond = |found: &&Found| of_series(&beyond, &found.0).is_some();
    let worst = values.iter().filter(is_beyond).max_by(|one, other| way(one).total_cmp(&way(other)));
    let worst = worst.or_else(|| values.iter().max_by(|one, other| way(one).total_cmp(&way(other))));
    let threshold = worst.and_then(|worst| of_series(&thresholds, &worst.0));
    let state = match (worst, threshold) {
        (None, _) => "no_data",
        _ if !beyond.is_empty() => "beyond",
        (Some(_), None) if question.threshold.is_some() => "no_threshold",
        (Some(worst), Some(limit)) if question.needs_baseline && way(worst) > 1.0 && limit > 0.0 => "no_baseline",
        _ => "ok",
    };
    let row = question.row;
    Ok(ChecklistRow {
        category: row.category.to_owned(),
        metric: row.metric.to_owned(),
        why: row.why.to_owned(),
        unit: row.unit.to_owned(),
        state: state.to_owned(),
        value: worst.map(|worst| worst.1),
        labels: worst.map(|worst| map(&worst.0)).unwrap_or_default(),
        baseline: worst.and_then(|worst| of_series(&baselines, &worst.0)),
        threshold,
        above: question.above,
        alert: row.alert.map(str::to_owned),
        query: question.value.clone(),
    })
}

/// The value that belongs to a series: of the same labels, else the only one there is, if it has none.
fn of_series(found: &[Found], labels: &promql::Labels) -> Option<f64> {
    let same = found.iter().find(|(other, _)| other == labels);
    same.or_else(|| found.first().filter(|(only, _)| found.len() == 1 && only.is_empty())).map(|(_, value)| *value)
}

async fn evaluated(app: &App, text: &str) -> Result<Vec<Found>, Problem> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let query = promql::parse(text).map_err(|error| Problem::internal(error.to_string()))?;
    let now = millis(app.now());
    let answer = ask(app, &app.project(), query, QueryParams::instant(now), limits::PROMQL_TIME).await;
    let value = answer.map_err(|error| Problem::unavailable(format!("the row cannot be computed: {error}")))?.value;
    let samples = samples(value, now).map_err(Problem::internal)?;
    let found = samples.into_iter().filter_map(|sample| {
        let value = sample.point.float().filter(|value| value.is_finite())?;
        Some((sample.labels.without_metadata(), value))
    });
    Ok(found.collect())
}
