//! The production monitoring checklist and how it stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The production monitoring checklist.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChecklistAnswer {
    /// Its nineteen rows.
    pub rows: Vec<ChecklistRow>,
}

/// One row of the checklist: of its series the one that is furthest towards the threshold.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChecklistRow {
    /// Latency, tokens, cost, errors, agent or quality.
    pub category: String,
    /// What is measured.
    pub metric: String,
    /// Why it matters.
    pub why: String,
    /// Unit of the numbers: `seconds`, `tokens`, `usd`, `ratio` or `count`.
    pub unit: String,
    /// `ok`, `beyond` the threshold, `no_data`, `no_threshold` (a number you have to set is missing), `no_baseline` (there is too
    /// little of the days before to compare with), or `too_few` (past the threshold, but there are not enough calls or runs to judge
    /// by).
    pub state: String,
    /// The value now; null without data.
    #[schema(required)]
    pub value: Option<f64>,
    /// Agent, model or tool it is of.
    pub labels: BTreeMap<String, String>,
    /// What it was over 7 days.
    #[schema(required)]
    pub baseline: Option<f64>,
    /// Where the alert would fire.
    #[schema(required)]
    pub threshold: Option<f64>,
    /// Whether more than the threshold is too much; else less is too little.
    pub above: bool,
    /// The alert of the pack `checklist`; null for the row that has none.
    #[schema(required)]
    pub alert: Option<String>,
    /// The value in PromQL.
    pub query: String,
}
