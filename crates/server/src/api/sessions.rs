//! `GET /api/v1/sessions`: runs grouped by conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{Params, RunFilterParams, SessionPageParams};
use super::types::{Problem, SessionsAnswer};
use crate::app::App;

/// Lists sessions.
#[utoipa::path(get, path = "/api/v1/sessions", operation_id = "listSessions", tag = "runs", summary = "List sessions",
    description = "Runs that match the filters, grouped by conversation. Runs without one are not part of any session. What a session shows and is sorted by covers all its runs.",
    params(RunFilterParams, SessionPageParams),
    responses((status = 200, body = SessionsAnswer, description = "One page of sessions"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<SessionsAnswer>, Problem> {
    let filter = params.run_filter(app.now())?;
    let (sort, page) = params.session_page()?;
    params.end()?;
    let project = app.project();
    let page = app.ask(|engine| async move { engine.sessions(&project, &filter, sort, &page).await }).await?;
    Ok(Json(page.into()))
}
