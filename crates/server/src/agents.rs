//! The graph of agents: who called whom, summed by hour over all settled runs.
//!
//! What a run's calls are is pure (`signals::graph`). Here is the judge that adds them up in the state, a batch of runs at a time, and what
//! is asked of the sums.
//! A run is counted when it first settles; a span that comes later is not in the graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use signals::graph;
use signals::money::hour_of;
use state::Part;
use state::rusqlite::{self, Connection, Transaction, params};

use crate::watch::judge::{Case, Judge, JudgeError};

/// How long sums are kept: 400 days.
pub const GRAPH_KEPT: i64 = 400 * 86_400 * 1_000_000_000;
/// Rows of one project and hour; what is called by further names is counted as [`OTHERS`]. About 100 bytes each.
pub const GRAPH_ROWS_MAX: i64 = 10_000;
/// Bytes of a name that are kept.
const NAME_MAX: usize = 200;
/// The name of whatever is past [`GRAPH_ROWS_MAX`].
pub const OTHERS: &str = "(others)";

/// The tables.
pub const PART: Part = Part {
    name: "agents",
    migrations: &["
        CREATE TABLE agents_calls (
            project TEXT NOT NULL, hour INTEGER NOT NULL, environment TEXT NOT NULL,
            caller TEXT NOT NULL, kind TEXT NOT NULL, callee TEXT NOT NULL, size INTEGER NOT NULL,
            calls INTEGER NOT NULL, errors INTEGER NOT NULL, micros INTEGER NOT NULL,
            first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
            PRIMARY KEY (project, hour, environment, caller, kind, callee, size)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX agents_calls_by_hour ON agents_calls (hour);
    "],
};

/// What calls are summed by, within a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    hour: i64,
    environment: Arc<str>,
    caller: String,
    kind: &'static str,
    callee: String,
}

/// Adds up the calls of settled runs: those of a batch in memory first, for most of them are between the same few.
#[derive(Debug, Default)]
pub struct GraphJudge {
    now: Timestamp,
    sums: BTreeMap<(Arc<str>, Name), Calls>,
}

impl Judge for GraphJudge {
    fn name(&self) -> &'static str {
        "agents"
    }

    fn judge(&mut self, case: &Case<'_>, _tx: &Transaction<'_>) -> Result<(), JudgeError> {
        self.now = case.now;
        if !case.settled || case.before.is_some() {
            return Ok(());
        }
        let tenant = &case.run.tenant;
        for edge in graph::edges(case.run, case.steps) {
            let name = Name {
                hour: hour_of(edge.at).as_nanos(),
                environment: Arc::clone(&tenant.environment),
                caller: cut(edge.caller.as_deref().unwrap_or_default()).to_owned(),
                kind: edge.kind.as_str(),
                callee: cut(&edge.callee).to_owned(),
            };
            let at = edge.at.as_nanos();
            let one = Calls {
                calls: 1,
                errors: u64::from(edge.failed),
                micros: (edge.ms * 1e3) as i64,
                first_at: at,
                last_at: at,
                sizes: Vec::new(),
            };
            let key = (Arc::clone(&tenant.project), name);
            self.sums.entry(key).or_default().add(graph::size(edge.ms), &one);
        }
        Ok(())
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for ((project, name), calls) in std::mem::take(&mut self.sums) {
            add(tx, &project, &name, &calls)?;
        }
        let oldest = self.now.plus_nanos(-GRAPH_KEPT).as_nanos();
        tx.prepare_cached("DELETE FROM agents_calls WHERE hour < ?1")?.execute([oldest])?;
        Ok(())
    }

    fn after_commit(&mut self, _kept: bool) {
        self.sums.clear();
    }
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_MAX)]
}

