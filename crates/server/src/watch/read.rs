//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, Timestamp, TraceId};
use signals::runs::{Resolved, Settings};
use store::{Store, StoreError};

use super::judge::Sources;
use super::queue::Key;
use crate::api::joined;
use crate::app::App;

/// Spans of the largest run that is read with its content.
pub const WATCH_CONTENT_SPANS: usize = 10_000;

/// The spans of a run, without their content: those of its trace, and of traces that may be one run with it.
pub async fn spans(store: &Store, (project, trace_id): &Key) -> Result<Vec<Arc<Span>>, StoreError> {
    joined::spans(store, project, *trace_id).await
}

/// The run they make as of `now`: that of the trace, or the one it is part of.
pub fn resolve(trace_id: TraceId, spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Resolved> {
    joined::one(signals::runs::resolve_linked(spans, now, settings), trace_id)
}

/// What was sent of a run of `spans` spans; `None` where it is too large.
pub async fn sources(
    app: &App,
    store: &Store,
    (project, trace_id): &Key,
    spans: usize,
) -> Result<Option<Sources>, StoreError> {
    if spans > WATCH_CONTENT_SPANS {
        app.counters.limit_reached("watch_content_spans");
        return Ok(None);
    }
    let (stored, logs) = joined::stored(store, project, *trace_id).await?;
    let mut sources = Sources { spans: HashMap::with_capacity(stored.len()), ..Sources::default() };
    for log in logs {
        if let Some(span_id) = log.log.span_id {
            sources.logs.entry(span_id).or_default().push(log.raw);
        }
    }
    sources.spans.extend(stored.into_iter().map(|stored| (stored.span.span_id, stored)));
    Ok(Some(sources))
}
