//! Building columns from rows, and reading them back whatever text type a query engine gave them.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, ListBuilder, StringArray, StringBuilder,
    TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int64Type, Schema, SchemaRef, TimestampNanosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use model::{Timestamp, Usage, Usd};

use crate::error::RowError;
use crate::schema::{COST_PRECISION, COST_SCALE, Table, list_item};

/// A column of texts.
pub(crate) fn text<'a>(values: impl Iterator<Item = &'a str> + Clone) -> ArrayRef {
    // Room for all of them at once: a buffer that grows is copied, and its new pages are zeroed by the system.
    let (rows, bytes) = values.clone().fold((0, 0), |(rows, bytes), text| (rows + 1, bytes + text.len()));
    let mut builder = StringBuilder::with_capacity(rows, bytes);
    values.for_each(|text| builder.append_value(text));
    Arc::new(builder.finish())
}

/// A column of texts that may be missing.
pub(crate) fn text_opt<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone) -> ArrayRef {
    let (mut rows, mut bytes, mut some) = (0, 0, false);
    for value in values.clone() {
        rows += 1;
        bytes += value.map_or(0, str::len);
        some |= value.is_some();
    }
    if !some {
        // Most columns of a span are empty in most requests.
        return Arc::new(StringArray::new_null(rows));
    }
    let mut builder = StringBuilder::with_capacity(rows, bytes);
    values.for_each(|text| builder.append_option(text));
    Arc::new(builder.finish())
}

/// A column of ids as lowercase hexadecimal text.
pub(crate) fn hex<'a, const N: usize>(values: impl Iterator<Item = Option<&'a [u8; N]>>) -> ArrayRef {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let rows = values.size_hint().0;
    let mut builder = StringBuilder::with_capacity(rows, rows * N * 2);
    let mut text = String::with_capacity(N * 2);
    for value in values {
        let Some(bytes) = value else {
            builder.append_null();
            continue;
        };
        text.clear();
        for byte in bytes {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        builder.append_value(&text);
    }
    Arc::new(builder.finish())
}

/// A column of lists of texts; an empty list is null.
pub(crate) fn texts<'a>(values: impl Iterator<Item = &'a [Arc<str>]>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(list_item());
    for list in values {
        for item in list {
            builder.values().append_value(item);
        }
        builder.append(!list.is_empty());
    }
    Arc::new(builder.finish())
}

/// A column of times.
pub(crate) fn time(values: impl Iterator<Item = Timestamp>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(values.map(Timestamp::as_nanos)).with_timezone("UTC"))
}

/// A column of times where an unset one is null.
pub(crate) fn time_opt(values: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let values = values.map(|time| (!time.is_unset()).then(|| time.as_nanos()));
    Arc::new(values.collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

/// A column of money.
pub(crate) fn cost(values: impl Iterator<Item = Option<Usd>>) -> ArrayRef {
    // A cost outside 38 digits would make the whole column unreadable: 10²⁶ dollars are clamped instead.
    const MOST: i128 = 10i128.pow(COST_PRECISION as u32) - 1;
    let values = values.map(|cost| cost.map(|cost| cost.as_pico().clamp(-MOST, MOST)));
    let array = values.collect::<Decimal128Array>();
    Arc::new(
        array.with_precision_and_scale(COST_PRECISION, COST_SCALE).expect("38 digits with 12 places are a valid type"),
    )
}

/// A column of counts.
pub(crate) fn count(values: impl Iterator<Item = u32>) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(values))
}

/// A column of versions.
pub(crate) fn version(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

/// A column of floats that may be missing.
pub(crate) fn float_opt(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A column of truth values.
pub(crate) fn truth(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

/// The seven columns of token counts, in schema order.
pub(crate) fn usage<'a>(usages: impl Iterator<Item = &'a Usage> + Clone) -> Vec<ArrayRef> {
    let column = |pick: fn(&Usage) -> Option<u64>| -> ArrayRef {
        let tokens = usages.clone().map(|usage| pick(usage).map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)));
        Arc::new(tokens.collect::<arrow::array::Int64Array>())
    };
    vec![
        column(|usage| usage.input_tokens),
        column(|usage| usage.output_tokens),
        column(|usage| usage.cache_read_tokens),
        column(|usage| usage.cache_write_tokens),
        column(|usage| usage.reasoning_tokens),
        column(|usage| usage.reported_total),
        column(Usage::total_tokens),
    ]
}

