//! Attributes as hand-written exporters send them: an object instead of a list, plain JSON instead of `AnyValue`s.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::messages::{ANY_VALUE, KEY_VALUE, Kind};
use super::{Body, Content, bytes, same_name};
use crate::context::check_depth;

/// An `AnyValue`, or plain JSON in its place: an object without any of `AnyValue`'s keys is a map.
pub fn value<'de, D: Deserializer<'de>>(content: Content<'_>, deserializer: D) -> Result<(), D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    if text != "null" || content.one {
        bytes(content.out, content.field, &any(text, content.depth + 1).map_err(D::Error::custom)?);
    }
    Ok(())
}

/// An object in the place of a list of `KeyValue`s.
pub fn entries<'de, A: MapAccess<'de>>(content: Content<'_>, mut map: A) -> Result<(), A::Error> {
    while let Some(key) = map.next_key::<Cow<'de, str>>()? {
        let value = any(map.next_value::<&RawValue>()?.get(), content.depth + 1).map_err(A::Error::custom)?;
        let mut entry = Vec::new();
        bytes(&mut entry, &KEY_VALUE[0], key.as_bytes());
        bytes(&mut entry, &KEY_VALUE[1], &value);
        bytes(content.out, content.field, &entry);
    }
    Ok(())
}

/// The bytes of an `AnyValue`.
fn any(text: &str, depth: usize) -> Result<Vec<u8>, serde_json::Error> {
    check_depth(depth).map_err(serde_json::Error::custom)?;
    let mut out = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let alternative = |name: &str| ANY_VALUE.iter().find(|field| field.name == name).expect("one of AnyValue's");
    let inner = |kind: Kind| match kind {
        Kind::Message(message) => &message[0],
        _ => unreachable!("a list and a map are messages"),
    };
    match text.as_bytes().first() {
        Some(b'{') => {
            let keys: Keys<'_> = serde_json::from_str(text)?;
            let is_known = |key: &Cow<'_, str>| ANY_VALUE.iter().any(|field| same_name(field.name, key));
            if keys.0.is_empty() || keys.0.iter().any(is_known) {
                Body { message: &ANY_VALUE, out: &mut out, depth }.deserialize(&mut reader)?;
            } else {
                let (field, mut list) = (alternative("kvlistValue"), Vec::new());
                Content { field: inner(field.kind), out: &mut list, one: false, depth }.deserialize(&mut reader)?;
                bytes(&mut out, field, &list);
            }
        }
        Some(b'[') => {
            let (field, mut list) = (alternative("arrayValue"), Vec::new());
            Content { field: inner(field.kind), out: &mut list, one: false, depth }.deserialize(&mut reader)?;
            bytes(&mut out, field, &list);
        }
        Some(b'n') | None => {}
        Some(first) => {
            let name = match first {
                b'"' => "stringValue",
                b't' | b'f' => "boolValue",
                _ if text.parse::<i64>().is_ok() => "intValue",
                _ => "doubleValue",
            };
            Content { field: alternative(name), out: &mut out, one: false, depth }.deserialize(&mut reader)?;
        }
    }
    Ok(out)
}

/// The keys of an object.
struct Keys<'a>(Vec<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Keys<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry::<Cow<'de, str>, IgnoredAny>()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
