//! Reading segments: rows of some traces, rows by number, or all rows in order.
//!
//! Rows of a trace stand together, so a look at the page index leads to the few pages that may hold them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::TraceId;
use object_store::{ObjectStore, ObjectStoreExt, coalesce_ranges};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::arrow::{ProjectionMask, RowNumber};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use crate::error::StoreError;
use crate::schema::Table;
use crate::search::{INDEX_KEY, Index, IndexPlace};
use crate::segment::about::About;
use crate::segment::columns::{ColumnKey, NARROW_BYTES_MAX};
use crate::segment::kept::Kept;
use crate::segment::places::{self, Asked, PLACES_BYTES_MAX};
use crate::segment::stored::Reading;
use crate::snapshot::SegmentMeta;

/// Bytes of footers that are kept, decoded, for the next reader.
pub(super) const FOOTER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of indexes of text that are kept, decoded.
const INDEX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is read from the end of a file at first: footer and page index of most files, at least and at most.
const FOOTER_GUESS: u64 = 128 * 1024;
const FOOTER_GUESS_MAX: u64 = 1024 * 1024;
/// The part of a large file that they take, about. Who reads too little decodes the footer again with the rest of it.
const FOOTER_SHARE: u64 = 64;
/// Pages of different columns that are so near in the file are read at once. The rows of a run are in some 130 pages of a file of
/// spans, a few hundred bytes each: 11 reads with this, and 280 KB instead of 220 (docs/benchmarks.md, cold reads).
const NEAR_BYTES: u64 = 32 * 1024;
/// Rows of a batch. Compaction holds one of each of its inputs.
const BATCH_ROWS: usize = 1024;
/// The same for large texts.
const BATCH_ROWS_TEXT: usize = 128;

/// Reads segments of one object store.
#[derive(Clone)]
pub(crate) struct Reader {
    store: Arc<dyn ObjectStore>,
    pub(super) footers: Arc<Mutex<Kept<u64, Arc<Footer>>>>,
    /// `None` where a segment has no index.
    indexes: Arc<Mutex<Kept<u64, Option<Arc<Index>>>>>,
    /// Columns that lists look through, a row group each.
    pub(super) narrow: Arc<Mutex<Kept<ColumnKey, ArrayRef>>>,
    /// Where the rows of traces are.
    pub(super) places: Arc<Mutex<Kept<u64, Asked>>>,
}

/// A footer, and the columns it promises: making these of their description takes longer than reading a few rows.
pub(super) struct Footer {
    pub metadata: Arc<ParquetMetaData>,
    pub columns: ArrowReaderMetadata,
    /// The same with the number of each row.
    numbered: ArrowReaderMetadata,
    /// Columns in which nothing is set, as far as the footer says.
    pub unset: HashSet<String>,
}

/// What the columns of a footer take in memory, about.
const COLUMNS_BYTES: usize = 64 * 1024;

impl Footer {
    fn new(metadata: Arc<ParquetMetaData>) -> Result<Self, ParquetError> {
        let number = Field::new(ROW_NUMBER, DataType::Int64, false).with_extension_type(RowNumber);
        let options = ArrowReaderOptions::new().with_virtual_columns(vec![Arc::new(number)])?;
        Ok(Self {
            columns: ArrowReaderMetadata::try_new(Arc::clone(&metadata), ArrowReaderOptions::new())?,
            numbered: ArrowReaderMetadata::try_new(Arc::clone(&metadata), options)?,
            unset: unset(&metadata),
            metadata,
        })
    }
}

/// Columns of which the footer says that every value is null.
fn unset(metadata: &ParquetMetaData) -> HashSet<String> {
    let schema = metadata.file_metadata().schema_descr();
    let is_unset = |at: &usize| {
        metadata.row_groups().iter().all(|group| {
            let column = group.column(*at);
            let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
            nulls.is_some_and(|nulls| nulls == column.num_values().unsigned_abs())
        })
    };
    (0..schema.num_columns()).filter(is_unset).map(|at| schema.get_column_root(at).name().to_owned()).collect()
}

