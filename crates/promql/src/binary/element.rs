//! One sample with another.

use std::sync::Arc;

use crate::annotations::{HistogramOperation, Note};
use crate::ast::BinaryOp;
use crate::histogram::{Histogram, ResetHint};
use crate::series::Point;

/// The outcome: a value, or whether a comparison holds.
pub(super) enum Element<V> {
    Value(V),
    Kept(bool),
}

/// Between two numbers.
pub(super) fn floats(op: BinaryOp, left: f64, right: f64) -> Element<f64> {
    use BinaryOp::*;
    Element::Value(match op {
        Add => left + right,
        Sub => left - right,
        Mul => left * right,
        Div => left / right,
        Mod => left % right,
        Pow => left.powf(right),
        Atan2 => left.atan2(right),
        Equal => return Element::Kept(left == right),
        NotEqual => return Element::Kept(left != right),
        Greater => return Element::Kept(left > right),
        Less => return Element::Kept(left < right),
        GreaterEqual => return Element::Kept(left >= right),
        LessEqual => return Element::Kept(left <= right),
        And | Or | Unless | TrimLower | TrimUpper => f64::NAN,
    })
}

/// Between two samples; `None` where the operation makes no sense for them, which is told.
pub(super) fn element(op: BinaryOp, left: &Point, right: &Point, tell: &dyn Fn(Note<'_>)) -> Option<Element<Point>> {
    use BinaryOp::*;
    let value = |histogram: Histogram| Some(Element::Value(Point::Histogram(histogram.into())));
    let changed = |histogram: &Histogram, change: &dyn Fn(&mut Histogram)| {
        let mut histogram = histogram.clone();
        change(&mut histogram);
        histogram.compact();
        value(histogram)
    };
    match (op, left, right) {
        (_, Point::Float(left), Point::Float(right)) if !matches!(op, TrimLower | TrimUpper) => {
            Some(match floats(op, *left, *right) {
                Element::Value(value) => Element::Value(Point::Float(value)),
                Element::Kept(kept) => Element::Kept(kept),
            })
        }
        (Mul, Point::Histogram(histogram), Point::Float(factor))
        | (Mul, Point::Float(factor), Point::Histogram(histogram)) => {
            changed(histogram, &|histogram| histogram.scale(*factor))
        }
        (Div, Point::Histogram(histogram), Point::Float(divisor)) => {
            changed(histogram, &|histogram| histogram.divide(*divisor))
        }
        (TrimUpper, Point::Histogram(histogram), Point::Float(bound)) => {
            changed(histogram, &|histogram| histogram.trim(*bound, true))
        }
        (TrimLower, Point::Histogram(histogram), Point::Float(bound)) => {
            changed(histogram, &|histogram| histogram.trim(*bound, false))
        }
        (Add | Sub, Point::Histogram(left), Point::Histogram(right)) => combined(op, left, right, tell).and_then(value),
        (Equal, Point::Histogram(left), Point::Histogram(right)) => Some(Element::Kept(left.equals(right))),
        (NotEqual, Point::Histogram(left), Point::Histogram(right)) => Some(Element::Kept(!left.equals(right))),
        _ => {
            let kind = |point: &Point| if matches!(point, Point::Histogram(_)) { "histogram" } else { "float" };
            tell(Note::IncompatibleTypes { left: kind(left), op: op.as_str(), right: kind(right) });
            None
        }
    }
}

fn combined(op: BinaryOp, left: &Arc<Histogram>, right: &Histogram, tell: &dyn Fn(Note<'_>)) -> Option<Histogram> {
    let mut result = (**left).clone();
    let (outcome, operation) = if op == BinaryOp::Add {
        (result.add(right), HistogramOperation::Addition)
    } else {
        (result.subtract(right), HistogramOperation::Subtraction)
    };
    let Ok(outcome) = outcome else {
        tell(Note::IncompatibleLayouts { op: op.as_str() });
        return None;
    };
    if outcome.reset_collision {
        tell(Note::ResetCollision(operation));
    }
    if outcome.bounds_reconciled {
        tell(Note::BoundsReconciled(operation));
    }
    if op == BinaryOp::Sub {
        result.hint = ResetHint::Gauge;
    }
    result.compact();
    Some(result)
}
