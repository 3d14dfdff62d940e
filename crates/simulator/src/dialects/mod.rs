//! Telling a plan: spans and log records as clients of three dialects write them.

mod agent_request;
mod attributes;
mod openinference;
mod otel_genai;

use std::collections::BTreeMap;

use model::Timestamp;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event, status::StatusCode};

use crate::plan::{LogLine, Plan, Severity, Step};
use attributes::{Attributes, any, text};

pub(crate) use agent_request::nest;

/// A way of writing agent telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenTelemetry's GenAI conventions, current keys, content on spans.
    OtelGenAi,
    /// OpenInference, flattened.
    OpenInference,
    /// The `agent.request` family: counts on spans, content in log records.
    AgentRequest,
}

impl Dialect {
    /// Instrumentation scope and its version.
    fn scope(self) -> (&'static str, &'static str) {
        match self {
            Self::OtelGenAi => ("opentelemetry.instrumentation.genai", "1.3b0"),
            Self::OpenInference => ("openinference.instrumentation.openai", "0.1.66"),
            Self::AgentRequest => ("agent_service", ""),
        }
    }
}

/// What one batch holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Spans of one resource.
    Spans(ResourceSpans),
    /// Log records of one resource.
    Logs(ResourceLogs),
}

/// One batch of one run, as its exporter sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// Nanoseconds from the run's start.
    pub at: u64,
    /// What is sent.
    pub payload: Payload,
}

/// Nanoseconds between two sendings of an exporter. The default of OpenTelemetry's batch processor is five seconds;
/// a demo is watched live, so its agents send twice a second.
pub const BATCH_EVERY: u64 = 500_000_000;

/// Tells a plan that starts at `start`: batches in the order of time. A span is sent in the batch after its end, so
/// children come before their parents and the root comes last.
pub fn tell(plan: &Plan, start: Timestamp) -> Vec<Emission> {
    let mut spans: BTreeMap<u64, Vec<Span>> = BTreeMap::new();
    for step in &plan.steps {
        spans.entry(batch_after(step.end)).or_default().push(span(plan, step, start));
    }
    let mut logs: BTreeMap<u64, Vec<LogRecord>> = BTreeMap::new();
    for line in plan.logs.iter().cloned().chain(dialect_logs(plan)) {
        logs.entry(batch_after(line.at)).or_default().push(log_record(plan, &line, start));
    }
    let resource = resource(plan);
    let scope = scope(plan.dialect);
    let mut told: Vec<Emission> = Vec::with_capacity(spans.len() + logs.len());
    told.extend(spans.into_iter().map(|(at, mut spans)| {
        // Steps are in the order they start: reversed, children that end together with their parent stay before it.
        spans.reverse();
        spans.sort_by_key(|span| span.end_time_unix_nano);
        let scoped = ScopeSpans { scope: Some(scope.clone()), spans, schema_url: String::new() };
        let spans =
            ResourceSpans { resource: Some(resource.clone()), scope_spans: vec![scoped], schema_url: String::new() };
        Emission { at, payload: Payload::Spans(spans) }
    }));
    told.extend(logs.into_iter().map(|(at, log_records)| {
        let scoped = ScopeLogs { scope: Some(scope.clone()), log_records, schema_url: String::new() };
        let logs =
            ResourceLogs { resource: Some(resource.clone()), scope_logs: vec![scoped], schema_url: String::new() };
        Emission { at, payload: Payload::Logs(logs) }
    }));
    told.sort_by_key(|emission| emission.at);
    told
}

/// The first sending at or after `offset`.
fn batch_after(offset: u64) -> u64 {
    offset.div_ceil(BATCH_EVERY).max(1) * BATCH_EVERY
}

fn absolute(start: Timestamp, offset: u64) -> u64 {
    (start.as_nanos().max(0) as u64).saturating_add(offset)
}

