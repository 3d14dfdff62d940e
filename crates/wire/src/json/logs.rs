//! Log records.

use model::raw::RawLog;
use serde::de::MapAccess;

use super::message::{Message, read, scalar, skip};
use super::scalar;
use super::traces::{add, time};
use super::value::{Any, Entries, attributes};
use crate::context::{Context, Reason};
use crate::ids::Id;
use crate::protobuf::severity;

/// Names of `SeverityNumber`, in order of their numbers.
const SEVERITIES: [&str; 25] = [
    "UNSPECIFIED",
    "TRACE",
    "TRACE2",
    "TRACE3",
    "TRACE4",
    "DEBUG",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "INFO",
    "INFO2",
    "INFO3",
    "INFO4",
    "WARN",
    "WARN2",
    "WARN3",
    "WARN4",
    "ERROR",
    "ERROR2",
    "ERROR3",
    "ERROR4",
    "FATAL",
    "FATAL2",
    "FATAL3",
    "FATAL4",
];

/// Reads a `LogRecord`.
pub(super) fn record<'a>(raw: &'a str, context: &mut Context) -> Result<RawLog<'a>, Reason> {
    let LogDraft { mut log, attributes } = read(raw, LogDraft::default(), context)?;
    log.dropped = log.dropped.saturating_add(attributes.draft.dropped);
    log.attributes = attributes.draft.finish();
    Ok(log)
}

#[derive(Default)]
struct LogDraft<'a> {
    log: RawLog<'a>,
    attributes: Entries<'a>,
}

impl<'a> Message<'a> for LogDraft<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        let log = &mut self.log;
        match key {
            "timeUnixNano" | "time_unix_nano" => log.time = time(map, key)?,
            "observedTimeUnixNano" | "observed_time_unix_nano" => log.observed = time(map, key)?,
            "severityNumber" | "severity_number" => {
                let number = |raw| Ok(severity(scalar::enumeration(raw, "SEVERITY_NUMBER_", &SEVERITIES)));
                log.severity = scalar(map, key, number)?;
            }
            "severityText" | "severity_text" => log.severity_text = scalar(map, key, scalar::text)?,
            "eventName" | "event_name" => log.event_name = scalar(map, key, scalar::text)?,
            "body" => log.body = map.next_value_seed(Any { depth: 0, context })?,
            "attributes" => attributes(&mut self.attributes, map, context)?,
            "droppedAttributesCount" | "dropped_attributes_count" => add(&mut log.dropped, map, key)?,
            "flags" => log.flags = scalar(map, key, scalar::unsigned32)?,
            "traceId" | "trace_id" => log.trace_id = Id::Hex(&scalar(map, key, scalar::text)?).optional_trace(),
            "spanId" | "span_id" => log.span_id = Id::Hex(&scalar(map, key, scalar::text)?).optional_span(),
            _ => skip(map)?,
        }
        Ok(())
    }
}
