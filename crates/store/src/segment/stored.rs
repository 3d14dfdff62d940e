//! Spans as their files hold them: without what other columns tell. A duration is the difference of two times, and an attribute
//! that a narrow column repeats, such as the model or the tokens, stands in that column only.
//!
//! Writing leaves out and reading puts back, byte for byte; nobody else in the store sees the difference. Which attribute goes with
//! which column is learnt from the rows: a value leaves the text only where what the column would be written as is what stands there.

use std::collections::hash_map::Entry as Known;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray, StringBuilder};
use arrow::datatypes::{Schema, TimestampNanosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use memchr::memchr;
use model::Timestamp;

use crate::attributes::apart::{Entries, Entry, GAP, LeftOut, Source};
use crate::error::RowError;
use crate::hot::Map;
use crate::schema::{ATTRIBUTES, IN_COLUMNS, REPEATED, Table};

/// Keys for which a file learns columns; attributes with further ones stay where they are, and so do those with longer ones.
const KEYS_MAX: usize = 4096;
/// Bytes of such a key.
const KEY_BYTES_MAX: usize = 256;
/// Attributes of one span that are left out; further ones stay.
const GONE_MAX: usize = 64;
/// Different sets of attributes left out in one file; rows with further ones keep all of theirs.
const SETS_MAX: usize = 1024;
/// Rows in which a column is looked for, for one key.
const TRIES_MAX: u32 = 64;
/// A column that lacked a key's value so often, and more often than it had it, was the wrong one.
const MISSES_MAX: u32 = 16;

/// Leaves out of spans what their other columns tell. For one file: it learns from row to row.
#[derive(Default)]
pub(crate) struct Leaving {
    by_key: Map<Box<str>, usize>,
    keys: Vec<Key>,
    by_set: Map<Box<[(usize, usize)]>, usize>,
    /// What was left out of a row, as text.
    sets: Vec<Box<str>>,
    /// Of the row at hand: what stays, and keys and columns of what goes.
    rest: String,
    gone: Vec<(usize, usize)>,
    room: String,
}

/// What is known of a key.
struct Key {
    /// With its quotes, as it stands in the text.
    text: Box<str>,
    /// Which of [`REPEATED`] has its value.
    column: Option<usize>,
    tries: u32,
    hits: u32,
    misses: u32,
}

impl Leaving {
    /// The batch as the file holds it. It has all columns of the table.
    pub fn stored(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let missing = |name: &str| ArrowError::SchemaError(format!("no text column {name}"));
        let attributes = batch.column_by_name(ATTRIBUTES).and_then(|column| column.as_string_opt::<i32>());
        let attributes = attributes.ok_or_else(|| missing(ATTRIBUTES))?;
        let sources = sources(|name| batch.column_by_name(name));
        let mut rest = StringBuilder::with_capacity(attributes.len(), bytes(attributes));
        let mut gone = StringBuilder::new();
        for row in 0..attributes.len() {
            let json = attributes.value(row);
            let set = self.row(json, row, &sources);
            rest.append_value(if set.is_some() { self.rest.as_str() } else { json });
            gone.append_option(set.and_then(|set| self.sets.get(set)));
        }
        let (rest, gone): (ArrayRef, ArrayRef) = (Arc::new(rest.finish()), Arc::new(gone.finish()));
        let schema = Table::Spans.stored_schema();
        let column = |name: &str| match name {
            ATTRIBUTES => Ok(Arc::clone(&rest)),
            IN_COLUMNS => Ok(Arc::clone(&gone)),
            _ => batch.column_by_name(name).cloned().ok_or_else(|| missing(name)),
        };
        let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(schema, columns)
    }

    /// Takes out of a row's attributes what columns have: the number of the set, `None` where all of it stays. What stays is then
    /// in `rest`.
    fn row(&mut self, json: &str, row: usize, sources: &[Option<Source<'_>>]) -> Option<usize> {
        if memchr(GAP, json.as_bytes()).is_some() {
            return None;
        }
        self.rest.clear();
        self.gone.clear();
        self.rest.push('{');
        let mut entries = Entries::of(json);
        let mut kept = false;
        for entry in entries.by_ref() {
            if let Some(place) = self.column_of(&entry, row, sources) {
                self.rest.push(char::from(GAP));
                self.gone.push(place);
                continue;
            }
            self.rest.push_str(if kept { "," } else { "" });
            self.rest.push_str(entry.text);
            kept = true;
        }
        self.rest.push('}');
        if entries.were_all() && !self.gone.is_empty() { self.set() } else { None }
    }

    /// The key of an entry and the column that has its value.
    fn column_of(&mut self, entry: &Entry<'_>, row: usize, sources: &[Option<Source<'_>>]) -> Option<(usize, usize)> {
        let plain = matches!(entry.value.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'));
        // A key that begins with `$` is the encoding's own.
        if !plain || entry.key.starts_with("\"$") || self.gone.len() >= GONE_MAX {
            return None;
        }
        let number = self.number_of(entry.key)?;
        let Self { keys, room, .. } = self;
        let key = keys.get_mut(number)?;
        let mut says = |column: usize| {
            let source = sources.get(column).copied().flatten();
            source.is_some_and(|source| source.says(row, entry.value, room))
        };
        if let Some(column) = key.column {
            if says(column) {
                key.hits = key.hits.saturating_add(1);
                return Some((number, column));
            }
            key.misses = key.misses.saturating_add(1);
            if key.misses >= MISSES_MAX && key.misses > key.hits {
                (key.column, key.hits, key.misses) = (None, 0, 0);
            }
            return None;
        }
        if key.tries >= TRIES_MAX {
            return None;
        }
        key.tries += 1;
        key.column = (0..REPEATED.len()).find(|column| says(*column));
        key.column.map(|column| (number, column))
    }

    fn number_of(&mut self, key: &str) -> Option<usize> {
        if let Some(number) = self.by_key.get(key) {
            return Some(*number);
        }
        let number = self.keys.len();
        if number >= KEYS_MAX || key.len() > KEY_BYTES_MAX {
            return None;
        }
        self.keys.push(Key { text: key.into(), column: None, tries: 0, hits: 0, misses: 0 });
        self.by_key.insert(key.into(), number);
        Some(number)
    }

    /// The number of the set of what goes of the row at hand.
    fn set(&mut self) -> Option<usize> {
        if let Some(set) = self.by_set.get(self.gone.as_slice()) {
            return Some(*set);
        }
        let number = self.sets.len();
        if number >= SETS_MAX {
            return None;
        }
        let mut text = String::new();
        for (key, column) in &self.gone {
            LeftOut::push_text(&mut text, &self.keys.get(*key)?.text, REPEATED.get(*column)?);
        }
        text.push('}');
        self.sets.push(text.into());
        self.by_set.insert(self.gone.as_slice().into(), number);
        Some(number)
    }
}

/// Those of [`REPEATED`] that are there and have values.
fn sources<'c>(column: impl Fn(&str) -> Option<&'c ArrayRef>) -> Vec<Option<Source<'c>>> {
    let source = |name: &&str| column(name).and_then(Source::of).filter(Source::is_set);
    REPEATED.iter().map(source).collect()
}