/// Adds calls by one name. Their errors, time and moments are of all sizes together and go to the smallest: what is asked of the sums is
/// of all sizes as well.
fn add(tx: &Transaction<'_>, project: &str, name: &Name, calls: &Calls) -> rusqlite::Result<()> {
    let Name { hour, environment, caller, kind, callee } = name;
    let mut callee = callee.as_str();
    let known = tx
        .prepare_cached(
            "SELECT 1 FROM agents_calls WHERE project = ?1 AND hour = ?2 AND environment = ?3 AND caller = ?4 AND kind = ?5 AND callee = ?6 LIMIT 1",
        )?
        .exists(params![project, hour, environment, caller, kind, callee])?;
    if !known {
        let rows: i64 = tx
            .prepare_cached("SELECT count(*) FROM agents_calls WHERE project = ?1 AND hour = ?2")?
            .query_row(params![project, hour], |row| row.get(0))?;
        if rows >= GRAPH_ROWS_MAX {
            callee = OTHERS;
        }
    }
    let mut add = tx.prepare_cached(
        "INSERT INTO agents_calls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, errors = errors + excluded.errors, micros = micros + excluded.micros,
             first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
    )?;
    let (mut errors, mut micros) = (calls.errors.cast_signed(), calls.micros);
    for (size, count) in &calls.sizes {
        let (first, last) = (calls.first_at, calls.last_at);
        let count = count.cast_signed();
        let (errors, micros) = (std::mem::take(&mut errors), std::mem::take(&mut micros));
        add.execute(params![
            project,
            hour,
            environment,
            caller,
            kind,
            callee,
            size,
            count,
            errors,
            micros,
            first,
            last
        ])?;
    }
    Ok(())
}

/// Calls of one name by another over a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// How often.
    pub calls: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Microseconds in all.
    pub micros: i64,
    /// When the first and the last began, in nanoseconds.
    pub first_at: i64,
    /// As `first_at`.
    pub last_at: i64,
    /// Calls by size of their duration.
    pub sizes: Vec<(u8, u64)>,
}

impl Calls {
    fn add(&mut self, size: u8, row: &Self) {
        self.first_at = if self.calls == 0 { row.first_at } else { self.first_at.min(row.first_at) };
        self.last_at = self.last_at.max(row.last_at);
        self.calls += row.calls;
        self.errors += row.errors;
        self.micros += row.micros;
        match self.sizes.binary_search_by_key(&size, |(size, _)| *size) {
            Ok(at) => self.sizes[at].1 += row.calls,
            Err(at) => self.sizes.insert(at, (size, row.calls)),
        }
    }

    /// Adds other calls.
    pub fn merge(&mut self, other: &Self) {
        for (size, calls) in &other.sizes {
            let part = Self { calls: *calls, first_at: other.first_at, last_at: other.last_at, ..Self::default() };
            self.add(*size, &part);
        }
        self.errors += other.errors;
        self.micros += other.micros;
    }

    /// Milliseconds that a share `q` of calls took at most, within 10 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        graph::quantile(&self.sizes, q)
    }

    /// Milliseconds a call, of the mean.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.micros as f64 / 1e3 / self.calls as f64)
    }
}

/// Who called whom: caller (empty from outside), kind and name of what was called.
pub type Graph = BTreeMap<(String, String, String), Calls>;

fn count(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get(at).map(|count: i64| count.unsigned_abs())
}

/// The graph of a project over the hours from `from` to `to`, in one environment or all.
pub fn graph_of(
    connection: &Connection,
    project: &str,
    environment: Option<&str>,
    from: Timestamp,
    to: Timestamp,
) -> rusqlite::Result<Graph> {
    let mut query = connection.prepare_cached(
        "SELECT caller, kind, callee, size, sum(calls), sum(errors), sum(micros), min(first_at), max(last_at) FROM agents_calls
         WHERE project = ?1 AND hour >= ?2 AND hour < ?3 AND (?4 IS NULL OR environment = ?4) GROUP BY 1, 2, 3, 4",
    )?;
    let mut rows = query.query(params![project, hour_of(from).as_nanos(), to.as_nanos(), environment])?;
    let mut graph = Graph::new();
    while let Some(row) = rows.next()? {
        let part = Calls {
            calls: count(row, 4)?,
            errors: count(row, 5)?,
            micros: row.get(6)?,
            first_at: row.get(7)?,
            last_at: row.get(8)?,
            sizes: Vec::new(),
        };
        graph.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().add(row.get(3)?, &part);
    }
    Ok(graph)
}
