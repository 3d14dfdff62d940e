//! Rows in memory: found by key, replaced in place, and turned into columns in chunks that readers share.

mod places;
mod row;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arrow::record_batch::RecordBatch;
use model::{Run, Span, SpanId, TraceId};

use self::places::Places;
pub(crate) use self::row::HotRow;
use crate::bodies::BodyHash;
use crate::rows::bodies::BodyRow;
use crate::rows::logs::LogRow;
use crate::rows::samples::SampleRow;
use crate::rows::spans::SpanRow;
use crate::schema::Table;

/// Rows at which a chunk is full. A changed chunk has to be turned into columns again for the next reader.
const CHUNK_ROWS: usize = 2048;
/// Bytes at which a chunk is full: far below the 2 GiB of text an Arrow column can hold.
const CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// Hash tables under the lock. Keys come from strangers, so the seed is the process's own.
pub(crate) type Map<K, V> = HashMap<K, V, foldhash::quality::RandomState>;
/// A set of the same sort.
pub(crate) type Set<K> = HashSet<K, foldhash::quality::RandomState>;

/// Where a row is in its [`HotTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    chunk: u32,
    row: u32,
}

/// Some rows, and their columns once somebody asked.
pub(crate) struct Chunk<R> {
    rows: Vec<Option<Arc<R>>>,
    bytes: usize,
    batch: OnceLock<RecordBatch>,
}

impl<R> Clone for Chunk<R> {
    /// A copy to be changed: its columns are not taken over.
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), bytes: self.bytes, batch: OnceLock::new() }
    }
}

impl<R: HotRow> Chunk<R> {
    /// The rows.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<R>> {
        self.rows.iter().flatten()
    }

    /// The rows as columns.
    pub fn batch(&self) -> &RecordBatch {
        self.batch.get_or_init(|| R::batch(&self.rows().map(|row| &**row).collect::<Vec<_>>()))
    }
}

/// Rows of one table. Readers hold chunks; a chunk that is held is copied before it changes.
pub(crate) struct HotTable<R> {
    chunks: Vec<Arc<Chunk<R>>>,
    rows: usize,
    bytes: usize,
}

impl<R> Default for HotTable<R> {
    fn default() -> Self {
        Self { chunks: Vec::new(), rows: 0, bytes: 0 }
    }
}

impl<R: HotRow> HotTable<R> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Bytes of rows.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row.
    pub fn push(&mut self, row: Arc<R>) -> Place {
        let full = |chunk: &Arc<Chunk<R>>| chunk.rows.len() >= CHUNK_ROWS || chunk.bytes >= CHUNK_BYTES;
        if self.chunks.last().is_none_or(full) {
            self.chunks.push(Arc::new(Chunk { rows: Vec::new(), bytes: 0, batch: OnceLock::new() }));
        }
        let at = self.chunks.len() - 1;
        let size = row.size();
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        chunk.batch.take();
        chunk.bytes += size;
        chunk.rows.push(Some(row));
        self.rows += 1;
        self.bytes += size;
        Place { chunk: at as u32, row: (chunk.rows.len() - 1) as u32 }
    }

    /// The row at a place, unless it was removed.
    pub fn get(&self, place: Place) -> Option<&Arc<R>> {
        self.chunks[place.chunk as usize].rows[place.row as usize].as_ref()
    }

    /// Puts another row at a place, or none; gives back the one that was there.
    pub fn set(&mut self, place: Place, row: Option<Arc<R>>) -> Option<Arc<R>> {
        let added = row.as_ref().map_or(0, |row| row.size());
        let chunk = Arc::make_mut(&mut self.chunks[place.chunk as usize]);
        chunk.batch.take();
        let new = row.is_some();
        let old = std::mem::replace(&mut chunk.rows[place.row as usize], row);
        let removed = old.as_ref().map_or(0, |row| row.size());
        chunk.bytes = chunk.bytes + added - removed;
        self.bytes = self.bytes + added - removed;
        self.rows = self.rows + usize::from(new) - usize::from(old.is_some());
        old
    }

    /// The rows as they are now, for a reader.
    pub fn view(&self) -> Vec<Arc<Chunk<R>>> {
        self.chunks.clone()
    }
}

