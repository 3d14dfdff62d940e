//! A run: one trace seen as one piece of agent work.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Span, SpanId, StepKind, Tenant, Timestamp, TraceId, Usage, Usd};

crate::kind::words!(
    /// How a run stands.
    RunStatus {
        /// It ended and its root reported no error.
        Ok = "ok",
        /// Its root failed.
        Error = "error",
        /// Its root has not ended.
        Running = "running",
        /// Its root never ended and nothing was heard for long.
        Abandoned = "abandoned",
    }
);

use std::fmt;
use std::str::FromStr;

/// Number of steps of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindCounts(pub [u32; StepKind::ALL.len()]);

impl KindCounts {
    /// Steps of `kind`.
    pub fn get(&self, kind: StepKind) -> u32 {
        self.0[kind as usize]
    }

    /// Counts one more step of `kind`.
    pub fn add(&mut self, kind: StepKind) {
        self.0[kind as usize] += 1;
    }

    /// All steps.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// What one agent of a run did: its own work, and what it delegated to the agents below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentNode {
    /// Agent name (the step's name where none is given).
    pub agent: Arc<str>,
    /// First step of the agent.
    pub span_id: SpanId,
    /// Position of the parent agent in the run's list; `None` for the top.
    pub parent: Option<usize>,
    /// Times the agent was entered.
    pub calls: u32,
    /// Answered model calls of its own, as [`Run::llm_calls`] counts them.
    pub llm_calls: u32,
    /// Tool calls of its own.
    pub tool_calls: u32,
    /// Failed steps of its own.
    pub errors: u32,
    /// Usage of its own, never what agents below it used.
    pub usage: Usage,
    /// Cost of its own.
    pub cost: Option<Usd>,
    /// Milliseconds at work itself: its steps' time less that of agents below it.
    pub own_ms: f64,
    /// Milliseconds spent in agents below it.
    pub delegated_ms: f64,
}

/// Totals of a run. Resolved anew whenever a span of it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Whose run.
    pub tenant: Tenant,
    /// The trace.
    pub trace_id: TraceId,
    /// Highest version among its spans: a newer row of the same run wins.
    pub version: u64,
    /// Name of the root (workflow where the root is plumbing).
    pub name: Arc<str>,
    /// The root span, where it has arrived.
    pub root_span_id: Option<SpanId>,
    /// The top agent.
    pub agent: Option<Arc<str>>,
    /// Every agent of the run, top first.
    pub agents: Vec<AgentNode>,
    /// `service.name` of the root, else the first span's.
    pub service: Option<Arc<str>>,
    /// Workflow.
    pub workflow: Option<Arc<str>>,
    /// Conversation.
    pub session_id: Option<Arc<str>>,
    /// End user.
    pub user_id: Option<Arc<str>>,
    /// Version of agent or service.
    pub agent_version: Option<Arc<str>>,
    /// Task type, where named.
    pub query_type: Option<Arc<str>>,
    /// How it stands.
    pub status: RunStatus,
    /// Error of the root, else of the first failed step.
    pub error_type: Option<Arc<str>>,
    /// And its message.
    pub error_message: Option<Arc<str>>,
    /// What it came to, where said.
    pub outcome: Option<Arc<str>>,
    /// Start of the earliest span.
    pub start: Timestamp,
    /// End of the latest span, unset while nothing ended.
    pub end: Timestamp,
    /// When the last span of it arrived.
    pub last_received: Timestamp,
    /// Milliseconds: of the root once it ended, else from start to the latest time seen.
    pub duration_ms: f64,
    /// Steps by kind.
    pub kinds: KindCounts,
    /// Calls of language and embedding models that the tokens come from, wrappers and second tellings left out; where no
    /// call tells tokens, the calls that ended without error.
    pub llm_calls: u32,
    /// Tool executions.
    pub tool_calls: u32,
    /// Retrievals.
    pub retrievals: u32,
    /// LLM calls in the agents' loops, failed ones included.
    pub rounds: u32,
    /// Failed steps.
    pub errors: u32,
    /// Steps that repeat a failed sibling.
    pub retries: u32,
    /// Tokens, each call counted once.
    pub usage: Usage,
    /// Cost, each call counted once; `None` where no step carries one.
    pub cost: Option<Usd>,
    /// Models that answered, most used first.
    pub models: Vec<Arc<str>>,
    /// Tools that ran, most used first.
    pub tools: Vec<Arc<str>>,
    /// Tags of all steps.
    pub tags: Vec<Arc<str>>,
    /// Beginning of what was asked.
    pub input_preview: Option<Arc<str>>,
    /// Beginning of what was answered.
    pub output_preview: Option<Arc<str>>,
    /// Totals may still change: the root has not ended, or spans came in within the settling time.
    pub provisional: bool,
}

impl Run {
    /// The name it goes by among agents: its top agent, else its service.
    pub fn agent_or_service(&self) -> Option<&str> {
        self.agent.as_deref().or(self.service.as_deref())
    }
}

/// What resolving a run adds to one of its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedStep {
    /// The span.
    pub span: Arc<Span>,
    /// Parent in the shown tree: as sent, but `None` where the parent is missing or a cycle had to be cut.
    pub shown_parent: Option<SpanId>,
    /// Depth in the shown tree.
    pub depth: u32,
    /// The parent was named but never arrived.
    pub orphan: bool,
    /// The LLM step that asked for this tool: by call id, else by order.
    pub called_by: Option<SpanId>,
    /// Agent the step belongs to: its own, else its nearest ancestor's.
    pub agent: Option<Arc<str>>,
    /// Position of that agent in [`Run::agents`].
    pub agent_node: Option<usize>,
    /// Whether it is a model call that really happened, answered or not: no wrapper of others, no second telling.
    pub call: bool,
    /// Whether it is a tool's call, and no second telling of the call it lies in.
    pub tool_call: bool,
    /// Whether its usage is counted in the totals.
    pub counted: bool,
    /// Whether a cost of its own is, or would be, part of the totals: no other step tells the same money.
    pub cost_counted: bool,
    /// Why it is not counted, in words, where it carries usage and is not.
    pub not_counted_because: Option<&'static str>,
    /// The step repeats a failed sibling.
    pub retry_of: Option<SpanId>,
    /// Milliseconds not covered by its children.
    pub own_ms: f64,
    /// Spans told by log records that are parts of this step: their facts are in it, and they are no steps of their own.
    pub told_by: Vec<SpanId>,
}
