//! The watch over runs: hands every settled run to a list of judges, once for each time it settled.
//!
//! Two tasks. [`notes`] hears from the store which runs changed and puts them in a queue (`watch/queue.rs`). [`run`] takes
//! those that are due, reads and resolves them, and shows them to the judges (`watch/judge.rs`) in batches. What the
//! judges write of a batch, which runs it judged and how far the log was judged are one transaction of the state: a
//! restart neither repeats nor drops. What happened while nobody watched, or faster than could be noted, is asked for.
//!
//! A run is *settled* when it has ended and nothing came for the settling time, or when it was abandoned. One that changes
//! after that is judged again; a judge sees that it was judged before and has its own rows to compare with.

pub mod judge;
mod kept;
mod queue;
mod read;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{RunStatus, Timestamp, TraceId};
use signals::runs::{Resolved, Settings as RunSettings};
use tokio::sync::broadcast::error::RecvError;

use self::judge::{Bench, Case, Judge};
pub use self::kept::{JUDGED_RUNS_MAX, PART};
use self::queue::{Key, Queue, Seen};
use self::read::Beside;
pub use self::read::WATCH_CONTENT_SPANS;
use crate::agent_audit::AgentAudit;
use crate::agents::GraphJudge;
use crate::app::{App, Opened};
use crate::findings::FindingsJudge;
use crate::incident::SeenJudge;
use crate::metrics::Counting;
use crate::money::judge::Costs;
use crate::sampling::SamplingJudge;

/// Runs waiting to be looked at; past these, changes are asked for again later. About 150 bytes each.
pub const WATCH_RUNS_MAX: usize = 100_000;
/// Runs of one batch, and so of one transaction.
const BATCH_RUNS: usize = 256;
/// Spans of one batch, held with their content: it ends with the run that reaches this.
const BATCH_SPANS: usize = 5_000;
/// Runs taken at once. They are looked at in the order in which they came, so that drift sees what changed when. When as many as this
/// are due the order is that of their ids, which is that of segments: each page of a segment is read once for all of its runs, not once
/// for each.
const HAND_RUNS: usize = 20_000;
/// Runs asked for at once when catching up.
const CATCH_UP_RUNS: usize = 10_000;
/// How often the queue is looked at while nothing is due.
const TICK: Duration = Duration::from_millis(250);
/// How often judges are told the time, in nanoseconds.
const JUDGES_TICK: i64 = 10_000_000_000;
/// A run that goes on and is quiet is looked at again after this part of the time it has been quiet.
const QUIET_SHARE: i64 = 4;
/// Pause after a failure, so that a full disk does not fill the log as well. In nanoseconds.
const AFTER_FAILURE: i64 = 5_000_000_000;
/// Nanoseconds until a run that cannot be read is tried again: what is damaged seldom mends by itself.
const AFTER_UNREADABLE: i64 = 60_000_000_000;

const SECOND: i64 = 1_000_000_000;
/// A run whose last moment lay so long before it arrived is history that somebody sent: nobody is to be woken for it.
pub const BACKFILL_NANOS: i64 = 3_600 * SECOND;
/// The same for one that is judged so long after it arrived, for the first time: by a new judge, or after a long rest.
pub const LATE_NANOS: i64 = 24 * 3_600 * SECOND;

/// What the two tasks share, and what is shown of them.
#[derive(Debug, Default)]
pub struct Watch {
    queue: Mutex<Option<Queue>>,
    judged: AtomicU64,
    looks: AtomicU64,
    backfilled: AtomicU64,
    failures: AtomicU64,
    unreadable: AtomicU64,
}

/// Figures about the watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Runs waiting: running ones, those that have not settled, those that are due.
    pub waiting: u64,
    /// Of these, how many should have been looked at by now.
    pub lag: u64,
    /// Changes were missed and are being asked for.
    pub behind: bool,
    /// Settled runs judged since the start.
    pub judged: u64,
    /// Looks at runs that had not settled.
    pub looks: u64,
    /// Of the judged, those that were history.
    pub backfilled: u64,
    /// Runs a judge failed on.
    pub failures: u64,
    /// Runs that could not be read when they were due.
    pub unreadable: u64,
}

