//! The runs of a project by few of their columns, without a query plan: rows in memory, and segments row group by row group.
//!
//! Columns of segments stay decoded ([`Snapshot::columns`]), so to look through half a million runs costs a few comparisons
//! each. Conditions are the ones plans have ([`crate::exprs`]), worked out by the same engine.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DataFusionError, exec_datafusion_err};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use store::{SegmentView, Snapshot, Table};

use crate::provider::ProjectTable;
use crate::{Engine, QueryError, sql};

/// The columns that are looked through.
#[derive(Clone)]
pub(crate) struct Names(Arc<[String]>);

impl Names {
    /// Those that expressions name, and some more.
    pub fn of<'a, 'b>(exprs: impl IntoIterator<Item = &'a Expr>, more: impl IntoIterator<Item = &'b str>) -> Self {
        let mut names: BTreeSet<String> = more.into_iter().map(str::to_owned).collect();
        for expr in exprs {
            names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
        }
        Self(names.into_iter().collect())
    }

    /// Where they are in rows in memory, and the schema of these columns.
    pub fn hot(&self) -> Result<(Vec<usize>, SchemaRef), QueryError> {
        let fault = |error: datafusion::arrow::error::ArrowError| QueryError::Internal(error.to_string());
        let schema = Table::Runs.schema();
        let columns = self.0.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<usize>, _>>();
        let columns = columns.map_err(fault)?;
        let schema = schema.project(&columns).map_err(fault)?;
        Ok((columns, Arc::new(schema)))
    }

    /// The schema of the same columns of segments.
    pub fn sealed(&self) -> Result<SchemaRef, QueryError> {
        Ok(Snapshot::columns_schema(&self.0[..])?)
    }
}

impl Engine {
    /// Expressions over columns of a schema, ready to be worked out.
    pub(crate) fn expressions<const N: usize>(
        &self,
        exprs: [&Expr; N],
        schema: &SchemaRef,
    ) -> Result<[Arc<dyn PhysicalExpr>; N], QueryError> {
        let schema = DFSchema::try_from(Arc::clone(schema)).map_err(sql::errors::convert)?;
        let ready = exprs.into_iter().map(|expr| self.expression(expr.clone(), &schema));
        let ready = ready.collect::<Result<Vec<_>, _>>().map_err(sql::errors::convert)?;
        <[_; N]>::try_from(ready).map_err(|_| QueryError::Internal("an expression is missing".into()))
    }
}

/// Segments that may hold runs of `project` that pass, newest first.
pub(crate) fn segments(snapshot: &Snapshot, project: &str, filter: &Expr) -> Vec<SegmentView> {
    let table = ProjectTable::new(snapshot, Table::Runs, project);
    table.segments(std::slice::from_ref(filter)).into_iter().cloned().collect()
}

/// Looks through the columns of a segment: `see` gets them row group by row group, with the rows that count (all of them
/// where nothing is said) and the number of the first.
pub(crate) async fn through(
    snapshot: &Snapshot,
    segment: &SegmentView,
    names: &Names,
    mut see: impl FnMut(&RecordBatch, Option<BooleanBuffer>, u32) -> Result<(), DataFusionError>,
) -> Result<(), QueryError> {
    for (group, rows) in snapshot.row_groups(&segment.meta).await?.into_iter().enumerate() {
        let columns = snapshot.columns(&segment.meta, group, &names.0[..]).await?;
        see(&columns, living(&segment.deleted, &rows), rows.start).map_err(sql::errors::convert)?;
        // What is in memory is looked through without waiting for anything: others have their turn as well.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Which of the rows with these numbers count; `None` where all do. The `deleted` ones are sorted.
fn living(deleted: &[u32], rows: &Range<u32>) -> Option<BooleanBuffer> {
    let from = deleted.partition_point(|row| *row < rows.start);
    let until = deleted.partition_point(|row| *row < rows.end);
    let gone = &deleted[from..until];
    (!gone.is_empty()).then(|| {
        let mut living = vec![true; rows.len()];
        gone.iter().for_each(|row| living[(row - rows.start) as usize] = false);
        BooleanBuffer::from(living)
    })
}

/// Which rows in memory belong to `project`.
pub(crate) fn own(batch: &RecordBatch, project: &str) -> Result<BooleanBuffer, DataFusionError> {
    let projects = batch.column_by_name("project").and_then(|column| column.as_string_opt::<i32>());
    let projects = projects.ok_or_else(|| exec_datafusion_err!("hot rows without a project"))?;
    Ok(BooleanBuffer::collect_bool(projects.len(), |row| projects.value(row) == project))
}

/// Which rows pass a condition, of those that count.
pub(crate) fn passing(
    condition: &Arc<dyn PhysicalExpr>,
    columns: &RecordBatch,
    living: Option<BooleanBuffer>,
) -> Result<BooleanBuffer, DataFusionError> {
    let rows = columns.num_rows();
    let passes = condition.evaluate(columns)?.into_array(rows)?;
    let passes = passes.as_boolean_opt().ok_or_else(|| exec_datafusion_err!("a filter that is no condition"))?;
    let passes = bits(passes);
    Ok(living.map_or_else(|| passes.clone(), |living| &passes & &living))
}

/// The rows for which a condition is true.
pub(crate) fn bits(condition: &BooleanArray) -> BooleanBuffer {
    match condition.nulls() {
        Some(nulls) => condition.values() & nulls.inner(),
        None => condition.values().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_were_replaced_count_in_no_row_group() {
        let counts = |rows: Range<u32>| -> Vec<u32> {
            let living = living(&[0, 3, 4, 9, 10], &rows);
            let counts = |row: &u32| living.as_ref().is_none_or(|living| living.value((row - rows.start) as usize));
            rows.clone().filter(counts).collect()
        };
        assert_eq!(counts(0..5), [1, 2]);
        assert_eq!(counts(5..9), [5, 6, 7, 8]);
        assert_eq!(counts(9..12), [11]);
        assert!(living(&[0, 9], &(1..9)).is_none());
    }
}
