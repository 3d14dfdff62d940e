//! The list of runs: filters, sorting, pages. Facets are counted in `facets.rs`.
//!
//! A page is found in two steps. The first reads only what filters and order name, of every run that may pass, and finds where
//! the page ends; the second reads the runs before that end whole: a run has sixty columns, and a page needs them of fifty runs.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{SortOptions, concat, filter as keep, sort_to_indices, take};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, coalesce, col, lit};
use futures::TryStreamExt;
use model::{Run, Timestamp, Usd};
use store::{Snapshot, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, conditions};
use crate::{Engine, MAX_PAGE, Page, QueryError, RunFilter, RunsPage, Sort, SortKey, sql, text};

impl Engine {
    /// A page of the runs of `project` that `filter` lets through.
    ///
    /// Paging by `next` gives each run once as long as its sort value stays the same, also while runs arrive.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for a limit out of range or a cursor of another list, [`QueryError::Limit`] for `list_time` and `query_bytes`.
    pub async fn runs(&self, project: &str, filter: &RunFilter, page: &Page) -> Result<RunsPage, QueryError> {
        check_limit(page.limit)?;
        let list = format!("runs {}", page.sort);
        let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, &list)).transpose()?;
        let after = cursor.map(|cursor| after(page.sort, &cursor)).transpose()?;
        self.bounded("list_time", self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let mut conditions = conditions(filter)?;
            let mut partial = false;
            if let Some(text) = text::wanted(&filter.text).filter(|_| filter.content) {
                let needle = text::needle(text)?;
                let (traces, more) = self.traces_saying(&snapshot, project, &needle, filter).await?;
                let traces = traces.into_iter().map(|trace| lit(trace.to_string())).collect();
                // What the text is looked for in comes last.
                let in_columns = conditions.pop().map_or_else(|| lit(true), |(_, condition)| condition);
                conditions.push((None, in_columns.or(col("trace_id").in_list(traces, false))));
                partial = more;
            }
            let everything = all(conditions.iter().map(|(_, condition)| condition.clone()));
            // Where facets are counted, the total is counted with them.
            let counted = page.total && page.facets.is_empty();
            let end = self.end_of_page(&snapshot, project, everything.clone(), after.clone(), page, counted);
            let counts = self.counts(&snapshot, project, &conditions, &page.facets, page.total && !counted);
            let (end, (total, facets)) = futures::try_join!(end, counts)?;
            let total = if counted { end.rows } else { total };
            let within = [Some(everything), after, end.bound(page.sort)].into_iter().flatten();
            let mut runs = self.page_rows(&snapshot, project, all(within), page).await?;
            let more = runs.len() > page.limit;
            runs.truncate(page.limit);
            let next = runs
                .last()
                .filter(|_| more)
                .map(|run| Cursor { list, key: key_of(page.sort.key, run), id: run.trace_id.to_string() }.encode());
            Ok(RunsPage { runs, next, facets, total, partial })
        })
        .await
    }

    /// Where the page ends, and how many runs pass `filter` where they are `counted`.
    async fn end_of_page(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: Expr,
        after: Option<Expr>,
        page: &Page,
        counted: bool,
    ) -> Result<End, QueryError> {
        let wanted = page.limit + 1;
        let by = || sort_value(page.sort.key).alias(BY);
        let rows = self.table(snapshot, Table::Runs, project)?;
        let frame = if counted {
            // Runs of earlier pages count as well.
            let after = after.map(|after| after.alias(AFTER));
            rows.filter(filter).and_then(|frame| frame.select([by()].into_iter().chain(after)))
        } else {
            rows.filter(all([filter].into_iter().chain(after)))
                .and_then(|frame| frame.select([by()]))
                .and_then(|frame| frame.sort(vec![col(BY).sort(!page.sort.descending, false)]))
                .and_then(|frame| frame.limit(0, Some(wanted)))
        };
        let frame = frame.map_err(sql::errors::convert)?;
        let mut stream = frame.execute_stream().await.map_err(sql::errors::convert)?;
        let mut end = End { rows: 0, last: None };
        let mut first: Option<ArrayRef> = None;
        while let Some(batch) = stream.try_next().await.map_err(sql::errors::convert)? {
            end.rows += batch.num_rows() as u64;
            let found = first_of(&batch, first.as_ref(), page.sort.descending, wanted);
            first = Some(found.map_err(|error| QueryError::Internal(error.to_string()))?);
        }
        // A page that is not full has no end, and neither has one that ends among values that are unknown.
        if let Some(first) = first.filter(|first| first.len() == wanted && first.is_valid(wanted - 1)) {
            end.last = Some(ScalarValue::try_from_array(&first, wanted - 1).map_err(sql::errors::convert)?);
        }
        Ok(end)
    }

    async fn page_rows(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: Expr,
        page: &Page,
    ) -> Result<Vec<Run>, QueryError> {
        let table = self.table(snapshot, Table::Runs, project)?;
        let frame = table
            .filter(filter)
            .and_then(|frame| {
                frame.sort(vec![
                    sort_value(page.sort.key).sort(!page.sort.descending, false),
                    col("trace_id").sort(true, false),
                ])
            })
            // One more than wanted tells whether there is a next page.
            .and_then(|frame| frame.limit(0, Some(page.limit + 1)))
            .map_err(sql::errors::convert)?;
        collect_runs(frame).await
    }
}

