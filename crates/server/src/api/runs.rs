//! `GET /api/v1/runs`: lists of runs, with filters, sorting, pages and facets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{ContentSearchParams, Params, RunFilterParams, RunPageParams};
use super::types::{Problem, RunsAnswer};
use crate::app::App;

/// Lists runs.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "listRuns", tag = "runs", summary = "List runs",
    params(RunFilterParams, ContentSearchParams, RunPageParams),
    responses((status = 200, body = RunsAnswer, description = "One page of runs"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<RunsAnswer>, Problem> {
    let mut filter = params.run_filter(app.now())?;
    filter.content = params.in_content()?;
    let page = params.run_page()?;
    params.end()?;
    let project = app.project();
    let page = app.ask(|engine| async move { engine.runs(&project, &filter, &page).await }).await?;
    let mut answer = RunsAnswer::from(page);
    super::complete::runs(&app, &mut answer.runs).await?;
    Ok(Json(answer))
}
