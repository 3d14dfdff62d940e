//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, Timestamp};
use signals::runs::{Resolved, Settings};
use store::{Store, StoreError};

use super::judge::Sources;
use super::queue::Key;
use crate::app::App;

/// Spans of the largest run that is read with its content.
pub const WATCH_CONTENT_SPANS: usize = 10_000;

/// The spans of a run, without their content.
pub async fn spans(store: &Store, (project, trace_id): &Key) -> Result<Vec<Arc<Span>>, StoreError> {
    store.trace_narrow(project, *trace_id).await
}

/// The run they make as of `now`.
pub fn resolve(spans: &[Arc<Span>], now: Timestamp, settings: &Settings) -> Option<Resolved> {
    signals::runs::resolve(spans, now, settings)
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
    let (stored, logs) = tokio::try_join!(store.trace(project, *trace_id), store.trace_logs(project, *trace_id))?;
    let mut sources = Sources { spans: HashMap::with_capacity(stored.len()), ..Sources::default() };
    for log in logs {
        if let Some(span_id) = log.log.span_id {
            sources.logs.entry(span_id).or_default().push(log.raw);
        }
    }
    sources.spans.extend(stored.into_iter().map(|stored| (stored.span.span_id, stored)));
    Ok(Some(sources))
}
