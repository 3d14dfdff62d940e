//! Runs on their way from the queue to the judges: taken in the order in which they came, read in stretches, shown in batches.
//!
//! A stretch is longer than a batch. Runs that came one after the other lie all over a segment, which is sorted by trace, so a page of it
//! is decoded again for each stretch that has a run there; a batch is one transaction of the state, which holds up whoever else writes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use signals::runs::Resolved;
use store::StoredTrace;

use super::judge::Bench;
use super::queue::{Key, Queue, Seen};
use super::read::{self, Beside, Read};
use super::{WatchError, blocking};
use crate::app::{App, Opened};

/// Runs taken at once. They are looked at in the order in which they came, so that drift sees what changed when. When as many as this
/// are due the order is that of their ids, which is that of segments: each page of a segment is read once for all of its runs, not once
/// for each.
const HAND_RUNS: usize = 20_000;
/// Spans read at once: a stretch ends with the run that reaches this, …
const READ_SPANS: usize = 30_000;
/// … or that presumably reaches so many bytes, as spans of the stretch before had.
const READ_BYTES: usize = 48 << 20;
/// Bytes of a span of which nothing is known yet, with its content.
const SPAN_BYTES: usize = 4 << 10;
/// Runs of one batch, and so of one transaction.
const BATCH_RUNS: usize = 512;
/// Spans of one batch: it ends with the run that reaches this.
const BATCH_SPANS: usize = 5_000;
/// Nanoseconds until a run that cannot be read is tried again: what is damaged seldom mends by itself.
pub const AFTER_UNREADABLE: i64 = 60_000_000_000;

/// A run of a batch: as resolved, and what was sent where judges ask for it.
pub struct Shown {
    /// Which run, or which trace that turned out to be part of one.
    pub key: Key,
    /// The run; `None` where nothing is left of it, or another is to be judged in its place.
    pub resolved: Option<Resolved>,
    /// It has settled, or a judge looks into it before.
    wanted: bool,
    /// Its trace as it is kept, where that was read with the others.
    own: Option<StoredTrace>,
    /// What belongs to it.
    pub beside: Beside,
}

impl Shown {
    /// The run, where what belongs to it is to be read.
    fn wanted(&self) -> Option<&Resolved> {
        self.resolved.as_ref().filter(|_| self.wanted)
    }

    fn spans(&self) -> usize {
        self.resolved.as_ref().map_or(0, |resolved| resolved.steps.len())
    }
}

/// Runs that were taken and not shown yet.
pub struct Hand {
    runs: VecDeque<Key>,
    /// Of these, those that were read, by start.
    read: VecDeque<Shown>,
    /// Spans of a run, as the last stretch had them on the average.
    spans_each: usize,
    /// Bytes of a span with its content, likewise.
    bytes_each: usize,
}

impl Default for Hand {
    fn default() -> Self {
        Self { runs: VecDeque::new(), read: VecDeque::new(), spans_each: 12, bytes_each: SPAN_BYTES }
    }
}

impl Hand {
    /// The next batch, of what was read.
    pub fn batch(&mut self) -> Vec<Shown> {
        let mut batch: Vec<Shown> = Vec::new();
        let mut spans = 0;
        while batch.len() < BATCH_RUNS
            && spans < BATCH_SPANS
            && let Some(next) = self.read.pop_front()
        {
            spans += next.spans();
            batch.push(next);
        }
        batch
    }

