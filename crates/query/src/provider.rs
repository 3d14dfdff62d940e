//! A table as DataFusion sees it: one project's rows of a snapshot, hot and sealed.
//!
//! The project is part of the table, not of the query: hot rows of other projects are filtered out before any plan sees
//! them, segments of other projects are not listed, and every file scan carries the project as a predicate besides, which
//! a file is asked once and not row by row: all its rows are of one project.
//! Planning does no I/O: segments are skipped by what is in memory about them ([`crate::prune`]).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::{CachedParquetFileReaderFactory, ParquetRowSelection};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use store::{SegmentView, Snapshot, Table};

use crate::engine::segments_url;
use crate::prune::Wanted;
use crate::stored::StoredSpans;

/// One project's rows of one table.
#[derive(Clone)]
pub(crate) struct ProjectTable {
    snapshot: Snapshot,
    table: Table,
    project: Arc<str>,
    /// Rows of segments that may be wanted; a segment that is not named may have them anywhere.
    blocks: Arc<HashMap<u64, Vec<Range<u32>>>>,
    part: Part,
}

/// Which of the rows.
#[derive(Clone)]
enum Part {
    All,
    /// Those of one segment.
    Segment(u64),
    /// All but those of some segments.
    But(Arc<HashSet<u64>>),
}

impl Part {
    fn has_hot(&self) -> bool {
        !matches!(self, Self::Segment(_))
    }

    fn has(&self, segment: u64) -> bool {
        match self {
            Self::All => true,
            Self::Segment(only) => segment == *only,
            Self::But(others) => !others.contains(&segment),
        }
    }
}

impl ProjectTable {
    /// The rows of `table` that belong to `project`.
    pub fn new(snapshot: &Snapshot, table: Table, project: &str) -> Self {
        Self { snapshot: snapshot.clone(), table, project: project.into(), blocks: Arc::default(), part: Part::All }
    }

    /// The same, only the rows of one segment.
    pub fn of_segment(self, segment: u64) -> Self {
        Self { part: Part::Segment(segment), ..self }
    }

    /// The same without the rows of some segments.
    pub fn without(self, segments: HashSet<u64>) -> Self {
        Self { part: Part::But(Arc::new(segments)), ..self }
    }

    /// The same, only those rows of segments read: what an index said may hold what is looked for.
    pub fn within(self, blocks: HashMap<u64, Vec<Range<u32>>>) -> Self {
        Self { blocks: Arc::new(blocks), ..self }
    }

    /// Hot rows of the project, with the columns asked for.
    fn hot(&self, projection: Option<&Vec<usize>>) -> Result<Vec<RecordBatch>> {
        if !self.part.has_hot() {
            return Ok(Vec::new());
        }
        let batches = &self.snapshot.table(self.table).hot;
        let own = batches.iter().map(|batch| own_rows(batch, &self.project, projection)).collect::<Result<Vec<_>>>()?;
        Ok(own.into_iter().filter(|batch| batch.num_rows() > 0).collect())
    }

    /// Segments that may hold rows the filters want, newest first: the top of a list by time then closes the rest.
    pub fn segments(&self, filters: &[Expr]) -> Vec<&SegmentView> {
        let wanted = Wanted::of(self.table, filters);
        let mut segments: Vec<&SegmentView> = self
            .snapshot
            .table(self.table)
            .segments
            .iter()
            .filter(|segment| segment.meta.project == self.project && self.part.has(segment.meta.id))
            .filter(|segment| (segment.deleted.len() as u64) < segment.meta.rows)
            .filter(|segment| wanted.may_match(&segment.meta))
            .filter(|segment| self.blocks.get(&segment.meta.id).is_none_or(|blocks| !blocks.is_empty()))
            .collect();
        segments.sort_by_key(|segment| std::cmp::Reverse((segment.meta.max_time, segment.meta.id)));
        segments
    }

    fn file(&self, segment: &SegmentView) -> Result<PartitionedFile> {
        let schema = self.schema();
        let mut statistics = Statistics::new_unknown(&schema);
        let time = &mut statistics.column_statistics[schema.index_of(self.table.time_column())?];
        let bound = |time: model::Timestamp| {
            Precision::Exact(ScalarValue::TimestampNanosecond(Some(time.as_nanos()), Some("UTC".into())))
        };
        // Bounds for skipping files while a query runs. They stay with the file: were they the scan's statistics,
        // DataFusion would answer min() from them, and they count rows that were replaced.
        time.min_value = bound(segment.meta.min_time);
        time.max_value = bound(segment.meta.max_time);
        // Columns of which every row has the same value: DataFusion puts the value in their place and reads them not at all.
        let environment = segment.meta.environment.as_deref().map(|environment| ("environment", environment));
        for (name, value) in [("project", &*segment.meta.project)].into_iter().chain(environment) {
            let column = &mut statistics.column_statistics[schema.index_of(name)?];
            let value = Precision::Exact(ScalarValue::Utf8(Some(value.to_owned())));
            (column.min_value, column.max_value) = (value.clone(), value);
            column.null_count = Precision::Exact(0);
        }
        let file = PartitionedFile::new(segment.meta.path.to_string(), segment.meta.bytes)
            .with_statistics(Arc::new(statistics));
        let blocks = self.blocks.get(&segment.meta.id);
        if segment.deleted.is_empty() && blocks.is_none() {
            return Ok(file);
        }
        let mut rows = living(&segment.deleted, segment.meta.rows);
        if let Some(blocks) = blocks {
            let blocks = blocks.iter().map(|block| block.start as usize..block.end as usize);
            let within = RowSelection::from_consecutive_ranges(blocks, segment.meta.rows as usize);
            rows = rows.intersection(&within);
        }
        Ok(file.with_extension(ParquetRowSelection::new(rows)))
    }

