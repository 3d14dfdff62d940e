//! OTLP/JSON written again as protobuf, field by field and with nothing lost: for receivers that read protobuf only.
//!
//! The messages of OTLP are data ([`messages`]); one walk serves all three signals. What [`decode`](crate::decode) accepts
//! in JSON is accepted here as well: names in camel or snake case, 64-bit integers as text or number, enums by number or
//! name, null for "not given". Fields no message has are left out, as a protobuf receiver would skip them.

mod messages;
mod plain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Signal;
use crate::error::DecodeError;
use messages::{Field, Kind, Message};

/// The request in protobuf.
///
/// # Errors
/// [`DecodeError`] when `json` is not a JSON object or a value does not fit its field.
pub fn json_to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let message = match signal {
        Signal::Traces => messages::TRACES,
        Signal::Logs => messages::LOGS,
        Signal::Metrics => messages::METRICS,
    };
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = Body { message, out: &mut out, depth: 0 }.deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| DecodeError::Json {
        problem: error.to_string(),
        line: error.line(),
        column: error.column(),
        hint: "",
    })?;
    Ok(out)
}

/// Wire types of protobuf.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn tag(out: &mut Vec<u8>, field: &Field, wire_type: u32) {
    varint(out, u64::from(field.number << 3 | wire_type));
}

fn bytes(out: &mut Vec<u8>, field: &Field, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The fields of one message.
struct Body<'o> {
    message: Message,
    out: &'o mut Vec<u8>,
    /// Attribute values around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.message.iter().find(|field| same_name(field.name, &key)) {
                Some(field) => map.next_value_seed(Content { field, out: self.out, one: false, depth: self.depth })?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

/// Whether a key names the field: `traceId`, or `trace_id`.
fn same_name(name: &str, key: &str) -> bool {
    name == key || (key.contains('_') && key.chars().filter(|c| *c != '_').eq_ignore_case(name.chars()))
}

/// Comparing letters whatever their case.
trait EqIgnoreCase: Iterator<Item = char> + Sized {
    fn eq_ignore_case(self, other: impl Iterator<Item = char>) -> bool {
        self.map(|c| c.to_ascii_lowercase()).eq(other.map(|c| c.to_ascii_lowercase()))
    }
}

impl<I: Iterator<Item = char>> EqIgnoreCase for I {}

/// The value of a field: one, or a list of them.
struct Content<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
    /// An element of a list; lists do not nest.
    one: bool,
    /// Attribute values around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let is_one = self.one || !self.field.list;
        if is_one && self.field.kind.is(&messages::ANY_VALUE) {
            return plain::value(self, deserializer);
        }
        if !is_one || !matches!(self.field.kind, Kind::Double) {
            return deserializer.deserialize_any(self);
        }
        // Parsed here: serde_json's own reading of fractions may be off by the last bit.
        match <&RawValue>::deserialize(deserializer)?.get().trim_matches('"') {
            // Vercel's SDK writes null for NaN; elsewhere null says that there is no value.
            "null" if self.field.name == "doubleValue" => self.visit_f64(f64::NAN),
            "null" => Ok(()),
            text => self.visit_str(text),
        }
    }
}

impl Content<'_> {
    fn wrong<E: Error>(&self, what: &str) -> E {
        E::custom(format!("field `{}` cannot be {what}", self.field.name))
    }

    fn integer<E: Error>(self, number: i128) -> Result<(), E> {
        let fits = match self.field.kind {
            Kind::Fixed64 | Kind::Uint64 => u64::try_from(number).is_ok(),
            Kind::Fixed32 | Kind::Uint32 => u32::try_from(number).is_ok(),
            Kind::Sfixed64 | Kind::Int64 => i64::try_from(number).is_ok() || u64::try_from(number).is_ok(),
            Kind::Sint32 | Kind::Enum(_) => i32::try_from(number).is_ok(),
            Kind::Double => true,
            _ => return Err(self.wrong("a number")),
        };
        if !fits {
            return Err(self.wrong(&format!("{number}: it is out of range")));
        }
        let Self { field, out, .. } = self;
        match field.kind {
            Kind::Fixed64 | Kind::Sfixed64 => {
                tag(out, field, FIXED64);
                out.extend_from_slice(&(number as u64).to_le_bytes());
            }
            Kind::Fixed32 => {
                tag(out, field, FIXED32);
                out.extend_from_slice(&(number as u32).to_le_bytes());
            }
            Kind::Sint32 => {
                tag(out, field, VARINT);
                varint(out, zigzag(number as i64));
            }
            Kind::Double => {
                tag(out, field, FIXED64);
                out.extend_from_slice(&(number as f64).to_le_bytes());
            }
            _ => {
                tag(out, field, VARINT);
                // Negative numbers take ten bytes, as protobuf has it.
                varint(out, number as i64 as u64);
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for the field `{}`", self.field.name)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        // A null in a list of values is a value: the empty one.
        if self.one && matches!(self.field.kind, Kind::Message(_)) {
            bytes(self.out, self.field, &[]);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        if self.field.kind != Kind::Bool {
            return Err(self.wrong("true or false"));
        }
        tag(self.out, self.field, VARINT);
        self.out.push(u8::from(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if self.field.kind != Kind::Double {
            // Some senders write 3.0 for 3.
            if value.fract() != 0.0 || value.abs() >= 9.2e18 {
                return Err(self.wrong("a fraction"));
            }
            return self.integer(value as i128);
        }
        tag(self.out, self.field, FIXED64);
        self.out.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::Text => bytes(self.out, self.field, text.as_bytes()),
            Kind::Id => match hexadecimal(text) {
                Some(id) => bytes(self.out, self.field, &id),
                None => return Err(self.wrong("this text: an id is hexadecimal")),
            },
            Kind::Base64 => match STANDARD.decode(text) {
                Ok(value) => bytes(self.out, self.field, &value),
                Err(_) => return Err(self.wrong("this text: bytes are base64")),
            },
            Kind::Double => {
                let value = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    other => other.parse().map_err(|_| self.wrong("this text: a number is wanted"))?,
                };
                return self.visit_f64(value);
            }
            Kind::Enum(names) if text.parse::<i32>().is_err() => {
                let Some(number) = names.iter().position(|name| text.ends_with(name)) else {
                    return Err(self.wrong(&format!("{text:?}")));
                };
                return self.integer(number as i128);
            }
            Kind::Bool | Kind::Message(_) => return Err(self.wrong("text")),
            _ => {
                let number = text.parse::<i128>().map_err(|_| self.wrong("this text: a whole number is wanted"))?;
                return self.integer(number);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if self.field.list && !self.one && self.field.kind.is(&messages::KEY_VALUE) {
            return plain::entries(self, map);
        }
        let Kind::Message(message) = self.field.kind else { return Err(self.wrong("an object")) };
        let mut inner = Vec::new();
        Body { message, out: &mut inner, depth: self.depth }.visit_map(map)?;
        bytes(self.out, self.field, &inner);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.one || !self.field.list {
            return Err(self.wrong("a list"));
        }
        // Lists of numbers are written one by one instead of packed: every protobuf reader must take both.
        while list
            .next_element_seed(Content { field: self.field, out: self.out, one: true, depth: self.depth })?
            .is_some()
        {}
        Ok(())
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = *pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}
