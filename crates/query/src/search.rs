//! Runs by what was said in them: messages, tool arguments and results, other attributes, log records.
//!
//! The store looks through its texts newest first (`Snapshot::search`); here traces become runs, the filters are applied,
//! and the search ends as soon as no older text can belong to a run of the page.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, case};
use datafusion::prelude::{coalesce, col, lit};
use model::{Run, RunStatus, Timestamp, TraceId};
use store::{Hit, Match, Needle, Scan, Snapshot, Table};

use crate::cursor::{Cursor, Key};
use crate::exprs::{self, all, conditions};
use crate::runs::{after, check_limit, collect_runs};
use crate::{Engine, LimitName, Page, QueryError, RunFilter, SearchPage, SearchResult, Sort, sql, text};

/// What its cursors belong to.
const LIST: &str = "search";
/// Most runs whose content a list of runs with `content` finds; the newest ones.
pub const CONTENT_RUNS_MAX: usize = 2_000;
/// Matches shown of a run.
pub const MATCHES_MAX: usize = 3;
/// How long after the end of a run log records of it are expected.
const LATE_NANOS: i64 = 3_600_000_000_000;

/// Runs found so far, the newest first.
#[derive(Default)]
struct Found {
    runs: BTreeMap<(Reverse<Timestamp>, TraceId), Run>,
    hits: HashMap<TraceId, Vec<Hit>>,
    /// Traces that were looked at, whether or not their run passes the filter.
    known: HashSet<TraceId>,
    matches: HashMap<TraceId, Vec<Match>>,
    /// Of runs that are several traces: the others, of which something was found.
    parts: HashMap<TraceId, Vec<TraceId>>,
}

/// What a search came to.
struct Outcome {
    found: Vec<(Run, Vec<Match>)>,
    /// Runs that began at this time or earlier were not all looked through.
    open_from: Option<Timestamp>,
}

impl Engine {
    /// A page of the runs of `project` that `filter` lets through and that say `text` somewhere, newest first.
    ///
    /// The filter's own text is not looked at. When the time is over (limit `search_time`), the page has what was found
    /// until then, says how far it got, and its cursor goes on from there.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for an empty or too long text; else as of [`Engine::runs`].
    pub async fn search(
        &self,
        project: &str,
        text: &str,
        filter: &RunFilter,
        page: &Page,
    ) -> Result<SearchPage, QueryError> {
        check_limit(page.limit)?;
        let needle = text::needle(text)?;
        let cursor = page.cursor.as_deref().map(|text| Cursor::decode(text, LIST)).transpose()?;
        let after = cursor.map(|cursor| after(Sort::default(), &cursor)).transpose()?;
        self.bounded(LimitName::ListTime, self.limits().list_time, async {
            let snapshot = self.snapshot().await?;
            let Outcome { mut found, open_from } =
                self.find(&snapshot, project, &needle, filter, after, page.limit + 1).await?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let cursor = |time: Timestamp, id: String| Cursor { list: LIST.into(), key: Key::Int(time.as_nanos()), id };
            let next = match (found.last(), open_from) {
                (Some((run, _)), _) if more => Some(cursor(run.start, run.trace_id.to_string())),
                (_, Some(open)) => Some(cursor(open, String::new())),
                _ => None,
            };
            let results = found.into_iter().map(|(run, mut matches)| {
                let more = matches.len().saturating_sub(MATCHES_MAX) as u64;
                matches.truncate(MATCHES_MAX);
                SearchResult { run, matches, more }
            });
            let searched_to = if more { None } else { open_from };
            Ok(SearchPage { results: results.collect(), next: next.map(|next| next.encode()), searched_to })
        })
        .await
    }

