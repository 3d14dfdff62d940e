//! Reading a run for its judges: narrow spans, and what was sent where somebody asks for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::{Span, Timestamp, TraceId};
use receivers::Score;
use signals::runs::{Resolved, Settings};
use store::{Room, Store, StoreError, StoredLog, StoredTrace, Within};

use super::queue::Key;
use crate::api::joined;
use crate::api::whole::Sources;
use crate::app::App;
use crate::limits::LimitName;

/// Spans of the largest run that is read with its content.
pub const WATCH_CONTENT_SPANS: usize = 10_000;

/// A trace as it was read.
#[derive(Debug)]
pub struct Read {
    /// Its spans, and those of the traces it leads to, without their content.
    pub spans: Vec<Arc<Span>>,
    /// It itself as it is kept, where that was read.
    pub own: Option<StoredTrace>,
}

/// What was read of some traces.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Those that were read, or could not be.
    pub read: Vec<(Key, Result<Read, StoreError>)>,
    /// Those that did not fit.
    pub later: Vec<Key>,
}

/// Reads traces, those of a project together, until `most` spans were read. Of those that `is_whole` says so of, what was sent is read as well:
/// where it is needed anyhow, that costs less than to ask for it later.
///
/// Where reading together fails, each is read by itself: one damaged file must not hold up runs that are elsewhere.
pub async fn spans(store: &Store, keys: Vec<Key>, is_whole: impl Fn(&Key) -> bool, most: usize) -> Stretch {
    let (mut stretch, mut taken) = (Stretch::default(), 0);
    for of_project in keys.chunk_by(|a, b| a.0 == b.0) {
        let project = &of_project[0].0;
        if taken >= most {
            stretch.later.extend_from_slice(of_project);
            continue;
        }
        let (whole, narrow): (Vec<&Key>, Vec<&Key>) = of_project.iter().partition(|key| is_whole(key));
        let traces = |keys: Vec<&Key>| keys.into_iter().map(|(_, trace)| *trace).collect::<Vec<TraceId>>();
        let (whole, mut narrow) = (traces(whole), traces(narrow));
        let room = Room { all: most - taken, each: WATCH_CONTENT_SPANS };
        let within = store.traces_within(project, &whole, room).await;
        let is_read = within.is_ok();
        let Within { traces, mut left } = within.unwrap_or_default();
        left.retain(|trace, size| {
            let is_large = *size > WATCH_CONTENT_SPANS;
            narrow.extend(is_large.then_some(*trace));
            !is_large
        });
        let mut whole: HashMap<TraceId, StoredTrace> =
            traces.into_iter().map(|trace| (trace.trace_id, trace)).collect();
        let together = store.traces_narrow(project, &narrow).await;
        let is_read = is_read && together.is_ok();
        let mut of_narrow: HashMap<TraceId, Vec<Arc<Span>>> = HashMap::new();
        for spans in together.unwrap_or_default().chunk_by(|a, b| a.trace_id == b.trace_id) {
            of_narrow.insert(spans[0].trace_id, spans.to_vec());
        }
        for key in of_project {
            if left.contains_key(&key.1) || taken >= most {
                stretch.later.push(key.clone());
                continue;
            }
            let own = whole.remove(&key.1);
            let spans = own.as_ref().map(|own| own.spans().cloned().collect());
            let spans = spans.or_else(|| of_narrow.remove(&key.1));
            // Where all was read and nothing is there, nothing is left of the trace.
            let spans = match spans.or_else(|| is_read.then(Vec::new)) {
                Some(spans) => store.linked(project, key.1, &spans).await.map(|linked| [spans, linked].concat()),
                None => joined::spans(store, project, key.1).await,
            };
            taken += spans.as_ref().map_or(0, Vec::len);
            stretch.read.push((key.clone(), spans.map(|spans| Read { spans, own })));
        }
    }
    stretch
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
/// `content` asks for it and it is not there already: `own` has what was read of each run's own trace.
pub async fn beside(
    app: &App,
    store: &Store,
    project: &str,
    runs: &[&Resolved],
    mut own: Vec<Option<StoredTrace>>,
    content: bool,
) -> Result<Vec<Beside>, StoreError> {
    let traces: Vec<BTreeSet<TraceId>> = runs.iter().map(|run| traces_of(run)).collect();
    let fits = |run: &Resolved| content && run.steps.len() <= WATCH_CONTENT_SPANS;
    let all: BTreeSet<TraceId> = traces.iter().flatten().copied().collect();
    own.resize_with(runs.len(), || None);
    let mut whole: BTreeSet<TraceId> = BTreeSet::new();
    for ((run, traces), own) in runs.iter().zip(&traces).zip(&mut own) {
        own.take_if(|_| traces.len() > 1);
        if own.is_none() && fits(run) {
            whole.extend(traces);
        }
    }
    let logs = store.traces_logs(project, &all.into_iter().collect::<Vec<_>>()).await?;
    let mut logs_of: HashMap<TraceId, Vec<StoredLog>> = HashMap::new();
    for (trace, log) in logs.into_iter().filter_map(|log| Some((log.log.trace_id?, log))) {
        logs_of.entry(trace).or_default().push(log);
    }
    let whole: Vec<TraceId> = whole.into_iter().collect();
    let read = store.traces_within(project, &whole, Room::default()).await?.traces;
    let mut kept: HashMap<TraceId, StoredTrace> = read.into_iter().map(|trace| (trace.trace_id, trace)).collect();
    let one = |((run, traces), own): ((&&Resolved, &BTreeSet<TraceId>), Option<StoredTrace>)| {
        // A trace belongs to one run.
        let logs: Vec<StoredLog> = traces.iter().filter_map(|trace| logs_of.remove(trace)).flatten().collect();
        let scores = Score::latest(logs.iter().filter_map(|log| Score::from_log(&log.raw)).collect());
        let sources = fits(run).then(|| {
            let read = || traces.iter().filter_map(|trace| kept.remove(trace)).collect();
            Sources { traces: own.map_or_else(read, |own| vec![own]), logs }
        });
        if content && sources.is_none() {
            app.counters.limit_reached(LimitName::WatchContentSpans);
        }
        // Known before anything is written out: what is kept of a long conversation says little about what it comes to.
        let is_large = |sources: &Sources| sources.expanded_bytes() > app.settings.limits.run_content_bytes;
        if sources.as_ref().is_some_and(is_large) {
            app.counters.limit_reached(LimitName::RunContentBytes);
            return Beside { scores, sources: None };
        }
        Beside { scores, sources }
    };
    Ok(runs.iter().zip(&traces).zip(own).map(one).collect())
}
