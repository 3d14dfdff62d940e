//! The list of log records.

use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, JoinType, cast};
use datafusion::prelude::{DataFrame, col, lit};
use model::Timestamp;
use store::{Needle, StoredLog, Table};

use crate::aggregate::{MAX_AGGREGATE_ROWS, time_group};
use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, any, is_one_of};
use crate::functions::attr;
use crate::provider::ProjectTable;
use crate::runs::check_limit;
use crate::{Engine, LimitName, LogEntry, LogFilter, LogsPage, Page, QueryError, sql, text};

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
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let rows = self.log_rows(project, filter).await?;
            let batches = after
                .map_or(Ok(rows.clone()), |after| rows.filter(after))
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

    /// How many log records of `project` the filter lets through, by stretch of time, severity, service and event.
    ///
    /// # Errors
    /// As of [`Engine::aggregate`].
    pub async fn log_counts(
        &self,
        project: &str,
        filter: &LogFilter,
        step: Duration,
    ) -> Result<Vec<LogCount>, QueryError> {
        let groups = vec![
            time_group("time", step)?.alias("g0"),
            cast(col("severity"), DataType::Int64).alias("g1"),
            col("service").alias("g2"),
            col("event_name").alias("g3"),
        ];
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let rows = self.log_rows(project, filter).await?;
            let frame = rows
                .aggregate(groups, vec![count(lit(1)).alias("count")])
                .and_then(|frame| frame.limit(0, Some(MAX_AGGREGATE_ROWS + 1)))
                .map_err(sql::errors::convert)?;
            let mut counts = Vec::new();
            for batch in &frame.collect().await.map_err(sql::errors::convert)? {
                counts.extend(read_counts(batch)?);
            }
            if counts.len() > MAX_AGGREGATE_ROWS {
                return Err(QueryError::Limit {
                    name: LimitName::AggregateRows,
                    limit: MAX_AGGREGATE_ROWS.to_string(),
                    advice: "take a longer step or a narrower filter",
                });
            }
            Ok(counts)
        })
        .await
    }

    /// The log records of `project` that the filter lets through, in no order.
    async fn log_rows(&self, project: &str, filter: &LogFilter) -> Result<DataFrame, QueryError> {
        let snapshot = self.snapshot().await?;
        let mut needles: Vec<Needle> = text::wanted(&filter.text).map(text::needle).transpose()?.into_iter().collect();
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
                .filter(text::has_one_of("agent_names", &filter.agent))
                .and_then(|runs| runs.select(vec![col("trace_id").alias("run")]));
            rows = runs
                .and_then(|runs| rows.join(runs, JoinType::LeftSemi, &["trace_id"], &["run"], None))
                .map_err(sql::errors::convert)?;
        }
        rows.filter(all(conditions(filter)?)).map_err(sql::errors::convert)
    }
}

/// Records of one stretch of time, severity, service and event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCount {
    /// Beginning of the stretch.
    pub time: Timestamp,
    /// OTLP severity number; 0 when unset.
    pub severity: u8,
    /// Service.
    pub service: Option<String>,
    /// Name of the event.
    pub event: Option<String>,
    /// How many.
    pub count: u64,
}

fn read_counts(batch: &RecordBatch) -> Result<Vec<LogCount>, QueryError> {
    let column = |name: &str, data_type: &DataType| {
        let column =
            batch.column_by_name(name).ok_or_else(|| QueryError::Internal(format!("counts without {name}")))?;
        cast_array(column, data_type).map_err(|error| QueryError::Internal(error.to_string()))
    };
    let (times, severities) = (column("g0", &DataType::Int64)?, column("g1", &DataType::Int64)?);
    let (services, events) = (column("g2", &DataType::Utf8)?, column("g3", &DataType::Utf8)?);
    let counts = column("count", &DataType::Int64)?;
    let number = |column: &ArrayRef, row| column.as_primitive::<Int64Type>().value(row);
    let text = |column: &ArrayRef, row: usize| {
        let texts = column.as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned()).filter(|text| !text.is_empty())
    };
    let row = |row| LogCount {
        time: Timestamp::from_nanos(number(&times, row)),
        severity: u8::try_from(number(&severities, row)).unwrap_or(0),
        service: text(&services, row),
        event: text(&events, row),
        count: number(&counts, row).unsigned_abs(),
    };
    Ok((0..batch.num_rows()).map(row).collect())
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
