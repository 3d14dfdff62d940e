//! What the state keeps of orders to erase, and what of the erased it forgets.

use std::collections::BTreeSet;

use model::{Timestamp, TraceId};
use state::Part;
use state::rusqlite::{Connection, OptionalExtension, Result, Transaction, params};
use store::Erased;

use super::{Rows, Target, What};

/// The tables. `value` stands in an order only until it is carried out.
pub const PART: Part = Part {
    name: "erasure",
    migrations: &["
        CREATE TABLE erasure_orders (
            id INTEGER PRIMARY KEY, project TEXT NOT NULL, what TEXT NOT NULL, told TEXT NOT NULL, value TEXT,
            by TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, traces INTEGER NOT NULL, rows TEXT NOT NULL,
            files TEXT NOT NULL, unreadable TEXT NOT NULL, found INTEGER, mentions TEXT NOT NULL, erased INTEGER, gone INTEGER,
            problem TEXT
        ) STRICT;
        CREATE TABLE erasure_holds (
            id INTEGER PRIMARY KEY, project TEXT NOT NULL, what TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL,
            by TEXT NOT NULL, at INTEGER NOT NULL
        ) STRICT;
    "],
};

/// What carrying out an order came to.
#[derive(Debug, Default)]
pub struct Sum {
    /// Traces.
    pub traces: u64,
    rows: Rows,
    files: BTreeSet<String>,
    unreadable: BTreeSet<String>,
    /// Traces that are still found.
    pub left: u64,
    /// Runs of others that say the name.
    pub mentions: Vec<String>,
}

impl Sum {
    /// Adds a round.
    pub fn add(&mut self, erased: &Erased) {
        self.traces += erased.traces.len() as u64;
        for (table, rows) in &erased.rows {
            *self.rows.entry((*table).to_owned()).or_default() += rows;
        }
        self.files.extend(erased.files.iter().cloned());
        self.unreadable.extend(erased.unreadable.iter().cloned());
    }
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Number.
    pub id: i64,
    /// Word of [`What`].
    pub what: String,
    /// The run's id, or a hash of the user or session.
    pub told: String,
    /// Who ordered it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// `working`, `waiting` for files to go, `done`, or `failed`.
    pub state: String,
    /// Traces erased.
    pub traces: u64,
    /// Their rows, by table.
    pub rows: Rows,
    /// Files that held them and are not removed yet.
    pub files_waiting: u64,
    /// Segments that could not be read.
    pub unreadable: Vec<String>,
    /// Traces that the search afterwards still found; 0 is the proof.
    pub found: Option<u64>,
    /// Runs of others that say the name.
    pub mentions: Vec<String>,
    /// When nobody could read them any more.
    pub erased: Option<Timestamp>,
    /// When the last file that held them was removed.
    pub gone: Option<Timestamp>,
    /// What went wrong.
    pub problem: Option<String>,
    /// Backups made before, over the API.
    pub backups: Vec<Timestamp>,
}

/// Writes an order down; gives its number.
pub fn write(tx: &Transaction<'_>, project: &str, target: &Target, by: &str, now: Timestamp) -> Result<i64> {
    tx.execute(
        "INSERT INTO erasure_orders (project, what, told, value, by, at, state, traces, rows, files, unreadable, mentions)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'working', 0, '{}', '[]', '[]', '[]')",
        params![project, target.what.as_str(), target.told(), target.value, by, now.as_nanos()],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Project and target of an order that is not carried out yet.
pub fn open_order(conn: &Connection, id: i64) -> Result<Option<(String, Target)>> {
    let query = "SELECT project, what, value FROM erasure_orders WHERE id = ?1 AND value IS NOT NULL";
    let found = conn.query_row(query, [id], |row| {
        let what: String = row.get(1)?;
        Ok((row.get(0)?, What::of_word(&what), row.get(2)?))
    });
    let found = found.optional()?;
    Ok(found.and_then(|(project, what, value)| Some((project, Target { what: what?, value }))))
}

/// Orders that an earlier process did not finish.
pub fn broken_off(conn: &Connection, started: Timestamp) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT id FROM erasure_orders WHERE state = 'working' AND at < ?1")?;
    query.query_map([started.as_nanos()], |row| row.get(0))?.collect()
}

/// Orders whose files may not be gone yet.
pub fn waiting(conn: &Connection) -> Result<Vec<(i64, Vec<String>)>> {
    let mut query = conn.prepare_cached("SELECT id, files FROM erasure_orders WHERE state = 'waiting'")?;
    let rows = query.query_map([], |row| {
        let files: String = row.get(1)?;
        Ok((row.get(0)?, serde_json::from_str(&files).unwrap_or_default()))
    })?;
    rows.collect()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Notes what carrying out an order came to, and forgets whom it was about, unless it failed: then it is tried again by a new order.
pub fn note_erased(tx: &Transaction<'_>, id: i64, sum: &Sum, problem: Option<&str>, now: Timestamp) -> Result<()> {
    let state = if problem.is_some() { "failed" } else { "waiting" };
    tx.execute(
        "UPDATE erasure_orders SET value = NULL, state = ?2, traces = ?3, rows = ?4, files = ?5, unreadable = ?6, found = ?7,
         mentions = ?8, erased = ?9, problem = ?10 WHERE id = ?1",
        params![
            id,
            state,
            sum.traces.cast_signed(),
            json(&sum.rows),
            json(&sum.files),
            json(&sum.unreadable),
            // Where it failed nothing was searched for.
            problem.is_none().then_some(sum.left.cast_signed()),
            json(&sum.mentions),
            now.as_nanos(),
            problem,
        ],
    )
    .map(drop)
}

/// Notes that no file is left.
pub fn note_gone(tx: &Transaction<'_>, id: i64, now: Timestamp) -> Result<()> {
    tx.execute("UPDATE erasure_orders SET state = 'done', gone = ?2, files = '[]' WHERE id = ?1", [id, now.as_nanos()])
        .map(drop)
}

const SELECT: &str =
    "SELECT id, what, told, by, at, state, traces, rows, files, unreadable, found, mentions, erased, gone, problem
    FROM erasure_orders";

/// One record.
pub fn record(conn: &Connection, id: i64) -> Result<Record> {
    let record = conn.query_row(&format!("{SELECT} WHERE id = ?1"), [id], read)?;
    with_backups(conn, record)
}

/// The newest records of a project, at most `limit`.
pub fn list(conn: &Connection, project: &str, limit: usize) -> Result<Vec<Record>> {
    let mut query = conn.prepare_cached(&format!("{SELECT} WHERE project = ?1 ORDER BY id DESC LIMIT ?2"))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let records = query.query_map(params![project, limit], read)?.collect::<Result<Vec<_>>>()?;
    records.into_iter().map(|record| with_backups(conn, record)).collect()
}

fn with_backups(conn: &Connection, record: Record) -> Result<Record> {
    Ok(Record { backups: super::backups(conn, record.erased.unwrap_or(record.at))?, ..record })
}

fn read(row: &state::rusqlite::Row<'_>) -> Result<Record> {
    let count = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(Timestamp::from_nanos));
    let texts = |at: usize| row.get::<_, String>(at).map(|text| serde_json::from_str(&text).unwrap_or_default());
    let rows: String = row.get(7)?;
    let files: Vec<String> = texts(8)?;
    Ok(Record {
        id: row.get(0)?,
        what: row.get(1)?,
        told: row.get(2)?,
        by: row.get(3)?,
        at: Timestamp::from_nanos(row.get(4)?),
        state: row.get(5)?,
        traces: count(6)?,
        rows: serde_json::from_str(&rows).unwrap_or_default(),
        files_waiting: files.len() as u64,
        unreadable: texts(9)?,
        found: row.get::<_, Option<i64>>(10)?.map(i64::cast_unsigned),
        mentions: texts(11)?,
        erased: time(12)?,
        gone: time(13)?,
        problem: row.get(14)?,
        backups: Vec::new(),
    })
}

/// Forgets traces wherever the state names them. Sums over many runs stay: nobody can be told from them.
pub fn forget(tx: &Transaction<'_>, project: &str, traces: &BTreeSet<TraceId>, target: &Target) -> Result<()> {
    for trace in traces {
        let trace = trace.as_bytes();
        let mut issues =
            tx.prepare_cached("SELECT DISTINCT fingerprint FROM findings WHERE project = ?1 AND trace = ?2")?;
        let issues: Vec<String> =
            issues.query_map(params![project, trace], |row| row.get(0))?.collect::<Result<_>>()?;
        for sql in [
            "DELETE FROM findings WHERE project = ?1 AND trace = ?2",
            "DELETE FROM money_entries WHERE run IN (SELECT id FROM money_runs WHERE project = ?1 AND trace = ?2)",
            "DELETE FROM money_runs WHERE project = ?1 AND trace = ?2",
            "DELETE FROM money_sla_runs WHERE project = ?1 AND trace = ?2",
            "DELETE FROM metrics_shares WHERE project = ?1 AND trace = ?2",
            "DELETE FROM sampling_waiting WHERE project = ?1 AND trace = ?2",
            "DELETE FROM findings_runs WHERE project = ?1 AND trace = ?2",
            "DELETE FROM findings_marks WHERE project = ?1 AND trace = ?2",
            "DELETE FROM incident_seen WHERE project = ?1 AND trace = ?2",
        ] {
            tx.prepare_cached(sql)?.execute(params![project, trace])?;
        }
        for fingerprint in issues {
            issue(tx, project, &fingerprint)?;
        }
    }
    // What was gathered for an alert names its runs in a text.
    let mut evidence = tx.prepare_cached("DELETE FROM alerts_evidence WHERE instr(evidence, ?1) > 0")?;
    for trace in traces {
        evidence.execute([trace.to_string()])?;
    }
    if target.what == What::Session {
        let gone = "DELETE FROM metrics_conversations WHERE project = ?1 AND session = ?2";
        tx.prepare_cached(gone)?.execute(params![project, target.value])?;
    }
    access::erase_said(tx, project, traces)?;
    if target.what == What::User {
        tx.execute("DELETE FROM money_crossings WHERE instr(key, ?1) > 0", [&target.value])?;
    }
    Ok(())
}

/// An issue is told from the findings that are left; one without any is gone.
fn issue(tx: &Transaction<'_>, project: &str, fingerprint: &str) -> Result<()> {
    let newest = tx
        .prepare_cached(
            "SELECT body, trace, at, (SELECT count(*) FROM findings WHERE project = ?1 AND fingerprint = ?2)
             FROM findings WHERE project = ?1 AND fingerprint = ?2 ORDER BY at DESC LIMIT 1",
        )?
        .query_row(params![project, fingerprint], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, [u8; 16]>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let Some((body, trace, at, count)) = newest else {
        let gone = "DELETE FROM findings_issues WHERE project = ?1 AND fingerprint = ?2";
        return tx.prepare_cached(gone)?.execute(params![project, fingerprint]).map(drop);
    };
    let message = serde_json::from_str::<model::Finding>(&body).map(|finding| finding.message).unwrap_or_default();
    tx.prepare_cached(
        "UPDATE findings_issues SET message = ?3, last_trace = ?4, last_seen = ?5, count = min(count, ?6)
         WHERE project = ?1 AND fingerprint = ?2",
    )?
    .execute(params![project, fingerprint, message, trace, at, count])
    .map(drop)
}
