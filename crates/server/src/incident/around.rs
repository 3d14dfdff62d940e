//! What is around an issue: when it began this time, which runs it hit and what they cost, which other issues hit the same runs.

use std::collections::{BTreeMap, BTreeSet};

use model::{Timestamp, TraceId, Usd};
use state::rusqlite::{Connection, Result, params};

use crate::findings::ask::{self, Filter, Issue};
use crate::money::kept;

/// An issue that was quiet for so long began anew with the finding after that: 24 hours.
const QUIET: i64 = 24 * 3_600 * 1_000_000_000;
/// Other issues named.
const RELATED: usize = 20;

/// When the issue began this time, and with which run; `None` where no finding of it is kept any more.
pub fn onset(connection: &Connection, project: &str, fingerprint: &str) -> Result<Option<(Timestamp, TraceId)>> {
    let mut query = connection
        .prepare_cached("SELECT at, trace FROM findings WHERE project = ?1 AND fingerprint = ?2 ORDER BY at DESC")?;
    let mut rows = query.query([project, fingerprint])?;
    let mut onset: Option<(Timestamp, TraceId)> = None;
    while let Some(row) = rows.next()? {
        let (at, trace): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let at = Timestamp::from_nanos(at);
        if onset.is_some_and(|(later, _)| later.nanos_since(at) > QUIET) {
            break;
        }
        onset = TraceId::from_slice(&trace).ok().map(|trace| (at, trace)).or(onset);
    }
    Ok(onset)
}

/// A run that an issue hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The run.
    pub trace: TraceId,
    /// When the first of its findings happened.
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

/// Runs that an issue hit since `from`, in the order of time.
pub fn hit(connection: &Connection, project: &str, fingerprint: &str, from: Timestamp) -> Result<Vec<Hit>> {
    // With one `max`, SQLite takes the columns that are not aggregated from the row that has it.
    let mut query = connection.prepare_cached(
        "SELECT f.trace, min(f.at), coalesce(f.user, r.user), r.session, f.environment, f.agent, coalesce(f.version, r.version), f.severity,
                max(CASE f.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END),
                (SELECT sum(pico) FROM money_calls WHERE run = r.id)
         FROM findings f LEFT JOIN money_runs r ON r.project = f.project AND r.trace = f.trace
         WHERE f.project = ?1 AND f.fingerprint = ?2 AND f.at >= ?3 GROUP BY f.trace ORDER BY 2, 1",
    )?;
    let rows = query.query_map(params![project, fingerprint, from.as_nanos()], |row| {
        let trace: Vec<u8> = row.get(0)?;
        Ok(TraceId::from_slice(&trace).ok().zip(Some(Hit {
            trace: TraceId::from_array([1; 16]),
            at: Timestamp::from_nanos(row.get(1)?),
            user: row.get(2)?,
            session: row.get(3)?,
            environment: row.get(4)?,
            agent: row.get(5)?,
            version: row.get(6)?,
            severity: row.get(7)?,
            cost: row.get::<_, Option<i64>>(9)?.map(kept::usd),
        })))
    })?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok(rows.into_iter().flatten().map(|(trace, hit)| Hit { trace, ..hit }).collect())
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
pub fn related(
    connection: &Connection,
    project: &str,
    fingerprint: &str,
    from: Timestamp,
) -> Result<Vec<(Issue, u64)>> {
    let mut query = connection.prepare_cached(
        "SELECT fingerprint, count(DISTINCT trace) FROM findings WHERE project = ?1 AND fingerprint <> ?2
         AND trace IN (SELECT trace FROM findings WHERE project = ?1 AND fingerprint = ?2 AND at >= ?3)
         GROUP BY fingerprint ORDER BY 2 DESC, 1 LIMIT ?4",
    )?;
    let rows = query.query_map(params![project, fingerprint, from.as_nanos(), RELATED as i64], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (other, runs) = row?;
        let filter = Filter { fingerprint: Some(other), ..Filter::default() };
        let issue = ask::issues(connection, project, &filter, None, 1)?.into_iter().next();
        found.extend(issue.map(|issue| (issue, runs)));
    }
    Ok(found)
}
