//! The step object and what the pages of one run answer with.

use std::collections::BTreeMap;

use model::{CostSource, Document, Message, SpanId, SpanStatus, StepKind, Timestamp, ToolDefinition, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::run::{ErrorInfo, FacetValue, Run};

/// One step of a run: a span with its kind, what it used and what was said.
///
/// With `content=none` the fields `messages`, `input`, `output`, `tool_definitions`, `attributes`, `events`, `links`, `scores`, tool
/// arguments and results, and retrieved documents are empty; previews stay.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Span id, 16 hexadecimal digits.
    #[schema(value_type = String, example = "00f067aa0ba902b7")]
    pub span_id: SpanId,
    /// Parent as sent; null for a root.
    #[schema(value_type = Option<String>, required)]
    pub parent_span_id: Option<SpanId>,
    /// Parent in the shown tree: null also where the parent never arrived or a cycle had to be cut.
    #[schema(value_type = Option<String>, required)]
    pub shown_parent_span_id: Option<SpanId>,
    /// Depth in the shown tree; steps come in pre-order, so depth alone gives the tree.
    pub depth: u32,
    /// A parent was named but never arrived.
    pub orphan: bool,
    /// What kind of work.
    pub kind: StepKind,
    /// Name as sent.
    pub name: String,
    /// How it ended.
    pub status: SpanStatus,
    /// Start, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// End, RFC 3339; null while running.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from start to end; null while running.
    #[schema(required)]
    pub duration_ms: Option<f64>,
    /// Milliseconds not covered by its children.
    pub own_ms: f64,
    /// Milliseconds of the run's length that this step itself takes up, on the path of what the run waited for; null beside
    /// that path. Only in answers that hold the whole tree or a part of it.
    #[schema(required)]
    pub critical_ms: Option<f64>,
    /// Steps below it that this answer leaves out (`limit`).
    pub folded: u32,
    /// Model that answered, else the one asked for.
    #[schema(required)]
    pub model: Option<String>,
    /// Model asked for.
    #[schema(required)]
    pub request_model: Option<String>,
    /// Who serves the model.
    #[schema(required)]
    pub provider: Option<String>,
    /// Tokens as reported; null where not sent.
    pub usage: StepUsage,
    /// Cost in US dollars; null when unknown.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Whether the cost was reported or computed.
    #[schema(required)]
    pub cost_source: Option<CostSource>,
    /// Whether its tokens and cost are part of the run's totals.
    pub counted: bool,
    /// Why not, where it carries usage and is not counted.
    #[schema(required)]
    pub not_counted_because: Option<String>,
    /// Milliseconds to the first token.
    #[schema(required)]
    pub ttft_ms: Option<f64>,
    /// Why the model stopped: `stop`, `tool_calls`, `length`, …
    #[schema(required)]
    pub finish_reason: Option<String>,
    /// Agent the step belongs to: its own, else its nearest ancestor's.
    #[schema(required)]
    pub agent: Option<String>,
    /// Version of the agent, else of the service.
    #[schema(required)]
    pub version: Option<String>,
    /// Workflow.
    #[schema(required)]
    pub workflow: Option<String>,
    /// The tool, on tool steps (or where a tool is named).
    #[schema(required)]
    pub tool: Option<Tool>,
    /// What was searched and found, on retriever and reranker steps.
    #[schema(required)]
    pub retrieval: Option<Retrieval>,
    /// Messages sent to the model and received from it.
    pub messages: Messages,
    /// Input that is not a conversation, any JSON; null where none.
    #[schema(required, value_type = Option<Value>)]
    pub input: Option<Json>,
    /// Output that is not a conversation, any JSON; null where none.
    #[schema(required, value_type = Option<Value>)]
    pub output: Option<Json>,
    /// Tools offered to the model.
    pub tool_definitions: Vec<ToolDefinition>,
    /// Ids of the tool calls the model asked for.
    pub requested_tool_calls: Vec<String>,
    /// The LLM step that asked for this tool.
    #[schema(value_type = Option<String>, required)]
    pub called_by: Option<SpanId>,
    /// The failed sibling this step repeats.
    #[schema(value_type = Option<String>, required)]
    pub retry_of: Option<SpanId>,
    /// What went wrong; null when nothing did.
    #[schema(required)]
    pub error: Option<ErrorInfo>,
    /// Beginning of the input (200 characters).
    #[schema(required)]
    pub input_preview: Option<String>,
    /// Beginning of the output (200 characters).
    #[schema(required)]
    pub output_preview: Option<String>,
    /// `service.name`.
    #[schema(required)]
    pub service: Option<String>,
    /// Conversation.
    #[schema(required)]
    pub session_id: Option<String>,
    /// End user.
    #[schema(required)]
    pub user_id: Option<String>,
    /// Id of the provider's response.
    #[schema(required)]
    pub response_id: Option<String>,
    /// Prompt template.
    #[schema(required)]
    pub prompt: Option<Prompt>,
    /// Tags.
    pub tags: Vec<String>,
    /// The dialect that understood the span; empty when none did.
    pub dialect: String,
    /// Who told of the step: `span`, `log` (log records alone) or `both`.
    pub told_by: ToldBy,
    /// Attributes as sent, by name; any JSON values.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub attributes: BTreeMap<String, Json>,
    /// Things that happened during the step.
    pub events: Vec<Event>,
    /// References to steps of this or other runs.
    pub links: Vec<Link>,
    /// Judgements of the step: feedback, evaluations.
    pub scores: Vec<Score>,
}

