//! Putting points that come step by step back together to series.

use std::collections::HashMap;

use super::{Column, Sink};
use crate::error::{EvalError, Evaluated};
use crate::labels::Labels;
use crate::series::Point;

/// Columns by labels, in order of appearance.
pub(crate) struct Assembler {
    steps: usize,
    positions: HashMap<(Labels, bool), usize>,
    columns: Vec<Column>,
}

impl Assembler {
    pub fn new(steps: usize) -> Self {
        Self { steps, positions: HashMap::new(), columns: Vec::new() }
    }

    /// Position of the column with `labels`. With its name to be dropped it is another one than with the name kept.
    pub fn position(&mut self, labels: &Labels, drop_name: bool) -> usize {
        let key = (labels.clone(), drop_name);
        if let Some(&position) = self.positions.get(&key) {
            return position;
        }
        let points = vec![Point::None; self.steps];
        self.columns.push(Column { labels: labels.clone(), drop_name, points });
        self.positions.insert(key, self.columns.len() - 1);
        self.columns.len() - 1
    }

    /// Sets a point; two at one place are an error.
    pub fn put(&mut self, position: usize, step: usize, point: Point) -> Evaluated<()> {
        let place = &mut self.columns[position].points[step];
        if place.is_some() {
            return Err(same_labelset());
        }
        *place = point;
        Ok(())
    }

    /// As [`Assembler::put`], by labels.
    pub fn add(&mut self, labels: &Labels, drop_name: bool, step: usize, point: Point) -> Evaluated<()> {
        let position = self.position(labels, drop_name);
        self.put(position, step, point)
    }

    /// Adds a whole column to the one with its labels.
    pub fn add_column(&mut self, column: Column) -> Evaluated<()> {
        let position = self.position(&column.labels, column.drop_name);
        let points = column.points.into_iter().enumerate().filter(|(_, point)| point.is_some());
        for (step, point) in points {
            self.put(position, step, point)?;
        }
        Ok(())
    }

    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    pub fn drain(self, sink: Sink<'_>) -> Evaluated<()> {
        self.columns.into_iter().try_for_each(sink)
    }
}

/// Two series of one result cannot be told apart.
pub(crate) fn same_labelset() -> EvalError {
    EvalError::execution("vector cannot contain metrics with the same labelset")
}