impl Watch {
    /// The queue; `None` before the task begins.
    fn queue(&self) -> MutexGuard<'_, Option<Queue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.queue().as_mut().map(work)
    }

    /// Has a run judged again that did not change: something beside it did.
    pub fn again(&self, project: Arc<str>, trace_id: TraceId, version: u64, now: Timestamp) {
        self.with(|queue| queue.note((project, trace_id), version, now));
    }

    /// Figures as of `now`.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (waiting, lag, behind) =
            self.with(|queue| (queue.len() as u64, queue.late(now) as u64, queue.behind())).unwrap_or_default();
        Figures {
            waiting,
            lag,
            behind,
            judged: of(&self.judged),
            looks: of(&self.looks),
            backfilled: of(&self.backfilled),
            failures: of(&self.failures),
            unreadable: of(&self.unreadable),
        }
    }
}

/// Every judge of the server. They see a run in this order.
fn judges(app: &App) -> Vec<Box<dyn Judge>> {
    let series = app.opened().ok().map(|opened| Arc::clone(&opened.series));
    let mut judges: Vec<Box<dyn Judge>> = vec![
        Box::new(Counting::new(Arc::clone(&app.metrics)).beside(series)),
        Box::new(Costs::new(Arc::clone(&app.money), app.settings.dialects.clone())),
        Box::new(FindingsJudge::new(
            app.settings.detection.clone(),
            Arc::clone(&app.metrics),
            Arc::clone(&app.silent),
            app.embedder.clone(),
            app.started,
        )),
        Box::new(SeenJudge::default()),
        Box::new(GraphJudge::default()),
    ];
    if !app.settings.audit_agents.is_empty() {
        judges.push(Box::new(AgentAudit::new(app.settings.audit_agents.clone())));
    }
    // The last: everybody else has counted a run that it lets go.
    judges.extend(app.settings.sampling.clone().map(|rules| Box::new(SamplingJudge::new(rules)) as Box<dyn Judge>));
    judges
}

