//! Putting files one behind the other without decoding them: their row groups are copied as they are.
//!
//! A flush under load makes files of whole row groups whose times hardly overlap. To sort such files into each other would
//! cost as much as writing them did and gain little: a run of the output is then found in one row group of each file it
//! came from. So the output is several sorted runs of rows, and says where they begin (`runs` in its metadata).

use arrow::array::AsArray;
use bytes::Bytes;
use futures::StreamExt;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::writer::SerializedFileWriter;

use super::{Candidate, Merged, target};
use crate::error::StoreError;
use crate::schema::Table;
use crate::search;
use crate::segment::read::Reader;
use crate::segment::write::{Facts, begin, close};
use crate::snapshot::SegmentMeta;

/// Bytes of a row group from which on it is not worth decoding to make a larger one. Smaller ones cost readers more in
/// footers than copying saves.
const ROW_GROUP_BYTES_MIN: u64 = 512 * 1024;

/// The inputs as one file; `None` where they have to be merged row by row: some are small, have rows that no longer count,
/// or were written with other columns.
pub(super) async fn join(
    reader: &Reader,
    job: &[Candidate],
    id: u64,
    log_flushed: u64,
) -> Result<Option<Merged>, StoreError> {
    if job.len() < 2 || job.iter().any(|candidate| !candidate.deleted.is_empty()) {
        return Ok(None);
    }
    let target = target(job, false);
    let failed = |error: ParquetError| StoreError::segment("join", &target.table, error);
    let (mut writer, _) = begin(&target, false)?.into_serialized_writer().map_err(failed)?;
    let mut footers = Vec::with_capacity(job.len());
    for candidate in job {
        let footer = reader.footer(&candidate.meta).await?;
        let whole = candidate.meta.bytes >= ROW_GROUP_BYTES_MIN * footer.num_row_groups() as u64;
        if !whole || footer.file_metadata().schema_descr().root_schema() != writer.schema_descr().root_schema() {
            return Ok(None);
        }
        footers.push(footer);
    }
    let mut facts = Facts { runs: Vec::new(), ..Facts::default() };
    let mut origins = Vec::new();
    let mut texts = Vec::with_capacity(job.len());
    let mut groups = 0;
    for (number, (candidate, footer)) in job.iter().zip(&footers).enumerate() {
        let meta = &candidate.meta;
        let runs = reader.sorted_runs(meta).await?;
        facts.runs.extend(runs.into_iter().map(|run| groups + run.groups.start));
        groups += footer.num_row_groups();
        note(reader, meta, &mut facts).await?;
        let times = (meta.min_time.as_nanos(), meta.max_time.as_nanos());
        texts.push((meta.rows as u32, times, reader.index(meta).await?));
        origins.extend((0..meta.rows as u32).map(|row| (number as u32, row)));
        let bytes = reader.bytes(meta, 0..meta.bytes).await?;
        copy(&mut writer, footer, &bytes).map_err(|error| StoreError::segment("join", &meta.path, error))?;
    }
    let replaces: Vec<u64> = job.iter().map(|candidate| candidate.meta.id).collect();
    let about = facts.about(&target, id, log_flushed, &replaces);
    let index = (!search::columns(target.table).is_empty()).then(|| search::joined(&texts));
    let bytes = close(writer, index, &about)?;
    let meta = facts.entry(&about, &target, &bytes)?;
    Ok(Some(Merged { output: Some((bytes, meta)), origins }))
}

/// Takes over what is known of an input's rows. Its traces are read: filters of different sizes cannot be added up.
async fn note(reader: &Reader, meta: &SegmentMeta, facts: &mut Facts) -> Result<(), StoreError> {
    facts.rows += meta.rows;
    facts.times = (facts.times.0.min(meta.min_time.as_nanos()), facts.times.1.max(meta.max_time.as_nanos()));
    facts.versions = (facts.versions.0.min(meta.min_version), facts.versions.1.max(meta.max_version));
    facts.provisional += meta.provisional;
    facts.heard = facts.heard.max(meta.arrived.as_nanos());
    if meta.table == Table::Samples {
        return Ok(());
    }
    let mut traces = reader.all(meta, Some(&["trace_id"])).await?;
    while let Some(batch) = traces.next().await {
        let batch = batch.map_err(|error| StoreError::segment("read", &meta.path, error))?;
        facts.note_traces(batch.column(0).as_string::<i32>());
    }
    Ok(())
}

/// Copies all row groups of a file, column by column, with their page indexes.
fn copy(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    footer: &ParquetMetaData,
    file: &Bytes,
) -> Result<(), ParquetError> {
    for (at, group) in footer.row_groups().iter().enumerate() {
        let mut copied = writer.next_row_group()?;
        for (column, chunk) in group.columns().iter().enumerate() {
            let column_index = footer.column_index().and_then(|index| index.get(at)?.get(column)).cloned();
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
                rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
                metadata: chunk.clone(),
                bloom_filter: None,
                column_index: column_index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE)),
                offset_index: footer.offset_index().and_then(|index| index.get(at)?.get(column)).cloned(),
            };
            copied.append_column(file, close)?;
        }
        copied.close()?;
    }
    Ok(())
}
