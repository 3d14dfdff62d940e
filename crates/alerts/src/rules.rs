//! Rule files in Prometheus' format.

mod read;

use std::sync::Arc;

use promql::Query;

use crate::template::Template;
use crate::yaml::{Place, Problem};

/// How often a group is evaluated that does not say so: one minute, as in Prometheus.
pub const DEFAULT_INTERVAL_MS: i64 = 60_000;
/// Bytes a rule file may have.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;

/// A file of rules.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    /// Groups, in the order of the file.
    pub groups: Vec<Group>,
}

/// Rules evaluated one after the other at the same time.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name, unique within its file.
    pub name: String,
    /// Milliseconds between evaluations, where the group says so.
    pub interval_ms: Option<i64>,
    /// How far before the time of evaluation queries look, in milliseconds.
    pub query_offset_ms: i64,
    /// Alerts or series one rule may give; 0 for no limit.
    pub limit: usize,
    /// Rules, in order.
    pub rules: Vec<Arc<Rule>>,
}

impl Group {
    /// Milliseconds between evaluations.
    pub fn interval(&self) -> i64 {
        self.interval_ms.unwrap_or(DEFAULT_INTERVAL_MS)
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Name of the alert or of the series recorded.
    pub name: String,
    /// What is evaluated.
    pub query: Query,
    /// Labels to add; of an alerting rule they are templates.
    pub labels: Vec<(String, Template)>,
    /// What the rule makes of it.
    pub kind: RuleKind,
    /// Where in its file.
    pub place: Place,
}

/// What a rule makes of its expression.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// An alert for each series.
    Alert {
        /// How long the expression must hold before the alert fires, in milliseconds.
        hold_ms: i64,
        /// How long it goes on firing once the expression no longer holds, in milliseconds.
        keep_firing_ms: i64,
        /// Texts for people.
        annotations: Vec<(String, Template)>,
    },
    /// A series under the rule's name.
    Record,
}

impl Rule {
    /// Whether it is an alerting rule.
    pub fn is_alert(&self) -> bool {
        matches!(self.kind, RuleKind::Alert { .. })
    }

    /// The annotations of an alerting rule.
    pub fn annotations(&self) -> &[(String, Template)] {
        match &self.kind {
            RuleKind::Alert { annotations, .. } => annotations,
            RuleKind::Record => &[],
        }
    }

    /// The text of one annotation as written; empty where there is none.
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations().iter().find(|(other, _)| other == name).map_or("", |(_, template)| template.text())
    }
}

/// Reads a rule file. All its mistakes come back together, in the order of the file.
pub fn parse(text: &str) -> Result<RuleFile, Vec<Problem>> {
    read::file(text, false)
}

/// As [`parse`], with fields it does not know left alone (`--ignore-unknown-fields`).
pub fn parse_leniently(text: &str) -> Result<RuleFile, Vec<Problem>> {
    read::file(text, true)
}

impl RuleFile {
    /// Alerting and recording rules.
    pub fn count(&self) -> (usize, usize) {
        let rules = || self.groups.iter().flat_map(|group| &group.rules);
        let alerts = rules().filter(|rule| rule.is_alert()).count();
        (alerts, rules().count() - alerts)
    }

    /// Rules that are there twice, which Prometheus permits and hardly anybody means: same name, labels and expression.
    pub fn repeated(&self) -> Vec<(&Group, &Rule)> {
        let mut seen = std::collections::HashSet::new();
        let rules = self.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, &**rule)));
        rules
            .filter(|(_, rule)| {
                let labels: Vec<_> = rule.labels.iter().map(|(name, value)| (name.as_str(), value.text())).collect();
                !seen.insert((rule.is_alert(), rule.name.as_str(), labels))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
