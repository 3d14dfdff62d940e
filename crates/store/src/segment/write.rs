//! Writing a segment: sorted rows in, one Parquet file and what the catalog keeps about it out.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, UInt64Array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, TimestampNanosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use bytes::Bytes;
use model::{Timestamp, TraceId};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::about::{self, About};
use super::layout;
use super::stored::Leaving;
use crate::bloom::TraceBloom;
use crate::error::StoreError;
use crate::rows;
use crate::schema::{ATTRIBUTES, Table, time_type};
use crate::search;
use crate::snapshot::SegmentMeta;

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 32 * 1024;
/// Bytes of a row group, before compression.
const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;
/// Rows of a page: what reading one run has to decode at least.
const PAGE_ROWS: usize = 2048;
/// Rows that are gathered and written at once: few enough for the processor's cache, since every column goes through all
/// of them.
const WRITE_ROWS: usize = 1024;
/// The same for tables of large texts.
const WRITE_ROWS_TEXT: usize = 256;
/// Compression of files as flushed: they will be written again.
const LEVEL_FLUSHED: i32 = 1;
/// Compression of files that went through compaction.
const LEVEL_COMPACTED: i32 = 3;

/// Rows of a table to gather at once.
pub(crate) fn write_rows(table: Table) -> usize {
    if table == Table::Bodies { WRITE_ROWS_TEXT } else { WRITE_ROWS }
}

/// Clamped times of a batch's rows: by them rows are sorted into buckets and files.
fn clamped_times(table: Table, batch: &RecordBatch) -> Vec<i64> {
    let column = |name| {
        let column = batch.column_by_name(name).expect("a column of the table's own schema");
        column.as_primitive::<TimestampNanosecondType>()
    };
    let times = column(table.time_column());
    let received = match table {
        // Clamped when the body was taken out of its span.
        Table::Bodies => return times.values().to_vec(),
        Table::Runs => column("last_received_at"),
        Table::Spans | Table::Logs | Table::Samples => column("received_at"),
    };
    let clamp = |(time, received): (&i64, &i64)| {
        layout::clamp_time(Timestamp::from_nanos(*time), Timestamp::from_nanos(*received)).as_nanos()
    };
    times.values().iter().zip(received.values()).map(clamp).collect()
}

/// Sort order of a table's rows: by ten-minute bucket, then what belongs together.
pub(crate) struct Order {
    table: Table,
    converter: RowConverter,
}

impl Order {
    /// The order of `table`.
    pub fn new(table: Table) -> Result<Self, StoreError> {
        let mut fields = vec![SortField::new(DataType::Int64)];
        fields.extend(Self::columns(table).iter().map(|(_, data_type)| SortField::new(data_type.clone())));
        let converter = RowConverter::new(fields).map_err(|error| StoreError::segment("sort", &table, error))?;
        Ok(Self { table, converter })
    }

    fn columns(table: Table) -> Vec<(&'static str, DataType)> {
        match table {
            Table::Spans => {
                vec![("trace_id", DataType::Utf8), ("started_at", time_type()), ("span_id", DataType::Utf8)]
            }
            // In order of arrival, so that the messages of a conversation stand beside each other.
            Table::Bodies => vec![("trace_id", DataType::Utf8), ("version", DataType::UInt64)],
            Table::Runs => vec![("trace_id", DataType::Utf8)],
            Table::Logs => vec![("trace_id", DataType::Utf8), ("time", time_type())],
            Table::Samples => vec![("metric", DataType::Utf8), ("labels", DataType::Utf8), ("time", time_type())],
        }
    }

    /// A key for each row of a batch: keys compare as rows are to be sorted.
    pub fn keys(&self, batch: &RecordBatch) -> Result<Rows, StoreError> {
        let buckets = clamped_times(self.table, batch).into_iter().map(layout::bucket);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(buckets))];
        for (name, _) in Self::columns(self.table) {
            let column = batch.column_by_name(name).expect("a column of the table's own schema");
            columns.push(Arc::clone(column));
        }
        self.converter.convert_columns(&columns).map_err(|error| StoreError::segment("sort", &self.table, error))
    }
}

