//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, Timestamp};
use receivers::Score;
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

/// What belongs to a run of `spans` spans beside them: scores, and what was sent, where `content` asks for it and it is not
/// too large.
pub async fn beside(
    app: &App,
    store: &Store,
    (project, trace_id): &Key,
    content: bool,
    spans: usize,
) -> Result<(Vec<Score>, Option<Sources>), StoreError> {
    let logs = store.trace_logs(project, *trace_id).await?;
    let scores = Score::latest(logs.iter().filter_map(|log| Score::from_log(&log.raw)).collect());
    if !content {
        return Ok((scores, None));
    }
    if spans > WATCH_CONTENT_SPANS {
        app.counters.limit_reached("watch_content_spans");
        return Ok((scores, None));
    }
    let stored = store.trace(project, *trace_id).await?;
    let mut sources = Sources { spans: HashMap::with_capacity(stored.len()), ..Sources::default() };
    for log in logs {
        if let Some(span_id) = log.log.span_id {
            sources.logs.entry(span_id).or_default().push(log.raw);
        }
    }
    sources.spans.extend(stored.into_iter().map(|stored| (stored.span.span_id, stored)));
    Ok((scores, Some(sources)))
}
