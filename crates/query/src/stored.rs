//! Files of spans leave out what their other columns tell: how long a span took, and attributes that a column repeats. A query knows
//! the columns of the table; here they are put into terms of those a file has, file by file, so that old and new ones are read
//! side by side, and filters still work inside of the Parquet reader.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use store::schema::{ATTRIBUTES, DURATION, IN_COLUMNS, REPEATED};

/// What durations are made of.
const TIMES: [&str; 2] = ["started_at", "ended_at"];

/// Puts columns of the table `spans` into terms of the columns of a file.
#[derive(Debug)]
pub(crate) struct StoredSpans;

impl PhysicalExprAdapterFactory for StoredSpans {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let has = |name: &str| file.index_of(name).is_ok();
        let mut put_back: Vec<(&'static str, Arc<dyn PhysicalExpr>)> = Vec::new();
        if !has(DURATION) {
            put_back.push((DURATION, put_back_from(DURATION, DataType::Float64, TIMES.to_vec(), &file)?));
        }
        if has(IN_COLUMNS) {
            let names = [ATTRIBUTES, IN_COLUMNS].into_iter().chain(REPEATED.iter().copied());
            let names = names.filter(|name| has(name)).collect();
            put_back.push((ATTRIBUTES, put_back_from(ATTRIBUTES, DataType::Utf8, names, &file)?));
        }
        Ok(Arc::new(Adapter { put_back, others: DefaultPhysicalExprAdapterFactory.create(table, file)? }))
    }
}

/// The column `name` of the table as a function of columns of a file.
fn put_back_from(
    name: &'static str,
    data_type: DataType,
    columns: Vec<&'static str>,
    file: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let column = |name: &&str| -> Result<Arc<dyn PhysicalExpr>> { Ok(Arc::new(Column::new_with_schema(name, file)?)) };
    let arguments = columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    let field = Arc::new(Field::new(name, data_type.clone(), true));
    let function = PutBack { name, data_type, columns, signature: Signature::variadic_any(Volatility::Immutable) };
    let function = Arc::new(ScalarUDF::from(function));
    Ok(Arc::new(ScalarFunctionExpr::new(name, function, arguments, field, Arc::new(ConfigOptions::default()))))
}

/// Rewrites the expressions of a query for one file.
#[derive(Debug)]
struct Adapter {
    /// Columns that the file leaves out, wholly or in part.
    put_back: Vec<(&'static str, Arc<dyn PhysicalExpr>)>,
    others: Arc<dyn PhysicalExprAdapter>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        // From the leaves up: what is put in the place of a column is not looked at again.
        let column = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            match self.put_back.iter().find(|(name, _)| *name == column.name()) {
                Some((_, put_back)) => Ok(Transformed::yes(Arc::clone(put_back))),
                None => self.others.rewrite(expr).map(Transformed::yes),
            }
        };
        expr.transform_up(column).data()
    }
}

/// A column of the table made of columns of a file. No query can name it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PutBack {
    /// [`DURATION`] or [`ATTRIBUTES`].
    name: &'static str,
    data_type: DataType,
    /// What its arguments are.
    columns: Vec<&'static str>,
    signature: Signature,
}

impl ScalarUDFImpl for PutBack {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let column =
            |name: &str| self.columns.iter().zip(&arrays).find(|(own, _)| **own == name).map(|(_, array)| array);
        let put_back: std::result::Result<ArrayRef, store::RowError> = match (self.name, arrays.as_slice()) {
            (DURATION, [started, ended]) => store::durations(started, ended),
            _ => store::whole_attributes(column),
        };
        put_back.map(ColumnarValue::Array).map_err(|error| exec_datafusion_err!("{error}"))
    }
}