/// Columns of one table by name, cast to the table's types.
pub(crate) struct Columns {
    table: Table,
    batch: RecordBatch,
    /// Where the last column was found: rows are read in schema order, so the next one is mostly right behind.
    cursor: Cell<usize>,
    texts: HashSet<Arc<str>>,
    /// The text that each column gave last.
    last: Vec<Option<Arc<str>>>,
}

/// The same allocation for equal texts.
fn share(texts: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = texts.get(text) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    texts.insert(Arc::clone(&text));
    text
}

impl Columns {
    /// Takes the table's columns out of `batch`, in any order and with whatever text type a query gave them. Nullable
    /// columns that are not there are filled with nulls: an older segment lacks them.
    pub fn new(table: Table, batch: &RecordBatch) -> Result<Self, RowError> {
        Self::with_schema(table, batch, table.schema())
    }

    /// The same for some of the table's columns.
    pub fn partly(table: Table, batch: &RecordBatch, names: &[&str]) -> Result<Self, RowError> {
        let schema = table.schema();
        let fields = schema.fields().iter().filter(|field| names.contains(&field.name().as_str()));
        Self::with_schema(table, batch, Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>())))
    }

    fn with_schema(table: Table, batch: &RecordBatch, schema: SchemaRef) -> Result<Self, RowError> {
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let column = match batch.column_by_name(field.name()) {
                Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
                Some(column) => cast(column, field.data_type()).map_err(|_| RowError::Type {
                    table: table.name(),
                    column: field.name().clone(),
                    expected: field.data_type().to_string(),
                })?,
                None if field.is_nullable() => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
                None => return Err(RowError::MissingColumn { table: table.name(), column: field.name().clone() }),
            };
            columns.push(column);
        }
        let batch = RecordBatch::try_new(schema, columns).map_err(|error| RowError::Type {
            table: table.name(),
            column: error.to_string(),
            expected: "its declared type without nulls".into(),
        })?;
        let last = vec![None; batch.num_columns()];
        Ok(Self { table, batch, cursor: Cell::new(0), texts: HashSet::new(), last })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    fn column(&self, name: &str) -> &ArrayRef {
        self.batch.column(self.position(name))
    }

    fn position(&self, name: &str) -> usize {
        let fields = self.batch.schema_ref().fields();
        let from = self.cursor.get();
        let at = (from..fields.len()).chain(0..from).find(|at| fields[*at].name() == name);
        let at = at.expect("a column of the table's own schema");
        self.cursor.set(at + 1);
        at
    }

    /// A text, empty where null.
    pub fn str(&self, name: &'static str, row: usize) -> &str {
        self.str_opt(name, row).unwrap_or("")
    }

    /// A text.
    pub fn str_opt(&self, name: &'static str, row: usize) -> Option<&str> {
        let column = self.column(name).as_string::<i32>();
        (!column.is_null(row)).then(|| column.value(row))
    }

    /// A shared text, the same allocation for equal texts of this batch; empty where null.
    pub fn shared(&mut self, name: &'static str, row: usize) -> Arc<str> {
        self.shared_opt(name, row).unwrap_or_else(|| share(&mut self.texts, ""))
    }

    /// A shared text.
    pub fn shared_opt(&mut self, name: &'static str, row: usize) -> Option<Arc<str>> {
        let at = self.position(name);
        let Self { batch, texts, last, .. } = self;
        let column = batch.column(at).as_string::<i32>();
        if column.is_null(row) {
            return None;
        }
        let text = column.value(row);
        // Rows are sorted by trace: most texts are those of the row before.
        if let Some(last) = last[at].as_ref().filter(|last| ***last == *text) {
            return Some(Arc::clone(last));
        }
        let text = share(texts, text);
        last[at] = Some(Arc::clone(&text));
        Some(text)
    }

    /// A text by itself, for columns whose texts hardly come again.
    pub fn own_opt(&self, name: &'static str, row: usize) -> Option<Arc<str>> {
        self.str_opt(name, row).map(Arc::from)
    }

    /// A list of texts, empty where null.
    pub fn list(&mut self, name: &'static str, row: usize) -> Vec<Arc<str>> {
        let column = self.column(name).as_list::<i32>();
        if column.is_null(row) {
            return Vec::new();
        }
        let items = column.value(row);
        let items = items.as_string::<i32>();
        (0..items.len()).map(|at| share(&mut self.texts, items.value(at))).collect()
    }

    /// A list of floats, `None` where null.
    pub fn floats(&self, name: &'static str, row: usize) -> Option<Vec<f64>> {
        let column = self.column(name).as_list::<i32>();
        (!column.is_null(row)).then(|| column.value(row).as_primitive::<Float64Type>().values().to_vec())
    }

    /// A list of counts, `None` where null.
    pub fn counts(&self, name: &'static str, row: usize) -> Option<Vec<u64>> {
        let column = self.column(name).as_list::<i32>();
        (!column.is_null(row)).then(|| column.value(row).as_primitive::<UInt64Type>().values().to_vec())
    }

    /// A time, unset where null.
    pub fn time(&self, name: &'static str, row: usize) -> Timestamp {
        let column = self.column(name).as_primitive::<TimestampNanosecondType>();
        if column.is_null(row) { Timestamp::default() } else { Timestamp::from_nanos(column.value(row)) }
    }

    /// A float.
    pub fn float_opt(&self, name: &'static str, row: usize) -> Option<f64> {
        let column = self.column(name).as_primitive::<Float64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    }

    /// An unsigned number of 32 bits, 0 where null.
    pub fn u32(&self, name: &'static str, row: usize) -> u32 {
        self.u32_opt(name, row).unwrap_or(0)
    }

    /// An unsigned number of 32 bits.
    pub fn u32_opt(&self, name: &'static str, row: usize) -> Option<u32> {
        let column = self.column(name).as_primitive::<UInt32Type>();
        (!column.is_null(row)).then(|| column.value(row))
    }

    /// An unsigned number of 16 bits.
    pub fn u16(&self, name: &'static str, row: usize) -> u16 {
        self.column(name).as_primitive::<UInt16Type>().value(row)
    }

    /// An unsigned number of 8 bits.
    pub fn u8(&self, name: &'static str, row: usize) -> u8 {
        self.column(name).as_primitive::<UInt8Type>().value(row)
    }

    /// An unsigned number of 64 bits.
    pub fn u64_opt(&self, name: &'static str, row: usize) -> Option<u64> {
        let column = self.column(name).as_primitive::<UInt64Type>();
        (!column.is_null(row)).then(|| column.value(row))
    }

    /// A truth value, `None` where null.
    pub fn truth(&self, name: &'static str, row: usize) -> Option<bool> {
        let column = self.column(name).as_boolean();
        (!column.is_null(row)).then(|| column.value(row))
    }

    /// An amount of money.
    pub fn cost(&self, name: &'static str, row: usize) -> Option<Usd> {
        let column = self.column(name).as_primitive::<Decimal128Type>();
        (!column.is_null(row)).then(|| Usd::from_pico(column.value(row)))
    }

    fn tokens(&self, name: &'static str, row: usize) -> Option<u64> {
        let column = self.column(name).as_primitive::<Int64Type>();
        (!column.is_null(row)).then(|| u64::try_from(column.value(row)).unwrap_or(0))
    }

    /// The token counts of a row.
    pub fn usage(&self, row: usize) -> Usage {
        Usage {
            input_tokens: self.tokens("input_tokens", row),
            output_tokens: self.tokens("output_tokens", row),
            cache_read_tokens: self.tokens("cache_read_tokens", row),
            cache_write_tokens: self.tokens("cache_write_tokens", row),
            reasoning_tokens: self.tokens("reasoning_tokens", row),
            reported_total: self.tokens("reported_total_tokens", row),
        }
    }

    /// A value parsed from text.
    pub fn parse<T: std::str::FromStr>(&self, name: &'static str, row: usize) -> Result<T, RowError> {
        self.str(name, row).parse().map_err(|_| self.invalid(name, row))
    }

    /// A value parsed from text that may be missing.
    pub fn parse_opt<T: std::str::FromStr>(&self, name: &'static str, row: usize) -> Result<Option<T>, RowError> {
        self.str_opt(name, row).map(|text| text.parse().map_err(|_| self.invalid(name, row))).transpose()
    }

    /// The error for a value that does not parse.
    pub fn invalid(&self, column: &'static str, row: usize) -> RowError {
        let value = self.str(column, row).chars().take(80).collect();
        RowError::Value { table: self.table.name(), column, row, value }
    }
}
