//! Writing: findings of a run, the issues they belong to, and what was learned.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Run, Timestamp, TraceId};
use signals::detect::baseline::Baseline;
use signals::detect::{DRIFT, Night, SILENCE};
use state::rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::{FINDINGS_MAX, FINDINGS_NANOS, OUTCOMES_MAX};

/// Findings removed in one batch at most: more than are added.
const FORGET_ROWS: i64 = 4_096;

/// Keeps what was seen in a run, in place of what was seen in an earlier state of it. Gives the detectors that saw something new.
pub fn write<'f>(tx: &Transaction<'_>, run: &Run, findings: &'f [Finding], now: Timestamp) -> Result<Vec<&'f str>> {
    let project = &*run.tenant.project;
    let mut before = earlier(tx, project, run.trace_id)?;
    let mut new = Vec::new();
    for finding in findings {
        let known = before.remove(&finding.id).is_some();
        let body = serde_json::to_string(finding).unwrap_or_default();
        let agent = run.agent.as_deref().or(run.service.as_deref()).unwrap_or_default();
        tx.prepare_cached(
            "INSERT INTO findings (id, project, environment, detector, severity, trace, fingerprint, at, agent, version, user, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, at = excluded.at, body = excluded.body",
        )?
        .execute(params![
            finding.id,
            project,
            &*run.tenant.environment,
            finding.detector,
            finding.severity.as_str(),
            finding.trace_id.as_bytes(),
            finding.fingerprint,
            finding.at.as_nanos(),
            agent,
            run.agent_version.as_deref(),
            run.user_id.as_deref(),
            body,
        ])?;
        issue(tx, run, finding, agent, i64::from(!known), now)?;
        if !known {
            new.push(&*finding.detector);
            tx.prepare_cached(
                "INSERT INTO findings_counts VALUES (?1, ?2, 1) ON CONFLICT (detector, severity) DO UPDATE SET count = count + 1",
            )?
            .execute(params![finding.detector, finding.severity.as_str()])?;
        }
    }
    // A late span has shown that it was not so.
    remove(tx, project, before)
}

