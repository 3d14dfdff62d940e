//! Taking out traces: at once for everybody who reads, and then out of the files that held them.
//!
//! [`Inner::take_out`] marks the rows of traces in segments as no longer counting, in one transaction of the catalog; compaction
//! drops them when it comes by. [`Inner::erase`] does not wait for that: what the log holds of the traces goes with a flush of all
//! there is, and every segment with a row of them, also one that was replaced long ago, is written again without it. The files
//! that held it are removed when their grace period is over, like those that compaction replaced.
//! Rows that arrive while this is done are new, and stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::AsArray;
use model::TraceId;
use tokio::sync::oneshot;

use crate::catalog::Change;
use crate::compact::Candidate;
use crate::error::StoreError;
use crate::hot::TraceKey;
use crate::retention::DroppedByLayer;
use crate::schema::Table;
use crate::snapshot::SegmentMeta;
use crate::state::State;
use crate::store::{Inner, Shared};
use crate::uncommitted::Uncommitted;
use crate::wal::committer::Message;

/// Times a segment is tried to be put in the place of another while flushes fail.
const TRIES: usize = 3;

/// What taking out or erasing traces did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Traces of which there was something, and nothing arrived meanwhile.
    pub traces: BTreeSet<TraceId>,
    /// Rows that were read by somebody until now, by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Files that still hold rows of the traces until their grace period is over; empty where rows were only marked.
    pub files: Vec<String>,
    /// Segments that cannot be read: what they hold of the traces, nobody knows.
    pub unreadable: Vec<String>,
}

/// While traces are erased, rows of them that come rely on no text that came before: it goes.
struct Shut<'a>(&'a Shared);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.state().known.open();
    }
}

/// Rows of a segment by trace.
type RowsOf = BTreeMap<TraceId, Vec<u32>>;

impl State {
    /// Segments of a project that may hold one of the traces, newer than a generation; and the names of those nobody can read.
    fn may_hold(&self, project: &str, traces: &BTreeSet<TraceId>, after: u64) -> (Vec<Candidate>, Vec<String>) {
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        for segment in self.segments.iter().flat_map(BTreeMap::values) {
            let meta = &segment.meta;
            // Samples belong to no trace, and have no column to look for one in.
            if meta.table == Table::Samples
                || segment.generation <= after
                || *meta.project != *project
                || !traces.iter().any(|trace| meta.may_contain(*trace))
            {
                continue;
            }
            if self.unreadable.contains(&meta.id) {
                unreadable.push(meta.path.to_string());
                continue;
            }
            readable.push(Candidate { meta: Arc::clone(meta), deleted: Arc::clone(&segment.deleted) });
        }
        (readable, unreadable)
    }

    /// Whether rows that were sent are in memory.
    fn is_hot(&self, key: TraceKey) -> bool {
        self.hot().any(|hot| hot.spans_of(key).next().is_some() || hot.logs_of(key).next().is_some())
    }
}

impl Inner {
    /// See [`crate::Store::take_out`].
    pub async fn take_out(&self, project: &str, traces: &BTreeSet<TraceId>) -> Result<Erased, StoreError> {
        // Files must not be replaced while their rows are counted.
        let _one = self.compaction.lock().await;
        self.mark(project, traces, false).await
    }

    /// Marks rows of traces as no longer counting; with `hot_too` also of those of which rows are in memory.
    async fn mark(&self, project: &str, traces: &BTreeSet<TraceId>, hot_too: bool) -> Result<Erased, StoreError> {
        let mut found: BTreeMap<u64, (Arc<SegmentMeta>, RowsOf)> = BTreeMap::new();
        let ((first, unreadable), generation) = {
            let state = self.shared.state();
            (state.may_hold(project, traces, 0), state.generation)
        };
        for candidate in first {
            let rows = self.rows_of(&candidate.meta, traces).await?;
            found.insert(candidate.meta.id, (candidate.meta, rows));
        }
        let _change = self.change.lock().await;
        // No run is resolved from rows that are about to go, and put back.
        let _prepare = self.prepare.lock().await;
        let (newer, _) = self.shared.state().may_hold(project, traces, generation);
        for candidate in newer {
            let rows = self.rows_of(&candidate.meta, traces).await?;
            found.insert(candidate.meta.id, (candidate.meta, rows));
        }
        let mut erased = Erased { unreadable, ..Erased::default() };
        let deletions = {
            let mut state = self.shared.state();
            let number = state.project(&Arc::from(project));
            // What comes from here on keeps its own texts: those in segments go.
            for trace in traces {
                state.known.forget(TraceKey { project: number, trace: *trace });
            }
            let stays = |trace: &TraceId| !hot_too && state.is_hot(TraceKey { project: number, trace: *trace });
            let mut deletions: Vec<(u64, Vec<u32>)> = Vec::new();
            for (id, (meta, rows)) in &found {
                let Some(segment) = state.segments[meta.table as usize].get(id) else { continue };
                let mut deleted: BTreeSet<u32> = segment.deleted.iter().copied().collect();
                let before = deleted.len();
                for (trace, rows) in rows.iter().filter(|(trace, _)| !stays(trace)) {
                    erased.traces.insert(*trace);
                    deleted.extend(rows);
                }
                if deleted.len() > before {
                    *erased.rows.entry(meta.table.name()).or_default() += (deleted.len() - before) as u64;
                    deletions.push((*id, deleted.into_iter().collect()));
                }
            }
            deletions
        };
        let change = Change {
            id: self.next_segment.fetch_add(1, Ordering::Relaxed),
            deletions,
            next_segment: self.next_segment.load(Ordering::Relaxed),
            ..Change::default()
        };
        let none = Uncommitted::none(&self.files);
        let change = if change.deletions.is_empty() { change } else { self.commit_change(change, none).await? };
        let mut state = self.shared.state();
        state.set_deletions(change.deletions);
        let number = state.project(&Arc::from(project));
        for trace in &erased.traces {
            state.forget_trace(TraceKey { project: number, trace: *trace });
        }
        Ok(erased)
    }

