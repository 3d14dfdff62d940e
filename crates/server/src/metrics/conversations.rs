//! Lengths of conversations: how many runs came under one session id before nothing more was heard of it.
//!
//! Kept in the transaction of the batch, as the counters are. One that goes on after it was counted is counted as another.

use std::sync::Arc;

use model::{Run, Tenant, Timestamp};
use state::rusqlite::{self, OptionalExtension, Row, Transaction, params};

/// The table of those that are under way.
pub const TABLE: &str = "
    CREATE TABLE metrics_conversations (
        project TEXT NOT NULL,
        environment TEXT NOT NULL,
        session TEXT NOT NULL,
        agent TEXT NOT NULL,
        turns INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (project, environment, session)
    ) STRICT;
    CREATE INDEX metrics_conversations_by_time ON metrics_conversations (last);
";

/// A conversation is over when nothing was heard of it for so long: 30 minutes.
pub const QUIET_NANOS: i64 = 1_800 * 1_000_000_000;
/// Conversations under way at most, about 200 bytes each; past that the quietest counts as over.
pub const CONVERSATIONS_MAX: i64 = 100_000;
/// Those that end in one batch at most; more end in the next.
const ENDING_MAX: i64 = 1_024;

/// A conversation that is over.
pub struct Over {
    /// Whose it was.
    pub tenant: Tenant,
    /// The agent of its first run.
    pub agent: String,
    /// Its runs.
    pub turns: f64,
}

/// Notes a run that settled for the first time. Gives the conversation of its session that was over before it: the run begins another.
pub fn note(tx: &Transaction<'_>, run: &Run, now: Timestamp) -> rusqlite::Result<Option<Over>> {
    let Some(session) = run.session_id.as_deref().filter(|session| !session.is_empty()) else { return Ok(None) };
    let (project, environment) = (&*run.tenant.project, &*run.tenant.environment);
    let agent = run.agent_or_service().unwrap_or(signals::metrics::UNKNOWN);
    let note = || {
        tx.prepare_cached(
            "INSERT INTO metrics_conversations VALUES (?1, ?2, ?3, ?4, 1, ?5)
             ON CONFLICT (project, environment, session) DO UPDATE SET turns = turns + 1, last = excluded.last WHERE last >= ?6",
        )?
        .execute(params![project, environment, session, agent, now.as_nanos(), quiet_since(now)])
    };
    if note()? > 0 {
        return Ok(None);
    }
    let earlier = tx
        .prepare_cached(
            "DELETE FROM metrics_conversations WHERE project = ?1 AND environment = ?2 AND session = ?3 AND last < ?4
             RETURNING project, environment, agent, turns",
        )?
        .query_row(params![project, environment, session, quiet_since(now)], Over::read)
        .optional()?;
    note()?;
    Ok(earlier)
}

fn quiet_since(now: Timestamp) -> i64 {
    now.plus_nanos(-QUIET_NANOS).as_nanos()
}

impl Over {
    /// A row of project, environment, agent and turns.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (project, environment): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(Self {
            tenant: Tenant { project: Arc::from(project), environment: Arc::from(environment) },
            agent: row.get(2)?,
            turns: row.get(3)?,
        })
    }
}

/// Takes out those that are over.
pub fn over(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<Vec<Over>> {
    let beyond: i64 = tx
        .prepare_cached("SELECT count(*) - ?1 FROM metrics_conversations")?
        .query_row([CONVERSATIONS_MAX], |row| row.get(0))?;
    let mut query = tx.prepare_cached(
        "DELETE FROM metrics_conversations WHERE rowid IN (
            SELECT rowid FROM metrics_conversations WHERE last < ?1 ORDER BY last LIMIT ?2
         ) RETURNING project, environment, agent, turns",
    )?;
    // Too many: the quietest go, whenever they were last heard of.
    let before = if beyond > 0 { i64::MAX } else { quiet_since(now) };
    let most = if beyond > 0 { beyond.min(ENDING_MAX) } else { ENDING_MAX };
    query.query_map([before, most], Over::read)?.collect()
}
