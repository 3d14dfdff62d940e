//! Reading JSON objects and lists with serde, one function per message: the value of each field goes where it belongs.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::context::{Context, Reason};

/// A message while it is read.
pub(super) trait Message<'a> {
    /// Takes the value of `key` from `map`; every key's value must be taken (see [`skip`]).
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error>;
}

/// Reads an object into a message; null leaves it as it is.
pub(super) struct Object<'m, M> {
    pub into: &'m mut M,
    pub context: &'m mut Context,
}

impl<'a, M: Message<'a>> DeserializeSeed<'a> for Object<'_, M> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, M: Message<'a>> Visitor<'a> for Object<'_, M> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            self.into.field(&key, &mut map, self.context)?;
        }
        Ok(())
    }
}

/// Reads a list of objects; null is an empty list.
pub(super) struct List<'m, M, New, Sink> {
    new: New,
    sink: Sink,
    context: &'m mut Context,
    message: PhantomData<M>,
}

/// Reads a list of objects, each into a message that `new` makes and `sink` takes.
pub(super) fn list<'m, M, New, Sink>(new: New, sink: Sink, context: &'m mut Context) -> List<'m, M, New, Sink>
where
    New: Fn() -> M,
    Sink: FnMut(M, &mut Context) -> Result<(), Reason>,
{
    List { new, sink, context, message: PhantomData }
}

impl<'a, M, New, Sink> DeserializeSeed<'a> for List<'_, M, New, Sink>
where
    M: Message<'a>,
    New: Fn() -> M,
    Sink: FnMut(M, &mut Context) -> Result<(), Reason>,
{
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, M, New, Sink> Visitor<'a> for List<'_, M, New, Sink>
where
    M: Message<'a>,
    New: Fn() -> M,
    Sink: FnMut(M, &mut Context) -> Result<(), Reason>,
{
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut message = (self.new)();
            match seq.next_element_seed(Object { into: &mut message, context: self.context })? {
                Some(()) => (self.sink)(message, self.context).map_err(A::Error::custom)?,
                None => return Ok(()),
            }
        }
    }
}

/// Reads a list whose elements are taken as their JSON text; null is an empty list.
pub(super) struct RawList<F>(pub F);

impl<'a, F: FnMut(&'a str) -> Result<(), Reason>> DeserializeSeed<'a> for RawList<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a, F: FnMut(&'a str) -> Result<(), Reason>> Visitor<'a> for RawList<F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&'a RawValue>()? {
            (self.0)(raw.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A key of an object, borrowed unless it has escapes.
pub(super) struct Key<'a>(pub Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Key<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'a> Visitor<'a> for KeyVisitor {
            type Value = Key<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The next value's JSON text.
pub(super) fn raw<'a, A: MapAccess<'a>>(map: &mut A) -> Result<&'a str, A::Error> {
    Ok(map.next_value::<&'a RawValue>()?.get())
}

/// The next value, that of `key`, read from its JSON text.
pub(super) fn scalar<'a, A: MapAccess<'a>, T>(
    map: &mut A,
    key: &str,
    read: impl FnOnce(&'a str) -> Result<T, Reason>,
) -> Result<T, A::Error> {
    read(raw(map)?).map_err(|reason| A::Error::custom(format_args!("{key}: {reason}")))
}

/// Passes over the next value. Does not recurse, however deep the value is.
pub(super) fn skip<'a, A: MapAccess<'a>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<serde::de::IgnoredAny>().map(drop)
}

/// Reads one item from its JSON text.
pub(super) fn read<'a, M: Message<'a>>(raw: &'a str, mut message: M, context: &mut Context) -> Result<M, Reason> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    Object { into: &mut message, context }.deserialize(&mut deserializer).map_err(|error| reason(&error))?;
    Ok(message)
}

/// What serde says without its position, which would be that inside the item.
fn reason(error: &serde_json::Error) -> Reason {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    if text == "recursion limit exceeded" {
        return Reason::Borrowed("it nests more than 127 levels of JSON");
    }
    Reason::Owned(text.to_owned())
}
