//! The store's doors: commit, snapshot, read a trace, flush, compact, close.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{Span, SpanId, TraceId};
use tokio::sync::{Notify, broadcast, oneshot};

use crate::backup::Plan as BackupPlan;
use crate::cache::Cached;
use crate::catalog::Catalog;
use crate::check::Checked;
use crate::disk::{Disk, RealDisk};
use crate::entry::{Changed, Committed, Entry, LogEntry, Rows};
use crate::erase::Erased;
use crate::error::{CommitError, LimitName, StoreError};
use crate::files::Files;
use crate::maintain::{Compacted, Flushed};
use crate::open::Opened;
use crate::repair;
use crate::report::Report;
use crate::resolver::RunResolver;
use crate::retention::{Dropped, Held, Layer};
use crate::rows::logs::StoredLog;
use crate::rows::spans::StoredSpan;
use crate::schema::Table;
use crate::segment::read::Reader;
use crate::settings::{Clock, PAYLOAD_BYTES_MAX, RETRY_AFTER, Settings};
use crate::settle::Refresh;
use crate::since::ChangedRuns;
use crate::snapshot::{LazyTable, SegmentView, Snapshot};
use crate::state::{Segment, State};
use crate::stats::Stats;
use crate::threads::{RealThreads, Threads};
use crate::trace::{Room, TraceView, Within};
use crate::wal::committer::{CommitThread, Message, Waiting};
use crate::wal::log::LogFigures;

/// What a store stands on.
#[derive(Clone)]
pub struct Machine {
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Threads that may block.
    pub threads: Arc<dyn Threads>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What one step of retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Segments removed.
    pub removed: u64,
    /// Segments written again without content.
    pub stripped: u64,
}

/// One directory of telemetry, open in this process only. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the commit thread and the doors share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Held while rows become visible; a reader that cannot keep up takes it for a moment.
    pub gate: tokio::sync::Mutex<()>,
    pub changed: broadcast::Sender<Changed>,
    /// Bytes of rows in memory.
    pub hot_bytes: AtomicUsize,
    /// Bytes of rows on their way there.
    pub reserved_bytes: AtomicUsize,
    /// Bytes of requests waiting for the log.
    pub queue_bytes: AtomicUsize,
    pub flush_wanted: Notify,
    pub refresh_wanted: Notify,
    pub flush_bytes: usize,
}

impl Shared {
    pub fn new(state: State, flush_bytes: usize) -> Self {
        Self {
            hot_bytes: AtomicUsize::new(state.hot_bytes()),
            state: Mutex::new(state),
            gate: tokio::sync::Mutex::new(()),
            changed: broadcast::channel(CHANGES_KEPT).0,
            reserved_bytes: AtomicUsize::new(0),
            queue_bytes: AtomicUsize::new(0),
            flush_wanted: Notify::new(),
            refresh_wanted: Notify::new(),
            flush_bytes,
        }
    }

    /// The state. A panic under the lock is a bug that must not become an outage: what it left is consistent enough to
    /// read, and the log has everything.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes how much is in memory.
    pub fn measure(&self, state: &State) {
        self.hot_bytes.store(state.hot_bytes(), Ordering::Relaxed);
        if state.active.bytes() >= self.flush_bytes {
            self.flush_wanted.notify_one();
        }
    }
}

/// Changes a subscriber may fall behind before it misses some.
const CHANGES_KEPT: usize = 4096;

pub(crate) struct Inner {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub threads: Arc<dyn Threads>,
    pub resolver: Arc<dyn RunResolver>,
    pub shared: Arc<Shared>,
    pub catalog: Catalog,
    pub files: Files,
    pub reader: Reader,
    pub commits: CommitThread,
    pub log: Arc<LogFigures>,
    pub next_segment: Arc<AtomicU64>,
    /// One reader at a time makes the view consistent; the next one then finds little to do.
    pub prepare: tokio::sync::Mutex<()>,
    /// One change of the list of segments at a time.
    pub change: tokio::sync::Mutex<()>,
    /// One compaction at a time.
    pub compaction: tokio::sync::Mutex<()>,
    /// Backups under way: until they end no file is removed.
    pub holds: Arc<AtomicUsize>,
    /// Of the catalog as it was last copied to the bucket.
    pub catalog_copied: tokio::sync::Mutex<Option<u64>>,
    /// In front of the bucket.
    pub cache: Option<Arc<Cached>>,
    pub hot_limit_reached: AtomicU64,
    pub queue_limit_reached: AtomicU64,
    pub opened: Opened,
    /// When `quarantine/` is looked through next, in nanoseconds since 1970.
    pub aside_due: AtomicI64,
    /// Keeps other processes out while it is open; the last to go. Work that is under way has it too ([`Files::locked_by`]).
    pub _lock: Arc<File>,
}

