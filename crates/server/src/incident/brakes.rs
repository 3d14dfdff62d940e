//! Brakes: an agent or a tool that is held, routed to people, or kept on the version before.
//!
//! They are answered by the budget check, so agents that ask before a call obey without a new question. All brakes in force are in
//! memory; putting one on and taking it off are written to the state and to the audit log in one transaction first.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use state::rusqlite::{Connection, Result, Transaction, params};
use state::{State, StateError};

use super::oldest;

/// Brakes in force at the same time, in all projects.
pub const BRAKES_MAX: usize = 1_000;

/// What an agent under a brake does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    Hold,
    /// It hands over to people.
    Human,
    /// It works as the version before.
    Previous,
}

impl Action {
    /// Every action with its word.
    pub const ALL: [(&'static str, Self); 3] =
        [("hold", Self::Hold), ("human", Self::Human), ("previous", Self::Previous)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The action of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, action)| *action)
    }
}

/// A brake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brake {
    /// Names it.
    pub id: String,
    /// Project.
    pub project: String,
    /// What it does.
    pub action: Action,
    /// Whom it holds; `None` for every agent.
    pub agent: Option<String>,
    /// Which tool's calls it holds; `None` for whatever the agent does.
    pub tool: Option<String>,
    /// Where; `None` for everywhere.
    pub environment: Option<String>,
    /// The version to use, where it keeps to one.
    pub version: Option<String>,
    /// Who put it on.
    pub by: String,
    /// Why.
    pub why: String,
    /// The issue it is for.
    pub issue: Option<String>,
    /// Since when, in nanoseconds since 1970.
    pub since: i64,
    /// Until when; `None` until it is taken off.
    pub until: Option<i64>,
    /// When it was taken off, and by whom.
    pub ended: Option<(i64, String)>,
}

/// Who is about to do what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// Project.
    pub project: &'a str,
    /// Environment.
    pub environment: &'a str,
    /// Agent.
    pub agent: Option<&'a str>,
    /// Tool it is about to call.
    pub tool: Option<&'a str>,
    /// Version it is.
    pub version: Option<&'a str>,
}

impl Brake {
    /// Whether it is in force.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.until.is_none_or(|until| now.as_nanos() < until)
    }

    /// Whether it is for that caller. Who does not say what a brake is about is not meant by it.
    fn is_for(&self, asking: &Asking<'_>) -> bool {
        let meant = |wanted: &Option<String>, said: Option<&str>| wanted.as_deref().is_none_or(|it| said == Some(it));
        self.project == asking.project
            && meant(&self.environment, Some(asking.environment))
            && meant(&self.agent, asking.agent)
            && meant(&self.tool, asking.tool)
            && (self.action != Action::Previous || self.version.as_deref() != asking.version)
    }

    /// Why the caller may not go on, in words.
    pub fn reason(&self) -> String {
        let what = match (&self.agent, &self.tool) {
            (Some(agent), Some(tool)) => format!("calls of `{tool}` by agent `{agent}` are"),
            (Some(agent), None) => format!("agent `{agent}` is"),
            (None, Some(tool)) => format!("calls of `{tool}` are"),
            (None, None) => "every agent is".to_owned(),
        };
        let how = match self.action {
            Action::Hold => "on hold".to_owned(),
            Action::Human => "routed to people".to_owned(),
            Action::Previous => format!("kept on version {}", self.version.as_deref().unwrap_or_default()),
        };
        format!("{what} {how} by {}: {}", self.by, self.why)
    }
}

/// The brakes in force.
#[derive(Debug, Default)]
pub struct Brakes(RwLock<Vec<Brake>>);

