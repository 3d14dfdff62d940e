//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`.

use std::cmp::Ordering;

use crate::annotations::Note;
use crate::ast::{Call, Node};
use crate::error::Evaluated;
use crate::eval::{Column, Evaluator, Grid, Sink};
use crate::series::Point;

impl Evaluator<'_> {
    /// By value, NaN last; histograms are left out.
    pub(super) fn sort(
        &self,
        node: &Node,
        call: &Call,
        descending: bool,
        grid: &Grid,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        let value = |column: &Column| column.points.first().and_then(Point::float);
        let compare = |a: &Column, b: &Column| match (value(a), value(b)) {
            (Some(a), Some(b)) => by_value(a, b, descending),
            _ => Ordering::Equal,
        };
        self.sorted(node, call, grid, sink, true, compare)
    }

    /// By the values of labels in natural order, then by all labels.
    pub(super) fn sort_by_label(
        &self,
        node: &Node,
        call: &Call,
        descending: bool,
        grid: &Grid,
        sink: Sink<'_>,
    ) -> Evaluated<()> {
        let names = call.args[1..].iter().map(|arg| self.text_argument(arg)).collect::<Evaluated<Vec<_>>>()?;
        let compare = |a: &Column, b: &Column| {
            let by_name = names.iter().map(|name| natural(a.labels.get(name), b.labels.get(name)));
            let order = by_name.fold(Ordering::Equal, Ordering::then).then_with(|| a.labels.cmp(&b.labels));
            if descending { order.reverse() } else { order }
        };
        self.sorted(node, call, grid, sink, false, compare)
    }

    fn sorted(
        &self,
        node: &Node,
        call: &Call,
        grid: &Grid,
        sink: Sink<'_>,
        floats_only: bool,
        compare: impl Fn(&Column, &Column) -> Ordering,
    ) -> Evaluated<()> {
        if !self.params.is_instant() {
            self.note(Note::SortIsIneffective, node.start);
        }
        let mut columns = self.collect(&call.args[0], grid)?;
        if floats_only {
            for point in columns.iter_mut().flat_map(|column| &mut column.points) {
                if matches!(point, Point::Histogram(_)) {
                    *point = Point::None;
                }
            }
            columns.retain(|column| !column.is_empty());
        }
        if grid.len() == 1 {
            columns.sort_by(compare);
        }
        columns.into_iter().try_for_each(sink)
    }
}

/// Ascending or descending, NaN last either way.
pub(crate) fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}

/// As a person sorts: runs of digits by their number, the rest by character.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (x, y) = (chunk(&mut a), chunk(&mut b));
        if x.is_empty() || y.is_empty() {
            return x.len().cmp(&y.len());
        }
        let is_number = |text: &str| text.as_bytes()[0].is_ascii_digit();
        let order = if is_number(x) && is_number(y) {
            let (p, q) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            p.len().cmp(&q.len()).then_with(|| p.cmp(q)).then_with(|| y.len().cmp(&x.len()))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the run of digits, or of anything else, at the beginning.
fn chunk<'t>(text: &mut &'t str) -> &'t str {
    let digits = text.starts_with(|character: char| character.is_ascii_digit());
    let end = text.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(text.len());
    let (chunk, rest) = text.split_at(end);
    *text = rest;
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_sort_by_value() {
        let mut texts = ["4m1000", "4m5", "4m600", "", "10", "9", "a"];
        texts.sort_by(|a, b| natural(a, b));
        assert_eq!(texts, ["", "4m5", "4m600", "4m1000", "9", "10", "a"]);
    }
}