    /// Reads a stretch of the runs that are due, where none is left.
    pub async fn read(&mut self, app: &Arc<App>, opened: &Opened, bench: &mut Bench) -> Result<(), WatchError> {
        if !self.read.is_empty() {
            return Ok(());
        }
        if self.runs.is_empty() {
            self.runs = app.watch.with(|queue| queue.take(app.now(), HAND_RUNS)).unwrap_or_default().into();
        }
        let most = (READ_BYTES / self.bytes_each.max(1)).clamp(1, READ_SPANS);
        let fit = (most / self.spans_each.max(1)).max(1);
        let mut keys: Vec<Key> = self.runs.drain(..self.runs.len().min(fit)).collect();
        // Runs of a project are read together.
        keys.sort_unstable();
        let (now, settings) = (app.now(), app.run_settings);
        let likely: HashSet<Key> = if bench.wants_content() {
            let quiet = |queue: &mut Queue| keys.iter().filter(|key| queue.is_quiet(key, now)).cloned().collect();
            app.watch.with(quiet).unwrap_or_default()
        } else {
            HashSet::new()
        };
        let read = read::spans(&opened.store, keys, |key| likely.contains(key), most).await;
        let (mut found, mut spans, mut failed) = (Vec::new(), 0, Vec::new());
        for (key, read) in read.read {
            match read {
                Ok(read) => {
                    spans += read.spans.len();
                    found.push((key, read));
                }
                Err(error) => failed.push((key, error)),
            }
        }
        unreadable(app, failed);
        // Read with the next stretch.
        read.later.into_iter().rev().for_each(|key| self.runs.push_front(key));
        if found.is_empty() {
            return Ok(());
        }
        self.spans_each = spans / found.len();
        let resolve = move || {
            let one = |(key, Read { spans, own }): (Key, Read)| {
                let resolved = read::resolve(&spans, key.1, now, &settings);
                Shown { key, resolved, wanted: false, own, beside: Beside::default() }
            };
            found.into_iter().map(one).collect::<Vec<Shown>>()
        };
        let mut shown = blocking(resolve).await?;
        for one in &mut shown {
            // A trace that is part of another's run: that one is due.
            let part = |resolved: &mut Resolved| resolved.run.trace_id != one.key.1;
            if let Some(Resolved { run, .. }) = one.resolved.take_if(part) {
                app.watch.with(|queue| queue.note((Arc::clone(&one.key.0), run.trace_id), run.version, now));
            }
            one.wanted = one
                .resolved
                .as_ref()
                .is_some_and(|resolved| !resolved.run.provisional || bench.looks_into(resolved, now));
            one.own.take_if(|_| !one.wanted);
        }
        read_beside(app, opened, &mut shown, bench.wants_content()).await;
        if let Some(bytes) = bytes_each(&shown) {
            self.bytes_each = bytes;
        }
        shown.sort_by_key(|one| one.resolved.as_ref().map(|resolved| resolved.run.start));
        self.read = shown.into();
        Ok(())
    }
}

/// Bytes of a span with its content, on the average; `None` where none was read.
fn bytes_each(shown: &[Shown]) -> Option<usize> {
    let traces = || shown.iter().filter_map(|one| one.beside.sources.as_ref()).flat_map(|sources| &sources.traces);
    let spans: usize = traces().map(|trace| trace.spans().len()).sum();
    traces().map(StoredTrace::bytes).sum::<usize>().checked_div(spans)
}

/// Reads what belongs to the runs that are to be judged, those of a project together; leaves out those that cannot be read now.
async fn read_beside(app: &App, opened: &Opened, shown: &mut Vec<Shown>, content: bool) {
    let mut failed = Vec::new();
    for of_project in shown.chunk_by_mut(|a, b| a.key.0 == b.key.0) {
        let project = Arc::clone(&of_project[0].key.0);
        let mut wanted: Vec<&mut Shown> = of_project.iter_mut().filter(|one| one.wanted().is_some()).collect();
        let own = wanted.iter_mut().map(|one| one.own.take()).collect();
        let runs: Vec<&Resolved> = wanted.iter().filter_map(|one| one.wanted()).collect();
        if let Ok(all) = read::beside(app, &opened.store, &project, &runs, own, content).await {
            wanted.iter_mut().zip(all).for_each(|(one, beside)| one.beside = beside);
            continue;
        }
        // Something is damaged: what is elsewhere is not held up.
        for one in wanted {
            let Some(run) = one.wanted() else { continue };
            match read::beside(app, &opened.store, &project, &[run], Vec::new(), content).await {
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
