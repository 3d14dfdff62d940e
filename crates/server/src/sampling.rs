//! Sampling: which settled runs stay, and dropping the others.
//!
//! The judge is the last of all: whatever counts runs has counted this one before. It notes what is to go and when. A task takes the
//! rows of those out of the store (`store::Store::take_out`) once their time has come, unless something refers to them by then or
//! a hold is on them. What was dropped is counted by project and day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{Run, RunStatus, Timestamp, TraceId};
use policy::sampling::{Decision, Facts, Sampling, Why};
use state::Part;
use state::rusqlite::{self, Connection, OptionalExtension, Transaction, params};

use crate::api::types::Problem;
use crate::app::App;
use crate::doors;
use crate::erasure::holds;
use crate::watch::judge::{Case, Judge, JudgeError};

/// Runs that are dropped at once.
const DROP_RUNS: usize = 5_000;
/// How often it is looked for runs whose time has come.
const CHECK: Duration = Duration::from_secs(5);
/// Versions of agents that are remembered; further ones are new for ever, and their runs kept.
const VERSIONS_MAX: i64 = 50_000;
const HOUR: u64 = 3_600_000_000_000;
const DAY: i64 = 86_400_000_000_000;

/// The tables.
pub const PART: Part = Part {
    name: "sampling",
    migrations: &["
        CREATE TABLE sampling_waiting (
            project TEXT NOT NULL, trace BLOB NOT NULL, due INTEGER NOT NULL, PRIMARY KEY (project, trace)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sampling_by_due ON sampling_waiting (due);
        CREATE TABLE sampling_versions (
            project TEXT NOT NULL, agent TEXT NOT NULL, version TEXT NOT NULL, runs INTEGER NOT NULL,
            PRIMARY KEY (project, agent, version)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE sampling_counts (
            project TEXT NOT NULL, day INTEGER NOT NULL, what TEXT NOT NULL, runs INTEGER NOT NULL, rows INTEGER NOT NULL,
            PRIMARY KEY (project, day, what)
        ) STRICT, WITHOUT ROWID;
    "],
};

/// Decides about settled runs.
pub struct SamplingJudge(Arc<Sampling>);

impl SamplingJudge {
    /// A judge by these rules.
    pub fn new(rules: Arc<Sampling>) -> Self {
        Self(rules)
    }
}

impl Judge for SamplingJudge {
    fn name(&self) -> &'static str {
        "sampling"
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let run = case.run;
        let (project, trace) = (&*run.tenant.project, run.trace_id);
        let facts = Facts {
            lowest_score: case.scores.iter().filter_map(|score| score.value).reduce(f64::min),
            findings: has_findings(tx, project, trace)?,
            version_runs: version_runs(tx, run, case.before.is_none())?,
            ..facts(run)
        };
        let decision = self.0.decide(project, &run.tenant.environment, trace, &facts);
        let traces: BTreeSet<TraceId> = case.steps.iter().map(|step| step.span.trace_id).chain([trace]).collect();
        let word = match decision {
            Decision::Keep(why) => {
                let mut keep = tx.prepare_cached("DELETE FROM sampling_waiting WHERE project = ?1 AND trace = ?2")?;
                for trace in traces {
                    keep.execute(params![project, trace.as_bytes()])?;
                }
                why.as_str()
            }
            Decision::DropAfterHours(hours) => {
                let wait = i64::try_from(hours.saturating_mul(HOUR)).unwrap_or(i64::MAX);
                let due = case.now.plus_nanos(wait).as_nanos();
                let mut put = tx.prepare_cached("INSERT OR REPLACE INTO sampling_waiting VALUES (?1, ?2, ?3)")?;
                for trace in traces {
                    put.execute(params![project, trace.as_bytes(), due])?;
                }
                "to drop"
            }
        };
        if case.before.is_none() {
            count(tx, project, case.now, word, 1, 0)?;
        }
        Ok(())
    }
}

/// What a run says of itself.
fn facts(run: &Run) -> Facts {
    Facts {
        failed: matches!(run.status, RunStatus::Error | RunStatus::Abandoned) || run.errors > 0,
        steps: run.kinds.total().into(),
        duration_ms: run.duration_ms,
        cost_usd: run.cost.map(|cost| cost.as_f64()),
        ..Facts::default()
    }
}

fn has_findings(conn: &Connection, project: &str, trace: TraceId) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM findings WHERE project = ?1 AND trace = ?2)";
    conn.prepare_cached(query)?.query_row(params![project, trace.as_bytes()], |row| row.get(0))
}

