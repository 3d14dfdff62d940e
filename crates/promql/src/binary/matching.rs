//! Arithmetic and comparison between vectors: series that agree on the matching labels find each other.

use std::collections::{HashMap, HashSet};

use super::element::{Element, element};
use crate::ast::{Binary, Cardinality, Matching, Node};
use crate::error::{EvalError, Evaluated};
use crate::eval::{Assembler, Column, Evaluator, Grid, Sink};
use crate::labels::{Labels, METADATA};
use crate::series::Point;

/// The labels two series must have in common.
pub(super) fn signature(matching: &Matching, labels: &Labels) -> Labels {
    if matching.on {
        labels.only(&matching.labels)
    } else {
        labels.filtered(|name| !METADATA.contains(&name) && !matching.labels.iter().any(|ignored| &**ignored == name))
    }
}

/// Series with one signature; `ones` are of the side that may have only one at each step.
#[derive(Default)]
struct Group {
    signature: Labels,
    manies: Vec<usize>,
    ones: Vec<usize>,
}

/// Both sides, the one that may have many first.
struct Sides<'b> {
    binary: &'b Binary,
    manies: Vec<Column>,
    ones: Vec<Column>,
    /// The right side has many, so that the sides are swapped.
    swapped: bool,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
}

impl Evaluator<'_> {
    pub(super) fn matched(&self, node: &Node, binary: &Binary, grid: &Grid, sink: Sink<'_>) -> Evaluated<()> {
        let (left, right) = (self.collect(&binary.left, grid)?, self.collect(&binary.right, grid)?);
        let swapped = binary.matching.cardinality == Cardinality::OneToMany;
        let (fill_left, fill_right) = (binary.matching.fill_left, binary.matching.fill_right);
        let sides = if swapped {
            Sides { binary, manies: right, ones: left, swapped, fill_many: fill_right, fill_one: fill_left }
        } else {
            Sides { binary, manies: left, ones: right, swapped, fill_many: fill_left, fill_one: fill_right }
        };
        let mut assembler = Assembler::new(grid.len());
        let groups = sides.groups();
        // A step at which one side is empty has no result, hence no conflict either.
        let fills = sides.fill_many.is_some() || sides.fill_one.is_some();
        let any_at = |columns: &[Column], step: usize| columns.iter().any(|column| column.points[step].is_some());
        let live: Vec<bool> = (0..grid.len()).map(|step| fills || any_at(&sides.manies, step)).collect();
        for group in &groups {
            let mut positions = HashMap::new();
            for step in (0..grid.len()).filter(|&step| live[step]) {
                self.match_step(node, &sides, group, step, &mut positions, &mut assembler)?;
            }
            self.spend(grid.len())?;
        }
        assembler.drain(sink)
    }

    fn match_step(
        &self,
        node: &Node,
        sides: &Sides<'_>,
        group: &Group,
        step: usize,
        positions: &mut HashMap<(Option<usize>, Option<usize>), usize>,
        assembler: &mut Assembler,
    ) -> Evaluated<()> {
        let matching = &sides.binary.matching;
        let one = sides.one_at(group, step)?;
        let mut matched = 0;
        let mut results = HashSet::new();
        let mut pair = |many: Option<usize>, one: Option<usize>| -> Evaluated<()> {
            let many_point = many.map_or_else(|| filled(sides.fill_many), |at| sides.manies[at].points[step].clone());
            let one_point = one.map_or_else(|| filled(sides.fill_one), |at| sides.ones[at].points[step].clone());
            let (left, right) = if sides.swapped { (&one_point, &many_point) } else { (&many_point, &one_point) };
            let Some(result) = element(sides.binary.op, left, right, &|note| self.note(note, node.start)) else {
                return Ok(());
            };
            let position = *positions.entry((many, one)).or_insert_with(|| {
                let drop_name = sides.binary.return_bool || many.is_some_and(|at| sides.manies[at].drop_name);
                assembler.position(&sides.result_labels(group, many, one), drop_name)
            });
            if matching.cardinality == Cardinality::OneToOne {
                if matched > 0 {
                    return Err(EvalError::execution(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
            } else if !results.insert(position) {
                return Err(EvalError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
            matched += 1;
            let point = match result {
                Element::Value(value) => value,
                Element::Kept(kept) if sides.binary.return_bool => Point::Float(f64::from(u8::from(kept))),
                Element::Kept(true) => left.clone(),
                Element::Kept(false) => return Ok(()),
            };
            assembler.put(position, step, point)
        };
        let mut any = false;
        if one.is_some() || sides.fill_one.is_some() {
            for &many in group.manies.iter().filter(|&&many| sides.manies[many].points[step].is_some()) {
                any = true;
                pair(Some(many), one)?;
            }
        }
        if !any && one.is_some() && sides.fill_many.is_some() {
            pair(None, one)?;
        }
        Ok(())
    }
}

fn filled(value: Option<f64>) -> Point {
    value.map_or(Point::None, Point::Float)
}

impl Sides<'_> {
    /// Series by signature, in order of appearance.
    fn groups(&self) -> Vec<Group> {
        let (mut positions, mut groups) = (HashMap::<Labels, usize>::new(), Vec::<Group>::new());
        let mut position = |column: &Column, groups: &mut Vec<Group>| {
            let signature = signature(&self.binary.matching, &column.labels);
            *positions.entry(signature).or_insert_with_key(|signature| {
                groups.push(Group { signature: signature.clone(), ..Group::default() });
                groups.len() - 1
            })
        };
        for (at, column) in self.manies.iter().enumerate() {
            let position = position(column, &mut groups);
            groups[position].manies.push(at);
        }
        for (at, column) in self.ones.iter().enumerate() {
            let position = position(column, &mut groups);
            groups[position].ones.push(at);
        }
        groups
    }

    /// The series of the "one" side that is there at a step; more than one is an error.
    fn one_at(&self, group: &Group, step: usize) -> Evaluated<Option<usize>> {
        let mut present = group.ones.iter().copied().filter(|&at| self.ones[at].points[step].is_some());
        let first = present.next();
        if let (Some(first), Some(second)) = (first, present.next()) {
            let side = if self.swapped { "left" } else { "right" };
            let (first, second) = (&self.ones[first].labels, &self.ones[second].labels);
            return Err(EvalError::Execution(format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: \
                 [{second}, {first}];many-to-many matching not allowed: matching labels must be unique on one side",
                group.signature
            )));
        }
        Ok(first)
    }

    /// Labels of a result: those of the "many" side, with what is to be copied from the other.
    fn result_labels(&self, group: &Group, many: Option<usize>, one: Option<usize>) -> Labels {
        let matching = &self.binary.matching;
        let mut labels = many.map_or(&group.signature, |at| &self.manies[at].labels).clone();
        if self.binary.op.changes_meaning() {
            labels = labels.without_metadata();
        }
        if matching.cardinality == Cardinality::OneToOne {
            labels = if matching.on { labels.only(&matching.labels) } else { labels.without(&matching.labels) };
        }
        let other = one.map_or(&group.signature, |at| &self.ones[at].labels);
        matching.include.iter().fold(labels, |labels, name| labels.with(name, other.get(name)))
    }
}
