//! Types: what fits where.

use super::{Failure, Parsed};
use crate::ast::*;
use crate::functions::Function;
use crate::quote::quoted;

/// Checks the whole tree. Its height is bounded, so recursion is safe.
pub(super) fn check(node: &Node) -> Parsed<()> {
    check_below(node, false)
}

fn check_below(node: &Node, may_match_all: bool) -> Parsed<()> {
    match &node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => check_selector(node, selector, may_match_all)?,
        Expr::Subquery(subquery) => {
            if subquery.inner.value_type() != ValueType::Vector {
                let found = subquery.inner.value_type().as_str();
                let message = format!("subquery is only allowed on instant vector, got {found} instead");
                return Err(Failure::new(node.start, message));
            }
        }
        Expr::Unary { operand, .. } => {
            let found = operand.value_type();
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                let message = format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                    found.as_str()
                );
                return Err(Failure::new(operand.start, message));
            }
        }
        Expr::Binary(binary) => check_binary(node, binary)?,
        Expr::Call(call) => return check_call(node, call),
        Expr::Aggregate(aggregate) => {
            expect(&aggregate.input, ValueType::Vector, "aggregation expression")?;
            if let (Some(parameter), Some(wanted)) = (&aggregate.parameter, aggregate.op.parameter()) {
                expect(parameter, wanted, "aggregation parameter")?;
            }
        }
        Expr::Number { .. } | Expr::String(_) | Expr::Paren(_) => {}
    }
    node.children().into_iter().try_for_each(|child| check_below(child, false))
}

fn expect(node: &Node, wanted: ValueType, context: &str) -> Parsed<()> {
    let found = node.value_type();
    if found == wanted {
        return Ok(());
    }
    let message = format!("expected type {} in {context}, got {}", wanted.as_str(), found.as_str());
    Err(Failure::new(node.start, message))
}

fn check_selector(node: &Node, selector: &Selector, may_match_all: bool) -> Parsed<()> {
    let names = selector.matchers.iter().filter(|matcher| &*matcher.name == crate::labels::METRIC_NAME);
    if let (Some(name), true) = (&selector.name, names.clone().count() > 1) {
        let other = names.clone().nth(1).map(|matcher| quoted(&matcher.value)).unwrap_or_default();
        let message = format!("metric name must not be set twice: {} or {other}", quoted(name));
        return Err(Failure::new(node.start, message));
    }
    if !may_match_all && selector.matchers.iter().all(|matcher| matcher.is_match("")) {
        return Err(Failure::new(node.start, "vector selector must contain at least one non-empty matcher"));
    }
    Ok(())
}

fn check_binary(node: &Node, binary: &Binary) -> Parsed<()> {
    let fail = |message: String| Err(Failure::new(node.start, message));
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let op = binary.op;
    if binary.return_bool && !op.is_comparison() {
        return fail("bool modifier can only be used on comparison operators".into());
    }
    for (side, found) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return Err(Failure::new(side.start, message));
        }
    }
    let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    if op.is_comparison() && scalars && !binary.return_bool {
        return fail("comparisons between scalars must use BOOL modifier".into());
    }
    let matching = &binary.matching;
    let vectors = left == ValueType::Vector && right == ValueType::Vector;
    if op.is_set() {
        if !vectors {
            return fail(format!("set operator {:?} not allowed in binary scalar expression", op.as_str()));
        }
        if matching.cardinality != Cardinality::ManyToMany {
            return fail(format!("no grouping allowed for {:?} operation", op.as_str()));
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return fail(format!("filling in missing series not allowed for set operators ({:?})", op.as_str()));
        }
    }
    if !vectors && (!matching.labels.is_empty() || matching.on) {
        return fail("vector matching only allowed between instant vectors".into());
    }
    if !vectors && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
        return fail("filling in missing series only allowed between instant vectors".into());
    }
    if matching.on {
        let twice = matching.labels.iter().find(|label| matching.include.contains(label));
        if let Some(label) = twice {
            return fail(format!("label {} must not occur in ON and GROUP clause at once", quoted(label)));
        }
    }
    if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) && scalars {
        return fail(format!("operator {:?} not allowed for Scalar operations", op.as_str()));
    }
    Ok(())
}

fn check_call(node: &Node, call: &Call) -> Parsed<()> {
    let Function { name, args: types, variadic, .. } = call.function;
    let (count, given) = (types.len(), call.args.len());
    let fail = |word: &str, number: usize| {
        let message = format!("expected {word}{number} argument(s) in call to {name:?}, got {given}");
        Err(Failure::new(node.start, message))
    };
    if *variadic == 0 {
        if given != count {
            return fail("", count);
        }
    } else {
        let least = count - 1;
        if given < least {
            return fail("at least ", least);
        }
        let most = least + (*variadic).max(0) as usize;
        if *variadic > 0 && given > most {
            return fail("at most ", most);
        }
    }
    for (at, arg) in call.args.iter().enumerate() {
        let wanted = types[at.min(count - 1)];
        expect(arg, wanted, &format!("call to function {name:?}"))?;
        // The second argument of `info` is no selection of its own but conditions on labels.
        let labels_only = *name == "info" && at == 1;
        if labels_only && !matches!(arg.expr, Expr::Vector(_)) {
            return Err(Failure::new(
                arg.start,
                "expected label selectors as the second argument to \"info\" function",
            ));
        }
        check_below(arg, labels_only)?;
    }
    Ok(())
}
