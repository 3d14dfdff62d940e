//! A body in MessagePack or JSON as one tree of JSON, bounded in nodes and depth.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::DecodeError;

/// Values of one body. A hostile body of single bytes would else take forty times its size in memory.
const VALUES_MAX: usize = 4_000_000;
/// Lists and objects around a value. serde_json has the same limit.
const DEPTH_MAX: usize = 128;

/// Reads a body: JSON where it begins like JSON, else MessagePack.
pub(super) fn read(body: &[u8]) -> Result<Json, DecodeError> {
    let left = Cell::new(VALUES_MAX);
    let seed = Node { left: &left, depth: 0 };
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    // `[` and `{` are the small numbers 91 and 123 in MessagePack: no request is a number.
    if matches!(first, Some(b'[' | b'{')) {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        return read.map_err(|error| DecodeError::Json(error.to_string()));
    }
    packed(body, seed).map_err(|error| DecodeError::Json(format!("it is neither JSON nor MessagePack: {error}")))
}

fn packed(bytes: &[u8], seed: Node<'_>) -> Result<Json, String> {
    let mut rest = bytes;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    reader.set_max_depth(2 * DEPTH_MAX);
    let value = seed.deserialize(&mut reader).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes follow its end", rest.len())) }
}

/// One value.
#[derive(Clone, Copy)]
struct Node<'c> {
    left: &'c Cell<usize>,
    depth: usize,
}

impl Node<'_> {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            return Err(E::custom(format!("it is nested deeper than {DEPTH_MAX} (DEPTH_MAX)")));
        }
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Json;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.left.get().checked_sub(1);
        let left =
            left.ok_or_else(|| D::Error::custom(format!("it holds more than {VALUES_MAX} values (VALUES_MAX)")))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Json;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        // Tags that are counts are floats in the tracer.
        let whole = number.fract() == 0.0 && number.abs() < 9e15;
        let number = if whole { Some(Number::from(number as i64)) } else { Number::from_f64(number) };
        Ok(number.map_or(Json::Null, Json::Number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Json, E> {
        // MessagePack within MessagePack is how structures are sent (`meta_struct`).
        match packed(bytes, self.inside()?) {
            Ok(value @ (Json::Object(_) | Json::Array(_))) => Ok(value),
            _ => Ok(Json::String(String::from_utf8_lossy(bytes).into_owned())),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let (inside, mut items) = (self.inside()?, Vec::new());
        while let Some(item) = seq.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let (inside, mut items) = (self.inside()?, Map::new());
        while let Some(key) = map.next_key_seed(inside)? {
            let key = match key {
                Json::String(text) => text,
                other => other.to_string(),
            };
            items.insert(key, map.next_value_seed(inside)?);
        }
        Ok(Json::Object(items))
    }
}
