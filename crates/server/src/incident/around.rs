//! What is around an issue: when it began this time, which runs it hit and what they cost, which other issues hit the same runs.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Timestamp, TraceId, Usd};
use signals::detect::DRIFT;
use state::rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::findings::ask::{self, Filter, Issue, IssueSort};
use crate::money::kept;

/// An issue that was quiet for so long is over, and begins anew with the next finding: 24 hours.
const QUIET: i64 = 24 * 3_600 * 1_000_000_000;
/// Other issues named.
const RELATED: usize = 20;

/// Where an issue began this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onset {
    /// When.
    pub at: Timestamp,
    /// The first run that shows it.
    pub first: TraceId,
    /// What changed by then may be behind it: what the first run itself shows of its agent is among that.
    pub until: Timestamp,
    /// It is a drift: every run since then does otherwise, and only the one that made it certain has a finding.
    pub is_drift: bool,
}

/// Where the issue began this time; `None` where no finding of it is kept any more.
///
/// # Errors
/// When the state cannot be read.
pub fn onset(connection: &Connection, project: &str, fingerprint: &str) -> Result<Option<Onset>> {
    let mut query = connection.prepare_cached(
        "SELECT at, trace, number FROM findings WHERE project = ?1 AND fingerprint = ?2 ORDER BY at DESC",
    )?;
    let mut rows = query.query([project, fingerprint])?;
    let mut oldest: Option<(Timestamp, TraceId, i64)> = None;
    while let Some(row) = rows.next()? {
        let (at, trace, number): (i64, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let at = Timestamp::from_nanos(at);
        if oldest.is_some_and(|(later, ..)| later.nanos_since(at) > QUIET) {
            break;
        }
        oldest = TraceId::from_slice(&trace).ok().map(|trace| (at, trace, number)).or(oldest);
    }
    let Some((at, first, number)) = oldest else { return Ok(None) };
    let of_drift = onset_of_drift(connection, project, number)?;
    Ok(Some(of_drift.unwrap_or(Onset { at, first, until: at, is_drift: false })))
}

/// Where the drift began that a finding tells of; `None` where it tells of something else.
fn onset_of_drift(connection: &Connection, project: &str, number: i64) -> Result<Option<Onset>> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM findings WHERE number = ?1 AND detector = ?2")?
        .query_row(params![number, DRIFT], |row| row.get(0))
        .optional()?;
    // Written by this program: it reads back.
    let Some(finding) = body.and_then(|body| serde_json::from_str::<Finding>(&body).ok()) else { return Ok(None) };
    let said = |name: &str| finding.evidence.get(name).and_then(serde_json::Value::as_str);
    let at = said("onset_at").and_then(Timestamp::parse_rfc3339);
    let first = said("onset_trace_id").and_then(|text| text.parse::<TraceId>().ok());
    let Some((at, first)) = at.zip(first) else { return Ok(None) };
    let end: Option<i64> = connection
        .prepare_cached("SELECT at FROM findings_runs WHERE project = ?1 AND trace = ?2")?
        .query_row(params![project, first.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Some(Onset { at, first, until: end.map_or(at, Timestamp::from_nanos).max(at), is_drift: true }))
}

/// A run that an issue hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The run.
    pub trace: TraceId,
    /// When the first of its findings happened; of a drift when it ended.
    pub at: Timestamp,
    /// End user.
    pub user: Option<String>,
    /// Conversation.
    pub session: Option<String>,
    /// Environment.
    pub environment: String,
    /// Agent.
    pub agent: String,
    /// Version.
    pub version: Option<String>,
    /// The gravest severity among its findings of the issue.
    pub severity: String,
    /// What the run cost, as the ledger has it; `None` where nobody knows.
    pub cost: Option<Usd>,
}

