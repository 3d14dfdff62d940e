//! Service levels in the state: which runs broke a promise, and by hour how many kept it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use signals::money::hour_of;
use signals::money::sla::{Kept, Promises};
use state::rusqlite::{self, Connection, OptionalExtension, Transaction, params};

use crate::watch::judge::Case;

/// The objective that stands for all of them together.
pub const ALL: &str = "all";

/// One broken promise, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Which part of it.
    pub objective: String,
    /// What was promised.
    pub promised: String,
    /// What came of it.
    pub was: String,
}

/// A run that was held against a promise.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedRun {
    /// The run.
    pub trace: TraceId,
    /// When it began.
    pub at: Timestamp,
    /// What it broke.
    pub broken: Vec<Broken>,
}

/// What was said of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The workflow.
    pub workflow: Arc<str>,
    /// Each objective, [`ALL`] among them, and whether it was kept.
    pub objectives: Vec<(&'static str, bool)>,
}

/// Holds a settled run against its promise, in place of what was said of it before; `None` where no promise concerns it.
pub fn judge(tx: &Transaction<'_>, promises: &Promises, case: &Case<'_>) -> rusqlite::Result<Option<Judged>> {
    let (run, project) = (case.run, &case.run.tenant.project);
    take_back(tx, project, run.trace_id)?;
    let Some(promise) = promises.of(run) else { return Ok(None) };
    let broken: Vec<Broken> = promise
        .breaches(run)
        .into_iter()
        .map(|breach| Broken { objective: breach.objective.into(), promised: breach.promised, was: breach.was })
        .collect();
    let kept = |objective: &str| !broken.iter().any(|broken| broken.objective == objective);
    let mut objectives: Vec<(&str, bool)> =
        promise.objectives().into_iter().map(|objective| (objective, kept(objective))).collect();
    let named = objectives.iter().map(|(objective, _)| (*objective).to_owned()).collect();
    objectives.push((ALL, broken.is_empty()));
    for (objective, good) in &objectives {
        count(tx, project, &promise.workflow, run.start, objective, 1, i64::from(*good))?;
    }
    let judged = Row { objectives: named, broken };
    tx.prepare_cached(
        "INSERT INTO money_sla_runs (project, trace, workflow, at, judged, breaches) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        project,
        run.trace_id.as_bytes(),
        promise.workflow,
        run.start.as_nanos(),
        case.now.as_nanos(),
        serde_json::to_string(&judged).unwrap_or_default(),
    ])?;
    Ok(Some(Judged { workflow: promise.workflow.clone(), objectives }))
}

/// What is kept of a run: what it was held against, so that it can be taken back, and what it broke.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Row {
    objectives: Vec<String>,
    broken: Vec<Broken>,
}

/// Takes back what was said of a run.
pub fn take_back(tx: &Transaction<'_>, project: &str, trace: TraceId) -> rusqlite::Result<()> {
    let old: Option<(String, i64, String)> = tx
        .prepare_cached(
            "DELETE FROM money_sla_runs WHERE project = ?1 AND trace = ?2 RETURNING workflow, at, breaches",
        )?
        .query_row(params![project, trace.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((workflow, at, row)) = old else { return Ok(()) };
    let (row, at): (Row, _) = (serde_json::from_str(&row).unwrap_or_default(), Timestamp::from_nanos(at));
    for objective in &row.objectives {
        let good = !row.broken.iter().any(|broken| broken.objective == *objective);
        count(tx, project, &workflow, at, objective, -1, -i64::from(good))?;
    }
    count(tx, project, &workflow, at, ALL, -1, -i64::from(row.broken.is_empty()))
}

fn count(
    tx: &Transaction<'_>,
    project: &str,
    workflow: &str,
    at: Timestamp,
    objective: &str,
    runs: i64,
    good: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO money_sla_hours VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET runs = runs + ?5, good = good + ?6",
    )?
    .execute(params![project, workflow, hour_of(at).as_nanos(), objective, runs, good])
    .map(drop)
}

/// Runs of a workflow since an hour, by objective, all together under [`ALL`].
pub fn kept(
    connection: &Connection,
    project: &str,
    workflow: &str,
    since: Timestamp,
) -> rusqlite::Result<BTreeMap<String, Kept>> {
    let mut query = connection.prepare_cached(
        "SELECT objective, sum(runs), sum(good) FROM money_sla_hours
         WHERE project = ?1 AND workflow = ?2 AND hour >= ?3 GROUP BY objective",
    )?;
    let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(|sum| u64::try_from(sum).unwrap_or(0));
    let rows = query.query_map(params![project, workflow, hour_of(since).as_nanos()], |row| {
        Ok((row.get(0)?, Kept { runs: number(row, 1)?, good: number(row, 2)? }))
    })?;
    rows.collect()
}

/// The latest runs of a workflow that broke its promise.
pub fn broken(connection: &Connection, project: &str, workflow: &str, most: usize) -> rusqlite::Result<Vec<JudgedRun>> {
    let mut query = connection.prepare_cached(
        "SELECT trace, at, breaches FROM money_sla_runs
         WHERE project = ?1 AND workflow = ?2 AND breaches NOT LIKE '%\"broken\":[]%' ORDER BY at DESC LIMIT ?3",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = query.query_map(params![project, workflow, most], judged_run)?;
    rows.collect()
}

/// What a run broke; empty where nothing was promised or all was kept.
pub fn broken_by(connection: &Connection, project: &str, trace: TraceId) -> rusqlite::Result<Vec<Broken>> {
    let mut query =
        connection.prepare_cached("SELECT breaches FROM money_sla_runs WHERE project = ?1 AND trace = ?2")?;
    let kept: Option<String> = query.query_row(params![project, trace.as_bytes()], |row| row.get(0)).optional()?;
    Ok(kept.and_then(|kept| serde_json::from_str::<Row>(&kept).ok()).unwrap_or_default().broken)
}

fn judged_run(row: &rusqlite::Row<'_>) -> rusqlite::Result<JudgedRun> {
    let (trace, kept): ([u8; 16], String) = (row.get(0)?, row.get(2)?);
    let kept: Row = serde_json::from_str(&kept).unwrap_or_default();
    Ok(JudgedRun { trace: TraceId::from_array(trace), at: Timestamp::from_nanos(row.get(1)?), broken: kept.broken })
}
