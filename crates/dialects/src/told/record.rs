//! A log record's fields, wherever its sender put them: in attributes, in a structured body, or in a body that is JSON text
//! (a logger that formats its own lines, behind any collector).

use std::borrow::Cow;

use model::raw::{RawLog, Resource, Scope};
use model::{SpanId, Timestamp, TraceId, Value};

use super::{Group, told_trace};
use crate::messages::log_events;
use crate::reading::text_of;

/// Longest body that is read as JSON text; a step's record has hundreds of bytes.
const MAX_JSON_BODY: usize = 256 << 10;

/// Fields that name the event.
const NAMES: &[&str] = &["event", "event_type", "event_name"];
/// Fields that name one execution or workflow run, with what they group. A later one is less specific.
const EXECUTIONS: &[(&str, Group)] = &[
    ("execution_id", Group::Execution),
    ("workflow_run_id", Group::Workflow),
    ("workflow.run.id", Group::Workflow),
    ("workflow_id", Group::Workflow),
];
/// Fields that name one run, but only on records that tell of a step: any web server logs a `request_id`.
const REQUESTS: &[(&str, Group)] =
    &[("run_id", Group::Workflow), ("request_id", Group::Request), ("agent.request.id", Group::Request)];

pub(crate) struct Record<'r> {
    pub raw: &'r RawLog<'r>,
    pub scope: &'r Scope<'r>,
    pub service: &'r str,
    pub project: &'r str,
    body: Cow<'r, [(Cow<'r, str>, Value<'r>)]>,
}

impl<'r> Record<'r> {
    pub fn of(raw: &'r RawLog<'r>, resource: &'r Resource<'r>, scope: &'r Scope<'r>, project: &'r str) -> Self {
        let body = match &raw.body {
            Value::Map(entries) => Cow::Borrowed(entries.as_slice()),
            Value::Str(text) if text.len() <= MAX_JSON_BODY && text.trim_start().starts_with('{') => {
                match serde_json::from_str(text).map(Value::from_json) {
                    Ok(Value::Map(entries)) => Cow::Owned(entries),
                    _ => Cow::Borrowed(&[][..]),
                }
            }
            _ => Cow::Borrowed(&[][..]),
        };
        let service = resource.attributes.text("service.name").unwrap_or_default();
        Self { raw, scope, service, project, body }
    }

    pub fn get(&self, key: &str) -> Option<&Value<'r>> {
        self.raw.attributes.get(key).or_else(|| self.body.iter().find(|(name, _)| name == key).map(|(_, value)| value))
    }

    /// The first of `keys` that holds text, or something that can be written as text.
    pub fn text(&self, keys: &[&str]) -> Option<Cow<'_, str>> {
        keys.iter().find_map(|key| text_of(self.get(key)?))
    }

    pub fn number(&self, keys: &[&str]) -> Option<f64> {
        keys.iter().find_map(|key| self.get(key)?.as_f64()).filter(|number| number.is_finite())
    }

    /// Every field.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Value<'r>)> {
        self.raw.attributes.iter().chain(self.body.iter().map(|(key, value)| (key.as_ref(), value)))
    }

    /// The event's name; empty where the record is no event.
    pub fn name(&self) -> Cow<'_, str> {
        let own = log_events::name(self.raw);
        if own.is_empty() { self.text(NAMES).unwrap_or_default() } else { Cow::Borrowed(own) }
    }

    pub fn time(&self) -> Timestamp {
        if !self.raw.time.is_unset() {
            return self.raw.time;
        }
        let written = self.text(&["timestamp", "@timestamp", "time"]);
        written.and_then(|text| Timestamp::parse_rfc3339(&text)).unwrap_or(self.raw.observed)
    }

    /// The span during which the record was written.
    pub fn span(&self) -> Option<SpanId> {
        self.raw.span_id.or_else(|| self.text(&["span_id", "spanId"])?.parse().ok())
    }

    /// The trace the record carries in a field.
    pub fn named_trace(&self) -> Option<TraceId> {
        let named = self.text(&["trace_id", "traceId", "trace.id"])?;
        let named = named.trim();
        // A UUID is 16 bytes as well.
        let parsed = named.replace('-', "").parse().ok();
        parsed.or_else(|| (!named.is_empty()).then(|| told_trace(self.project, Group::Trace, named)))
    }

    /// The trace of the execution it names.
    pub fn execution_trace(&self) -> Option<TraceId> {
        self.grouped(EXECUTIONS)
    }

    /// The trace of a record that tells of a step: its own, else that of whatever it names.
    pub fn trace(&self) -> Option<TraceId> {
        self.raw
            .trace_id
            .or_else(|| self.named_trace())
            .or_else(|| self.execution_trace())
            .or_else(|| self.grouped(REQUESTS))
    }

    fn grouped(&self, fields: &[(&str, Group)]) -> Option<TraceId> {
        fields.iter().find_map(|(key, group)| Some(told_trace(self.project, *group, self.text(&[*key])?.trim())))
    }
}
