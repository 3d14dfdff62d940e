//! Steps told by log records, for agents that write logs and send no spans.
//!
//! A record that tells of work (a model call, a tool, the beginning or end of a step) becomes, beside its row, a raw span that
//! is read like any other and carries [`ATTRIBUTE`]. Its ids are derived from the record alone, so that a record sent again is
//! the same span, in whatever order records come: the trace is the record's own, else a hash of the execution, workflow run,
//! request or conversation it names; the span is a hash of the record. Which records tell one step, and which only repeat what a
//! span says, is decided when the run is resolved (`signals::runs`).

mod coding_agents;
mod genai;
mod record;
mod workflow;

use std::borrow::Cow;

use model::raw::{Event, RawLog, RawSpan, Resource, Scope, StatusCode};
use model::{Attributes, SpanId, Timestamp, Told, ToldPart, TraceId, Value};

use self::record::Record;
use crate::log::Fnv;

/// Attribute of a span that a log record told; its value is a [`Told`].
pub const ATTRIBUTE: &str = "tawny.told_by_log";

/// Bytes from which an attribute is left with the record and not kept with the span it tells.
const LONG: usize = 1024;

/// What groups records without a trace id into a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// One execution of a workflow (`execution_id`).
    Execution,
    /// One workflow run (`workflow_id`, `workflow_run_id`, `run_id`).
    Workflow,
    /// One request (`request_id`).
    Request,
    /// One trace, by an id that is no W3C trace id.
    Trace,
    /// One conversation (Codex CLI), or one prompt of it (Claude Code, Gemini CLI).
    Conversation,
    /// One model call that names nothing else.
    Response,
    /// One call from one process to another: where its two sides meet.
    Call,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Execution, Self::Workflow, Self::Request, Self::Trace, Self::Conversation, Self::Response, Self::Call];

    const fn word(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Workflow => "workflow",
            Self::Request => "request",
            Self::Trace => "trace",
            Self::Conversation => "conversation",
            Self::Response => "response",
            Self::Call => "call",
        }
    }
}

/// The trace of records that name no trace but `id`. Fixed for ever: rows on disk carry it.
pub fn told_trace(project: &str, group: Group, id: &str) -> TraceId {
    let mut hash = Fnv::new();
    hash.text("told trace");
    hash.text(project);
    hash.text(group.word());
    hash.text(id);
    // An id of zeros is no id.
    TraceId::from_slice(&hash.0.max(1).to_be_bytes()).unwrap_or(TraceId::from_array([0xfe; 16]))
}

/// The span that the record with this [`model::Log::id`] tells, if it tells one.
pub fn told_span_id(record: u128) -> SpanId {
    let folded = (record >> 64) as u64 ^ record as u64;
    SpanId::from_slice(&folded.max(1).to_be_bytes()).unwrap_or(SpanId::from_array([0xfe; 8]))
}

/// What a record tells of a step, as a span; `None` for a record that tells of none. `id` is the record's own
/// ([`model::Log::id`]), `received` stands for its time where it has none.
pub fn told(
    raw: &RawLog<'_>,
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    project: &str,
    id: u128,
    received: Timestamp,
) -> Option<RawSpan<'static>> {
    let record = Record::of(raw, resource, scope, project);
    read(&record).map(|step| step.span(&record, id, received))
}

/// The span as it is kept: long values stay with the record, which is read again for them.
pub fn told_lean(mut span: RawSpan<'static>) -> RawSpan<'static> {
    span.attributes.0.retain(|(_, value)| size(value) < LONG);
    span
}

/// The trace a record without a trace id of its own belongs to, where it names one in another way.
pub(crate) fn trace_of(raw: &RawLog<'_>, resource: &Resource<'_>, scope: &Scope<'_>, project: &str) -> Option<TraceId> {
    let record = Record::of(raw, resource, scope, project);
    record.named_trace().or_else(|| read(&record).map(|step| step.trace)).or_else(|| record.execution_trace())
}

fn read<'r>(record: &'r Record<'r>) -> Option<Step<'r>> {
    coding_agents::read(record).or_else(|| genai::read(record)).or_else(|| workflow::read(record))
}

/// About the bytes of a value's text.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| key.len() + size(value)).sum(),
        _ => 8,
    }
}

