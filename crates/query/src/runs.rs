//! The list of runs: filters, sorting, pages. Total and facets are counted in `facets.rs`.

use datafusion::arrow::array::RecordBatch;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, coalesce, col, lit};
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
            let rows = self.page_rows(&snapshot, project, everything, after, page);
            let counts = self.counts(&snapshot, project, &conditions, &page.facets, page.total);
            let (mut runs, (total, facets)) = futures::try_join!(rows, counts)?;
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

    async fn page_rows(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: Expr,
        after: Option<Expr>,
        page: &Page,
    ) -> Result<Vec<Run>, QueryError> {
        let table = self.table(snapshot, Table::Runs, project)?;
        let frame = table
            .filter(all([filter].into_iter().chain(after)))
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
