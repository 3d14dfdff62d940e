//! A log record as kept.

use std::sync::Arc;

use crate::{SpanId, Tenant, Timestamp, TraceId};

/// The narrow part of a log record; its body and attributes are kept beside it as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Whose row this is.
    pub tenant: Tenant,
    /// Hash of resource, scope, time and content: OTLP logs have no id, and a retried request must not add.
    pub id: u128,
    /// Version: the log position at which this row arrived.
    pub version: u64,
    /// When it happened (observed time where the sender gives no other).
    pub time: Timestamp,
    /// When the server took it in.
    pub received: Timestamp,
    /// OTLP severity number, 0 when unset.
    pub severity: u8,
    /// Severity as text (`INFO`), from the number where the sender gives no text.
    pub severity_text: Arc<str>,
    /// Event name, from the record or its attribute `event.name`.
    pub event_name: Option<Arc<str>>,
    /// `service.name`.
    pub service: Option<Arc<str>>,
    /// Trace it belongs to.
    pub trace_id: Option<TraceId>,
    /// Span it belongs to.
    pub span_id: Option<SpanId>,
    /// First characters of the body, or of what stands for it.
    pub preview: Arc<str>,
}