    /// Traces of the newest runs that pass the filter and say `text`, at most [`CONTENT_RUNS_MAX`], and whether there may
    /// be more.
    pub(crate) async fn traces_saying(
        &self,
        snapshot: &Snapshot,
        project: &str,
        needle: &Needle,
        filter: &RunFilter,
    ) -> Result<(Vec<TraceId>, bool), QueryError> {
        let mut outcome = self.find(snapshot, project, needle, filter, None, CONTENT_RUNS_MAX + 1).await?;
        let more = outcome.open_from.is_some() || outcome.found.len() > CONTENT_RUNS_MAX;
        outcome.found.truncate(CONTENT_RUNS_MAX);
        Ok((outcome.found.into_iter().map(|(run, _)| run.trace_id).collect(), more))
    }

    async fn find(
        &self,
        snapshot: &Snapshot,
        project: &str,
        needle: &Needle,
        filter: &RunFilter,
        after: Option<Expr>,
        limit: usize,
    ) -> Result<Outcome, QueryError> {
        let filter = RunFilter { text: None, content: false, ..filter.clone() };
        let passes = all(conditions(&filter)?.into_iter().map(|(_, condition)| condition).chain(after));
        let Some(until) = self.latest_end(snapshot, project, passes.clone()).await? else {
            return Ok(Outcome { found: Vec::new(), open_from: None });
        };
        // A run says nothing before it began.
        let from = filter.from.unwrap_or(Timestamp::from_nanos(i64::MIN));
        let mut scan = snapshot.search(project, needle.clone(), from, until).await?;
        let mut found = Found::default();
        let deadline = tokio::time::sleep(self.limits().search_time);
        tokio::pin!(deadline);
        let mut open_from = None;
        loop {
            let horizon = scan.horizon();
            if found.complete(limit, horizon) {
                self.confirm(snapshot, project, needle, &mut found, limit).await?;
                if found.complete(limit, horizon) || horizon.is_none() {
                    break;
                }
            }
            let step = self.step(&mut scan, &mut found, snapshot, project, &passes);
            tokio::select! {
                biased;
                () = &mut deadline => {
                    open_from = horizon;
                    break;
                }
                step = step => step?,
            }
        }
        if let Some(open) = open_from {
            found.runs.retain(|(Reverse(start), _), _| *start > open);
            self.confirm(snapshot, project, needle, &mut found, limit).await?;
        }
        let Found { runs, mut matches, .. } = found;
        let with_matches = |run: Run| matches.remove(&run.trace_id).map(|matches| (run, matches));
        Ok(Outcome { found: runs.into_values().take(limit).filter_map(with_matches).collect(), open_from })
    }

    /// Looks through the next texts, and finds the runs of what is in them.
    async fn step(
        &self,
        scan: &mut Scan,
        found: &mut Found,
        snapshot: &Snapshot,
        project: &str,
        passes: &Expr,
    ) -> Result<(), QueryError> {
        let Some(hits) = scan.next().await? else { return Ok(()) };
        let mut new: BTreeSet<TraceId> = BTreeSet::new();
        for hit in hits {
            if found.known.insert(hit.trace_id) {
                new.insert(hit.trace_id);
            }
            found.hits.entry(hit.trace_id).or_default().push(hit);
        }
        if new.is_empty() {
            return Ok(());
        }
        let runs = self.runs_of(snapshot, project, passes.clone(), &new).await?;
        runs.iter().for_each(|run| _ = new.remove(&run.trace_id));
        found.runs.extend(runs.into_iter().map(|run| ((Reverse(run.start), run.trace_id), run)));
        if new.is_empty() {
            return Ok(());
        }
        // What has no run of its own, filtered out or not, is part of another's.
        for run in self.runs_of(snapshot, project, lit(true), &new).await? {
            new.remove(&run.trace_id);
        }
        for part in new {
            let spans = self.store.trace_narrow(project, part).await?;
            let linked = self.store.linked(project, part, &spans).await?;
            let others: BTreeSet<TraceId> = linked.iter().map(|span| span.trace_id).collect();
            if others.is_empty() {
                continue;
            }
            for run in self.runs_of(snapshot, project, passes.clone(), &others).await? {
                found.parts.entry(run.trace_id).or_default().push(part);
                found.runs.insert((Reverse(run.start), run.trace_id), run);
            }
        }
        Ok(())
    }

