//! Encoded attributes as text: some of their entries left out, and put back byte for byte.
//!
//! Where entries are left out, a line break stands for each of them, in its place. The encoder writes none of its own, so what is
//! left is JSON still, and where what goes is known without counting: `{"a":1,"b":2,"c":3}` without `a` and `b` is `{\n\n"c":3}`.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use memchr::{memchr, memchr2};

use super::{special, write_plain, write_text};

/// What stands for an entry that was left out.
pub(crate) const GAP: u8 = b'\n';

/// An entry of an object, as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'t> {
    /// The key with its quotes.
    pub key: &'t str,
    /// The value.
    pub value: &'t str,
    /// Key, colon and value.
    pub text: &'t str,
}

/// The entries of a JSON object as the encoder writes it, without white space. It ends at the first byte that is not as it writes.
pub(crate) struct Entries<'t> {
    json: &'t str,
    at: usize,
    whole: bool,
}

impl<'t> Entries<'t> {
    /// Those of `json`.
    pub const fn of(json: &'t str) -> Self {
        Self { json, at: 0, whole: false }
    }

    /// After the last entry: whether the text was one object from end to end.
    pub const fn were_all(&self) -> bool {
        self.whole
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        let (json, bytes) = (self.json, self.json.as_bytes());
        let start = match bytes.get(self.at)? {
            b'{' if self.at == 0 && json == "{}" => {
                (self.at, self.whole) = (json.len(), true);
                return None;
            }
            b'{' if self.at == 0 => 1,
            b',' if self.at > 0 => self.at + 1,
            b'}' if self.at > 0 => {
                (self.at, self.whole) = (json.len(), self.at + 1 == json.len());
                return None;
            }
            _ => return None,
        };
        let colon = text_end(bytes, start)?;
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let end = value_end(bytes, colon + 1)?;
        self.at = end;
        Some(Entry { key: json.get(start..colon)?, value: json.get(colon + 1..end)?, text: json.get(start..end)? })
    }
}

/// Where the JSON text that begins at `at` has ended.
pub(super) fn text_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the value that begins at `at` has ended.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => text_end(bytes, at),
        b'{' | b'[' => nested_end(bytes, at),
        _ => {
            let length = bytes.get(at..)?.iter().position(|byte| matches!(byte, b',' | b'}'))?;
            (length > 0).then_some(at + length)
        }
    }
}

fn nested_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = text_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// A column whose values attributes may repeat.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'c> {
    /// Of texts.
    Text(&'c StringArray),
    /// Of integers.
    Number(&'c Int64Array),
}

impl<'c> Source<'c> {
    /// `column` as one; `None` where it is of another type.
    pub fn of(column: &'c ArrayRef) -> Option<Self> {
        match column.data_type() {
            DataType::Utf8 => Some(Self::Text(column.as_string::<i32>())),
            DataType::Int64 => Some(Self::Number(column.as_primitive::<Int64Type>())),
            _ => None,
        }
    }

    /// Whether it has values at all.
    pub fn is_set(&self) -> bool {
        match self {
            Self::Text(texts) => texts.null_count() < texts.len(),
            Self::Number(numbers) => numbers.null_count() < numbers.len(),
        }
    }

    /// Whether [`Self::write`] would write `encoded`. `room` is for use inside.
    pub fn says(&self, row: usize, encoded: &str, room: &mut String) -> bool {
        match self {
            Self::Text(texts) => texts.is_valid(row) && is_text(encoded, texts.value(row), room),
            Self::Number(numbers) => numbers.is_valid(row) && is_number(encoded, numbers.value(row)),
        }
    }

    /// Writes the value of a row as the encoder writes it; `false` where it has none.
    pub fn write(&self, row: usize, out: &mut String) -> bool {
        match self {
            Self::Text(texts) if row < texts.len() && texts.is_valid(row) => write_text(out, texts.value(row)),
            Self::Number(numbers) if row < numbers.len() && numbers.is_valid(row) => {
                write_plain(out, numbers.value(row));
            }
            _ => return false,
        }
        true
    }
}

fn is_text(encoded: &str, text: &str, room: &mut String) -> bool {
    let Some(inner) = encoded.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    if inner.len() == text.len() {
        return inner == text && special(text.as_bytes()).is_none();
    }
    // Escapes only make a text longer.
    if inner.len() < text.len() || special(text.as_bytes()).is_none() {
        return false;
    }
    room.clear();
    write_text(room, text);
    *room == *encoded
}

fn is_number(encoded: &str, number: i64) -> bool {
    let digits = encoded.strip_prefix('-').unwrap_or(encoded);
    let plain = encoded == "0" || matches!(digits.as_bytes().first(), Some(b'1'..=b'9'));
    plain && encoded.parse() == Ok(number)
}

/// Attributes of one row that are not in its text: their keys, and which column has the value.
///
/// As text a JSON object, `{"gen_ai.request.model":"request_model"}`, in the order in which they stood among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut(Vec<(Box<str>, usize)>);

impl LeftOut {
    /// Reads the text; `None` where it is not one, or names a column that is not among `columns`.
    pub fn parse(text: &str, columns: &[&str]) -> Option<Self> {
        let mut entries = Entries::of(text);
        let mut left_out = Vec::new();
        for entry in entries.by_ref() {
            let name = entry.value.strip_prefix('"')?.strip_suffix('"')?;
            let column = columns.iter().position(|column| *column == name)?;
            left_out.push((entry.text.get(..=entry.key.len())?.into(), column));
        }
        entries.were_all().then_some(Self(left_out))
    }

    /// Adds one to its text. `key` has its quotes.
    pub fn push_text(out: &mut String, key: &str, column: &str) {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(key);
        out.push_str(":\"");
        out.push_str(column);
        out.push('"');
    }

    /// Puts the entries back into `rest`, and the whole at the end of `out`; `false` where they do not fit.
    pub fn put_back(&self, rest: &str, sources: &[Option<Source<'_>>], row: usize, out: &mut String) -> bool {
        let mut entries = self.0.iter();
        let mut rest = rest;
        while let Some(gap) = memchr(GAP, rest.as_bytes()) {
            let (before, after) = rest.split_at(gap);
            out.push_str(before);
            rest = after.get(1..).unwrap_or_default();
            let Some((key, column)) = entries.next() else { return false };
            if !matches!(out.as_bytes().last(), Some(b'{' | b',')) {
                out.push(',');
            }
            out.push_str(key);
            let Some(Some(source)) = sources.get(*column) else { return false };
            if !source.write(row, out) {
                return false;
            }
            if !matches!(rest.as_bytes().first(), Some(b'}' | b',' | b'\n')) {
                out.push(',');
            }
        }
        out.push_str(rest);
        entries.next().is_none()
    }
}

#[cfg(test)]
#[path = "apart/tests.rs"]
mod tests;
