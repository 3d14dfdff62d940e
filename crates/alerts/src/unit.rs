//! Unit tests of rules, in the files `promtool test rules` takes.
//!
//! Series are described, groups are evaluated step by step from 1970 on, and the alerts and query answers at given times are
//! compared with what the file expects.

mod compare;
mod read;
mod run;

use promql::{Labels, SequenceValue};

pub use self::run::{Failure, TestResult, run};
use crate::yaml::{Place, Problem};

/// A file of unit tests. Durations and times are milliseconds; times count from 1970.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// Rule files, as written: paths relative to the test file, with wildcards.
    pub rule_files: Vec<String>,
    /// Between evaluations.
    pub evaluation_interval_ms: i64,
    /// Groups named here are evaluated in this order; others as the files have them.
    pub group_eval_order: Vec<String>,
    /// Whether numbers may differ in the last places.
    pub fuzzy: bool,
    /// Tests.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone)]
pub struct Test {
    /// Its name; empty where it has none.
    pub name: String,
    /// Between samples of the input.
    pub interval_ms: i64,
    /// Series described.
    pub input: Vec<(Labels, Vec<SequenceValue>)>,
    /// Expected alerts.
    pub alerts: Vec<AlertCase>,
    /// Expected answers.
    pub queries: Vec<QueryCase>,
    /// `.ExternalLabels`.
    pub external_labels: Vec<(String, String)>,
    /// `.ExternalURL`.
    pub external_url: String,
    /// Where in the file.
    pub place: Place,
}

/// Alerts expected to fire.
#[derive(Debug, Clone)]
pub struct AlertCase {
    /// When.
    pub at_ms: i64,
    /// Which rule.
    pub alertname: String,
    /// Labels and annotations of each.
    pub expected: Vec<ExpectedAlert>,
    /// Where in the file.
    pub place: Place,
}

/// Labels and annotations of an alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedAlert {
    /// Labels, `alertname` included.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
}

/// An answer expected of a query.
#[derive(Debug, Clone)]
pub struct QueryCase {
    /// When.
    pub at_ms: i64,
    /// The query.
    pub expr: String,
    /// Labels and value of each sample.
    pub expected: Vec<(Labels, SequenceValue)>,
    /// Where in the file.
    pub place: Place,
}

/// Reads a file of unit tests.
pub fn parse(text: &str) -> Result<TestFile, Vec<Problem>> {
    read::file(text)
}

#[cfg(test)]
mod tests;
