//! Raw telemetry as OTLP/JSON: what was taken in, given back exactly.
//!
//! The form is canonical: fields in the order of the protobuf definition, defaults left out, 64-bit integers as text,
//! ids in lower-case hexadecimal, enums as numbers, floats in their shortest exact form, NaN and infinities as
//! protobuf's JSON mapping names them. Reading it back gives equal values, types included.

mod metrics;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::raw::{Event, Group, Link, RawLog, RawSpan, Resource, Scope, SpanKind, StatusCode};
use model::{Attributes, Sample, Timestamp, Value};

/// The items of groups, each with its resource and scope, as [`export_spans`] and [`export_logs`] take them.
pub fn each<'g, 'a, T>(groups: &'g [Group<'a, T>]) -> impl Iterator<Item = (&'g Resource<'a>, &'g Scope<'a>, &'g T)> {
    groups.iter().flat_map(|group| group.items.iter().map(|item| (&*group.resource, &*group.scope, item)))
}

/// Spans as one OTLP/JSON request on one line, without a line break at its end.
///
/// Neighbours with an equal resource (or resource and scope) share it; sort by these first for the smallest output.
pub fn export_spans<'g, 'a: 'g>(
    spans: impl IntoIterator<Item = (&'g Resource<'a>, &'g Scope<'a>, &'g RawSpan<'a>)>,
) -> String {
    export(SPANS, spans, span)
}

/// Log records as one OTLP/JSON request on one line, without a line break at its end; see [`export_spans`].
pub fn export_logs<'g, 'a: 'g>(
    logs: impl IntoIterator<Item = (&'g Resource<'a>, &'g Scope<'a>, &'g RawLog<'a>)>,
) -> String {
    export(LOGS, logs, log)
}

/// Data points as one OTLP/JSON request on one line, without a line break at its end; see [`export_spans`]. Labels are text,
/// whatever type they were sent with.
pub fn export_samples<'g, 'a: 'g>(
    samples: impl IntoIterator<Item = (&'g Resource<'a>, &'g Scope<'a>, &'g Sample)>,
) -> String {
    export(SAMPLES, samples, metrics::sample)
}

/// Spans as one OTLP/JSON request that is written in pieces: together these are what [`export_spans`] writes, and none of the spans has to be
/// kept until the last is there.
#[derive(Debug, Default)]
pub struct SpanPieces {
    last: Option<(Arc<Resource<'static>>, Arc<Scope<'static>>)>,
}

impl SpanPieces {
    /// Whether a span was written.
    pub fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// Writes a span after those that were written.
    pub fn add(
        &mut self,
        out: &mut String,
        resource: &Arc<Resource<'static>>,
        scope: &Arc<Scope<'static>>,
        raw: &RawSpan<'_>,
    ) {
        let last = self.last.as_ref().map(|(resource, scope)| (&**resource, &**scope));
        if last.is_none() {
            SPANS.begin(out);
        }
        SPANS.before(out, last, resource, scope);
        Object::write(out, |object| span(object, raw));
        self.last = Some((Arc::clone(resource), Arc::clone(scope)));
    }

    /// Writes the end of the request.
    pub fn end(&self, out: &mut String) {
        if self.last.is_none() {
            SPANS.begin(out);
        }
        Frame::end(out, self.last.is_some());
    }
}

/// What stands around the items of a request: the names of the lists of resources, of scopes, and of items.
struct Frame {
    resources: &'static str,
    scopes: &'static str,
    list: &'static str,
}

const SPANS: Frame = Frame { resources: "resourceSpans", scopes: "scopeSpans", list: "spans" };
const LOGS: Frame = Frame { resources: "resourceLogs", scopes: "scopeLogs", list: "logRecords" };
const SAMPLES: Frame = Frame { resources: "resourceMetrics", scopes: "scopeMetrics", list: "metrics" };

impl Frame {
    fn begin(&self, out: &mut String) {
        let _ = write!(out, "{{\"{}\":[", self.resources);
    }

    /// What stands before an item; `last` is of the item before it.
    fn before(
        &self,
        out: &mut String,
        last: Option<(&Resource<'_>, &Scope<'_>)>,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
    ) {
        let same_resource = last.is_some_and(|(last, _)| std::ptr::eq(last, resource) || last == resource);
        let same_scope = same_resource && last.is_some_and(|(_, last)| std::ptr::eq(last, scope) || last == scope);
        if !same_resource {
            out.push_str(if last.is_some() { "]}]},{" } else { "{" });
            out.push_str("\"resource\":");
            Object::write(out, |object| object.attributes("attributes", &resource.attributes));
            let _ = write!(out, ",\"{}\":[{{", self.scopes);
        } else if !same_scope {
            out.push_str("]},{");
        }
        if same_scope {
            out.push(',');
        } else {
            out.push_str("\"scope\":");
            Object::write(out, |object| {
                object.text("name", &scope.name);
                object.text("version", &scope.version);
                object.attributes("attributes", &scope.attributes);
            });
            let _ = write!(out, ",\"{}\":[", self.list);
        }
    }

    fn end(out: &mut String, has_items: bool) {
        out.push_str(if has_items { "]}]}]}" } else { "]}" });
    }
}

