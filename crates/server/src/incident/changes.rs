//! Changes: those that were told, and those that telemetry shows.

use model::{Timestamp, TraceId};
use signals::changes::Part;
use signals::changes::models::{self, Sight, Told};
use signals::detect::text::fingerprint;
use state::rusqlite::{Connection, Result, Row, Transaction, params};

use super::{CHANGES_MAX, SEEN_VALUES_MAX, oldest};

/// Kinds of changes that can be told. All but the last two are seen in telemetry as well.
pub const KINDS: &[&str] = &["deploy", "model", "prompt", "tool_schema", "index_version", "config"];
/// A change that telemetry shows so close to one that was told of the same version is the same one, in nanoseconds.
const SAME: i64 = 3_600 * 1_000_000_000;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Names it in its project.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// One of [`KINDS`].
    pub kind: String,
    /// Where; `None` for everywhere.
    pub environment: Option<String>,
    /// Of which agent; `None` for all.
    pub agent: Option<String>,
    /// What it is since then.
    pub version: Option<String>,
    /// What it was before, where telemetry shows it.
    pub previous: Option<String>,
    /// In words.
    pub title: String,
    /// Where to read more.
    pub url: Option<String>,
    /// Who told; `None` where telemetry shows it.
    pub by: Option<String>,
    /// First run that shows it.
    pub trace: Option<TraceId>,
}

/// Which changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Of these environments, and of those that name none.
    pub environments: Vec<String>,
    /// Of these agents, and of those that name none.
    pub agents: Vec<String>,
    /// Of these kinds.
    pub kinds: Vec<String>,
    /// `Some(true)` for those told only, `Some(false)` for those seen only.
    pub told: Option<bool>,
    /// Older than this change (its time and id), where a page goes on.
    pub after: Option<(i64, String)>,
    /// At most so many.
    pub limit: usize,
}

impl Wanted {
    fn lets(&self, change: &Change) -> bool {
        let one_of =
            |list: &[String], value: Option<&String>| list.is_empty() || value.is_none_or(|value| list.contains(value));
        one_of(&self.environments, change.environment.as_ref())
            && one_of(&self.agents, change.agent.as_ref())
            && (self.kinds.is_empty() || self.kinds.contains(&change.kind))
            && self.told.is_none_or(|told| told == change.by.is_some())
            && self.from.is_none_or(|from| change.at >= from)
            && self.to.is_none_or(|to| change.at < to)
            && self.after.as_ref().is_none_or(|(at, id)| (change.at.as_nanos(), &change.id) < (*at, id))
    }
}

/// Keeps a change in place of one with the same id.
pub fn keep(tx: &Transaction<'_>, project: &str, change: &Change, now: Timestamp) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO incident_changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute(params![
            project,
            change.id,
            change.at.as_nanos(),
            change.kind,
            change.environment,
            change.agent,
            change.version,
            change.title,
            change.url,
            change.by.as_deref().unwrap_or_default(),
        ])?;
    tx.execute("DELETE FROM incident_changes WHERE at < ?1", [oldest(now)])?;
    let many: i64 = tx.query_row("SELECT count(*) FROM incident_changes", [], |row| row.get(0))?;
    tx.execute(
        "DELETE FROM incident_changes WHERE rowid IN (SELECT rowid FROM incident_changes ORDER BY at LIMIT ?1)",
        [(many - CHANGES_MAX).max(0)],
    )
    .map(drop)
}

/// Changes of a project, newest first; one more than the limit where there are more.
pub fn list(connection: &Connection, project: &str, wanted: &Wanted) -> Result<Vec<Change>> {
    let told = told(connection, project)?;
    let mut found = seen(connection, project)?;
    // Somebody told of it, and says more about it.
    found.retain(|seen| !told.iter().any(|told| is_same(told, seen)));
    found.extend(told);
    found.retain(|change| wanted.lets(change));
    found.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    found.truncate(wanted.limit + 1);
    Ok(found)
}

fn is_same(told: &Change, seen: &Change) -> bool {
    let or_all = |told: &Option<String>, seen: &Option<String>| told.is_none() || told == seen;
    told.kind == seen.kind
        && told.version == seen.version
        && or_all(&told.agent, &seen.agent)
        && or_all(&told.environment, &seen.environment)
        && told.at.nanos_since(seen.at).abs() <= SAME
}

fn told(connection: &Connection, project: &str) -> Result<Vec<Change>> {
    let read = |row: &Row<'_>| {
        Ok(Change {
            id: row.get(0)?,
            at: Timestamp::from_nanos(row.get(1)?),
            kind: row.get(2)?,
            environment: row.get(3)?,
            agent: row.get(4)?,
            version: row.get(5)?,
            previous: None,
            title: row.get(6)?,
            url: row.get(7)?,
            by: Some(row.get(8)?),
            trace: None,
        })
    };
    let mut query = connection.prepare_cached(
        "SELECT id, at, kind, environment, agent, version, title, url, by FROM incident_changes WHERE project = ?1",
    )?;
    query.query_map([project], read)?.collect()
}

