//! What alerting remembers over a restart: states of rules, what was told to whom, silences, acknowledgements, events.

use std::collections::{BTreeMap, BTreeSet};

use alerts::evaluate::GroupState;
use alerts::manager::dispatch::{GivenAlert, LogEntry, LogKey};
use alerts::manager::{Matchers, Silence, fingerprint};
use alerts::rules::{self, Group};
use promql::Labels;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::rusqlite::{self, Connection, OptionalExtension, Transaction, params};
use state::{State, StateError};

use super::evidence::Gathered;
use super::limits;
use crate::api::types::AlertEvidence;

/// The tables.
pub const PART: state::Part = state::Part {
    name: "alerts",
    migrations: &["
CREATE TABLE alerts_groups (key TEXT PRIMARY KEY, rules TEXT NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE alerts_given (labels TEXT PRIMARY KEY, alert TEXT NOT NULL) STRICT;
CREATE TABLE alerts_log (
    group_key TEXT NOT NULL, receiver TEXT NOT NULL, integration INTEGER NOT NULL, at INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (group_key, receiver, integration)
) STRICT;
CREATE TABLE alerts_silences (id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, silence TEXT NOT NULL) STRICT;
CREATE TABLE alerts_acks (fingerprint TEXT PRIMARY KEY, ack TEXT NOT NULL) STRICT;
CREATE TABLE alerts_events (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, alertname TEXT NOT NULL, fingerprint TEXT NOT NULL,
    labels TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_events_by_time ON alerts_events (at);
", "
CREATE TABLE alerts_evidence (
    fingerprint TEXT NOT NULL, fired_at INTEGER NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY (fingerprint, fired_at)
) STRICT;
CREATE INDEX alerts_evidence_by_time ON alerts_evidence (fired_at);
CREATE INDEX alerts_events_by_alert ON alerts_events (fingerprint, id);
"],
};

/// Somebody takes care of an alert: it is not repeated while it fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It began to fire.
    Fired,
    /// It ended.
    Resolved,
    /// It ended because nothing is heard any more.
    NoData,
    /// A message about it was accepted.
    Sent,
    /// A message about it was refused for good.
    Failed,
    /// Somebody takes care of it.
    Acknowledged,
}

impl EventKind {
    /// As kept and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Resolved => "resolved",
            Self::NoData => "no_data",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// One event of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What happened.
    pub kind: String,
    /// Which alert.
    pub labels: Labels,
    /// Value, receiver, or error.
    pub detail: String,
}

/// What was kept.
pub struct Kept {
    /// Groups with the state of their rules.
    pub groups: BTreeMap<String, (Group, GroupState)>,
    /// Alerts of which somebody is still to be told.
    pub alerts: Vec<GivenAlert>,
    /// What was told.
    pub log: BTreeMap<LogKey, LogEntry>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// Acknowledgements.
    pub acks: BTreeMap<u64, Ack>,
}

fn labels_text(labels: &Labels) -> String {
    json!(alerts::evaluate::pairs(labels)).to_string()
}

fn labels_of(text: &str) -> Labels {
    Labels::new(serde_json::from_str::<Vec<(String, String)>>(text).unwrap_or_default())
}

/// Rows as pairs of texts.
fn pairs(connection: &Connection, query: &str) -> rusqlite::Result<Vec<(String, String)>> {
    connection.prepare_cached(query)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Reads everything but events.
pub fn load(state: &State) -> Result<Kept, StateError> {
    state.read(|connection| {
        let mut groups = BTreeMap::new();
        let rows = connection
            .prepare_cached("SELECT key, rules, state FROM alerts_groups")?
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for (key, rules, state) in rows {
            // A row another version wrote differently costs the memory of a `for`, not the start.
            let group = rules_of(&rules);
            if let (Some(group), Ok(state)) = (group, serde_json::from_str(&state)) {
                groups.insert(key, (group, state));
            }
        }
        let log = connection
            .prepare_cached("SELECT group_key, receiver, integration, entry FROM alerts_log")?
            .query_map([], |row| {
                let key = (row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)? as usize);
                Ok((key, row.get::<_, String>(3)?))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let log = log.into_iter().filter_map(|(key, entry)| Some((key, serde_json::from_str(&entry).ok()?))).collect();
        let alerts = pairs(connection, "SELECT labels, alert FROM alerts_given")?;
        let alerts = alerts.iter().filter_map(|(labels, alert)| given_of(labels, alert)).collect();
        let silences = pairs(connection, "SELECT id, silence FROM alerts_silences")?;
        let silences = silences.iter().filter_map(|(id, text)| silence_of(id, text)).collect();
        let acks = pairs(connection, "SELECT fingerprint, ack FROM alerts_acks")?;
        let acks = acks
            .iter()
            .filter_map(|(print, ack)| Some((u64::from_str_radix(print, 16).ok()?, serde_json::from_str(ack).ok()?)))
            .collect();
        Ok(Kept { groups, alerts, log, silences, acks })
    })
}

/// The rules a state belongs to, as far as telling whether they are the same needs them: a rule file of our own making.
fn rules_text(group: &Group) -> String {
    let rule = |rule: &alerts::rules::Rule| {
        let labels: BTreeMap<&str, &str> =
            rule.labels.iter().map(|(name, value)| (name.as_str(), value.text())).collect();
        let kind = if rule.is_alert() { "alert" } else { "record" };
        json!({kind: rule.name, "expr": &*rule.query.text, "labels": labels})
    };
    let rules: Vec<_> = group.rules.iter().map(|it| rule(it)).collect();
    json!({"groups": [{"name": group.name, "rules": rules}]}).to_string()
}

fn rules_of(text: &str) -> Option<Group> {
    rules::parse(text).ok()?.groups.into_iter().next()
}

/// Keeps the state of a group.
pub fn put_group(transaction: &Transaction<'_>, key: &str, group: &Group, state: &GroupState) -> rusqlite::Result<()> {
    let state = serde_json::to_string(state).unwrap_or_default();
    transaction.prepare_cached("INSERT OR REPLACE INTO alerts_groups VALUES (?1, ?2, ?3)")?.execute(params![
        key,
        rules_text(group),
        state
    ])?;
    Ok(())
}

fn given_of(labels: &str, text: &str) -> Option<GivenAlert> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(GivenAlert {
        labels: labels_of(labels),
        annotations: labels_of(&value["annotations"].to_string()),
        starts_at: value["starts_at"].as_i64()?,
        ends_at: value["ends_at"].as_i64(),
        generator_url: value["generator_url"].as_str()?.to_owned(),
        updated_at: value["updated_at"].as_i64()?,
    })
}

fn put_alert(transaction: &Transaction<'_>, labels: &str, alert: &GivenAlert) -> rusqlite::Result<()> {
    let text = json!({
        "annotations": alerts::evaluate::pairs(&alert.annotations), "starts_at": alert.starts_at, "ends_at": alert.ends_at,
        "generator_url": alert.generator_url, "updated_at": alert.updated_at,
    });
    transaction
        .prepare_cached(
            "INSERT INTO alerts_given VALUES (?1, ?2) ON CONFLICT (labels) DO UPDATE SET alert = ?2 WHERE alert <> ?2",
        )?
        .execute(params![labels, text.to_string()])?;
    Ok(())
}

/// Keeps alerts that were sent, beside those there are.
///
/// # Errors
/// What SQLite says.
pub fn put_given(transaction: &Transaction<'_>, alerts: &[GivenAlert]) -> rusqlite::Result<()> {
    alerts.iter().try_for_each(|alert| put_alert(transaction, &labels_text(&alert.labels), alert))
}

/// Alerts that the history knows to have begun and not to have ended.
///
/// # Errors
/// What SQLite says.
pub fn unended(connection: &Connection) -> rusqlite::Result<Vec<Labels>> {
    let mut last = connection.prepare(
        "SELECT labels FROM alerts_events WHERE kind = 'fired' AND id IN
            (SELECT max(id) FROM alerts_events WHERE kind IN ('fired', 'resolved', 'no_data') GROUP BY fingerprint)",
    )?;
    last.query_map([], |row| Ok(labels_of(&row.get::<_, String>(0)?)))?.collect()
}

/// Keeps the alerts of which somebody is still to be told, and no others.
pub fn put_alerts<'a>(
    transaction: &Transaction<'_>,
    alerts: impl Iterator<Item = &'a GivenAlert>,
) -> rusqlite::Result<()> {
    let mut kept: BTreeSet<String> =
        pairs(transaction, "SELECT labels, '' FROM alerts_given")?.into_iter().map(|row| row.0).collect();
    for alert in alerts {
        let labels = labels_text(&alert.labels);
        kept.remove(&labels);
        put_alert(transaction, &labels, alert)?;
    }
    for labels in kept {
        transaction.prepare_cached("DELETE FROM alerts_given WHERE labels = ?1")?.execute([labels])?;
    }
    Ok(())
}

/// Records what was told.
pub fn put_log(transaction: &Transaction<'_>, key: &LogKey, entry: &LogEntry) -> rusqlite::Result<()> {
    transaction.prepare_cached("INSERT OR REPLACE INTO alerts_log VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        key.0,
        key.1,
        key.2 as i64,
        entry.at,
        serde_json::to_string(entry).unwrap_or_default()
    ])?;
    Ok(())
}

fn silence_of(id: &str, text: &str) -> Option<Silence> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    Some(Silence {
        id: id.to_owned(),
        matchers: Matchers::parse(value["matchers"].as_str()?).ok()?,
        starts_at: value["starts_at"].as_i64()?,
        ends_at: value["ends_at"].as_i64()?,
        created_by: value["created_by"].as_str()?.to_owned(),
        comment: value["comment"].as_str()?.to_owned(),
        updated_at: value["updated_at"].as_i64()?,
    })
}

