//! The counters of runs (`signals::metrics`) in the server: the judge that feeds them, and where they are kept.
//!
//! A run's share is kept beside the counters, so that what it gives later is only what is new. Both are written in the
//! transaction of the watch, so a restart neither repeats nor drops. Conversations are no run's share: they are counted when they are
//! over (`metrics/conversations.rs`).

mod conversations;
mod sent;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Run, RunStatus, Timestamp, TraceId};
use signals::metrics::{Counted, Exposed, HOURLY_TOKEN_BUDGET, Id, Limits, Registry, Score, SeriesRow, Share, UNKNOWN};
use state::rusqlite::{self, Connection, OptionalExtension, Transaction, params};
use state::{Part, State, StateError};

use crate::series::SeriesStore;
use crate::watch::judge::{Case, Judge, JudgeError};

/// Runs whose share is remembered; as many as the watch remembers.
const SHARES_MAX: i64 = crate::watch::JUDGED_RUNS_MAX;
/// How often is looked which services send OpenTelemetry's metrics themselves, in nanoseconds: ten seconds.
const SENT_EVERY: i64 = 10_000_000_000;
/// Rows forgotten in one batch at most: more than are added.
const FORGET_ROWS: i64 = 1_024;

/// The tables. Shares are numbered in the order in which they were last written.
pub const PART: Part = Part {
    name: "metrics",
    migrations: &[
        "
        CREATE TABLE metrics_series (
            id INTEGER PRIMARY KEY,
            family TEXT NOT NULL,
            shape TEXT NOT NULL,
            labels TEXT NOT NULL,
            cells BLOB NOT NULL
        ) STRICT;
        CREATE TABLE metrics_corrections (family TEXT PRIMARY KEY, amount REAL NOT NULL) STRICT;
        CREATE TABLE metrics_shares (
            id INTEGER PRIMARY KEY,
            project TEXT NOT NULL,
            trace BLOB NOT NULL,
            counted BLOB NOT NULL,
            UNIQUE (project, trace)
        ) STRICT;
    ",
        conversations::TABLE,
        "CREATE TABLE metrics_services (project TEXT NOT NULL, service TEXT NOT NULL, PRIMARY KEY (project, service)) STRICT;",
        "-- Shares written from here on may name a number by how many others ago it was written: programs before cannot read them.",
    ],
};

/// Project and service of whatever was counted: what such a service sends under the same names does not count as well.
pub fn services(state: &State) -> Result<Vec<(Arc<str>, Arc<str>)>, StateError> {
    state.read(|connection| {
        let mut query = connection.prepare("SELECT project, service FROM metrics_services")?;
        let rows = query.query_map([], |row| {
            let (project, service): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((project.into(), service.into()))
        })?;
        rows.collect()
    })
}

/// The counters, for everybody who shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    limits: Limits,
    /// Tokens an hour that are meant to be enough, where somebody said so.
    token_budget: Option<u64>,
}

impl Metrics {
    /// Counters at zero.
    pub fn new(limits: Limits, token_budget: Option<u64>) -> Self {
        Self { registry: Mutex::new(Registry::new(limits)), limits, token_budget }
    }

    /// The counters. A fault under the lock leaves numbers behind that are still numbers.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Continues with what was kept.
    pub fn restore(&self, state: &State) -> Result<(), StateError> {
        let (rows, corrections) = state.read(|connection| Ok((series(connection)?, corrections(connection)?)))?;
        *self.registry() = Registry::restored(self.limits, rows, &corrections);
        Ok(())
    }

    /// Counts a loop that a detector saw. Kept with the batch.
    pub fn count_loop(&self, run: &Run, detector: &str, now: Timestamp) {
        let agent = run.agent_or_service().unwrap_or(UNKNOWN);
        let workflow = run.workflow.as_deref().unwrap_or(&run.name);
        self.registry().add(&run.tenant, Id::Loops, &[agent, workflow, detector], 1.0, now);
    }

