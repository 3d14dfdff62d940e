//! Spans and their columns: the narrow part, and what is needed to give the span back exactly as sent.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt16Array, UInt32Array};
use arrow::record_batch::RecordBatch;
use model::raw::{RawSpan, Resource, Scope, SpanKind, StatusCode};
use model::{Span, Tenant};

use super::columns::{self, Columns};
use crate::attributes::{self, ValueError};
use crate::bodies::{BodyHash, Splitter, Texts};
use crate::error::RowError;
use crate::resolver::RunResolver;
use crate::schema::Table;

/// A span as read back: understood, and as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSpan<'a> {
    /// What was understood.
    pub span: Arc<Span>,
    /// What was sent.
    pub raw: RawSpan<'a>,
    /// Its resource.
    pub resource: Arc<Resource<'static>>,
    /// Its scope.
    pub scope: Arc<Scope<'static>>,
}

impl StoredSpan<'_> {
    /// The same span, owning what was sent.
    pub fn into_owned(self) -> StoredSpan<'static> {
        let Self { span, raw, resource, scope } = self;
        StoredSpan { span, raw: raw.into_owned(), resource, scope }
    }
}

/// A row of `spans`.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanRow {
    /// The narrow part. Name, parent and times are as sent and not kept a second time.
    pub span: Arc<Span>,
    trace_state: Box<str>,
    flags: u32,
    kind: SpanKind,
    status: StatusCode,
    status_message: Box<str>,
    dropped: u32,
    attributes: Box<str>,
    events: Option<Box<str>>,
    links: Option<Box<str>>,
    resource: Arc<str>,
    scope: Arc<str>,
}

/// What the indexes of a span take beside the row.
const SPAN_INDEX_BYTES: usize = 64;

impl SpanRow {
    /// A row of a span, its large texts left with `splitter`.
    pub(crate) fn new(
        span: Span,
        raw: &RawSpan<'_>,
        resource: Arc<str>,
        scope: Arc<str>,
        splitter: &mut Splitter<'_>,
    ) -> Self {
        let mut attributes = String::with_capacity(512);
        attributes::write_attributes(&mut attributes, &raw.attributes, Some(splitter));
        Self {
            span: Arc::new(span),
            trace_state: raw.trace_state.as_ref().into(),
            flags: raw.flags,
            kind: raw.kind,
            status: raw.status,
            status_message: raw.status_message.as_ref().into(),
            dropped: raw.dropped,
            attributes: attributes.into(),
            events: attributes::write_events(&raw.events, splitter),
            links: attributes::write_links(&raw.links),
            resource,
            scope,
        }
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let span = &self.span;
        let texts =
            [&span.error_message, &span.input_preview, &span.output_preview, &span.error_type, &span.response_id];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 16).sum();
        let sent = self.attributes.len()
            + self.status_message.len()
            + self.trace_state.len()
            + self.events.as_deref().map_or(0, str::len)
            + self.links.as_deref().map_or(0, str::len);
        size_of::<Self>() + size_of::<Span>() + SPAN_INDEX_BYTES + texts + sent
    }

    /// Bytes it takes once its texts are written out where they were sent, about; `size` gives the bytes of a body.
    pub(crate) fn expanded_bytes(&self, size: &dyn Fn(&BodyHash) -> usize) -> usize {
        let mut bytes = self.bytes();
        for text in [Some(&*self.attributes), self.events.as_deref()].into_iter().flatten() {
            attributes::each_reference(text, |hash| bytes += size(&hash));
        }
        bytes
    }

    /// The span as sent, which borrows from the row. `body` gives a body by its hash.
    pub fn sent<'r>(&'r self, body: &dyn Fn(&BodyHash) -> Option<Arc<str>>) -> Result<RawSpan<'r>, ValueError> {
        let span = &self.span;
        Ok(RawSpan {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            trace_state: Cow::Borrowed(&self.trace_state),
            flags: self.flags,
            name: Cow::Borrowed(&span.name),
            kind: self.kind,
            start: span.start,
            end: span.end,
            attributes: attributes::decode_attributes(&self.attributes, body)?,
            events: self
                .events
                .as_deref()
                .map(|text| attributes::read_events(text, body))
                .transpose()?
                .unwrap_or_default(),
            links: self.links.as_deref().map(attributes::read_links).transpose()?.unwrap_or_default(),
            status: self.status,
            status_message: Cow::Borrowed(&self.status_message),
            dropped: self.dropped,
        })
    }

    /// The row without content, see [`super::without_content`].
    pub(crate) fn without_content(&self, meaning: &dyn RunResolver) -> Result<Self, ValueError> {
        let mut raw = self.sent(&|_| None)?;
        super::strip_attributes(&mut raw.attributes, meaning);
        for event in &mut raw.events {
            super::strip_attributes(&mut event.attributes, meaning);
        }
        for link in &mut raw.links {
            super::strip_attributes(&mut link.attributes, meaning);
        }
        let mut span = Span::clone(&self.span);
        (span.input_preview, span.output_preview) = (None, None);
        let (resource, scope) = (Arc::clone(&self.resource), Arc::clone(&self.scope));
        Ok(Self::new(span, &raw, resource, scope, &mut Splitter::new(&mut Texts::default())))
    }

    /// Rows as read back: equal resources and scopes are decoded once.
    pub fn stored<'r>(
        rows: &'r [Arc<Self>],
        body: &dyn Fn(&BodyHash) -> Option<Arc<str>>,
    ) -> Result<Vec<StoredSpan<'r>>, ValueError> {
        let mut known: Option<(&Self, Arc<Resource<'static>>, Arc<Scope<'static>>)> = None;
        let mut spans = Vec::with_capacity(rows.len());
        for row in rows {
            let raw = row.sent(body)?;
            let (resource, scope) = match &known {
                Some((last, resource, scope)) if last.resource == row.resource && last.scope == row.scope => {
                    (Arc::clone(resource), Arc::clone(scope))
                }
                _ => {
                    let attributes = attributes::decode_attributes(&row.resource, &|_| None)?.into_owned();
                    (Arc::new(Resource { attributes }), Arc::new(attributes::read_scope(&row.scope)?.into_owned()))
                }
            };
            known = Some((row, Arc::clone(&resource), Arc::clone(&scope)));
            spans.push(StoredSpan { span: Arc::clone(&row.span), raw, resource, scope });
        }
        Ok(spans)
    }
}

