//! `and`, `unless` and `or`.

use std::collections::HashMap;

use super::matching::signature;
use crate::ast::{Binary, Node};
use crate::error::Evaluated;
use crate::eval::{Assembler, Column, Evaluator, Grid, Sink};
use crate::labels::Labels;
use crate::series::Point;

/// At which steps any series of a signature is there.
type Presence = HashMap<Labels, Vec<bool>>;

fn mark(presence: &mut Presence, signature: Labels, column: &Column) {
    let steps = presence.entry(signature).or_insert_with(|| vec![false; column.points.len()]);
    steps.iter_mut().zip(&column.points).for_each(|(present, point)| *present |= point.is_some());
}

/// Keeps the points at steps where `present` is `wanted`; without an entry nothing is present.
fn mask(column: &mut Column, present: Option<&Vec<bool>>, wanted: bool) {
    for (step, point) in column.points.iter_mut().enumerate() {
        if present.is_some_and(|present| present[step]) != wanted {
            *point = Point::None;
        }
    }
}

impl Evaluator<'_> {
    /// The left samples with a match on the right; those without one where not `wanted` (`unless`).
    pub(super) fn and(&self, binary: &Binary, grid: &Grid, wanted: bool, sink: Sink<'_>) -> Evaluated<()> {
        let right = self.presence(binary, &binary.right, grid)?;
        self.vector(&binary.left, grid, &mut |mut column| {
            let present = right.get(&signature(&binary.matching, &column.labels));
            mask(&mut column, present, wanted);
            if column.is_empty() { Ok(()) } else { sink(column) }
        })
    }

    /// The left samples, and those of the right without a match on the left.
    pub(super) fn or(&self, binary: &Binary, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let mut left = Presence::new();
        let mut assembler = Assembler::new(grid.len());
        self.vector(&binary.left, grid, &mut |column| {
            mark(&mut left, signature(&binary.matching, &column.labels), &column);
            assembler.add_column(column)
        })?;
        self.vector(&binary.right, grid, &mut |mut column| {
            let present = left.get(&signature(&binary.matching, &column.labels));
            mask(&mut column, present, false);
            if column.is_empty() { Ok(()) } else { assembler.add_column(column) }
        })?;
        assembler.drain(sink)
    }

    fn presence(&self, binary: &Binary, node: &Node, grid: &Grid) -> Evaluated<Presence> {
        let mut presence = Presence::new();
        self.vector(node, grid, &mut |column| {
            mark(&mut presence, signature(&binary.matching, &column.labels), &column);
            Ok(())
        })?;
        Ok(presence)
    }
}
