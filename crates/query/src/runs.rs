//! The list of runs: filters, sorting, pages. Facets are counted in `facets.rs`.
//!
//! A page is found in two steps ([`crate::pick`]): the first looks through what filters and order name, of every run that may
//! pass; the second reads the runs of the page whole. A run has sixty columns, and a page needs them of fifty runs.

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, coalesce, col, lit};
use model::{Run, TraceId, Usd};
use store::Snapshot;
use store::schema::{COST_PRECISION, COST_SCALE};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, conditions};
use crate::pick::{Picked, Question};
use crate::{Engine, LimitName, MAX_PAGE, Page, QueryError, RunFilter, RunsPage, Sort, SortKey, sql, text};

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
        let after = cursor.map(|cursor| ended(page.sort, &cursor)).transpose()?;
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
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
            // Where a filter says nothing but when, whole segments are known to pass.
            let timeless = RunFilter { from: None, to: None, ..filter.clone() };
            let question = Question {
                filter: all(conditions.iter().map(|(_, condition)| condition.clone())),
                times: (timeless == RunFilter::default()).then_some((filter.from, filter.to)),
                sort: page.sort,
                after,
                // One more than wanted tells whether there is a next page.
                wanted: page.limit + 1,
                counted: page.total,
            };
            let picked = self.pick(&snapshot, project, &question);
            let counts = self.facets(&snapshot, project, &conditions, &page.facets);
            let (Picked { mut runs, total }, facets) = futures::try_join!(picked, counts)?;
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
}

/// Refuses page sizes outside 1 to [`MAX_PAGE`].
pub(crate) fn check_limit(limit: usize) -> Result<(), QueryError> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(QueryError::invalid(format!("`limit` is {limit}; it must be 1 to {MAX_PAGE}")))
}

/// Runs out of whole rows of the runs table.
pub(crate) async fn collect_runs(snapshot: &Snapshot, frame: DataFrame) -> Result<Vec<Run>, QueryError> {
    let batches = frame.collect().await.map_err(sql::errors::convert)?;
    let mut runs = Vec::new();
    for batch in &batches {
        runs.extend(read_runs(snapshot, batch)?);
    }
    Ok(runs)
}

/// The runs of one batch, as they stand at the time of the snapshot.
pub(crate) fn read_runs(snapshot: &Snapshot, batch: &RecordBatch) -> Result<Vec<Run>, QueryError> {
    let runs = store::rows::runs::from_batch(batch).map_err(|error| QueryError::Store(error.into()))?;
    Ok(runs.into_iter().map(|run| snapshot.aged(run)).collect())
}

/// What runs are sorted by; unknown tokens and costs count as none, so that every run has its place.
pub(crate) fn sort_value(key: SortKey) -> Expr {
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
    let value = lit(value_of(sort, cursor)?);
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

/// Sort value and id of the cursor's run.
fn ended(sort: Sort, cursor: &Cursor) -> Result<(ScalarValue, TraceId), QueryError> {
    Ok((value_of(sort, cursor)?, cursor.id.parse().map_err(|_| unfit())?))
}

/// Sort value of the cursor's run.
fn value_of(sort: Sort, cursor: &Cursor) -> Result<ScalarValue, QueryError> {
    Ok(match (sort.key, &cursor.key) {
        (SortKey::StartedAt, Key::Int(nanos)) => ScalarValue::TimestampNanosecond(Some(*nanos), Some("UTC".into())),
        (SortKey::TotalTokens, Key::Int(count)) => ScalarValue::Int64(Some(*count)),
        (SortKey::Errors | SortKey::Steps | SortKey::LlmCalls, Key::Int(count)) => {
            ScalarValue::UInt32(Some(u32::try_from(*count).map_err(|_| unfit())?))
        }
        (SortKey::DurationMs, Key::Bits { bits }) => ScalarValue::Float64(Some(f64::from_bits(*bits))),
        (SortKey::CostUsd, Key::Decimal { unscaled }) => {
            ScalarValue::Decimal128(Some(unscaled.parse().map_err(|_| unfit())?), COST_PRECISION, COST_SCALE)
        }
        _ => return Err(unfit()),
    })
}

/// A cursor whose value is of another kind than what the list is sorted by.
pub(crate) fn unfit() -> QueryError {
    QueryError::invalid("the cursor does not fit this list; leave `cursor` out to start at the first page")
}