/// A judgement of a step or run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// Its id as the client gave it; null where none was given.
    #[schema(required)]
    pub id: Option<String>,
    /// What is judged, for example `correctness`.
    pub name: String,
    /// The judgement as a number; truth is 1 or 0.
    #[schema(required)]
    pub value: Option<f64>,
    /// The judgement as a word.
    #[schema(required)]
    pub label: Option<String>,
    /// Why.
    #[schema(required)]
    pub comment: Option<String>,
    /// Who or what judged, in the client's words.
    #[schema(required)]
    pub source: Option<String>,
    /// The step judged; null for the run as a whole.
    #[schema(value_type = Option<String>, required)]
    pub span_id: Option<SpanId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Who told of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToldBy {
    /// A span.
    Span,
    /// Log records alone.
    Log,
    /// A span, and log records that added to it.
    Both,
}

/// Tokens of one step. Input includes cached tokens, output includes reasoning; null where the sender did not say.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
pub struct StepUsage {
    /// Tokens sent to the model, cached ones included.
    #[schema(required)]
    pub input_tokens: Option<u64>,
    /// Tokens the model produced, reasoning included.
    #[schema(required)]
    pub output_tokens: Option<u64>,
    /// Part of the input read from a prompt cache.
    #[schema(required)]
    pub cache_read_tokens: Option<u64>,
    /// Part of the input written to a prompt cache.
    #[schema(required)]
    pub cache_write_tokens: Option<u64>,
    /// Part of the output that was reasoning.
    #[schema(required)]
    pub reasoning_tokens: Option<u64>,
    /// Input and output together, else the total the sender gave.
    #[schema(required)]
    pub total_tokens: Option<u64>,
}

/// A tool that ran.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tool {
    /// Its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Id of the call the model made.
    #[schema(required)]
    pub call_id: Option<String>,
    /// Arguments, any JSON.
    #[schema(required, value_type = Option<Value>)]
    pub arguments: Option<Json>,
    /// Result, any JSON.
    #[schema(required, value_type = Option<Value>)]
    pub result: Option<Json>,
}

/// A search or a reordering.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Retrieval {
    /// What was asked.
    #[schema(required)]
    pub query: Option<String>,
    /// Number of documents returned, where known.
    #[schema(required)]
    pub count: Option<u32>,
    /// What was found.
    pub documents: Vec<Document>,
    /// What a reranker was given.
    pub input_documents: Vec<Document>,
}

/// A conversation: what was sent and what came back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Messages {
    /// Messages sent, system prompt first.
    pub input: Vec<Message>,
    /// Messages received.
    pub output: Vec<Message>,
}

/// A prompt template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Prompt {
    /// Its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Its version.
    #[schema(required)]
    pub version: Option<String>,
}

