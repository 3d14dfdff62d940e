//! Read-only SQL over the documented views of one project.

mod check;
pub(crate) mod errors;

use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use futures::TryStreamExt;

pub use check::{MAX_SQL_BYTES, MAX_SQL_WORDS};

use crate::yielding::Waiting;
use crate::{Column, Engine, LimitName, QueryError, SqlAnswer, SqlLimits, json, views};

impl Engine {
    /// Answers one SQL query over the views of `project` (`docs/sql.md`). Limits are the tighter of `limits` and the engine's own.
    ///
    /// Reaching the limit of rows or of bytes cuts the answer and sets [`SqlAnswer::truncated`]; reaching that of time or memory fails.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with the place in the text where it is known; [`QueryError::Limit`] for `sql_time`, `query_bytes`,
    /// `sql_bytes` and `sql_words`.
    pub async fn sql(&self, project: &str, text: &str, limits: SqlLimits) -> Result<SqlAnswer, QueryError> {
        let limits = self.limits().sql.tightened_to(limits);
        let statement = check::parse(text, &views::names())?;
        self.bounded(LimitName::SqlTime, limits.time, async {
            let snapshot = self.snapshot().await?;
            let state = self.session(&snapshot, project)?;
            let waiting = Waiting::at_most(limits.time);
            let stream = plan_and_start(state, statement, limits.rows, &waiting).await?;
            collect(stream, limits).await
        })
        .await
    }
}

async fn plan_and_start(
    state: SessionState,
    statement: Statement,
    rows: usize,
    waiting: &Waiting,
) -> Result<SendableRecordBatchStream, QueryError> {
    let plan = state.statement_to_plan(statement).await.map_err(errors::convert)?;
    // The parser let only reading through; should the planner make anything else of it, it ends here.
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(errors::convert)?;
    let context = SessionContext::new_with_state(state);
    let explains = matches!(plan, LogicalPlan::Explain(_));
    let mut frame = context.execute_logical_plan(plan).await.map_err(errors::convert)?;
    if !explains {
        // One more than the answer takes tells whether rows are cut off; the plan stops there instead of sorting everything.
        frame = frame.limit(0, Some(rows.saturating_add(1))).map_err(errors::convert)?;
    }
    let tasks = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.and_then(|plan| waiting.watch(plan)).map_err(errors::convert)?;
    execute_stream(plan, tasks).map_err(errors::convert)
}

async fn collect(mut stream: SendableRecordBatchStream, limits: SqlLimits) -> Result<SqlAnswer, QueryError> {
    let columns = stream
        .schema()
        .fields()
        .iter()
        .map(|field| Column { name: field.name().clone(), kind: json::kind(field.data_type()) })
        .collect();
    let mut answer = SqlAnswer { columns, rows: Vec::new(), truncated: false };
    let mut bytes = 0;
    while let Some(batch) = stream.try_next().await.map_err(errors::convert)? {
        for at in 0..batch.num_rows() {
            let row = json::row(&batch, at);
            bytes += row.iter().map(json::size).sum::<usize>() + 2;
            if answer.rows.len() >= limits.rows || bytes > limits.answer_bytes {
                answer.truncated = true;
                return Ok(answer);
            }
            answer.rows.push(row);
        }
        // Results that need no waiting would otherwise keep the thread, and the time limit would never be looked at.
        tokio::task::yield_now().await;
    }
    Ok(answer)
}
