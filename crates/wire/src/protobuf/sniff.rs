//! Which signal a protobuf request holds. The three look alike down to the items; the items' fields differ.

use super::reader::{Field, Reader};
use crate::Signal;

/// Items looked at before giving up; one is nearly always enough.
const MAX_ITEMS: usize = 64;

/// The signal of a protobuf request, told by the shape of its first items; `None` when it holds no item that tells, or
/// when the bytes are not a whole OTLP request.
pub fn sniff_protobuf(body: &[u8]) -> Option<Signal> {
    // The whole top level must be readable: import tells one request from a row of them by this.
    let mut resources = Vec::new();
    let mut reader = Reader::new(body);
    while let Some((number, field)) = reader.next().ok()? {
        match (number, field) {
            (1, Field::Bytes(bytes)) if resources.len() < MAX_ITEMS => resources.push(bytes),
            (1, Field::Bytes(_)) => {}
            _ => return None,
        }
    }
    resources
        .into_iter()
        .flat_map(|resource| messages(resource, 2))
        .flat_map(|scope| messages(scope, 2))
        .take(MAX_ITEMS)
        .find_map(sniff_item)
}

/// The messages in field `wanted`, up to the first byte that is not readable.
fn messages(message: &[u8], wanted: u32) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next().ok().flatten()).filter_map(move |(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    })
}

/// What an item is, by the fields that only one of `Span`, `LogRecord` and `Metric` has in that form.
fn sniff_item(item: &[u8]) -> Option<Signal> {
    // What the item can still be, and what speaks for it.
    let (mut span, mut log, mut metric) = (true, true, true);
    let (mut trace_id, mut span_id, mut times, mut name, mut data) = (false, false, false, false, false);
    let mut reader = Reader::new(item);
    while let Some((number, field)) = reader.next().ok()? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => {
                log = false;
                name = true;
                // A metric's name may have 16 bytes as well, but is text.
                trace_id = bytes.len() == 16 && !bytes.iter().all(u8::is_ascii_graphic);
            }
            (2, Field::Bytes(bytes)) => {
                log = false;
                span_id = bytes.len() == 8;
            }
            (1 | 11, Field::Fixed64(_)) | (2, Field::Varint(_)) | (8, Field::Fixed32(_)) => {
                (span, metric, times) = (false, false, true);
            }
            (7 | 8, Field::Fixed64(_)) | (16, Field::Fixed32(_)) => (log, metric, times) = (false, false, true),
            (6 | 10 | 12 | 14, Field::Varint(_)) => (log, metric) = (false, false),
            (6, Field::Bytes(_)) | (7, Field::Varint(_)) => (span, metric) = (false, false),
            (7, Field::Bytes(_)) => (span, log, data) = (false, false, true),
            (5 | 9..=11, Field::Bytes(_)) => data = true,
            _ => {}
        }
    }
    if span && !log && ((trace_id && span_id) || times) {
        Some(Signal::Traces)
    } else if log && !span && !metric {
        Some(Signal::Logs)
    } else if metric && !log && name && data {
        Some(Signal::Metrics)
    } else {
        None
    }
}