fn export<'g, 'a: 'g, T: 'g>(
    frame: Frame,
    items: impl IntoIterator<Item = (&'g Resource<'a>, &'g Scope<'a>, &'g T)>,
    write: fn(&mut Object<'_>, &'g T),
) -> String {
    let mut out = String::new();
    frame.begin(&mut out);
    let mut last: Option<(&Resource<'_>, &Scope<'_>)> = None;
    for (resource, scope, item) in items {
        frame.before(&mut out, last, resource, scope);
        Object::write(&mut out, |object| write(object, item));
        last = Some((resource, scope));
    }
    Frame::end(&mut out, last.is_some());
    out
}

fn span(object: &mut Object<'_>, span: &RawSpan<'_>) {
    object.id("traceId", &span.trace_id);
    object.id("spanId", &span.span_id);
    object.text("traceState", &span.trace_state);
    if let Some(parent) = &span.parent_span_id {
        object.id("parentSpanId", parent);
    }
    object.number("flags", span.flags);
    object.text("name", &span.name);
    object.number("kind", kind(span.kind));
    object.time("startTimeUnixNano", span.start);
    object.time("endTimeUnixNano", span.end);
    object.attributes("attributes", &span.attributes);
    object.number("droppedAttributesCount", span.dropped);
    object.list("events", &span.events, event);
    object.list("links", &span.links, link);
    if span.status != StatusCode::Unset || !span.status_message.is_empty() {
        object.key("status");
        Object::write(object.out, |object| {
            object.text("message", &span.status_message);
            object.number("code", code(span.status));
        });
    }
}

fn event(object: &mut Object<'_>, event: &Event<'_>) {
    object.time("timeUnixNano", event.time);
    object.text("name", &event.name);
    object.attributes("attributes", &event.attributes);
}

fn link(object: &mut Object<'_>, link: &Link<'_>) {
    object.id("traceId", &link.trace_id);
    object.id("spanId", &link.span_id);
    object.text("traceState", &link.trace_state);
    object.attributes("attributes", &link.attributes);
}

fn log(object: &mut Object<'_>, log: &RawLog<'_>) {
    object.time("timeUnixNano", log.time);
    object.time("observedTimeUnixNano", log.observed);
    object.number("severityNumber", u32::from(log.severity));
    object.text("severityText", &log.severity_text);
    if log.body != Value::Null {
        object.key("body");
        value(object.out, &log.body);
    }
    object.attributes("attributes", &log.attributes);
    object.number("droppedAttributesCount", log.dropped);
    object.number("flags", log.flags);
    if let Some(id) = &log.trace_id {
        object.id("traceId", id);
    }
    if let Some(id) = &log.span_id {
        object.id("spanId", id);
    }
    object.text("eventName", &log.event_name);
}

fn kind(kind: SpanKind) -> u32 {
    match kind {
        SpanKind::Unspecified => 0,
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn code(code: StatusCode) -> u32 {
    match code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    }
}

/// A JSON object while it is written.
struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    fn write(out: &'o mut String, fields: impl FnOnce(&mut Object<'_>)) {
        out.push('{');
        let mut object = Object { out, first: true };
        fields(&mut object);
        object.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        let _ = write!(self.out, "\"{key}\":");
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.key(key);
            string(self.out, text);
        }
    }

    fn number(&mut self, key: &str, number: u32) {
        if number != 0 {
            self.key(key);
            let _ = write!(self.out, "{number}");
        }
    }

    fn time(&mut self, key: &str, time: Timestamp) {
        if !time.is_unset() {
            self.key(key);
            let _ = write!(self.out, "\"{}\"", time.as_nanos());
        }
    }

    fn id(&mut self, key: &str, id: &dyn std::fmt::Display) {
        self.key(key);
        let _ = write!(self.out, "\"{id}\"");
    }

    fn attributes(&mut self, key: &str, attributes: &Attributes<'_>) {
        if !attributes.is_empty() {
            self.key(key);
            entries(self.out, &attributes.0);
        }
    }

    fn list<T>(&mut self, key: &str, items: &[T], write: fn(&mut Object<'_>, &T)) {
        if !items.is_empty() {
            self.key(key);
            separated(self.out, items, |out, item| Object::write(out, |object| write(object, item)));
        }
    }
}

fn separated<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn entries(out: &mut String, entries: &[(Cow<'_, str>, Value<'_>)]) {
    separated(out, entries, |out, (key, item)| {
        out.push_str("{\"key\":");
        string(out, key);
        out.push_str(",\"value\":");
        value(out, item);
        out.push('}');
    });
}

/// An `AnyValue`.
fn value(out: &mut String, item: &Value<'_>) {
    match item {
        Value::Null => out.push_str("{}"),
        Value::Str(text) => {
            out.push_str("{\"stringValue\":");
            string(out, text);
            out.push('}');
        }
        Value::Bool(item) => {
            let _ = write!(out, "{{\"boolValue\":{item}}}");
        }
        Value::Int(number) => {
            let _ = write!(out, "{{\"intValue\":\"{number}\"}}");
        }
        Value::Double(number) => {
            out.push_str("{\"doubleValue\":");
            double(out, *number);
            out.push('}');
        }
        Value::Bytes(bytes) => {
            let _ = write!(out, "{{\"bytesValue\":\"{}\"}}", STANDARD.encode(bytes));
        }
        Value::Array(items) => {
            out.push_str("{\"arrayValue\":{\"values\":");
            separated(out, items, value);
            out.push_str("}}");
        }
        Value::Map(items) => {
            out.push_str("{\"kvlistValue\":{\"values\":");
            entries(out, items);
            out.push_str("}}");
        }
    }
}

fn double(out: &mut String, number: f64) {
    match number {
        number if number.is_nan() => out.push_str("\"NaN\""),
        f64::INFINITY => out.push_str("\"Infinity\""),
        f64::NEG_INFINITY => out.push_str("\"-Infinity\""),
        // The shortest form that reads back as the same number, with an exponent where that is shorter.
        number => {
            let _ = write!(out, "{}", serde_json::json!(number));
        }
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[copied..at]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        copied = at + 1;
    }
    out.push_str(&text[copied..]);
    out.push('"');
}
