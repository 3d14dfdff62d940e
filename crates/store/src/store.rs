//! The store's doors: open, commit, snapshot, read a trace, flush, compact, close.

use std::sync::Arc;

use model::{Run, Span, Timestamp, TraceId};

use crate::entry::{Changed, Committed, Entry, LogEntry, Rows};
use crate::error::{CommitError, StoreError};
use crate::rows::logs::StoredLog;
use crate::rows::spans::StoredSpan;
use crate::settings::{Clock, Settings};
use crate::snapshot::Snapshot;
use crate::stats::Stats;

/// Makes a run out of its spans. Called with every span of a trace, each once, in no particular order.
pub trait RunResolver: Send + std::marker::Sync {
    /// The run at `now`; `None` for no run (no spans).
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run>;
}

/// What a flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows written.
    pub rows: u64,
    /// Files written.
    pub segments: u64,
}

/// What one step of compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files merged; 0 when there was nothing to do.
    pub inputs: u64,
    /// Files that took their place.
    pub outputs: u64,
    /// Replaced files whose grace period ended, removed.
    pub removed: u64,
}

/// One directory of telemetry, open in this process only. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

#[allow(unused_variables, clippy::todo)]
impl Store {
    /// Opens or creates the directory and replays what the log holds beyond the segments. `replay` turns a logged
    /// request back into rows, by the same code that made them the first time.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn RunResolver>,
        replay: Arc<dyn Fn(&LogEntry) -> Rows + Send + std::marker::Sync>,
    ) -> Result<Self, StoreError> {
        todo!()
    }

    /// Keeps a request: returns when it is durable and visible.
    pub async fn commit(&self, entry: Entry) -> Result<Committed, CommitError> {
        todo!()
    }

    /// All rows as they are now; runs are resolved first where their spans changed.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        todo!()
    }

    /// The spans of a trace with everything that was sent, one version each, by start time; empty when unknown.
    pub async fn trace(&self, project: &str, trace_id: TraceId) -> Result<Vec<StoredSpan>, StoreError> {
        todo!()
    }

    /// The narrow part of a trace's spans, one version each, by start time.
    pub async fn trace_narrow(&self, project: &str, trace_id: TraceId) -> Result<Vec<Arc<Span>>, StoreError> {
        todo!()
    }

    /// The log records of a trace, by time.
    pub async fn trace_logs(&self, project: &str, trace_id: TraceId) -> Result<Vec<StoredLog>, StoreError> {
        todo!()
    }

    /// Traces as they change. A receiver that falls behind is told how many it missed.
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Changed> {
        todo!()
    }

    /// Whether hot rows are large or old enough (settings `flush_bytes`, `flush_age`) that [`Store::flush`] should be called.
    pub fn flush_due(&self) -> bool {
        todo!()
    }

    /// Returns when memory fills up faster than the clock suggests: a loop waits for this or its timer, whichever is
    /// first, and then asks [`Store::flush_due`].
    pub async fn flush_wanted(&self) {
        todo!()
    }

    /// Writes hot rows into segments. Ingest goes on meanwhile.
    pub async fn flush(&self) -> Result<Flushed, StoreError> {
        todo!()
    }

    /// One step of maintenance: merges one group of small segments, removes files nobody reads any more. Call it again
    /// at once while it reports inputs.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        todo!()
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        todo!()
    }

    /// Writes what is waiting, syncs and closes. Nothing is lost without it; opening is faster with it.
    pub async fn close(self) {
        todo!()
    }
}