/// Bytes of a column's texts.
fn bytes(texts: &StringArray) -> usize {
    let offsets = texts.value_offsets();
    let ends = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
    usize::try_from(ends).unwrap_or(0)
}

/// Which columns of a file have to be read for those that are asked for.
pub(crate) struct Reading {
    /// Those nobody asked for.
    extra: Vec<&'static str>,
}

impl Reading {
    /// For the columns `wanted` of a table, all where `None`. `has` tells in which columns the file has values.
    pub fn of(table: Table, wanted: Option<&[&str]>, has: impl Fn(&str) -> bool) -> Self {
        let asks = |name: &str| wanted.is_some_and(|wanted| wanted.contains(&name));
        if table != Table::Spans || !asks(ATTRIBUTES) || !has(IN_COLUMNS) {
            return Self { extra: Vec::new() };
        }
        let needed = [IN_COLUMNS].into_iter().chain(REPEATED.iter().copied());
        Self { extra: needed.filter(|name| has(name) && !asks(name)).collect() }
    }

    /// Columns to read beside those that are asked for.
    pub fn extra(&self) -> &[&'static str] {
        &self.extra
    }

    /// A batch of the file as it was before it was written, without columns nobody asked for. Durations stay away: whoever makes a
    /// span of a row has both times.
    pub fn whole(&self, batch: RecordBatch) -> Result<RecordBatch, RowError> {
        if batch.column_by_name(IN_COLUMNS).is_none() {
            return Ok(batch);
        }
        let attributes = match batch.column_by_name(ATTRIBUTES) {
            Some(_) => Some(whole_attributes(|name| batch.column_by_name(name))?),
            None => None,
        };
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            if name == IN_COLUMNS || self.extra.contains(&name) {
                continue;
            }
            let whole = attributes.as_ref().filter(|_| name == ATTRIBUTES);
            columns.push(Arc::clone(whole.unwrap_or(column)));
            fields.push(Arc::clone(field));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| RowError::Type {
            table: Table::Spans.name(),
            column: error.to_string(),
            expected: "its declared type without nulls".into(),
        })
    }
}