/// Chunks of one table as a reader holds them.
#[derive(Clone)]
pub(crate) enum HotView {
    Spans(Vec<Arc<Chunk<SpanRow>>>),
    Bodies(Vec<Arc<Chunk<BodyRow>>>),
    Runs(Vec<Arc<Chunk<Run>>>),
    Logs(Vec<Arc<Chunk<LogRow>>>),
    Samples(Vec<Arc<Chunk<SampleRow>>>),
}

impl HotView {
    /// Columns, one batch a chunk.
    pub fn batches(&self) -> Vec<RecordBatch> {
        fn all<R: HotRow>(chunks: &[Arc<Chunk<R>>]) -> Vec<RecordBatch> {
            chunks.iter().map(|chunk| chunk.batch().clone()).filter(|batch| batch.num_rows() > 0).collect()
        }
        match self {
            Self::Spans(chunks) => all(chunks),
            Self::Bodies(chunks) => all(chunks),
            Self::Runs(chunks) => all(chunks),
            Self::Logs(chunks) => all(chunks),
            Self::Samples(chunks) => all(chunks),
        }
    }
}

/// A trace of a project, the project as a number the state gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TraceKey {
    pub project: u32,
    pub trace: TraceId,
}

/// Places of the rows of one trace.
#[derive(Default)]
pub(crate) struct HotTrace {
    spans: Places<SpanId>,
    bodies: Places<BodyHash>,
    logs: Vec<Place>,
    run: Option<Place>,
}

impl HotTrace {
    /// Whether it has spans or a run here: logs alone make no trace that segments have to be asked about.
    pub fn has_work(&self) -> bool {
        !self.spans.is_empty() || self.run.is_some()
    }
}

/// What became of a row that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    New,
    Replaced,
    /// A row that counts more was there already.
    Refused,
}

/// One generation of hot rows: what one flush writes.
#[derive(Default)]
pub(crate) struct Hot {
    pub spans: HotTable<SpanRow>,
    pub bodies: HotTable<BodyRow>,
    pub runs: HotTable<Run>,
    pub logs: HotTable<LogRow>,
    pub samples: HotTable<SampleRow>,
    pub traces: Map<TraceKey, HotTrace>,
    /// Rows of segments (by segment id) that rows of this generation replace.
    pub replaces: Map<u64, BTreeSet<u32>>,
}

/// Which of two rows of one span counts: one that has ended over one that has not, then the later version.
pub(crate) fn rank(span: &Span) -> (bool, u64) {
    (!span.end.is_unset(), span.version)
}

impl Hot {
    /// Whether there is nothing to flush.
    pub fn is_empty(&self) -> bool {
        self.spans.len() + self.bodies.len() + self.runs.len() + self.logs.len() + self.samples.len() == 0
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.spans.bytes() + self.bodies.bytes() + self.runs.bytes() + self.logs.bytes() + self.samples.bytes()
    }

    /// The row of a span.
    pub fn span(&self, key: TraceKey, span: SpanId) -> Option<&Arc<SpanRow>> {
        self.spans.get(self.traces.get(&key)?.spans.get(span)?)
    }

    /// Adds a span, or puts it in the place of an earlier version.
    pub fn insert_span(&mut self, key: TraceKey, row: Arc<SpanRow>) -> Inserted {
        let id = row.span.span_id;
        let trace = self.traces.entry(key).or_default();
        if let Some(place) = trace.spans.get(id) {
            if self.spans.get(place).is_some_and(|old| rank(&old.span) > rank(&row.span)) {
                return Inserted::Refused;
            }
            self.spans.set(place, Some(row));
            return Inserted::Replaced;
        }
        trace.spans.insert(id, self.spans.push(row));
        Inserted::New
    }

