//! `topk`, `bottomk`, `limitk` and `limit_ratio`: some of the series of each group, as they are.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::group_labels;
use crate::annotations::Note;
use crate::ast::{Aggregate, AggregateOp, Node};
use crate::error::{EvalError, Evaluated};
use crate::eval::{Column, Evaluator, Grid, Sink};
use crate::functions::by_value;
use crate::labels::Labels;
use crate::series::Point;

impl Evaluator<'_> {
    pub(super) fn choose(&self, node: &Node, aggregate: &Aggregate, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let Some(parameter) = &aggregate.parameter else { return Err(EvalError::execution("a parameter is missing")) };
        let parameters = self.scalar(parameter, grid)?;
        let ratio = aggregate.op == AggregateOp::LimitRatio;
        let none_chosen = |&value: &f64| if ratio { value == 0.0 } else { value < 1.0 };
        if parameters.iter().all(none_chosen) {
            return Ok(());
        }
        check_parameters(&parameters, ratio)?;
        if ratio {
            for &value in parameters.iter().filter(|value| value.abs() > 1.0) {
                self.note(Note::InvalidRatio(value, value.signum()), parameter.bare().start);
            }
        }
        let mut columns = self.collect(&aggregate.input, grid)?;
        let groups = groups_of(aggregate, &columns);
        let mut chosen: Vec<Vec<bool>> = vec![vec![false; grid.len()]; columns.len()];
        let mut order = Vec::new();
        for step in 0..grid.len() {
            for group in &groups {
                let members = self.members(node, aggregate.op, &columns, group, step);
                for at in pick(aggregate.op, parameters[step], &columns, members, step) {
                    chosen[at][step] = true;
                    order.push(at);
                }
            }
        }
        // One step lists series by rank, more than one by where they come from.
        if grid.len() > 1 {
            order.sort_unstable();
            order.dedup();
        }
        for at in order {
            let column = &mut columns[at];
            let points = std::mem::take(&mut column.points);
            let keep = |(point, chosen): (Point, &bool)| if *chosen { point } else { Point::None };
            let points = points.into_iter().zip(&chosen[at]).map(keep).collect();
            sink(Column { labels: column.labels.clone(), drop_name: column.drop_name, points })?;
        }
        Ok(())
    }

    /// Series of a group that are there at a step and can be ranked.
    fn members(&self, node: &Node, op: AggregateOp, columns: &[Column], group: &[usize], step: usize) -> Vec<usize> {
        let ranked = matches!(op, AggregateOp::Topk | AggregateOp::Bottomk);
        let fits = |&&at: &&usize| match &columns[at].points[step] {
            Point::None => false,
            Point::Histogram(_) if ranked => {
                self.note(Note::HistogramIgnored { aggregation: op.as_str() }, node.start);
                false
            }
            _ => true,
        };
        group.iter().filter(fits).copied().collect()
    }
}

fn check_parameters(parameters: &[f64], ratio: bool) -> Evaluated<()> {
    if parameters.iter().any(|value| value.is_nan()) {
        let what = if ratio { "Ratio" } else { "Parameter" };
        return Err(EvalError::Execution(format!("{what} value is NaN")));
    }
    for &value in parameters.iter().filter(|_| !ratio) {
        if value <= i64::MIN as f64 {
            return Err(EvalError::Execution(format!("Scalar value {value} underflows int64")));
        }
        if value >= i64::MAX as f64 {
            return Err(EvalError::Execution(format!("Scalar value {value} overflows int64")));
        }
    }
    Ok(())
}

/// Positions of the series of each group, groups in order of appearance.
fn groups_of(aggregate: &Aggregate, columns: &[Column]) -> Vec<Vec<usize>> {
    let (mut positions, mut groups) = (HashMap::<Labels, usize>::new(), Vec::<Vec<usize>>::new());
    for (at, column) in columns.iter().enumerate() {
        let position = *positions.entry(group_labels(aggregate, &column.labels)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[position].push(at);
    }
    groups
}

/// Those of `members` that are chosen, best first.
fn pick(op: AggregateOp, parameter: f64, columns: &[Column], mut members: Vec<usize>, step: usize) -> Vec<usize> {
    if op == AggregateOp::LimitRatio {
        members.retain(|&at| in_ratio(&columns[at].labels, parameter));
        return members;
    }
    let k = if parameter < 1.0 { 0 } else { (parameter as usize).min(members.len()) };
    if op != AggregateOp::Limitk && k > 0 {
        let value = |at: usize| columns[at].points[step].float().unwrap_or(f64::NAN);
        let rank = |a: &usize, b: &usize| -> Ordering {
            by_value(value(*a), value(*b), op == AggregateOp::Topk).then_with(|| a.cmp(b))
        };
        if k < members.len() {
            members.select_nth_unstable_by(k - 1, rank);
        }
        members[..k].sort_unstable_by(rank);
    }
    members.truncate(k);
    members
}

/// Whether a series is among the share `ratio`; a negative one chooses the complement of `1 + ratio`.
fn in_ratio(labels: &Labels, ratio: f64) -> bool {
    let offset = labels.hash_like_prometheus() as f64 / u64::MAX as f64;
    let ratio = ratio.clamp(-1.0, 1.0);
    if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}
