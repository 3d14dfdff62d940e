//! Telemetry as it was sent: decoded from its wire format, not yet understood.
//!
//! Text borrows from the request where the format allows it. Every protocol (OTLP today; LangSmith, Langfuse and
//! others later) is decoded into these types; the `dialects` crate reads them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Attributes, Sample, SpanId, Timestamp, TraceId, Value};

/// What produced the telemetry: a process, as OTLP's `Resource`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource<'a> {
    /// `service.name` and the rest.
    pub attributes: Attributes<'a>,
}

/// The instrumentation library, as OTLP's `InstrumentationScope`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope<'a> {
    /// For example `openinference.instrumentation.openai`.
    pub name: Cow<'a, str>,
    /// The library's version, empty when not given.
    pub version: Cow<'a, str>,
    /// Attributes of the scope.
    pub attributes: Attributes<'a>,
}

impl Scope<'_> {
    /// The same scope, owning its text.
    pub fn into_owned(self) -> Scope<'static> {
        Scope {
            name: Cow::Owned(self.name.into_owned()),
            version: Cow::Owned(self.version.into_owned()),
            attributes: self.attributes.into_owned(),
        }
    }
}

/// OTLP's span kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SpanKind {
    #[default]
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// OTLP's status codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StatusCode {
    #[default]
    Unset,
    Ok,
    Error,
}

/// Something that happened during a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event<'a> {
    /// When.
    pub time: Timestamp,
    /// For example `exception`.
    pub name: Cow<'a, str>,
    /// Its attributes.
    pub attributes: Attributes<'a>,
}

impl Event<'_> {
    /// The same event, owning its text.
    pub fn into_owned(self) -> Event<'static> {
        Event { time: self.time, name: Cow::Owned(self.name.into_owned()), attributes: self.attributes.into_owned() }
    }
}

/// A reference from one span to another, possibly of another trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Link<'a> {
    /// Trace of the other span.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// W3C `tracestate`, empty when not given.
    pub trace_state: Cow<'a, str>,
    /// Attributes of the link.
    pub attributes: Attributes<'a>,
}

impl Link<'_> {
    /// The same link, owning its text.
    pub fn into_owned(self) -> Link<'static> {
        Link {
            trace_id: self.trace_id,
            span_id: self.span_id,
            trace_state: Cow::Owned(self.trace_state.into_owned()),
            attributes: self.attributes.into_owned(),
        }
    }
}

/// One span as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSpan<'a> {
    /// Trace the span belongs to.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Its parent; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// W3C `tracestate`, empty when not given.
    pub trace_state: Cow<'a, str>,
    /// OTLP span flags: low 8 bits W3C trace flags, 0x100 has-is-remote, 0x200 is-remote.
    pub flags: u32,
    /// Name as sent.
    pub name: Cow<'a, str>,
    /// OTLP span kind.
    pub kind: SpanKind,
    /// Start.
    pub start: Timestamp,
    /// End; unset while the span runs.
    pub end: Timestamp,
    /// Attributes in the order sent.
    pub attributes: Attributes<'a>,
    /// Span events.
    pub events: Vec<Event<'a>>,
    /// Span links.
    pub links: Vec<Link<'a>>,
    /// Status code.
    pub status: StatusCode,
    /// Status message, empty when not given.
    pub status_message: Cow<'a, str>,
    /// Attributes, events and links that the client's own limits dropped.
    pub dropped: u32,
}

impl RawSpan<'_> {
    /// The same span, owning its text.
    pub fn into_owned(self) -> RawSpan<'static> {
        RawSpan {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            trace_state: Cow::Owned(self.trace_state.into_owned()),
            flags: self.flags,
            name: Cow::Owned(self.name.into_owned()),
            kind: self.kind,
            start: self.start,
            end: self.end,
            attributes: self.attributes.into_owned(),
            events: self.events.into_iter().map(Event::into_owned).collect(),
            links: self.links.into_iter().map(Link::into_owned).collect(),
            status: self.status,
            status_message: Cow::Owned(self.status_message.into_owned()),
            dropped: self.dropped,
        }
    }
}

impl Default for RawSpan<'_> {
    /// An unnamed span whose ids are placeholders (all ones); for tests and builders.
    fn default() -> Self {
        Self {
            trace_id: TraceId::from_array([0xff; 16]),
            span_id: SpanId::from_array([0xff; 8]),
            parent_span_id: None,
            trace_state: Cow::Borrowed(""),
            flags: 0,
            name: Cow::Borrowed(""),
            kind: SpanKind::default(),
            start: Timestamp::default(),
            end: Timestamp::default(),
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            status: StatusCode::default(),
            status_message: Cow::Borrowed(""),
            dropped: 0,
        }
    }
}

/// One log record as sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawLog<'a> {
    /// When it happened; unset in Codex' records, which give only `observed`.
    pub time: Timestamp,
    /// When it was collected.
    pub observed: Timestamp,
    /// OTLP severity number, 0 when unset.
    pub severity: u8,
    /// Severity as text, empty when not given.
    pub severity_text: Cow<'a, str>,
    /// `LogRecord.event_name`, empty when not given (some senders use the attribute `event.name` instead).
    pub event_name: Cow<'a, str>,
    /// Body; text, or a structure.
    pub body: Value<'a>,
    /// Attributes in the order sent.
    pub attributes: Attributes<'a>,
    /// Trace the record belongs to, where given.
    pub trace_id: Option<TraceId>,
    /// Span the record belongs to, where given.
    pub span_id: Option<SpanId>,
    /// W3C trace flags.
    pub flags: u32,
    /// Attributes that the client's own limits, or ours, dropped.
    pub dropped: u32,
}

/// Items of one resource and scope, as OTLP groups them.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'a, T> {
    /// The resource, shared by its groups.
    pub resource: Arc<Resource<'a>>,
    /// The scope.
    pub scope: Arc<Scope<'a>>,
    /// The spans, log records or samples.
    pub items: Vec<T>,
}

/// What a request held after decoding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch<'a> {
    /// Spans.
    pub spans: Vec<Group<'a, RawSpan<'a>>>,
    /// Log records.
    pub logs: Vec<Group<'a, RawLog<'a>>>,
    /// Metric data points.
    pub samples: Vec<Group<'a, Sample>>,
    /// Items that were refused, with the reason: they cost their neighbours nothing.
    pub rejected: Rejected,
}

/// Items refused while decoding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many items.
    pub count: u64,
    /// Why the first of each kind was refused, a sentence each; a bounded list.
    pub reasons: Vec<String>,
}

impl Rejected {
    /// Reasons kept; further ones are only counted.
    pub const MAX_REASONS: usize = 8;

    /// Counts one refused item, keeping the reason if it is new and there is room.
    pub fn add(&mut self, reason: impl Into<String>) {
        self.count += 1;
        self.note(reason);
    }

    /// Keeps a warning that costs no item (OTLP: a message with a count of zero), if it is new and there is room.
    pub fn note(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.reasons.len() < Self::MAX_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}
