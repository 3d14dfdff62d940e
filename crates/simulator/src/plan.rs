//! A run before it is told: what happens, when, and in which words.

use std::sync::Arc;

use model::{Document, Message, SpanId, StepKind, ToolDefinition, TraceId, Usage};
use serde_json::Value as Json;

use crate::{Dialect, Industry, Model, Service};

/// Why a step failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Class, as `error.type` has it.
    pub kind: &'static str,
    /// In words.
    pub message: String,
}

/// One call of a language model.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmCall {
    /// The model.
    pub model: &'static Model,
    /// Sampling temperature; models that reason take none.
    pub temperature: Option<f64>,
    /// Limit of output tokens.
    pub max_tokens: u64,
    /// System prompt.
    pub system: Arc<str>,
    /// The conversation so far, without the system prompt.
    pub input: Vec<Message>,
    /// The answer; `None` when the call failed.
    pub output: Option<Message>,
    /// Tools offered.
    pub tools: Arc<[ToolDefinition]>,
    /// Tokens; empty when the call failed.
    pub usage: Usage,
    /// Milliseconds to the first token, for streamed calls that succeeded.
    pub first_token_ms: Option<f64>,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// `stop` or `tool_calls`.
    pub finish_reason: Option<&'static str>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// An agent at work.
    Agent {
        /// Its name.
        name: &'static str,
        /// One sentence about it.
        description: &'static str,
        /// What it was asked.
        input: String,
        /// What it answered; `None` when it failed.
        output: Option<String>,
    },
    /// A workflow around agents.
    Workflow {
        /// Its name.
        name: &'static str,
        /// What it was given.
        input: String,
        /// What it gave; `None` when it failed.
        output: Option<String>,
    },
    /// A model call.
    Llm(Box<LlmCall>),
    /// A tool.
    Tool {
        /// Its name.
        name: &'static str,
        /// One sentence about it.
        description: &'static str,
        /// Id of the model's request.
        call_id: String,
        /// Arguments.
        arguments: Json,
        /// Result; `None` when it failed.
        result: Option<Json>,
    },
    /// A search for documents.
    Retrieval {
        /// Index or knowledge base.
        source: &'static str,
        /// Question.
        query: String,
        /// What was found, best first.
        documents: Vec<Document>,
    },
    /// Text made into a vector.
    Embedding {
        /// The embedding model.
        model: &'static str,
        /// The text.
        text: String,
        /// Tokens of it.
        tokens: u64,
    },
    /// Documents put into a better order.
    Rerank {
        /// The model.
        model: &'static str,
        /// Question.
        query: String,
        /// As they came.
        before: Vec<Document>,
        /// As they left.
        after: Vec<Document>,
    },
    /// A check of text.
    Guardrail {
        /// Its name.
        name: &'static str,
        /// What was checked.
        text: String,
        /// Whether it may pass.
        passed: bool,
    },
    /// Control goes to another agent.
    Handoff {
        /// From.
        from: &'static str,
        /// To.
        to: &'static str,
        /// Why.
        reason: String,
    },
}

impl Work {
    /// The kind of step this is in Tawny's vocabulary.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Agent { .. } => StepKind::Agent,
            Self::Workflow { .. } => StepKind::Chain,
            Self::Llm(_) => StepKind::Llm,
            Self::Tool { .. } => StepKind::Tool,
            Self::Retrieval { .. } => StepKind::Retriever,
            Self::Embedding { .. } => StepKind::Embedding,
            Self::Rerank { .. } => StepKind::Reranker,
            Self::Guardrail { .. } => StepKind::Guardrail,
            Self::Handoff { .. } => StepKind::Handoff,
        }
    }
}

/// One step of a run. Times are nanoseconds from the run's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its span.
    pub span_id: SpanId,
    /// The step around it.
    pub parent: Option<SpanId>,
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
    /// Name of the agent at work.
    pub agent: Option<&'static str>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// What it does.
    pub work: Work,
}

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Info,
    /// Something to know.
    Warn,
    /// Something failed.
    Error,
}

/// One line of the service's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Nanoseconds from the run's start.
    pub at: u64,
    /// The step that wrote it.
    pub span_id: SpanId,
    /// How grave.
    pub severity: Severity,
    /// Event name, for structured events.
    pub event: Option<&'static str>,
    /// The text.
    pub body: String,
    /// More about it.
    pub attributes: Vec<(&'static str, Json)>,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whose agents these are.
    pub industry: Industry,
    /// Trace id.
    pub trace_id: TraceId,
    /// The process.
    pub service: Service,
    /// How it is told.
    pub dialect: Dialect,
    /// Conversation.
    pub session: String,
    /// End user.
    pub user: String,
    /// What kind of task this was.
    pub task: &'static str,
    /// Steps in the order they start; the first is the root.
    pub steps: Vec<Step>,
    /// Log lines in the order of time.
    pub logs: Vec<LogLine>,
}

impl Plan {
    /// Nanoseconds the run takes.
    pub fn duration(&self) -> u64 {
        self.steps.first().map_or(0, |root| root.end)
    }
}
