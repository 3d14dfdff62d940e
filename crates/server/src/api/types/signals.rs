//! Signals in four layers, and the families behind them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Observations of a histogram by size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SizeCount {
    /// Upper bound of the size; none on the last.
    pub up_to: Option<f64>,
    /// Observations of more than the bound before and up to this one.
    pub count: f64,
}

/// Layer 1: is the service alive?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StandardSignals {
    /// Runs that ended.
    pub request_count: f64,
    /// Of these, by status.
    pub request_count_by_status: BTreeMap<String, f64>,
    /// Length in milliseconds, estimated from buckets as PromQL does; none without runs.
    pub latency_p50_ms: Option<f64>,
    /// As `latency_p50_ms`.
    pub latency_p95_ms: Option<f64>,
    /// As `latency_p50_ms`.
    pub latency_p99_ms: Option<f64>,
    /// Runs that failed.
    pub error_count: f64,
}

/// Layer 2: what do the models cost, and how fast are they?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LlmSignals {
    /// Tokens in all.
    pub tokens_consumed: f64,
    /// Model calls by tokens.
    pub tokens_per_step: Vec<SizeCount>,
    /// Mean length of a model call in milliseconds.
    pub model_latency_ms: Option<f64>,
    /// Tokens sent.
    pub input_tokens: f64,
    /// Tokens produced.
    pub output_tokens: f64,
    /// Tokens for a dollar; none where nothing was spent.
    pub tokens_per_dollar: Option<f64>,
    /// Runs by how full the model's context window was in their fullest call, of 1.
    pub context_share: Vec<SizeCount>,
    /// Model calls.
    pub calls: f64,
    /// Of these, failed.
    pub errors: f64,
    /// Cost in US dollars.
    pub cost_usd: f64,
}

/// Layer 3: how good are the agents' decisions?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentSignals {
    /// Tool executions that did not fail, of 1.
    pub tool_call_success_rate: Option<f64>,
    /// Runs by tool executions.
    pub tool_call_count_per_run: Vec<SizeCount>,
    /// Runs by rounds.
    pub reasoning_step_count: Vec<SizeCount>,
    /// Hallucinations that evaluators or people found.
    pub hallucination_detected: f64,
    /// Attempts to recover from failed steps.
    pub recovery_attempt_count: f64,
    /// Rounds by outcome: `completed`, `tool_call_failed`, `hallucination`, `recovery`, `max_steps`, `safety_blocked`.
    pub step_outcome_distribution: BTreeMap<String, f64>,
    /// Tool executions by tool.
    pub tool_selection_distribution: BTreeMap<String, f64>,
    /// Handoffs from agent to agent.
    pub handoff_count: f64,
    /// Guardrails that were triggered.
    pub guardrail_trigger_count: f64,
    /// Approvals that agents asked for.
    pub approval_trigger_count: f64,
    /// Of these, not answered in time.
    pub approval_timeout_count: f64,
    /// Searches that found something, of 1.
    pub retrieval_hit_rate: Option<f64>,
    /// Loops that detectors saw.
    pub loop_count: f64,
}

/// Layer 4: do the agents deliver?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BusinessSignals {
    /// Runs that succeeded, of 1.
    pub task_completion_rate: Option<f64>,
    /// Positive feedback, of the feedback that is not neutral.
    pub user_feedback_score: Option<f64>,
    /// Feedback in all.
    pub user_feedback_count: f64,
    /// Dollars a run.
    pub cost_per_task: Option<f64>,
    /// Dollars a thousand runs.
    pub cost_per_1k_requests: Option<f64>,
    /// Runs that were abandoned, of 1.
    pub abandonment_rate: Option<f64>,
    /// Runs of a conversation from its first to its last, on average; none where no conversation has come to its end.
    pub conversation_turns: Option<f64>,
}

/// The four layers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalBundle {
    /// Layer 1.
    pub standard: StandardSignals,
    /// Layer 2.
    pub llm: LlmSignals,
    /// Layer 3.
    pub agent: AgentSignals,
    /// Layer 4.
    pub business: BusinessSignals,
    /// The same as flat names; what is not known is left out.
    pub snapshot: BTreeMap<String, f64>,
}

/// The four layers of one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentSignalBundle {
    /// The agent.
    pub agent: String,
    /// Its signals.
    pub signals: SignalBundle,
}

/// Signals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalsAnswer {
    /// `all` since counting began, or `5m`.
    pub window: String,
    /// The one agent they are of; none for all.
    pub agent: Option<String>,
    /// The signals.
    pub signals: SignalBundle,
    /// The same by agent, where all were asked for; the first hundred by name.
    pub agents: Vec<AgentSignalBundle>,
}

/// A family of metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricFamily {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// In what; empty for counts.
    pub unit: String,
    /// What it says.
    pub help: String,
    /// What a run gives to it.
    pub source: String,
    /// When it is counted.
    pub counted: String,
    /// `standard`, `llm`, `agent` or `business`.
    pub layer: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Upper bounds of a histogram's buckets.
    pub buckets: Vec<f64>,
    /// The other names it goes by.
    pub spellings: Vec<String>,
    /// Sets of labels it has now.
    pub label_sets: u64,
    /// Sets of labels it may have; 0 where they are not counted.
    pub label_sets_max: u64,
}

/// Families.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricFamilies {
    /// Every family.
    pub families: Vec<MetricFamily>,
}
