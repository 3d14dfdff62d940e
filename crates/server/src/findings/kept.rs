//! Writing: findings of a run, the issues they belong to, and what was learned.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Run, Timestamp, TraceId};
use signals::detect::baseline::{self, Baseline};
use signals::detect::{DRIFT, Night, SILENCE, Silence, Verdict};
use state::rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::{COUNTS_MAX, FINDINGS_MAX, JUDGED_MAX, MARKS_MAX, OUTCOMES_MAX};

/// Findings removed in one batch at most: more than are added.
const FORGET_ROWS: i64 = 4_096;

/// Whom findings are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    project: &'a str,
    environment: &'a str,
    agent: &'a str,
    version: Option<&'a str>,
    user: Option<&'a str>,
    /// It happens now: nobody is woken for history.
    news: bool,
    now: Timestamp,
}

impl<'a> Subject<'a> {
    /// A run.
    pub fn run(run: &'a Run, news: bool, now: Timestamp) -> Self {
        Self {
            project: &run.tenant.project,
            environment: &run.tenant.environment,
            agent: run.agent_or_service().unwrap_or_default(),
            version: run.agent_version.as_deref(),
            user: run.user_id.as_deref(),
            news,
            now,
        }
    }

    /// An agent that is silent.
    pub fn silence(silence: &'a Silence, now: Timestamp) -> Self {
        let Silence { project, environment, agent, .. } = silence;
        Self { project, environment, agent, version: None, user: None, news: true, now }
    }
}

/// Keeps what was seen in a run, in place of what was seen in an earlier state of it. Gives the detectors that saw something new.
pub fn write<'f>(
    tx: &Transaction<'_>,
    subject: Subject<'_>,
    run: &Run,
    findings: &'f [Finding],
) -> Result<Vec<&'f str>> {
    let mut before = earlier(tx, subject.project, run.trace_id)?;
    let mut new = Vec::new();
    for finding in findings {
        let known = before.remove(&finding.id);
        // Who the agent is may only be known when the run has ended: then the finding belongs to another issue.
        let same_issue = known.as_ref() == Some(&finding.fingerprint);
        if let Some(fingerprint) = known.as_ref().filter(|_| !same_issue) {
            one_less(tx, subject.project, fingerprint)?;
        }
        put(tx, subject, finding, known.is_some(), same_issue)?;
        if known.is_none() {
            new.push(&*finding.detector);
        }
    }
    // A later state of the run has shown that it was not so.
    remove(tx, subject.project, before)?;
    Ok(new)
}