/// The attributes of spans as they were before their file was written. `column` gives a column of the file by its name: needed are
/// [`ATTRIBUTES`], [`IN_COLUMNS`], and of [`REPEATED`] those the file has.
///
/// # Errors
/// Where columns are not there or of another type, and where what was left out is not in the column that should have it.
pub fn whole_attributes<'c>(column: impl Fn(&str) -> Option<&'c ArrayRef>) -> Result<ArrayRef, RowError> {
    let text = |name: &'static str| match column(name).map(|column| column.as_string_opt::<i32>()) {
        Some(Some(texts)) => Ok(texts),
        Some(None) => Err(wrong_type(name, "text")),
        None => Err(RowError::MissingColumn { table: Table::Spans.name(), column: name.into() }),
    };
    let (rest, gone) = (text(ATTRIBUTES)?, text(IN_COLUMNS)?);
    if gone.null_count() == gone.len() {
        return Ok(Arc::new(rest.clone()));
    }
    let sources = sources(&column);
    let mut known: Map<&str, LeftOut> = Map::default();
    let mut whole = StringBuilder::with_capacity(rest.len(), bytes(rest) * 2);
    let mut out = String::new();
    for row in 0..rest.len() {
        if gone.is_null(row) {
            whole.append_value(rest.value(row));
            continue;
        }
        let set = gone.value(row);
        let invalid = || RowError::Value {
            table: Table::Spans.name(),
            column: IN_COLUMNS,
            row,
            value: set.chars().take(80).collect(),
        };
        let left_out = match known.entry(set) {
            Known::Occupied(known) => known.into_mut(),
            Known::Vacant(free) => free.insert(LeftOut::parse(set, REPEATED).ok_or_else(invalid)?),
        };
        out.clear();
        if !left_out.put_back(rest.value(row), &sources, row, &mut out) {
            return Err(invalid());
        }
        whole.append_value(&out);
    }
    Ok(Arc::new(whole.finish()))
}

/// How long spans took, in milliseconds, as the column `duration_ms` says it: null while a span runs, 0 where its end precedes its
/// start.
///
/// # Errors
/// Where one of the columns is not of times.
pub fn durations(started: &ArrayRef, ended: &ArrayRef) -> Result<ArrayRef, RowError> {
    let from = started.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(|| wrong_type("started_at", "time"))?;
    let until = ended.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(|| wrong_type("ended_at", "time"))?;
    let took = |(from, until): (Option<i64>, Option<i64>)| {
        let nanos = Timestamp::from_nanos(until?).nanos_since(Timestamp::from_nanos(from?));
        Some(nanos.max(0) as f64 / 1e6)
    };
    Ok(Arc::new(from.iter().zip(until.iter()).map(took).collect::<Float64Array>()))
}

fn wrong_type(column: &str, expected: &str) -> RowError {
    RowError::Type { table: Table::Spans.name(), column: column.into(), expected: expected.into() }
}

#[cfg(test)]
#[path = "stored/tests.rs"]
mod tests;
