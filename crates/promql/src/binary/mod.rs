//! Binary operators.

mod element;
mod matching;
mod set;

use self::element::{Element, element, floats};
use crate::ast::{Binary, BinaryOp, Node, ValueType};
use crate::error::Evaluated;
use crate::eval::{Evaluator, Grid, Sink};
use crate::series::Point;

impl Evaluator<'_> {
    /// Between two scalars.
    pub fn scalar_binary(&self, binary: &Binary, grid: &Grid) -> Evaluated<Vec<f64>> {
        let (left, right) = (self.scalar(&binary.left, grid)?, self.scalar(&binary.right, grid)?);
        let compute = |(left, right): (f64, f64)| match floats(binary.op, left, right) {
            Element::Value(value) => value,
            Element::Kept(kept) => f64::from(u8::from(kept)),
        };
        Ok(left.into_iter().zip(right).map(compute).collect())
    }

    /// With at least one vector.
    pub fn vector_binary(&self, node: &Node, binary: &Binary, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        match (binary.left.value_type(), binary.right.value_type()) {
            (ValueType::Vector, ValueType::Vector) => match binary.op {
                BinaryOp::And => self.and(binary, grid, true, sink),
                BinaryOp::Unless => self.and(binary, grid, false, sink),
                BinaryOp::Or => self.or(binary, grid, sink),
                _ => self.matched(node, binary, grid, sink),
            },
            (ValueType::Scalar, _) => self.with_scalar(node, binary, grid, true, sink),
            _ => self.with_scalar(node, binary, grid, false, sink),
        }
    }

    /// Between a vector and a scalar. A comparison keeps the vector's sample, whichever side it is on.
    fn with_scalar(
        &self,
        node: &Node,
        binary: &Binary,
        grid: &Grid,
        scalar_left: bool,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        let (vector, scalar) = if scalar_left { (&binary.right, &binary.left) } else { (&binary.left, &binary.right) };
        let scalars = self.scalar(scalar, grid)?;
        let drops_name = binary.op.changes_meaning() || binary.return_bool;
        self.vector(vector, grid, &mut |mut column| {
            for (point, &scalar) in column.points.iter_mut().zip(&scalars) {
                if !point.is_some() {
                    continue;
                }
                let sample = std::mem::take(point);
                let scalar = Point::Float(scalar);
                let (left, right) = if scalar_left { (&scalar, &sample) } else { (&sample, &scalar) };
                let result = element(binary.op, left, right, &|note| self.note(note, node.start));
                *point = match result {
                    None => Point::None,
                    Some(Element::Value(value)) => value,
                    Some(Element::Kept(kept)) if binary.return_bool => Point::Float(f64::from(u8::from(kept))),
                    Some(Element::Kept(true)) => sample,
                    Some(Element::Kept(false)) => Point::None,
                };
            }
            column.drop_name |= drops_name;
            if column.is_empty() { Ok(()) } else { sink(column) }
        })
    }
}
