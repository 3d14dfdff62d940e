//! Sessions: runs that share a conversation id.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, JoinType, cast, coalesce, col, lit};
use futures::TryStreamExt;
use model::{Run, RunStatus, Timestamp, TraceId, Usage, Usd};
use store::schema::{COST_PRECISION, COST_SCALE};
use store::{Snapshot, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, conditions};
use crate::runs::{check_limit, read_runs, unfit};
use crate::{Engine, LimitName, Page, QueryError, RunFilter, Session, SessionSortKey, SessionsPage, Sort, sql};

impl Engine {
    /// A page of the sessions of `project` of which at least one run passes `filter`. What a session shows and is sorted by
    /// covers all its runs, also those the filter holds back.
    ///
    /// # Errors
    /// As of [`Engine::runs`].
    pub async fn sessions(
        &self,
        project: &str,
        filter: &RunFilter,
        sort: Sort<SessionSortKey>,
        page: &Page,
    ) -> Result<SessionsPage, QueryError> {
        check_limit(page.limit)?;
        let list = format!("sessions {sort}");
        let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, &list)).transpose()?;
        let after = cursor.map(|cursor| after(sort, &cursor)).transpose()?;
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let mut found = self.session_ids(&snapshot, project, filter, sort, after, page.limit + 1).await?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let next = found
                .last()
                .filter(|_| more)
                .map(|(id, key)| Cursor { list, key: key.clone(), id: id.clone() }.encode());
            let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
            let sessions = self.whole_sessions(&snapshot, project, &ids).await?;
            Ok(SessionsPage { sessions, next })
        })
        .await
    }

    /// Ids of a page of sessions, with what they are sorted by.
    async fn session_ids(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: &RunFilter,
        sort: Sort<SessionSortKey>,
        after: Option<Expr>,
        limit: usize,
    ) -> Result<Vec<(String, Key)>, QueryError> {
        let runs = self
            .table(snapshot, Table::Runs, project)?
            .filter(col("session_id").is_not_null())
            .map_err(sql::errors::convert)?;
        let passes = all(conditions(filter)?.into_iter().map(|(_, condition)| condition));
        // The runs since some time tell alone which sessions were active last: older runs are not looked at.
        let since = RunFilter { from: None, ..filter.clone() } == RunFilter::default();
        let enough = since && sort.key == SessionSortKey::LastAt;
        let (sums, value) = sort_value(sort.key);
        let batches = runs
            .clone()
            .filter(passes)
            .and_then(|passing| if enough { Ok(passing) } else { whole(passing, runs) })
            .and_then(|frame| frame.aggregate(vec![col("session_id")], sums))
            .and_then(|frame| frame.select(vec![col("session_id"), value.alias("value")]))
            .and_then(|frame| frame.filter(all(after)))
            .and_then(|frame| {
                frame.sort(vec![col("value").sort(!sort.descending, false), col("session_id").sort(true, false)])
            })
            .and_then(|frame| frame.limit(0, Some(limit)))
            .map_err(sql::errors::convert)?
            .collect()
            .await
            .map_err(sql::errors::convert)?;
        let mut found = Vec::new();
        for batch in &batches {
            found.extend(ids_of(batch, sort.key)?);
        }
        Ok(found)
    }

    /// The named sessions over all their runs, in the order named.
    async fn whole_sessions(
        &self,
        snapshot: &Snapshot,
        project: &str,
        ids: &[String],
    ) -> Result<Vec<Session>, QueryError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = col("session_id").in_list(ids.iter().map(lit).collect(), false);
        let mut stream = self
            .table(snapshot, Table::Runs, project)?
            .filter(wanted)
            .map_err(sql::errors::convert)?
            .execute_stream()
            .await
            .map_err(sql::errors::convert)?;
        let mut sums: HashMap<Arc<str>, Sum> = HashMap::new();
        while let Some(batch) = stream.try_next().await.map_err(sql::errors::convert)? {
            for run in read_runs(snapshot, &batch)? {
                if let Some(id) = &run.session_id {
                    sums.entry(id.clone()).or_default().add(&run);
                }
            }
        }
        Ok(ids.iter().filter_map(|id| sums.remove(id.as_str()).and_then(Sum::finish)).collect())
    }
}

/// All of `runs` in sessions of which one is among `passing`.
fn whole(passing: DataFrame, runs: DataFrame) -> Result<DataFrame, DataFusionError> {
    let ids = passing.select(vec![col("session_id").alias("wanted")])?.distinct()?;
    ids.join(runs, JoinType::RightSemi, &["wanted"], &["session_id"], None)
}

