//! Columns that lists look through: a column of a row group at a time, decoded once and kept while there is room.
//!
//! A list reads few columns of every run there is. Texts in them repeat (names, agents, statuses), and a file keeps them as
//! a dictionary: they stay one in memory, so what is looked for in them is looked for in each different text once.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;

use crate::error::StoreError;
use crate::schema::Table;
use crate::segment::read::{Footer, Reader};
use crate::snapshot::{SegmentMeta, Snapshot};

/// Bytes of columns that are kept: those of some half a million runs that people filter and sort by take a third of it.
pub(crate) const NARROW_BYTES_MAX: usize = 64 << 20;
/// A column of a row group that takes more is not kept: it would push out many others.
const ONE_BYTES_MAX: usize = 1 << 20;
/// What the entry of a column takes at least, so that many small ones are bounded too.
const ONE_BYTES_MIN: usize = 4 << 10;

/// Segment, row group, column of the table's schema.
pub(crate) type ColumnKey = (u64, u32, u32);

/// Columns of texts that hardly repeat: a dictionary of them would be larger than they are.
const UNLIKE: &[&str] = &["trace_id", "root_span_id", "input_preview", "output_preview"];

/// The type in which a column is looked through: texts, also in lists, as dictionaries where they repeat.
fn narrow(field: &Field) -> DataType {
    let coded = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    match field.data_type() {
        DataType::Utf8 if !UNLIKE.contains(&field.name().as_str()) => coded(),
        DataType::List(item) if *item.data_type() == DataType::Utf8 => {
            DataType::List(Arc::new(item.as_ref().clone().with_data_type(coded())))
        }
        other => other.clone(),
    }
}

impl Snapshot {
    /// The schema of what [`Self::columns`] gives: the columns of runs that `names` names, in that order, each of which may be null.
    ///
    /// # Errors
    /// When runs have no column of a name.
    pub fn columns_schema(names: &[impl AsRef<str>]) -> Result<SchemaRef, StoreError> {
        let schema = Table::Runs.schema();
        let field = |name: &str| -> Result<Field, StoreError> {
            let field = schema.field_with_name(name);
            let field = field.map_err(|error| StoreError::segment("read", &Table::Runs, error))?;
            Ok(Field::new(name, narrow(field), true))
        };
        let fields = names.iter().map(|name| field(name.as_ref())).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Arc::new(Schema::new(fields)))
    }

    /// The numbers of the rows of each row group of a segment.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub async fn row_groups(&self, segment: &SegmentMeta) -> Result<Vec<Range<u32>>, StoreError> {
        let footer = self.reader.footer(segment).await?;
        let mut next = 0;
        let rows = |group: &parquet::file::metadata::RowGroupMetaData| {
            let first = next;
            next += group.num_rows() as u32;
            first..next
        };
        Ok(footer.row_groups().iter().map(rows).collect())
    }

    /// Some columns of a row group of a segment of runs, rows that no longer count included, with the schema that
    /// [`Self::columns_schema`] gives.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub async fn columns(
        &self,
        segment: &SegmentMeta,
        group: usize,
        names: &[impl AsRef<str>],
    ) -> Result<RecordBatch, StoreError> {
        self.reader.narrow(segment, group, Self::columns_schema(names)?).await
    }

    /// Rows of a segment by number (sorted, no repeats), with the columns named; all of them where `columns` is `None`. A column
    /// in which nothing is set may be left out.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub async fn rows(
        &self,
        segment: &SegmentMeta,
        rows: &[u32],
        columns: Option<&[&str]>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        self.reader.rows_set(segment, rows, columns).await
    }
}

