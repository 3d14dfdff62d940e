//! Attribute values as JSON text, exactly: what was sent can be told from the text, type by type.
//!
//! The encoding is described in `docs/formats/attributes.md`. It is plain JSON for plain values, so that SQL users can
//! read it; what JSON cannot say is an object with one key that begins with `$`.

pub(crate) mod apart;
mod read;
mod references;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::raw::{Event, Link, Scope};
use model::{Attributes, Timestamp, Value};

use self::read::Reader;
pub(crate) use self::references::each_reference;
use crate::bodies::{BODY_BYTES_MIN, BodyHash, Part, Splitter};
use crate::hot::Set;

/// Values nested deeper than this are kept as null. Decoding a request refuses them long before.
pub const VALUE_DEPTH_MAX: usize = 128;
/// JSON nesting that reading accepts: a value level takes at most three (`{"$map":[["key", …]]}`).
const JSON_DEPTH_MAX: usize = VALUE_DEPTH_MAX * 3 + 8;

/// Why a text is not an encoded value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read an encoded value: {reason} at byte {at}")]
pub struct ValueError {
    /// What is wrong.
    pub reason: &'static str,
    /// Where.
    pub at: usize,
}

/// Attributes as text, without taking bodies out.
pub fn encode_attributes(attributes: &Attributes<'_>) -> String {
    let mut out = String::new();
    write_attributes(&mut out, attributes, None);
    out
}

/// A value as text, without taking bodies out.
pub fn encode_value(value: &Value<'_>) -> String {
    let mut out = String::new();
    write_value(&mut out, value, None, 0);
    out
}

/// Reads attributes; `body` gives a body by its hash. A text whose body is gone becomes null. What stands in `text` as it was sent is borrowed.
pub fn decode_attributes<'t>(
    text: &'t str,
    body: &dyn Fn(&BodyHash) -> Option<Arc<str>>,
) -> Result<Attributes<'t>, ValueError> {
    match decode_value(text, body)? {
        Value::Map(entries) => Ok(Attributes(entries)),
        _ => Err(ValueError { reason: "not an object", at: 0 }),
    }
}

/// Reads a value; `body` gives a body by its hash. A text whose body is gone becomes null. What stands in `text` as it was sent is borrowed.
pub fn decode_value<'t>(text: &'t str, body: &dyn Fn(&BodyHash) -> Option<Arc<str>>) -> Result<Value<'t>, ValueError> {
    let mut reader = Reader { text, at: 0, body };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < text.len() { Err(reader.error("something after the end")) } else { Ok(value) }
}

pub(crate) fn write_attributes(out: &mut String, attributes: &Attributes<'_>, bodies: Option<&mut Splitter<'_>>) {
    write_map(out, &attributes.0, bodies, 0);
}

pub(crate) fn write_scope(out: &mut String, scope: &Scope<'_>) {
    out.push_str("{\"name\":");
    write_text(out, &scope.name);
    out.push_str(",\"version\":");
    write_text(out, &scope.version);
    out.push_str(",\"attributes\":");
    write_attributes(out, &scope.attributes, None);
    out.push('}');
}

pub(crate) fn read_scope(text: &str) -> Result<Scope<'_>, ValueError> {
    let mut fields = object(decode_value(text, &|_| None)?)?;
    Ok(Scope {
        name: take_text(&mut fields, "name"),
        version: take_text(&mut fields, "version"),
        attributes: take_attributes(&mut fields),
    })
}

pub(crate) fn write_events(events: &[Event<'_>], bodies: &mut Splitter<'_>) -> Option<Box<str>> {
    if events.is_empty() {
        return None;
    }
    let mut out = String::from("[");
    for (at, event) in events.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        let _ = write!(out, "{{\"time\":{},\"name\":", event.time.as_nanos());
        write_text(&mut out, &event.name);
        out.push_str(",\"attributes\":");
        write_attributes(&mut out, &event.attributes, Some(&mut *bodies));
        out.push('}');
    }
    out.push(']');
    Some(out.into())
}

