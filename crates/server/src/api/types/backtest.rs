//! How rules would have fired over stored history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rules to be run over stored history.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestRequest {
    /// A rule file: YAML in Prometheus' format. Instead of it, `rule` names a rule of the server.
    #[serde(default)]
    pub rules: Option<String>,
    /// Only the rule with this name, with the recording rules it needs.
    #[serde(default)]
    pub rule: Option<String>,
    /// Since when: RFC 3339, a day, or a distance from now; `30d` where nothing is said.
    #[serde(default)]
    pub from: Option<String>,
    /// Until when; now where nothing is said.
    #[serde(default)]
    pub to: Option<String>,
    /// Time between evaluations: `1m`. Where nothing is said each group's own interval, made longer where that gives more than 11,000 steps.
    #[serde(default)]
    pub step: Option<String>,
}

/// How rules would have fired.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BacktestAnswer {
    /// Since when.
    pub from: String,
    /// Until when.
    pub to: String,
    /// Rules, in the order of their files.
    pub rules: Vec<BacktestRule>,
    /// What limits how far the answer can be trusted: larger steps, history that is thinned.
    pub notes: Vec<String>,
    /// Milliseconds it took.
    pub took_ms: f64,
}

/// How one rule would have fired.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BacktestRule {
    /// Its group.
    pub group: String,
    /// Name of the alert or series.
    pub name: String,
    /// `alert` or `record`.
    pub kind: String,
    /// Expression.
    pub query: String,
    /// Seconds between evaluations as its group has it.
    pub interval_seconds: f64,
    /// Seconds between evaluations in this backtest.
    pub step_seconds: f64,
    /// Times it would have fired, each alert counted on its own.
    pub fired: u64,
    /// Different alerts that would have fired, by their labels.
    pub series: u64,
    /// Seconds during which at least one alert would have fired.
    pub firing_seconds: f64,
    /// Seconds all of them together.
    pub total_seconds: f64,
    /// Seconds of the longest.
    pub longest_seconds: f64,
    /// When, in order; the latest 500.
    pub intervals: Vec<BacktestInterval>,
    /// Earlier ones that are counted and not listed.
    pub left_out: u64,
    /// Samples a recording rule would have written.
    pub recorded: u64,
    /// What went wrong, with the time.
    pub errors: Vec<String>,
    /// In a sentence.
    pub says: String,
}

/// One time an alert would have fired.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BacktestInterval {
    /// Labels of the alert.
    pub labels: BTreeMap<String, String>,
    /// Since when it would have fired.
    pub from: String,
    /// When it would have ended; none where it fires to the end of the time looked at.
    pub to: Option<String>,
    /// Seconds it would have fired.
    pub seconds: f64,
    /// Value of the expression as it fired.
    pub value: Option<f64>,
}
