//! The collector's view: active runs, counters, what ended last.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, ExprFunctionExt};
use datafusion::prelude::{cast, col, lit};
use model::{Run, RunStatus, Usd};
use store::{Snapshot, Table};

use crate::exprs::{all, conditions};
use crate::runs::collect_runs;
use crate::{Counters, Engine, LimitName, QueryError, RunFilter, Summary, sql};

impl Engine {
    /// What is going on among the runs of `project` that `filter` lets through (the default filter: all runs kept).
    ///
    /// # Errors
    /// [`QueryError::Limit`] for `list_time` and `query_bytes`.
    pub async fn summary(&self, project: &str, filter: &RunFilter) -> Result<Summary, QueryError> {
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let filter = all(conditions(filter)?.into_iter().map(|(_, condition)| condition));
            let sums = self.sums(&snapshot, project, filter.clone());
            let last = self.last_completed(&snapshot, project, filter);
            let ((active_runs, counters), last_completed) = futures::try_join!(sums, last)?;
            Ok(Summary { active_runs, counters, last_completed })
        })
        .await
    }

    async fn sums(&self, snapshot: &Snapshot, project: &str, filter: Expr) -> Result<(u64, Counters), QueryError> {
        let status = |status: RunStatus| col("status").eq(lit(status.as_str()));
        let total = |column: &str| sum(cast(col(column), DataType::UInt64));
        let aggregates = vec![
            count(lit(1)),
            // In the order the columns are read below.
            count_where(status(RunStatus::Running))?,
            count_where(completed())?,
            count_where(status(RunStatus::Error))?,
            total("steps"),
            total("llm_calls"),
            total("tool_calls"),
            total("errors"),
            total("retries"),
            total("input_tokens"),
            total("output_tokens"),
            sum(col("cost_usd")),
        ];
        let named =
            aggregates.into_iter().enumerate().map(|(at, aggregate)| aggregate.alias(format!("a{at}"))).collect();
        let batches = self
            .table(snapshot, Table::Runs, project)?
            .filter(filter)
            .and_then(|frame| frame.aggregate(Vec::new(), named))
            .map_err(sql::errors::convert)?
            .collect()
            .await
            .map_err(sql::errors::convert)?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Ok((0, Counters::default()));
        };
        let number = |at: usize| match ScalarValue::try_from_array(batch.column(at), 0) {
            Ok(ScalarValue::Int64(Some(number))) => number.unsigned_abs(),
            Ok(ScalarValue::UInt64(Some(number))) => number,
            _ => 0,
        };
        let cost = match ScalarValue::try_from_array(batch.column(11), 0) {
            Ok(ScalarValue::Decimal128(Some(pico), ..)) => Some(Usd::from_pico(pico)),
            _ => None,
        };
        let counters = Counters {
            runs_started: number(0),
            runs_completed: number(2),
            runs_failed: number(3),
            steps: number(4),
            llm_calls: number(5),
            tool_calls: number(6),
            errors: number(7),
            retries: number(8),
            input_tokens: number(9),
            output_tokens: number(10),
            cost,
        };
        Ok((number(1), counters))
    }

    async fn last_completed(&self, snapshot: &Snapshot, project: &str, filter: Expr) -> Result<Vec<Run>, QueryError> {
        let frame = self
            .table(snapshot, Table::Runs, project)?
            .filter(filter.and(completed()))
            .and_then(|frame| frame.sort(vec![col("ended_at").sort(false, false), col("trace_id").sort(true, false)]))
            .and_then(|frame| frame.limit(0, Some(Summary::LAST_COMPLETED)))
            .map_err(sql::errors::convert)?;
        collect_runs(snapshot, frame).await
    }
}

/// Runs whose root ended.
fn completed() -> Expr {
    col("status").in_list(vec![lit(RunStatus::Ok.as_str()), lit(RunStatus::Error.as_str())], false)
}

fn count_where(condition: Expr) -> Result<Expr, QueryError> {
    count(lit(1)).filter(condition).build().map_err(sql::errors::convert)
}
