//! A run of several traces, read as one; and runs by the ids that log records name instead of a trace.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Join, Relation, ResolvedStep, Span, TraceId};
use signals::runs::Resolved;
use store::{Store, StoreError, StoredLog, StoredSpan};

use super::types::Problem;
use crate::app::App;

/// The answer where nothing of that id is kept.
pub fn no_run(id: &str) -> Problem {
    Problem::not_found(format!("no run {id}: nothing with this id has arrived, or it is no longer kept"))
}

/// Fields in which a log record that carries a trace id as well says what else its run is called.
const NAMES: &[&str] = &["execution_id", "workflow_run_id", "workflow_id", "run_id", "request_id", "agent.request.id"];

/// The trace an id stands for: a trace id, a UUID that is one, or what log records or spans name (an execution, a request, …).
pub async fn find(app: &App, id: &str) -> Result<TraceId, Problem> {
    let (store, project) = (app.store()?, app.project());
    if let Ok(trace_id) = id.replace('-', "").parse() {
        return Ok(trace_id);
    }
    for group in dialects::ToldGroup::ALL {
        let trace_id = dialects::told_trace(&project, group, id);
        let spans = store.trace_narrow(&project, trace_id).await?;
        let joins: Option<Vec<Join>> = spans.iter().map(|span| span.told.as_deref().and_then(Join::parse)).collect();
        // Where spans alone name it, nothing is kept there but what leads to them.
        let Some(joins) = joins else { return Ok(trace_id) };
        if let Some(join) = joins.iter().rev().find(|join| join.relation == Relation::Told) {
            return Ok(join.other);
        }
    }
    for name in NAMES {
        let filter =
            query::LogFilter { attributes: vec![((*name).to_owned(), id.to_owned())], ..query::LogFilter::default() };
        let (page, project) = (query::Page { limit: 1, ..query::Page::default() }, app.project());
        let found = app.ask(|engine| async move { engine.logs(&project, &filter, &page).await }).await?;
        if let Some(trace_id) = found.logs.iter().find_map(|entry| entry.log.trace_id) {
            return Ok(trace_id);
        }
    }
    Err(Problem::not_found(format!(
        "no run {id}: it is no trace id (32 hexadecimal digits), and nothing names it as its execution, workflow, request or conversation"
    )))
}

/// The narrow part of the spans of a trace and of those it leads to.
pub async fn narrow(app: &App, trace_id: TraceId) -> Result<Vec<Arc<Span>>, Problem> {
    Ok(spans(app.store()?, &app.project(), trace_id).await?)
}

/// [`narrow`] for those who are not asked by a client.
pub async fn spans(store: &Store, project: &str, trace_id: TraceId) -> Result<Vec<Arc<Span>>, StoreError> {
    let mut spans = store.trace_narrow(project, trace_id).await?;
    let linked = store.linked(project, trace_id, &spans).await?;
    spans.extend(linked);
    Ok(spans)
}

/// Spans that tell one step of a run, with everything that was sent, and the log records of their traces. Nothing else is read
/// whole: a run may be large. `spans` are the narrow spans of the run.
pub async fn parts(
    app: &App,
    trace_id: TraceId,
    step: &ResolvedStep,
    spans: &[Arc<Span>],
) -> Result<(Vec<StoredSpan<'static>>, Vec<StoredLog>), Problem> {
    let (store, project) = (app.store()?, app.project());
    let mut stored = Vec::with_capacity(1 + step.told_by.len());
    let mut traces = BTreeSet::from([trace_id]);
    let is_part = |span: &&Arc<Span>| span.span_id == step.span.span_id || step.told_by.contains(&span.span_id);
    for span in spans.iter().filter(is_part) {
        traces.insert(span.trace_id);
        stored.extend(store.span(&project, span.trace_id, span.span_id).await?);
    }
    let mut logs = Vec::new();
    for trace in traces {
        logs.extend(store.trace_logs(&project, trace).await?);
    }
    Ok((stored, logs))
}

/// Log records of a trace and of those that are one run with it, by time.
pub async fn logs(app: &App, trace_id: TraceId) -> Result<Vec<StoredLog>, Problem> {
    let (store, project) = (app.store()?, app.project());
    let spans = narrow(app, trace_id).await?;
    let mut logs = store.trace_logs(&project, trace_id).await?;
    if logs.is_empty() && spans.is_empty() {
        return Err(no_run(&trace_id.to_string()));
    }
    if spans.iter().any(|span| span.trace_id != trace_id) {
        let resolved = signals::runs::resolve_linked(&spans, app.now(), &app.run_settings);
        let joined = one(resolved, trace_id).map(|run| (run.run.trace_id, run.joined));
        let parts = joined
            .into_iter()
            .flat_map(|(primary, joined)| std::iter::once(primary).chain(joined.into_iter().map(|(trace, _)| trace)));
        for part in parts.filter(|part| *part != trace_id).collect::<BTreeSet<_>>() {
            logs.extend(store.trace_logs(&project, part).await?);
        }
        logs.sort_by_key(|stored| (stored.log.time, stored.log.version, stored.log.id));
    }
    Ok(logs)
}

/// Of runs that lead to each other, the one that `trace_id` is, or is part of; of several, or where it is only what leads to
/// them, the first.
pub fn one(mut runs: Vec<Resolved>, trace_id: TraceId) -> Option<Resolved> {
    let is_it = |run: &Resolved| run.run.trace_id == trace_id;
    let is_part = |run: &Resolved| run.joined.iter().any(|(part, _)| *part == trace_id);
    let at = runs.iter().position(is_it).or_else(|| runs.iter().position(is_part)).unwrap_or(0);
    (at < runs.len()).then(|| runs.swap_remove(at))
}