/// Runs that an issue hit since `from`, in the order of time: those with a finding of it, of a drift all of its agent until it was quiet for a day.
///
/// # Errors
/// When the state cannot be read.
pub fn hit(connection: &Connection, project: &str, issue: &Issue, from: Timestamp, is_drift: bool) -> Result<Vec<Hit>> {
    let rows: Vec<Option<Hit>> = if is_drift {
        let mut query = connection.prepare_cached(
            "SELECT it.trace, it.at, r.user, r.session, coalesce(r.environment, ?5), it.agent, r.version, ?6, 0,
                    (SELECT sum(pico) FROM money_entries WHERE run = r.id)
             FROM findings_runs AS it LEFT JOIN money_runs r ON r.project = it.project AND r.trace = it.trace
             WHERE it.project = ?1 AND it.agent = ?2 AND it.at >= ?3 AND it.at < ?4 AND coalesce(r.environment, ?5) = ?5
             ORDER BY 2, 1",
        )?;
        let until = issue.last_seen.plus_nanos(QUIET).as_nanos();
        query
            .query_map(
                params![project, issue.agent, from.as_nanos(), until, issue.environment, issue.severity],
                hit_of,
            )?
            .collect::<Result<_>>()?
    } else {
        // With one `max`, SQLite takes the columns that are not aggregated from the row that has it.
        let mut query = connection.prepare_cached(
            "SELECT f.trace, min(f.at), coalesce(f.user, r.user), r.session, f.environment, f.agent, coalesce(f.version, r.version), f.severity,
                    max(CASE f.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END),
                    (SELECT sum(pico) FROM money_entries WHERE run = r.id)
             FROM findings f LEFT JOIN money_runs r ON r.project = f.project AND r.trace = f.trace
             WHERE f.project = ?1 AND f.fingerprint = ?2 AND f.at >= ?3 GROUP BY f.trace ORDER BY 2, 1",
        )?;
        query.query_map(params![project, issue.fingerprint, from.as_nanos()], hit_of)?.collect::<Result<_>>()?
    };
    Ok(rows.into_iter().flatten().collect())
}

/// A row of [`hit`]; `None` where its run has no id.
fn hit_of(row: &Row<'_>) -> Result<Option<Hit>> {
    let trace: Vec<u8> = row.get(0)?;
    let Ok(trace) = TraceId::from_slice(&trace) else { return Ok(None) };
    Ok(Some(Hit {
        trace,
        at: Timestamp::from_nanos(row.get(1)?),
        user: row.get(2)?,
        session: row.get(3)?,
        environment: row.get(4)?,
        agent: row.get(5)?,
        version: row.get(6)?,
        severity: row.get(7)?,
        cost: row.get::<_, Option<i64>>(9)?.map(kept::usd),
    }))
}

/// What the runs that were hit come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Runs.
    pub runs: u64,
    /// End users.
    pub users: u64,
    /// Conversations.
    pub sessions: u64,
    /// What they cost together.
    pub cost: Usd,
    /// Runs of which nobody knows what they cost.
    pub unpriced_runs: u64,
    /// Users with their runs and what these cost, those with most runs first.
    pub by_user: Vec<(String, u64, Usd)>,
}

impl Sums {
    /// Sums up; at most `users` users are named.
    pub fn of(hit: &[Hit], users: usize) -> Self {
        let mut by_user: BTreeMap<&str, (u64, Usd)> = BTreeMap::new();
        let mut sums = Self { runs: hit.len() as u64, ..Self::default() };
        let sessions: BTreeSet<&str> = hit.iter().filter_map(|run| run.session.as_deref()).collect();
        for run in hit {
            let cost = run.cost.unwrap_or_default();
            sums.cost = sums.cost.plus(cost);
            sums.unpriced_runs += u64::from(run.cost.is_none());
            if let Some(user) = &run.user {
                let of = by_user.entry(user).or_default();
                *of = (of.0 + 1, of.1.plus(cost));
            }
        }
        (sums.users, sums.sessions) = (by_user.len() as u64, sessions.len() as u64);
        sums.by_user = by_user.into_iter().map(|(user, (runs, cost))| (user.to_owned(), runs, cost)).collect();
        sums.by_user.sort_by(|a, b| (b.1, b.2, &a.0).cmp(&(a.1, a.2, &b.0)));
        sums.by_user.truncate(users);
        sums
    }
}

/// Other issues that hit the same runs, with how many of them, most first.
///
/// # Errors
/// When the state cannot be read.
pub fn related(connection: &Connection, project: &str, fingerprint: &str, hit: &[Hit]) -> Result<Vec<(Issue, u64)>> {
    let traces: Vec<String> = hit.iter().map(|run| run.trace.to_string()).collect();
    let mut query = connection.prepare_cached(
        "SELECT fingerprint, count(DISTINCT trace) FROM findings WHERE project = ?1 AND fingerprint <> ?2
         AND trace IN (SELECT unhex(value) FROM json_each(?3)) GROUP BY fingerprint ORDER BY 2 DESC, 1 LIMIT ?4",
    )?;
    let traces = serde_json::Value::from(traces).to_string();
    let rows = query.query_map(params![project, fingerprint, traces, RELATED as i64], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (other, runs) = row?;
        let filter = Filter { fingerprint: Some(other), ..Filter::default() };
        let issue = ask::issues(connection, project, &filter, IssueSort::default(), None, 1)?.into_iter().next();
        found.extend(issue.map(|issue| (issue, runs)));
    }
    Ok(found)
}
