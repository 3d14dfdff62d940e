//! Log records: what they are called, how severe they are, and an id that makes a retried record the same record.

use std::sync::Arc;

use model::raw::{RawLog, Resource, Scope};
use model::{Attributes, Log, Tenant, Timestamp, Value, preview};

use crate::intern::intern;
use crate::messages::log_events;
use crate::told;

/// The narrow record.
pub(crate) fn log(
    raw: &RawLog<'_>,
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    tenant: &Tenant,
    received: Timestamp,
) -> Log {
    let event_name = log_events::name(raw);
    Log {
        tenant: tenant.clone(),
        id: identity(raw, resource, scope),
        version: 0,
        time: if raw.time.is_unset() { raw.observed } else { raw.time },
        received,
        severity: raw.severity,
        severity_text: severity_text(raw),
        event_name: Some(event_name).filter(|name| !name.is_empty()).map(intern),
        service: resource.attributes.text("service.name").map(intern),
        trace_id: raw.trace_id.or_else(|| told::trace_of(raw, resource, scope, &tenant.project)),
        span_id: raw.span_id,
        preview: preview(&shown(raw)).into(),
    }
}

/// The sender's word, else OTLP's short name of the number (1-4 TRACE, 5-8 DEBUG, 9-12 INFO, 13-16 WARN, 17-20 ERROR, 21-24 FATAL).
fn severity_text(raw: &RawLog<'_>) -> Arc<str> {
    if !raw.severity_text.is_empty() {
        return intern(&raw.severity_text);
    }
    const NAMES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    match raw.severity {
        number @ 1..=24 => {
            let (name, step) = (NAMES[usize::from(number - 1) / 4], (number - 1) % 4 + 1);
            if step == 1 { intern(name) } else { intern(&format!("{name}{step}")) }
        }
        _ => intern(""),
    }
}

/// Attributes that say what happened where the body does not, best first.
const TELLING: &[&str] = &[
    "message",
    "event.message",
    "exception.message",
    "error.message",
    "prompt",
    "response",
    "gen_ai.output.messages",
    "gen_ai.input.messages",
    "tool_name",
    "function_name",
];

/// What stands for the record in a list: its body, else the attribute that says most, else its event's name.
fn shown(raw: &RawLog<'_>) -> String {
    let body = match &raw.body {
        Value::Null => String::new(),
        Value::Str(text) => text.to_string(),
        Value::Map(entries) if entries.is_empty() => String::new(),
        // A message event's body: its text says more than its structure.
        Value::Map(entries) => entries
            .iter()
            .find(|(key, _)| matches!(key.as_ref(), "content" | "message" | "msg"))
            .and_then(|(_, value)| value.as_str())
            .map_or_else(|| raw.body.to_json().to_string(), str::to_owned),
        other => other.to_json().to_string(),
    };
    if !body.trim().is_empty() {
        return body;
    }
    let telling = TELLING.iter().find_map(|key| raw.attributes.get(key));
    match telling {
        Some(Value::Str(text)) => text.to_string(),
        Some(other) => other.to_json().to_string(),
        None => log_events::name(raw).to_owned(),
    }
}

/// A 128-bit FNV-1a hash of resource, scope, time, severity, ids, body and attributes.
///
/// FNV-1a (Fowler, Noll, Vo) is fixed for ever and the same on every machine, so a record sent again, today or
/// after a restart, has the same id. It is not meant to withstand an attacker: who may write records may as well
/// leave them out.
pub(crate) fn identity(raw: &RawLog<'_>, resource: &Resource<'_>, scope: &Scope<'_>) -> u128 {
    let mut hash = Fnv::new();
    hash.attributes(&resource.attributes);
    hash.text(&scope.name);
    hash.text(&scope.version);
    hash.attributes(&scope.attributes);
    hash.bytes(&raw.time.as_nanos().to_le_bytes());
    hash.bytes(&raw.observed.as_nanos().to_le_bytes());
    hash.bytes(&[raw.severity]);
    hash.text(&raw.severity_text);
    hash.text(&raw.event_name);
    hash.bytes(raw.trace_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
    hash.bytes(raw.span_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
    hash.value(&raw.body);
    hash.attributes(&raw.attributes);
    hash.0
}

/// FNV-1a of 128 bits.
pub(crate) struct Fnv(pub(crate) u128);

impl Fnv {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    pub(crate) fn new() -> Self {
        Self(Self::BASIS)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Sixteen bytes at a time would be another hash; records are small, so byte by byte is fast enough.
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }

    /// Text with its length, so that neighbours cannot run together.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text.as_bytes());
    }

    fn attributes(&mut self, attributes: &Attributes<'_>) {
        self.bytes(&(attributes.0.len() as u64).to_le_bytes());
        for (key, value) in attributes.iter() {
            self.text(key);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.bytes(&[0]),
            Value::Str(text) => {
                self.bytes(&[1]);
                self.text(text);
            }
            Value::Bool(value) => self.bytes(&[2, u8::from(*value)]),
            Value::Int(number) => {
                self.bytes(&[3]);
                self.bytes(&number.to_le_bytes());
            }
            Value::Double(number) => {
                self.bytes(&[4]);
                self.bytes(&number.to_bits().to_le_bytes());
            }
            Value::Bytes(bytes) => {
                self.bytes(&[5]);
                self.bytes(&(bytes.len() as u64).to_le_bytes());
                self.bytes(bytes);
            }
            Value::Array(items) => {
                self.bytes(&[6]);
                self.bytes(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Map(entries) => {
                self.bytes(&[7]);
                self.bytes(&(entries.len() as u64).to_le_bytes());
                for (key, value) in entries {
                    self.text(key);
                    self.value(value);
                }
            }
        }
    }
}
