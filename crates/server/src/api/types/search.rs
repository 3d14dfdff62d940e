//! What a search answers with.

use model::{SpanId, StepKind, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::run::Run;

/// One page of runs that say what was looked for, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchAnswer {
    /// The runs, each with where it says it.
    pub results: Vec<SearchResult>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
    /// Set where the time for one search was over: runs that began at this time or earlier were not all looked through.
    /// Asking with `next` goes on from there.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub searched_to: Option<Timestamp>,
}

/// A run that says what was looked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchResult {
    /// The run.
    pub run: Run,
    /// Where it says it, in order of time: the first three places.
    pub matches: Vec<SearchMatch>,
    /// Further places.
    pub more: u64,
}

/// A place where it is said.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchMatch {
    /// The step; null for a log record of no step.
    #[schema(value_type = Option<String>, required)]
    pub span_id: Option<SpanId>,
    /// Kind of the step; null for a log record.
    #[schema(required)]
    pub kind: Option<StepKind>,
    /// Name of the step, or of the record's event.
    pub name: String,
    /// Start of the step, or time of the record.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Attribute that says it, as sent (`event/attribute` for one of a step's events); `body` of a log record.
    #[schema(example = "gen_ai.input.messages")]
    pub field: String,
    /// What was found with what stands around it, as sent; `…` where something was cut off.
    pub snippet: String,
}
