//! How long what is not telemetry is kept, by project: findings and the audit logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use access::Log;
use model::Timestamp;
use state::rusqlite::{Transaction, params};
use store::{RetentionError, RetentionRules};

use crate::api::types::Problem;
use crate::app::App;
use crate::doors;

/// Layers that are not the store's, by their names in settings.
const LAYERS: [&str; 3] = ["findings", "audit", "agents"];

/// How long something is kept, by project; the empty name is every project that is not named. What is not here stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByProject(BTreeMap<String, Option<Duration>>);

impl ByProject {
    /// How long it is kept for a project; `None` for as long as its feature says.
    pub fn of(&self, project: &str) -> Option<Duration> {
        self.0.get(project).or_else(|| self.0.get("")).copied().flatten()
    }

    /// From before when it goes, for a project.
    fn before(&self, project: &str, now: Timestamp) -> Option<Timestamp> {
        let time = i64::try_from(self.of(project)?.as_nanos()).unwrap_or(i64::MAX);
        Some(now.plus_nanos(-time))
    }
}

/// What is kept for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    /// The log of what people did.
    pub audit: ByProject,
    /// The log of what agents did.
    pub agents: ByProject,
    /// Findings.
    pub findings: ByProject,
}

/// Takes what is not the store's out of a setting such as `spans=90d,audit=2w`, of a project or of all; the rest is the store's.
///
/// # Errors
/// When a time cannot be read.
pub fn take(keeping: &mut Keeping, project: Option<&str>, rules: &str) -> Result<String, RetentionError> {
    let mut left = Vec::new();
    for part in rules.split(',') {
        let own = part.split_once('=').and_then(|(name, time)| match name.trim() {
            "audit" => Some((&mut keeping.audit, "audit", time)),
            "agents" => Some((&mut keeping.agents, "agents", time)),
            "findings" => Some((&mut keeping.findings, "findings", time)),
            _ => None,
        });
        match own {
            Some((own, name, time)) => {
                let time = RetentionRules::parse_time(name, time)?;
                own.0.insert(project.unwrap_or_default().to_owned(), time);
            }
            None => left.push(part),
        }
    }
    Ok(left.join(","))
}

/// An error of the store's settings in the words of all: it knows its own layers only.
pub fn of_all(error: RetentionError) -> RetentionError {
    match error {
        RetentionError::UnknownLayer { name, known } => {
            RetentionError::UnknownLayer { name, known: format!("{known}, {}", LAYERS.join(", ")) }
        }
        other => other,
    }
}

/// Removes what has been kept long enough.
pub async fn prune(app: &Arc<App>) -> Result<(), Problem> {
    let keeping = app.settings.keeping.clone();
    if keeping == Keeping::default() {
        return Ok(());
    }
    let (now, state) = (app.now(), app.doors.state().clone());
    doors::blocking(move || state.write(|tx| work(tx, &keeping, now))).await
}

fn work(tx: &Transaction<'_>, keeping: &Keeping, now: Timestamp) -> state::rusqlite::Result<()> {
    let names = |query: &str| -> state::rusqlite::Result<BTreeSet<String>> {
        tx.prepare_cached(query)?.query_map([], |row| row.get(0))?.collect()
    };
    let held = names("SELECT DISTINCT project FROM erasure_holds")?;
    for (log, times) in [(Log::People, &keeping.audit), (Log::Agents, &keeping.agents)] {
        access::prune(tx, log, |project| times.before(project, now).filter(|_| !held.contains(project)))?;
    }
    for project in names("SELECT DISTINCT project FROM findings")?.difference(&held) {
        if let Some(before) = keeping.findings.before(project, now) {
            tx.prepare_cached("DELETE FROM findings WHERE at < ?1 AND project = ?2")?
                .execute(params![before.as_nanos(), project])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_time_and_the_store_gets_the_rest() {
        let mut keeping = Keeping::default();
        assert_eq!(
            take(&mut keeping, None, "spans=90d,audit=700d,findings=30d,bodies=7d").unwrap(),
            "spans=90d,bodies=7d"
        );
        assert_eq!(take(&mut keeping, Some("shop"), "findings=1d").unwrap(), "");
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!((keeping.findings.of("bank"), keeping.findings.of("shop")), (Some(days(30)), Some(days(1))));
        assert_eq!(take(&mut keeping, Some("bank"), "audit=forever").unwrap(), "");
        assert_eq!((keeping.audit.of("shop"), keeping.audit.of("bank")), (Some(days(700)), None));
        assert!(take(&mut keeping, None, "audit=soon").is_err());
        let short = take(&mut keeping, None, "findings=1m").unwrap_err().to_string();
        assert!(short.contains("cannot keep `findings` for 1m"), "{short}");
        let unknown = of_all("body=1d".parse::<RetentionRules>().unwrap_err()).to_string();
        assert!(unknown.ends_with("bodies, spans, logs, samples, scores, findings, audit, agents"), "{unknown}");
    }
}
