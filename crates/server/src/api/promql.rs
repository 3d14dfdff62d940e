//! `/api/v1/promql/words`: what can be written in PromQL, for editors that complete it.

use axum::Json;
use promql::ast::{AggregateOp, ValueType};
use promql::{FUNCTIONS, Function};

use super::params::Params;
use super::types::{Problem, PromqlWord, PromqlWords};

/// Arguments and result as people write them: `rate(range) vector`.
fn signature(function: &Function) -> String {
    let mut arguments: Vec<String> = function.args.iter().map(|it| word(*it).to_owned()).collect();
    if let Some(last) = arguments.last_mut().filter(|_| function.variadic != 0) {
        *last = if function.variadic < 0 { format!("[{last}, …]") } else { format!("[{last}]") };
    }
    format!("{}({}) {}", function.name, arguments.join(", "), word(function.returns))
}

fn word(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "number",
        ValueType::String => "text",
        ValueType::Vector => "vector",
        ValueType::Matrix => "range",
    }
}

/// What can be written.
#[utoipa::path(get, path = "/api/v1/promql/words", operation_id = "getPromqlWords", tag = "signals",
    summary = "Functions and aggregations of PromQL",
    responses((status = 200, body = PromqlWords, description = "Each ordered by name")))]
pub async fn words(params: Params) -> Result<Json<PromqlWords>, Problem> {
    params.end()?;
    let functions = FUNCTIONS.iter().map(|function| PromqlWord {
        name: function.name.to_owned(),
        signature: signature(function),
        experimental: function.experimental,
    });
    let mut aggregations: Vec<PromqlWord> = AggregateOp::ALL
        .iter()
        .map(|op| {
            let parameter = op.parameter().map(|it| format!("{}, ", word(it))).unwrap_or_default();
            PromqlWord {
                name: op.as_str().to_owned(),
                signature: format!("{} by (labels) ({parameter}vector) vector", op.as_str()),
                experimental: matches!(op, AggregateOp::Limitk | AggregateOp::LimitRatio),
            }
        })
        .collect();
    aggregations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(PromqlWords { functions: functions.collect(), aggregations }))
}
