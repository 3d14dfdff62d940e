//! What is known of runs beside their telemetry: how suspicious they are, how people marked them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use utoipa::IntoParams;

use super::body;
use super::joined;
use super::params::Params;
use super::types::{Mark, Problem, RunMarked, Suspect, SuspectsAnswer};
use crate::app::App;
use crate::findings::ask::{self, Filter};
use crate::findings::{self, MARKS_MAX};

/// Longest note of a mark, in bytes.
const NOTE_MAX: usize = 1_000;

/// Which runs.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct SuspectParams {
    /// Ended from this time on: RFC 3339, a day, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// Before this time; as `from`.
    pub to: Option<String>,
    /// Agent; repeatable.
    pub agent: Option<Vec<String>>,
    /// Rows, 1 to 500; 50 where not given.
    pub limit: Option<usize>,
}

/// The most suspicious runs.
#[utoipa::path(get, path = "/api/v1/suspects", operation_id = "listSuspects", tag = "findings",
    summary = "The runs most likely to have failed without saying so, the most suspicious first",
    description = "Suspicion puts together what detectors saw and how far a run lies from good runs of its kind. It orders runs and has no unit.",
    params(SuspectParams),
    responses((status = 200, body = SuspectsAnswer, description = "The runs"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn suspects(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<SuspectsAnswer>, Problem> {
    let now = app.now();
    let filter = Filter {
        from: params.time("from", now)?,
        to: params.time("to", now)?,
        agents: params.all("agent"),
        ..Filter::default()
    };
    let page = params.page()?;
    params.end()?;
    let project = app.project();
    let found = app.with_state(move |state| state.read(|it| ask::suspects(it, &project, &filter, page.limit))).await?;
    let runs = found.into_iter().map(|it| Suspect {
        trace_id: it.trace,
        at: it.at,
        agent: it.agent,
        suspicion: it.suspicion,
        outcome: it.outcome,
    });
    Ok(Json(SuspectsAnswer { runs: runs.collect() }))
}

/// Marks a run.
#[utoipa::path(post, path = "/api/v1/runs/{trace_id}/mark", operation_id = "markRun", tag = "findings",
    summary = "Mark a run as known to be good, or as not good",
    description = "Once enough runs of a kind are marked as good, runs are compared with those alone. Nothing is learned from a run that was marked \
        as not good before it settled.",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")), request_body = Mark,
    responses((status = 200, body = RunMarked, description = "It is marked"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The mark cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Too many runs are marked")))]
pub async fn mark(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<RunMarked>, Problem> {
    params.end()?;
    let mut mark: Mark = body::json(&body, r#"{"good": true}"#)?;
    if mark.note.as_ref().is_some_and(|note| note.len() > NOTE_MAX) {
        return Err(Problem::bad_request(format!("the note is longer than {NOTE_MAX} bytes")));
    }
    mark.note = mark.note.map(|note| app.told("mark.note", note));
    let trace_id = joined::find(&app, &id).await?;
    let spans = joined::narrow(&app, trace_id).await?;
    let resolved = super::run::resolve(&app, trace_id, &spans)?;
    let (project, now, good) = (app.project(), app.now(), mark.good);
    let whole = resolved.run.trace_id;
    let kept = app
        .with_state(move |state| state.write(|tx| findings::mark(tx, &project, whole, good, mark.note.as_deref(), now)))
        .await?;
    if !kept {
        let detail = format!("{MARKS_MAX} runs are marked, more are not remembered");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-marks", "Too many marks", detail));
    }
    // The judge learns from it when it sees the run again.
    app.watch.again(app.project(), whole, resolved.run.version, now);
    Ok(Json(RunMarked { trace_id: whole, good }))
}