impl Inner {
    /// Counts that rows are turned away, and asks for the flush that makes room.
    fn hot_is_full(&self) -> CommitError {
        self.hot_limit_reached.fetch_add(1, Ordering::Relaxed);
        self.shared.flush_wanted.notify_one();
        CommitError::Full { limit: LimitName::HotBytesMax, retry_after: RETRY_AFTER }
    }
}

impl Store {
    /// Opens or creates the directory and replays what the log holds beyond the segments. `replay` turns a logged
    /// request back into rows, by the same code that made them the first time.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn RunResolver>,
        replay: Arc<dyn Fn(&LogEntry) -> Rows + Send + Sync>,
    ) -> Result<Self, StoreError> {
        let machine = Machine { disk: Arc::new(RealDisk), threads: Arc::new(RealThreads), clock };
        Self::open_on(machine, settings, resolver, replay).await
    }

    /// Whether rows of at least `bytes` bytes would be taken now. Asked before a request is decoded, it spares the work on
    /// one that would be refused.
    ///
    /// # Errors
    /// [`CommitError::Full`] while memory for rows is in use up to its bound, [`CommitError::TakenOver`] when another process has
    /// the bucket.
    pub fn has_room(&self, bytes: usize) -> Result<(), CommitError> {
        if self.inner.files.is_taken_over() {
            return Err(CommitError::TakenOver);
        }
        let shared = &self.inner.shared;
        let taken = shared.reserved_bytes.load(Ordering::Relaxed) + shared.hot_bytes.load(Ordering::Relaxed);
        if taken > 0 && taken + bytes > self.inner.settings.hot_bytes_max {
            return Err(self.inner.hot_is_full());
        }
        Ok(())
    }

    /// Keeps a request: returns when it is durable and visible.
    pub async fn commit(&self, entry: Entry) -> Result<Committed, CommitError> {
        let (payload, rows) = (entry.payload.len(), entry.rows.bytes());
        if payload > PAYLOAD_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: payload, limit: PAYLOAD_BYTES_MAX });
        }
        if self.inner.files.is_taken_over() {
            return Err(CommitError::TakenOver);
        }
        let shared = &self.inner.shared;
        let taken = shared.queue_bytes.fetch_add(payload, Ordering::Relaxed);
        // A request larger than the bound itself is taken when nothing else is there: refusing it for ever helps nobody.
        if taken > 0 && taken + payload > self.inner.settings.queue_bytes_max {
            shared.queue_bytes.fetch_sub(payload, Ordering::Relaxed);
            self.inner.queue_limit_reached.fetch_add(1, Ordering::Relaxed);
            return Err(CommitError::Full { limit: LimitName::QueueBytesMax, retry_after: RETRY_AFTER });
        }
        let taken = shared.reserved_bytes.fetch_add(rows, Ordering::Relaxed) + shared.hot_bytes.load(Ordering::Relaxed);
        if taken > 0 && taken + rows > self.inner.settings.hot_bytes_max {
            shared.reserved_bytes.fetch_sub(rows, Ordering::Relaxed);
            shared.queue_bytes.fetch_sub(payload, Ordering::Relaxed);
            return Err(self.inner.hot_is_full());
        }
        let (answer, answered) = oneshot::channel();
        if !self.inner.commits.send(Message::Commit(Box::new(Waiting { entry, answer }))) {
            shared.reserved_bytes.fetch_sub(rows, Ordering::Relaxed);
            shared.queue_bytes.fetch_sub(payload, Ordering::Relaxed);
            return Err(CommitError::Closed);
        }
        answered.await.unwrap_or(Err(CommitError::Closed))
    }

    /// All rows as they are now; runs are resolved first where their spans changed.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let taken = self.inner.clock.now();
        let tables = self.inner.prepared(Refresh::Reader, |state| {
            Table::ALL.map(|table| {
                let hot = state.frozen.iter().chain(std::iter::once(&state.active));
                let segments = state.segments[table as usize].values();
                let view = |segment: &Segment| SegmentView {
                    meta: Arc::clone(&segment.meta),
                    deleted: state.deleted_rows(segment),
                };
                Arc::new(LazyTable {
                    hot: hot.map(|hot| hot.view(table)).collect(),
                    segments: segments.map(view).collect(),
                    ready: OnceLock::new(),
                })
            })
        });
        let reader = self.inner.reader.clone();
        let (object_store, resolver) = (Arc::clone(reader.store()), Arc::clone(&self.inner.resolver));
        Ok(Snapshot { object_store, taken, reader, resolver, tables: tables.await? })
    }

    /// The spans of a trace with everything that was sent, one version each, by start time; empty when unknown.
    pub async fn trace(&self, project: &str, trace_id: TraceId) -> Result<Vec<StoredSpan<'static>>, StoreError> {
        self.traces(project, &[trace_id]).await
    }

    /// Every span of some traces of a project with everything that was sent, by trace and start. Costs little more than
    /// one of them where they are neighbours by id.
    pub async fn traces(&self, project: &str, traces: &[TraceId]) -> Result<Vec<StoredSpan<'static>>, StoreError> {
        self.noted(self.view(project, traces).spans(&self.inner.reader).await).await
    }

    /// As many of the traces, in their order, as there is room for, as they are kept: what was sent is decoded when it is asked for.
    pub async fn traces_within(&self, project: &str, traces: &[TraceId], room: Room) -> Result<Within, StoreError> {
        self.noted(self.view(project, traces).within(&self.inner.reader, room).await).await
    }

    /// One span with everything that was sent; `None` when unknown.
    pub async fn span(
        &self,
        project: &str,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> Result<Option<StoredSpan<'static>>, StoreError> {
        self.view(project, &[trace_id]).span(&self.inner.reader, span_id).await
    }

    /// The narrow part of a trace's spans, one version each, by start time.
    pub async fn trace_narrow(&self, project: &str, trace_id: TraceId) -> Result<Vec<Arc<Span>>, StoreError> {
        self.traces_narrow(project, &[trace_id]).await
    }

    /// The narrow part of the spans of some traces, one version each, by trace and start.
    pub async fn traces_narrow(&self, project: &str, traces: &[TraceId]) -> Result<Vec<Arc<Span>>, StoreError> {
        self.noted(self.view(project, traces).narrow(&self.inner.reader).await).await
    }

    /// The narrow part of the spans of other traces that `spans`, those of the trace `of`, lead to: they may be one run.
    pub async fn linked(&self, project: &str, of: TraceId, spans: &[Arc<Span>]) -> Result<Vec<Arc<Span>>, StoreError> {
        // Nearly every trace leads nowhere.
        if spans.iter().all(|span| span.told.is_none()) {
            return Ok(Vec::new());
        }
        self.inner.linked(project, of, spans).await
    }

    /// The log records of a trace, by time.
    pub async fn trace_logs(&self, project: &str, trace_id: TraceId) -> Result<Vec<StoredLog>, StoreError> {
        self.traces_logs(project, &[trace_id]).await
    }

    /// The log records of some traces, by trace and time.
    pub async fn traces_logs(&self, project: &str, traces: &[TraceId]) -> Result<Vec<StoredLog>, StoreError> {
        self.noted(self.view(project, traces).logs(&self.inner.reader).await).await
    }

    /// Remembers a segment that could not be read because of what is in it.
    async fn noted<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error @ StoreError::Segment { path, .. }) = &read {
            let meta = {
                let state = self.inner.shared.state();
                let mut segments = state.segments.iter().flat_map(|table| table.values());
                segments.find(|segment| segment.meta.path.as_ref() == path).map(|segment| Arc::clone(&segment.meta))
            };
            if let Some(meta) = meta
                && repair::is_damaged(&self.inner.reader, &meta).await
            {
                self.inner.shared.state().give_up_on(&meta, error);
            }
        }
        read
    }

    /// Whether requests can be kept: false once the store is closed, the thread that writes the log has ended at a fault, or
    /// another process is known to have taken over the bucket.
    pub fn takes_requests(&self) -> bool {
        self.inner.commits.is_running() && !self.is_taken_over()
    }

    /// Whether another process is known to have taken over the bucket: [`Store::is_ours`], or a change of the bucket, found it so.
    pub fn is_taken_over(&self) -> bool {
        self.inner.files.is_taken_over()
    }

    /// What is damaged, a sentence for each file: segments that could not be read, parts of the log that were set aside.
    /// The first of them by name; [`Stats::unreadable_segments`] and [`Stats::log_damaged`] count all.
    pub fn damage(&self) -> Vec<String> {
        let state = self.inner.shared.state();
        state.damage.iter().map(|(file, wrong)| format!("{file}: {wrong}")).collect()
    }

    fn view(&self, project: &str, traces: &[TraceId]) -> TraceView {
        TraceView::new(&self.inner.shared.state(), project, traces)
    }

    /// At most about `at_most` runs that changed after a log position, oldest change first: how a reader that fell behind,
    /// or that was not there, finds what [`Store::subscribe`] did not tell it.
    pub async fn changed_since(&self, position: u64, at_most: usize) -> Result<ChangedRuns, StoreError> {
        self.inner.changed_since(position, at_most).await
    }

    /// Traces as they change. A receiver that falls behind is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.inner.shared.changed.subscribe()
    }

    /// Whether hot rows are large or old enough (settings `flush_bytes`, `flush_age`) that [`Store::flush`] should be called.
    pub fn flush_due(&self) -> bool {
        let now = self.inner.clock.now();
        let settings = &self.inner.settings;
        let state = self.inner.shared.state();
        let age = i64::try_from(settings.flush_age.as_nanos()).unwrap_or(i64::MAX);
        state.frozen.is_some()
            || state.active.bytes() >= settings.flush_bytes
            || state.active_since.is_some_and(|since| now.nanos_since(since) >= age)
    }

    /// Returns when memory fills up faster than the clock suggests: a loop waits for this or its timer, whichever is
    /// first, and then asks [`Store::flush_due`].
    pub async fn flush_wanted(&self) {
        self.inner.shared.flush_wanted.notified().await;
    }

    /// Writes hot rows into segments. Ingest goes on meanwhile.
    pub async fn flush(&self) -> Result<Flushed, StoreError> {
        let inner = Arc::clone(&self.inner);
        // A caller that goes away must not leave half a flush behind.
        join(tokio::spawn(async move { inner.flush().await })).await
    }

    /// One step of maintenance: merges one group of small segments, removes files nobody reads any more. Call it again
    /// at once while it reports inputs.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        let inner = Arc::clone(&self.inner);
        join(tokio::spawn(async move { inner.compact().await })).await
    }

    /// One step of retention: removes every segment whose time is over, and writes one segment again without the content
    /// whose time is over. Call it again at once while it reports a stripped segment.
    /// `held` says what must not go.
    pub async fn expire(&self, held: Held) -> Result<Expired, StoreError> {
        let inner = Arc::clone(&self.inner);
        join(tokio::spawn(async move { inner.expire(&held).await })).await
    }

    /// Takes traces away from all who read, as one transaction; their bytes go when compaction comes by. Traces of which rows are
    /// still in memory are left as they are: the answer names those that were taken.
    pub async fn take_out(&self, project: &str, traces: BTreeSet<TraceId>) -> Result<Erased, StoreError> {
        let (inner, project) = (Arc::clone(&self.inner), project.to_owned());
        join(tokio::spawn(async move { inner.take_out(&project, &traces).await })).await
    }

    /// Erases traces: from all who read, the log, every segment and what belongs to it. The files that held them are removed when
    /// their grace period is over; [`Store::are_removed`] says whether they were.
    pub async fn erase(&self, project: &str, traces: BTreeSet<TraceId>) -> Result<Erased, StoreError> {
        let (inner, project) = (Arc::clone(&self.inner), project.to_owned());
        join(tokio::spawn(async move { inner.erase(&project, &traces).await })).await
    }

    /// Whether none of these replaced files is left, in the directory, the bucket and the cache before it.
    pub async fn are_removed(&self, files: Vec<String>) -> Result<bool, StoreError> {
        self.inner.are_removed(files).await
    }

    /// Puts a copy of the catalog into the bucket, if segments are in one and the catalog changed since the last copy;
    /// says whether it did.
    pub async fn copy_catalog(&self) -> Result<bool, StoreError> {
        let inner = Arc::clone(&self.inner);
        join(tokio::spawn(async move { inner.copy_catalog().await })).await
    }

    /// What it holds, by project and table, how long it is kept, and what goes next.
    pub fn report(&self) -> Result<Report, StoreError> {
        self.inner.report()
    }

    /// Projects that rows are or were of since the start, or that segments are of.
    pub fn projects(&self) -> BTreeSet<Arc<str>> {
        self.inner.shared.state().all_projects()
    }

    /// What retention removed so far, by project and layer.
    pub fn dropped(&self) -> std::collections::BTreeMap<(String, Layer), Dropped> {
        self.inner.shared.state().dropped.clone()
    }

    /// Checks all there is, as it is now; reads every segment. Ingest and reads go on.
    pub async fn check(&self) -> Result<Checked, StoreError> {
        self.inner.check().await
    }

    /// Fixes a backup of everything acknowledged so far; what it gives is then written at leisure.
    pub async fn backup(&self) -> Result<BackupPlan, StoreError> {
        self.inner.backup().await
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// Writes what is waiting, syncs and closes. Nothing is lost without it; opening is faster with it.
    pub async fn close(self) {
        let _change = self.inner.change.lock().await;
        let (answer, answered) = oneshot::channel();
        if self.inner.commits.send(Message::Close(answer))
            && let Ok(Err(error)) = answered.await
        {
            tracing::error!(%error, "cannot sync the log while closing");
        }
    }
}

/// The result of a task; a task that panicked is an error like another.
pub(crate) async fn join<T>(task: tokio::task::JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))
}
