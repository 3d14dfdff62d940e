//! Log records (`opentelemetry.proto.logs.v1`).

use model::Timestamp;
use model::raw::RawLog;

use super::reader::{Field, Reader, WRONG_TYPE};
use super::value::{any, attribute};
use crate::context::{AttributesDraft, Context, Reason};
use crate::ids::Id;

/// Reads a `LogRecord` into an empty one.
pub(super) fn record<'a>(bytes: &'a [u8], log: &mut RawLog<'a>, context: &mut Context) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    let mut attributes = AttributesDraft::default();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Fixed64(nanos)) => log.time = Timestamp::from_unsigned_nanos(nanos),
            (2, Field::Varint(number)) => log.severity = severity(number as i64),
            (3, Field::Bytes(text)) => log.severity_text = context.text(text),
            (5, Field::Bytes(bytes)) => any(bytes, &mut log.body, 0, context)?,
            (6, field) => attribute(field, &mut attributes, context)?,
            (7, Field::Varint(count)) => log.dropped = log.dropped.saturating_add(count as u32),
            (8, Field::Fixed32(flags)) => log.flags = flags,
            (9, Field::Bytes(id)) => log.trace_id = Id::Bytes(id).optional_trace(),
            (10, Field::Bytes(id)) => log.span_id = Id::Bytes(id).optional_span(),
            (11, Field::Fixed64(nanos)) => log.observed = Timestamp::from_unsigned_nanos(nanos),
            (12, Field::Bytes(text)) => log.event_name = context.text(text),
            (1..=3 | 5..=12, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    log.dropped = log.dropped.saturating_add(attributes.dropped);
    log.attributes = attributes.finish();
    Ok(())
}

/// OTLP's severity numbers go from 1 (TRACE) to 24 (FATAL4); others count as unset.
pub(crate) fn severity(number: i64) -> u8 {
    u8::try_from(number).ok().filter(|number| *number <= 24).unwrap_or(0)
}