    /// Notes on a span that another trace tells its call; false when the span is not here.
    pub fn mark_told(&mut self, key: TraceKey, span: SpanId, told_in: TraceId) -> bool {
        let Some(place) = self.traces.get(&key).and_then(|trace| trace.spans.get(span)) else { return false };
        let Some(old) = self.spans.get(place) else { return false };
        let mut row = SpanRow::clone(old);
        Arc::make_mut(&mut row.span).told_in = Some(told_in);
        self.spans.set(place, Some(Arc::new(row)));
        true
    }

    /// Removes a span; gives back its row.
    pub fn remove_span(&mut self, key: TraceKey, span: SpanId) -> Option<Arc<SpanRow>> {
        let place = self.traces.get_mut(&key)?.spans.remove(span)?;
        self.spans.set(place, None)
    }

    /// The spans of a trace.
    pub fn spans_of(&self, key: TraceKey) -> impl Iterator<Item = &Arc<SpanRow>> {
        self.traces.get(&key).into_iter().flat_map(|trace| trace.spans.iter()).filter_map(|place| self.spans.get(place))
    }

    /// Whether a body is there.
    pub fn has_body(&self, key: TraceKey, hash: BodyHash) -> bool {
        self.traces.get(&key).is_some_and(|trace| trace.bodies.contains(hash))
    }

    /// Adds a body unless it is there; says whether it was not.
    pub fn insert_body(&mut self, key: TraceKey, row: BodyRow) -> bool {
        let hash = row.hash;
        let trace = self.traces.entry(key).or_default();
        let new = !trace.bodies.contains(hash);
        if new {
            trace.bodies.insert(hash, self.bodies.push(Arc::new(row)));
        }
        new
    }

    /// The bodies of a trace.
    pub fn bodies_of(&self, key: TraceKey) -> impl Iterator<Item = &Arc<BodyRow>> {
        let places = self.traces.get(&key).into_iter().flat_map(|trace| trace.bodies.iter());
        places.filter_map(|place| self.bodies.get(place))
    }

    /// Adds a log record.
    pub fn insert_log(&mut self, key: Option<TraceKey>, row: LogRow) {
        let place = self.logs.push(Arc::new(row));
        if let Some(key) = key {
            self.traces.entry(key).or_default().logs.push(place);
        }
    }

    /// The log records of a trace.
    pub fn logs_of(&self, key: TraceKey) -> impl Iterator<Item = &Arc<LogRow>> {
        self.traces.get(&key).into_iter().flat_map(|trace| &trace.logs).filter_map(|place| self.logs.get(*place))
    }

    /// The run of a trace.
    pub fn run(&self, key: TraceKey) -> Option<&Arc<Run>> {
        self.runs.get(self.traces.get(&key)?.run?)
    }

    /// The runs, for a reader.
    pub fn run_chunks(&self) -> Vec<Arc<Chunk<Run>>> {
        self.runs.view()
    }

    /// Adds a run, or puts it in the place of its earlier form.
    pub fn insert_run(&mut self, key: TraceKey, run: Run) {
        let trace = self.traces.entry(key).or_default();
        match trace.run {
            Some(place) => {
                self.runs.set(place, Some(Arc::new(run)));
            }
            None => trace.run = Some(self.runs.push(Arc::new(run))),
        }
    }

    /// Removes the run of a trace.
    pub fn remove_run(&mut self, key: TraceKey) {
        if let Some(place) = self.traces.get_mut(&key).and_then(|trace| trace.run.take()) {
            self.runs.set(place, None);
        }
    }

    /// A reader's view of one table.
    pub fn view(&self, table: Table) -> HotView {
        match table {
            Table::Spans => HotView::Spans(self.spans.view()),
            Table::Bodies => HotView::Bodies(self.bodies.view()),
            Table::Runs => HotView::Runs(self.runs.view()),
            Table::Logs => HotView::Logs(self.logs.view()),
            Table::Samples => HotView::Samples(self.samples.view()),
        }
    }

    /// Rows of one table.
    pub fn rows(&self, table: Table) -> usize {
        match table {
            Table::Spans => self.spans.len(),
            Table::Bodies => self.bodies.len(),
            Table::Runs => self.runs.len(),
            Table::Logs => self.logs.len(),
            Table::Samples => self.samples.len(),
        }
    }
}
