//! Agents and who calls whom.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Agents of a stretch of time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentsAnswer {
    /// From the beginning of the hour of this moment on.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until then.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Agents, the busiest first; at most 1,000.
    pub agents: Vec<AgentInfo>,
    /// Who called whom, the busiest first; at most 2,000.
    pub edges: Vec<AgentEdge>,
    /// There is more than fits.
    pub truncated: bool,
}

/// One agent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentInfo {
    /// Its name.
    pub name: String,
    /// Times it was called from outside: runs in which it is at the top.
    pub runs: u64,
    /// Every time it was entered, by whomever.
    pub entered: AgentCalls,
    /// Calls it made itself, by kind of what was called: `agent`, `tool`, `llm`, `embedding`, `reranker`, `retriever`, `guardrail`.
    pub called: BTreeMap<String, u64>,
}

/// One way from caller to what it called.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentEdge {
    /// The agent that called; null from outside, and where no agent is known.
    #[schema(required)]
    pub caller: Option<String>,
    /// Kind of what was called: as in `called`.
    pub kind: String,
    /// Name of the agent, tool, model, retriever or guardrail.
    pub callee: String,
    /// How often and how long.
    #[serde(flatten)]
    pub calls: AgentCalls,
}

/// How often something was called, how it went and how long it took.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct AgentCalls {
    /// Calls.
    pub calls: u64,
    /// Of these, failed.
    pub errors: u64,
    /// Milliseconds of the mean.
    #[schema(required)]
    pub mean_ms: Option<f64>,
    /// Milliseconds of which half take less.
    #[schema(required)]
    pub p50_ms: Option<f64>,
    /// Milliseconds of which 95 of 100 take less.
    #[schema(required)]
    pub p95_ms: Option<f64>,
    /// When the first began.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub first_at: Option<Timestamp>,
    /// When the last began.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub last_at: Option<Timestamp>,
}