/// Takes back what was seen in a trace that is no run of its own any more.
pub fn take_back(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<()> {
    remove(tx, project, earlier(tx, project, trace)?)
}

fn remove(tx: &Transaction<'_>, project: &str, findings: BTreeMap<String, String>) -> Result<()> {
    for (id, fingerprint) in findings {
        tx.prepare_cached("DELETE FROM findings WHERE id = ?1")?.execute([&id])?;
        one_less(tx, project, &fingerprint)?;
    }
    Ok(())
}

/// Keeps a finding beside those of its run.
pub fn add(tx: &Transaction<'_>, subject: Subject<'_>, finding: &Finding) -> Result<()> {
    let known = tx.prepare_cached("SELECT 1 FROM findings WHERE id = ?1")?.exists([&finding.id])?;
    put(tx, subject, finding, known, known)
}

fn one_less(tx: &Transaction<'_>, project: &str, fingerprint: &str) -> Result<()> {
    tx.prepare_cached("UPDATE findings_issues SET count = max(count - 1, 0) WHERE project = ?1 AND fingerprint = ?2")?
        .execute([project, fingerprint])
        .map(drop)
}

/// Keeps that an agent is silent; how long it has been is told anew each time.
pub fn write_silence(tx: &Transaction<'_>, silence: &Silence, now: Timestamp) -> Result<()> {
    add(tx, Subject::silence(silence, now), &silence.finding())
}

fn put(tx: &Transaction<'_>, subject: Subject<'_>, finding: &Finding, known: bool, counted: bool) -> Result<()> {
    let body = serde_json::to_string(finding).unwrap_or_default();
    tx.prepare_cached(
        "INSERT INTO findings (id, project, environment, detector, severity, trace, fingerprint, at, agent, version, user, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, fingerprint = excluded.fingerprint, at = excluded.at,
            agent = excluded.agent, version = excluded.version, user = excluded.user, body = excluded.body",
    )?
    .execute(params![
        finding.id,
        subject.project,
        subject.environment,
        finding.detector,
        finding.severity.as_str(),
        finding.trace_id.as_bytes(),
        finding.fingerprint,
        finding.at.as_nanos(),
        subject.agent,
        subject.version,
        subject.user,
        body,
    ])?;
    issue(tx, subject, finding, i64::from(!counted))?;
    if !known && subject.news {
        count_finding(tx, subject.project, subject.agent, finding)?;
    }
    Ok(())
}

fn count_finding(tx: &Transaction<'_>, project: &str, agent: &str, finding: &Finding) -> Result<()> {
    let (detector, severity) = (finding.detector.as_str(), finding.severity.as_str());
    let counted = tx
        .prepare_cached(
            "UPDATE findings_counts SET count = count + 1 WHERE project = ?1 AND agent = ?2 AND detector = ?3 AND severity = ?4",
        )?
        .execute([project, agent, detector, severity])?;
    if counted > 0 {
        return Ok(());
    }
    let rows: i64 = tx.prepare_cached("SELECT count(*) FROM findings_counts")?.query_row([], |row| row.get(0))?;
    let agent = if rows < COUNTS_MAX { agent } else { "other" };
    tx.prepare_cached(
        "INSERT INTO findings_counts VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (project, agent, detector, severity) DO UPDATE SET count = count + 1",
    )?
    .execute([project, agent, detector, severity])
    .map(drop)
}

/// Keeps how suspicious a run is and what it came to.
pub fn write_verdict(tx: &Transaction<'_>, run: &Run, verdict: &Verdict) -> Result<()> {
    let at = if run.end.is_unset() { run.start } else { run.end };
    tx.prepare_cached(
        "INSERT INTO findings_runs (project, trace, at, agent, suspicion, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (project, trace) DO UPDATE SET at = excluded.at, suspicion = excluded.suspicion, outcome = excluded.outcome",
    )?
    .execute(params![
        &*run.tenant.project,
        run.trace_id.as_bytes(),
        at.as_nanos(),
        verdict.kind.agent,
        verdict.suspicion,
        verdict.outcome,
    ])
    .map(drop)
}

/// Marks a run as good or not good; `false` where too many are marked.
pub fn mark(
    tx: &Transaction<'_>,
    project: &str,
    trace: TraceId,
    good: bool,
    note: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let marks: i64 = tx.prepare_cached("SELECT count(*) FROM findings_marks")?.query_row([], |row| row.get(0))?;
    if marks >= MARKS_MAX {
        return Ok(false);
    }
    // What was learned of a run is not learned again by marking it once more.
    tx.execute(
        "INSERT INTO findings_marks VALUES (?1, ?2, ?3, ?4, ?5, 0)
         ON CONFLICT (project, trace) DO UPDATE SET good = excluded.good, note = excluded.note, at = excluded.at",
        params![project, trace.as_bytes(), good, note, now.as_nanos()],
    )?;
    Ok(true)
}

/// How a run was marked, where that was not learned yet.
pub fn new_mark(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<Option<bool>> {
    tx.prepare_cached("SELECT good FROM findings_marks WHERE project = ?1 AND trace = ?2 AND learned = 0")?
        .query_row(params![project, trace.as_bytes()], |row| row.get(0))
        .optional()
}

/// Notes that a mark was learned.
pub fn mark_learned(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<()> {
    tx.prepare_cached("UPDATE findings_marks SET learned = 1 WHERE project = ?1 AND trace = ?2")?
        .execute(params![project, trace.as_bytes()])
        .map(drop)
}

/// Counts what so many runs came to.
pub fn count_outcome(tx: &Transaction<'_>, agent: &str, outcome: &str, runs: i64) -> Result<()> {
    let counted = tx
        .prepare_cached("UPDATE findings_outcomes SET count = count + ?3 WHERE agent = ?1 AND outcome = ?2")?
        .execute(params![agent, outcome, runs])?;
    if counted > 0 {
        return Ok(());
    }
    let pairs: i64 = tx.prepare_cached("SELECT count(*) FROM findings_outcomes")?.query_row([], |row| row.get(0))?;
    let (agent, outcome) = if pairs < OUTCOMES_MAX { (agent, outcome) } else { ("other", "other") };
    tx.prepare_cached(
        "INSERT INTO findings_outcomes VALUES (?1, ?2, ?3) ON CONFLICT (agent, outcome) DO UPDATE SET count = count + ?3",
    )?
    .execute(params![agent, outcome, runs])
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
fn issue(tx: &Transaction<'_>, subject: Subject<'_>, finding: &Finding, more: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO findings_issues
            (project, fingerprint, detector, severity, environment, agent, message, first_seen, last_seen, count, last_trace, state, owner, changed, opened)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, 'open', NULL, ?11, CASE WHEN ?12 THEN ?11 END)
         ON CONFLICT (project, fingerprint) DO UPDATE SET
            severity = excluded.severity,
            message = CASE WHEN excluded.last_seen >= last_seen THEN excluded.message ELSE message END,
            last_trace = CASE WHEN excluded.last_seen >= last_seen THEN excluded.last_trace ELSE last_trace END,
            first_seen = min(first_seen, excluded.first_seen),
            count = count + excluded.count,
            opened = CASE WHEN ?12 AND state = 'resolved' AND excluded.last_seen > changed THEN excluded.changed ELSE opened END,
            changed = CASE WHEN state = 'resolved' AND excluded.last_seen > changed THEN excluded.changed ELSE changed END,
            state = CASE WHEN state = 'resolved' AND excluded.last_seen > changed THEN 'regressed' ELSE state END,
            last_seen = max(last_seen, excluded.last_seen)",
    )?
    .execute(params![
        subject.project,
        finding.fingerprint,
        finding.detector,
        finding.severity.as_str(),
        subject.environment,
        subject.agent,
        finding.message,
        finding.at.as_nanos(),
        more,
        finding.trace_id.as_bytes(),
        subject.now.as_nanos(),
        subject.news,
    ])
    .map(drop)
}

/// Removes the findings and judged runs that were written first where they are too many. Issues stay: they are few, and remember what was
/// decided.
pub fn forget(tx: &Transaction<'_>) -> Result<()> {
    let last: i64 =
        tx.prepare_cached("SELECT coalesce(max(number), 0) FROM findings")?.query_row([], |row| row.get(0))?;
    tx.prepare_cached(
        "DELETE FROM findings WHERE number IN (SELECT number FROM findings WHERE number <= ?2 ORDER BY number LIMIT ?1)",
    )?
    .execute(params![FORGET_ROWS, last - FINDINGS_MAX])?;
    let last: i64 =
        tx.prepare_cached("SELECT coalesce(max(number), 0) FROM findings_runs")?.query_row([], |row| row.get(0))?;
    tx.prepare_cached(
        "DELETE FROM findings_runs WHERE number IN (SELECT number FROM findings_runs WHERE number <= ?2 ORDER BY number LIMIT ?1)",
    )?
    .execute(params![FORGET_ROWS, last - JUDGED_MAX])
    .map(drop)
}

/// Writes what was learned of some kinds of runs.
pub fn write_learned(tx: &Transaction<'_>, night: &mut Night, kinds: &BTreeSet<String>) -> Result<()> {
    // What made room may have come back since: it is written again below.
    for (kind, version) in night.baselines.take_gone() {
        tx.prepare_cached("DELETE FROM findings_learned WHERE kind = ?1 AND version = ?2")?.execute([kind, version])?;
    }
    let gone = std::mem::take(&mut night.gone);
    for kind in gone.watches {
        tx.prepare_cached("DELETE FROM findings_streams WHERE kind = ?1")?.execute([kind])?;
    }
    for agent in gone.pulses {
        tx.prepare_cached("DELETE FROM findings_pulses WHERE agent = ?1")?.execute([agent])?;
    }
    for (kind, version, baseline) in night.baselines.iter().filter(|(kind, _, _)| kinds.contains(*kind)) {
        let body = serde_json::to_string(baseline).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO findings_learned VALUES (?1, ?2, ?3)")?
            .execute(params![kind, version, body])?;
    }
    for (kind, watch) in night.watches.iter().filter(|(kind, _)| kinds.contains(*kind)) {
        let body = serde_json::to_string(watch).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO findings_streams VALUES (?1, ?2)")?.execute(params![kind, body])?;
    }
    // A kind's name begins with that of its agent.
    let learned = |agent: &str| {
        let from = kinds.range(agent.to_owned()..).next();
        from.is_some_and(|kind| kind.strip_prefix(agent).is_some_and(|rest| rest.starts_with('\u{1f}')))
    };
    for (agent, pulse) in night.pulses.iter().filter(|(agent, _)| learned(agent)) {
        let body = serde_json::to_string(pulse).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO findings_pulses VALUES (?1, ?2)")?.execute(params![agent, body])?;
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
    let mut query = tx.prepare_cached("SELECT agent, body FROM findings_pulses")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        if let Ok(pulse) = serde_json::from_str(&body) {
            night.pulses.insert(row.get(0)?, pulse);
        }
    }
    Ok(())
}

/// What a run of that kind and version is compared with.
pub fn known(connection: &Connection, kind: &str, version: &str) -> Result<Option<Baseline>> {
    let mut query = connection.prepare_cached("SELECT version, body FROM findings_learned WHERE kind = ?1")?;
    let rows = query.query_map([kind], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let rows: BTreeMap<String, String> = rows.collect::<Result<_>>()?;
    Ok(baseline::choose(version, |name| rows.get(name).and_then(|body| serde_json::from_str::<Baseline>(body).ok())))
}
