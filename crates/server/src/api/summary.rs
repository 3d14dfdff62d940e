//! `GET /api/v1/summary`: what is going on, at a glance.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{Params, RunFilterParams};
use super::types::{Problem, Summary};
use crate::app::App;

/// The summary.
#[utoipa::path(get, path = "/api/v1/summary", operation_id = "getSummary", tag = "runs",
    summary = "Active runs, totals, and the runs that completed last",
    description = "Over everything kept, unless filters say otherwise.",
    params(RunFilterParams),
    responses((status = 200, body = Summary, description = "The summary"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn get(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<Summary>, Problem> {
    let filter = params.run_filter(app.now())?;
    params.end()?;
    let project = app.project();
    let summary = app.ask(|engine| async move { engine.summary(&project, &filter).await }).await?;
    Ok(Json(summary.into()))
}
