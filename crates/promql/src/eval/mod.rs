//! Evaluation.
//!
//! Series flow one at a time: an expression pushes each series of its result, a [`Column`] with one point for every step, into a
//! sink, so that `sum(rate(x[5m]))` over 20,000 series holds one of them at a time besides the sums. Where all series are needed at once
//! (vectors matched with vectors, `topk`, sorting) they are collected.

mod assemble;
mod grid;
mod range;
mod result;
mod select;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use self::assemble::Assembler;
pub(crate) use self::grid::Grid;
pub(crate) use self::range::{RangeCall, Window};
pub(crate) use self::select::{Found, forward};
use crate::annotations::{Annotations, Note};
use crate::ast::{Expr, Node, ValueType};
use crate::error::{EvalError, Evaluated, Limits};
use crate::labels::Labels;
use crate::plan::{Params, Query};
use crate::series::{Point, Series, Source, Value};

/// One series of an intermediate result: a point, perhaps none, for every step.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub labels: Labels,
    /// The metric name no longer fits and is dropped in the end.
    pub drop_name: bool,
    pub points: Vec<Point>,
}

impl Column {
    pub fn is_empty(&self) -> bool {
        !self.points.iter().any(Point::is_some)
    }
}

/// Takes the series of a result, one after the other.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Column) -> Evaluated<()>;

/// The value of a query with what is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Warnings and notes.
    pub annotations: Annotations,
}

/// Evaluates a query over the series fetched for its [`Query::selectors`], in their order.
pub fn evaluate(query: &Query, fetched: &dyn Source, params: &Params, limits: &Limits) -> Result<Answer, EvalError> {
    let evaluator = Evaluator {
        fetched,
        places: query.places(params)?,
        params: *params,
        limits,
        notes: RefCell::default(),
        points_left: Cell::new(limits.max_points),
        counts_only: Cell::new(false),
    };
    let needs = 0..evaluator.places.len();
    if let Some(found) = needs.map(|need| fetched.count(need)).find(|&found| found > limits.max_series) {
        return Err(EvalError::TooManySeries { found, limit: limits.max_series });
    }
    let grid = Grid::of_query(params);
    evaluator.check_steps(&grid)?;
    let value = evaluator.value(&query.root, &grid)?;
    Ok(Answer { value, annotations: evaluator.notes.into_inner() })
}

pub(crate) struct Evaluator<'a> {
    fetched: &'a dyn Source,
    places: HashMap<usize, usize>,
    pub params: Params,
    limits: &'a Limits,
    notes: RefCell<Annotations>,
    points_left: Cell<u64>,
    /// Only count and sum of histograms matter to whoever asked: what is inside of `histogram_count` and its like.
    counts_only: Cell<bool>,
}

impl Evaluator<'_> {
    pub fn note(&self, note: Note<'_>, at: usize) {
        // Prometheus finds resets while it reads only where it reads nothing but count and sum, and warns of collisions there alone.
        if matches!(note, Note::ResetCollision(_)) && !self.counts_only.get() {
            return;
        }
        self.notes.borrow_mut().add(note, at);
    }

    /// Does `work` where only count and sum of histograms matter, or where their buckets do as well.
    pub fn counting<T>(&self, counts_only: bool, work: impl FnOnce() -> T) -> T {
        let before = self.counts_only.replace(counts_only);
        let done = work();
        self.counts_only.set(before);
        done
    }

    /// Counts computed points, and asks whether to stop.
    pub fn spend(&self, points: usize) -> Evaluated<()> {
        if self.limits.stop.as_ref().is_some_and(|stop| stop()) {
            return Err(EvalError::Stopped);
        }
        let left = self.points_left.get().checked_sub(points as u64);
        self.points_left.set(left.ok_or(EvalError::TooManyPoints { limit: self.limits.max_points })?);
        Ok(())
    }

    pub fn check_steps(&self, grid: &Grid) -> Evaluated<()> {
        let (found, limit) = (grid.len() as u64, self.limits.max_steps);
        if found > limit { Err(EvalError::TooManySteps { found, limit }) } else { Ok(()) }
    }

    /// The series fetched for the selector that begins at byte `at`.
    pub fn series_at(&self, at: usize) -> impl Iterator<Item = Arc<Series>> + use<'_> {
        let need = self.places.get(&at).copied().unwrap_or(usize::MAX);
        (0..self.fetched.count(need)).map(move |at| self.fetched.series(need, at))
    }

    /// The value of a scalar expression at every step.
    pub fn scalar(&self, node: &Node, grid: &Grid) -> Evaluated<Vec<f64>> {
        let node = node.bare();
        match &node.expr {
            Expr::Number { value, .. } => Ok(vec![*value; grid.len()]),
            Expr::Unary { negate, operand } => {
                let mut values = self.scalar(operand, grid)?;
                if *negate {
                    values.iter_mut().for_each(|value| *value = -*value);
                }
                Ok(values)
            }
            Expr::Binary(binary) => self.scalar_binary(binary, grid),
            Expr::Call(call) => self.scalar_call(call, grid),
            _ => Err(EvalError::execution(format!("expected a scalar, got {node}"))),
        }
    }

    /// Pushes every series of a vector expression.
    pub fn vector(&self, node: &Node, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let node = node.bare();
        let mut counted = |column: Column| {
            self.spend(column.points.len())?;
            sink(column)
        };
        match &node.expr {
            Expr::Vector(selector) => self.instant_selector(node, selector, grid, &mut counted),
            Expr::Unary { negate, operand } => {
                let negate = *negate;
                self.vector(operand, grid, &mut |mut column| {
                    if negate {
                        column.drop_name = true;
                        column.points.iter_mut().for_each(negate_point);
                    }
                    counted(column)
                })
            }
            Expr::Binary(binary) => self.vector_binary(node, binary, grid, &mut counted),
            Expr::Call(call) => self.vector_call(node, call, grid, &mut counted),
            Expr::Aggregate(aggregate) => self.aggregate(node, aggregate, grid, &mut counted),
            _ => Err(EvalError::execution(format!("expected an instant vector, got {node}"))),
        }
    }

    /// All series of a vector expression that have a point.
    pub fn collect(&self, node: &Node, grid: &Grid) -> Evaluated<Vec<Column>> {
        let mut columns = Vec::new();
        self.vector(node, grid, &mut |column| {
            if !column.is_empty() {
                columns.push(column);
            }
            Ok(())
        })?;
        Ok(columns)
    }

    fn value(&self, root: &Node, grid: &Grid) -> Evaluated<Value> {
        let kind = root.value_type();
        let instant = self.params.is_instant();
        if !instant && !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            let found = kind.as_str();
            let message =
                format!("invalid expression type {found:?} for range query, must be Scalar or instant Vector");
            return Err(EvalError::Invalid(message));
        }
        match kind {
            ValueType::String => match &root.bare().expr {
                Expr::String(bytes) => Ok(Value::String(String::from_utf8_lossy(bytes).into_owned())),
                _ => Err(EvalError::execution("expected a string")),
            },
            ValueType::Scalar => Ok(result::scalar(self.scalar(root, grid)?, grid, instant)),
            ValueType::Vector => result::vector(self.collect(root, grid)?, grid, instant),
            ValueType::Matrix => self.raw_matrix(root.bare(), grid),
        }
    }
}

fn negate_point(point: &mut Point) {
    match point {
        Point::None => {}
        Point::Float(value) => *value = -*value,
        Point::Histogram(histogram) => Arc::make_mut(histogram).scale(-1.0),
    }
}
