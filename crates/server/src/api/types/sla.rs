//! Service levels.

use std::collections::BTreeMap;

use model::{Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Service levels and how they are kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlaAnswer {
    /// One for each workflow that promises something.
    pub workflows: Vec<SlaWorkflow>,
    /// The file they come from; null where none is set.
    #[schema(required)]
    pub file: Option<String>,
}

/// What a workflow promises and how it keeps it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlaWorkflow {
    /// The workflow.
    pub workflow: String,
    /// What is promised of each run, by objective.
    pub promises: BTreeMap<String, String>,
    /// Share of runs that is to keep it.
    pub target: f64,
    /// Days over which that is counted.
    pub days: u32,
    /// Runs of these days.
    pub runs: u64,
    /// Runs that kept everything.
    pub good: u64,
    /// Share of runs that kept everything; null without runs.
    #[schema(required)]
    pub attainment: Option<f64>,
    /// Share of the error budget that is left; negative where it is overdrawn; null without runs.
    #[schema(required)]
    pub error_budget_left: Option<f64>,
    /// How many times faster than evenly the error budget is used up, over the last `1h`, `6h` and `3d` (whole hours).
    pub burn_rate: BTreeMap<String, Option<f64>>,
    /// Runs that did not keep it, by objective.
    pub broken: BTreeMap<String, u64>,
    /// The latest of them; at most 20.
    pub latest: Vec<SlaBreach>,
}

/// A run that broke a promise.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlaBreach {
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// What was not kept.
    pub broken: Vec<SlaBroken>,
}

/// A part of a promise that was not kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlaBroken {
    /// `latency`, `tokens`, `cost`, `steps` or `success`.
    pub objective: String,
    /// What was promised.
    pub promised: String,
    /// What came of it.
    pub was: String,
}

impl From<crate::money::levels::Broken> for SlaBroken {
    fn from(broken: crate::money::levels::Broken) -> Self {
        Self { objective: broken.objective, promised: broken.promised, was: broken.was }
    }
}
