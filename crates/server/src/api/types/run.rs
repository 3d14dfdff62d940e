//! The run object and what lists of runs answer with.

use std::collections::BTreeMap;

use model::{RunStatus, SpanId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SlaBroken;

/// One run: a trace seen as one piece of agent work, with its totals.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Trace id, 32 hexadecimal digits. Names the run.
    #[schema(value_type = String, example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: TraceId,
    /// Name of the root step.
    pub name: String,
    /// The top agent.
    #[schema(required)]
    pub agent: Option<String>,
    /// `service.name` of the root.
    #[schema(required)]
    pub service: Option<String>,
    /// Workflow.
    #[schema(required)]
    pub workflow: Option<String>,
    /// Conversation the run belongs to.
    #[schema(required)]
    pub session_id: Option<String>,
    /// End user.
    #[schema(required)]
    pub user_id: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// Start of the earliest step, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// End of the latest step, RFC 3339; null while the run goes on.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds: of the root once it ended, else from the start to the latest time seen.
    pub duration_ms: f64,
    /// Steps of any kind.
    pub steps: u32,
    /// Steps by kind; kinds that do not occur are left out.
    pub steps_by_kind: BTreeMap<String, u32>,
    /// Calls of language and embedding models that the tokens come from; where no call tells its tokens, those that ended without error.
    pub llm_calls: u32,
    /// Tool executions.
    pub tool_calls: u32,
    /// Retrievals.
    pub retrievals: u32,
    /// Model calls in the agents' loops.
    pub rounds: u32,
    /// Failed steps.
    pub errors: u32,
    /// Steps that repeat a failed sibling.
    pub retries: u32,
    /// Tokens, each call counted once.
    pub usage: UsageTotals,
    /// Cost in US dollars; null when unknown.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Models that answered, most used first.
    pub models: Vec<String>,
    /// Tools that ran, most used first.
    pub tools: Vec<String>,
    /// Every agent of the run with its own share, top first.
    pub agents: Vec<Agent>,
    /// Tags of all steps.
    pub tags: Vec<String>,
    /// What it came to, where the sender says so or an outcome is declared.
    #[schema(required)]
    pub outcome: Option<String>,
    /// Error of the root, else of the first failed step; null when nothing failed.
    #[schema(required)]
    pub error: Option<ErrorInfo>,
    /// Beginning of what was asked (200 characters).
    #[schema(required)]
    pub input_preview: Option<String>,
    /// Beginning of what was answered (200 characters).
    #[schema(required)]
    pub output_preview: Option<String>,
    /// Task type.
    #[schema(required)]
    pub query_type: Option<String>,
    /// The root step, where it has arrived.
    #[schema(value_type = Option<String>, required)]
    pub root_span_id: Option<SpanId>,
    /// Project the run belongs to.
    pub project: String,
    /// Deployment environment.
    pub environment: String,
    /// Version of the agent, else of the service.
    #[schema(required)]
    pub version: Option<String>,
    /// The totals may still change: the root has not ended, or steps came in a moment ago.
    pub provisional: bool,
    /// Number of findings about this run; live updates and search leave it at 0.
    pub findings: u64,
    /// What it broke of the service level its workflow promises (docs/sla.md), once it has settled; live updates and search leave it empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sla_broken: Vec<SlaBroken>,
    /// How likely it failed without saying so, once it was judged; orders runs, has no unit. Null in live updates and search.
    #[schema(required)]
    pub suspicion: Option<f64>,
    /// Whether somebody marked it as good or not good; null in live updates and search.
    #[schema(required)]
    pub good: Option<bool>,
}

/// Tokens of a run. Input includes cached tokens, output includes reasoning; 0 where no step said.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageTotals {
    /// Tokens sent to models, cached ones included.
    pub input_tokens: u64,
    /// Tokens models produced, reasoning included.
    pub output_tokens: u64,
    /// Part of the input read from a prompt cache.
    pub cache_read_tokens: u64,
    /// Part of the input written to a prompt cache.
    pub cache_write_tokens: u64,
    /// Part of the output that was reasoning.
    pub reasoning_tokens: u64,
    /// Input and output together.
    pub total_tokens: u64,
}

/// What one agent of a run did itself, and what it delegated.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Agent name.
    pub agent: String,
    /// Its first step.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// Position of the parent agent in the list; null for the top.
    #[schema(required)]
    pub parent: Option<usize>,
    /// Times it was entered.
    pub calls: u32,
    /// Answered model calls of its own.
    pub llm_calls: u32,
    /// Tool calls of its own.
    pub tool_calls: u32,
    /// Failed steps of its own.
    pub errors: u32,
    /// Tokens of its own, never those of agents below it.
    pub usage: UsageTotals,
    /// Cost of its own in US dollars; null when unknown.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Milliseconds at work itself.
    pub own_ms: f64,
    /// Milliseconds spent in agents below it.
    pub delegated_ms: f64,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorInfo {
    /// Error class as sent.
    #[schema(required)]
    pub r#type: Option<String>,
    /// Message as sent.
    #[schema(required)]
    pub message: Option<String>,
}

/// One page of runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunsAnswer {
    /// The runs, in the order asked for.
    pub runs: Vec<Run>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
    /// Runs that match the filter, on all pages.
    pub total: u64,
    /// Only with `in=content`: there may be older runs that say it. Total, pages and facets cover the newest ones found.
    pub partial: bool,
    /// Values and counts per facet that was asked for, most frequent first. Each facet is counted without its own filter.
    pub facets: BTreeMap<String, Vec<FacetValue>>,
}

/// One value of a facet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// Runs that have it.
    pub count: u64,
}

/// Runs that share a conversation id.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Conversation id as sent.
    pub session_id: String,
    /// Number of runs.
    pub runs: u64,
    /// Start of the first run.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Latest time seen in any of its runs.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// Top agents of its runs.
    pub agents: Vec<String>,
    /// End user.
    #[schema(required)]
    pub user_id: Option<String>,
    /// Tokens of all runs.
    pub usage: UsageTotals,
    /// Cost of all runs in US dollars; null when unknown.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Failed steps of all runs.
    pub errors: u64,
    /// Status of the latest run.
    pub status: RunStatus,
    /// Beginning of what was asked first.
    #[schema(required)]
    pub input_preview: Option<String>,
}

/// One page of sessions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionsAnswer {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// What is going on: active runs, totals, and the runs that completed last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Runs whose root has not ended.
    pub active_runs: u64,
    /// Totals over the time range (everything kept, unless one is given).
    pub counters: Counters,
    /// The last 20 runs that completed, latest first.
    pub last_completed: Vec<CompletedRun>,
}

/// Totals over runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// Runs that started.
    pub runs_started: u64,
    /// Runs that ended, failed ones included.
    pub runs_completed: u64,
    /// Runs that ended with an error.
    pub runs_failed: u64,
    /// Steps.
    pub steps: u64,
    /// Answered model calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Failed steps.
    pub errors: u64,
    /// Retries.
    pub retries: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Cost in US dollars; null when no run has one.
    #[schema(required)]
    pub cost_usd: Option<f64>,
}

/// A completed run in the summary.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompletedRun {
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// Its name.
    pub name: String,
    /// Its top agent.
    #[schema(required)]
    pub agent: Option<String>,
    /// How it ended.
    pub status: RunStatus,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// Steps.
    pub steps: u32,
    /// Tokens.
    pub usage: UsageTotals,
    /// Cost in US dollars; null when unknown.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Failed steps.
    pub errors: u32,
    /// Retries.
    pub retries: u32,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub ended_at: Option<Timestamp>,
}