pub(crate) fn read_events<'t>(
    text: &'t str,
    body: &dyn Fn(&BodyHash) -> Option<Arc<str>>,
) -> Result<Vec<Event<'t>>, ValueError> {
    let event = |value| {
        let mut fields = object(value)?;
        let time = take(&mut fields, "time").as_i64().unwrap_or(0);
        Ok(Event {
            time: Timestamp::from_nanos(time),
            name: take_text(&mut fields, "name"),
            attributes: take_attributes(&mut fields),
        })
    };
    array(decode_value(text, body)?)?.into_iter().map(event).collect()
}

pub(crate) fn write_links(links: &[Link<'_>]) -> Option<Box<str>> {
    if links.is_empty() {
        return None;
    }
    let mut out = String::from("[");
    for (at, link) in links.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        let _ = write!(out, "{{\"trace_id\":\"{}\",\"span_id\":\"{}\",\"trace_state\":", link.trace_id, link.span_id);
        write_text(&mut out, &link.trace_state);
        out.push_str(",\"attributes\":");
        write_attributes(&mut out, &link.attributes, None);
        out.push('}');
    }
    out.push(']');
    Some(out.into())
}

pub(crate) fn read_links(text: &str) -> Result<Vec<Link<'_>>, ValueError> {
    let link = |value| {
        let mut fields = object(value)?;
        let invalid = ValueError { reason: "a link without ids", at: 0 };
        Ok(Link {
            trace_id: take_text(&mut fields, "trace_id").parse().map_err(|_| invalid.clone())?,
            span_id: take_text(&mut fields, "span_id").parse().map_err(|_| invalid)?,
            trace_state: take_text(&mut fields, "trace_state"),
            attributes: take_attributes(&mut fields),
        })
    };
    array(decode_value(text, &|_| None)?)?.into_iter().map(link).collect()
}

type Fields<'t> = Vec<(Cow<'t, str>, Value<'t>)>;

fn object(value: Value<'_>) -> Result<Fields<'_>, ValueError> {
    if let Value::Map(fields) = value { Ok(fields) } else { Err(ValueError { reason: "not an object", at: 0 }) }
}

fn array(value: Value<'_>) -> Result<Vec<Value<'_>>, ValueError> {
    if let Value::Array(items) = value { Ok(items) } else { Err(ValueError { reason: "not an array", at: 0 }) }
}

fn take<'t>(fields: &mut Fields<'t>, name: &str) -> Value<'t> {
    fields.iter_mut().find(|(key, _)| key == name).map(|(_, value)| std::mem::take(value)).unwrap_or_default()
}

fn take_text<'t>(fields: &mut Fields<'t>, name: &str) -> Cow<'t, str> {
    if let Value::Str(text) = take(fields, name) { text } else { Cow::Borrowed("") }
}

fn take_attributes<'t>(fields: &mut Fields<'t>) -> Attributes<'t> {
    if let Value::Map(entries) = take(fields, "attributes") { Attributes(entries) } else { Attributes::default() }
}

pub(crate) fn write_value(out: &mut String, value: &Value<'_>, bodies: Option<&mut Splitter<'_>>, depth: usize) {
    if depth > VALUE_DEPTH_MAX {
        out.push_str("null");
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => write_plain(out, number),
        Value::Double(number) => write_double(out, *number),
        Value::Str(text) => match bodies {
            Some(bodies) if text.len() >= BODY_BYTES_MIN => write_parts(out, &bodies.split(text)),
            _ => write_text(out, text),
        },
        Value::Bytes(bytes) => {
            let text = BASE64.encode(bytes);
            out.push_str("{\"$bytes\":");
            match bodies {
                Some(bodies) if text.len() >= BODY_BYTES_MIN => write_parts(out, &[bodies.whole(&text)]),
                _ => write_text(out, &text),
            }
            out.push('}');
        }
        Value::Array(items) => {
            let mut bodies = bodies;
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_value(out, item, bodies.as_deref_mut(), depth + 1);
            }
            out.push(']');
        }
        Value::Map(entries) => write_map(out, entries, bodies, depth),
    }
}

