//! Attribute values, attributes, resources and scopes.

use std::borrow::Cow;
use std::fmt;

use model::Value;
use model::raw::{Resource, Scope};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::message::{Key, Message, Object, list, read, scalar, skip};
use super::scalar;
use crate::context::{AttributesDraft, Context, Reason, check_depth};

/// Reads an `AnyValue` that is inside `depth` lists and maps.
///
/// Hand-written exporters also send plain JSON (`"value": "text"`, `"value": {"a": 1}`): an object without any of
/// `AnyValue`'s keys is a map, a list is a list, a scalar is itself.
pub(super) struct Any<'m> {
    pub depth: usize,
    pub context: &'m mut Context,
}

impl<'a> DeserializeSeed<'a> for Any<'_> {
    type Value = Value<'a>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Any<'_> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }
    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value<'a>, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value<'a>, E> {
        Ok(Value::Int(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(i64::try_from(number).map_or(Value::Double(number as f64), Value::Int))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value<'a>, E> {
        Ok(Value::Double(number))
    }
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::Str(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value<'a>, E> {
        Ok(Value::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Value<'a>, A::Error> {
        let depth = self.depth + 1;
        check_depth(depth).map_err(A::Error::custom)?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Any { depth, context: self.context })? {
            self.context.push(&mut items, item).map_err(A::Error::custom)?;
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Value<'a>, A::Error> {
        let mut value = Value::Null;
        let mut known = false;
        let mut plain = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            known |= is_alternative(&key);
            match key.as_ref() {
                "stringValue" | "string_value" => set(&mut value, scalar(&mut map, &key, string_value)?),
                "boolValue" | "bool_value" => set(&mut value, scalar(&mut map, &key, bool_value)?),
                "intValue" | "int_value" => set(&mut value, scalar(&mut map, &key, int_value)?),
                "doubleValue" | "double_value" => set(&mut value, scalar(&mut map, &key, double_value)?),
                "bytesValue" | "bytes_value" => set(&mut value, scalar(&mut map, &key, bytes_value)?),
                "arrayValue" | "array_value" => {
                    let mut array = ArrayValue { depth: self.depth, values: Value::Array(Vec::new()) };
                    map.next_value_seed(Object { into: &mut array, context: self.context })?;
                    set(&mut value, array.values);
                }
                "kvlistValue" | "kvlist_value" => {
                    let mut entries = Entries { depth: self.depth + 1, draft: AttributesDraft::unlimited() };
                    check_depth(entries.depth).map_err(A::Error::custom)?;
                    map.next_value_seed(Object { into: &mut entries, context: self.context })?;
                    set(&mut value, Value::Map(entries.draft.finish().0));
                }
                _ => {
                    check_depth(self.depth + 1).map_err(A::Error::custom)?;
                    let item = map.next_value_seed(Any { depth: self.depth + 1, context: self.context })?;
                    self.context.push(&mut plain, (key, item)).map_err(A::Error::custom)?;
                }
            }
        }
        Ok(if known || plain.is_empty() { value } else { Value::Map(plain) })
    }
}

/// Whether a key is one of `AnyValue`'s.
fn is_alternative(key: &str) -> bool {
    let kind = key.strip_suffix("Value").or_else(|| key.strip_suffix("_value"));
    matches!(kind, Some("string" | "bool" | "int" | "double" | "array" | "kvlist" | "bytes"))
}

/// Takes an alternative of an `AnyValue`; null ones leave it as it is.
fn set<'a>(value: &mut Value<'a>, alternative: Value<'a>) {
    if alternative != Value::Null {
        *value = alternative;
    }
}

fn string_value(raw: &str) -> Result<Value<'_>, Reason> {
    if raw == "null" { Ok(Value::Null) } else { scalar::text(raw).map(Value::Str) }
}

fn bool_value(raw: &str) -> Result<Value<'_>, Reason> {
    scalar::boolean(raw).map(Value::Bool).map_or_else(|| string_value(raw), Ok)
}

/// An integer; what is none (too large, a fraction, a word) is kept as what it is.
fn int_value(raw: &str) -> Result<Value<'_>, Reason> {
    if raw == "null" {
        return Ok(Value::Null);
    }
    match (scalar::signed(raw), scalar::double(raw)) {
        (Some(number), _) => Ok(Value::Int(number)),
        (None, Some(number)) => Ok(Value::Double(number)),
        (None, None) => string_value(raw),
    }
}

