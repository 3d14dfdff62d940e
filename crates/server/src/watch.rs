//! The watch over runs: hands every settled run to a list of judges, once for each time it settled.
//!
//! Two tasks. [`notes`] hears from the store which runs changed and puts them in a queue (`watch/queue.rs`). [`run`] takes
//! those that are due, reads and resolves them, and shows them to the judges (`watch/judge.rs`) in batches. What the
//! judges write of a batch, which runs it judged and how far the log was judged are one transaction of the state: a
//! restart neither repeats nor drops. What happened while nobody watched, or faster than could be noted, is asked for.
//!
//! A run is *settled* when it has ended and nothing came for the settling time, or when it was abandoned. One that changes
//! after that is judged again; a judge sees that it was judged before and has its own rows to compare with.

mod hand;
pub mod judge;
mod kept;
mod queue;
mod read;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{RunStatus, Timestamp, TraceId};
use signals::runs::{Resolved, Settings as RunSettings};
use tokio::sync::broadcast::error::RecvError;

use self::hand::{Hand, Shown};
use self::judge::{Bench, Case, Judge};
pub use self::kept::{JUDGED_RUNS_MAX, PART};
use self::queue::{Key, Queue, Seen};
use self::read::Beside;
pub use self::read::WATCH_CONTENT_SPANS;
use crate::agent_audit::AgentAudit;
use crate::agents::GraphJudge;
use crate::api::said::Said;
use crate::api::whole::Sources;
use crate::app::{App, Opened};
use crate::findings::FindingsJudge;
use crate::incident::SeenJudge;
use crate::limits::LimitName;
use crate::metrics::Counting;
use crate::money::judge::Costs;
use crate::sampling::SamplingJudge;

/// Runs waiting to be looked at; past these, changes are asked for again later. About 150 bytes each.
pub const WATCH_RUNS_MAX: usize = 100_000;
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
        Box::new(Costs::new(Arc::clone(&app.money))),
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
                    app.counters.limit_reached(LimitName::WatchRuns);
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
    let (state, mut taken) = (opened.state.clone(), std::mem::take(bench));
    let work = move || {
        let told = taken.tick(now, &state);
        (taken, told)
    };
    let (given_back, told) = blocking(work).await?;
    *bench = given_back;
    app.watch.failures.fetch_add(told?, Ordering::Relaxed);
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

/// Looks at the runs that are due, some of them; says at how many.
async fn batch(app: &Arc<App>, opened: &Opened, bench: &mut Bench, hand: &mut Hand) -> Result<usize, WatchError> {
    hand.read(app, opened, bench).await?;
    let shown = hand.batch();
    if shown.is_empty() {
        return Ok(0);
    }
    let (keys, now): (Vec<Key>, _) = (shown.iter().map(|one| one.key.clone()).collect(), app.now());
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

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, WatchError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| WatchError::Fault(error.to_string()))
}

/// What a batch came to.
#[derive(Default)]
struct Judged {
    seen: Vec<Seen>,
    judged: u64,
    looks: u64,
    backfilled: u64,
    failures: u64,
    unreadable: u64,
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
    let written = bench.batch(state, |bench, tx| {
        let horizon = kept::horizon(tx)?;
        let mut batch = Judged::default();
        for one in shown {
            let seen = judge_one(app, bench, one, horizon, now, &mut batch, tx)?;
            batch.seen.push(seen);
        }
        kept::forget(tx, now)?;
        kept::set_position(tx, position)?;
        Ok(batch)
    })?;
    for (counter, more) in [
        (&app.watch.judged, written.judged),
        (&app.watch.looks, written.looks),
        (&app.watch.backfilled, written.backfilled),
        (&app.watch.failures, written.failures),
        (&app.watch.unreadable, written.unreadable),
    ] {
        counter.fetch_add(more, Ordering::Relaxed);
    }
    Ok(written.seen)
}

/// Judges a run of a batch.
fn judge_one(
    app: &App,
    bench: &mut Bench,
    Shown { key, resolved, beside: Beside { scores, sources }, .. }: &Shown,
    horizon: Timestamp,
    now: Timestamp,
    batch: &mut Judged,
    tx: &state::rusqlite::Transaction<'_>,
) -> state::rusqlite::Result<Seen> {
    let Some(resolved) = resolved else { return Ok(Seen::Done) };
    // Decoded here and let go of at once: with every text written out where it was said, a run may take many times what is kept of it.
    let sent = match sources.as_ref().map(Sources::sent).transpose() {
        Ok(sent) => sent,
        Err(error) => {
            tracing::error!(%error, trace_id = %key.1, "a run that changed cannot be decoded; it is tried again");
            batch.unreadable += 1;
            return Ok(Seen::Failed { again: now.plus_nanos(hand::AFTER_UNREADABLE) });
        }
    };
    // Its parts may have been judged as runs of their own before it arrived.
    for (part, _) in &resolved.joined {
        if kept::judged(tx, &(Arc::clone(&key.0), *part))?.is_some() {
            batch.failures += bench.gone(&key.0, *part, tx)?;
            kept::take_back(tx, &key.0, *part)?;
        }
    }
    let said = sources.as_ref().zip(sent.as_ref());
    let said = said.map(|(sources, sent)| Said::of(&app.settings.dialects, sent, &sources.logs));
    let settled = !resolved.run.provisional;
    let before = kept::judged(tx, key)?;
    let backfill = is_backfill(resolved, before.is_some(), horizon, now);
    let case = Case::new(resolved, settled, backfill, before, now, scores, said);
    batch.failures += bench.hear(&case, tx)?;
    if !settled {
        batch.looks += 1;
        let again = settles_at(resolved, &app.run_settings, now);
        return Ok(Seen::Open { again, spans: resolved.steps.len() });
    }
    kept::note(tx, key, resolved.run.version, now)?;
    batch.judged += 1;
    batch.backfilled += u64::from(backfill);
    Ok(Seen::Done)
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
