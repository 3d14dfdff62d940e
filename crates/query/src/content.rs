//! `content(trace_id, attributes, 'key')`: attributes as they were sent, large texts put back.
//!
//! Columns hold references to texts that are kept once (`docs/formats/attributes.md`). The texts are looked up in the snapshot
//! the query sees, among those of the project it is asked for, and only for rows that get so far.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use model::{TraceId, Value};
use store::{Snapshot, Texts};

use crate::functions::{found, plain, text_array};

/// Bytes of texts that one batch of rows may come to, whatever the memory of all queries: a column of text holds at most 2 GiB.
const BATCH_BYTES_MAX: usize = 1 << 30;
/// What DataFusion says where such a function stands in a place it cannot be worked out in.
pub(crate) const MISPLACED: &str = "async functions should not be called directly";

/// The function, for one query.
pub(crate) struct Content {
    snapshot: Snapshot,
    project: Arc<str>,
    memory: Arc<dyn MemoryPool>,
    signature: Signature,
}

impl Content {
    /// The function over what one query sees of a project.
    pub(crate) fn function(snapshot: &Snapshot, project: &str, memory: &Arc<dyn MemoryPool>) -> Arc<ScalarUDF> {
        // Volatile, so that it is worked out where the query has it, and for no row that a condition leaves out.
        let signature =
            Signature::one_of(vec![TypeSignature::String(2), TypeSignature::String(3)], Volatility::Volatile);
        let content =
            Self { snapshot: snapshot.clone(), project: project.into(), memory: Arc::clone(memory), signature };
        Arc::new(AsyncScalarUDF::new(Arc::new(content)).into_scalar_udf())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "content of project {}", self.project)
    }
}

// Within a query there is one.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.project == other.project
    }
}

impl Eq for Content {}

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.project.hash(state);
    }
}

impl ScalarUDFImpl for Content {
    fn name(&self) -> &str {
        "content"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{MISPLACED}")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Content {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (traces, values, keys) = match args.args.as_slice() {
            [trace, values] => (text_array(trace, rows)?, text_array(values, rows)?, None),
            [trace, values, key] => (text_array(trace, rows)?, text_array(values, rows)?, Some(text_array(key, rows)?)),
            _ => return exec_err!("content takes a trace id, a column of attributes and, where one is wanted, a key"),
        };
        let (traces, values) = (traces.as_string::<i32>(), values.as_string::<i32>());
        let keys = keys.as_ref().map(|keys| keys.as_string::<i32>());
        let wanted: Vec<Option<(TraceId, &str)>> = (0..rows)
            .map(|row| {
                if traces.is_null(row) || values.is_null(row) {
                    return None;
                }
                let trace = traces.value(row).parse::<TraceId>().ok()?;
                match keys {
                    Some(keys) if keys.is_null(row) => None,
                    Some(keys) => Some((trace, found(values.value(row), keys.value(row))?)),
                    None => Some((trace, values.value(row))),
                }
            })
            .collect();
        let refer: Vec<(TraceId, &str)> = wanted.iter().flatten().copied().collect();
        let texts = self.snapshot.texts(&self.project, &refer).await;
        let texts = texts.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let memory = MemoryConsumer::new("content").register(&self.memory);
        memory.try_grow(texts.bytes())?;
        let mut out = StringBuilder::new();
        let mut bytes = 0;
        for row in wanted {
            let text = row.and_then(|(trace, value)| as_sent(&texts, trace, value, keys.is_none()));
            let length = text.as_ref().map_or(0, String::len);
            memory.try_grow(length)?;
            bytes += length;
            if bytes > BATCH_BYTES_MAX {
                return Err(DataFusionError::ResourcesExhausted(format!("texts of more than {BATCH_BYTES_MAX} bytes")));
            }
            out.append_option(text);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// A stored value as it was sent: text as it is (unless the whole column is asked for), other values as JSON. What cannot be
/// read as a stored value is given as it stands.
fn as_sent(texts: &Texts, trace: TraceId, value: &str, column: bool) -> Option<String> {
    match texts.whole(trace, value) {
        Ok(Value::Str(text)) if !column => Some(text.into_owned()),
        Ok(Value::Null) => None,
        Ok(whole) => {
            let json = store::encode_value(&whole);
            if column { Some(json) } else { plain(&json) }
        }
        Err(_) => plain(value),
    }
}
