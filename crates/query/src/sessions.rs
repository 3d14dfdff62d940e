//! Sessions: runs that share a conversation id.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimestampNanosecondType};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{coalesce, col, lit};
use futures::TryStreamExt;
use model::{Run, RunStatus, Timestamp, TraceId, Usage};
use store::{Snapshot, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, conditions};
use crate::runs::{check_limit, read_runs};
use crate::{Engine, LimitName, Page, QueryError, RunFilter, Session, SessionsPage, sql};

/// What its cursors belong to.
const LIST: &str = "sessions";

impl Engine {
    /// A page of the sessions of `project` of which at least one run passes `filter`, ordered by the last activity among
    /// those runs. What a session shows covers all its runs, also those the filter holds back.
    ///
    /// # Errors
    /// As of [`Engine::runs`].
    pub async fn sessions(&self, project: &str, filter: &RunFilter, page: &Page) -> Result<SessionsPage, QueryError> {
        check_limit(page.limit)?;
        let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, LIST)).transpose()?;
        let after = cursor.map(|cursor| after(&cursor)).transpose()?;
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let mut found = self.session_ids(&snapshot, project, filter, after, page.limit + 1).await?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let next = found
                .last()
                .filter(|_| more)
                .map(|(id, last)| Cursor { list: LIST.into(), key: Key::Int(*last), id: id.clone() }.encode());
            let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
            let sessions = self.whole_sessions(&snapshot, project, &ids).await?;
            Ok(SessionsPage { sessions, next })
        })
        .await
    }

    /// Ids of a page of sessions with their last activity in nanoseconds.
    async fn session_ids(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: &RunFilter,
        after: Option<Expr>,
        limit: usize,
    ) -> Result<Vec<(String, i64)>, QueryError> {
        let matching =
            conditions(filter)?.into_iter().map(|(_, condition)| condition).chain([col("session_id").is_not_null()]);
        let last = max(coalesce(vec![col("ended_at"), col("started_at")])).alias("last_at");
        let batches = self
            .table(snapshot, Table::Runs, project)?
            .filter(all(matching))
            .and_then(|frame| frame.aggregate(vec![col("session_id")], vec![last]))
            .and_then(|frame| frame.filter(all(after)))
            .and_then(|frame| frame.sort(vec![col("last_at").sort(false, false), col("session_id").sort(true, false)]))
            .and_then(|frame| frame.limit(0, Some(limit)))
            .map_err(sql::errors::convert)?
            .collect()
            .await
            .map_err(sql::errors::convert)?;
        let mut found = Vec::new();
        for batch in &batches {
            found.extend(ids_of(batch)?);
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

fn ids_of(batch: &RecordBatch) -> Result<Vec<(String, i64)>, QueryError> {
    let fault = |error: datafusion::arrow::error::ArrowError| QueryError::Internal(error.to_string());
    let ids = cast(batch.column(0), &DataType::Utf8).map_err(fault)?;
    let last = batch.column(1).as_primitive::<TimestampNanosecondType>();
    let ids = ids.as_string::<i32>();
    Ok((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), last.value(row))).collect())
}

fn after(cursor: &Cursor) -> Result<Expr, QueryError> {
    let Key::Int(nanos) = cursor.key else {
        return Err(QueryError::invalid(
            "the cursor does not fit this list; leave `cursor` out to start at the first page",
        ));
    };
    let last = exprs::time(Timestamp::from_nanos(nanos));
    let tie = col("last_at").eq(last.clone()).and(col("session_id").gt(lit(cursor.id.as_str())));
    Ok(col("last_at").lt(last).or(tie))
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
    cost: Option<model::Usd>,
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