    /// Gauges that come from settings.
    pub fn of_settings(&self) -> Option<Exposed> {
        let mut budget = HOURLY_TOKEN_BUDGET.exposed();
        budget.number(&[], self.token_budget? as f64);
        Some(budget)
    }
}

fn series(connection: &Connection) -> rusqlite::Result<Vec<SeriesRow>> {
    let mut query = connection.prepare("SELECT id, family, shape, labels, cells FROM metrics_series")?;
    let rows = query.query_map([], |row| {
        let (labels, cells): (String, Vec<u8>) = (row.get(3)?, row.get(4)?);
        Ok(SeriesRow {
            id: row.get(0)?,
            family: row.get(1)?,
            shape: Cow::Owned(row.get(2)?),
            // What cannot be read has no labels, and is left out as a series of another shape is.
            labels: serde_json::from_str(&labels).unwrap_or_default(),
            cells: cells.chunks_exact(8).filter_map(|cell| Some(f64::from_le_bytes(cell.try_into().ok()?))).collect(),
        })
    })?;
    rows.collect()
}

fn corrections(connection: &Connection) -> rusqlite::Result<Vec<(String, f64)>> {
    let mut query = connection.prepare("SELECT family, amount FROM metrics_corrections")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Counts runs.
pub struct Counting {
    metrics: Arc<Metrics>,
    /// The time of the batch under way.
    now: Timestamp,
    /// Where metrics that clients send are.
    series: Option<Arc<SeriesStore>>,
    /// When it was last looked who sends which.
    looked: Option<Timestamp>,
    /// Project and service of whatever this batch counted for the first time.
    noted: Vec<(Arc<str>, Arc<str>)>,
}

impl Counting {
    /// A judge that feeds these counters.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, now: Timestamp::default(), series: None, looked: None, noted: Vec::new() }
    }

    /// The same, but what services send themselves, as these series show, is not derived for them.
    pub fn beside(self, series: Option<Arc<SeriesStore>>) -> Self {
        Self { series, ..self }
    }

    fn look_who_sends(&mut self) {
        let Some(series) = &self.series else { return };
        if self.looked.is_some_and(|looked| self.now.nanos_since(looked) < SENT_EVERY) {
            return;
        }
        self.looked = Some(self.now);
        match sent::look(series, self.now) {
            Ok(sent) => self.metrics.registry().set_sent(sent),
            // What was seen before holds.
            Err(error) => tracing::warn!(%error, "which services send metrics of their own cannot be read"),
        }
    }
}

/// What a run gave so far; `None` where it was not counted.
fn before(tx: &Transaction<'_>, project: &str, trace: TraceId) -> Result<Option<Counted>, JudgeError> {
    let mut query = tx.prepare_cached("SELECT counted FROM metrics_shares WHERE project = ?1 AND trace = ?2")?;
    let bytes: Option<Vec<u8>> = query.query_row(params![project, trace.as_bytes()], |row| row.get(0)).optional()?;
    let Some(bytes) = bytes else { return Ok(None) };
    Counted::decode(&bytes)
        .map(Some)
        .ok_or_else(|| JudgeError::Other("what was counted of the run cannot be read".into()))
}

fn keep(tx: &Transaction<'_>, project: &str, trace: TraceId, counted: &Counted) -> rusqlite::Result<()> {
    // A new number each time: the row moves to the end.
    tx.prepare_cached("INSERT OR REPLACE INTO metrics_shares (project, trace, counted) VALUES (?1, ?2, ?3)")?
        .execute(params![project, trace.as_bytes(), counted.encode()])
        .map(drop)
}