/// Keeps a silence.
pub fn put_silence(transaction: &Transaction<'_>, silence: &Silence) -> rusqlite::Result<()> {
    let text = json!({
        "matchers": silence.matchers.to_string(), "starts_at": silence.starts_at, "ends_at": silence.ends_at,
        "created_by": silence.created_by, "comment": silence.comment, "updated_at": silence.updated_at,
    });
    transaction.execute(
        "INSERT OR REPLACE INTO alerts_silences VALUES (?1, ?2, ?3)",
        params![silence.id, silence.ends_at, text.to_string()],
    )?;
    Ok(())
}

/// Keeps an acknowledgement, or forgets it.
pub fn put_ack(transaction: &Transaction<'_>, print: u64, ack: Option<&Ack>) -> rusqlite::Result<()> {
    let print = format!("{print:016x}");
    match ack {
        Some(ack) => transaction.execute(
            "INSERT OR REPLACE INTO alerts_acks VALUES (?1, ?2)",
            params![print, serde_json::to_string(ack).unwrap_or_default()],
        )?,
        None => transaction.execute("DELETE FROM alerts_acks WHERE fingerprint = ?1", [print])?,
    };
    Ok(())
}

/// Adds an event to the history.
pub fn add_event(
    transaction: &Transaction<'_>,
    at: i64,
    kind: EventKind,
    labels: &Labels,
    detail: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO alerts_events (at, kind, alertname, fingerprint, labels, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![at, kind.as_str(), labels.get("alertname"), format!("{:016x}", fingerprint(labels)), labels_text(labels), detail])?;
    Ok(())
}