impl Reader {
    async fn narrow(&self, meta: &SegmentMeta, group: usize, schema: SchemaRef) -> Result<RecordBatch, StoreError> {
        let failed = |error: arrow::error::ArrowError| StoreError::segment("read", &meta.path, error);
        if meta.table != Table::Runs {
            return Err(StoreError::segment("read", &meta.path, "only columns of runs are kept"));
        }
        let footer = self.decoded(meta).await?;
        let none = || StoreError::segment("read", &meta.path, format!("no row group {group}"));
        let rows = footer.metadata.row_groups().get(group).ok_or_else(none)?.num_rows() as usize;
        let of_table = meta.table.schema();
        let key = |field: &Field| {
            let at = of_table.index_of(field.name()).map_err(failed)?;
            Ok::<ColumnKey, StoreError>((meta.id, group as u32, at as u32))
        };
        let mut found: Vec<Option<ArrayRef>> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let is_there = footer.columns.schema().field_with_name(field.name()).is_ok();
            let column = if !is_there || footer.unset.contains(field.name()) {
                // An older file has no such column, or nothing is set in it.
                Some(new_null_array(field.data_type(), rows))
            } else {
                self.narrow.lock().unwrap_or_else(PoisonError::into_inner).get(key(field)?)
            };
            found.push(column);
        }
        let fields = schema.fields().iter().zip(&found);
        let missing: Vec<&str> =
            fields.filter(|(_, found)| found.is_none()).map(|(field, _)| field.name().as_str()).collect();
        if !missing.is_empty() {
            let read = self.group(meta, &footer, group, rows, &missing).await?;
            for (field, found) in schema.fields().iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                let column = read.column_by_name(field.name());
                let lacks = || StoreError::segment("read", &meta.path, format!("no column {}", field.name()));
                let column = column.ok_or_else(lacks)?;
                let column = if column.data_type() == field.data_type() {
                    Arc::clone(column)
                } else {
                    cast(column, field.data_type()).map_err(failed)?
                };
                let size = column.get_array_memory_size().max(ONE_BYTES_MIN);
                if size <= ONE_BYTES_MAX {
                    let mut kept = self.narrow.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.put(key(field)?, Arc::clone(&column), size);
                }
                *found = Some(column);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, found.into_iter().flatten().collect(), &options).map_err(failed)
    }

    /// Columns of a row group as one batch.
    async fn group(
        &self,
        meta: &SegmentMeta,
        footer: &Footer,
        group: usize,
        rows: usize,
        names: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let failed = |error: parquet::errors::ParquetError| StoreError::segment("read", &meta.path, error);
        let fields = footer.columns.schema().fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_data_type(narrow(field)));
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
        // Where texts cannot be had as they stand in the file, they are made dictionaries afterwards.
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(&footer.metadata), options);
        let metadata = metadata.unwrap_or_else(|_| footer.columns.clone());
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.file(meta, footer), metadata);
        let roots = builder.parquet_schema().root_schema().get_fields().iter().enumerate();
        let roots: Vec<usize> = roots.filter(|(_, root)| names.contains(&root.name())).map(|(at, _)| at).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        // The dictionary of a row group is that of each batch: one batch needs it once.
        let builder = builder.with_projection(mask).with_row_groups(vec![group]).with_batch_size(rows.max(1));
        let batches: Vec<RecordBatch> = builder.build().map_err(failed)?.try_collect().await.map_err(failed)?;
        match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => Ok(batch),
            Err(batches) => {
                let none = || StoreError::segment("read", &meta.path, format!("no rows in row group {group}"));
                let schema = batches.first().ok_or_else(none)?.schema();
                concat_batches(&schema, &batches).map_err(|error| StoreError::segment("read", &meta.path, error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;
    use model::{KindCounts, Run, RunStatus, Tenant, Timestamp, TraceId, Usage};
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::rows::runs::{from_batch, to_batch};
    use crate::segment::write::{SegmentWriter, Target};

    fn run(number: u8) -> Run {
        Run {
            tenant: Tenant { project: "p".into(), environment: "default".into() },
            trace_id: TraceId::from_array([number + 1; 16]),
            version: 1,
            name: format!("name {}", number % 3).into(),
            root_span_id: None,
            agent: None,
            agents: Vec::new(),
            service: None,
            workflow: None,
            session_id: number.is_multiple_of(2).then(|| "s".into()),
            user_id: None,
            agent_version: None,
            query_type: None,
            status: RunStatus::Ok,
            error_type: None,
            error_message: None,
            outcome: None,
            start: Timestamp::from_nanos(i64::from(number)),
            end: Timestamp::from_nanos(i64::from(number) + 1),
            last_received: Timestamp::from_nanos(i64::from(number)),
            duration_ms: 0.5,
            kinds: KindCounts::default(),
            llm_calls: 0,
            tool_calls: 0,
            retrievals: 0,
            rounds: 0,
            errors: u32::from(number),
            retries: 0,
            usage: Usage::default(),
            cost: None,
            models: Vec::new(),
            tools: (0..number % 3).map(|tool| format!("tool {tool}").into()).collect(),
            tags: Vec::new(),
            input_preview: None,
            output_preview: None,
            provisional: false,
        }
    }

    async fn written(runs: &[Run]) -> (Reader, SegmentMeta) {
        let target = Target {
            table: Table::Runs,
            project: "p".into(),
            environment: None,
            day: "1970-01-01".into(),
            level: 0,
            arrived: Timestamp::from_nanos(0),
            content: true,
            scores: false,
            bytes: 0,
        };
        let mut writer = SegmentWriter::new(target).unwrap();
        writer.push(&to_batch(runs)).unwrap();
        let (bytes, meta) = writer.finish(1, 1, &[]).unwrap();
        let store = InMemory::new();
        store.put(&meta.path, bytes.into()).await.unwrap();
        (Reader::new(Arc::new(store)), meta)
    }

    #[tokio::test]
    async fn columns_say_what_the_rows_say_and_repeated_texts_are_there_once() {
        let runs: Vec<Run> = (0..100).map(run).collect();
        let (reader, meta) = written(&runs).await;
        let names = ["tools", "name", "trace_id", "errors", "session_id", "agent", "tags"];
        // Read, then out of memory.
        for _ in 0..2 {
            let batch = reader.narrow(&meta, 0, Snapshot::columns_schema(&names).unwrap()).await.unwrap();
            let coded = batch.column_by_name("name").unwrap().as_dictionary::<Int32Type>();
            assert_eq!(coded.values().len(), 3);
            for name in names {
                let column = batch.column_by_name(name).unwrap();
                let whole = to_batch(&runs);
                let whole = whole.column_by_name(name).unwrap();
                assert_eq!(&cast(column, whole.data_type()).unwrap(), whole, "{name}");
            }
        }
        let read = reader.rows_set(&meta, &[7, 8, 90], None).await.unwrap();
        let read: Vec<Run> = read.iter().flat_map(|batch| from_batch(batch).unwrap()).collect();
        assert_eq!(read, [run(7), run(8), run(90)]);
        assert!(reader.narrow(&meta, 1, Snapshot::columns_schema(&names).unwrap()).await.is_err());
        assert!(Snapshot::columns_schema(&["no such column"]).is_err());
    }
}
