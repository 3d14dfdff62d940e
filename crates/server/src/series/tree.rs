//! A query's syntax tree as Prometheus' `parse_query` gives it.
//!
//! Source: Prometheus, `web/api/v1/translate_ast.go`.

use promql::ast::{At, Binary, Cardinality, Duration, Expr, Node, Selector, ValueType, When};
use promql::{MatchOp, Matcher};
use serde_json::{Value, json};

use super::json::float;

/// The tree of a node.
pub fn json(node: &Node) -> Value {
    match &node.expr {
        Expr::Number { value, .. } => json!({"type": "numberLiteral", "val": float(*value)}),
        Expr::String(bytes) => json!({"type": "stringLiteral", "val": String::from_utf8_lossy(bytes)}),
        Expr::Vector(selector) => with(selector_json(selector, "vectorSelector"), &selector.when),
        Expr::Matrix(selector, range) => {
            let mut tree = with(selector_json(selector, "matrixSelector"), &selector.when);
            tree["range"] = millis(Some(range));
            tree
        }
        Expr::Subquery(subquery) => {
            let tree = json!({
                "type": "subquery",
                "expr": json(&subquery.inner),
                "range": millis(Some(&subquery.range)),
                "step": millis(subquery.step.as_ref()),
            });
            with(tree, &subquery.when)
        }
        Expr::Paren(inner) => json!({"type": "parenExpr", "expr": json(inner)}),
        Expr::Unary { negate, operand } => {
            json!({"type": "unaryExpr", "op": if *negate { "-" } else { "+" }, "expr": json(operand)})
        }
        Expr::Binary(binary) => binary_json(binary),
        Expr::Call(call) => {
            let function = call.function;
            let kinds: Vec<&str> = call.args.iter().map(|arg| kind(arg.value_type())).collect();
            json!({
                "type": "call",
                "func": {"name": function.name, "argTypes": kinds, "variadic": 0, "returnType": kind(function.returns)},
                "args": call.args.iter().map(json).collect::<Vec<_>>(),
            })
        }
        Expr::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.as_str(),
            "expr": json(&aggregate.input),
            "param": aggregate.parameter.as_ref().map(json),
            "grouping": aggregate.labels,
            "without": aggregate.without,
        }),
    }
}

fn kind(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

/// Milliseconds; 0 for none and for durations that only the query's times tell.
fn millis(duration: Option<&Duration>) -> Value {
    match duration {
        Some(Duration::Fixed(millis)) => json!(millis),
        _ => json!(0),
    }
}

fn with(mut tree: Value, when: &When) -> Value {
    tree["offset"] = millis(when.offset.as_ref());
    tree["timestamp"] = when.at.map_or(Value::Null, |at| match at {
        At::Time(time) => json!(time),
        At::Start | At::End => Value::Null,
    });
    tree["startOrEnd"] = when.at.map_or(Value::Null, |at| match at {
        At::Start => json!("start"),
        At::End => json!("end"),
        At::Time(_) => Value::Null,
    });
    tree
}

fn selector_json(selector: &Selector, kind: &str) -> Value {
    let matcher = |matcher: &Matcher| {
        let op = match matcher.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Matches => "=~",
            MatchOp::NotMatches => "!~",
        };
        json!({"name": matcher.name, "value": matcher.value, "type": op})
    };
    let matchers: Vec<Value> = selector.matchers.iter().map(matcher).collect();
    json!({"type": kind, "name": selector.name.as_deref().unwrap_or_default(), "matchers": matchers})
}

fn binary_json(binary: &Binary) -> Value {
    let vectors = [&binary.left, &binary.right].iter().all(|side| side.value_type() == ValueType::Vector);
    let cardinality = match binary.matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let matching = vectors.then(|| {
        json!({
            "card": cardinality,
            "labels": binary.matching.labels,
            "on": binary.matching.on,
            "include": binary.matching.include,
        })
    });
    json!({
        "type": "binaryExpr",
        "op": binary.op.as_str(),
        "lhs": json(&binary.left),
        "rhs": json(&binary.right),
        "matching": matching,
        "bool": binary.return_bool,
    })
}