/// Columns of the first step: what runs are sorted by, and whether a run comes after the cursor's.
const BY: &str = "by";
const AFTER: &str = "after";

/// What the first step found.
struct End {
    /// Runs that pass.
    rows: u64,
    /// Sort value of the last run of the page; `None` where all that pass are on it.
    last: Option<ScalarValue>,
}

impl End {
    /// The condition that a run does not come behind the end; those of the end's own value are told apart by their ids.
    fn bound(self, sort: Sort) -> Option<Expr> {
        let (by, last) = (sort_value(sort.key), lit(self.last?));
        Some(if sort.descending { by.gt_eq(last) } else { by.lt_eq(last) })
    }
}

/// The first `wanted` sort values, in order, among those of `batch` and of `before`.
fn first_of(
    batch: &RecordBatch,
    before: Option<&ArrayRef>,
    descending: bool,
    wanted: usize,
) -> Result<ArrayRef, ArrowError> {
    let mut values = match batch.column_by_name(AFTER) {
        Some(after) => keep(batch.column(0), after.as_boolean())?,
        None => ArrayRef::clone(batch.column(0)),
    };
    if let Some(before) = before {
        values = concat(&[before.as_ref(), values.as_ref()])?;
    }
    let options = SortOptions { descending, nulls_first: false };
    let order = sort_to_indices(&values, Some(options), Some(wanted))?;
    take(&values, &order, None)
}

/// Refuses page sizes outside 1 to [`MAX_PAGE`].
pub(crate) fn check_limit(limit: usize) -> Result<(), QueryError> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(QueryError::invalid(format!("`limit` is {limit}; it must be 1 to {MAX_PAGE}")))
}

/// Runs out of whole rows of the runs table.
pub(crate) async fn collect_runs(frame: DataFrame) -> Result<Vec<Run>, QueryError> {
    let batches = frame.collect().await.map_err(sql::errors::convert)?;
    let mut runs = Vec::new();
    for batch in &batches {
        runs.extend(read_runs(batch)?);
    }
    Ok(runs)
}

/// The runs of one batch.
pub(crate) fn read_runs(batch: &RecordBatch) -> Result<Vec<Run>, QueryError> {
    store::rows::runs::from_batch(batch).map_err(|error| QueryError::Store(error.into()))
}

/// What runs are sorted by; unknown tokens and costs count as none, so that every run has its place.
fn sort_value(key: SortKey) -> Expr {
    match key {
        SortKey::StartedAt => col("started_at"),
        SortKey::DurationMs => col("duration_ms"),
        SortKey::TotalTokens => coalesce(vec![col("total_tokens"), lit(0i64)]),
        SortKey::CostUsd => coalesce(vec![col("cost_usd"), exprs::money(Usd::default())]),
        SortKey::Errors => col("errors"),
        SortKey::Steps => col("steps"),
        SortKey::LlmCalls => col("llm_calls"),
    }
}

/// The sort value of a run, for the cursor.
fn key_of(key: SortKey, run: &Run) -> Key {
    match key {
        SortKey::StartedAt => Key::Int(run.start.as_nanos()),
        SortKey::DurationMs => Key::Bits { bits: run.duration_ms.to_bits() },
        SortKey::TotalTokens => {
            Key::Int(run.usage.total_tokens().map_or(0, |total| i64::try_from(total).unwrap_or(i64::MAX)))
        }
        SortKey::CostUsd => Key::Decimal { unscaled: run.cost.unwrap_or_default().as_pico().to_string() },
        SortKey::Errors => Key::Int(run.errors.into()),
        SortKey::Steps => Key::Int(run.kinds.total().into()),
        SortKey::LlmCalls => Key::Int(run.llm_calls.into()),
    }
}

/// The condition that a run comes after the cursor's.
pub(crate) fn after(sort: Sort, cursor: &Cursor) -> Result<Expr, QueryError> {
    let bad =
        || QueryError::invalid("the cursor does not fit this list; leave `cursor` out to start at the first page");
    let value = match (sort.key, &cursor.key) {
        (SortKey::StartedAt, Key::Int(nanos)) => exprs::time(Timestamp::from_nanos(*nanos)),
        (SortKey::TotalTokens, Key::Int(count)) => lit(*count),
        (SortKey::Errors | SortKey::Steps | SortKey::LlmCalls, Key::Int(count)) => {
            lit(u32::try_from(*count).map_err(|_| bad())?)
        }
        (SortKey::DurationMs, Key::Bits { bits }) => lit(f64::from_bits(*bits)),
        (SortKey::CostUsd, Key::Decimal { unscaled }) => {
            exprs::money(Usd::from_pico(unscaled.parse().map_err(|_| bad())?))
        }
        _ => return Err(bad()),
    };
    let by = || sort_value(sort.key);
    let (beyond, at_or_beyond) = if sort.descending {
        (by().lt(value.clone()), by().lt_eq(value.clone()))
    } else {
        (by().gt(value.clone()), by().gt_eq(value.clone()))
    };
    let tie = by().eq(value).and(col("trace_id").gt(lit(cursor.id.as_str())));
    // The first part follows from the second; it is there because segments are skipped by plain bounds only.
    Ok(at_or_beyond.and(beyond.or(tie)))
}
