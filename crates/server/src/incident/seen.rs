//! Remembers of what agents were made when, so that a new version, model, prompt or tool shows as a change.
//!
//! Only first and last sight of each value are kept. Which of them are changes is asked when somebody looks (`changes.rs`), so it makes
//! no difference in which order runs arrive. The name of a model's row says how it was seen (`signals::changes::models::Told`): those
//! that answered are kept apart from aliases that others answered to. Rows of earlier programs have no name, and hold both.

use std::collections::HashMap;
use std::sync::Arc;

use model::Timestamp;
use signals::changes::{self, Part, Seen};
use state::rusqlite::{self, OptionalExtension, Transaction, params};

use super::{SEEN_MAX, SEEN_VALUES_MAX, oldest};
use crate::watch::judge::{Case, Judge, JudgeError};

/// A later sight is written when it is so much later, in nanoseconds.
const LATER: i64 = 60 * 1_000_000_000;
/// Rows forgotten in one batch at most.
const FORGET_ROWS: i64 = 1_024;

/// Looks at settled runs.
#[derive(Debug, Default)]
pub struct SeenJudge {
    now: Timestamp,
    /// Of this batch.
    known: Known,
}

/// First and last sight of values that were looked up: the runs of a batch mostly show the same. By project, environment, agent, part, name and
/// value.
type Known = HashMap<(Arc<str>, Arc<str>, String, Part, String, String), (i64, i64)>;

impl Judge for SeenJudge {
    fn name(&self) -> &'static str {
        "changes"
    }

    fn wants_content(&self) -> bool {
        true
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        self.now = case.now;
        // Where this fails, what it wrote is undone: then nothing is known.
        let mut known = std::mem::take(&mut self.known);
        for seen in changes::seen(case.run, case.steps, |span| case.content(span)) {
            note(tx, case, seen, &mut known)?;
        }
        self.known = known;
        Ok(())
    }

    fn after_commit(&mut self, _kept: bool) {
        self.known.clear();
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.prepare_cached(
            "DELETE FROM incident_seen WHERE (project, environment, agent, part, name, value) IN (
                SELECT project, environment, agent, part, name, value FROM incident_seen ORDER BY last_at LIMIT ?1)
             AND (last_at < ?2 OR (SELECT count(*) FROM incident_seen) > ?3)",
        )?
        .execute(params![FORGET_ROWS, oldest(self.now), SEEN_MAX])
        .map(drop)
    }
}

fn note(tx: &Transaction<'_>, case: &Case<'_>, seen: Seen, known: &mut Known) -> rusqlite::Result<()> {
    let (tenant, at) = (&case.run.tenant, seen.at.as_nanos());
    let Seen { agent, part, name, value, detail, .. } = seen;
    let whose = (Arc::clone(&tenant.project), Arc::clone(&tenant.environment), agent, part, name, value);
    let (_, _, agent, _, name, value) = &whose;
    const KEY: &str = "project = ?1 AND environment = ?2 AND agent = ?3 AND part = ?4 AND name = ?5";
    let mut sight = known.get(&whose).copied();
    if sight.is_none() {
        let key = params![tenant.project, tenant.environment, agent, part.as_str(), name, value];
        sight = tx
            .prepare_cached(&format!("SELECT first_at, last_at FROM incident_seen WHERE {KEY} AND value = ?6"))?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
    }
    match sight {
        Some((first, last)) if first <= at && at <= last.saturating_add(LATER) => {
            known.insert(whose, (first, last));
            return Ok(());
        }
        Some(_) => {}
        None => {
            let key = params![tenant.project, tenant.environment, agent, part.as_str(), name];
            let values: i64 = tx
                .prepare_cached(&format!("SELECT count(*) FROM incident_seen WHERE {KEY}"))?
                .query_row(key, |row| row.get(0))?;
            if values >= SEEN_VALUES_MAX {
                return Ok(());
            }
        }
    }
    tx.prepare_cached(
        "INSERT INTO incident_seen VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)
         ON CONFLICT DO UPDATE SET
            trace = CASE WHEN excluded.first_at < first_at THEN excluded.trace ELSE trace END,
            detail = CASE WHEN excluded.first_at < first_at THEN excluded.detail ELSE detail END,
            first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
    )?
    .execute(params![
        tenant.project,
        tenant.environment,
        agent,
        part.as_str(),
        name,
        value,
        detail,
        at,
        case.run.trace_id.as_bytes(),
    ])?;
    let (first, last) = sight.unwrap_or((at, at));
    known.insert(whose, (first.min(at), last.max(at)));
    Ok(())
}