const SPAN_KINDS: [(SpanKind, &str); 6] = [
    (SpanKind::Unspecified, "unspecified"),
    (SpanKind::Internal, "internal"),
    (SpanKind::Server, "server"),
    (SpanKind::Client, "client"),
    (SpanKind::Producer, "producer"),
    (SpanKind::Consumer, "consumer"),
];
const STATUS_CODES: [(StatusCode, &str); 3] =
    [(StatusCode::Unset, "unset"), (StatusCode::Ok, "ok"), (StatusCode::Error, "error")];

fn word<T: PartialEq>(words: &[(T, &'static str)], value: &T) -> &'static str {
    words.iter().find(|(known, _)| known == value).map_or("", |(_, word)| word)
}

fn value<T: Copy + Default>(words: &[(T, &'static str)], word: &str) -> T {
    words.iter().find(|(_, known)| *known == word).map_or_else(T::default, |(value, _)| *value)
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Spans as columns of [`Table::Spans`].
pub fn to_batch(rows: &[&SpanRow]) -> RecordBatch {
    let spans = || rows.iter().map(|row| &*row.span);
    let rows = || rows.iter();
    let mut arrays: Vec<ArrayRef> = vec![
        columns::text(spans().map(|span| &*span.tenant.project)),
        columns::text(spans().map(|span| &*span.tenant.environment)),
        columns::hex(spans().map(|span| Some(span.trace_id.as_bytes()))),
        columns::hex(spans().map(|span| Some(span.span_id.as_bytes()))),
        columns::hex(spans().map(|span| span.parent_span_id.as_ref().map(|id| id.as_bytes()))),
        columns::version(spans().map(|span| span.version)),
        columns::time(spans().map(|span| span.received)),
        columns::text(spans().map(|span| &*span.dialect)),
        Arc::new(UInt16Array::from_iter_values(spans().map(|span| span.dialect_version))),
        columns::text(spans().map(|span| &*span.name)),
        columns::text(spans().map(|span| span.kind.as_str())),
        columns::text(spans().map(|span| span.status.as_str())),
        columns::text_opt(spans().map(|span| span.error_type.as_deref())),
        columns::text_opt(spans().map(|span| span.error_message.as_deref())),
        columns::time(spans().map(|span| span.start)),
        columns::time_opt(spans().map(|span| span.end)),
        columns::float_opt(spans().map(|span| span.duration_nanos().map(|nanos| nanos as f64 / 1e6))),
        columns::text_opt(spans().map(|span| span.service.as_deref())),
        columns::text_opt(spans().map(|span| span.agent.as_deref())),
        columns::text_opt(spans().map(|span| span.agent_version.as_deref())),
        columns::text_opt(spans().map(|span| span.workflow.as_deref())),
        columns::text_opt(spans().map(|span| span.session_id.as_deref())),
        columns::text_opt(spans().map(|span| span.user_id.as_deref())),
        columns::text_opt(spans().map(|span| span.query_type.as_deref())),
        columns::text_opt(spans().map(|span| span.outcome.as_deref())),
        columns::text_opt(spans().map(|span| span.model.as_deref())),
        columns::text_opt(spans().map(|span| span.request_model.as_deref())),
        columns::text_opt(spans().map(|span| span.provider.as_deref())),
        columns::text_opt(spans().map(|span| span.response_id.as_deref())),
    ];
    arrays.extend(columns::usage(spans().map(|span| &span.usage)));
    arrays.extend([
        columns::text(spans().map(|span| span.usage_role.as_str())),
        columns::cost(spans().map(|span| span.cost)),
        columns::text_opt(spans().map(|span| span.cost_source.map(|source| source.as_str()))),
        columns::float_opt(spans().map(|span| span.ttft_ms)),
        columns::text_opt(spans().map(|span| span.finish_reason.as_deref())),
        columns::text_opt(spans().map(|span| span.tool_name.as_deref())),
        columns::text_opt(spans().map(|span| span.tool_call_id.as_deref())),
        columns::texts(spans().map(|span| span.requested_tool_calls.as_slice())),
        Arc::new(spans().map(|span| span.documents).collect::<UInt32Array>()),
        columns::text_opt(spans().map(|span| span.prompt_name.as_deref())),
        columns::text_opt(spans().map(|span| span.prompt_version.as_deref())),
        columns::texts(spans().map(|span| span.tags.as_slice())),
        columns::truth(spans().map(|span| span.provider_sdk)),
        columns::hex(spans().map(|span| span.told_in.as_ref().map(|id| id.as_bytes()))),
        columns::text_opt(spans().map(|span| span.told.as_deref())),
        columns::truth(spans().map(|span| span.remote_parent)),
        columns::text_opt(spans().map(|span| span.input_preview.as_deref())),
        columns::text_opt(spans().map(|span| span.output_preview.as_deref())),
        columns::count(spans().map(|span| span.unmapped)),
        columns::text_opt(rows().map(|row| some(&row.trace_state))),
        columns::count(rows().map(|row| row.flags)),
        columns::text(rows().map(|row| word(&SPAN_KINDS, &row.kind))),
        columns::text(rows().map(|row| word(&STATUS_CODES, &row.status))),
        columns::text_opt(rows().map(|row| some(&row.status_message))),
        columns::count(rows().map(|row| row.dropped)),
        columns::text(rows().map(|row| &*row.attributes)),
        columns::text_opt(rows().map(|row| row.events.as_deref())),
        columns::text_opt(rows().map(|row| row.links.as_deref())),
        columns::text(rows().map(|row| &*row.resource)),
        columns::text(rows().map(|row| &*row.scope)),
    ]);
    RecordBatch::try_new(Table::Spans.schema(), arrays).expect("columns are built in schema order")
}

/// Columns that hold the narrow part, [`Span`].
pub fn narrow_columns() -> Vec<&'static str> {
    static NAMES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
        let schema = Table::Spans.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.take_while(|name| name != "trace_state").collect()
    });
    NAMES.iter().map(String::as_str).collect()
}

/// The narrow part of the spans of a batch of [`Table::Spans`]; columns in any order, those of the part as sent may be
/// missing.
pub fn narrow_from_batch(batch: &RecordBatch) -> Result<Vec<Span>, RowError> {
    let mut columns = Columns::partly(Table::Spans, batch, &narrow_columns())?;
    (0..columns.len()).map(|row| narrow(&mut columns, row)).collect()
}

/// The rows of a batch of [`Table::Spans`]; columns in any order.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<SpanRow>, RowError> {
    let mut columns = Columns::new(Table::Spans, batch)?;
    let row = |row| {
        Ok(SpanRow {
            span: Arc::new(narrow(&mut columns, row)?),
            trace_state: columns.str("trace_state", row).into(),
            flags: columns.u32("flags", row),
            kind: value(&SPAN_KINDS, columns.str("span_kind", row)),
            status: value(&STATUS_CODES, columns.str("status_code", row)),
            status_message: columns.str("status_message", row).into(),
            dropped: columns.u32("dropped", row),
            attributes: columns.str("attributes", row).into(),
            events: columns.str_opt("events", row).map(Into::into),
            links: columns.str_opt("links", row).map(Into::into),
            resource: columns.shared("resource", row),
            scope: columns.shared("scope", row),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

fn narrow(columns: &mut Columns, row: usize) -> Result<Span, RowError> {
    Ok(Span {
        tenant: Tenant { project: columns.shared("project", row), environment: columns.shared("environment", row) },
        trace_id: columns.parse("trace_id", row)?,
        span_id: columns.parse("span_id", row)?,
        parent_span_id: columns.parse_opt("parent_span_id", row)?,
        version: columns.u64_opt("version", row).unwrap_or(0),
        received: columns.time("received_at", row),
        dialect: columns.shared("dialect", row),
        dialect_version: columns.u16("dialect_version", row),
        name: columns.shared("name", row),
        kind: columns.parse("kind", row)?,
        status: columns.parse("status", row)?,
        error_type: columns.shared_opt("error_type", row),
        error_message: columns.shared_opt("error_message", row),
        start: columns.time("started_at", row),
        end: columns.time("ended_at", row),
        service: columns.shared_opt("service", row),
        agent: columns.shared_opt("agent", row),
        agent_version: columns.shared_opt("agent_version", row),
        workflow: columns.shared_opt("workflow", row),
        session_id: columns.shared_opt("session_id", row),
        user_id: columns.shared_opt("user_id", row),
        query_type: columns.shared_opt("query_type", row),
        outcome: columns.shared_opt("outcome", row),
        model: columns.shared_opt("model", row),
        request_model: columns.shared_opt("request_model", row),
        provider: columns.shared_opt("provider", row),
        response_id: columns.own_opt("response_id", row),
        usage: columns.usage(row),
        usage_role: columns.parse("usage_role", row)?,
        cost: columns.cost("cost_usd", row),
        cost_source: columns.parse_opt("cost_source", row)?,
        ttft_ms: columns.float_opt("ttft_ms", row),
        finish_reason: columns.shared_opt("finish_reason", row),
        tool_name: columns.shared_opt("tool_name", row),
        tool_call_id: columns.own_opt("tool_call_id", row),
        requested_tool_calls: columns.list("requested_tool_calls", row),
        documents: columns.u32_opt("documents", row),
        prompt_name: columns.shared_opt("prompt_name", row),
        prompt_version: columns.shared_opt("prompt_version", row),
        tags: columns.list("tags", row),
        provider_sdk: columns.truth("provider_sdk", row).unwrap_or(false),
        told_in: columns.parse_opt("told_in", row)?,
        told: columns.shared_opt("told", row),
        remote_parent: columns.truth("remote_parent", row).unwrap_or(false),
        input_preview: columns.shared_opt("input_preview", row),
        output_preview: columns.own_opt("output_preview", row),
        unmapped: columns.u32("unmapped", row),
    })
}
