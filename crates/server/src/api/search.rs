//! `GET /api/v1/search`: runs by what was said in them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::{PageParams, Params, RunFilterParams};
use super::types::{Problem, SearchAnswer};
use crate::app::App;
use crate::limits::LimitName;

/// Searches.
#[utoipa::path(get, path = "/api/v1/search", operation_id = "search", tag = "runs",
    summary = "Runs in which something is said, newest first, with the steps that say it",
    description = "Looks for the text `q` in everything steps carry: messages, tool arguments and results, documents, other \
        attributes and events, and in the log records of runs. Case is ignored. Text that clients wrapped into JSON is found \
        as a person would type it. The other parameters filter the runs.",
    params(RunFilterParams, PageParams),
    responses((status = 200, body = SearchAnswer, description = "One page of runs"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read, or `q` is missing")))]
pub async fn search(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<SearchAnswer>, Problem> {
    let mut filter = params.run_filter(app.now())?;
    let page = params.page()?;
    params.end()?;
    let text = filter.text.take().ok_or_else(|| Problem::bad_request("say what to look for: q=TEXT"))?;
    let project = app.project();
    let page = app.ask(|engine| async move { engine.search(&project, &text, &filter, &page).await }).await?;
    if page.searched_to.is_some() {
        app.counters.limit_reached(LimitName::SearchTime);
    }
    Ok(Json(page.into()))
}
