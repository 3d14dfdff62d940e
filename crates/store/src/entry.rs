//! What a commit takes: a request's bytes and the rows made of them.

use std::sync::Arc;

use bytes::Bytes;
use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{Log, Sample, Span, Tenant, Timestamp, TraceId, Value};

use crate::attributes;
use crate::bodies::{BodyHash, Splitter, Texts};
use crate::hot::Set;
use crate::rows::bodies::BodyRow;
use crate::rows::logs::LogRow;
use crate::rows::samples::SampleRow;
use crate::rows::spans::SpanRow;
use crate::segment::clamp_time;

/// A request to keep.
pub struct Entry {
    /// The caller's mark of how to read the payload again (signal, encoding, compression); the store only keeps it.
    pub tag: u32,
    /// Project of every row.
    pub project: Arc<str>,
    /// When the server took the request in.
    pub received: Timestamp,
    /// The request's bytes, as received.
    pub payload: Bytes,
    /// What was understood of it.
    pub rows: Rows,
}

/// A request read back from the log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Log sequence number.
    pub sequence: u64,
    /// As in [`Entry`].
    pub tag: u32,
    /// As in [`Entry`].
    pub project: Arc<str>,
    /// As in [`Entry`].
    pub received: Timestamp,
    /// As in [`Entry`].
    pub payload: Bytes,
}

/// What became of a committed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Its log sequence number: the version of its rows.
    pub sequence: u64,
    /// Rows that replaced or repeated rows still in memory.
    pub duplicates: u64,
}

/// A trace that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Project of the trace.
    pub project: Arc<str>,
    /// The trace.
    pub trace_id: TraceId,
    /// Log position of the request that changed it.
    pub version: u64,
}

/// Rows of one request, ready for memory: content is already split off into bodies.
#[derive(Default)]
pub struct Rows {
    /// Each where it will stay: rows are large, and moving them once more costs as much as making them.
    pub(crate) spans: Vec<Arc<SpanRow>>,
    pub(crate) bodies: Vec<BodyRow>,
    pub(crate) logs: Vec<LogRow>,
    pub(crate) samples: Vec<SampleRow>,
    pub(crate) body_bytes_seen: u64,
    bytes: usize,
    seen: Set<(TraceId, BodyHash)>,
    texts: Texts,
    /// Resource and scope of the last row: they repeat from row to row, and equal ones are encoded and kept once.
    context: Option<Context>,
}

impl Rows {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a span with all that was sent. Texts of its attributes and events from [`crate::BODY_BYTES_MIN`] bytes on
    /// become references to bodies. The row's version is set when it is committed.
    pub fn push_span(&mut self, span: Span, raw: &RawSpan<'_>, resource: &Resource<'_>, scope: &Scope<'_>) {
        let (resource, scope) = self.context(resource, scope);
        let started = clamp_time(span.start, span.received);
        let mut splitter = Splitter::new(&mut self.texts);
        let row = SpanRow::new(span, raw, resource, scope, &mut splitter);
        let bodies = splitter.bodies;
        self.bytes += row.bytes();
        for (hash, text) in bodies {
            self.body_bytes_seen += text.len() as u64;
            if self.seen.insert((row.span.trace_id, hash)) {
                let body = BodyRow {
                    tenant: row.span.tenant.clone(),
                    trace_id: row.span.trace_id,
                    hash,
                    version: 0,
                    started,
                    text,
                };
                self.bytes += body.bytes();
                self.bodies.push(body);
            }
        }
        self.spans.push(Arc::new(row));
    }

    /// Takes a log record with all that was sent.
    pub fn push_log(&mut self, log: Log, raw: &RawLog<'_>, resource: &Resource<'_>, scope: &Scope<'_>) {
        let (resource, scope) = self.context(resource, scope);
        let row = LogRow::new(log, raw, resource, scope);
        self.bytes += row.bytes();
        self.logs.push(row);
    }

    /// Takes a metric data point.
    pub fn push_sample(
        &mut self,
        tenant: &Tenant,
        sample: Sample,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
        received: Timestamp,
    ) {
        let service = resource.attributes.text("service.name").map(Arc::from);
        let (resource, scope) = self.context(resource, scope);
        let row = SampleRow::new(tenant.clone(), sample, service, resource, scope, received);
        self.bytes += row.bytes();
        self.samples.push(row);
    }

    /// Number of rows a client sent (bodies are parts of them and not counted).
    pub fn len(&self) -> usize {
        self.spans.len() + self.logs.len() + self.samples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes they take in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Resource and scope as text.
    fn context(&mut self, resource: &Resource<'_>, scope: &Scope<'_>) -> (Arc<str>, Arc<str>) {
        if self.context.as_ref().is_none_or(|last| !last.is_of(resource, scope)) {
            self.context = Some(Context::new(resource, scope));
        }
        self.context.as_ref().map(|context| context.texts.clone()).unwrap_or_default()
    }
}

/// A resource and a scope with their encoded texts.
struct Context {
    resource: Resource<'static>,
    scope: Scope<'static>,
    /// Equal values have equal texts. Not so with floats, where 0 equals -0.
    comparable: bool,
    texts: (Arc<str>, Arc<str>),
}

impl Context {
    fn new(resource: &Resource<'_>, scope: &Scope<'_>) -> Self {
        let (mut of_resource, mut of_scope) = (String::new(), String::new());
        attributes::write_attributes(&mut of_resource, &resource.attributes, None);
        attributes::write_scope(&mut of_scope, scope);
        let plain = |value: &Value<'_>| matches!(value, Value::Null | Value::Str(_) | Value::Bool(_) | Value::Int(_));
        let mut values = resource.attributes.iter().chain(scope.attributes.iter()).map(|(_, value)| value);
        Self {
            comparable: values.all(plain),
            resource: Resource { attributes: resource.attributes.clone().into_owned() },
            scope: Scope {
                name: scope.name.clone().into_owned().into(),
                version: scope.version.clone().into_owned().into(),
                attributes: scope.attributes.clone().into_owned(),
            },
            texts: (of_resource.into(), of_scope.into()),
        }
    }

    fn is_of(&self, resource: &Resource<'_>, scope: &Scope<'_>) -> bool {
        self.comparable && self.resource == *resource && self.scope == *scope
    }
}
