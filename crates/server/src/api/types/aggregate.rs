//! What aggregates answer with.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Numbers over runs or steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AggregateAnswer {
    /// `runs` or `steps`.
    pub of: String,
    /// What about them: `count`, `errors`, `tokens`, `cost_usd`, `duration_ms` or `ttft_ms`.
    pub measure: String,
    /// The keys, in the order of the values in each row.
    pub by: Vec<String>,
    /// The quantiles, in the order of the values in each row.
    pub quantiles: Vec<f64>,
    /// Length of a stretch of time in seconds; null where the whole time is one.
    #[schema(required)]
    pub step_seconds: Option<f64>,
    /// By time, then by the values of the keys. Stretches and values that do not occur are left out.
    pub rows: Vec<AggregateRow>,
}

/// One row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AggregateRow {
    /// Beginning of the stretch of time; null without a step.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub time: Option<Timestamp>,
    /// Values of the keys; null where a run or step has none.
    pub by: Vec<Option<String>>,
    /// Runs or steps.
    pub count: u64,
    /// The measure: a number of runs or steps, a sum of tokens or dollars, a mean of milliseconds; null where nothing has a value.
    #[schema(required)]
    pub value: Option<f64>,
    /// The quantiles of the measure, within one percent; empty where nothing has a value.
    pub quantiles: Vec<f64>,
}