/// Keeps evidence of an alert. That of its end adds to what was kept as it fired, and stays where that comes later.
pub fn put_evidence(transaction: &Transaction<'_>, found: &Gathered) -> rusqlite::Result<()> {
    let print = format!("{:016x}", fingerprint(&found.labels));
    let known: Option<String> = transaction
        .prepare_cached("SELECT evidence FROM alerts_evidence WHERE fingerprint = ?1 AND fired_at = ?2")?
        .query_row(params![print, found.fired_at], |row| row.get(0))
        .optional()?;
    let known = known.and_then(|text| serde_json::from_str::<AlertEvidence>(&text).ok());
    let new = found.evidence.clone();
    let kept = match (new.ended_at.is_some(), known) {
        (true, Some(known)) => AlertEvidence { ended_at: new.ended_at, points: new.points, ..known },
        (true, None) => return Ok(()),
        (false, Some(known)) if known.ended_at.is_some() => {
            AlertEvidence { ended_at: known.ended_at, points: known.points, ..new }
        }
        (false, _) => new,
    };
    transaction.prepare_cached("INSERT OR REPLACE INTO alerts_evidence VALUES (?1, ?2, ?3)")?.execute(params![
        print,
        found.fired_at,
        serde_json::to_string(&kept).unwrap_or_default()
    ])?;
    Ok(())
}

