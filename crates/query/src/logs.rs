//! The list of log records.

use datafusion::logical_expr::Expr;
use datafusion::prelude::{coalesce, col, lit};
use model::Timestamp;
use store::{StoredLog, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, any, contains};
use crate::runs::check_limit;
use crate::{Engine, LogEntry, LogFilter, LogsPage, Page, QueryError, sql};

/// What its cursors belong to.
const LIST: &str = "logs";

impl Engine {
    /// A page of the log records of `project` that `filter` lets through, latest first.
    ///
    /// # Errors
    /// As of [`Engine::runs`].
    pub async fn logs(&self, project: &str, filter: &LogFilter, page: &Page) -> Result<LogsPage, QueryError> {
        check_limit(page.limit)?;
        let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, LIST)).transpose()?;
        let after = cursor.map(|cursor| after(&cursor)).transpose()?;
        self.bounded("list_time", self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let batches = self
                .table(&snapshot, Table::Logs, project)?
                .filter(all(conditions(filter).into_iter().chain(after)))
                .and_then(|frame| frame.sort(vec![col("time").sort(false, false), col("id").sort(true, false)]))
                .and_then(|frame| frame.limit(0, Some(page.limit + 1)))
                .map_err(sql::errors::convert)?
                .collect()
                .await
                .map_err(sql::errors::convert)?;
            let mut logs = Vec::new();
            for batch in &batches {
                for row in store::rows::logs::from_batch(batch).map_err(|error| QueryError::Store(error.into()))? {
                    let stored = row.stored().map_err(|error| QueryError::Internal(error.to_string()))?;
                    logs.push(entry(stored));
                }
            }
            let more = logs.len() > page.limit;
            logs.truncate(page.limit);
            let next = logs.last().filter(|_| more).map(|entry| {
                Cursor { list: LIST.into(), key: Key::Int(entry.log.time.as_nanos()), id: id(entry) }.encode()
            });
            Ok(LogsPage { logs, next })
        })
        .await
    }
}

/// The record's id as the column has it.
fn id(entry: &LogEntry) -> String {
    format!("{:032x}", entry.log.id)
}

fn entry(stored: StoredLog) -> LogEntry {
    let attributes = model::Value::Map(stored.raw.attributes.0);
    LogEntry { body: stored.raw.body.to_json(), attributes: attributes.to_json(), log: stored.log }
}

fn conditions(filter: &LogFilter) -> Vec<Expr> {
    let mut conditions = Vec::new();
    conditions.extend(filter.from.map(|from| col("time").gt_eq(exprs::time(from))));
    conditions.extend(filter.to.map(|to| col("time").lt(exprs::time(to))));
    conditions.extend(filter.trace_id.map(|trace| col("trace_id").eq(lit(trace.to_string()))));
    conditions.extend(filter.min_severity.map(|severity| col("severity").gt_eq(lit(severity))));
    if !filter.service.is_empty() {
        conditions.push(col("service").in_list(filter.service.iter().map(lit).collect(), false));
    }
    conditions.extend(filter.text.as_deref().filter(|text| !text.is_empty()).map(text_condition));
    conditions
}

/// Body and attributes are JSON: there a needle is looked for in the form JSON gives it.
fn text_condition(needle: &str) -> Expr {
    let quoted = store::encode_value(&needle.into());
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted);
    let json = ["body", "attributes"].map(|column| contains(coalesce(vec![col(column), lit("")]), inside));
    let text =
        ["event_name", "service", "preview"].map(|column| contains(coalesce(vec![col(column), lit("")]), needle));
    any(json.into_iter().chain(text))
}

fn after(cursor: &Cursor) -> Result<Expr, QueryError> {
    let Key::Int(nanos) = cursor.key else {
        return Err(QueryError::invalid(
            "the cursor does not fit this list; leave `cursor` out to start at the first page",
        ));
    };
    let time = exprs::time(Timestamp::from_nanos(nanos));
    let tie = col("time").eq(time.clone()).and(col("id").gt(lit(cursor.id.as_str())));
    Ok(col("time").lt_eq(time.clone()).and(col("time").lt(time).or(tie)))
}
