//! Functions queries may call: DataFusion's own without the few that do harm, `attr` and `quantiles`. `content` is
//! each query's own ([`crate::content`]).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, HigherOrderUDF, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, WindowUDF,
};
use datafusion::prelude::{col, lit};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::quantiles::Quantiles;

/// Functions that are left out: those that make huge values out of small ones in one step, where no memory limit
/// looks, and those that show the storage below the views.
const LEFT_OUT: &[&str] = &[
    "array_repeat",
    "array_resize",
    "file_row_index",
    "generate_series",
    "input_file_name",
    "lpad",
    "range",
    "repeat",
    "rpad",
    "version",
];

/// What turns operators and brackets of SQL into function calls.
pub(crate) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    SessionStateDefaults::default_expr_planners()
}

/// Functions of one row.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = SessionStateDefaults::default_scalar_functions();
    functions.retain(|function| !LEFT_OUT.contains(&function.name()));
    functions.push(Arc::new(ScalarUDF::from(Attr::new())));
    functions
}

/// `attr(column, key)`.
pub(crate) fn attr(column: &str, key: &str) -> Expr {
    ScalarUDF::from(Attr::new()).call(vec![col(column), lit(key)])
}

/// Functions that take functions.
pub(crate) fn higher_order() -> Vec<Arc<HigherOrderUDF>> {
    SessionStateDefaults::default_higher_order_functions()
}

/// Functions of many rows.
pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let mut functions = SessionStateDefaults::default_aggregate_functions();
    functions.push(Arc::new(AggregateUDF::from(Quantiles::new())));
    functions
}

/// Functions of neighbouring rows.
pub(crate) fn window() -> Vec<Arc<WindowUDF>> {
    SessionStateDefaults::default_window_functions()
}

/// `attr(attributes, 'key')`: the text of one attribute.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Attr {
    signature: Signature,
}

impl Attr {
    fn new() -> Self {
        Self { signature: Signature::string(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Attr {
    fn name(&self) -> &str {
        "attr"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalar { 1 } else { args.number_rows };
        let [attributes, key] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("attr takes two arguments: the attributes column and a key"));
        };
        let attributes = text_array(attributes, rows)?;
        let key = text_array(key, rows)?;
        let (attributes, key) = (attributes.as_string::<i32>(), key.as_string::<i32>());
        let mut texts = StringBuilder::with_capacity(rows, rows * 16);
        for row in 0..rows {
            if attributes.is_null(row) || key.is_null(row) {
                texts.append_null();
            } else {
                texts.append_option(attribute(attributes.value(row), key.value(row)));
            }
        }
        let texts: ArrayRef = Arc::new(texts.finish());
        if all_scalar {
            return datafusion::common::ScalarValue::try_from_array(&texts, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(texts))
    }
}

/// An argument as a column of text.
pub(crate) fn text_array(value: &ColumnarValue, rows: usize) -> Result<ArrayRef> {
    Ok(cast(&value.to_array(rows)?, &DataType::Utf8)?)
}

/// The text of attribute `key` in a JSON object of attributes, or in a JSON array of `[key, value]` pairs (labels of samples).
///
/// Text is given as it is, other values as JSON; null and what is not there as `None`. Where a sender repeats a key, the last
/// one counts. The encoding is that of `docs/formats/attributes.md`; a reference to a body is given as it stands.
fn attribute(json: &str, key: &str) -> Option<String> {
    plain(found(json, key)?)
}

/// The stored value of attribute `key`, as [`attribute`] finds it.
pub(crate) fn found<'j>(json: &'j str, key: &str) -> Option<&'j str> {
    let found = Find { key }.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()??;
    Some(found.get())
}

/// A stored JSON value as text.
pub(crate) fn plain(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'n' => None,
        _ => match json.strip_prefix("{\"$double\":") {
            Some(rest) => serde_json::from_str(rest.strip_suffix('}')?).ok(),
            None => Some(json.to_owned()),
        },
    }
}

/// Looks one key up without building the rest.
struct Find<'k> {
    key: &'k str,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(which) = map.next_key_seed(Which(self.key))? {
            match which {
                Found::Wanted => found = Some(map.next_value::<&'de RawValue>()?),
                // Attributes whose keys repeat or begin with `$` are kept as pairs under this key.
                Found::Pairs => found = map.next_value_seed(Find { key: self.key })?,
                Found::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some((key, value)) = pairs.next_element::<(String, &'de RawValue)>()? {
            if key == self.key {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

/// What a key is.
enum Found {
    Wanted,
    Pairs,
    Other,
}

/// Compares a key without copying it.
struct Which<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Which<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Which<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Found, E> {
        Ok(if key == "$map" {
            Found::Pairs
        } else if key == self.0 {
            Found::Wanted
        } else {
            Found::Other
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_found_in_an_object_and_in_pairs() {
        let object =
            r#"{"a":{"b":"inner"},"b":"text \u00e4","n":1.50,"gone":null,"r":"first","r":"last","esc\"aped":true}"#;
        for (key, expected) in [
            ("b", Some("text ä")),
            ("a", Some(r#"{"b":"inner"}"#)),
            ("n", Some("1.50")),
            ("gone", None),
            ("missing", None),
            ("r", Some("last")),
            ("esc\"aped", Some("true")),
        ] {
            assert_eq!(attribute(object, key).as_deref(), expected, "{key}");
        }
        assert_eq!(attribute(r#"[["le","0.5"],["x","y"]]"#, "x").as_deref(), Some("y"));
        let repeated = r#"{"$map":[["r","first"],["r","last"],["$x",1]]}"#;
        assert_eq!(attribute(repeated, "r").as_deref(), Some("last"));
        assert_eq!(attribute(repeated, "$x").as_deref(), Some("1"));
        for broken in ["", "{", "3", "[1]", r#"{"a":"#] {
            assert_eq!(attribute(broken, "a"), None);
        }
    }
}
