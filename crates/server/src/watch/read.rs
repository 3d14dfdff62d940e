//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::{Span, Timestamp, TraceId};
use receivers::Score;
use signals::runs::{Resolved, Settings};
use store::{Store, StoreError, StoredLog, StoredSpan};

use super::judge::Sources;
use super::queue::Key;
use crate::api::joined;
use crate::app::App;

/// Spans of the largest run that is read with its content.
pub const WATCH_CONTENT_SPANS: usize = 10_000;

/// The spans of the traces, and of those each leads to, without their content; by project, read together.
///
/// Where reading together fails, each is read by itself: one damaged file must not hold up runs that are elsewhere.
pub async fn spans(store: &Store, keys: Vec<Key>) -> Vec<(Key, Result<Vec<Arc<Span>>, StoreError>)> {
    let mut read = Vec::with_capacity(keys.len());
    for of_project in keys.chunk_by(|a, b| a.0 == b.0) {
        let project = &of_project[0].0;
        let traces: Vec<TraceId> = of_project.iter().map(|(_, trace)| *trace).collect();
        let together = store.traces_narrow(project, &traces).await;
        let mut by_trace: Option<HashMap<TraceId, Vec<Arc<Span>>>> = together.ok().map(|spans| {
            let of_trace = spans.chunk_by(|a, b| a.trace_id == b.trace_id);
            of_trace.map(|spans| (spans[0].trace_id, spans.to_vec())).collect()
        });
        for key in of_project {
            let spans = match &mut by_trace {
                Some(by_trace) => {
                    let own = by_trace.remove(&key.1).unwrap_or_default();
                    store.linked(project, key.1, &own).await.map(|linked| [own, linked].concat())
                }
                None => joined::spans(store, project, key.1).await,
            };
            read.push((key.clone(), spans));
        }
    }
    read
}

/// The run that a trace is or belongs to, as of `now`.
pub fn resolve(spans: &[Arc<Span>], trace_id: TraceId, now: Timestamp, settings: &Settings) -> Option<Resolved> {
    joined::one(signals::runs::resolve_linked(spans, now, settings), trace_id)
}

/// What belongs to a run beside its spans.
#[derive(Debug, Default)]
pub struct Beside {
    /// What was judged of it elsewhere, the latest of each.
    pub scores: Vec<Score>,
    /// What was sent; `None` where nobody asks for it or the run is too large.
    pub sources: Option<Sources>,
}

/// The traces a run is told by.
fn traces_of(resolved: &Resolved) -> BTreeSet<TraceId> {
    let mut traces: BTreeSet<TraceId> = resolved.steps.iter().map(|step| step.span.trace_id).collect();
    traces.insert(resolved.run.trace_id);
    traces.extend(resolved.joined.iter().map(|(trace, _)| *trace));
    traces
}

/// What belongs to runs of one project beside their spans, in their order, read together: scores, and what was sent, where
/// `content` asks for it.
pub async fn beside(
    app: &App,
    store: &Store,
    project: &str,
    runs: &[&Resolved],
    content: bool,
) -> Result<Vec<Beside>, StoreError> {
    let traces: Vec<BTreeSet<TraceId>> = runs.iter().map(|run| traces_of(run)).collect();
    let fits = |run: &Resolved| content && run.steps.len() <= WATCH_CONTENT_SPANS;
    let all: BTreeSet<TraceId> = traces.iter().flatten().copied().collect();
    let whole = runs.iter().zip(&traces).filter(|(run, _)| fits(run)).flat_map(|(_, traces)| traces);
    let whole: BTreeSet<TraceId> = whole.copied().collect();
    let logs = store.traces_logs(project, &all.into_iter().collect::<Vec<_>>()).await?;
    let mut logs_of: HashMap<TraceId, Vec<StoredLog>> = HashMap::new();
    for (trace, log) in logs.into_iter().filter_map(|log| Some((log.log.trace_id?, log))) {
        logs_of.entry(trace).or_default().push(log);
    }
    let mut spans_of: HashMap<TraceId, Vec<StoredSpan>> = HashMap::new();
    for span in store.traces(project, &whole.into_iter().collect::<Vec<_>>()).await? {
        spans_of.entry(span.span.trace_id).or_default().push(span);
    }
    let one = |(run, traces): (&&Resolved, &BTreeSet<TraceId>)| {
        // A trace belongs to one run.
        let logs: Vec<StoredLog> = traces.iter().filter_map(|trace| logs_of.remove(trace)).flatten().collect();
        let scores = Score::latest(logs.iter().filter_map(|log| Score::from_log(&log.raw)).collect());
        let sources = fits(run).then(|| {
            let spans = traces.iter().filter_map(|trace| spans_of.remove(trace)).flatten().collect();
            Sources { spans, logs }
        });
        if content && sources.is_none() {
            app.counters.limit_reached("watch_content_spans");
        }
        Beside { scores, sources }
    };
    Ok(runs.iter().zip(&traces).map(one).collect())
}
