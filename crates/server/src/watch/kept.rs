//! What the watch keeps in the state: which runs were judged at which version, and how far the log was judged.

use model::{Timestamp, TraceId};
use state::rusqlite::{Connection, OptionalExtension, Result, Transaction, params};
use state::{Part, State, StateError};
use store::ChangedRun;

use super::queue::Key;

/// Judged runs that are remembered; the longest judged are forgotten first. About 100 bytes each on the disk.
pub const JUDGED_RUNS_MAX: i64 = 1_000_000;
/// And for how long: a run that changes later is history ([`super::BACKFILL_NANOS`]). 30 days.
pub const JUDGED_NANOS: i64 = 30 * 86_400 * 1_000_000_000;
/// Rows forgotten in one batch at most: more than are added.
const FORGET_ROWS: i64 = 1_024;

/// The tables. Rows are numbered in the order in which they were judged.
pub const PART: Part = Part {
    name: "watch",
    migrations: &["
        CREATE TABLE watch_runs (
            id INTEGER PRIMARY KEY,
            project TEXT NOT NULL,
            trace BLOB NOT NULL,
            version INTEGER NOT NULL,
            judged INTEGER NOT NULL,
            UNIQUE (project, trace)
        ) STRICT;
        CREATE TABLE watch_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
        INSERT INTO watch_state VALUES ('position', 0), ('horizon', 0);
    "],
};

fn value(connection: &Connection, name: &str) -> Result<i64> {
    connection.prepare_cached("SELECT value FROM watch_state WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

fn set(tx: &Transaction<'_>, name: &str, value: i64) -> Result<()> {
    tx.prepare_cached("UPDATE watch_state SET value = ?2 WHERE name = ?1")?.execute(params![name, value]).map(drop)
}

/// Every change of the log up to this position was judged.
pub fn position(state: &State) -> std::result::Result<u64, StateError> {
    state.read(|connection| value(connection, "position")).map(i64::cast_unsigned)
}

/// Keeps the position.
pub fn set_position(tx: &Transaction<'_>, position: u64) -> Result<()> {
    set(tx, "position", position.cast_signed())
}

/// That a run was judged is known where it was judged after this.
pub fn horizon(tx: &Transaction<'_>) -> Result<Timestamp> {
    value(tx, "horizon").map(Timestamp::from_nanos)
}

fn version_of(connection: &Connection, project: &str, trace: TraceId) -> Result<Option<u64>> {
    let mut query = connection.prepare_cached("SELECT version FROM watch_runs WHERE project = ?1 AND trace = ?2")?;
    let version = query.query_row(params![project, trace.as_bytes()], |row| row.get::<_, i64>(0)).optional()?;
    Ok(version.map(i64::cast_unsigned))
}

/// The version at which a run was judged last.
pub fn judged(tx: &Transaction<'_>, key: &Key) -> Result<Option<u64>> {
    version_of(tx, &key.0, key.1)
}

/// Of some runs those that changed since they were judged.
pub fn not_judged(state: &State, runs: Vec<ChangedRun>) -> std::result::Result<Vec<ChangedRun>, StateError> {
    state.read(|connection| {
        let mut left = Vec::new();
        for run in runs {
            if version_of(connection, &run.project, run.trace_id)?.is_none_or(|judged| judged < run.version) {
                left.push(run);
            }
        }
        Ok(left)
    })
}

/// Notes that a run was judged.
pub fn note(tx: &Transaction<'_>, key: &Key, version: u64, now: Timestamp) -> Result<()> {
    // A new number each time: the row moves to the end.
    tx.prepare_cached("INSERT OR REPLACE INTO watch_runs (project, trace, version, judged) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![&*key.0, key.1.as_bytes(), version.cast_signed(), now.as_nanos()])
        .map(drop)
}

/// A trace that was judged is no run of its own any more.
pub fn take_back(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<()> {
    tx.prepare_cached("DELETE FROM watch_runs WHERE project = ?1 AND trace = ?2")?
        .execute(params![project, trace.as_bytes()])
        .map(drop)
}

/// Forgets the longest judged runs where they are too many or too old.
pub fn forget(tx: &Transaction<'_>, now: Timestamp) -> Result<()> {
    let oldest = now.plus_nanos(-JUDGED_NANOS).as_nanos();
    let last: i64 =
        tx.prepare_cached("SELECT coalesce(max(id), 0) FROM watch_runs")?.query_row([], |row| row.get(0))?;
    let mut forget = tx.prepare_cached(
        "DELETE FROM watch_runs WHERE id IN (SELECT id FROM watch_runs ORDER BY id LIMIT ?1) AND (judged < ?2 OR id <= ?3)
         RETURNING judged",
    )?;
    let forgotten =
        forget.query_map(params![FORGET_ROWS, oldest, last - JUDGED_RUNS_MAX], |row| row.get::<_, i64>(0))?;
    let mut newest = None;
    for judged in forgotten {
        newest = newest.max(Some(judged?));
    }
    match newest {
        Some(judged) => set(tx, "horizon", judged),
        None => Ok(()),
    }
}
