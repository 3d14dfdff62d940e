//! Aggregations over series.

mod cell;
mod choose;
mod count_values;

use std::collections::HashMap;

use self::cell::Cell;
use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Node};
use crate::error::Evaluated;
use crate::eval::{Column, Evaluator, Grid, Sink};
use crate::labels::{Labels, METRIC_NAME};
use crate::series::Point;

/// Labels of the group that a series with `labels` belongs to.
fn group_labels(aggregate: &Aggregate, labels: &Labels) -> Labels {
    if aggregate.without {
        labels.filtered(|name| name != METRIC_NAME && !aggregate.labels.iter().any(|dropped| &**dropped == name))
    } else {
        labels.only(&aggregate.labels)
    }
}

/// One group: a cell for every step.
struct Group {
    labels: Labels,
    drop_name: bool,
    cells: Vec<Cell>,
}

impl Evaluator<'_> {
    pub fn aggregate(&self, node: &Node, aggregate: &Aggregate, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        match aggregate.op {
            AggregateOp::CountValues => self.count_values(aggregate, grid, sink),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                self.choose(node, aggregate, grid, sink)
            }
            _ => self.combine(aggregate, grid, sink),
        }
    }

    /// Aggregations that make one value of a group.
    fn combine(&self, aggregate: &Aggregate, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let input_at = aggregate.input.bare().start;
        let quantiles = match &aggregate.parameter {
            Some(parameter) => {
                let qs = self.scalar(parameter, grid)?;
                for &q in qs.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
                    self.note(Note::InvalidQuantile(q), parameter.bare().start);
                }
                qs
            }
            None => Vec::new(),
        };
        let mut positions: HashMap<Labels, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        self.vector(&aggregate.input, grid, &mut |column| {
            let labels = group_labels(aggregate, &column.labels);
            let position = match positions.get(&labels) {
                Some(&position) => position,
                None => {
                    self.spend(grid.len())?;
                    let cells = (0..grid.len()).map(|_| Cell::default()).collect();
                    groups.push(Group { labels: labels.clone(), drop_name: false, cells });
                    positions.insert(labels, groups.len() - 1);
                    groups.len() - 1
                }
            };
            let group = &mut groups[position];
            group.drop_name |= column.drop_name;
            let metric = column.labels.metric_name();
            for (cell, point) in group.cells.iter_mut().zip(&column.points).filter(|(_, point)| point.is_some()) {
                cell.add(aggregate.op, point, metric, &|note| self.note(note, input_at));
            }
            Ok(())
        })?;
        for group in groups {
            let finish = |(step, cell): (usize, Cell)| {
                let q = quantiles.get(step).copied().unwrap_or(f64::NAN);
                cell.finish(aggregate.op, q, &|note| self.note(note, input_at))
            };
            let points: Vec<Point> = group.cells.into_iter().enumerate().map(finish).collect();
            let column = Column { labels: group.labels, drop_name: group.drop_name, points };
            if !column.is_empty() {
                sink(column)?;
            }
        }
        Ok(())
    }
}
