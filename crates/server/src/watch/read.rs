//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Span, Timestamp, TraceId};
use receivers::Score;
use signals::runs::{Resolved, Settings};
use store::{Store, StoreError};

use super::judge::Sources;
use super::queue::Key;
use crate::api::joined;
use crate::app::App;

/// Spans of the largest run that is read with its content.
pub const WATCH_CONTENT_SPANS: usize = 10_000;

/// The spans of a trace and of those it leads to, without their content.
pub async fn spans(store: &Store, (project, trace_id): &Key) -> Result<Vec<Arc<Span>>, StoreError> {
    joined::spans(store, project, *trace_id).await
}

/// The run that a trace is or belongs to, as of `now`.
pub fn resolve(spans: &[Arc<Span>], trace_id: TraceId, now: Timestamp, settings: &Settings) -> Option<Resolved> {
    joined::one(signals::runs::resolve_linked(spans, now, settings), trace_id)
}

/// What belongs to a run beside its spans: scores, and what was sent, where `content` asks for it and it is not too large.
pub async fn beside(
    app: &App,
    store: &Store,
    project: &str,
    resolved: &Resolved,
    content: bool,
) -> Result<(Vec<Score>, Option<Sources>), StoreError> {
    let mut traces: BTreeSet<TraceId> = resolved.steps.iter().map(|step| step.span.trace_id).collect();
    traces.insert(resolved.run.trace_id);
    traces.extend(resolved.joined.iter().map(|(trace, _)| *trace));
    let mut sources = Sources::default();
    for trace in &traces {
        sources.logs.extend(store.trace_logs(project, *trace).await?);
    }
    let scores = Score::latest(sources.logs.iter().filter_map(|log| Score::from_log(&log.raw)).collect());
    if !content {
        return Ok((scores, None));
    }
    if resolved.steps.len() > WATCH_CONTENT_SPANS {
        app.counters.limit_reached("watch_content_spans");
        return Ok((scores, None));
    }
    for trace in traces {
        sources.spans.extend(store.trace(project, trace).await?);
    }
    Ok((scores, Some(sources)))
}
