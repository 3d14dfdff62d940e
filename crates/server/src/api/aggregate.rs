//! `GET /api/v1/aggregate`: numbers for charts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use query::Aggregate;

use super::params::{AggregateParams, Params, RunFilterParams};
use super::types::{AggregateAnswer, AggregateRow, Problem};
use crate::app::App;

/// Aggregates.
#[utoipa::path(get, path = "/api/v1/aggregate", operation_id = "aggregate", tag = "runs",
    summary = "Counts, sums and quantiles of runs or steps, over time and by key",
    description = "The numbers charts are made of. Filters are those of the list of runs; with `of=steps` they are read on the \
        steps themselves. Tokens and costs of steps leave out totals over other steps and calls that another trace tells; \
        calls that two instrumentations of one trace tell are only sorted out in the totals of runs.",
    params(AggregateParams, RunFilterParams),
    responses((status = 200, body = AggregateAnswer, description = "The rows"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "More rows than one answer takes")))]
pub async fn get(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AggregateAnswer>, Problem> {
    let question: Aggregate = params.aggregate(app.now())?;
    params.end()?;
    let (project, asked) = (app.project(), question.clone());
    let found = app.ask(|engine| async move { engine.aggregate(&project, &asked).await }).await?;
    let row = |row: query::AggregateRow| AggregateRow {
        time: row.time,
        by: row.by,
        count: row.count,
        value: row.value,
        quantiles: row.quantiles,
    };
    Ok(Json(AggregateAnswer {
        of: question.of.to_string(),
        measure: question.measure.to_string(),
        by: question.by.iter().map(ToString::to_string).collect(),
        quantiles: question.quantiles,
        step_seconds: question.step.map(|step| step.as_secs_f64()),
        rows: found.rows.into_iter().map(row).collect(),
    }))
}
