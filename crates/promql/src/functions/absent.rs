//! `absent` and `absent_over_time`: saying that something is missing.

use std::collections::HashSet;

use crate::ast::{Expr, Node};
use crate::error::Evaluated;
use crate::eval::{Column, Evaluator, Grid, Sink};
use crate::labels::{Labels, METRIC_NAME};
use crate::matcher::MatchOp;
use crate::series::Point;

impl Evaluator<'_> {
    /// 1 at every step without any series.
    pub(super) fn absent(&self, arg: &Node, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let mut present = vec![false; grid.len()];
        self.vector(arg, grid, &mut |column| {
            present.iter_mut().zip(&column.points).for_each(|(present, point)| *present |= point.is_some());
            Ok(())
        })?;
        push_absent(arg, &present, sink)
    }

    /// 1 at every step whose range holds no sample.
    pub(super) fn absent_over_time(&self, arg: &Node, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let mut present = vec![false; grid.len()];
        self.each_range(arg, grid, &mut |windows| {
            windows.each(grid, |step, _, window| {
                present[step] |= !window.is_empty();
                Ok(())
            })
        })?;
        push_absent(arg, &present, sink)
    }
}

fn push_absent(arg: &Node, present: &[bool], sink: Sink<'_>) -> Evaluated<()> {
    let points: Vec<Point> =
        present.iter().map(|&present| if present { Point::None } else { Point::Float(1.0) }).collect();
    let column = Column { labels: labels_of(arg), drop_name: false, points };
    if column.is_empty() { Ok(()) } else { sink(column) }
}

/// The labels a missing series would surely have had: those its selector asks for with `=`, once.
fn labels_of(arg: &Node) -> Labels {
    let (Expr::Vector(selector) | Expr::Matrix(selector, _)) = &arg.bare().expr else { return Labels::default() };
    let (mut seen, mut labels) = (HashSet::new(), Labels::default());
    for matcher in selector.matchers.iter().filter(|matcher| &*matcher.name != METRIC_NAME) {
        let sure = matcher.op == MatchOp::Equal && seen.insert(&matcher.name);
        labels = labels.with(&matcher.name, if sure { &matcher.value } else { "" });
    }
    labels
}