/// Notes in the latest evidence of an alert that it ended, where that is not known yet.
pub fn end_evidence(transaction: &Transaction<'_>, print: u64, at: i64) -> rusqlite::Result<()> {
    let print = format!("{print:016x}");
    let latest: Option<(i64, String)> = transaction
        .prepare_cached(
            "SELECT fired_at, evidence FROM alerts_evidence WHERE fingerprint = ?1 ORDER BY fired_at DESC LIMIT 1",
        )?
        .query_row([&print], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((fired_at, text)) = latest else { return Ok(()) };
    let Ok(evidence) = serde_json::from_str::<AlertEvidence>(&text) else { return Ok(()) };
    if evidence.ended_at.is_some() {
        return Ok(());
    }
    let ended = AlertEvidence { ended_at: Some(super::time_text(at)), ..evidence };
    transaction
        .prepare_cached("UPDATE alerts_evidence SET evidence = ?3 WHERE fingerprint = ?1 AND fired_at = ?2")?
        .execute(params![print, fired_at, serde_json::to_string(&ended).unwrap_or_default()])?;
    Ok(())
}

/// Evidence of an alert, the latest first.
pub fn evidence(connection: &Connection, print: u64, limit: usize) -> rusqlite::Result<Vec<AlertEvidence>> {
    let texts: Vec<String> = connection
        .prepare_cached("SELECT evidence FROM alerts_evidence WHERE fingerprint = ?1 ORDER BY fired_at DESC LIMIT ?2")?
        .query_map(params![format!("{print:016x}"), limit as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Not before, in milliseconds since 1970.
    pub from: i64,
    /// Of alerts of this rule.
    pub alertname: Option<String>,
    /// Of the alert with this fingerprint.
    pub fingerprint: Option<u64>,
    /// Of alerts whose label `project` names this one.
    pub project: Option<String>,
    /// At most so many, the newest.
    pub limit: i64,
}

/// Events, newest first.
pub fn events(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<Vec<Event>> {
    let fingerprint = wanted.fingerprint.map(|print| format!("{print:016x}"));
    // A pair as it is written in the list of labels; inside of a label's value its quotation marks would be escaped.
    let project = wanted.project.as_ref().map(|project| json!(["project", project]).to_string());
    connection
        .prepare_cached("SELECT at, kind, labels, detail FROM alerts_events WHERE at >= ?1 AND (?2 IS NULL OR alertname = ?2) AND (?4 IS NULL OR fingerprint = ?4) AND (?5 IS NULL OR instr(labels, ?5) > 0) ORDER BY id DESC LIMIT ?3")?
        .query_map(params![wanted.from, wanted.alertname, wanted.limit, fingerprint, project], |row| {
            Ok(Event { at: row.get(0)?, kind: row.get(1)?, labels: labels_of(&row.get::<_, String>(2)?), detail: row.get(3)? })
        })?
        .collect()
}

/// Keeps that alerts ended because their rule is gone or was changed.
///
/// # Errors
/// What SQLite says.
pub fn put_orphans<'a>(
    transaction: &Transaction<'_>,
    ended: &[Labels],
    alerts: impl Iterator<Item = &'a GivenAlert>,
    now: i64,
) -> rusqlite::Result<()> {
    for labels in ended {
        add_event(transaction, now, EventKind::Resolved, labels, "its rule is gone or was changed")?;
        put_ack(transaction, fingerprint(labels), None)?;
    }
    put_alerts(transaction, alerts)
}

/// Removes what is past its retention.
pub fn expire(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let before = |keep: std::time::Duration| now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
    transaction.execute("DELETE FROM alerts_events WHERE at < ?1", [before(limits::HISTORY_KEEP)])?;
    transaction.execute("DELETE FROM alerts_evidence WHERE fired_at < ?1", [before(limits::HISTORY_KEEP)])?;
    transaction.execute(
        "DELETE FROM alerts_evidence WHERE fired_at <= (SELECT fired_at FROM alerts_evidence ORDER BY fired_at DESC LIMIT 1 OFFSET ?1)",
        [limits::EVIDENCE_MAX],
    )?;
    let oldest: Option<i64> = transaction
        .query_row("SELECT id FROM alerts_events ORDER BY id DESC LIMIT 1 OFFSET ?1", [limits::HISTORY_MAX], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(oldest) = oldest {
        transaction.execute("DELETE FROM alerts_events WHERE id <= ?1", [oldest])?;
    }
    transaction.execute("DELETE FROM alerts_silences WHERE ends_at < ?1", [before(limits::SILENCE_KEEP)])?;
    transaction.execute("DELETE FROM alerts_log WHERE at < ?1", [now - alerts::manager::dispatch::LOG_RETENTION_MS])?;
    Ok(())
}
