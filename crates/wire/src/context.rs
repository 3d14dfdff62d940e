//! What is carried through the decoding of one request: the memory left, and what was refused.

use std::borrow::Cow;

use model::raw::Rejected;
use model::{Attributes, Value};

use crate::DecodeError;
use crate::limits::{MAX_ATTRIBUTES, MAX_DECODED_BYTES, MAX_VALUE_DEPTH};

/// Why one item is refused: a part of a sentence, such as `the trace id: all bytes are zero`.
pub(crate) type Reason = Cow<'static, str>;

/// State of one request's decoding.
#[derive(Debug)]
pub(crate) struct Context {
    left: usize,
    exhausted: bool,
    /// Items refused so far, and warnings.
    pub rejected: Rejected,
}

impl Context {
    pub fn new() -> Self {
        Self { left: MAX_DECODED_BYTES, exhausted: false, rejected: Rejected::default() }
    }

    /// Takes `bytes` from what the request may still use.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), Reason> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.exhausted = true;
                Err(Reason::Borrowed("the request is too large"))
            }
        }
    }

    /// Appends to a list, taking the memory by which it grows.
    pub fn push<T>(&mut self, list: &mut Vec<T>, item: T) -> Result<(), Reason> {
        self.place(list, item).map(drop)
    }

    /// As [`Self::push`], giving the item in its place.
    #[inline(always)]
    pub fn place<'l, T>(&mut self, list: &'l mut Vec<T>, item: T) -> Result<&'l mut T, Reason> {
        let before = list.capacity();
        list.push(item);
        let grown = list.capacity() - before;
        if grown > 0 {
            self.charge(grown * size_of::<T>())?;
        }
        let last = list.len() - 1;
        Ok(&mut list[last])
    }

    /// Fails when the memory ran out: then the whole request is refused, not only the item that met the limit.
    pub fn check(&self) -> Result<(), DecodeError> {
        if self.exhausted { Err(DecodeError::TooLarge { limit: MAX_DECODED_BYTES }) } else { Ok(()) }
    }

    /// Counts a refused item.
    pub fn reject(&mut self, what: &str, reason: &str) {
        self.rejected.add(format!("{what} rejected: {reason}"));
    }

    /// Counts the items of a resource or scope that is not readable: whose they are is not known.
    pub fn reject_all(&mut self, what: &str, owner: &str, reason: &str, count: usize) {
        if count > 0 {
            self.reject(what, &format!("its {owner} is not readable: {reason}"));
            self.rejected.count += count as u64 - 1;
        }
    }

    /// Warns that a resource, scope or data point lost attributes to the limit; those have no count of dropped ones.
    pub fn warn_attributes(&mut self, what: &str) {
        self.rejected.note(format!(
            "warning: a {what} has more than {MAX_ATTRIBUTES} attributes (MAX_ATTRIBUTES); the rest was dropped"
        ));
    }

    /// Text of bytes; where they are not UTF-8, the bad ones are replaced and a warning is kept.
    #[inline]
    pub fn text<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        match utf8(bytes) {
            Some(text) => Cow::Borrowed(text),
            None => self.lossy(bytes),
        }
    }

    /// As [`Self::text`], written where it will stay.
    #[inline(always)]
    pub fn text_value<'a>(&mut self, bytes: &'a [u8], into: &mut Value<'a>) {
        match utf8(bytes) {
            Some(text) => *into = Value::Str(Cow::Borrowed(text)),
            None => *into = Value::Str(self.lossy(bytes)),
        }
    }

    /// As [`Self::text`], written where it will stay.
    #[inline(always)]
    pub fn text_into<'a>(&mut self, bytes: &'a [u8], into: &mut Cow<'a, str>) {
        match utf8(bytes) {
            Some(text) => *into = Cow::Borrowed(text),
            None => *into = self.lossy(bytes),
        }
    }

    #[cold]
    fn lossy<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.rejected.note("warning: text that is not UTF-8 was kept with replacement characters");
        String::from_utf8_lossy(bytes)
    }
}

/// The bytes as text, if they are UTF-8. The vector code pays only for longer text.
#[inline(always)]
fn utf8(bytes: &[u8]) -> Option<&str> {
    if bytes.len() < 64 { str::from_utf8(bytes).ok() } else { simdutf8::basic::from_utf8(bytes).ok() }
}

/// Refuses a list or map that is `depth` levels inside others.
pub(crate) fn check_depth(depth: usize) -> Result<(), Reason> {
    if depth > MAX_VALUE_DEPTH {
        Err(Reason::Owned(format!(
            "an attribute nests more than {MAX_VALUE_DEPTH} lists or maps inside each other (MAX_VALUE_DEPTH)"
        )))
    } else {
        Ok(())
    }
}

/// Attributes while they are read: keeps the first [`MAX_ATTRIBUTES`], counts the rest.
#[derive(Debug)]
pub(crate) struct AttributesDraft<'a> {
    entries: Vec<(Cow<'a, str>, Value<'a>)>,
    limit: usize,
    pub dropped: u32,
}

impl Default for AttributesDraft<'_> {
    fn default() -> Self {
        Self { entries: Vec::new(), limit: MAX_ATTRIBUTES, dropped: 0 }
    }
}

impl<'a> AttributesDraft<'a> {
    /// For maps inside values, which only the memory of the request limits.
    pub fn unlimited() -> Self {
        Self { limit: usize::MAX, ..Self::default() }
    }

    /// Whether there is room for one more; counts a dropped one if not.
    #[inline]
    pub fn room(&mut self) -> bool {
        let room = self.entries.len() < self.limit;
        if !room {
            self.dropped = self.dropped.saturating_add(1);
        }
        room
    }

    pub fn push(&mut self, key: Cow<'a, str>, value: Value<'a>, context: &mut Context) -> Result<(), Reason> {
        context.push(&mut self.entries, (key, value))
    }

    /// Appends an empty entry; gives it in its place.
    #[inline(always)]
    pub fn place(&mut self, context: &mut Context) -> Result<&mut (Cow<'a, str>, Value<'a>), Reason> {
        context.place(&mut self.entries, (Cow::Borrowed(""), Value::Null))
    }

    pub fn finish(self) -> Attributes<'a> {
        Attributes(self.entries)
    }
}
