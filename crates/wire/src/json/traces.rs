//! Spans.

use std::borrow::Cow;

use model::Timestamp;
use model::raw::{Event, Link, RawSpan};
use serde::de::MapAccess;

use super::message::{Message, Object, list, read, scalar, skip};
use super::scalar;
use super::value::{Entries, attributes};
use crate::context::{Context, Reason};
use crate::ids::Id;
use crate::limits::{MAX_EVENTS, MAX_LINKS};
use crate::protobuf::{span_kind, status_code};

/// Names of `Span.SpanKind`, in order of their numbers.
const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
/// Names of `Status.StatusCode`, in order of their numbers.
const CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

/// Reads a `Span`.
pub(super) fn span<'a>(raw: &'a str, context: &mut Context) -> Result<RawSpan<'a>, Reason> {
    let SpanDraft { mut span, trace_id, span_id, parent, status, attributes, dropped } =
        read(raw, SpanDraft::default(), context)?;
    span.trace_id = Id::Hex(&trace_id).required_trace()?;
    span.span_id = Id::Hex(&span_id).required_span()?;
    span.parent_span_id = Id::Hex(&parent).parent()?;
    span.status = status_code(status.code);
    span.status_message = status.message;
    span.dropped = dropped.saturating_add(attributes.draft.dropped);
    span.attributes = attributes.draft.finish();
    Ok(span)
}

#[derive(Default)]
struct SpanDraft<'a> {
    span: RawSpan<'a>,
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
    parent: Cow<'a, str>,
    status: Status<'a>,
    attributes: Entries<'a>,
    dropped: u32,
}

impl<'a> Message<'a> for SpanDraft<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.trace_id = scalar(map, key, scalar::text)?,
            "spanId" | "span_id" => self.span_id = scalar(map, key, scalar::text)?,
            "parentSpanId" | "parent_span_id" => self.parent = scalar(map, key, scalar::text)?,
            "traceState" | "trace_state" => self.span.trace_state = scalar(map, key, scalar::text)?,
            "flags" => self.span.flags = scalar(map, key, scalar::unsigned32)?,
            "name" => self.span.name = scalar(map, key, scalar::text)?,
            "kind" => {
                self.span.kind = scalar(map, key, |raw| Ok(span_kind(scalar::enumeration(raw, "SPAN_KIND_", &KINDS))))?
            }
            "startTimeUnixNano" | "start_time_unix_nano" => self.span.start = time(map, key)?,
            "endTimeUnixNano" | "end_time_unix_nano" => self.span.end = time(map, key)?,
            "attributes" => attributes(&mut self.attributes, map, context)?,
            "events" => {
                let (events, dropped) = (&mut self.span.events, &mut self.dropped);
                let sink = |event: EventDraft<'a>, context: &mut Context| {
                    if events.len() == MAX_EVENTS {
                        *dropped = dropped.saturating_add(1);
                        return Ok(());
                    }
                    context.push(events, event.finish(dropped))
                };
                map.next_value_seed(list(EventDraft::default, sink, context))?;
            }
            "links" => {
                let (links, dropped) = (&mut self.span.links, &mut self.dropped);
                let sink = |link: LinkDraft<'a>, context: &mut Context| {
                    let link = if links.len() < MAX_LINKS { link.finish(dropped) } else { None };
                    match link {
                        Some(link) => context.push(links, link)?,
                        None => *dropped = dropped.saturating_add(1),
                    }
                    Ok(())
                };
                map.next_value_seed(list(LinkDraft::default, sink, context))?;
            }
            "status" => map.next_value_seed(Object { into: &mut self.status, context })?,
            "droppedAttributesCount"
            | "dropped_attributes_count"
            | "droppedEventsCount"
            | "dropped_events_count"
            | "droppedLinksCount"
            | "dropped_links_count" => add(&mut self.dropped, map, key)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A time in nanoseconds since 1970.
pub(super) fn time<'a, A: MapAccess<'a>>(map: &mut A, key: &str) -> Result<Timestamp, A::Error> {
    scalar(map, key, scalar::unsigned).map(Timestamp::from_unsigned_nanos)
}

/// Adds a count of what the client dropped.
pub(super) fn add<'a, A: MapAccess<'a>>(sum: &mut u32, map: &mut A, key: &str) -> Result<(), A::Error> {
    *sum = sum.saturating_add(scalar(map, key, scalar::unsigned32)?);
    Ok(())
}

#[derive(Default)]
struct Status<'a> {
    code: i64,
    message: Cow<'a, str>,
}

impl<'a> Message<'a> for Status<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, _: &mut Context) -> Result<(), A::Error> {
        match key {
            "code" => self.code = scalar(map, key, |raw| Ok(scalar::enumeration(raw, "STATUS_CODE_", &CODES)))?,
            "message" => self.message = scalar(map, key, scalar::text)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct EventDraft<'a> {
    event: Event<'a>,
    attributes: Entries<'a>,
    dropped: u32,
}

impl<'a> EventDraft<'a> {
    fn finish(mut self, dropped: &mut u32) -> Event<'a> {
        *dropped = dropped.saturating_add(self.dropped).saturating_add(self.attributes.draft.dropped);
        self.event.attributes = self.attributes.draft.finish();
        self.event
    }
}

impl<'a> Message<'a> for EventDraft<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "timeUnixNano" | "time_unix_nano" => self.event.time = time(map, key)?,
            "name" => self.event.name = scalar(map, key, scalar::text)?,
            "attributes" => attributes(&mut self.attributes, map, context)?,
            "droppedAttributesCount" | "dropped_attributes_count" => add(&mut self.dropped, map, key)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct LinkDraft<'a> {
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
    trace_state: Cow<'a, str>,
    attributes: Entries<'a>,
    dropped: u32,
}

impl<'a> LinkDraft<'a> {
    /// The link; `None` where its ids are invalid: it points nowhere, but the span is not worth losing for it.
    fn finish(self, dropped: &mut u32) -> Option<Link<'a>> {
        let trace_id = Id::Hex(&self.trace_id).optional_trace()?;
        let span_id = Id::Hex(&self.span_id).optional_span()?;
        *dropped = dropped.saturating_add(self.dropped).saturating_add(self.attributes.draft.dropped);
        Some(Link { trace_id, span_id, trace_state: self.trace_state, attributes: self.attributes.draft.finish() })
    }
}

impl<'a> Message<'a> for LinkDraft<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "traceId" | "trace_id" => self.trace_id = scalar(map, key, scalar::text)?,
            "spanId" | "span_id" => self.span_id = scalar(map, key, scalar::text)?,
            "traceState" | "trace_state" => self.trace_state = scalar(map, key, scalar::text)?,
            "attributes" => attributes(&mut self.attributes, map, context)?,
            "droppedAttributesCount" | "dropped_attributes_count" => add(&mut self.dropped, map, key)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
