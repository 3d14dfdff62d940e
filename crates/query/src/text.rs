//! Looking for texts in a column, as expressions of a plan: part of a text, case ignored, or whole ones in lists. Not callable
//! from SQL, which has LIKE and `array_has_any`.
//!
//! A column may come as a dictionary (lists of runs do, [`crate::narrow`]): then each different text is looked at once.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, StringArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::col;
use store::Needle;

use crate::QueryError;

/// The text of a filter; blanks alone ask for nothing.
pub(crate) fn wanted(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.trim().is_empty())
}

/// The needle of a text a caller gave.
pub(crate) fn needle(text: &str) -> Result<Needle, QueryError> {
    Needle::new(text).map_err(|error| QueryError::invalid(error.to_string()))
}

/// Whether a column of texts, or of lists of texts, contains the needle; false where it is null.
pub(crate) fn contains(column: &str, text: &str, needle: &Needle) -> Expr {
    found(column, Wanted::Part { text: text.to_owned(), needle: needle.clone() })
}

/// Whether a column of texts, or of lists of texts, has one of the values; false where it is null.
pub(crate) fn has_one_of(column: &str, values: &[String]) -> Expr {
    found(column, Wanted::Whole(values.to_vec()))
}

fn found(column: &str, wanted: Wanted) -> Expr {
    ScalarUDF::from(Find { wanted, signature: Signature::any(1, Volatility::Immutable) }).call(vec![col(column)])
}

/// What is looked for.
#[derive(Debug)]
enum Wanted {
    /// A text that stands somewhere in another.
    Part { text: String, needle: Needle },
    /// Texts, any of which is the whole.
    Whole(Vec<String>),
}

impl Wanted {
    /// The texts that pass.
    fn rows(&self, texts: &StringArray) -> Vec<usize> {
        match self {
            Self::Part { needle, .. } => needle.rows(texts, false),
            Self::Whole(values) => {
                let is_one = |at: &usize| texts.is_valid(*at) && values.iter().any(|value| value == texts.value(*at));
                (0..texts.len()).filter(is_one).collect()
            }
        }
    }

    /// Which texts of a column pass.
    fn texts(&self, column: &dyn Array) -> Result<BooleanBuffer> {
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Ok(these(texts.len(), self.rows(texts)));
        }
        let coded = column.as_dictionary_opt::<Int32Type>();
        let coded = coded.and_then(|coded| Some((coded.keys(), coded.values().as_string_opt::<i32>()?)));
        let (keys, texts) = coded.ok_or_else(|| exec_datafusion_err!("no texts but {}", column.data_type()))?;
        let passing = these(texts.len(), self.rows(texts));
        if passing.count_set_bits() == 0 {
            return Ok(BooleanBuffer::new_unset(keys.len()));
        }
        // A row without a text may have any key.
        let passes = |row| keys.is_valid(row) && passing.value(keys.value(row) as usize);
        Ok(BooleanBuffer::collect_bool(keys.len(), passes))
    }
}

/// Bits of which some are set.
fn these(bits: usize, set: Vec<usize>) -> BooleanBuffer {
    let mut all = vec![false; bits];
    set.into_iter().for_each(|at| all[at] = true);
    all.into()
}

#[derive(Debug)]
struct Find {
    wanted: Wanted,
    signature: Signature,
}

impl PartialEq for Find {
    fn eq(&self, other: &Self) -> bool {
        match (&self.wanted, &other.wanted) {
            (Wanted::Part { text, .. }, Wanted::Part { text: other, .. }) => text == other,
            (Wanted::Whole(values), Wanted::Whole(others)) => values == others,
            _ => false,
        }
    }
}

impl Eq for Find {}

impl Hash for Find {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.wanted {
            Wanted::Part { text, .. } => text.hash(state),
            Wanted::Whole(values) => values.hash(state),
        }
    }
}

impl ScalarUDFImpl for Find {
    fn name(&self) -> &str {
        match self.wanted {
            Wanted::Part { .. } => "contains_text",
            Wanted::Whole(_) => "has_one_of",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let column = args.args.first().ok_or_else(|| exec_datafusion_err!("{} without a column", self.name()))?;
        let column = column.to_array(args.number_rows)?;
        let Some(lists) = column.as_list_opt::<i32>() else {
            return Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(self.wanted.texts(&column)?, None))));
        };
        let items = self.wanted.texts(lists.values())?;
        let found = if items.count_set_bits() == 0 {
            BooleanBuffer::new_unset(lists.len())
        } else {
            let offsets = lists.value_offsets();
            BooleanBuffer::collect_bool(lists.len(), |row| {
                lists.is_valid(row) && (offsets[row]..offsets[row + 1]).any(|item| items.value(item as usize))
            })
        };
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(found, None))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::Field;
    use datafusion::common::config::ConfigOptions;

    use super::*;

    fn rows(wanted: Wanted, column: &ArrayRef) -> Vec<usize> {
        let find = Find { wanted, signature: Signature::any(1, Volatility::Immutable) };
        let field = Arc::new(Field::new("c", column.data_type().clone(), true));
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::clone(column))],
            arg_fields: vec![field],
            number_rows: column.len(),
            return_field: Arc::new(Field::new("found", DataType::Boolean, true)),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let found = find.invoke_with_args(args).unwrap().into_array(column.len()).unwrap();
        assert_eq!(found.null_count(), 0);
        found.as_boolean().values().set_indices().collect()
    }

    #[test]
    fn texts_and_lists_are_looked_through_whether_or_not_they_are_dictionaries() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("Planner"), None, Some("plan"), Some("Planner")]));
        let mut lists = ListBuilder::new(StringBuilder::new());
        for list in [&["a", "planner"][..], &[], &["plan"], &["b"]] {
            list.iter().for_each(|item| lists.values().append_value(item));
            lists.append(!list.is_empty());
        }
        let lists: ArrayRef = Arc::new(lists.finish());
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let coded_lists = DataType::List(Arc::new(Field::new("item", coded.clone(), true)));
        let part = || Wanted::Part { text: "PLANNER".into(), needle: needle("PLANNER").unwrap() };
        let whole = || Wanted::Whole(vec!["plan".into(), "b".into()]);
        for texts in [Arc::clone(&texts), cast(&texts, &coded).unwrap()] {
            assert_eq!((rows(part(), &texts), rows(whole(), &texts)), (vec![0, 3], vec![2]));
            assert!(rows(Wanted::Whole(vec!["x".into()]), &texts).is_empty());
        }
        for lists in [Arc::clone(&lists), cast(&lists, &coded_lists).unwrap()] {
            assert_eq!((rows(part(), &lists), rows(whole(), &lists)), (vec![0], vec![2, 3]));
            assert_eq!(rows(whole(), &lists.slice(1, 2)), [1]);
        }
    }
}
