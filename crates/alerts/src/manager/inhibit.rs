//! Inhibition: an alert that explains others mutes them.

use std::collections::HashMap;
use std::sync::Arc;

use promql::Labels;

use super::Matchers;

/// Alerts of one kind mute those of another with which they share labels.
#[derive(Debug, Clone, Default)]
pub struct InhibitRule {
    /// Alerts that mute.
    pub source: Matchers,
    /// Alerts that are muted.
    pub target: Matchers,
    /// Labels both must have with the same value; missing ones count as empty.
    pub equal: Vec<String>,
}

/// What mutes at one time.
#[derive(Debug)]
pub struct Inhibitor<'r> {
    rules: Vec<(&'r InhibitRule, HashMap<Vec<Arc<str>>, Sources>)>,
}

/// Source alerts that share the same values.
#[derive(Debug, Default)]
struct Sources {
    /// One that is no target of the rule itself.
    one_sided: Option<Labels>,
    /// One that is.
    two_sided: Option<Labels>,
}

impl<'r> Inhibitor<'r> {
    /// Looks through the alerts that fire.
    pub fn new<'a>(rules: &'r [InhibitRule], firing: impl Iterator<Item = &'a Labels> + Clone) -> Self {
        let index = |rule: &'r InhibitRule| {
            let mut found: HashMap<Vec<Arc<str>>, Sources> = HashMap::new();
            for labels in firing.clone().filter(|labels| rule.source.matches(labels)) {
                let sources = found.entry(rule.values(labels)).or_default();
                let slot = if rule.target.matches(labels) { &mut sources.two_sided } else { &mut sources.one_sided };
                slot.get_or_insert_with(|| labels.clone());
            }
            (rule, found)
        };
        Self { rules: rules.iter().map(index).collect() }
    }

    /// The alert that mutes one with these labels.
    pub fn muted_by(&self, labels: &Labels) -> Option<&Labels> {
        self.rules.iter().filter(|(rule, _)| rule.target.matches(labels)).find_map(|(rule, found)| {
            let sources = found.get(&rule.values(labels))?;
            // An alert that is source and target of a rule is not muted by its like: else two would mute each other.
            let two_sided = if rule.source.matches(labels) { None } else { sources.two_sided.as_ref() };
            sources.one_sided.as_ref().or(two_sided)
        })
    }
}

impl InhibitRule {
    fn values(&self, labels: &Labels) -> Vec<Arc<str>> {
        self.equal.iter().map(|name| labels.get(name).into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_mutes_targets_with_the_same_labels_only() {
        let rule = InhibitRule {
            source: Matchers::parse("severity=P1").unwrap(),
            target: Matchers::parse("severity=~\"P2|P1\"").unwrap(),
            equal: vec!["agent".into()],
        };
        let labels = |severity: &str, agent: &str| Labels::new([("severity", severity), ("agent", agent)]);
        let firing = [labels("P1", "a"), labels("P2", "b")];
        let rules = [rule];
        let inhibitor = Inhibitor::new(&rules, firing.iter());
        assert!(inhibitor.muted_by(&labels("P2", "a")).is_some());
        assert!(inhibitor.muted_by(&labels("P2", "b")).is_none());
        assert!(inhibitor.muted_by(&labels("P1", "a")).is_none(), "source and target at once");
    }
}