fn write_map(
    out: &mut String,
    entries: &[(Cow<'_, str>, Value<'_>)],
    mut bodies: Option<&mut Splitter<'_>>,
    depth: usize,
) {
    // A JSON object cannot hold a key twice, and a key of ours must not be taken for the sender's.
    let plain = !entries.iter().any(|(key, _)| key.starts_with('$')) && !repeats(entries);
    out.push_str(if plain { "{" } else { "{\"$map\":[" });
    for (at, (key, value)) in entries.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        out.push_str(if plain { "" } else { "[" });
        write_text(out, key);
        out.push(if plain { ':' } else { ',' });
        write_value(out, value, bodies.as_deref_mut(), depth + 1);
        out.push_str(if plain { "" } else { "]" });
    }
    out.push_str(if plain { "}" } else { "]}" });
}

/// Whether a key comes twice. Every key is looked up in a small filter first, so that a usual list costs no comparison.
fn repeats(entries: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    /// Keys from which on a hash table is cheaper than comparing those the filter leaves.
    const MANY: usize = 64;
    if entries.len() > MANY {
        let mut seen = Set::with_capacity_and_hasher(entries.len(), Default::default());
        return entries.iter().any(|(key, _)| !seen.insert(&**key));
    }
    let mut filter = [0u64; 4];
    entries.iter().enumerate().any(|(at, (key, _))| {
        let bytes = key.as_bytes();
        let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        let place = (bytes.len() * 7 + byte(bytes.len() / 2) * 17 + byte(bytes.len().wrapping_sub(1)) * 31) & 255;
        let (word, bit) = (place / 64, 1 << (place % 64));
        let maybe = filter[word] & bit != 0;
        filter[word] |= bit;
        maybe && entries[..at].iter().any(|(other, _)| other == key)
    })
}

fn write_plain(out: &mut String, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn write_double(out: &mut String, number: f64) {
    if number.is_finite() {
        // The debug form is the shortest text that reads back as the same number, and always has a point or an exponent.
        let _ = write!(out, "{number:?}");
    } else {
        let word = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        let _ = write!(out, "{{\"$double\":\"{word}\"}}");
    }
}

/// `{"$body":[literal, hash, literal, hash, …]}`; two bodies in a row have an empty literal between them.
fn write_parts(out: &mut String, parts: &[Part<'_>]) {
    out.push_str("{\"$body\":[");
    let mut literal_is_next = true;
    for (at, part) in parts.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        match part {
            Part::Literal(text) => write_text(out, text),
            Part::Body(hash) => {
                out.push_str(if literal_is_next { "\"\"," } else { "" });
                let _ = write!(out, "\"{hash}\"");
            }
        }
        literal_is_next = matches!(part, Part::Body(_));
    }
    out.push_str("]}");
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    while let Some(found) = special(&text.as_bytes()[from..]) {
        let at = from + found;
        out.push_str(&text[from..at]);
        match text.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Where the first byte is that JSON wants escaped: a control character, a quote or a backslash. Eight bytes at a time.
fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    // A byte below `n` (at most 0x80), or equal to `b`, sets the high bit of its place; places above it may be set wrongly.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let equal = |word: u64, b: u8| below(word ^ (ONES * u64::from(b)), 1);
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let mut words = bytes.chunks_exact(8);
    for (at, chunk) in words.by_ref().enumerate() {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        if (below(word, 0x20) | equal(word, b'"') | equal(word, b'\\')) & HIGH != 0 {
            return chunk.iter().position(is_special).map(|place| at * 8 + place);
        }
    }
    let rest = words.remainder();
    rest.iter().position(is_special).map(|place| bytes.len() - rest.len() + place)
}

#[cfg(test)]
#[path = "attributes/tests.rs"]
mod tests;
