//! Telling "it got better" from "nothing is heard any more".
//!
//! An expression like `errors / calls > 0.05` gives nothing both when the ratio fell and when the series are gone. The part before
//! the comparison tells the two apart: what it still gives has a value, what it no longer gives has no data.

use promql::ast::{BinaryOp, Expr, Node, ValueType};
use promql::{Labels, Query, ResultSample};

/// The part of an alert's expression that has a value whether or not the condition holds; `None` where that cannot be told:
/// there is no comparison, or absence is what the rule asks for.
pub fn watched(query: &Query) -> Option<Query> {
    let node = left_of_conditions(&query.root)?;
    let text = query.text.get(node.start..node.end)?;
    promql::parse(text).ok()
}

fn left_of_conditions(node: &Node) -> Option<&Node> {
    let Expr::Binary(binary) = &node.bare().expr else { return None };
    match binary.op {
        // A chain of conditions: the one further left has the value.
        BinaryOp::And | BinaryOp::Unless => left_of_conditions(&binary.left).or_else(|| plain(&binary.left)),
        op if op.is_comparison() && !binary.return_bool => {
            let side = if binary.left.value_type() == ValueType::Vector { &binary.left } else { &binary.right };
            left_of_conditions(side).or_else(|| plain(side))
        }
        _ => None,
    }
}

/// The expression, unless it answers to absence.
fn plain(node: &Node) -> Option<&Node> {
    let vector = node.value_type() == ValueType::Vector;
    (vector && !asks_for_absence(node)).then_some(node)
}

fn asks_for_absence(node: &Node) -> bool {
    let here = matches!(&node.expr, Expr::Call(call) if matches!(call.function.name, "absent" | "absent_over_time" | "vector"));
    here || node.children().into_iter().any(asks_for_absence)
}

/// Whether one of the samples is of the series `source`. Names do not count: comparisons keep them, arithmetic drops them.
pub(super) fn is_there(samples: &[ResultSample], source: &Labels) -> bool {
    let source = source.without_metadata();
    samples.iter().any(|sample| sample.labels.without_metadata() == source)
}
