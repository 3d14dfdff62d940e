//! How long what is not telemetry is kept: findings by project, and the audit logs, which are chains over all projects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::Log;
use model::Timestamp;
use state::rusqlite::{Transaction, params};
use store::{Layer, RetentionError, RetentionRules};

use crate::api::types::Problem;
use crate::app::App;
use crate::doors;

/// What is kept for how long; what is not named stays as long as its feature says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    /// The log of what people did; `None` for ever.
    pub audit: Option<Duration>,
    /// The log of what agents did; `None` for ever.
    pub agents: Option<Duration>,
    /// Findings, by project; the empty name is every other one.
    pub findings: BTreeMap<String, Duration>,
}

/// Layers of their own beside the store's.
const OWN: [&str; 3] = ["findings", "audit", "agents"];

/// Takes what is not the store's out of a setting such as `spans=90d,audit=2w`, of a project or of all; the rest is the store's.
///
/// # Errors
/// When a time cannot be read, or an audit log is named for one project only: a chain has one beginning.
pub fn take(keeping: &mut Keeping, project: Option<&str>, rules: &str) -> Result<String, RetentionError> {
    let mut left = Vec::new();
    for part in rules.split(',') {
        let own = part.split_once('=').filter(|(name, _)| OWN.contains(&name.trim()));
        let Some((name, time)) = own else {
            left.push(part);
            continue;
        };
        // Spans stand for any layer in the error's words.
        let time = RetentionRules::parse_time(Layer::Spans, time)?;
        match (name.trim(), project) {
            ("findings", project) => {
                let project = project.unwrap_or_default().to_owned();
                keeping.findings.insert(project, time.unwrap_or(Duration::MAX));
            }
            ("audit", None) => keeping.audit = time,
            ("agents", None) => keeping.agents = time,
            _ => return Err(RetentionError::Syntax { text: format!("{part} (an audit log is of all projects)") }),
        }
    }
    Ok(left.join(","))
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
    let before = |time: Duration| now.plus_nanos(-i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    for (log, time) in [(Log::People, keeping.audit), (Log::Agents, keeping.agents)] {
        if let Some(time) = time {
            access::prune(tx, log, before(time))?;
        }
    }
    let named: Vec<&String> = keeping.findings.keys().filter(|name| !name.is_empty()).collect();
    let named = serde_json::to_string(&named).unwrap_or_default();
    for (project, time) in &keeping.findings {
        let at = before(*time).as_nanos();
        let held = "NOT EXISTS (SELECT 1 FROM erasure_holds h WHERE h.project = findings.project)";
        if project.is_empty() {
            tx.prepare_cached(&format!(
                "DELETE FROM findings WHERE at < ?1 AND project NOT IN (SELECT value FROM json_each(?2)) AND {held}"
            ))?
            .execute(params![at, named])?;
        } else {
            tx.prepare_cached(&format!("DELETE FROM findings WHERE at < ?1 AND project = ?2 AND {held}"))?
                .execute(params![at, project])?;
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
        assert_eq!(keeping.audit, Some(days(700)));
        assert_eq!(keeping.findings, BTreeMap::from([(String::new(), days(30)), ("shop".to_owned(), days(1))]));
        assert!(take(&mut keeping, Some("shop"), "audit=1d").unwrap_err().to_string().contains("all projects"));
        assert!(take(&mut keeping, None, "audit=soon").is_err());
    }
}