/// Something that happened during a step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// For example `exception`.
    pub name: String,
    /// Its attributes, any JSON values.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub attributes: BTreeMap<String, Json>,
}

/// A reference to a step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Trace of the other step.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// The other step.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// Attributes of the link, any JSON values.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub attributes: BTreeMap<String, Json>,
}

/// One run with its steps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunAnswer {
    /// The run.
    pub run: Run,
    /// Its steps in pre-order: a parent before its children, siblings by start.
    pub steps: Vec<Step>,
    /// Judgements of the run and its steps, by time: feedback, evaluations. Empty with `content=none`.
    pub scores: Vec<Score>,
    /// Other traces that are part of the run; any of their ids opens it.
    pub joined: Vec<Joined>,
}

/// A trace that is part of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Joined {
    /// The trace.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// What makes it certain, in a word: `link`, `parent_id`, `mcp`, `tool_call`, `prompt`, `execution` or `conversation`.
    pub reason: String,
    /// The same in a sentence.
    pub because: String,
}

impl Joined {
    /// A trace and the reason.
    pub fn new(trace_id: TraceId, reason: model::JoinReason) -> Self {
        Self { trace_id, reason: reason.to_string(), because: reason.sentence().to_owned() }
    }
}

/// One run with what a row of its tree needs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunTreeAnswer {
    /// The run.
    pub run: Run,
    /// Its steps in pre-order.
    pub steps: Vec<TreeStep>,
}

/// A row of a run's tree. Fields mean what they mean in a step; those without a value are left out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TreeStep {
    /// Span id, 16 hexadecimal digits.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// Depth in the tree.
    pub depth: u32,
    /// What kind of work.
    pub kind: StepKind,
    /// Name as sent.
    pub name: String,
    /// How it ended.
    pub status: SpanStatus,
    /// Start, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Milliseconds from start to end; missing while running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// Agent it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Tokens, input and output together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Cost in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// False where its tokens and cost are not part of the run's totals.
    pub counted: bool,
}

/// One step with the span as it was sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StepAnswer {
    /// The step.
    pub step: Step,
    /// The span as an OTLP/JSON request, with its resource and scope.
    #[schema(value_type = Object)]
    pub raw: Json,
}

/// A log record.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogRecord {
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// OTLP severity number, 1 (trace) to 24 (fatal); 0 when unset.
    pub severity: u8,
    /// Severity as text.
    pub severity_text: String,
    /// Event name.
    #[schema(required)]
    pub event_name: Option<String>,
    /// Body, any JSON.
    #[schema(value_type = Value)]
    pub body: Json,
    /// Attributes, any JSON values.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub attributes: BTreeMap<String, Json>,
    /// `service.name`.
    #[schema(required)]
    pub service: Option<String>,
    /// Run it belongs to.
    #[schema(value_type = Option<String>, required)]
    pub trace_id: Option<TraceId>,
    /// Step it belongs to.
    #[schema(value_type = Option<String>, required)]
    pub span_id: Option<SpanId>,
}

/// What became of log records sent as JSON lines.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinesAnswer {
    /// Records kept.
    pub accepted: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// Why, the first of each kind, with the number of the line.
    pub reasons: Vec<String>,
}

/// Log records of one run, by time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunLogsAnswer {
    /// The records.
    pub logs: Vec<LogRecord>,
}

/// One page of log records, latest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogsAnswer {
    /// The records.
    pub logs: Vec<LogRecord>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// How many log records there are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogCountsAnswer {
    /// Length of a stretch of time.
    pub step_seconds: f64,
    /// Records in all.
    pub total: u64,
    /// Counts by time and level; stretches without records are left out.
    pub rows: Vec<LogCount>,
    /// Services with their records, most first; at most 50.
    pub services: Vec<FacetValue>,
    /// Names of events with their records, most first; at most 50.
    pub events: Vec<FacetValue>,
}

/// Records of one stretch of time and level.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogCount {
    /// Beginning of the stretch.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// `unset`, `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
    pub level: String,
    /// How many.
    pub count: u64,
}