/// Notes which runs change; ends when the store does.
pub async fn notes(app: Arc<App>) {
    let Ok(Opened { store, .. }) = app.opened() else { return };
    let mut changes = store.subscribe();
    loop {
        match changes.recv().await {
            Ok(change) => {
                let key = (change.project, change.trace_id);
                if app.watch.with(|queue| queue.note(key, change.version, app.now())) == Some(false) {
                    app.counters.limit_reached("watch_runs");
                }
            }
            Err(RecvError::Lagged(_)) => _ = app.watch.with(Queue::missed),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Judges runs; ends when the store does.
pub async fn run(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let position = loop {
        match kept::position(&opened.state) {
            Ok(position) => break position,
            Err(error) => trouble(&app, format!("runs are not judged: {error}")).await,
        }
    };
    *app.watch.queue() = Some(Queue::new(position, WATCH_RUNS_MAX, app.run_settings.settle_nanos));
    let mut bench = Bench::new(judges(&app));
    let mut hand = Hand::default();
    let mut told = app.now();
    loop {
        if app.now().nanos_since(told) >= JUDGES_TICK {
            told = app.now();
            if let Err(error) = tick(&app, opened, &mut bench, told).await {
                trouble(&app, format!("what judges find as time passes cannot be kept: {error}")).await;
            }
        }
        if let Err(error) = catch_up(&app, opened).await {
            trouble(&app, format!("runs that changed earlier cannot be read: {error}")).await;
        }
        match batch(&app, opened, &mut bench, &mut hand).await {
            Ok(0) => tokio::time::sleep(TICK).await,
            Ok(_) => app.troubles.set("watch", bench.trouble()),
            Err(error) => trouble(&app, format!("what was judged of runs cannot be kept: {error}")).await,
        }
    }
}

/// Tells the judges the time.
async fn tick(app: &Arc<App>, opened: &Opened, bench: &mut Bench, now: Timestamp) -> Result<(), WatchError> {
    let (state, mut taken, shared) = (opened.state.clone(), std::mem::take(bench), Arc::clone(app));
    let work = move || {
        let told = state.write(|tx| {
            let failures = taken.tick(now, tx)?;
            taken.before_commit(tx)?;
            Ok(failures)
        });
        taken.after_commit(told.is_ok());
        if let Ok(failures) = &told {
            shared.watch.failures.fetch_add(*failures, Ordering::Relaxed);
        }
        (taken, told)
    };
    let (given_back, told) = blocking(work).await?;
    *bench = given_back;
    told?;
    Ok(())
}

async fn trouble(app: &App, what: String) {
    tracing::error!("{what}");
    app.troubles.set("watch", Some(what));
    tokio::time::sleep(Duration::from_nanos(AFTER_FAILURE.unsigned_abs())).await;
}

/// Why a batch or catching up failed.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    State(#[from] state::StateError),
    #[error("judging stopped at a fault in Tawny itself: {0}")]
    Fault(String),
}

/// Asks for changes that were missed: at the start, and when they came faster than they could be noted.
async fn catch_up(app: &App, opened: &Opened) -> Result<(), WatchError> {
    let Some(Some(position)) = app.watch.with(|queue| queue.ask_from()) else { return Ok(()) };
    let changed = opened.store.changed_since(position, CATCH_UP_RUNS).await?;
    let (through, more) = (changed.through, changed.more);
    let state = opened.state.clone();
    let runs = blocking(move || kept::not_judged(&state, changed.runs)).await??;
    let runs = runs.into_iter().map(|run| ((run.project, run.trace_id), run.version));
    app.watch.with(|queue| queue.catch_up(runs, through, more, app.now()));
    Ok(())
}

/// A run of a batch: as resolved, and what was sent where judges ask for it.
struct Shown {
    key: Key,
    resolved: Option<Resolved>,
    /// It has settled, or a judge looks into it before.
    wanted: bool,
    beside: Beside,
}

impl Shown {
    /// The run, where what belongs to it is to be read.
    fn wanted(&self) -> Option<&Resolved> {
        self.resolved.as_ref().filter(|_| self.wanted)
    }
}

/// Runs that were taken and not looked at yet.
#[derive(Debug, Default)]
struct Hand {
    runs: VecDeque<Key>,
    /// Spans of a run, as the last batch had them on the average.
    spans_each: usize,
}

/// Looks at the runs that are due, some of them; says at how many.
async fn batch(app: &Arc<App>, opened: &Opened, bench: &mut Bench, hand: &mut Hand) -> Result<usize, WatchError> {
    if hand.runs.is_empty() {
        hand.runs = app.watch.with(|queue| queue.take(app.now(), HAND_RUNS)).unwrap_or_default().into();
    }
    let fit = (BATCH_SPANS / hand.spans_each.max(1)).clamp(1, BATCH_RUNS);
    let mut keys: Vec<Key> = hand.runs.drain(..hand.runs.len().min(fit)).collect();
    // Runs of a project are read together.
    keys.sort_unstable();
    let (mut read, mut spans, mut too_many) = (Vec::new(), 0, Vec::new());
    let mut failed = Vec::new();
    for (key, found) in read::spans(&opened.store, keys).await {
        match found {
            // Read again by the next batch.
            Ok(_) if spans >= BATCH_SPANS => too_many.push(key),
            Ok(found) => {
                spans += found.len();
                read.push((key, found));
            }
            Err(error) => failed.push((key, error)),
        }
    }
    unreadable(app, failed);
    too_many.into_iter().rev().for_each(|key| hand.runs.push_front(key));
    hand.spans_each = spans / read.len().max(1);
    let (now, settings) = (app.now(), app.run_settings);
    let resolve = move || {
        let one = |(key, spans): (Key, Vec<_>)| {
            let resolved = read::resolve(&spans, key.1, now, &settings);
            Shown { key, resolved, wanted: false, beside: Beside::default() }
        };
        read.into_iter().map(one).collect::<Vec<Shown>>()
    };
    let mut shown = blocking(resolve).await?;
    for one in &mut shown {
        // A trace that is part of another's run: that one is due.
        if let Some(Resolved { run, .. }) = one.resolved.take_if(|resolved| resolved.run.trace_id != one.key.1) {
            app.watch.with(|queue| queue.note((Arc::clone(&one.key.0), run.trace_id), run.version, now));
        }
        one.wanted =
            one.resolved.as_ref().is_some_and(|resolved| !resolved.run.provisional || bench.looks_into(resolved, now));
    }
    read_beside(app, opened, &mut shown, bench.wants_content()).await;
    if shown.is_empty() {
        return Ok(0);
    }
    shown.sort_by_key(|one| one.resolved.as_ref().map(|resolved| resolved.run.start));
    let keys: Vec<Key> = shown.iter().map(|one| one.key.clone()).collect();
    let position = app.watch.with(|queue| queue.position()).unwrap_or(0);
    let (state, taken, shared) = (opened.state.clone(), std::mem::take(bench), Arc::clone(app));
    let work = move || {
        let mut bench = taken;
        let judged = judge(&shared, &state, &mut bench, &shown, position, now);
        (bench, judged)
    };
    let (given_back, judged) = blocking(work).await?;
    *bench = given_back;
    let (looked, now) = (keys.len(), app.now());
    let again = now.plus_nanos(AFTER_FAILURE);
    let seen = judged.as_ref().map_or_else(|_| vec![Seen::Failed { again }; looked], Clone::clone);
    app.watch.with(|queue| keys.into_iter().zip(seen).for_each(|(key, seen)| queue.seen(key, seen, now)));
    Ok(judged.map(|_| looked)?)
}

/// Reads what belongs to the runs that are to be judged, those of a project together; leaves out those that cannot be read now.
async fn read_beside(app: &App, opened: &Opened, shown: &mut Vec<Shown>, content: bool) {
    let mut failed = Vec::new();
    for of_project in shown.chunk_by_mut(|a, b| a.key.0 == b.key.0) {
        let project = Arc::clone(&of_project[0].key.0);
        let mut wanted: Vec<&mut Shown> = of_project.iter_mut().filter(|one| one.wanted().is_some()).collect();
        let runs: Vec<&Resolved> = wanted.iter().filter_map(|one| one.wanted()).collect();
        if let Ok(all) = read::beside(app, &opened.store, &project, &runs, content).await {
            wanted.iter_mut().zip(all).for_each(|(one, beside)| one.beside = beside);
            continue;
        }
        // Something is damaged: what is elsewhere is not held up.
        for one in wanted {
            let Some(run) = one.wanted() else { continue };
            match read::beside(app, &opened.store, &project, &[run], content).await {
                Ok(mut of_one) => one.beside = of_one.pop().unwrap_or_default(),
                Err(error) => failed.push((one.key.clone(), error)),
            }
        }
    }
    shown.retain(|one| failed.iter().all(|(key, _)| *key != one.key));
    unreadable(app, failed);
}

/// Runs that cannot be read now are tried again. One segment that is damaged may hold very many of them: a line in the log tells of all.
fn unreadable(app: &App, failed: Vec<(Key, store::StoreError)>) {
    let Some(((_, trace_id), error)) = failed.first() else { return };
    tracing::error!(%error, %trace_id, runs = failed.len(), "runs that changed cannot be read; they are tried again");
    app.watch.unreadable.fetch_add(failed.len() as u64, Ordering::Relaxed);
    let now = app.now();
    let again = now.plus_nanos(AFTER_UNREADABLE);
    app.watch.with(|queue| failed.into_iter().for_each(|(key, _)| queue.seen(key, Seen::Failed { again }, now)));
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, WatchError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| WatchError::Fault(error.to_string()))
}

/// Judges a batch, in one transaction.
fn judge(
    app: &App,
    state: &state::State,
    bench: &mut Bench,
    shown: &[Shown],
    position: u64,
    now: Timestamp,
) -> Result<Vec<Seen>, state::StateError> {
    let (mut judged, mut looks, mut backfilled, mut failures) = (0, 0, 0, 0);
    let written = state.write(|tx| {
        let horizon = kept::horizon(tx)?;
        let mut seen = Vec::with_capacity(shown.len());
        for Shown { key, resolved, beside: Beside { scores, sources }, .. } in shown {
            let Some(resolved) = resolved else {
                seen.push(Seen::Done);
                continue;
            };
            if resolved.run.trace_id != key.1 {
                // Part of another run, which is judged under its own name.
                let whole = (Arc::clone(&key.0), resolved.run.trace_id);
                app.watch.with(|queue| queue.note(whole, resolved.run.version, now));
                failures += bench.gone(&key.0, key.1, tx)?;
                kept::take_back(tx, &key.0, key.1)?;
                seen.push(Seen::Done);
                continue;
            }
            // Its parts may have been judged as runs of their own before it arrived.
            for (part, _) in &resolved.joined {
                if kept::judged(tx, &(Arc::clone(&key.0), *part))?.is_some() {
                    failures += bench.gone(&key.0, *part, tx)?;
                    kept::take_back(tx, &key.0, *part)?;
                }
            }
            let settled = !resolved.run.provisional;
            let before = kept::judged(tx, key)?;
            let backfill = is_backfill(resolved, before.is_some(), horizon, now);
            let case =
                Case::new(resolved, settled, backfill, before, now, scores, sources.as_ref(), &app.settings.dialects);
            failures += bench.hear(&case, tx)?;
            if settled {
                kept::note(tx, key, resolved.run.version, now)?;
                judged += 1;
                backfilled += u64::from(backfill);
                seen.push(Seen::Done);
            } else {
                looks += 1;
                let again = settles_at(resolved, &app.run_settings, now);
                seen.push(Seen::Open { again, spans: resolved.steps.len() });
            }
        }
        bench.before_commit(tx)?;
        kept::forget(tx, now)?;
        kept::set_position(tx, position)?;
        Ok(seen)
    });
    bench.after_commit(written.is_ok());
    if written.is_ok() {
        for (counter, more) in [
            (&app.watch.judged, judged),
            (&app.watch.looks, looks),
            (&app.watch.backfilled, backfilled),
            (&app.watch.failures, failures),
        ] {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }
    written
}

/// Whether a run is history rather than news.
fn is_backfill(resolved: &Resolved, judged_before: bool, horizon: Timestamp, now: Timestamp) -> bool {
    let run = &resolved.run;
    if judged_before {
        return false;
    }
    let last_moment = if run.end.is_unset() { run.start } else { run.end.max(run.start) };
    let first_received = resolved.steps.iter().map(|step| step.span.received).min().unwrap_or_default();
    run.last_received.nanos_since(last_moment) > BACKFILL_NANOS
        || now.nanos_since(run.last_received) > LATE_NANOS
        // It may have been judged, and that it was is no longer known.
        || first_received <= horizon
}

/// When time alone may settle a run.
fn settles_at(resolved: &Resolved, settings: &RunSettings, now: Timestamp) -> Timestamp {
    let run = &resolved.run;
    let quiet = run.last_received.plus_nanos(settings.settle_nanos);
    match run.status {
        // A run whose top was called from elsewhere is taken as ended once it is quiet.
        RunStatus::Running if quiet <= now => {
            // It may be stuck, which is told after minutes.
            let again = now.plus_nanos((now.nanos_since(run.last_received) / QUIET_SHARE).max(1_000_000_000));
            again.min(run.last_received.plus_nanos(settings.abandon_nanos))
        }
        _ => quiet,
    }
}

#[cfg(test)]
mod tests;