fn scope(dialect: Dialect) -> InstrumentationScope {
    let (name, version) = dialect.scope();
    InstrumentationScope { name: name.into(), version: version.into(), ..InstrumentationScope::default() }
}

fn resource(plan: &Plan) -> Resource {
    let service = &plan.service;
    let mut attributes = Attributes::default();
    attributes.text("service.name", service.name);
    attributes.text("service.version", service.version);
    attributes.text("service.instance.id", &service.instance);
    attributes.text("telemetry.sdk.language", service.language);
    attributes.text("telemetry.sdk.name", "opentelemetry");
    attributes.text("telemetry.sdk.version", "1.45.2");
    match plan.dialect {
        // Seed D names it by the older key.
        Dialect::AgentRequest => attributes.text("deployment.environment", service.environment),
        _ => attributes.text("deployment.environment.name", service.environment),
    }
    if plan.dialect == Dialect::OpenInference {
        attributes.text("openinference.project.name", service.name);
    }
    Resource { attributes: attributes.into_vec(), ..Resource::default() }
}

/// What a dialect says about a step.
struct Told {
    name: String,
    kind: opentelemetry_proto::tonic::trace::v1::span::SpanKind,
    attributes: Attributes,
    events: Vec<Event>,
}

fn span(plan: &Plan, step: &Step, start: Timestamp) -> Span {
    let told = match plan.dialect {
        Dialect::OtelGenAi => otel_genai::told(plan, step),
        Dialect::OpenInference => openinference::told(plan, step, start),
        Dialect::AgentRequest => agent_request::told(plan, step),
    };
    let mut events = told.events;
    let status = step.error.as_ref().map(|failure| {
        let mut attributes = Attributes::default();
        attributes.text("exception.type", failure.kind);
        attributes.text("exception.message", &failure.message);
        events.push(Event {
            time_unix_nano: absolute(start, step.end),
            name: "exception".into(),
            attributes: attributes.into_vec(),
            dropped_attributes_count: 0,
        });
        Status { message: failure.message.clone(), code: StatusCode::Error as i32 }
    });
    Span {
        trace_id: plan.trace_id.as_bytes().to_vec(),
        span_id: step.span_id.as_bytes().to_vec(),
        parent_span_id: step.parent.map_or(Vec::new(), |parent| parent.as_bytes().to_vec()),
        flags: 0x101,
        name: told.name,
        kind: told.kind as i32,
        start_time_unix_nano: absolute(start, step.start),
        end_time_unix_nano: absolute(start, step.end),
        attributes: told.attributes.into_vec(),
        events,
        status: Some(status.unwrap_or_default()),
        ..Span::default()
    }
}

/// Log lines that a dialect writes by itself.
fn dialect_logs(plan: &Plan) -> Vec<LogLine> {
    match plan.dialect {
        Dialect::AgentRequest => agent_request::audit_log(plan),
        _ => Vec::new(),
    }
}

fn log_record(plan: &Plan, line: &LogLine, start: Timestamp) -> LogRecord {
    // OTLP: INFO is 9, WARN 13, ERROR 17.
    let (number, word) = match line.severity {
        Severity::Info => (9, "INFO"),
        Severity::Warn => (13, "WARN"),
        Severity::Error => (17, "ERROR"),
    };
    let mut attributes = Attributes::default();
    for (key, value) in &line.attributes {
        attributes.json(key, value);
    }
    LogRecord {
        time_unix_nano: absolute(start, line.at),
        observed_time_unix_nano: absolute(start, line.at),
        severity_number: number,
        severity_text: word.into(),
        body: (!line.body.is_empty()).then(|| any(text(&line.body))),
        attributes: attributes.into_vec(),
        trace_id: plan.trace_id.as_bytes().to_vec(),
        span_id: line.span_id.as_bytes().to_vec(),
        event_name: line.event.unwrap_or_default().into(),
        flags: 1,
        ..LogRecord::default()
    }
}