impl Brakes {
    fn held(&self) -> RwLockReadGuard<'_, Vec<Brake>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn open(&self, state: &State, now: Timestamp) -> std::result::Result<(), StateError> {
        let kept = state.read(|connection| all(connection, None))?;
        self.set(kept, now);
        Ok(())
    }

    fn set(&self, all: Vec<Brake>, now: Timestamp) {
        let held = all.into_iter().filter(|brake| brake.holds_at(now)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// The brake that stops the caller: one that holds wins over one that only changes how.
    pub fn stopping(&self, asking: &Asking<'_>, now: Timestamp) -> Option<Brake> {
        let held = self.held();
        let found = held.iter().filter(|brake| brake.holds_at(now) && brake.is_for(asking));
        found.min_by_key(|brake| brake.action as usize).cloned()
    }

    /// Brakes in force in all projects.
    pub fn in_force(&self, now: Timestamp) -> usize {
        self.held().iter().filter(|brake| brake.holds_at(now)).count()
    }

    /// Writes a brake through `tx`, to be followed by [`Self::take_over`].
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn keep(tx: &Transaction<'_>, brake: &Brake, now: Timestamp) -> Result<()> {
        let text = serde_json::to_string(brake).unwrap_or_default();
        let ended = brake.ended.as_ref().map(|(at, _)| *at);
        tx.execute(
            "INSERT OR REPLACE INTO incident_brakes VALUES (?1, ?2, ?3, ?4, ?5)",
            params![brake.id, brake.project, text, brake.until, ended],
        )?;
        tx.execute("DELETE FROM incident_brakes WHERE coalesce(ended, until) < ?1", [oldest(now)]).map(drop)
    }

    /// What was written holds from now on.
    pub fn take_over(&self, brake: Brake, now: Timestamp) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.id != brake.id && other.holds_at(now));
        if brake.holds_at(now) {
            held.push(brake);
        }
    }
}

/// Brakes, those put on last first; of one project where it is named.
///
/// # Errors
/// When they cannot be read.
pub fn all(connection: &Connection, project: Option<&str>) -> Result<Vec<Brake>> {
    let mut query = connection
        .prepare_cached("SELECT brake FROM incident_brakes WHERE ?1 IS NULL OR project = ?1 ORDER BY rowid DESC")?;
    let texts: Vec<String> = query.query_map([project], |row| row.get(0))?.collect::<Result<_>>()?;
    Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brake(action: Action, agent: Option<&str>, tool: Option<&str>) -> Brake {
        Brake {
            id: format!("{action:?}{agent:?}{tool:?}"),
            project: "default".into(),
            action,
            agent: agent.map(str::to_owned),
            tool: tool.map(str::to_owned),
            environment: None,
            version: (action == Action::Previous).then(|| "7".into()),
            by: "ada".into(),
            why: "wrong refunds".into(),
            issue: None,
            since: 0,
            until: Some(1_000),
            ended: None,
        }
    }

    fn asking<'a>(agent: &'a str, tool: Option<&'a str>, version: Option<&'a str>) -> Asking<'a> {
        Asking { project: "default", environment: "production", agent: Some(agent), tool, version }
    }

    #[test]
    fn a_brake_stops_whom_it_names_until_it_is_over() {
        let (brakes, now) = (Brakes::default(), Timestamp::from_nanos(10));
        brakes.take_over(brake(Action::Hold, Some("refunds"), Some("send_money")), now);
        brakes.take_over(brake(Action::Previous, Some("writer"), None), now);
        let stopped = |who: Asking<'_>, at: i64| brakes.stopping(&who, Timestamp::from_nanos(at)).map(|it| it.action);
        assert_eq!(stopped(asking("refunds", Some("send_money"), None), 10), Some(Action::Hold));
        assert_eq!(stopped(asking("refunds", Some("look_up"), None), 10), None);
        assert_eq!(stopped(asking("refunds", None, None), 10), None);
        assert_eq!(stopped(asking("other", Some("send_money"), None), 10), None);
        assert_eq!(stopped(asking("writer", None, Some("8")), 10), Some(Action::Previous));
        assert_eq!(stopped(asking("writer", None, Some("7")), 10), None);
        assert_eq!(stopped(asking("writer", None, Some("8")), 1_000), None);
        assert_eq!(stopped(Asking { project: "other", ..asking("writer", None, None) }, 10), None);
        brakes.take_over(brake(Action::Hold, None, None), now);
        assert_eq!(stopped(asking("writer", None, Some("8")), 10), Some(Action::Hold));
    }
}
