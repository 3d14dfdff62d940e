//! What a family of metrics is: name, kind, labels, buckets, meaning, and the other names it goes by.

/// What a number means to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by size.
    Histogram,
}

impl Kind {
    /// The word in the text formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The four layers of signals, from the service to its value, and Tawny's own account of its counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Requests, errors, latency.
    Standard,
    /// Tokens, models, their latency and cost.
    Llm,
    /// Tools, rounds, outcomes, recoveries.
    Agent,
    /// Completion, feedback, cost of a task.
    Business,
    /// How far these numbers can be trusted.
    Accounting,
}

impl Layer {
    /// The layer's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Llm => "llm",
            Self::Agent => "agent",
            Self::Business => "business",
            Self::Accounting => "accounting",
        }
    }
}

/// When a run's share of a counter is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// As soon as the step has ended and the run's root is known: a late span cannot change it any more.
    AtOnce,
    /// When the run has settled: a late span may turn a counted call into a wrapper of others.
    Settled,
    /// Not counted: what is so at the moment of the scrape.
    Now,
}

impl When {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::Settled => "when the run settles",
            Self::Now => "at the scrape",
        }
    }
}

/// A label by its meaning; a series carries it under each of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The agent: the step's own where it has one, else the run's, else the service.
    Agent,
    /// The workflow, else the run's name.
    Workflow,
    /// Model that answered.
    Model,
    /// Who serves it.
    Provider,
    /// How it ended.
    Status,
    /// Class of the error.
    ErrorType,
    /// Tool.
    Tool,
    /// Name of a step.
    Step,
    /// Its kind, in Tawny's word.
    StepType,
    /// Its kind, in the OpenAI Agents SDK's word.
    SpanType,
    /// `input` or `output`; `unknown` where a call gave only a total.
    Direction,
    /// Class of tokens.
    Class,
    /// Kind of task.
    TaskType,
    /// What a round, or a retrieval, came to.
    Outcome,
    /// How a failure was met.
    Strategy,
    /// Guardrail.
    Guardrail,
    /// Kind of hallucination.
    HallucinationType,
    /// `positive`, `negative` or `neutral`.
    Sentiment,
    /// OpenTelemetry's operation name.
    GenAiOperation,
    /// OpenTelemetry's provider.
    GenAiProvider,
    /// OpenTelemetry's requested model.
    GenAiRequestModel,
    /// OpenTelemetry's answering model.
    GenAiResponseModel,
    /// OpenTelemetry's token type.
    GenAiTokenType,
    /// OpenTelemetry's agent.
    GenAiAgent,
    /// OpenTelemetry's tool.
    GenAiTool,
    /// Name of a family, on families about families.
    Family,
    /// Name of a detector.
    Detector,
}

impl Label {
    /// The names it is exposed under.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Agent => &["agent_id"],
            Self::Workflow => &["workflow", "workflow_name"],
            Self::Model => &["model"],
            Self::Provider => &["provider"],
            Self::Status => &["status"],
            Self::ErrorType => &["error_type"],
            Self::Tool => &["tool", "tool_name"],
            Self::Step => &["span_name", "step_name"],
            Self::StepType => &["step_type"],
            Self::SpanType => &["span_type"],
            Self::Direction => &["direction"],
            Self::Class => &["class"],
            Self::TaskType => &["task_type"],
            Self::Outcome => &["outcome"],
            Self::Strategy => &["recovery_strategy"],
            Self::Guardrail => &["guardrail"],
            Self::HallucinationType => &["hallucination_type"],
            Self::Sentiment => &["sentiment"],
            Self::GenAiOperation => &["gen_ai_operation_name"],
            Self::GenAiProvider => &["gen_ai_provider_name"],
            Self::GenAiRequestModel => &["gen_ai_request_model"],
            Self::GenAiResponseModel => &["gen_ai_response_model"],
            Self::GenAiTokenType => &["gen_ai_token_type"],
            Self::GenAiAgent => &["gen_ai_agent_name"],
            Self::GenAiTool => &["gen_ai_tool_name"],
            Self::Family => &["family"],
            Self::Detector => &["detector"],
        }
    }

    /// Whether its values are words of ours: few, and never folded.
    pub const fn is_bounded(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::StepType
                | Self::SpanType
                | Self::Direction
                | Self::Class
                | Self::Outcome
                | Self::Strategy
                | Self::Sentiment
                | Self::GenAiTokenType
                | Self::Family
                | Self::Detector
        )
    }
}

/// Another name of a family.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// The name.
    pub name: &'static str,
    /// Who uses it: A to E, the five guides whose dashboards and rules Tawny serves.
    pub used_by: &'static str,
    /// Values that are written differently there: label, here, there.
    pub words: &'static [(Label, &'static str, &'static str)],
    /// Only series with these values.
    pub only: &'static [(Label, &'static str)],
    /// Further labels.
    pub more: &'static [(&'static str, &'static str)],
    /// Values (and bounds of buckets) are this many times as large there.
    pub scale: f64,
    /// A counter there: what the histogram's observations add up to.
    pub sum: bool,
}

impl Spelling {
    /// A name for the same thing.
    pub const fn of(name: &'static str, used_by: &'static str) -> Self {
        Self { name, used_by, words: &[], only: &[], more: &[], scale: 1.0, sum: false }
    }
}

/// A family of series.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Which.
    pub id: super::Id,
    /// Its name.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// In what; empty for counts.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// What a run gives to it, in words.
    pub source: &'static str,
    /// Its labels, beside `project`, `environment` and `source`.
    pub labels: &'static [Label],
    /// Words of ours that tell its series apart, beside the texts of senders: values of one of its labels.
    pub words: &'static [super::Word],
    /// Upper bounds of its buckets, without the last, which has none.
    pub buckets: &'static [f64],
    /// Which layer of signals.
    pub layer: Layer,
    /// When it is counted.
    pub when: When,
    /// Who uses this name: A to E as in [`Spelling::used_by`], `OTel` for OpenTelemetry's conventions.
    pub used_by: &'static str,
    /// The other names.
    pub spellings: &'static [Spelling],
}

impl Family {
    /// Numbers that a series of it holds: one, or the buckets and the sum.
    pub const fn cells(&self) -> usize {
        match self.kind {
            Kind::Histogram => self.buckets.len() + 2,
            _ => 1,
        }
    }

    /// The bucket an observation falls into.
    pub fn bucket(&self, value: f64) -> usize {
        self.buckets.partition_point(|bound| *bound < value)
    }

    /// Changes when the meaning of its numbers in memory or on disk does: other buckets, other labels.
    pub fn shape(&self) -> String {
        format!("{:?} {:?} {:?}", self.kind, self.labels, self.buckets)
    }
}
