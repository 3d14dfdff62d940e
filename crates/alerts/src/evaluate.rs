//! Rules over time: which groups are due, and what an evaluation does to alerts and series.
//!
//! States are those of Prometheus: an alert is pending until its expression has held for the rule's `for`, fires until it no
//! longer holds (and `keep_firing_for` is over), then is resolved and remembered for a while. Beyond Prometheus, an alert whose series vanished
//! can be held open and says since when there is no data ([`Settings::hold_no_data_ms`]).

mod alert;
mod group;
mod limits;
mod restore;
mod schedule;
mod vanished;
mod written;

use promql::{Labels, Point, Query, ResultSample};

pub use self::alert::{ActiveAlert, RESOLVED_RETENTION_MS, State};
pub use self::group::{GroupState, Health, Outcome, RuleState, evaluate};
pub use self::limits::{Limits, limits};
pub use self::restore::{GRACE_MS, restore};
pub use self::schedule::{Due, due, offset_of};
pub use self::vanished::watched;
pub use self::written::pairs;

/// Where series come from and go to during an evaluation.
pub trait Source {
    /// Evaluates a query at one time, in milliseconds since 1970. A scalar comes as one sample without labels.
    fn instant(&mut self, query: &Query, at_ms: i64) -> Result<Vec<ResultSample>, String>;
    /// Takes series made by a rule; later rules of the group must see them at once.
    fn write(&mut self, samples: Vec<Sample>);
}

/// A sample a rule made.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Labels with the name.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Value; the stale marker where the series has ended.
    pub point: Point,
}

/// What an evaluation needs besides series.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `.ExternalLabels` of templates.
    pub external_labels: Vec<(String, String)>,
    /// Where people reach this server; templates and links use it.
    pub external_url: String,
    /// How long an alert whose series vanished stays open before it counts as resolved, in milliseconds; 0 is Prometheus' way.
    pub hold_no_data_ms: i64,
}

/// The samples of a query's value; a scalar is one sample without labels.
pub fn samples(value: promql::Value, at_ms: i64) -> Result<Vec<ResultSample>, String> {
    match value {
        promql::Value::Vector(samples) => Ok(samples),
        promql::Value::Scalar(value) => {
            Ok(vec![ResultSample { labels: Labels::default(), time: at_ms, point: Point::Float(value) }])
        }
        _ => Err("rule result is not a vector or scalar".into()),
    }
}

#[cfg(test)]
mod tests;
