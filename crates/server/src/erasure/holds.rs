//! Legal holds: what neither retention nor erasing nor sampling may touch while somebody needs it.

use std::collections::BTreeSet;

use model::Timestamp;
use state::rusqlite::{Connection, Result, Row, Transaction, params};
use store::Held;

use super::{Target, What, traces};
use crate::api::types::Problem;
use crate::app::App;
use crate::doors;

/// Holds that may be in force at once: each is looked up whenever retention works.
pub const HOLDS_MAX: usize = 200;

/// Something that has to stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Number.
    pub id: i64,
    /// Project.
    pub project: String,
    /// What stays.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

fn read(row: &Row<'_>) -> Result<Hold> {
    let word: String = row.get(2)?;
    Ok(Hold {
        id: row.get(0)?,
        project: row.get(1)?,
        // What a newer version wrote holds most.
        target: Target { what: What::of_word(&word).unwrap_or(What::Project), value: row.get(3)? },
        reason: row.get(4)?,
        by: row.get(5)?,
        at: Timestamp::from_nanos(row.get(6)?),
    })
}

/// Holds of a project, or all.
pub fn list(conn: &Connection, project: Option<&str>) -> Result<Vec<Hold>> {
    let mut query = conn.prepare_cached(
        "SELECT id, project, what, value, reason, by, at FROM erasure_holds WHERE ?1 IS NULL OR project = ?1 ORDER BY id",
    )?;
    query.query_map([project], read)?.collect()
}

/// Puts a hold in force.
pub fn add(
    tx: &Transaction<'_>,
    project: &str,
    target: &Target,
    reason: &str,
    by: &str,
    now: Timestamp,
) -> Result<Hold> {
    tx.execute(
        "INSERT INTO erasure_holds (project, what, value, reason, by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![project, target.what.as_str(), target.value, reason, by, now.as_nanos()],
    )?;
    let id = tx.last_insert_rowid();
    Ok(Hold {
        id,
        project: project.to_owned(),
        target: target.clone(),
        reason: reason.to_owned(),
        by: by.to_owned(),
        at: now,
    })
}

/// Ends a hold of a project; whether there was one.
pub fn end(tx: &Transaction<'_>, project: &str, id: i64) -> Result<bool> {
    Ok(tx.execute("DELETE FROM erasure_holds WHERE id = ?1 AND project = ?2", params![id, project])? > 0)
}

/// Everything that is held now: the runs of held users and sessions are looked for anew each time.
pub async fn held(app: &App) -> std::result::Result<Held, Problem> {
    let state = app.doors.state().clone();
    let holds = doors::blocking(move || state.read(|conn| list(conn, None))).await?;
    let mut held = Held::default();
    for Hold { project, target, .. } in holds {
        if target.what == What::Project {
            held.projects.insert(project);
            continue;
        }
        let found: BTreeSet<_> = traces(app, &project, &target).await?;
        held.traces.entry(project).or_default().extend(found);
    }
    Ok(held)
}