    /// The runs of these traces that a condition lets through.
    async fn runs_of(
        &self,
        snapshot: &Snapshot,
        project: &str,
        passes: Expr,
        traces: &BTreeSet<TraceId>,
    ) -> Result<Vec<Run>, QueryError> {
        let traces = traces.iter().map(|trace| lit(trace.to_string())).collect();
        let frame = self
            .table(snapshot, Table::Runs, project)?
            .filter(passes.and(col("trace_id").in_list(traces, false)))
            .map_err(sql::errors::convert)?;
        collect_runs(snapshot, frame).await
    }

    /// Finds out what the hits of the first runs are, and drops runs of which nothing is left: a text may have outlived
    /// the span that said it.
    async fn confirm(
        &self,
        snapshot: &Snapshot,
        project: &str,
        needle: &Needle,
        found: &mut Found,
        limit: usize,
    ) -> Result<(), QueryError> {
        // Where a run is dropped, a later one takes its place and has to be looked at as well.
        loop {
            let first = found.runs.values().take(limit).map(|run| run.trace_id);
            let asked: Vec<TraceId> = first.filter(|trace| !found.matches.contains_key(trace)).collect();
            if asked.is_empty() {
                return Ok(());
            }
            let traces = |run: &TraceId| {
                let parts = found.parts.get(run).into_iter().flatten();
                std::iter::once(run).chain(parts).copied().collect::<Vec<_>>()
            };
            let of: Vec<(TraceId, Vec<TraceId>)> = asked.iter().map(|run| (*run, traces(run))).collect();
            let said = of.iter().flat_map(|(_, traces)| traces).filter_map(|trace| found.hits.get(trace));
            let hits: Vec<Hit> = said.flatten().cloned().collect();
            let mut explained = snapshot.explain(project, needle, &hits).await?;
            for (run, traces) in of {
                let matches: Vec<Match> = traces.iter().filter_map(|trace| explained.remove(trace)).flatten().collect();
                if !matches.is_empty() {
                    found.matches.insert(run, matches);
                }
            }
            let gone: HashSet<TraceId> = asked.into_iter().filter(|trace| !found.matches.contains_key(trace)).collect();
            found.runs.retain(|(_, trace), _| !gone.contains(trace));
        }
    }

    /// No run that passes said anything after this time; `None` where no run passes.
    async fn latest_end(
        &self,
        snapshot: &Snapshot,
        project: &str,
        passes: Expr,
    ) -> Result<Option<Timestamp>, QueryError> {
        let running = col("status").eq(lit(RunStatus::Running.as_str()));
        let end = case(running)
            .when(lit(true), exprs::time(Timestamp::from_nanos(i64::MAX)))
            .otherwise(coalesce(vec![col("ended_at"), col("started_at")]))
            .map_err(sql::errors::convert)?;
        let batches = self
            .table(snapshot, Table::Runs, project)?
            .filter(passes)
            .and_then(|frame| frame.aggregate(Vec::new(), vec![max(end).alias("latest")]))
            .map_err(sql::errors::convert)?
            .collect()
            .await
            .map_err(sql::errors::convert)?;
        let latest = batches.iter().find(|batch| batch.num_rows() > 0).map(|batch| {
            datafusion::common::ScalarValue::try_from_array(batch.column(0), 0).map_err(sql::errors::convert)
        });
        match latest.transpose()? {
            Some(datafusion::common::ScalarValue::TimestampNanosecond(Some(latest), _)) => {
                Ok(Some(Timestamp::from_nanos(latest.saturating_add(LATE_NANOS))))
            }
            _ => Ok(None),
        }
    }
}

impl Found {
    /// Whether the first `limit` runs are known: nothing that is still to be looked through can belong to an earlier one.
    fn complete(&self, limit: usize, horizon: Option<Timestamp>) -> bool {
        let Some(horizon) = horizon else { return true };
        self.runs.keys().nth(limit - 1).is_some_and(|(Reverse(start), _)| *start > horizon)
    }
}
