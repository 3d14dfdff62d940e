//! The list of log records.

use datafusion::logical_expr::{Expr, JoinType};
use datafusion::prelude::{col, lit};
use model::Timestamp;
use store::{Needle, StoredLog, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, any, has_one_of, is_one_of};
use crate::functions::attr;
use crate::provider::ProjectTable;
use crate::runs::check_limit;
use crate::{Engine, LogEntry, LogFilter, LogsPage, Page, QueryError, sql, text};

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
            let mut needles: Vec<Needle> =
                text::wanted(&filter.text).map(text::needle).transpose()?.into_iter().collect();
            // What cannot be looked for by the index is left to the condition.
            needles.extend(filter.attributes.iter().filter_map(|(_, value)| Needle::new(value).ok()));
            let mut table = ProjectTable::new(&snapshot, Table::Logs, project);
            if !needles.is_empty() {
                let blocks = snapshot.blocks_with(Table::Logs, project, &needles).await?;
                table = table.within(blocks.into_iter().collect());
            }
            let mut rows = self.read(&snapshot, table)?;
            if !filter.agent.is_empty() {
                // Records do not name agents: those of the agents' runs are wanted.
                let runs = self
                    .table(&snapshot, Table::Runs, project)?
                    .filter(has_one_of("agent_names", &filter.agent))
                    .and_then(|runs| runs.select(vec![col("trace_id").alias("run")]));
                rows = runs
                    .and_then(|runs| rows.join(runs, JoinType::LeftSemi, &["trace_id"], &["run"], None))
                    .map_err(sql::errors::convert)?;
            }
            let batches = rows
                .filter(all(conditions(filter)?.into_iter().chain(after)))
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

fn conditions(filter: &LogFilter) -> Result<Vec<Expr>, QueryError> {
    let mut conditions = Vec::new();
    conditions.extend(filter.from.map(|from| col("time").gt_eq(exprs::time(from))));
    conditions.extend(filter.to.map(|to| col("time").lt(exprs::time(to))));
    conditions.extend(filter.trace_id.map(|trace| col("trace_id").eq(lit(trace.to_string()))));
    conditions.extend(filter.min_severity.map(|severity| col("severity").gt_eq(lit(severity))));
    conditions.extend(filter.span_id.map(|span| col("span_id").eq(lit(span.to_string()))));
    for (column, values) in
        [("service", &filter.service), ("event_name", &filter.event), ("environment", &filter.environment)]
    {
        if !values.is_empty() {
            conditions.push(is_one_of(column, values));
        }
    }
    for (key, value) in &filter.attributes {
        conditions.push(attr("attributes", key).eq(lit(value)));
    }
    if let Some(text) = text::wanted(&filter.text) {
        let needle = text::needle(text)?;
        let columns = ["body", "attributes", "event_name", "service", "preview"];
        conditions.push(any(columns.map(|column| text::contains(column, text, &needle))));
    }
    Ok(conditions)
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