fn double_value(raw: &str) -> Result<Value<'_>, Reason> {
    scalar::double(raw).map(Value::Double).map_or_else(|| string_value(raw), Ok)
}

fn bytes_value(raw: &str) -> Result<Value<'_>, Reason> {
    if raw == "null" {
        return Ok(Value::Null);
    }
    let text = scalar::text(raw)?;
    Ok(scalar::bytes(&text).map_or(Value::Str(text), |bytes| Value::Bytes(Cow::Owned(bytes))))
}

/// An `ArrayValue`.
struct ArrayValue<'a> {
    depth: usize,
    values: Value<'a>,
}

impl<'a> Message<'a> for ArrayValue<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "values" => set(&mut self.values, map.next_value_seed(Any { depth: self.depth, context })?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A `KeyValueList`.
impl<'a> Message<'a> for Entries<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "values" => attributes(self, map, context),
            _ => skip(map),
        }
    }
}

/// Attributes: a list of `KeyValue`s, or (hand-written exporters) an object.
#[derive(Debug, Default)]
pub(super) struct Entries<'a> {
    /// Lists and maps around the entries.
    pub depth: usize,
    pub draft: AttributesDraft<'a>,
}

/// Reads the value of an `attributes` field.
pub(super) struct EntriesSeed<'m, 'a> {
    pub into: &'m mut Entries<'a>,
    pub context: &'m mut Context,
}

impl<'a> DeserializeSeed<'a> for EntriesSeed<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for EntriesSeed<'_, 'a> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of attributes")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<(), A::Error> {
        let (depth, draft) = (self.into.depth, &mut self.into.draft);
        let new = || KeyValue { depth, key: Cow::Borrowed(""), value: Value::Null };
        let sink = |entry: KeyValue<'a>, context: &mut Context| match draft.room() {
            true => draft.push(entry.key, entry.value, context),
            false => Ok(()),
        };
        list(new, sink, self.context).visit_seq(seq)
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if self.into.draft.room() {
                let value = map.next_value_seed(Any { depth: self.into.depth, context: self.context })?;
                self.into.draft.push(key, value, self.context).map_err(A::Error::custom)?;
            } else {
                skip(&mut map)?;
            }
        }
        Ok(())
    }
}

struct KeyValue<'a> {
    depth: usize,
    key: Cow<'a, str>,
    value: Value<'a>,
}

impl<'a> Message<'a> for KeyValue<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "key" => self.key = scalar(map, key, scalar::text)?,
            "value" => self.value = map.next_value_seed(Any { depth: self.depth, context })?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Takes the value of an `attributes` field from a message's object.
pub(super) fn attributes<'a, A: MapAccess<'a>>(
    entries: &mut Entries<'a>,
    map: &mut A,
    context: &mut Context,
) -> Result<(), A::Error> {
    map.next_value_seed(EntriesSeed { into: entries, context })
}

/// A `Resource` or `InstrumentationScope` while it is read.
#[derive(Default)]
struct Owner<'a> {
    name: Cow<'a, str>,
    version: Cow<'a, str>,
    attributes: Entries<'a>,
}

impl<'a> Message<'a> for Owner<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "name" => self.name = scalar(map, key, scalar::text)?,
            "version" => self.version = scalar(map, key, scalar::text)?,
            "attributes" => attributes(&mut self.attributes, map, context)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn owner<'a>(what: &str, raw: Option<&'a str>, context: &mut Context) -> Result<Owner<'a>, Reason> {
    let owner = match raw {
        Some(raw) => read(raw, Owner::default(), context)?,
        None => Owner::default(),
    };
    if owner.attributes.draft.dropped > 0 {
        context.warn_attributes(what);
    }
    Ok(owner)
}

/// Reads a `Resource` from its JSON text, if there is any.
pub(super) fn resource<'a>(raw: Option<&'a str>, context: &mut Context) -> Result<Resource<'a>, Reason> {
    let owner = owner("resource", raw, context)?;
    Ok(Resource { attributes: owner.attributes.draft.finish() })
}

/// Reads an `InstrumentationScope` from its JSON text, if there is any.
pub(super) fn scope<'a>(raw: Option<&'a str>, context: &mut Context) -> Result<Scope<'a>, Reason> {
    let owner = owner("scope", raw, context)?;
    Ok(Scope { name: owner.name, version: owner.version, attributes: owner.attributes.draft.finish() })
}