/// What one record tells.
pub(crate) struct Step<'r> {
    pub part: ToldPart,
    /// Tells steps of one run apart.
    pub key: Cow<'r, str>,
    /// Name of the span.
    pub name: Cow<'r, str>,
    pub trace: TraceId,
    /// The span during which the record was written.
    pub within: Option<SpanId>,
    /// Milliseconds it took, ending at the record's time.
    pub took: Option<f64>,
    /// What went wrong.
    pub error: Option<Cow<'r, str>>,
    /// A traceback.
    pub traceback: Option<Cow<'r, str>>,
    /// Attributes beside the record's own; of one key these count.
    pub extra: Vec<(&'static str, Value<'static>)>,
}

impl<'r> Step<'r> {
    pub(crate) fn new(part: ToldPart, key: impl Into<Cow<'r, str>>, trace: TraceId) -> Self {
        let key = key.into();
        Self {
            part,
            name: key.clone(),
            key,
            trace,
            within: None,
            took: None,
            error: None,
            traceback: None,
            extra: Vec::new(),
        }
    }

    fn span(self, record: &Record<'_>, id: u128, received: Timestamp) -> RawSpan<'static> {
        let time = Some(record.time()).filter(|time| !time.is_unset()).unwrap_or(received);
        let nanos = (self.took.unwrap_or(0.0).clamp(0.0, MAX_TOOK_MS) * 1e6) as i64;
        let told = Told { part: self.part, step: &self.key }.to_string();
        let mut attributes: Vec<(Cow<'static, str>, Value<'static>)> =
            vec![(Cow::Borrowed(ATTRIBUTE), Value::Str(Cow::Owned(told)))];
        attributes.extend(self.extra.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)));
        let given = attributes.len();
        for (key, value) in record.all() {
            if !attributes[..given].iter().any(|(known, _)| known == key) {
                attributes.push((Cow::Owned(key.to_owned()), value.clone().into_owned()));
            }
        }
        let mut events = Vec::new();
        if let Some(traceback) = &self.traceback {
            events.push(exception(time, self.error.as_deref(), traceback));
        }
        RawSpan {
            trace_id: self.trace,
            span_id: told_span_id(id),
            parent_span_id: self.within,
            name: Cow::Owned(self.name.into_owned()),
            start: time.plus_nanos(-nanos),
            end: if self.part == ToldPart::Start { Timestamp::default() } else { time },
            attributes: Attributes(attributes),
            events,
            status: if self.error.is_some() { StatusCode::Error } else { StatusCode::Unset },
            status_message: Cow::Owned(self.error.unwrap_or_default().into_owned()),
            ..RawSpan::default()
        }
    }
}

/// Longest time a record may say its step took: a year.
const MAX_TOOK_MS: f64 = 365.0 * 86_400_000.0;

/// A traceback as OpenTelemetry's exception event. Python's last line names the class: `ValueError: no such ticket`.
fn exception(time: Timestamp, message: Option<&str>, traceback: &str) -> Event<'static> {
    let last = traceback.trim_end().lines().next_back().unwrap_or_default();
    let class = last.split(':').next().unwrap_or_default().trim();
    let is_class = class.starts_with(|first: char| first.is_ascii_alphabetic())
        && class.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'));
    let text = |text: &str| Value::Str(Cow::Owned(text.to_owned()));
    let mut attributes = vec![(Cow::Borrowed("exception.stacktrace"), text(traceback))];
    if is_class {
        attributes.push((Cow::Borrowed("exception.type"), text(class)));
    }
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        attributes.push((Cow::Borrowed("exception.message"), text(message)));
    }
    Event { time, name: Cow::Borrowed("exception"), attributes: Attributes(attributes) }
}