    /// See [`crate::Store::erase`].
    pub async fn erase(&self, project: &str, traces: &BTreeSet<TraceId>) -> Result<Erased, StoreError> {
        let (position, _shut) = {
            let mut state = self.shared.state();
            state.known.shut();
            (state.applied, Shut(&self.shared))
        };
        // What the log holds of the traces ends in files that the flush makes superfluous as a whole.
        self.roll_log().await?;
        while self.shared.state().flushed < position {
            self.flush().await?;
        }
        self.roll_log().await?;
        let _one = self.compaction.lock().await;
        let mut erased = self.mark(project, traces, true).await?;
        let (segments, _) = self.shared.state().may_hold(project, traces, 0);
        for candidate in segments {
            // Also rows that stopped counting long ago are in the file.
            if self.rows_of(&candidate.meta, traces).await?.is_empty() {
                continue;
            }
            let path = candidate.meta.path.to_string();
            self.write_again(candidate).await?;
            erased.files.push(path);
        }
        // A file replaced before, by compaction, may hold them as well.
        let catalog = self.catalog.clone();
        let waiting = self.threads.result(move || catalog.load_removals()).await?;
        let known: HashSet<String> = erased.files.iter().cloned().collect();
        erased.files.extend(waiting.into_iter().map(|(path, _)| path).filter(|path| !known.contains(path)));
        Ok(erased)
    }

    /// Writes a segment again without the rows that no longer count.
    async fn write_again(&self, candidate: Candidate) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let (job, merged, file) = self.merged(vec![candidate.clone()], false).await?;
            if self.commit_merged(&job, merged, file, DroppedByLayer::new()).await? {
                return Ok(());
            }
            // A flush that failed stands in the way.
            self.flush().await?;
        }
        Err(StoreError::Stopped(format!(
            "{} could not be replaced, because rows cannot be flushed",
            candidate.meta.path
        )))
    }

    /// Rows of the traces in a segment.
    async fn rows_of(&self, meta: &SegmentMeta, traces: &BTreeSet<TraceId>) -> Result<RowsOf, StoreError> {
        let wanted: Vec<TraceId> = traces.iter().copied().filter(|trace| meta.may_contain(*trace)).collect();
        let mut rows = RowsOf::new();
        for found in self.reader.find(meta, &wanted, &[]).await? {
            let ids = found.batch.column_by_name("trace_id").and_then(|ids| ids.as_string_opt::<i32>());
            let ids = ids.ok_or_else(|| StoreError::segment("read", &meta.path, "no column trace_id"))?;
            for (row, id) in found.rows.iter().zip(ids.iter().flatten()) {
                if let Ok(trace) = id.parse() {
                    rows.entry(trace).or_default().push(*row);
                }
            }
        }
        Ok(rows)
    }

    /// Closes the log file that is being written, and waits until everything before is done.
    async fn roll_log(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        if !self.commits.send(Message::Roll(answer)) {
            return Err(StoreError::Closed);
        }
        answered.await.map_err(|_| StoreError::Closed)
    }

    /// See [`crate::Store::are_removed`].
    pub async fn are_removed(&self, files: Vec<String>) -> Result<bool, StoreError> {
        let catalog = self.catalog.clone();
        let waiting = self.threads.result(move || catalog.load_removals()).await?;
        let waiting: HashSet<String> = waiting.into_iter().map(|(path, _)| path).collect();
        Ok(!files.iter().any(|file| waiting.contains(file)))
    }
}
