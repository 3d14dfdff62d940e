//! One run: its tree of steps, one step, its log records, and the spans as they were sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dialects::Dialects;
use model::raw::RawLog;
use model::{Span, SpanId, TraceId};
use serde_json::Value as JsonValue;
use signals::runs::Resolved;
use store::{StoredLog, StoredSpan};

use super::convert;
use super::params::{self, ContentParams, Params};
use super::types::{Problem, RunAnswer, RunLogsAnswer, RunTreeAnswer, StepAnswer};
use crate::app::App;

/// One run with its steps.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}", operation_id = "getRun", tag = "runs", summary = "One run with its steps",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits"), ContentParams),
    responses((status = 200, body = RunAnswer, description = "The run"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Too many steps to answer with content")))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<RunAnswer>, Problem> {
    let trace_id = params::trace_id(&id)?;
    let content = params.content()?;
    params.end()?;
    if !content {
        let spans = app.store()?.trace_narrow(&app.project(), trace_id).await?;
        let resolved = resolve(&app, trace_id, &spans)?;
        return Ok(Json(answer(&resolved)));
    }
    let (stored, logs) = read(&app, trace_id).await?;
    if stored.len() > FULL_STEPS_MAX {
        return Err(too_many(stored.len()));
    }
    let now = app.now();
    let settings = app.run_settings;
    let built = tokio::task::spawn_blocking(move || {
        let resolved = signals::runs::resolve(&narrow(&stored), now, &settings)?;
        let mut answer = answer(&resolved);
        answer.scores = convert::scores(&logs);
        let logs = logs_by_span(&logs);
        let by_id: std::collections::HashMap<SpanId, &StoredSpan> =
            stored.iter().map(|stored| (stored.span.span_id, stored)).collect();
        for step in &mut answer.steps {
            if let Some(stored) = by_id.get(&step.span_id) {
                fill(&app.settings.dialects, step, stored, logs.get(&step.span_id).map_or(&[], Vec::as_slice));
            }
            step.scores = answer.scores.iter().filter(|score| score.span_id == Some(step.span_id)).cloned().collect();
        }
        Some(answer)
    });
    let answer = built.await.map_err(|error| Problem::internal(error.to_string()))?;
    answer.map(Json).ok_or_else(|| no_run(trace_id))
}

/// One step, and its span as it was sent.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/steps/{span_id}", operation_id = "getStep", tag = "runs",
    summary = "One step, and its span as it was sent",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits"),
        ("span_id" = String, Path, description = "Span id, 16 hexadecimal digits")),
    responses((status = 200, body = StepAnswer, description = "The step"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such step")))]
pub async fn step(
    State(app): State<Arc<App>>,
    Path((trace, span)): Path<(String, String)>,
    params: Params,
) -> Result<Json<StepAnswer>, Problem> {
    params.end()?;
    let (trace_id, span_id) = (params::trace_id(&trace)?, params::span_id(&span)?);
    let (store, project) = (app.store()?, app.project());
    // Only this span is read with all it carries: a run may be large.
    let (spans, stored, logs) = tokio::try_join!(
        store.trace_narrow(&project, trace_id),
        store.span(&project, trace_id, span_id),
        store.trace_logs(&project, trace_id)
    )?;
    let resolved = resolve(&app, trace_id, &spans)?;
    let missing = || Problem::not_found(format!("run {trace_id} has no step {span_id}"));
    let resolved = resolved.steps.iter().find(|step| step.span.span_id == span_id).ok_or_else(missing)?;
    let stored = stored.ok_or_else(missing)?;
    let mut step = convert::step(resolved);
    step.scores = convert::scores(&logs);
    step.scores.retain(|score| score.span_id == Some(span_id));
    let logs = logs_by_span(&logs).remove(&span_id).unwrap_or_default();
    fill(&app.settings.dialects, &mut step, &stored, &logs);
    let raw = otlp_json(std::slice::from_ref(&stored))?;
    Ok(Json(StepAnswer { step, raw }))
}

/// The tree of one run.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/tree", operation_id = "getRunTree", tag = "runs",
    summary = "One run with what a row of its tree needs",
    description = "For runs of many steps: a fifth of what the whole run takes without its content. Steps come in pre-order, so depth gives the tree.",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")),
    responses((status = 200, body = RunTreeAnswer, description = "The run and its tree"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn tree(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunTreeAnswer>, Problem> {
    params.end()?;
    let trace_id = params::trace_id(&id)?;
    let spans = app.store()?.trace_narrow(&app.project(), trace_id).await?;
    let resolved = resolve(&app, trace_id, &spans)?;
    Ok(Json(RunTreeAnswer {
        run: (&resolved.run).into(),
        steps: resolved.steps.iter().map(convert::tree_step).collect(),
    }))
}

/// Log records of one run.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/logs", operation_id = "getRunLogs", tag = "runs", summary = "Log records of one run",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")),
    responses((status = 200, body = RunLogsAnswer, description = "The records, by time; empty when the run has none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Neither run nor records")))]
pub async fn logs(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunLogsAnswer>, Problem> {
    params.end()?;
    let (store, project, trace_id) = (app.store()?, app.project(), params::trace_id(&id)?);
    let logs = store.trace_logs(&project, trace_id).await?;
    if logs.is_empty() && store.trace_narrow(&project, trace_id).await?.is_empty() {
        return Err(no_run(trace_id));
    }
    Ok(Json(RunLogsAnswer {
        logs: logs.iter().map(|stored| convert::raw_log_record(&stored.log, &stored.raw)).collect(),
    }))
}

/// One run as OTLP/JSON.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/raw", operation_id = "getRunRaw", tag = "runs",
    summary = "One run as it was sent, as an OTLP/JSON request",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")),
    responses((status = 200, body = Object, description = "An ExportTraceServiceRequest"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn raw(State(app): State<Arc<App>>, Path(id): Path<String>, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let trace_id = params::trace_id(&id)?;
    let stored = app.store()?.trace(&app.project(), trace_id).await?;
    if stored.is_empty() {
        return Err(no_run(trace_id));
    }
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], otlp_text(&stored)).into_response())
}

/// Most steps that are answered with their content at once; what each step said is one request away.
pub const FULL_STEPS_MAX: usize = 20_000;

/// The refusal of a run that is too large to be read with its content.
pub fn too_many(steps: usize) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "limit",
        "A limit was reached",
        format!(
            "the run has {steps} steps, and content is answered for at most {FULL_STEPS_MAX} at once (FULL_STEPS_MAX): ask with \
             content=none, then for single steps at /api/v1/runs/{{trace_id}}/steps/{{span_id}}"
        ),
    )
}

/// The answer where nothing is known of a run.
pub fn no_run(trace_id: TraceId) -> Problem {
    Problem::not_found(format!("no run {trace_id}: nothing with this trace id has arrived, or it is no longer kept"))
}

/// A run's spans and log records as they were sent.
pub async fn read(app: &App, trace_id: TraceId) -> Result<(Vec<StoredSpan>, Vec<StoredLog>), Problem> {
    let (store, project) = (app.store()?, app.project());
    let (stored, logs) = tokio::try_join!(store.trace(&project, trace_id), store.trace_logs(&project, trace_id))?;
    if stored.is_empty() { Err(no_run(trace_id)) } else { Ok((stored, logs)) }
}

/// The spans without what was sent.
pub fn narrow(stored: &[StoredSpan]) -> Vec<Arc<Span>> {
    stored.iter().map(|stored| Arc::clone(&stored.span)).collect()
}

fn resolve(app: &App, trace_id: TraceId, spans: &[Arc<Span>]) -> Result<Resolved, Problem> {
    signals::runs::resolve(spans, app.now(), &app.run_settings).ok_or_else(|| no_run(trace_id))
}

fn answer(resolved: &Resolved) -> RunAnswer {
    RunAnswer {
        run: (&resolved.run).into(),
        steps: resolved.steps.iter().map(convert::step).collect(),
        scores: Vec::new(),
    }
}

/// Log records by the span they name: some dialects put what was said there.
pub fn logs_by_span(logs: &[StoredLog]) -> std::collections::HashMap<SpanId, Vec<RawLog<'static>>> {
    let mut by_span: std::collections::HashMap<SpanId, Vec<RawLog<'static>>> = std::collections::HashMap::new();
    for stored in logs {
        if let Some(span_id) = stored.log.span_id {
            by_span.entry(span_id).or_default().push(stored.raw.clone());
        }
    }
    by_span
}

fn fill(dialects: &Dialects, step: &mut super::types::Step, stored: &StoredSpan, logs: &[RawLog<'static>]) {
    let content = dialects.content(&stored.raw, &stored.resource, &stored.scope, logs);
    convert::add_content(step, &stored.raw, content);
}

/// Spans as the text of one OTLP/JSON request.
pub fn otlp_text(stored: &[StoredSpan]) -> String {
    wire::export_spans(stored.iter().map(|span| (&*span.resource, &*span.scope, &span.raw)))
}

fn otlp_json(stored: &[StoredSpan]) -> Result<JsonValue, Problem> {
    serde_json::from_str(&otlp_text(stored))
        .map_err(|error| Problem::internal(format!("cannot write the span as OTLP/JSON: {error}")))
}