/// Runs of this version of its agent seen before; counts this one where it is `new`.
fn version_runs(tx: &Transaction<'_>, run: &Run, new: bool) -> rusqlite::Result<Option<u64>> {
    let Some(version) = run.agent_version.as_deref() else { return Ok(None) };
    let agent = run.agent_or_service().unwrap_or_default();
    let key = (&*run.tenant.project, agent, version);
    let before: Option<i64> = tx
        .prepare_cached("SELECT runs FROM sampling_versions WHERE project = ?1 AND agent = ?2 AND version = ?3")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    if new {
        let known: i64 = match before {
            Some(_) => 0,
            None => tx.prepare_cached("SELECT count(*) FROM sampling_versions")?.query_row([], |row| row.get(0))?,
        };
        if known < VERSIONS_MAX {
            tx.prepare_cached(
                "INSERT INTO sampling_versions VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET runs = runs + 1",
            )?
            .execute(key)?;
        }
    }
    Ok(Some(before.unwrap_or(0).cast_unsigned()))
}

fn count(
    tx: &Transaction<'_>,
    project: &str,
    now: Timestamp,
    what: &str,
    runs: u64,
    rows: u64,
) -> rusqlite::Result<()> {
    let day = now.as_nanos().div_euclid(DAY) * DAY;
    tx.prepare_cached(
        "INSERT INTO sampling_counts VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, rows = rows + excluded.rows",
    )?
    .execute(params![project, day, what, runs.cast_signed(), rows.cast_signed()])
    .map(drop)
}

/// What sampling did in a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Settled runs that were decided about, by what became of them: why they are kept, `to drop`, `dropped`.
    pub runs: BTreeMap<String, u64>,
    /// Rows that were dropped.
    pub rows_dropped: u64,
    /// Traces that wait to be dropped.
    pub waiting: u64,
}

/// What sampling did in a project, since its beginning.
///
/// # Errors
/// What SQLite says.
pub fn counts(conn: &Connection, project: &str) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    let mut query =
        conn.prepare_cached("SELECT what, sum(runs), sum(rows) FROM sampling_counts WHERE project = ?1 GROUP BY what")?;
    let mut rows = query.query([project])?;
    while let Some(row) = rows.next()? {
        counts.runs.insert(row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
        counts.rows_dropped += row.get::<_, i64>(2)?.cast_unsigned();
    }
    let waiting = "SELECT count(*) FROM sampling_waiting WHERE project = ?1";
    counts.waiting = conn.prepare_cached(waiting)?.query_row([project], |row| row.get::<_, i64>(0))?.cast_unsigned();
    Ok(counts)
}

/// Dropped runs and rows of all projects, for metrics.
///
/// # Errors
/// What SQLite says.
pub fn dropped(conn: &Connection) -> rusqlite::Result<Vec<(String, u64, u64)>> {
    let mut query = conn.prepare_cached(
        "SELECT project, sum(runs), sum(rows) FROM sampling_counts WHERE what = 'dropped' GROUP BY project ORDER BY project",
    )?;
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?.cast_unsigned()))
    })?;
    rows.collect()
}

/// Drops runs whose time has come; ends when the store does.
pub async fn run(app: Arc<App>) {
    if app.settings.sampling.is_none() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(CHECK).await;
        let trouble = match drop_due(&app).await {
            // There may be more.
            Ok(true) => continue,
            Ok(false) => None,
            Err(problem) => Some(format!("runs that sampling drops are still there: {}", problem.detail)),
        };
        app.troubles.set("sampling", trouble);
    }
}

