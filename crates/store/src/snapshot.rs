//! What a query sees: all rows as they were at one moment, hot and sealed, each span and run once.
//!
//! Sealed rows that a newer row replaces are listed in [`SegmentView::deleted`]; a reader must skip them. Hot rows need no
//! such care. A snapshot keeps nothing locked: rows committed later are simply not in it.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use model::{Run, Timestamp, TraceId};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::bloom::TraceBloom;
use crate::hot::HotView;
use crate::resolver::RunResolver;
use crate::schema::Table;
use crate::segment::layout;
use crate::segment::read::Reader;

/// A consistent view of the store.
#[derive(Clone)]
pub struct Snapshot {
    /// Where [`SegmentMeta::path`] leads.
    pub object_store: Arc<dyn ObjectStore>,
    /// When it was taken, by the store's clock.
    pub taken: Timestamp,
    /// For what does not go through columns: single traces, and text.
    pub(crate) reader: Reader,
    pub(crate) resolver: Arc<dyn RunResolver>,
    pub(crate) tables: [Arc<LazyTable>; Table::ALL.len()],
}

impl Snapshot {
    /// Rows of `table`. The first call for a table turns hot rows into columns (some milliseconds for a full memory;
    /// parts that did not change since an earlier snapshot are taken from there).
    pub fn table(&self, table: Table) -> &TableSnapshot {
        let lazy = &self.tables[table as usize];
        lazy.ready.get_or_init(|| TableSnapshot {
            schema: table.schema(),
            hot: lazy.hot.iter().flat_map(HotView::batches).collect(),
            segments: lazy.segments.clone(),
        })
    }

    /// A run of it as it stands when the snapshot was taken. Of runs that ended, not all are written again at the moment at which
    /// time makes their totals final.
    pub fn aged(&self, run: Run) -> Run {
        self.resolver.aged(&run, self.taken).unwrap_or(run)
    }
}

/// Hot rows and segments of a table, columns not built yet.
pub(crate) struct LazyTable {
    pub hot: Vec<HotView>,
    pub segments: Vec<SegmentView>,
    pub ready: OnceLock<TableSnapshot>,
}

/// Rows of one table.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// The table's schema; every hot batch has it. Segments have [`Table::stored_schema`] or an older form.
    pub schema: SchemaRef,
    /// Rows in memory.
    pub hot: Vec<RecordBatch>,
    /// Files, oldest first.
    pub segments: Vec<SegmentView>,
}

/// A segment with the rows of it that no longer count.
#[derive(Debug, Clone)]
pub struct SegmentView {
    /// The file.
    pub meta: Arc<SegmentMeta>,
    /// Row numbers (from 0, in file order) that newer versions replaced; sorted, no repeats.
    pub deleted: Arc<Vec<u32>>,
}

/// One immutable Parquet file.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentMeta {
    /// Unique; a later segment has a higher one.
    pub id: u64,
    /// Whose rows it holds.
    pub table: Table,
    /// Project of every row.
    pub project: Arc<str>,
    /// Environment of every row; `None` where rows of several environments were folded together (compare the column then).
    pub environment: Option<Arc<str>>,
    /// Day of the path, `2026-11-21`: of the clamped start of most of its rows. Not a bound; see `min_time`.
    pub day: String,
    /// Where in the object store.
    pub path: Path,
    /// Rows, replaced ones included.
    pub rows: u64,
    /// File size in bytes.
    pub bytes: u64,
    /// Smallest value of the table's time column, as sent.
    pub min_time: Timestamp,
    /// Largest value of the table's time column, as sent.
    pub max_time: Timestamp,
    /// Smallest version.
    pub min_version: u64,
    /// Largest version.
    pub max_version: u64,
    /// 0 as flushed; one more each time it went through compaction.
    pub level: u8,
    /// Rows of a run that was not settled when written (`runs` only): they may change without new spans.
    pub provisional: u64,
    /// When the last of its rows were flushed, of `runs` when their last span arrived: what retention goes by where a row's own time cannot be believed.
    pub arrived: Timestamp,
    /// Whether its rows may hold content (previews, attributes that are content). False once retention of bodies took it out.
    pub content: bool,
    /// CRC-32 of the file; `None` for a file written before there was one.
    pub checksum: Option<u32>,
    /// Which traces may be in it.
    pub traces: Arc<TraceBloom>,
}

impl SegmentMeta {
    /// Whether it holds log records that are scores, and nothing else: its directory says so. Segments of versions that kept them among
    /// other log records hold both.
    pub fn holds_scores(&self) -> bool {
        layout::holds_scores(self.path.as_ref())
    }

    /// Whether rows of the trace may be in the segment: never wrongly false, wrongly true about once in a thousand.
    /// True for every trace where the segment has no filter.
    pub fn may_contain(&self, trace_id: TraceId) -> bool {
        self.traces.may_contain(trace_id)
    }

    /// Whether a row with a time in `from..until` may be in it.
    pub fn may_overlap(&self, from: Timestamp, until: Timestamp) -> bool {
        self.min_time < until && self.max_time >= from
    }
}
