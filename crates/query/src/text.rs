//! Whether a text contains a needle, case ignored, as an expression of a plan. Not callable from SQL, which has LIKE.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::datatypes::DataType;
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
    let function =
        Contains { text: text.to_owned(), needle: needle.clone(), signature: Signature::any(1, Volatility::Immutable) };
    ScalarUDF::from(function).call(vec![col(column)])
}

#[derive(Debug)]
struct Contains {
    text: String,
    needle: Needle,
    signature: Signature,
}

impl PartialEq for Contains {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Contains {}

impl Hash for Contains {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl ScalarUDFImpl for Contains {
    fn name(&self) -> &str {
        "contains_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let column = args.args.first().ok_or_else(|| exec_datafusion_err!("contains_text without a column"))?;
        let column = column.to_array(args.number_rows)?;
        let mut found = BooleanBufferBuilder::new(column.len());
        found.append_n(column.len(), false);
        if let Some(texts) = column.as_string_opt::<i32>() {
            self.needle.rows(texts, false).into_iter().for_each(|row| found.set_bit(row, true));
        } else if let Some(lists) = column.as_list_opt::<i32>() {
            let items =
                lists.values().as_string_opt::<i32>().ok_or_else(|| exec_datafusion_err!("no list of texts"))?;
            for item in self.needle.rows(items, false) {
                let row = lists.value_offsets().partition_point(|offset| *offset as usize <= item);
                if (1..=lists.len()).contains(&row) && lists.is_valid(row - 1) {
                    found.set_bit(row - 1, true);
                }
            }
        } else {
            return Err(exec_datafusion_err!("contains_text on {}", column.data_type()));
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(found.finish(), None))))
    }
}
