//! `GET /api/v1/logs`: log records of all runs, and of none.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{LogFilterParams, PageParams, Params};
use super::types::{LogRecord, LogsAnswer, Problem};
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