    fn scan_segments(
        &self,
        state: &dyn Session,
        segments: &[&SegmentView],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let groups = state.config().target_partitions().min(segments.len()).max(1);
        let mut files: Vec<Vec<PartitionedFile>> = vec![Vec::new(); groups];
        for (at, segment) in segments.iter().enumerate() {
            files[at % groups].push(self.file(segment)?);
        }
        let readers = CachedParquetFileReaderFactory::new(
            Arc::clone(&self.snapshot.object_store),
            state.runtime_env().cache_manager.get_file_metadata_cache(),
        );
        let options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        let source = ParquetSource::new(self.schema())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers))
            .with_predicate(self.project_predicate()?);
        let spans = self.table == Table::Spans;
        let config = FileScanConfigBuilder::new(segments_url(), Arc::new(source))
            .with_expr_adapter(spans.then(|| Arc::new(StoredSpans) as Arc<dyn PhysicalExprAdapterFactory>))
            .with_file_groups(files.into_iter().map(FileGroup::new).collect())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn project_predicate(&self) -> Result<Arc<dyn PhysicalExpr>> {
        let column = Column::new_with_schema("project", &self.schema())?;
        let value = Literal::new(ScalarValue::Utf8(Some(self.project.to_string())));
        Ok(Arc::new(BinaryExpr::new(Arc::new(column), Operator::Eq, Arc::new(value))))
    }
}

impl fmt::Debug for ProjectTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of project {}", self.table, self.project)
    }
}

#[async_trait]
impl TableProvider for ProjectTable {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Inexact: `scan` only skips segments by them. DataFusion keeps the filter and then moves it into the Parquet
        // reader, and above the hot rows, by itself.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        let schema = match projection {
            Some(columns) => Arc::new(self.schema().project(columns)?),
            None => self.schema(),
        };
        let hot = self.hot(projection)?;
        if !hot.is_empty() {
            let source = MemorySourceConfig::try_new(&[hot], Arc::clone(&schema), None)?.with_limit(limit);
            parts.push(DataSourceExec::from_data_source(source));
        }
        let segments = self.segments(filters);
        tracing::debug!(
            table = %self.table,
            segments = segments.len(),
            of = self.snapshot.table(self.table).segments.len(),
            "segments after pruning"
        );
        if !segments.is_empty() {
            parts.push(self.scan_segments(state, &segments, projection, limit)?);
        }
        match parts.len() {
            0 => Ok(Arc::new(EmptyExec::new(schema))),
            1 => Ok(parts.remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }
}

/// The rows of `batch` that belong to `project`, with the columns asked for.
fn own_rows(batch: &RecordBatch, project: &str, projection: Option<&Vec<usize>>) -> Result<RecordBatch> {
    let projects = batch
        .column_by_name("project")
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| datafusion::common::internal_datafusion_err!("hot rows without a project"))?;
    let own = BooleanArray::from_unary(projects, |value| value == project);
    let asked = match projection {
        Some(columns) => batch.project(columns)?,
        None => batch.clone(),
    };
    if own.true_count() == batch.num_rows() {
        return Ok(asked);
    }
    Ok(filter_record_batch(&asked, &own)?)
}

/// Selects all of `rows` rows but the `deleted` ones, which are sorted and unique.
fn living(deleted: &[u32], rows: u64) -> RowSelection {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut next = 0u64;
    for row in deleted.iter().map(|row| u64::from(*row)).take_while(|row| *row < rows) {
        if row > next {
            selectors.push(RowSelector::select((row - next) as usize));
        }
        match selectors.last_mut() {
            Some(last) if last.skip => last.row_count += 1,
            _ => selectors.push(RowSelector::skip(1)),
        }
        next = row + 1;
    }
    if rows > next {
        selectors.push(RowSelector::select((rows - next) as usize));
    }
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_but_the_deleted_ones_is_selected() {
        for (deleted, rows) in [(vec![0u32, 1, 4, 9], 10u64), (vec![3], 5), (vec![4], 5), (vec![0], 2), (vec![7], 3)] {
            let selectors: Vec<RowSelector> = living(&deleted, rows).into();
            let mut at = 0;
            let mut selected = Vec::new();
            for selector in selectors {
                if !selector.skip {
                    selected.extend(at..at + selector.row_count as u64);
                }
                at += selector.row_count as u64;
            }
            let expected: Vec<u64> = (0..rows).filter(|row| !deleted.contains(&(*row as u32))).collect();
            assert_eq!((selected, at), (expected, rows));
        }
    }
}