/// What a segment is to hold.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub table: Table,
    pub project: Arc<str>,
    pub environment: Option<Arc<str>>,
    pub day: String,
    pub level: u8,
    /// When the last of its rows were flushed.
    pub arrived: Timestamp,
    /// Whether its rows may hold content.
    pub content: bool,
    /// Log records that are scores, and nothing else.
    pub scores: bool,
    /// Bytes it will have at most, about: memory that grows by doubling would take up to three times as much. 0 where nobody knows.
    pub bytes: usize,
}

/// What the catalog and the metadata say about the rows of a segment.
pub(crate) struct Facts {
    pub rows: u64,
    pub times: (i64, i64),
    pub versions: (u64, u64),
    pub provisional: u64,
    pub traces: HashSet<TraceId, foldhash::quality::RandomState>,
    /// Row groups at which a sorted run of rows begins; the first is 0.
    pub runs: Vec<usize>,
    /// When the last span of its runs arrived (`runs` only).
    pub heard: i64,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            rows: 0,
            times: (i64::MAX, i64::MIN),
            versions: (u64::MAX, 0),
            provisional: 0,
            traces: HashSet::default(),
            runs: vec![0],
            heard: i64::MIN,
        }
    }
}

impl Facts {
    fn note(&mut self, table: Table, batch: &RecordBatch) -> Result<(), StoreError> {
        let column = |name| batch.column_by_name(name).expect("a column of the table's own schema");
        let times = column(table.time_column()).as_primitive::<TimestampNanosecondType>();
        let versions: &UInt64Array = column("version").as_primitive::<UInt64Type>();
        for (time, version) in times.values().iter().zip(versions.values()) {
            self.times = (self.times.0.min(*time), self.times.1.max(*time));
            self.versions = (self.versions.0.min(*version), self.versions.1.max(*version));
        }
        if table != Table::Samples {
            self.note_traces(column("trace_id").as_string::<i32>());
        }
        if table == Table::Runs {
            let heard = column("last_received_at").as_primitive::<TimestampNanosecondType>();
            self.heard = heard.values().iter().copied().fold(self.heard, i64::max);
            self.provisional += rows::runs::open(batch)?.into_iter().filter(|open| *open).count() as u64;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Adds the traces of some rows.
    pub fn note_traces(&mut self, traces: &StringArray) {
        let mut last = "";
        for trace in traces.iter().flatten() {
            // Rows are sorted by trace: most repeat the one before.
            if trace != last {
                self.traces.extend(trace.parse::<TraceId>().ok());
                last = trace;
            }
        }
    }

    /// What the file is to say of itself. `log_flushed` is the log position it belongs to, `replaces` the segments whose
    /// rows it took over; both are for making the catalog again.
    pub fn about(&self, target: &Target, id: u64, log_flushed: u64, replaces: &[u64]) -> About {
        About {
            format: about::VERSION,
            id,
            table: target.table.name().to_owned(),
            project: target.project.to_string(),
            environment: target.environment.as_deref().map(str::to_owned),
            day: target.day.clone(),
            level: target.level,
            rows: self.rows,
            min_time: self.times.0,
            max_time: self.times.1,
            min_version: self.versions.0,
            max_version: self.versions.1,
            provisional: self.provisional,
            log_flushed,
            replaces: replaces.to_vec(),
            // A run is written again when time alone changes it: that makes its content no newer.
            arrived: Some(if target.table == Table::Runs { self.heard } else { target.arrived.as_nanos() }),
            content: target.content,
            runs: self.runs.clone(),
        }
    }

    /// The file's entry in the catalog.
    pub fn entry(self, about: &About, target: &Target, bytes: &Bytes) -> Result<SegmentMeta, StoreError> {
        let folder = if target.scores { layout::SCORES } else { target.table.name() };
        let path = layout::path(folder, &target.project, target.environment.as_deref(), &target.day, about.id);
        let path = Path::parse(&path).map_err(|error| StoreError::segment("name", &path, error))?;
        let traces = match target.table {
            Table::Samples => TraceBloom::all(),
            _ => TraceBloom::new(self.traces.into_iter()),
        };
        about.meta(&path, bytes.len() as u64, crc32fast::hash(bytes), traces)
    }
}

/// Rows with the same attributes, in the mean, from which on a dictionary of them is worth making.
const ALIKE: usize = 8;
/// Bytes of that dictionary: whoever reads one run reads all of it.
const ALIKE_BYTES_MAX: usize = 64 * 1024;

/// Whether many of the spans have the same attributes, as far as these are written as such.
fn are_alike(stored: &RecordBatch) -> bool {
    let attributes = stored.column_by_name(ATTRIBUTES).and_then(|column| column.as_string_opt::<i32>());
    let different = attributes.map(|texts| texts.iter().collect::<HashSet<_>>().len());
    different.is_some_and(|different| different * ALIKE <= stored.num_rows())
}

/// The writer of a file in memory; `alike` where many rows have the same attributes.
pub(crate) fn begin(target: &Target, alike: bool) -> Result<ArrowWriter<Vec<u8>>, StoreError> {
    let properties = properties(target.table, target.level, alike);
    ArrowWriter::try_new(Vec::with_capacity(target.bytes), target.table.stored_schema(), Some(properties))
        .map_err(|error| StoreError::segment("begin", &target.table, error))
}

/// A segment being written.
pub(crate) struct SegmentWriter {
    target: Target,
    writer: ArrowWriter<Vec<u8>>,
    facts: Facts,
    text: Option<search::Builder>,
    /// Of spans: leaves out what other columns tell.
    leaving: Option<Leaving>,
}

impl SegmentWriter {
    /// Begins a file in memory.
    pub fn new(target: Target) -> Result<Self, StoreError> {
        let writer = begin(&target, false)?;
        let leaving = (target.table == Table::Spans).then(Leaving::default);
        Ok(Self { text: search::Builder::new(target.table), target, writer, facts: Facts::default(), leaving })
    }

    /// Adds rows, in order, gathered from several batches: `(batch, row)` each.
    pub fn gather(&mut self, batches: &[&RecordBatch], rows: &[(usize, usize)]) -> Result<(), StoreError> {
        for rows in rows.chunks(write_rows(self.target.table)) {
            let batch = interleave_record_batch(batches, rows);
            self.push(&batch.map_err(|error| StoreError::segment("gather rows of", &self.target.table, error))?)?;
        }
        Ok(())
    }

    /// Adds rows, in order, with all columns of the table.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let table = self.target.table;
        let first = self.facts.rows == 0;
        self.facts.note(table, batch)?;
        if let Some(text) = &mut self.text {
            text.push(batch);
        }
        let written = match &mut self.leaving {
            Some(leaving) => {
                let stored = leaving.stored(batch).map_err(|error| StoreError::segment("write", &table, error))?;
                if first && are_alike(&stored) {
                    self.writer = begin(&self.target, true)?;
                }
                self.writer.write(&stored)
            }
            None => self.writer.write(batch),
        };
        written.map_err(|error| StoreError::segment("write", &table, error))
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.facts.rows
    }

    /// The file's bytes and its entry in the catalog; the arguments as in [`Facts::about`].
    pub fn finish(self, id: u64, log_flushed: u64, replaces: &[u64]) -> Result<(Bytes, SegmentMeta), StoreError> {
        let failed = |error| StoreError::segment("finish", &self.target.table, error);
        let (writer, _) = self.writer.into_serialized_writer().map_err(failed)?;
        let index = self.text.map(search::Builder::finish);
        let about = self.facts.about(&self.target, id, log_flushed, replaces);
        let bytes = close(writer, index, &about)?;
        let meta = self.facts.entry(&about, &self.target, &bytes)?;
        Ok((bytes, meta))
    }
}

/// Ends a file. The index of its text stands between rows and footer, where other readers of Parquet do not look.
pub(crate) fn close(
    mut file: SerializedFileWriter<Vec<u8>>,
    index: Option<Vec<u8>>,
    about: &About,
) -> Result<Bytes, StoreError> {
    if let Some(index) = index {
        let place = search::IndexPlace { offset: file.bytes_written() as u64, length: index.len() as u64 };
        file.write_all(&index).map_err(|error| StoreError::segment("finish", &about.table, error))?;
        let place = serde_json::json!(place).to_string();
        file.append_key_value_metadata(KeyValue::new(search::INDEX_KEY.to_owned(), place));
    }
    file.append_key_value_metadata(about.metadata()?);
    file.into_inner().map(Bytes::from).map_err(|error| StoreError::segment("finish", &about.table, error))
}

/// Columns whose values hardly repeat: a dictionary would be built and thrown away.
const UNIQUE: &[&str] = &[
    "id",
    "attributes",
    "events",
    "body",
    "text",
    "tool_call_id",
    "response_id",
    "input_preview",
    "output_preview",
    "duration_ms",
    "ttft_ms",
];

/// Ids as good as random: neither a dictionary nor a longer search for what repeats makes them smaller. Their lengths, which are all the
/// same, are written apart from them.
const RANDOM: &[&str] = &["span_id", "parent_span_id", "root_span_id", "hash"];

/// The same in `runs`, where each is there once.
const UNIQUE_RUNS: &[&str] = &["trace_id"];

/// Columns of so few values that a page of them is a few bytes: compressed they are no smaller, and to make what undoes the
/// compression costs a reader of one run more than everything else about such a column.
const PLAIN: &[&str] = &[
    "project",
    "environment",
    "dialect",
    "dialect_version",
    "kind",
    "status",
    "usage_role",
    "cost_source",
    "provider_sdk",
    "remote_parent",
    "flags",
    "span_kind",
    "status_code",
    "provisional",
];

/// Columns nobody looks through for a range of values: texts, and ids that are as good as random. Those that are mostly empty are not
/// among them: their bounds also say where nothing is set, and then nobody opens them.
const UNBOUNDED: &[&str] = &[
    "attributes",
    "resource",
    "scope",
    "body",
    "text",
    "agents",
    "labels",
    "span_id",
    "parent_span_id",
    "hash",
    "tool_call_id",
    "preview",
];

/// Columns of which bounds are kept for each page, not only for each row group: those that rows are sorted by, and those in which
/// what is looked for is rare. In the others every page has nearly every value, and bounds only make a file slow to open.
const PAGE_BOUNDS: &[&str] = &[
    "trace_id",
    "started_at",
    "time",
    "version",
    "metric",
    "status",
    "error_type",
    "errors",
    "told",
    "duration_ms",
    "total_tokens",
    "cost_usd",
];

fn properties(table: Table, level: u8, alike: bool) -> WriterProperties {
    let zstd = |level| Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default());
    let mut builder = WriterProperties::builder()
        .set_created_by("tawny".to_owned())
        .set_compression(zstd(if level == 0 { LEVEL_FLUSHED } else { LEVEL_COMPACTED }))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    let column = |name: &str| ColumnPath::from(name.to_owned());
    let unique_runs = if table == Table::Runs { UNIQUE_RUNS } else { &[] };
    for name in UNIQUE.iter().chain(unique_runs) {
        builder = builder.set_column_dictionary_enabled(column(name), false);
    }
    for name in RANDOM {
        builder = builder
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_compression(column(name), zstd(LEVEL_FLUSHED));
    }
    if alike {
        builder = builder
            .set_column_dictionary_enabled(column(ATTRIBUTES), true)
            .set_column_dictionary_page_size_limit(column(ATTRIBUTES), ALIKE_BYTES_MAX);
    }
    for name in UNBOUNDED {
        builder = builder.set_column_statistics_enabled(column(name), EnabledStatistics::None);
    }
    for name in PLAIN {
        builder = builder.set_column_compression(column(name), Compression::UNCOMPRESSED);
    }
    for name in PAGE_BOUNDS {
        builder = builder.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    let times: &[&str] = match table {
        Table::Logs => &["time", "sent_time", "observed_at"],
        Table::Samples => &["time"],
        _ => &["started_at", "ended_at"],
    };
    for name in times {
        builder = builder
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}
