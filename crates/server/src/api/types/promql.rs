//! What can be written in PromQL.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Functions and aggregations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromqlWords {
    /// Functions, by name.
    pub functions: Vec<PromqlWord>,
    /// Aggregations, by name.
    pub aggregations: Vec<PromqlWord>,
}

/// A word that can be written.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromqlWord {
    /// The word.
    pub name: String,
    /// What it takes and gives.
    #[schema(example = "rate(range) vector")]
    pub signature: String,
    /// Prometheus has it behind a feature flag.
    pub experimental: bool,
}