/// Drops some of the runs whose time has come; whether there may be more.
pub async fn drop_due(app: &App) -> Result<bool, Problem> {
    let Ok(opened) = app.opened() else { return Ok(false) };
    let (now, state) = (app.now(), opened.state.clone());
    let due = doors::blocking(move || state.write(|tx| take_due(tx, now))).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let held = holds::held(app).await?;
    let more = due.values().map(BTreeSet::len).sum::<usize>() >= DROP_RUNS;
    let mut dropped_any = false;
    for (project, mut traces) in due {
        if held.projects.contains(&project) {
            continue;
        }
        if let Some(held) = held.traces.get(&project) {
            traces.retain(|trace| !held.contains(trace));
        }
        let taken = opened.store.take_out(&project, traces.clone()).await?;
        dropped_any |= !taken.traces.is_empty();
        let (now, state, own) = (app.now(), opened.state.clone(), project.clone());
        let keep = move |tx: &Transaction<'_>| {
            let mut done = tx.prepare_cached("DELETE FROM sampling_waiting WHERE project = ?1 AND trace = ?2")?;
            for trace in &taken.traces {
                done.execute(params![own, trace.as_bytes()])?;
            }
            let runs = taken.rows.get("runs").copied().unwrap_or(0);
            if taken.traces.is_empty() {
                Ok(())
            } else {
                count(tx, &own, now, "dropped", runs, taken.rows.values().sum())
            }
        };
        doors::blocking(move || state.write(keep)).await?;
    }
    Ok(more && dropped_any)
}

/// Traces whose time has come, by project; those that something refers to by now stay.
fn take_due(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<BTreeMap<String, BTreeSet<TraceId>>> {
    let mut query =
        tx.prepare_cached("SELECT project, trace FROM sampling_waiting WHERE due <= ?1 ORDER BY due LIMIT ?2")?;
    let rows = query.query_map(params![now.as_nanos(), DROP_RUNS as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, [u8; 16])> = rows.collect::<rusqlite::Result<_>>()?;
    let mut due: BTreeMap<String, BTreeSet<TraceId>> = BTreeMap::new();
    for (project, bytes) in rows {
        let trace = TraceId::from_array(bytes);
        if is_cited(tx, &project, trace)? {
            tx.prepare_cached("DELETE FROM sampling_waiting WHERE project = ?1 AND trace = ?2")?
                .execute(params![project, bytes])?;
            count(tx, &project, now, Why::Cited.as_str(), 1, 0)?;
            continue;
        }
        due.entry(project).or_default().insert(trace);
    }
    Ok(due)
}

/// Whether findings, issues, alerts or what people did refer to a run: somebody will want to look at it.
fn is_cited(conn: &Connection, project: &str, trace: TraceId) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM findings WHERE project = ?1 AND trace = ?2)
        OR EXISTS (SELECT 1 FROM findings_issues WHERE project = ?1 AND last_trace = ?2)
        OR EXISTS (SELECT 1 FROM findings_marks WHERE project = ?1 AND trace = ?2)
        OR EXISTS (SELECT 1 FROM alerts_evidence WHERE instr(evidence, ?3) > 0)
        OR EXISTS (SELECT 1 FROM alerts_given WHERE instr(alert, ?3) > 0)
        OR EXISTS (SELECT 1 FROM alerts_events WHERE instr(labels, ?3) > 0 OR instr(detail, ?3) > 0)
        OR EXISTS (SELECT 1 FROM audit_log WHERE action <> 'view' AND instr(target, ?3) > 0)";
    conn.prepare_cached(query)?.query_row(params![project, trace.as_bytes(), trace.to_string()], |row| row.get(0))
}

/// What rules would do with the runs of a project since a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Settled runs looked at, the newest.
    pub runs: u64,
    /// Runs by what would become of them: why they are kept, or `drop`.
    pub by: BTreeMap<&'static str, u64>,
    /// Whether there were more runs than are looked at.
    pub more: bool,
}

