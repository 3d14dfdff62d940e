//! What one message of a protocol says: about spans, and in judgement of them.

use std::borrow::Cow;

use model::raw::{Event, Scope, StatusCode};
use model::{SpanId, Timestamp, TraceId, Value};

use crate::Score;

/// Why a request cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not JSON of the expected shape.
    #[error("cannot read the body: {0}")]
    Json(String),
    /// The bytes are not the multipart they claim to be.
    #[error("cannot read the multipart body: {0}")]
    Multipart(String),
}

/// Something said about a span. What is `None` or absent is not said, which is no change to what is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// Trace of the span.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// When it was said: of two values for a field the later counts.
    pub at: Timestamp,
    /// Scope of the span: which SDK speaks.
    pub scope: Scope<'static>,
    /// Its name.
    pub name: Option<String>,
    /// Its parent.
    pub parent: Option<SpanId>,
    /// Its parent as long as nothing names one: the span of its trace.
    pub parent_if_untold: Option<SpanId>,
    /// Start.
    pub start: Option<Timestamp>,
    /// End.
    pub end: Option<Timestamp>,
    /// The span stands for a trace: start and end only widen its times, so that it covers its children.
    pub covers: bool,
    /// Status and its message.
    pub status: Option<(StatusCode, String)>,
    /// Attributes.
    pub attributes: Vec<(Cow<'static, str>, Value<'static>)>,
    /// All events of the span so far.
    pub events: Option<Vec<Event<'static>>>,
    /// Events and attributes that were left out because of a limit.
    pub dropped: u32,
}

impl Partial {
    /// Nothing said yet.
    pub fn new(trace_id: TraceId, span_id: SpanId, at: Timestamp, scope: Scope<'static>) -> Self {
        Self {
            trace_id,
            span_id,
            at,
            scope,
            name: None,
            parent: None,
            parent_if_untold: None,
            start: None,
            end: None,
            covers: false,
            status: None,
            attributes: Vec::new(),
            events: None,
            dropped: 0,
        }
    }

    /// Adds an attribute where there is a value.
    pub(crate) fn set(&mut self, key: impl Into<Cow<'static, str>>, value: Option<Value<'static>>) {
        if let Some(value) = value {
            self.attributes.push((key.into(), value));
        }
    }

    /// Adds a text attribute where there is a text.
    pub(crate) fn set_text(&mut self, key: impl Into<Cow<'static, str>>, text: Option<impl Into<String>>) {
        self.set(key, text.map(|text| Value::Str(Cow::Owned(text.into()))));
    }
}

/// One thing a client sent and wants to hear about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id as the client knows it.
    pub id: String,
    /// Why it was refused, a sentence; `None` when it was taken.
    pub error: Option<String>,
}

/// What a request says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// About spans, in the order sent.
    pub spans: Vec<Partial>,
    /// In judgement of spans and runs.
    pub scores: Vec<Score>,
    /// What became of each thing that was sent.
    pub items: Vec<Item>,
}

impl Told {
    /// Notes an item that was taken.
    pub(crate) fn take(&mut self, id: impl Into<String>) {
        self.items.push(Item { id: id.into(), error: None });
    }

    /// Notes an item that was refused.
    pub(crate) fn refuse(&mut self, id: impl Into<String>, error: impl Into<String>) {
        self.items.push(Item { id: id.into(), error: Some(error.into()) });
    }

    /// Items that were refused.
    pub fn refused(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.error.is_some())
    }
}