/// A value of an agent's part, as it was seen.
struct Value {
    environment: String,
    agent: String,
    part: Part,
    name: String,
    value: String,
    detail: String,
    at: Timestamp,
    trace: Option<TraceId>,
}

fn values(connection: &Connection, project: &str) -> Result<Vec<Value>> {
    let read = |row: &Row<'_>| {
        let (part, trace): (String, Vec<u8>) = (row.get(2)?, row.get(7)?);
        Ok(Value {
            environment: row.get(0)?,
            agent: row.get(1)?,
            // Written by this program: it reads back.
            part: Part::ALL.into_iter().find(|known| known.as_str() == part).unwrap_or(Part::Version),
            name: row.get(3)?,
            value: row.get(4)?,
            detail: row.get(5)?,
            at: Timestamp::from_nanos(row.get(6)?),
            trace: TraceId::from_slice(&trace).ok(),
        })
    };
    let mut query = connection.prepare_cached(
        "SELECT environment, agent, part, name, value, detail, first_at, trace FROM incident_seen WHERE project = ?1
         ORDER BY environment, agent, part, name, first_at, value",
    )?;
    query.query_map([project], read)?.collect()
}

/// Every value but the first of each part is a change: of the first, nobody knows what was before. Names of models are looked at together,
/// however they were seen.
fn seen(connection: &Connection, project: &str) -> Result<Vec<Change>> {
    let values = values(connection, project)?;
    let name = |value: &Value| if value.part == Part::Model { String::new() } else { value.name.clone() };
    let of = |value: &Value| (value.environment.clone(), value.agent.clone(), value.part, name(value));
    let mut found = Vec::new();
    for group in values.chunk_by(|a, b| of(a) == of(b)) {
        let full = |group: &[Value]| group.len() as i64 >= SEEN_VALUES_MAX;
        if group.chunk_by(|a, b| a.name == b.name).any(full) {
            continue;
        }
        if group[0].part == Part::Model {
            found.extend(of_models(group));
        } else {
            found.extend(group.windows(2).map(|pair| change(&pair[0], &pair[1])));
        }
    }
    Ok(found)
}

/// Changes among the models of one agent.
fn of_models(group: &[Value]) -> Vec<Change> {
    let mut group: Vec<&Value> = group.iter().collect();
    group.sort_by(|a, b| (a.at, &a.value, &a.name).cmp(&(b.at, &b.value, &b.name)));
    let mut sights = Vec::with_capacity(group.len());
    for Value { name, value, detail, at, .. } in group.iter().copied() {
        sights.push(Sight { told: Told::from_word(name), name: value, answer: detail, at: *at });
    }
    models::changes(&sights).into_iter().map(|(before, now)| change(group[before], group[now])).collect()
}

fn change(before: &Value, now: &Value) -> Change {
    let title = match now.part {
        Part::Version => format!("new version {} (before: {})", now.value, before.value),
        Part::Model => format!("new model {} (before: {})", now.value, before.value),
        Part::Prompt if now.name.is_empty() => "new system prompt".to_owned(),
        Part::Prompt => format!("new prompt `{}` {} (before: {})", now.name, now.value, before.value),
        Part::Tools => tools(&before.detail, &now.detail),
    };
    // How a model was seen is no part of its id, which stays what it was where an earlier program saw it.
    let name = if now.part == Part::Model { "" } else { now.name.as_str() };
    let key = [now.environment.as_str(), &now.agent, now.part.as_str(), name, &now.value];
    Change {
        id: format!("seen-{}", fingerprint(&key)),
        at: now.at,
        kind: now.part.change().to_owned(),
        environment: Some(now.environment.clone()),
        agent: Some(now.agent.clone()),
        version: Some(now.value.clone()),
        previous: Some(before.value.clone()),
        title,
        url: None,
        by: None,
        trace: now.trace,
    }
}

/// Which tools came and went.
fn tools(before: &str, now: &str) -> String {
    let names = |list: &str| list.split(", ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (before, now) = (names(before), names(now));
    let more = now.difference(&before).map(|name| format!("+{name}"));
    let less = before.difference(&now).map(|name| format!("-{name}"));
    let words: Vec<String> = more.chain(less).collect();
    if words.is_empty() { "new schema of the same tools".to_owned() } else { format!("tools {}", words.join(" ")) }
}

/// The version of an agent that was in use before the one that appeared last.
pub fn previous_version(connection: &Connection, project: &str, agent: &str) -> Result<Option<String>> {
    let mut query = connection.prepare_cached(
        "SELECT value FROM incident_seen WHERE project = ?1 AND agent = ?2 AND part = 'version'
         GROUP BY value ORDER BY min(first_at) DESC LIMIT 1 OFFSET 1",
    )?;
    let mut rows = query.query(params![project, agent])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}
