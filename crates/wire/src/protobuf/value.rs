//! Attribute values, attributes, resources and scopes.

use std::borrow::Cow;

use model::Value;
use model::raw::{Resource, Scope};

use super::reader::{Field, Reader, WRONG_TYPE};
use crate::context::{AttributesDraft, Context, Reason, check_depth};

/// Reads an `AnyValue` that is inside `depth` lists and maps. Where a sender sets several of its alternatives, the last one counts.
pub(super) fn any<'a>(bytes: &'a [u8], depth: usize, context: &mut Context) -> Result<Value<'a>, Reason> {
    let mut reader = Reader::new(bytes);
    let mut value = Value::Null;
    while let Some((number, field)) = reader.next()? {
        value = match (number, field) {
            (1, Field::Bytes(text)) => Value::Str(context.text(text)),
            (2, Field::Varint(number)) => Value::Bool(number != 0),
            (3, Field::Varint(number)) => Value::Int(number as i64),
            (4, Field::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5, Field::Bytes(list)) => Value::Array(array(list, depth + 1, context)?),
            (6, Field::Bytes(list)) => Value::Map(map(list, depth + 1, context)?),
            (7, Field::Bytes(bytes)) => Value::Bytes(Cow::Borrowed(bytes)),
            (1..=7, _) => return Err(WRONG_TYPE.into()),
            _ => continue,
        };
    }
    Ok(value)
}

fn array<'a>(bytes: &'a [u8], depth: usize, context: &mut Context) -> Result<Vec<Value<'a>>, Reason> {
    check_depth(depth)?;
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(item)) => {
                let value = any(item, depth, context)?;
                context.push(&mut items, value)?;
            }
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(items)
}

fn map<'a>(bytes: &'a [u8], depth: usize, context: &mut Context) -> Result<Vec<(Cow<'a, str>, Value<'a>)>, Reason> {
    check_depth(depth)?;
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(item)) => {
                let entry = key_value(item, depth, context)?;
                context.push(&mut entries, entry)?;
            }
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(entries)
}

fn key_value<'a>(bytes: &'a [u8], depth: usize, context: &mut Context) -> Result<(Cow<'a, str>, Value<'a>), Reason> {
    let mut reader = Reader::new(bytes);
    let (mut key, mut value) = (Cow::Borrowed(""), Value::Null);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => key = context.text(text),
            (2, Field::Bytes(inner)) => value = any(inner, depth, context)?,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((key, value))
}

/// Reads one `KeyValue` of an item into its attributes, if there is room.
#[inline]
pub(super) fn attribute<'a>(
    field: Field<'a>,
    attributes: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE.into()) };
    if attributes.room() {
        let (key, value) = key_value(bytes, 0, context)?;
        attributes.push(key, value, context)?;
    }
    Ok(())
}

/// Reads a `Resource`.
pub(super) fn resource<'a>(bytes: &'a [u8], context: &mut Context) -> Result<Resource<'a>, Reason> {
    let mut reader = Reader::new(bytes);
    let mut attributes = AttributesDraft::default();
    while let Some((number, field)) = reader.next()? {
        if number == 1 {
            attribute(field, &mut attributes, context)?;
        }
    }
    warn_dropped("resource", &attributes, context);
    Ok(Resource { attributes: attributes.finish() })
}

/// Reads an `InstrumentationScope`.
pub(super) fn scope<'a>(bytes: &'a [u8], context: &mut Context) -> Result<Scope<'a>, Reason> {
    let mut reader = Reader::new(bytes);
    let mut attributes = AttributesDraft::default();
    let mut scope = Scope::default();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => scope.name = context.text(text),
            (2, Field::Bytes(text)) => scope.version = context.text(text),
            (3, field) => attribute(field, &mut attributes, context)?,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    warn_dropped("scope", &attributes, context);
    scope.attributes = attributes.finish();
    Ok(scope)
}

fn warn_dropped(what: &str, attributes: &AttributesDraft<'_>, context: &mut Context) {
    if attributes.dropped > 0 {
        context.warn_attributes(what);
    }
}