/// Rows of a segment, some at a time, as they were before they were written.
pub(crate) type Batches = BoxStream<'static, Result<RecordBatch, ParquetError>>;

/// A row found by trace: its number and the batch row with the columns asked for.
pub(crate) struct Found {
    /// Columns asked for, and `trace_id`.
    pub batch: RecordBatch,
    /// Row number in the segment, for each row of the batch.
    pub rows: Vec<u32>,
}

impl Reader {
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let (footers, indexes) = (Kept::new(FOOTER_BYTES_MAX), Kept::new(INDEX_BYTES_MAX));
        let (narrow, places) = (Kept::new(NARROW_BYTES_MAX), Kept::new(PLACES_BYTES_MAX));
        Self { store, footers, indexes, narrow, places }
    }

    /// The object store it reads.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The footer of a segment, with its page index.
    pub async fn footer(&self, meta: &SegmentMeta) -> Result<Arc<ParquetMetaData>, StoreError> {
        Ok(Arc::clone(&self.decoded(meta).await?.metadata))
    }

    pub(super) async fn decoded(&self, meta: &SegmentMeta) -> Result<Arc<Footer>, StoreError> {
        let lock = || self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(footer) = lock().get(meta.id) {
            return Ok(footer);
        }
        let failed = |error| StoreError::segment("read the footer of", &meta.path, error);
        let mut asked = match meta.table {
            // Few columns, and the end of such a file is mostly text.
            Table::Bodies => FOOTER_GUESS,
            _ => (meta.bytes / FOOTER_SHARE).clamp(FOOTER_GUESS, FOOTER_GUESS_MAX),
        };
        let mut end = self.bytes(meta, meta.bytes.saturating_sub(asked)..meta.bytes).await?;
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        loop {
            match reader.try_parse_sized(&end, meta.bytes) {
                Ok(()) => break,
                // Too little was read. The error says how much is needed: first for the footer, then for the page index before it.
                // Of a file that was cut off as much may be needed as was asked for already.
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > asked => {
                    asked = needed as u64;
                    end = self.bytes(meta, meta.bytes.saturating_sub(asked)..meta.bytes).await?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let footer = Arc::new(Footer::new(Arc::new(reader.finish().map_err(failed)?)).map_err(failed)?);
        lock().put(meta.id, Arc::clone(&footer), footer.metadata.memory_size() + COLUMNS_BYTES);
        Ok(footer)
    }

    /// The index of a segment's text; `None` where it has none or a damaged one: then its rows are looked through.
    pub async fn index(&self, meta: &SegmentMeta) -> Result<Option<Arc<Index>>, StoreError> {
        let lock = || self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lock().get(meta.id);
        if let Some(index) = kept {
            return Ok(index);
        }
        let range = index_range(&*self.footer(meta).await?, meta.bytes);
        let index = match range {
            Some(range) => Index::parse(self.bytes(meta, range).await?, meta.rows).map(Arc::new),
            None => None,
        };
        let size = index.as_ref().map_or(0, |index| index.size()) + size_of::<Index>();
        lock().put(meta.id, index.clone(), size);
        Ok(index)
    }

    /// Bytes of a segment's file.
    pub async fn bytes(&self, meta: &SegmentMeta, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.store.get_range(&meta.path, range).await.map_err(|error| StoreError::segment("read", &meta.path, error))
    }

    /// The file of a segment, for the Parquet reader.
    pub(super) fn file(&self, meta: &SegmentMeta, footer: &Footer) -> SegmentFile {
        SegmentFile { store: Arc::clone(&self.store), meta: meta.clone(), footer: Arc::clone(&footer.metadata) }
    }

    async fn stream(
        &self,
        meta: &SegmentMeta,
        columns: Option<&[&str]>,
        numbered: bool,
        groups: Option<Range<usize>>,
        select: impl FnOnce(&ParquetMetaData) -> Option<RowSelection>,
    ) -> Result<Batches, StoreError> {
        let failed = |error: ParquetError| StoreError::segment("read", &meta.path, error);
        let footer = self.decoded(meta).await?;
        let selection = select(&footer.metadata);
        let metadata = if numbered { footer.numbered.clone() } else { footer.columns.clone() };
        let file = self.file(meta, &footer);
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(file, metadata);
        let rows = if meta.table == Table::Bodies { BATCH_ROWS_TEXT } else { BATCH_ROWS };
        builder = builder.with_batch_size(rows);
        let schema = footer.columns.schema();
        let has = |name: &str| schema.column_with_name(name).is_some() && !footer.unset.contains(name);
        let reading = Reading::of(meta.table, columns, has);
        if let Some(columns) = columns {
            let wanted = |name: &str| columns.contains(&name) || reading.extra().contains(&name);
            let roots = builder.parquet_schema().root_schema().get_fields().iter().enumerate();
            let roots: Vec<usize> = roots.filter(|(_, root)| wanted(root.name())).map(|(at, _)| at).collect();
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            builder = builder.with_projection(mask);
        }
        if let Some(groups) = groups {
            builder = builder.with_row_groups(groups.collect());
        }
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let whole = move |batch| reading.whole(batch).map_err(|error| ParquetError::External(Box::new(error)));
        Ok(builder.build().map_err(failed)?.map(move |batch| batch.and_then(&whole)).boxed())
    }

    /// Rows of the given traces (sorted) with the given columns, and their numbers.
    pub async fn find(
        &self,
        meta: &SegmentMeta,
        traces: &[TraceId],
        columns: &[&str],
    ) -> Result<Vec<Found>, StoreError> {
        let places = self.places(meta).await.map(|places| places.of(traces));
        match &places {
            Some(places) if places.is_empty() => return Ok(Vec::new()),
            Some(places) if columns.is_empty() => return Ok(vec![places::found(meta, places)?]),
            _ => {}
        }
        let mut wanted: Vec<String> = traces.iter().map(TraceId::to_string).collect();
        wanted.sort_unstable();
        let mut columns = columns.to_vec();
        if !columns.contains(&"trace_id") {
            columns.push("trace_id");
        }
        let select = |footer: &ParquetMetaData| match places {
            Some(places) => {
                let rows = places.into_iter().map(|(_, rows)| rows.start as usize..rows.end as usize);
                RowSelection::from_consecutive_ranges(rows, meta.rows as usize)
            }
            None => pages_of(footer, &wanted),
        };
        let stream = self.stream(meta, Some(&columns), true, None, |footer| Some(select(footer))).await?;
        let keep = |batch: RecordBatch| {
            let traces = column(meta, &batch, "trace_id")?.as_string::<i32>().clone();
            // Rows of a trace stand together: each is looked for once.
            let (mut last, mut is_wanted): (Option<Option<&str>>, bool) = (None, false);
            let keep = traces.iter().map(|trace| {
                if last != Some(trace) {
                    is_wanted =
                        trace.is_some_and(|trace| wanted.binary_search_by(|one| one.as_str().cmp(trace)).is_ok());
                    last = Some(trace);
                }
                Some(is_wanted)
            });
            let keep: arrow::array::BooleanArray = keep.collect();
            let batch = arrow::compute::filter_record_batch(&batch, &keep)
                .map_err(|error| StoreError::segment("filter", &meta.path, error))?;
            let numbers = column(meta, &batch, ROW_NUMBER)?.as_primitive::<Int64Type>();
            let rows = numbers.values().iter().map(|row| *row as u32).collect();
            Ok(Found { batch, rows })
        };
        let stream = stream.map_err(|error| StoreError::segment("read", &meta.path, error));
        let found: Vec<Found> = stream.map(|batch| batch.and_then(keep)).try_collect().await?;
        Ok(found.into_iter().filter(|found| !found.rows.is_empty()).collect())
    }

    /// Rows by number (sorted, no repeats), in that order; all columns where `columns` is `None`.
    pub async fn rows(
        &self,
        meta: &SegmentMeta,
        rows: &[u32],
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let stream = self.some(meta, rows, columns).await?;
        stream.try_collect().await.map_err(|error| StoreError::segment("read", &meta.path, error))
    }

    /// [`Reader::rows`] for those who take a column that is not there for one without values: columns in which nothing is set are
    /// left out. To open a column costs more than to read a run from it, and most columns of a span are empty.
    pub async fn rows_set(
        &self,
        meta: &SegmentMeta,
        rows: &[u32],
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let footer = self.decoded(meta).await?;
        let all = footer.columns.schema().fields().iter().map(|field| field.name().as_str());
        let wanted = all.filter(|name| columns.is_none_or(|columns| columns.contains(name)));
        let set: Vec<&str> = wanted.filter(|name| !footer.unset.contains(*name)).collect();
        self.rows(meta, rows, Some(&set)).await
    }

    /// The same, some at a time.
    pub async fn some(
        &self,
        meta: &SegmentMeta,
        rows: &[u32],
        columns: Option<&[&str]>,
    ) -> Result<Batches, StoreError> {
        let ranges = consecutive(rows);
        let select =
            |_: &ParquetMetaData| Some(RowSelection::from_consecutive_ranges(ranges.into_iter(), meta.rows as usize));
        self.stream(meta, columns, false, None, select).await
    }

    /// All rows in the order of the file, some at a time; all columns where `columns` is `None`.
    pub async fn all(&self, meta: &SegmentMeta, columns: Option<&[&str]>) -> Result<Batches, StoreError> {
        self.stream(meta, columns, false, None, |_| None).await
    }

    /// The rows of some row groups, some at a time.
    pub async fn groups(&self, meta: &SegmentMeta, groups: Range<usize>) -> Result<Batches, StoreError> {
        self.stream(meta, None, false, Some(groups), |_| None).await
    }

    /// The stretches of a segment within which rows are sorted.
    pub async fn sorted_runs(&self, meta: &SegmentMeta) -> Result<Vec<SortedRun>, StoreError> {
        let footer = self.footer(meta).await?;
        let about = About::read(footer.file_metadata().key_value_metadata());
        let about = about.map_err(|error| StoreError::segment("read the footer of", &meta.path, error))?;
        Ok(sorted_runs(&about, &footer))
    }
}

/// A stretch of a segment within which rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortedRun {
    pub groups: Range<usize>,
    /// Number of its first row in the file.
    pub first_row: u32,
}

/// The stretches of a file within which rows are sorted.
pub(crate) fn sorted_runs(about: &About, footer: &ParquetMetaData) -> Vec<SortedRun> {
    let groups = footer.num_row_groups();
    let starts: Vec<usize> = about.runs.iter().copied().filter(|start| *start < groups).collect();
    let ends = starts.iter().skip(1).copied().chain([groups]).collect::<Vec<_>>();
    let mut row = 0;
    let run = |(start, end): (usize, usize)| {
        let first_row = row;
        row += (start..end).map(|group| footer.row_group(group).num_rows()).sum::<i64>() as u32;
        SortedRun { groups: start..end, first_row }
    };
    starts.iter().copied().zip(ends).map(run).collect()
}

const ROW_NUMBER: &str = "row_number";

/// Where a file keeps the index of its text, if it has one.
fn index_range(footer: &ParquetMetaData, bytes: u64) -> Option<Range<u64>> {
    let about = footer.file_metadata().key_value_metadata()?.iter().find(|about| about.key == INDEX_KEY)?;
    let about: IndexPlace = serde_json::from_str(about.value.as_deref()?).ok()?;
    let end = about.offset.checked_add(about.length).filter(|end| *end <= bytes)?;
    Some(about.offset..end)
}

fn column<'a>(meta: &SegmentMeta, batch: &'a RecordBatch, name: &str) -> Result<&'a Arc<dyn Array>, StoreError> {
    batch.column_by_name(name).ok_or_else(|| StoreError::segment("read", &meta.path, format!("no column {name}")))
}