/// Runs a trial looks at.
pub const TRIED_MAX: usize = 100_000;

/// Tries rules on history, as if each run had just settled. What alerts refer to is not looked up.
///
/// # Errors
/// When the history cannot be read.
pub async fn attempt(app: &App, rules: &Sampling, since: Timestamp) -> Result<Tried, Problem> {
    let project = app.project();
    // In the order in which versions appeared.
    let text = format!(
        "SELECT trace_id, environment, status, errors, steps, duration_ms, CAST(cost_usd AS DOUBLE), coalesce(agent, service, ''),
                agent_version
         FROM runs WHERE status <> 'running' AND started_at >= '{since}' ORDER BY started_at DESC"
    );
    let limits = query::SqlLimits { rows: TRIED_MAX, ..query::SqlLimits::default() };
    let own = Arc::clone(&project);
    let answer = app.ask_sql(|engine| async move { engine.sql(&own, &text, limits).await }).await?;
    let (own, state) = (Arc::clone(&project), app.doors.state().clone());
    let found: BTreeSet<[u8; 16]> = doors::blocking(move || {
        state.read(|conn| {
            let mut query = conn.prepare_cached("SELECT DISTINCT trace FROM findings WHERE project = ?1")?;
            query.query_map([&*own], |row| row.get(0))?.collect()
        })
    })
    .await?;
    let scores = lowest_scores(app, &project, since).await?;
    let mut tried = Tried { more: answer.truncated, ..Tried::default() };
    let mut versions: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in answer.rows.iter().rev() {
        let text = |at: usize| row.get(at).and_then(|cell| cell.as_str()).unwrap_or_default();
        let number = |at: usize| row.get(at).and_then(|cell| cell.as_f64());
        let Ok(trace) = text(0).parse::<TraceId>() else { continue };
        let version = row.get(8).and_then(|cell| cell.as_str()).map(|version| {
            let seen = versions.entry((text(7).to_owned(), version.to_owned())).or_default();
            *seen += 1;
            *seen - 1
        });
        let facts = Facts {
            failed: matches!(text(2), "error" | "abandoned") || number(3).unwrap_or(0.0) > 0.0,
            findings: found.contains(trace.as_bytes()),
            steps: number(4).unwrap_or(0.0) as u64,
            duration_ms: number(5).unwrap_or(0.0),
            cost_usd: number(6),
            lowest_score: scores.get(&trace).copied(),
            version_runs: version,
            cited: false,
        };
        tried.runs += 1;
        let word = match rules.decide(&project, text(1), trace, &facts) {
            Decision::Keep(why) => why.as_str(),
            Decision::DropAfterHours(_) => "drop",
        };
        *tried.by.entry(word).or_default() += 1;
    }
    Ok(tried)
}

/// The lowest score of each trace that was given one since a time.
async fn lowest_scores(app: &App, project: &Arc<str>, since: Timestamp) -> Result<BTreeMap<TraceId, f64>, Problem> {
    let text = format!(
        "SELECT trace_id, attributes FROM logs
         WHERE event_name = '{}' AND trace_id IS NOT NULL AND time >= '{since}' ORDER BY time DESC",
        receivers::EVALUATION
    );
    let limits = query::SqlLimits { rows: TRIED_MAX, ..query::SqlLimits::default() };
    let own = Arc::clone(project);
    let answer = app.ask_sql(|engine| async move { engine.sql(&own, &text, limits).await }).await?;
    let mut lowest: BTreeMap<TraceId, f64> = BTreeMap::new();
    for row in &answer.rows {
        let text = |at: usize| row.get(at).and_then(|cell| cell.as_str()).unwrap_or_default();
        let (Ok(trace), Ok(attributes)) = (text(0).parse(), store::decode_attributes(text(1), &|_| None)) else {
            continue;
        };
        if let Some(value) = attributes.get(receivers::SCORE_VALUE).and_then(model::Value::as_f64) {
            lowest.entry(trace).and_modify(|least| *least = least.min(value)).or_insert(value);
        }
    }
    Ok(lowest)
}
