//! What the value of an alert's expression is compared with, where that is no number: twice what is usual, a budget.

use promql::Query;
use promql::ast::{Binary, BinaryOp, Expr, Node, ValueType};

/// What each series of the value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Gives a number for each series of the value that it is compared with, matched as the rule matches them.
    pub query: Query,
    /// The rule fires below that number, not above.
    pub below: bool,
}

/// The other side of an expression's comparison; `None` where that is a number, or there is none.
pub fn limits(query: &Query) -> Option<Limits> {
    let binary = comparison(&query.root)?;
    let below = match binary.op {
        BinaryOp::Less | BinaryOp::LessEqual => true,
        BinaryOp::Greater | BinaryOp::GreaterEqual => false,
        _ => return None,
    };
    let number = matches!(binary.right.bare().expr, Expr::Number { .. });
    if number || binary.return_bool || binary.left.value_type() != ValueType::Vector {
        return None;
    }
    let text = |from: usize, to: usize| query.text.get(from..to);
    let left = text(binary.left.start, binary.left.end)?;
    let right = text(binary.right.start, binary.right.end)?;
    let (before, matching) = text(binary.left.end, binary.right.start)?.split_once(binary.op.as_str())?;
    if !before.trim().is_empty() {
        return None;
    }
    // Brackets behind a `group_left` without labels would be read as its labels.
    let bare = ["group_left", "group_right"].iter().any(|word| matching.trim_end().ends_with(word));
    let labels = if bare { "()" } else { "" };
    // Nothing of the value and all of the other side, so that series find each other as they do in the rule. The line breaks
    // end comments.
    let query = promql::parse(&format!("({left}\n) * 0 +{matching}{labels} ({right}\n)")).ok()?;
    Some(Limits { query, below })
}

/// The comparison that decides: of a chain of conditions the one further left.
fn comparison(node: &Node) -> Option<&Binary> {
    let Expr::Binary(binary) = &node.bare().expr else { return None };
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => comparison(&binary.left),
        op if op.is_comparison() => Some(binary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(expression: &str) -> Option<(String, bool)> {
        let found = limits(&promql::parse(expression).unwrap())?;
        Some((found.query.text.split_whitespace().collect::<Vec<_>>().join(" "), found.below))
    }

    #[test]
    fn the_other_side_is_asked_for_by_the_series_of_the_value() {
        let found = text("sum by (a) (x) > 2 * sum by (a) (y) and z > 1").unwrap();
        assert_eq!(found, ("(sum by (a) (x) ) * 0 + (2 * sum by (a) (y) )".to_owned(), false));
        let found = text("cost <= on () group_left max(budget)").unwrap();
        assert_eq!(found, ("(cost ) * 0 + on () group_left () (max(budget) )".to_owned(), true));
        assert!(text("(a / b > ignoring (c) (d # half of it\n * 0.5)) unless e").is_some());
    }

    #[test]
    fn a_number_is_no_series_and_what_is_not_compared_has_no_limit() {
        for expression in ["x > 1", "x > 1 and x > y", "x", "absent(x)", "x == y", "x > bool y", "2 < x"] {
            assert_eq!(text(expression), None, "{expression}");
        }
    }
}
