//! Log records and their columns.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::UInt8Array;
use arrow::record_batch::RecordBatch;
use model::raw::{RawLog, Resource, Scope};
use model::{Log, Tenant, Timestamp, Value};

use super::columns::{self, Columns};
use crate::attributes::{self, ValueError};
use crate::error::RowError;
use crate::resolver::RunResolver;
use crate::schema::Table;

/// A log record as read back: understood, and as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredLog {
    /// What was understood.
    pub log: Log,
    /// What was sent.
    pub raw: RawLog<'static>,
    /// Its resource.
    pub resource: Arc<Resource<'static>>,
    /// Its scope.
    pub scope: Arc<Scope<'static>>,
}

/// A row of `logs`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// What was understood.
    pub log: Log,
    body: Option<Box<str>>,
    attributes: Box<str>,
    resource: Arc<str>,
    scope: Arc<str>,
    flags: u32,
    dropped: u32,
    sent_time: Timestamp,
    observed: Timestamp,
    severity_text: Arc<str>,
    event_name: Arc<str>,
}

/// What the indexes of a record take beside the row.
const LOG_INDEX_BYTES: usize = 80;

impl LogRow {
    pub(crate) fn new(log: Log, raw: &RawLog<'_>, resource: Arc<str>, scope: Arc<str>) -> Self {
        // The understood texts are nearly always the ones sent: then both share one allocation.
        let share = |sent: &str, known: Option<&Arc<str>>| match known {
            Some(known) if **known == *sent => Arc::clone(known),
            _ => sent.into(),
        };
        Self {
            body: (raw.body != Value::Null).then(|| attributes::encode_value(&raw.body).into()),
            attributes: attributes::encode_attributes(&raw.attributes).into(),
            resource,
            scope,
            flags: raw.flags,
            dropped: raw.dropped,
            sent_time: raw.time,
            observed: raw.observed,
            severity_text: share(&raw.severity_text, Some(&log.severity_text)),
            event_name: share(&raw.event_name, log.event_name.as_ref()),
            log,
        }
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let texts = self.body.as_deref().map_or(0, str::len) + self.attributes.len() + self.log.preview.len();
        size_of::<Self>() + LOG_INDEX_BYTES + texts
    }

    /// The row without content, see [`super::without_content`].
    pub(crate) fn without_content(&self, meaning: &dyn RunResolver) -> Result<Self, ValueError> {
        let mut row = self.clone();
        let mut attributes = attributes::decode_attributes(&self.attributes, &|_| None)?;
        super::strip_attributes(&mut attributes, meaning);
        row.attributes = attributes::encode_attributes(&attributes).into();
        if row.log.event_name.as_deref().is_some_and(|name| meaning.is_content_event(name)) {
            (row.body, row.log.preview) = (None, "".into());
        }
        Ok(row)
    }

