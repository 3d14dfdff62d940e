//! Spans (`opentelemetry.proto.trace.v1`).

use std::borrow::Cow;

use model::Timestamp;
use model::raw::{Event, Link, RawSpan, SpanKind, StatusCode};

use super::reader::{Field, Reader, WRONG_TYPE};
use super::value::attribute;
use crate::context::{AttributesDraft, Context, Reason};
use crate::ids::Id;
use crate::limits::{MAX_EVENTS, MAX_LINKS};

/// Reads a `Span` into an empty one.
pub(super) fn span<'a>(bytes: &'a [u8], span: &mut RawSpan<'a>, context: &mut Context) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    let (mut trace_id, mut span_id, mut parent) = (Id::default(), Id::default(), Id::default());
    let mut attributes = AttributesDraft::default();
    let mut dropped = 0u32;
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(id)) => trace_id = Id::Bytes(id),
            (2, Field::Bytes(id)) => span_id = Id::Bytes(id),
            (3, Field::Bytes(text)) => span.trace_state = context.text(text),
            (4, Field::Bytes(id)) => parent = Id::Bytes(id),
            (5, Field::Bytes(text)) => span.name = context.text(text),
            (6, Field::Varint(number)) => span.kind = span_kind(number as i64),
            (7, Field::Fixed64(nanos)) => span.start = Timestamp::from_unsigned_nanos(nanos),
            (8, Field::Fixed64(nanos)) => span.end = Timestamp::from_unsigned_nanos(nanos),
            (9, field) => attribute(field, &mut attributes, context)?,
            (10 | 12 | 14, Field::Varint(count)) => dropped = dropped.saturating_add(count as u32),
            (11, Field::Bytes(bytes)) if span.events.len() < MAX_EVENTS => {
                event(bytes, context.place(&mut span.events, Event::default())?, &mut dropped, context)?;
            }
            (13, Field::Bytes(bytes)) if span.links.len() < MAX_LINKS => match link(bytes, &mut dropped, context)? {
                Some(link) => context.push(&mut span.links, link)?,
                None => dropped = dropped.saturating_add(1),
            },
            (11 | 13, Field::Bytes(_)) => dropped = dropped.saturating_add(1),
            (15, Field::Bytes(bytes)) => (span.status, span.status_message) = status(bytes, context)?,
            (16, Field::Fixed32(flags)) => span.flags = flags,
            (1..=16, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    span.trace_id = trace_id.required_trace()?;
    span.span_id = span_id.required_span()?;
    span.parent_span_id = parent.parent()?;
    span.dropped = dropped.saturating_add(attributes.dropped);
    span.attributes = attributes.finish();
    Ok(())
}

fn event<'a>(bytes: &'a [u8], event: &mut Event<'a>, dropped: &mut u32, context: &mut Context) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    let mut attributes = AttributesDraft::default();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Fixed64(nanos)) => event.time = Timestamp::from_unsigned_nanos(nanos),
            (2, Field::Bytes(text)) => event.name = context.text(text),
            (3, field) => attribute(field, &mut attributes, context)?,
            (4, Field::Varint(count)) => *dropped = dropped.saturating_add(count as u32),
            (1..=4, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    *dropped = dropped.saturating_add(attributes.dropped);
    event.attributes = attributes.finish();
    Ok(())
}

/// Reads a link; `None` where its ids are invalid: it points nowhere, but the span is not worth losing for it.
fn link<'a>(bytes: &'a [u8], dropped: &mut u32, context: &mut Context) -> Result<Option<Link<'a>>, Reason> {
    let mut reader = Reader::new(bytes);
    let (mut trace_id, mut span_id) = (Id::default(), Id::default());
    let mut trace_state = Cow::Borrowed("");
    let mut attributes = AttributesDraft::default();
    let mut lost = 0u32;
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(id)) => trace_id = Id::Bytes(id),
            (2, Field::Bytes(id)) => span_id = Id::Bytes(id),
            (3, Field::Bytes(text)) => trace_state = context.text(text),
            (4, field) => attribute(field, &mut attributes, context)?,
            (5, Field::Varint(count)) => lost = lost.saturating_add(count as u32),
            // 6 is the link's flags, which the model does not keep.
            (1..=5, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    let (Some(trace_id), Some(span_id)) = (trace_id.optional_trace(), span_id.optional_span()) else {
        return Ok(None);
    };
    *dropped = dropped.saturating_add(lost).saturating_add(attributes.dropped);
    Ok(Some(Link { trace_id, span_id, trace_state, attributes: attributes.finish() }))
}

fn status<'a>(bytes: &'a [u8], context: &mut Context) -> Result<(StatusCode, Cow<'a, str>), Reason> {
    let mut reader = Reader::new(bytes);
    let (mut code, mut message) = (StatusCode::Unset, Cow::Borrowed(""));
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (2, Field::Bytes(text)) => message = context.text(text),
            (3, Field::Varint(number)) => code = status_code(number as i64),
            (2 | 3, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((code, message))
}

/// OTLP's `SpanKind`; numbers nobody defined count as unspecified.
pub(crate) fn span_kind(number: i64) -> SpanKind {
    match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// OTLP's `StatusCode`; numbers nobody defined count as unset.
pub(crate) fn status_code(number: i64) -> StatusCode {
    match number {
        1 => StatusCode::Ok,
        2 => StatusCode::Error,
        _ => StatusCode::Unset,
    }
}