fn consecutive(rows: &[u32]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in rows.iter().map(|row| *row as usize) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// Rows of the pages that may hold one of the traces (sorted texts).
fn pages_of(footer: &ParquetMetaData, traces: &[String]) -> RowSelection {
    let may_hold = |min: &[u8], max: &[u8]| {
        let first = traces.partition_point(|trace| trace.as_bytes() < min);
        traces.get(first).is_some_and(|trace| trace.as_bytes() <= max)
    };
    let schema = footer.file_metadata().schema_descr();
    let at = (0..schema.num_columns()).find(|at| schema.column(*at).name() == "trace_id");
    let mut selectors = Vec::new();
    for group in 0..footer.num_row_groups() {
        let total = footer.row_group(group).num_rows() as usize;
        let index = at.and_then(|at| {
            Some((footer.column_index()?.get(group)?.get(at)?, footer.offset_index()?.get(group)?.get(at)?))
        });
        let Some((ColumnIndexMetaData::BYTE_ARRAY(index), offsets)) = index else {
            selectors.push(RowSelector::select(total));
            continue;
        };
        let pages = offsets.page_locations();
        for (page, location) in pages.iter().enumerate() {
            let from = location.first_row_index as usize;
            let until = pages.get(page + 1).map_or(total, |next| next.first_row_index as usize);
            let select = match (index.min_value(page), index.max_value(page)) {
                (Some(min), Some(max)) => may_hold(min, max),
                // A page of nulls only: no trace at all.
                _ => false,
            };
            selectors.push(if select { RowSelector::select(until - from) } else { RowSelector::skip(until - from) });
        }
    }
    RowSelection::from(selectors)
}

/// A segment's bytes, for the Parquet reader.
pub(crate) struct SegmentFile {
    store: Arc<dyn ObjectStore>,
    meta: SegmentMeta,
    footer: Arc<ParquetMetaData>,
}

impl AsyncFileReader for SegmentFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let bytes = async move { self.store.get_range(&self.meta.path, range).await };
        bytes.map(|bytes| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        let fetch = |range| self.store.get_range(&self.meta.path, range);
        let bytes = async move { coalesce_ranges(&ranges, fetch, NEAR_BYTES).await };
        bytes.map(|bytes| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let footer = Arc::clone(&self.footer);
        async move { Ok(footer) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Schema;
    use model::Timestamp;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::bloom::TraceBloom;

    /// Compaction joins files whole, row group by row group: then both the footer and the page index before it may be longer than
    /// what is read at first.
    #[tokio::test]
    async fn a_footer_and_its_page_index_are_read_however_long_they_are() {
        const GROUPS: usize = 3_000;
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![1, 2]))]).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, schema, None).unwrap();
        for _ in 0..GROUPS {
            writer.write(&rows).unwrap();
            writer.flush().unwrap();
        }
        writer.close().unwrap();
        let footer = u32::from_le_bytes(file[file.len() - 8..][..4].try_into().unwrap());
        assert!(u64::from(footer) > FOOTER_GUESS, "{footer}");
        let (path, time) = (Path::from("segments/long.parquet"), Timestamp::from_nanos(0));
        let meta = SegmentMeta {
            id: 1,
            table: Table::Samples,
            project: "default".into(),
            environment: None,
            day: "2026-11-21".into(),
            path: path.clone(),
            rows: 2 * GROUPS as u64,
            bytes: file.len() as u64,
            min_time: time,
            max_time: time,
            min_version: 0,
            max_version: 0,
            level: 0,
            provisional: 0,
            arrived: time,
            content: false,
            checksum: None,
            traces: Arc::new(TraceBloom::all()),
        };
        let store = InMemory::new();
        store.put(&path, file.into()).await.unwrap();
        let footer = Reader::new(Arc::new(store)).footer(&meta).await.unwrap();
        assert_eq!(footer.num_row_groups(), GROUPS);
        assert_eq!(footer.offset_index().map(Vec::len), Some(GROUPS));
    }
}
