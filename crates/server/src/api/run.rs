//! One run: its tree of steps, one step, its log records, and the spans as they were sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use model::{Span, TraceId};
use serde_json::Value as JsonValue;
use signals::runs::Resolved;
use store::StoredSpan;

use super::complete;
use super::convert;
use super::fold::{self, Fold, FoldParams};
use super::joined;
use super::params::{self, ContentParams, Params};
use super::said::Said;
use super::types::{Joined, Problem, RunAnswer, RunLogsAnswer, RunTreeAnswer, StepAnswer};
use super::whole;
use crate::app::App;

/// One run with its steps.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}", operation_id = "getRun", tag = "runs", summary = "One run with its steps",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits; or the execution, workflow, request or conversation that log records name"), ContentParams, FoldParams),
    responses((status = 200, body = RunAnswer, description = "The run"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Too many steps, or too much said in them, to answer with content")))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<RunAnswer>, Problem> {
    let content = params.content()?;
    let fold = params.fold()?;
    params.end()?;
    if content && fold.is_some() {
        return Err(Problem::bad_request("`limit`, `under`, `show` and `find` go with content=none"));
    }
    let trace_id = joined::find(&app, &id).await?;
    if !content {
        let spans = complete::priced(&app, joined::narrow(&app, trace_id).await?).await?;
        let (now, settings) = (app.now(), app.run_settings);
        let built = tokio::task::spawn_blocking(move || {
            let resolved = joined::one(signals::runs::resolve_linked(&spans, now, &settings), trace_id)?;
            Some(answer(&resolved, &fold.unwrap_or_default()))
        });
        let answer = built.await.map_err(|error| Problem::internal(error.to_string()))?;
        return told(&app, answer.ok_or_else(|| joined::no_run(&id))?).await;
    }
    let whole = whole::read(&app, trace_id).await?;
    let spans = complete::priced(&app, whole.sources.narrow()).await?;
    let now = app.now();
    let settings = app.run_settings;
    let dialects = app.settings.dialects.clone();
    let built = tokio::task::spawn_blocking(move || {
        let logs = &whole.sources.logs;
        let stored = whole.sources.sent()?;
        let Some(resolved) = joined::one(signals::runs::resolve_linked(&spans, now, &settings), trace_id) else {
            return Ok::<_, store::StoreError>(None);
        };
        let mut answer = answer(&resolved, &Fold::default());
        answer.scores = convert::scores(logs);
        let said = Said::of(&dialects, &stored, logs);
        for (step, resolved) in answer.steps.iter_mut().zip(&resolved.steps) {
            said.fill(step, resolved);
            step.scores = answer.scores.iter().filter(|score| score.span_id == Some(step.span_id)).cloned().collect();
        }
        Ok(Some(answer))
    });
    let answer = built.await.map_err(|error| Problem::internal(error.to_string()))??;
    told(&app, answer.ok_or_else(|| joined::no_run(&id))?).await
}

/// The answer with what is kept beside the run.
async fn told(app: &App, mut answer: RunAnswer) -> Result<Json<RunAnswer>, Problem> {
    complete::runs(app, std::slice::from_mut(&mut answer.run)).await?;
    Ok(Json(answer))
}

/// One step, and its span as it was sent.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/steps/{span_id}", operation_id = "getStep", tag = "runs",
    summary = "One step, and its span as it was sent",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits; or the execution, workflow, request or conversation that log records name"),
        ("span_id" = String, Path, description = "Span id, 16 hexadecimal digits")),
    responses((status = 200, body = StepAnswer, description = "The step"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such step")))]
pub async fn step(
    State(app): State<Arc<App>>,
    Path((trace, span)): Path<(String, String)>,
    params: Params,
) -> Result<Json<StepAnswer>, Problem> {
    params.end()?;
    let span_id = params::span_id(&span)?;
    let trace_id = joined::find(&app, &trace).await?;
    let spans = complete::priced(&app, joined::narrow(&app, trace_id).await?).await?;
    let resolved = resolve(&app, trace_id, &spans)?;
    let missing = || Problem::not_found(format!("run {trace_id} has no step {span_id}"));
    let resolved = resolved.steps.iter().find(|step| step.span.span_id == span_id).ok_or_else(missing)?;
    let (stored, logs) = joined::parts(&app, trace_id, resolved, &spans).await?;
    let said = Said::of(&app.settings.dialects, &stored, &logs);
    let mut step = convert::step(resolved);
    step.scores = convert::scores(&logs);
    step.scores.retain(|score| score.span_id == Some(span_id));
    said.fill(&mut step, resolved);
    // The root of a run that only log records tell of was never sent.
    let sent: Vec<StoredSpan<'_>> = said.span(span_id).into_iter().cloned().collect();
    let raw = otlp_json(&sent)?;
    Ok(Json(StepAnswer { step, raw }))
}

/// The tree of one run.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/tree", operation_id = "getRunTree", tag = "runs",
    summary = "One run with what a row of its tree needs",
    description = "For runs of many steps: a fifth of what the whole run takes without its content. Steps come in pre-order, so depth gives the tree.",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits; or the execution, workflow, request or conversation that log records name")),
    responses((status = 200, body = RunTreeAnswer, description = "The run and its tree"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn tree(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunTreeAnswer>, Problem> {
    params.end()?;
    let trace_id = joined::find(&app, &id).await?;
    let spans = complete::priced(&app, joined::narrow(&app, trace_id).await?).await?;
    let resolved = resolve(&app, trace_id, &spans)?;
    let mut run = (&resolved.run).into();
    complete::runs(&app, std::slice::from_mut(&mut run)).await?;
    Ok(Json(RunTreeAnswer { run, steps: resolved.steps.iter().map(convert::tree_step).collect() }))
}

/// Log records of one run.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/logs", operation_id = "getRunLogs", tag = "runs", summary = "Log records of one run",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits; or the execution, workflow, request or conversation that log records name")),
    responses((status = 200, body = RunLogsAnswer, description = "The records, by time; empty when the run has none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Neither run nor records")))]
pub async fn logs(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunLogsAnswer>, Problem> {
    params.end()?;
    let logs = joined::logs(&app, joined::find(&app, &id).await?).await?;
    Ok(Json(RunLogsAnswer {
        logs: logs.iter().map(|stored| convert::raw_log_record(&stored.log, &stored.raw)).collect(),
    }))
}

/// One run as OTLP/JSON.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/raw", operation_id = "getRunRaw", tag = "runs",
    summary = "One run as it was sent, as an OTLP/JSON request",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits; or the execution, workflow, request or conversation that log records name")),
    responses((status = 200, body = Object, description = "An ExportTraceServiceRequest"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn raw(State(app): State<Arc<App>>, Path(id): Path<String>, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let trace_id = joined::find(&app, &id).await?;
    let whole::Sources { traces, .. } = whole::kept(&app, trace_id, usize::MAX).await?;
    // Of a run that was sent, what log records told was not.
    let was_sent = traces.iter().any(|trace| trace.spans().any(|span| span.told.is_none()));
    let keep: fn(&StoredSpan<'_>) -> bool = if was_sent { is_sent } else { |_| true };
    let pieces = whole::Pieces::of(traces, keep);
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], pieces.into_body()).into_response())
}

/// Whether a span was sent, and not told by a log record.
fn is_sent(span: &StoredSpan<'_>) -> bool {
    span.span.told.is_none()
}

/// The run that spans make, as of now.
pub fn resolve(app: &App, trace_id: TraceId, spans: &[Arc<Span>]) -> Result<Resolved, Problem> {
    let resolved = signals::runs::resolve_linked(spans, app.now(), &app.run_settings);
    joined::one(resolved, trace_id).ok_or_else(|| joined::no_run(&trace_id.to_string()))
}

fn answer(resolved: &Resolved, fold: &Fold) -> RunAnswer {
    let critical = signals::runs::critical_path(&resolved.steps);
    let step = |(at, folded): (usize, u32)| {
        let mut step = convert::step(&resolved.steps[at]);
        (step.critical_ms, step.folded) = (critical[at], folded);
        step
    };
    RunAnswer {
        run: (&resolved.run).into(),
        steps: fold::choose(&resolved.steps, fold).into_iter().map(step).collect(),
        joined: resolved.joined.iter().map(|(trace_id, reason)| Joined::new(*trace_id, *reason)).collect(),
        scores: Vec::new(),
    }
}

/// Spans as the text of one OTLP/JSON request.
pub fn otlp_text(stored: &[StoredSpan<'_>]) -> String {
    wire::export_spans(stored.iter().map(|span| (&*span.resource, &*span.scope, &span.raw)))
}

fn otlp_json(stored: &[StoredSpan<'_>]) -> Result<JsonValue, Problem> {
    serde_json::from_str(&otlp_text(stored))
        .map_err(|error| Problem::internal(format!("cannot write the span as OTLP/JSON: {error}")))
}