/// What is worked out over the runs of a session, and out of that what it is sorted by: an amount for costs, else a whole
/// number. Unknown tokens and costs count as none, so that every session has its place.
fn sort_value(key: SessionSortKey) -> (Vec<Expr>, Expr) {
    let number = |expr: Expr| cast(expr, DataType::Int64);
    let last = || max(coalesce(vec![col("ended_at"), col("started_at")])).alias("last");
    let summed = |column: &str| vec![sum(col(column)).alias("sum")];
    match key {
        SessionSortKey::LastAt => (vec![last()], number(col("last"))),
        SessionSortKey::DurationMs => {
            (vec![last(), min(col("started_at")).alias("first")], number(col("last")) - number(col("first")))
        }
        SessionSortKey::TotalTokens => (summed("total_tokens"), number(coalesce(vec![col("sum"), lit(0i64)]))),
        SessionSortKey::CostUsd => {
            let cost = coalesce(vec![col("sum"), exprs::money(Usd::default())]);
            (summed("cost_usd"), cast(cost, DataType::Decimal128(COST_PRECISION, COST_SCALE)))
        }
        SessionSortKey::Errors => (summed("errors"), number(col("sum"))),
        SessionSortKey::Runs => (vec![count(lit(1)).alias("sum")], number(col("sum"))),
    }
}

fn ids_of(batch: &RecordBatch, key: SessionSortKey) -> Result<Vec<(String, Key)>, QueryError> {
    let fault = |error: datafusion::arrow::error::ArrowError| QueryError::Internal(error.to_string());
    let ids = compute::cast(batch.column(0), &DataType::Utf8).map_err(fault)?;
    let ids = ids.as_string::<i32>();
    let values = batch.column(1);
    let value = |row| match key {
        SessionSortKey::CostUsd => {
            Key::Decimal { unscaled: values.as_primitive::<Decimal128Type>().value(row).to_string() }
        }
        _ => Key::Int(values.as_primitive::<Int64Type>().value(row)),
    };
    Ok((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), value(row))).collect())
}

/// The condition that a session comes after the cursor's.
fn after(sort: Sort<SessionSortKey>, cursor: &Cursor) -> Result<Expr, QueryError> {
    let value = match (sort.key, &cursor.key) {
        (SessionSortKey::CostUsd, Key::Decimal { unscaled }) => {
            ScalarValue::Decimal128(Some(unscaled.parse().map_err(|_| unfit())?), COST_PRECISION, COST_SCALE)
        }
        (key, Key::Int(number)) if key != SessionSortKey::CostUsd => ScalarValue::Int64(Some(*number)),
        _ => return Err(unfit()),
    };
    let value = lit(value);
    let by = || col("value");
    let beyond = if sort.descending { by().lt(value.clone()) } else { by().gt(value.clone()) };
    Ok(beyond.or(by().eq(value).and(col("session_id").gt(lit(cursor.id.as_str())))))
}

/// Orders runs of a session: start, then trace id.
type Moment = (Timestamp, TraceId);

/// A session while its runs come in, in any order.
#[derive(Default)]
struct Sum {
    id: Option<Arc<str>>,
    runs: u64,
    first: Option<Moment>,
    input: Option<(Moment, Arc<str>)>,
    last: Option<(Moment, RunStatus)>,
    user: Option<(Moment, Arc<str>)>,
    last_at: Timestamp,
    agents: Vec<(Moment, Arc<str>)>,
    running: bool,
    usage: Usage,
    cost: Option<Usd>,
    errors: u64,
}

impl Sum {
    fn add(&mut self, run: &Run) {
        let moment = (run.start, run.trace_id);
        self.id = run.session_id.clone();
        self.runs += 1;
        self.first = Some(self.first.map_or(moment, |first| first.min(moment)));
        if let Some(text) = &run.input_preview
            && self.input.as_ref().is_none_or(|(at, _)| moment < *at)
        {
            self.input = Some((moment, text.clone()));
        }
        if self.last.is_none_or(|(at, _)| moment > at) {
            self.last = Some((moment, run.status));
        }
        if let Some(user) = &run.user_id
            && self.user.as_ref().is_none_or(|(at, _)| moment > *at)
        {
            self.user = Some((moment, user.clone()));
        }
        let ended = if run.end.is_unset() { run.start } else { run.end };
        self.last_at = if self.runs == 1 { ended } else { self.last_at.max(ended) };
        if let Some(agent) = &run.agent {
            match self.agents.iter_mut().find(|(_, name)| name == agent) {
                Some((at, _)) => *at = (*at).min(moment),
                None => self.agents.push((moment, agent.clone())),
            }
        }
        self.running |= run.status == RunStatus::Running;
        self.usage.add(&run.usage);
        if let Some(cost) = run.cost {
            self.cost = Some(self.cost.unwrap_or_default().plus(cost));
        }
        self.errors += u64::from(run.errors);
    }

    fn finish(mut self) -> Option<Session> {
        self.agents.sort();
        let (_, last_status) = self.last?;
        Some(Session {
            session_id: self.id?,
            runs: self.runs,
            started_at: self.first?.0,
            last_at: self.last_at,
            agents: self.agents.into_iter().map(|(_, agent)| agent).collect(),
            user_id: self.user.map(|(_, user)| user),
            usage: self.usage,
            cost: self.cost,
            errors: self.errors,
            status: if self.running { RunStatus::Running } else { last_status },
            input_preview: self.input.map(|(_, text)| text),
        })
    }
}
