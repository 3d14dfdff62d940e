//! Agent telemetry as its senders write it, read into Tawny's vocabulary.

use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{Content, Log, Span, Tenant, Timestamp};

/// Version of the conventions; rows remember it, so that stale ones can be read again.
pub const VERSION: u16 = 1;

/// Whose data a resource's telemetry is: `project` as given, environment as the resource says.
pub fn tenant(project: &str, resource: &Resource<'_>) -> Tenant {
    let environment = ["deployment.environment.name", "deployment.environment", "langfuse.environment"]
        .iter()
        .find_map(|key| resource.attributes.text(key));
    Tenant { project: project.into(), environment: environment.unwrap_or(Tenant::DEFAULT_ENVIRONMENT).into() }
}

/// A span's narrow fields, usage normalised. `version` stays 0: the store sets it.
pub fn understand(raw: &RawSpan<'_>, resource: &Resource<'_>, scope: &Scope<'_>, tenant: &Tenant, received: Timestamp) -> Span {
    let _ = (resource, scope);
    let mut span = Span::new(tenant.clone(), raw.trace_id, raw.span_id);
    span.received = received;
    span.name = raw.name.as_ref().into();
    (span.parent_span_id, span.start, span.end) = (raw.parent_span_id, raw.start, raw.end);
    span
}

/// What was said in a span, from its raw attributes and events and from `logs`, the records joined to it.
pub fn content(raw: &RawSpan<'_>, resource: &Resource<'_>, scope: &Scope<'_>, logs: &[RawLog<'_>]) -> Content {
    let _ = (raw, resource, scope, logs);
    Content::default()
}

/// A log record's narrow fields.
pub fn understand_log(raw: &RawLog<'_>, resource: &Resource<'_>, scope: &Scope<'_>, tenant: &Tenant, received: Timestamp) -> Log {
    let _ = (resource, scope);
    Log {
        tenant: tenant.clone(),
        id: 0,
        version: 0,
        time: raw.time,
        received,
        severity: raw.severity,
        severity_text: raw.severity_text.as_ref().into(),
        event_name: None,
        service: None,
        trace_id: raw.trace_id,
        span_id: raw.span_id,
        preview: "".into(),
    }
}