impl Judge for Counting {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn follows(&self) -> bool {
        true
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let run = case.run;
        self.now = case.now;
        self.look_who_sends();
        let mut registry = self.metrics.registry();
        if !(case.backfill && run.status == RunStatus::Running) {
            registry.note(run, case.steps);
        }
        let before = before(tx, &run.tenant.project, run.trace_id)?;
        // History is not news, and neither is what comes late to a run that was not counted.
        if before.is_none() && (case.backfill || case.before.is_some()) {
            return Ok(());
        }
        let scores: Vec<Score> = case.scores.iter().map(score).collect();
        let Share { counted, exemplars } = registry.share(run, case.steps, &scores, case.now);
        if let Some(series) = &self.series {
            // Steps beside each other are mostly of one service.
            let services = case.steps.chunk_by(|a, b| a.span.service == b.span.service);
            for service in services.filter_map(|steps| steps[0].span.service.as_ref()) {
                if series.derived.note(&run.tenant.project, service) {
                    self.noted.push((Arc::clone(&run.tenant.project), Arc::clone(service)));
                    let insert = "INSERT OR IGNORE INTO metrics_services (project, service) VALUES (?1, ?2)";
                    tx.prepare_cached(insert)?.execute(params![&*run.tenant.project, &**service])?;
                }
            }
        }
        if case.settled
            && case.before.is_none()
            && let Some(over) = conversations::note(tx, run, case.now)?
        {
            registry.add(&over.tenant, Id::ConversationTurns, &[&over.agent], over.turns, case.now);
        }
        let before = before.unwrap_or_default();
        let changes = counted.since(&before);
        if counted != before {
            keep(tx, &run.tenant.project, run.trace_id, &counted)?;
        }
        registry.stage(&changes, exemplars);
        Ok(())
    }

    fn gone(&mut self, project: &str, trace: TraceId, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        self.metrics.registry().forget(project, trace);
        if let Some(before) = before(tx, project, trace)? {
            let nothing = Counted::default();
            keep(tx, project, trace, &nothing)?;
            self.metrics.registry().stage(&nothing.since(&before), Vec::new());
        }
        Ok(())
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut registry = self.metrics.registry();
        for over in conversations::over(tx, self.now)? {
            registry.add(&over.tenant, Id::ConversationTurns, &[&over.agent], over.turns, self.now);
        }
        let mut put = tx.prepare_cached("INSERT OR REPLACE INTO metrics_series VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for row in registry.new_rows() {
            let labels = serde_json::to_string(&row.labels).unwrap_or_default();
            let cells: Vec<u8> = row.cells.iter().flat_map(|cell| cell.to_le_bytes()).collect();
            put.execute(params![row.id, row.family, row.shape, labels, cells])?;
        }
        let mut set = tx.prepare_cached("UPDATE metrics_series SET cells = ?2 WHERE id = ?1")?;
        let mut bytes = Vec::new();
        registry.changed(|id, cells| {
            bytes.clear();
            bytes.extend(cells.iter().flat_map(|cell| cell.to_le_bytes()));
            set.execute(params![id, bytes]).map(drop)
        })?;
        let mut put = tx.prepare_cached("INSERT OR REPLACE INTO metrics_corrections VALUES (?1, ?2)")?;
        for (family, amount) in registry.correction_rows() {
            put.execute(params![family, amount])?;
        }
        let last = "SELECT coalesce(max(id), 0) FROM metrics_shares";
        let last: i64 = tx.prepare_cached(last)?.query_row([], |row| row.get(0))?;
        tx.prepare_cached(
            "DELETE FROM metrics_shares WHERE id IN (SELECT id FROM metrics_shares WHERE id <= ?2 ORDER BY id LIMIT ?1)",
        )?
        .execute([FORGET_ROWS, last - SHARES_MAX])
        .map(drop)
    }

    fn after_commit(&mut self, kept: bool) {
        let mut registry = self.metrics.registry();
        if kept {
            registry.commit(self.now)
        } else {
            registry.discard()
        }
        let noted = std::mem::take(&mut self.noted);
        if let Some(series) = self.series.as_ref().filter(|_| !kept) {
            noted.iter().for_each(|(project, service)| series.derived.forget(project, service));
        }
    }
}

fn score(score: &receivers::Score) -> Score {
    let user =
        |source: &str| matches!(source.to_ascii_lowercase().as_str(), "user" | "end_user" | "app_user" | "feedback");
    Score {
        name: score.name.clone(),
        value: score.value,
        label: score.label.clone(),
        from_user: score.source.as_deref().is_some_and(user),
    }
}

#[cfg(test)]
mod tests;
