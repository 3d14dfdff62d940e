//! Arrow values as JSON for answers.

use datafusion::arrow::array::{
    Array, AsArray, Decimal32Array, Decimal64Array, Decimal128Array, Decimal256Array, RecordBatch,
};
use datafusion::arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use model::Timestamp;
use serde_json::{Map, Number, Value as Json};

/// The word for a column type in an answer.
pub(crate) fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "null",
        DataType::Boolean => "boolean",
        integer if integer.is_integer() => "integer",
        number if number.is_floating() || number.is_decimal() => "number",
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            "time"
        }
        DataType::Duration(_) | DataType::Interval(_) => "duration",
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "list",
        DataType::Struct(_) | DataType::Map(..) => "object",
        DataType::Dictionary(_, value) => kind(value),
        DataType::RunEndEncoded(_, value) => kind(value.data_type()),
        _ => "text",
    }
}

/// Row `at` of `batch`.
pub(crate) fn row(batch: &RecordBatch, at: usize) -> Vec<Json> {
    batch.columns().iter().map(|column| value(column.as_ref(), at)).collect()
}

/// About how many bytes `value` takes as JSON text.
pub(crate) fn size(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 12,
        Json::String(text) => text.len() + 3,
        Json::Array(items) => 2 + items.iter().map(size).sum::<usize>(),
        Json::Object(entries) => 2 + entries.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>(),
    }
}

/// Value `at` of `array`.
pub(crate) fn value(array: &dyn Array, at: usize) -> Json {
    if array.is_null(at) {
        return Json::Null;
    }
    match array.data_type() {
        DataType::Null => Json::Null,
        DataType::Boolean => Json::Bool(array.as_boolean().value(at)),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(at).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(at).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(at).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(at).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(at).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(at).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(at).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(at).into(),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(at).to_f64()),
        // Through decimal text, so that 0.1 stays 0.1 and does not become 0.10000000149011612.
        DataType::Float32 => decimal(&array.as_primitive::<Float32Type>().value(at).to_string()),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(at)),
        DataType::Decimal32(..) => with::<Decimal32Array>(array, |array| decimal(&array.value_as_string(at))),
        DataType::Decimal64(..) => with::<Decimal64Array>(array, |array| decimal(&array.value_as_string(at))),
        DataType::Decimal128(..) => with::<Decimal128Array>(array, |array| decimal(&array.value_as_string(at))),
        DataType::Decimal256(..) => with::<Decimal256Array>(array, |array| decimal(&array.value_as_string(at))),
        DataType::Utf8 => array.as_string::<i32>().value(at).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(at).into(),
        DataType::Utf8View => array.as_string_view().value(at).into(),
        DataType::Binary => hex(array.as_binary::<i32>().value(at)),
        DataType::LargeBinary => hex(array.as_binary::<i64>().value(at)),
        DataType::BinaryView => hex(array.as_binary_view().value(at)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(at)),
        DataType::Timestamp(unit, _) => timestamp(array, at, *unit),
        DataType::List(_) => list(array.as_list::<i32>().value(at).as_ref()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(at).as_ref()),
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(at).as_ref()),
        DataType::ListView(_) => list(array.as_list_view::<i32>().value(at).as_ref()),
        DataType::LargeListView(_) => list(array.as_list_view::<i64>().value(at).as_ref()),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            fields
                .iter()
                .zip(columns)
                .map(|(field, column)| (field.name().clone(), value(column.as_ref(), at)))
                .collect()
        }
        DataType::Map(..) => map(array, at),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            value(dictionary.values().as_ref(), dictionary.normalized_keys()[at])
        }
        _ => text(array, at),
    }
}

fn with<T: Array + 'static>(array: &dyn Array, read: impl FnOnce(&T) -> Json) -> Json {
    array.as_any().downcast_ref::<T>().map_or(Json::Null, read)
}

fn float(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// Decimal text as a number; `NaN` and `inf` become null.
fn decimal(text: &str) -> Json {
    serde_json::from_str::<Number>(text).map_or(Json::Null, Json::Number)
}

fn hex(bytes: &[u8]) -> Json {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Json::String(text)
}

fn list(items: &dyn Array) -> Json {
    (0..items.len()).map(|at| value(items, at)).collect()
}

fn map(array: &dyn Array, at: usize) -> Json {
    let entries = array.as_map().value(at);
    let (keys, values) = (entries.column(0), entries.column(1));
    let mut object = Map::new();
    for entry in 0..entries.len() {
        let key = match value(keys.as_ref(), entry) {
            Json::String(key) => key,
            other => other.to_string(),
        };
        object.insert(key, value(values.as_ref(), entry));
    }
    Json::Object(object)
}

fn timestamp(array: &dyn Array, at: usize, unit: TimeUnit) -> Json {
    let nanos = match unit {
        TimeUnit::Second => i128::from(array.as_primitive::<TimestampSecondType>().value(at)) * 1_000_000_000,
        TimeUnit::Millisecond => i128::from(array.as_primitive::<TimestampMillisecondType>().value(at)) * 1_000_000,
        TimeUnit::Microsecond => i128::from(array.as_primitive::<TimestampMicrosecondType>().value(at)) * 1_000,
        TimeUnit::Nanosecond => i128::from(array.as_primitive::<TimestampNanosecondType>().value(at)),
    };
    match i64::try_from(nanos) {
        Ok(nanos) => Json::String(Timestamp::from_nanos(nanos).to_string()),
        // Beyond 1677 to 2262 only computed times lie.
        Err(_) => text(array, at),
    }
}

/// Anything else in Arrow's own text form: dates, times of day, durations, intervals, unions.
fn text(array: &dyn Array, at: usize) -> Json {
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options)
        .ok()
        .and_then(|formatter| formatter.value(at).try_to_string().ok())
        .map_or(Json::Null, Json::String)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        BinaryArray, DictionaryArray, Float32Array, Float64Array, ListArray, StringArray, TimestampNanosecondArray,
        UInt64Array,
    };
    use datafusion::arrow::datatypes::Int32Type;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_a_person_would_write_them() {
        let cases: Vec<(Arc<dyn Array>, Json)> = vec![
            (Arc::new(UInt64Array::from(vec![u64::MAX])), json!(u64::MAX)),
            (Arc::new(Float64Array::from(vec![f64::NAN])), Json::Null),
            (Arc::new(Float32Array::from(vec![f32::INFINITY])), Json::Null),
            (Arc::new(Float32Array::from(vec![0.1f32])), json!(0.1)),
            (
                Arc::new(Decimal128Array::from(vec![37_500_000i128]).with_precision_and_scale(38, 12).unwrap()),
                json!(0.0000375),
            ),
            (
                Arc::new(TimestampNanosecondArray::from(vec![1_763_700_000_123_456_789]).with_timezone("UTC")),
                json!("2025-11-21T04:40:00.123456789Z"),
            ),
            (Arc::new(BinaryArray::from(vec![b"\x00\xffa".as_slice()])), json!("00ff61")),
            (
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])])),
                json!([1, null]),
            ),
            (Arc::new(["x"].into_iter().collect::<DictionaryArray<Int32Type>>()), json!("x")),
            (Arc::new(StringArray::from(vec![None::<&str>])), Json::Null),
        ];
        for (array, expected) in cases {
            assert_eq!(value(array.as_ref(), 0), expected, "{:?}", array.data_type());
        }
    }
}
