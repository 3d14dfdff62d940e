//! Attribute values, attributes, resources and scopes.

use std::borrow::Cow;

use model::Value;
use model::raw::{Resource, Scope};

use super::reader::{Field, Reader, WRONG_TYPE};
use crate::context::{AttributesDraft, Context, Reason, check_depth};

/// Reads an `AnyValue` that is inside `depth` lists and maps. Where a sender sets several of its alternatives, the last one counts.
///
/// Values are written where they will stay: moving them out through results took a quarter of the decoding time.
#[inline(always)]
pub(super) fn any<'a>(
    bytes: &'a [u8],
    into: &mut Value<'a>,
    depth: usize,
    context: &mut Context,
) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => context.text_value(text, into),
            (2, Field::Varint(number)) => *into = Value::Bool(number != 0),
            (3, Field::Varint(number)) => *into = Value::Int(number as i64),
            (4, Field::Fixed64(bits)) => *into = Value::Double(f64::from_bits(bits)),
            (5, Field::Bytes(list)) => array(list, into, depth + 1, context)?,
            (6, Field::Bytes(list)) => map(list, into, depth + 1, context)?,
            (7, Field::Bytes(bytes)) => *into = Value::Bytes(Cow::Borrowed(bytes)),
            (1..=7, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(())
}

#[inline(never)]
fn array<'a>(bytes: &'a [u8], into: &mut Value<'a>, depth: usize, context: &mut Context) -> Result<(), Reason> {
    check_depth(depth)?;
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(item)) => any(item, context.place(&mut items, Value::Null)?, depth, context)?,
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    *into = Value::Array(items);
    Ok(())
}

#[inline(never)]
fn map<'a>(bytes: &'a [u8], into: &mut Value<'a>, depth: usize, context: &mut Context) -> Result<(), Reason> {
    check_depth(depth)?;
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(item)) => {
                let entry = context.place(&mut entries, (Cow::Borrowed(""), Value::Null))?;
                key_value(item, entry, depth, context)?;
            }
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    *into = Value::Map(entries);
    Ok(())
}

#[inline(always)]
fn key_value<'a>(
    bytes: &'a [u8],
    into: &mut (Cow<'a, str>, Value<'a>),
    depth: usize,
    context: &mut Context,
) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => context.text_into(text, &mut into.0),
            (2, Field::Bytes(value)) => any(value, &mut into.1, depth, context)?,
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Reads one `KeyValue` of an item into its attributes, if there is room.
pub(super) fn attribute<'a>(
    field: Field<'a>,
    attributes: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE.into()) };
    if !attributes.room() {
        return Ok(());
    }
    key_value(bytes, attributes.place(context)?, 0, context)
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
