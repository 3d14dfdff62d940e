//! What agents did: prompts, arguments, results, approvals, as a chain like that of people.
//!
//! What was said stands apart from the chain, which holds its hash: it can be erased, and the chain still shows that nothing else was
//! changed.

use model::{Timestamp, TraceId};
use state::rusqlite::{self, Connection, Transaction};

use crate::audit::{Broken, Entry, Log, append_to, entries};

/// Appends what an agent did in a step of a trace; `said` is its content, where it is kept. Gives the entry's number.
///
/// # Errors
/// What SQLite says.
pub fn append_deed(
    tx: &Transaction<'_>,
    at: Timestamp,
    project: &str,
    agent: &str,
    [action, target]: [&str; 2],
    said: Option<&str>,
) -> rusqlite::Result<i64> {
    let hash = said.map(digest).unwrap_or_default();
    let seq = append_to(tx, Log::Agents, at, project, agent, [action, target, &hash])?;
    if let Some(said) = said {
        tx.prepare_cached("INSERT INTO audit_agents_said (seq, said) VALUES (?1, ?2)")?.execute((seq, said))?;
    }
    Ok(seq)
}

fn digest(said: &str) -> String {
    format!("blake3:{}", blake3::hash(said.as_bytes()).to_hex())
}

/// Whether something was appended for a step: what begins with `target`.
///
/// # Errors
/// What SQLite says.
pub fn has_deed(conn: &Connection, project: &str, target: &str) -> rusqlite::Result<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM audit_agents WHERE target = ?2 AND project = ?1)";
    conn.prepare_cached(query)?.query_row((project, target), |row| row.get(0))
}

/// Entries as [`entries`], each with what was said, where that is there.
///
/// # Errors
/// What SQLite says.
pub fn deeds(
    conn: &Connection,
    after: i64,
    limit: usize,
    project: Option<&str>,
) -> rusqlite::Result<Vec<(Entry, Option<String>)>> {
    let mut said = conn.prepare_cached("SELECT said FROM audit_agents_said WHERE seq = ?1")?;
    let with = |entry: Entry| {
        let mut rows = said.query([entry.seq])?;
        let said = rows.next()?.map(|row| row.get(0)).transpose()?;
        Ok((entry, said))
    };
    entries(conn, Log::Agents, after, limit, project)?.into_iter().map(with).collect()
}

/// Erases what was said in traces of a project; the entries stay, with its hash. Gives how many.
///
/// # Errors
/// What SQLite says.
pub fn erase_said<'t>(
    tx: &Transaction<'_>,
    project: &str,
    traces: impl IntoIterator<Item = &'t TraceId>,
) -> rusqlite::Result<usize> {
    let mut erase = tx.prepare_cached(
        "DELETE FROM audit_agents_said WHERE seq IN
         (SELECT seq FROM audit_agents WHERE project = ?1 AND target >= ?2 AND target < ?2 || '0')",
    )?;
    // A target is the trace, `/` and the step; `0` is the character after `/`.
    traces.into_iter().try_fold(0, |sum, trace| Ok(sum + erase.execute((project, trace.to_string()))?))
}

/// Entries whose content is not what it was.
pub(crate) fn changed(conn: &Connection) -> rusqlite::Result<Vec<Broken>> {
    let mut query =
        conn.prepare("SELECT l.seq, l.detail, s.said FROM audit_agents_said s JOIN audit_agents l USING (seq)")?;
    let mut rows = query.query([])?;
    let mut broken = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, String>(1)? != digest(&row.get::<_, String>(2)?) {
            broken.push(Broken::Changed { seq: row.get(0)? });
        }
    }
    Ok(broken)
}
