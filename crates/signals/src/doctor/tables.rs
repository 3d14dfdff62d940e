//! The doctor's tables: checks and remedies, read once.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Origin, Severity};

/// A check: what it looks for, and its words.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Name, stable for scripts.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a few words.
    pub title: String,
    /// What that means.
    pub why: String,
    /// The view whose rows are counted; `None` for checks that are code.
    pub view: Option<View>,
    /// SQL condition: the rows it is about.
    #[serde(default)]
    pub over: String,
    /// SQL condition: of these, the rows that show it.
    #[serde(default)]
    pub when: String,
    /// What the rows are, in the plural.
    pub noun: String,
    /// Least share of an origin's rows that is worth saying.
    #[serde(default)]
    pub share: f64,
    /// Least number of a service's rows that is worth saying.
    #[serde(default = "one")]
    pub count: u64,
    /// Whether some rows are enough.
    #[serde(default)]
    pub fires: Fires,
    /// Beginning of the names of log events that carry what is missing.
    pub unless_log: Option<String>,
}

fn one() -> u64 {
    1
}

/// A documented view of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum View {
    Spans,
    Runs,
    Logs,
    Bodies,
}

/// How many rows of a service must show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fires {
    /// Some.
    #[default]
    Any,
    /// All.
    All,
}

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Checks it is for.
    check: Vec<String>,
    /// Dialects it is for; empty for any.
    #[serde(default)]
    dialect: Vec<String>,
    /// Beginnings of names of instrumentation libraries it is for; empty for any.
    #[serde(default)]
    scope: Vec<String>,
    /// What to do.
    pub text: String,
    /// What to write, to be copied.
    #[serde(default)]
    pub line: String,
}

impl Remedy {
    /// Whether it is for a check and an origin.
    pub(super) fn fits(&self, check: &str, origin: &Origin) -> bool {
        self.check.iter().any(|name| name == check)
            && (self.dialect.is_empty() || self.dialect.contains(&origin.dialect))
            && (self.scope.is_empty() || self.scope.iter().any(|start| origin.scope.starts_with(start)))
    }
}

/// Every check.
pub fn checks() -> &'static [Check] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        check: Vec<Check>,
    }
    static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
        toml::from_str::<File>(include_str!("../../doctor/checks.toml")).expect("checks.toml, which a test reads").check
    });
    &CHECKS
}

/// The check of that name.
pub fn check(id: &str) -> Option<&'static Check> {
    checks().iter().find(|check| check.id == id)
}

/// Every remedy, the special ones of a check before the general one.
pub fn remedies() -> &'static [Remedy] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        remedy: Vec<Remedy>,
    }
    static REMEDIES: LazyLock<Vec<Remedy>> = LazyLock::new(|| {
        let read = toml::from_str::<File>(include_str!("../../doctor/remedies.toml"));
        read.expect("remedies.toml, which a test reads").remedy
    });
    &REMEDIES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_words_a_remedy_and_both_conditions_or_none() {
        for check in checks() {
            assert!(!check.title.is_empty() && !check.why.is_empty(), "{}", check.id);
            assert_eq!(check.view.is_some(), !check.over.is_empty() && !check.when.is_empty(), "{}", check.id);
            assert_eq!(checks().iter().filter(|other| other.id == check.id).count(), 1, "{} is there twice", check.id);
            assert!(remedies().iter().any(|remedy| remedy.fits(&check.id, &Origin::default())), "{}", check.id);
        }
        for remedy in remedies() {
            assert!(remedy.check.iter().all(|id| check(id).is_some()), "{remedy:?} is for a check that is not there");
        }
    }

    #[test]
    fn no_remedy_is_hidden_behind_an_earlier_one() {
        for (at, remedy) in remedies().iter().enumerate() {
            let general = |earlier: &&Remedy| earlier.dialect.is_empty() && earlier.scope.is_empty();
            for id in &remedy.check {
                let hides = remedies()[..at].iter().filter(|earlier| earlier.check.contains(id)).find(general);
                assert!(hides.is_none(), "{remedy:?} is never shown for {id}");
            }
        }
    }
}