    /// The record as read back.
    pub fn stored(&self) -> Result<StoredLog, ValueError> {
        let log = &self.log;
        let raw = RawLog {
            time: self.sent_time,
            observed: self.observed,
            severity: log.severity,
            severity_text: Cow::Owned(self.severity_text.to_string()),
            event_name: Cow::Owned(self.event_name.to_string()),
            body: match &self.body {
                Some(text) => attributes::decode_value(text, &|_| None)?.into_owned(),
                None => Value::Null,
            },
            attributes: attributes::decode_attributes(&self.attributes, &|_| None)?.into_owned(),
            trace_id: log.trace_id,
            span_id: log.span_id,
            flags: self.flags,
            dropped: self.dropped,
        };
        let resource = Resource { attributes: attributes::decode_attributes(&self.resource, &|_| None)?.into_owned() };
        let scope = attributes::read_scope(&self.scope)?.into_owned();
        Ok(StoredLog { log: log.clone(), raw, resource: Arc::new(resource), scope: Arc::new(scope) })
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Name of the event that a score is: a judgement of a span or run, as OpenTelemetry's GenAI conventions name it.
pub(crate) const SCORE: &str = "gen_ai.evaluation.result";

/// Log records as columns of [`Table::Logs`].
pub fn to_batch(rows: &[&LogRow]) -> RecordBatch {
    let logs = || rows.iter().map(|row| &row.log);
    let ids: Vec<[u8; 16]> = logs().map(|log| log.id.to_be_bytes()).collect();
    let rows = || rows.iter();
    let arrays = vec![
        columns::text(logs().map(|log| &*log.tenant.project)),
        columns::text(logs().map(|log| &*log.tenant.environment)),
        columns::hex(ids.iter().map(Some)),
        columns::version(logs().map(|log| log.version)),
        columns::time(logs().map(|log| log.time)),
        columns::time(logs().map(|log| log.received)),
        Arc::new(UInt8Array::from_iter_values(logs().map(|log| log.severity))),
        columns::text(logs().map(|log| &*log.severity_text)),
        columns::text_opt(logs().map(|log| log.event_name.as_deref())),
        columns::text_opt(logs().map(|log| log.service.as_deref())),
        columns::hex(logs().map(|log| log.trace_id.as_ref().map(|id| id.as_bytes()))),
        columns::hex(logs().map(|log| log.span_id.as_ref().map(|id| id.as_bytes()))),
        columns::text(logs().map(|log| &*log.preview)),
        columns::text_opt(rows().map(|row| row.body.as_deref())),
        columns::text(rows().map(|row| &*row.attributes)),
        columns::text(rows().map(|row| &*row.resource)),
        columns::text(rows().map(|row| &*row.scope)),
        columns::count(rows().map(|row| row.flags)),
        columns::count(rows().map(|row| row.dropped)),
        columns::time_opt(rows().map(|row| row.sent_time)),
        columns::time_opt(rows().map(|row| row.observed)),
        columns::text_opt(rows().map(|row| some(&row.severity_text))),
        columns::text_opt(rows().map(|row| some(&row.event_name))),
    ];
    RecordBatch::try_new(Table::Logs.schema(), arrays).expect("columns are built in schema order")
}

/// The log records of a batch of [`Table::Logs`]; columns in any order.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<LogRow>, RowError> {
    let mut columns = Columns::new(Table::Logs, batch)?;
    let row = |row| {
        let id = u128::from_str_radix(columns.str("id", row), 16).map_err(|_| columns.invalid("id", row))?;
        let log = Log {
            tenant: Tenant { project: columns.shared("project", row), environment: columns.shared("environment", row) },
            id,
            version: columns.u64_opt("version", row).unwrap_or(0),
            time: columns.time("time", row),
            received: columns.time("received_at", row),
            severity: columns.u8("severity", row),
            severity_text: columns.shared("severity_text", row),
            event_name: columns.shared_opt("event_name", row),
            service: columns.shared_opt("service", row),
            trace_id: columns.parse_opt("trace_id", row)?,
            span_id: columns.parse_opt("span_id", row)?,
            preview: columns.str("preview", row).into(),
        };
        Ok(LogRow {
            log,
            body: columns.str_opt("body", row).map(Into::into),
            attributes: columns.str("attributes", row).into(),
            resource: columns.shared("resource", row),
            scope: columns.shared("scope", row),
            flags: columns.u32("flags", row),
            dropped: columns.u32("dropped", row),
            sent_time: columns.time("sent_time", row),
            observed: columns.time("observed_at", row),
            severity_text: columns.shared("sent_severity_text", row),
            event_name: columns.shared("sent_event_name", row),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

/// The ids of a batch with that column.
pub(crate) fn ids(batch: &RecordBatch) -> Result<Vec<u128>, RowError> {
    let columns = Columns::partly(Table::Logs, batch, &["id"])?;
    let id = |row| u128::from_str_radix(columns.str("id", row), 16).map_err(|_| columns.invalid("id", row));
    (0..columns.len()).map(id).collect()
}