/// Takes back what was seen in a trace that is no run of its own any more.
pub fn take_back(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<()> {
    remove(tx, project, earlier(tx, project, trace)?)
}

fn remove(tx: &Transaction<'_>, project: &str, findings: BTreeMap<String, String>) -> Result<()> {
    for (id, fingerprint) in findings {
        tx.prepare_cached("DELETE FROM findings WHERE id = ?1")?.execute([&id])?;
        tx.prepare_cached(
            "UPDATE findings_issues SET count = max(count - 1, 0) WHERE project = ?1 AND fingerprint = ?2",
        )?
        .execute(params![project, fingerprint])?;
    }
    Ok(new)
}

/// Counts what a run came to.
pub fn count_outcome(tx: &Transaction<'_>, agent: &str, outcome: &str) -> Result<()> {
    let counted = tx
        .prepare_cached("UPDATE findings_outcomes SET count = count + 1 WHERE agent = ?1 AND outcome = ?2")?
        .execute([agent, outcome])?;
    if counted > 0 {
        return Ok(());
    }
    let pairs: i64 = tx.prepare_cached("SELECT count(*) FROM findings_outcomes")?.query_row([], |row| row.get(0))?;
    let (agent, outcome) = if pairs < OUTCOMES_MAX { (agent, outcome) } else { ("other", "other") };
    tx.prepare_cached(
        "INSERT INTO findings_outcomes VALUES (?1, ?2, 1) ON CONFLICT (agent, outcome) DO UPDATE SET count = count + 1",
    )?
    .execute([agent, outcome])
    .map(drop)
}

/// Findings of an earlier state of a run by id, with their fingerprints. Those over many runs stay.
fn earlier(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<BTreeMap<String, String>> {
    let mut query = tx.prepare_cached(
        "SELECT id, fingerprint FROM findings WHERE project = ?1 AND trace = ?2 AND detector NOT IN (?3, ?4)",
    )?;
    let rows =
        query.query_map(params![project, trace.as_bytes(), DRIFT, SILENCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Counts a finding for its issue; one that was resolved before the finding is back.
fn issue(tx: &Transaction<'_>, run: &Run, finding: &Finding, agent: &str, more: i64, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO findings_issues
            (project, fingerprint, detector, severity, environment, agent, message, first_seen, last_seen, count, last_trace, state, owner, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, 'open', NULL, ?11)
         ON CONFLICT (project, fingerprint) DO UPDATE SET
            severity = excluded.severity,
            message = CASE WHEN excluded.last_seen >= last_seen THEN excluded.message ELSE message END,
            last_trace = CASE WHEN excluded.last_seen >= last_seen THEN excluded.last_trace ELSE last_trace END,
            first_seen = min(first_seen, excluded.first_seen),
            count = count + excluded.count,
            changed = CASE WHEN state = 'resolved' AND excluded.last_seen > changed THEN excluded.changed ELSE changed END,
            state = CASE WHEN state = 'resolved' AND excluded.last_seen > changed THEN 'regressed' ELSE state END,
            last_seen = max(last_seen, excluded.last_seen)",
    )?
    .execute(params![
        &*run.tenant.project,
        finding.fingerprint,
        finding.detector,
        finding.severity.as_str(),
        &*run.tenant.environment,
        agent,
        finding.message,
        finding.at.as_nanos(),
        more,
        finding.trace_id.as_bytes(),
        now.as_nanos(),
    ])
    .map(drop)
}

/// Removes the oldest findings where they are too many or too old. Issues stay: they are few, and remember what was decided.
pub fn forget(tx: &Transaction<'_>, now: Timestamp) -> Result<()> {
    let last: i64 =
        tx.prepare_cached("SELECT coalesce(max(number), 0) FROM findings")?.query_row([], |row| row.get(0))?;
    let oldest = now.plus_nanos(-FINDINGS_NANOS).as_nanos();
    tx.prepare_cached(
        "DELETE FROM findings WHERE number IN (SELECT number FROM findings ORDER BY number LIMIT ?1) AND (number <= ?2 OR at < ?3)",
    )?
    .execute(params![FORGET_ROWS, last - FINDINGS_MAX, oldest])
    .map(drop)
}

/// Writes what was learned of some kinds of runs.
pub fn write_learned(tx: &Transaction<'_>, night: &Night, kinds: &BTreeSet<String>) -> Result<()> {
    for (kind, version, baseline) in night.baselines.iter().filter(|(kind, _, _)| kinds.contains(*kind)) {
        let body = serde_json::to_string(baseline).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO findings_learned VALUES (?1, ?2, ?3)")?
            .execute(params![kind, version, body])?;
    }
    for (kind, watch) in night.watches.iter().filter(|(kind, _)| kinds.contains(*kind)) {
        let body = serde_json::to_string(watch).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO findings_streams VALUES (?1, ?2)")?.execute(params![kind, body])?;
    }
    Ok(())
}

/// Reads what was learned. What an older version wrote in another form is left out: it is learned again.
pub fn read_learned(tx: &Transaction<'_>, night: &mut Night) -> Result<()> {
    let mut query = tx.prepare_cached("SELECT kind, version, body FROM findings_learned")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(2)?;
        if let Ok(baseline) = serde_json::from_str::<Baseline>(&body) {
            night.baselines.insert(row.get(0)?, row.get(1)?, baseline);
        }
    }
    let mut query = tx.prepare_cached("SELECT kind, body FROM findings_streams")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        if let Ok(watch) = serde_json::from_str(&body) {
            night.watches.insert(row.get(0)?, watch);
        }
    }
    Ok(())
}

/// What was learned of a kind of run: of its version once that is enough, else of all versions.
pub fn known(connection: &Connection, kind: &str, version: &str) -> Result<Option<Baseline>> {
    let mut query = connection.prepare_cached("SELECT body FROM findings_learned WHERE kind = ?1 AND version = ?2")?;
    let mut read = |version: &str| -> Result<Option<Baseline>> {
        let body: Option<String> = query.query_row([kind, version], |row| row.get(0)).optional()?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    };
    match read(version)?.filter(Baseline::is_mature) {
        Some(own) => Ok(Some(own)),
        None => read(""),
    }
}
