//! Which segments a query can skip, from what is in memory about them.

use std::ops::Bound;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use model::{Timestamp, TraceId};
use store::{SegmentMeta, Table};

/// What the filters of a query say about times and traces; everything else they say is left to the scan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    from: Bound<i64>,
    to: Bound<i64>,
    /// Traces of which rows are wanted, where the filters name them.
    traces: Option<Vec<TraceId>>,
}

impl Wanted {
    /// Reads conjunctive filters over `table`. What is not understood is passed over: it can only make fewer rows wanted.
    pub fn of(table: Table, filters: &[Expr]) -> Self {
        let mut wanted = Self { from: Bound::Unbounded, to: Bound::Unbounded, traces: None };
        for filter in filters {
            wanted.add(table, filter);
        }
        wanted
    }

    fn add(&mut self, table: Table, filter: &Expr) {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.add(table, left);
                self.add(table, right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) => self.compare(table, &column.name, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    if let Some(op) = op.swap() {
                        self.compare(table, &column.name, op, value);
                    }
                }
                _ => {}
            },
            Expr::Between(between) if !between.negated => {
                if let (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (between.expr.as_ref(), between.low.as_ref(), between.high.as_ref())
                {
                    self.compare(table, &column.name, Operator::GtEq, low);
                    self.compare(table, &column.name, Operator::LtEq, high);
                }
            }
            Expr::InList(list) if !list.negated => {
                if let Expr::Column(column) = list.expr.as_ref()
                    && column.name == "trace_id"
                {
                    self.only(list.list.iter().map(|item| match item {
                        Expr::Literal(value, _) => Some(value),
                        _ => None,
                    }));
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, table: Table, column: &str, op: Operator, value: &ScalarValue) {
        if column == "trace_id" && op == Operator::Eq {
            self.only([Some(value)].into_iter());
        }
        if column != table.time_column() {
            return;
        }
        let Ok(ScalarValue::TimestampNanosecond(Some(time), _)) = value.cast_to(&store::schema::time_type()) else {
            return;
        };
        match op {
            Operator::Gt => self.from = later(self.from, Bound::Excluded(time)),
            Operator::GtEq => self.from = later(self.from, Bound::Included(time)),
            Operator::Lt => self.to = earlier(self.to, Bound::Excluded(time)),
            Operator::LtEq => self.to = earlier(self.to, Bound::Included(time)),
            Operator::Eq => {
                self.from = later(self.from, Bound::Included(time));
                self.to = earlier(self.to, Bound::Included(time));
            }
            _ => {}
        }
    }

    /// Keeps only traces among `values`; a value that is no literal leaves everything open, one that is no trace id matches no row.
    fn only<'v>(&mut self, values: impl Iterator<Item = Option<&'v ScalarValue>>) {
        let mut traces = Vec::new();
        for value in values {
            match value.map(ScalarValue::try_as_str) {
                Some(Some(Some(text))) => traces.extend(text.parse::<TraceId>().ok()),
                Some(Some(None)) => {}
                _ => return,
            }
        }
        self.traces = Some(match self.traces.take() {
            Some(before) => before.into_iter().filter(|trace| traces.contains(trace)).collect(),
            None => traces,
        });
    }

    /// Whether rows of the segment can be wanted.
    pub fn may_match(&self, segment: &SegmentMeta) -> bool {
        self.may_overlap(segment.min_time, segment.max_time)
            && self.traces.as_ref().is_none_or(|traces| traces.iter().any(|trace| segment.may_contain(*trace)))
    }

    fn may_overlap(&self, min: Timestamp, max: Timestamp) -> bool {
        let after_start = match self.from {
            Bound::Included(from) => max.as_nanos() >= from,
            Bound::Excluded(from) => max.as_nanos() > from,
            Bound::Unbounded => true,
        };
        let before_end = match self.to {
            Bound::Included(to) => min.as_nanos() <= to,
            Bound::Excluded(to) => min.as_nanos() < to,
            Bound::Unbounded => true,
        };
        after_start && before_end
    }
}

fn later(a: Bound<i64>, b: Bound<i64>) -> Bound<i64> {
    match (a, b) {
        (Bound::Unbounded, other) | (other, Bound::Unbounded) => other,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) if x != y => {
            if x > y {
                a
            } else {
                b
            }
        }
        // The same time: the stricter form.
        (Bound::Excluded(_), _) => a,
        _ => b,
    }
}

fn earlier(a: Bound<i64>, b: Bound<i64>) -> Bound<i64> {
    match (a, b) {
        (Bound::Unbounded, other) | (other, Bound::Unbounded) => other,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) if x != y => {
            if x < y {
                a
            } else {
                b
            }
        }
        (Bound::Excluded(_), _) => a,
        _ => b,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    fn time(nanos: i64) -> Expr {
        lit(ScalarValue::TimestampNanosecond(Some(nanos), Some("UTC".into())))
    }

    fn overlaps(filters: &[Expr], min: i64, max: i64) -> bool {
        Wanted::of(Table::Spans, filters).may_overlap(Timestamp::from_nanos(min), Timestamp::from_nanos(max))
    }

    #[test]
    fn a_segment_outside_the_time_range_is_skipped_and_one_at_its_edge_is_not() {
        let range = [col("started_at").gt_eq(time(100)).and(time(200).gt(col("started_at")))];
        assert!(overlaps(&range, 0, 100) && overlaps(&range, 199, 300) && overlaps(&range, 0, 1_000));
        assert!(!overlaps(&range, 0, 99) && !overlaps(&range, 200, 300));
        let between = [col("started_at").between(time(100), time(200))];
        assert!(overlaps(&between, 200, 300) && !overlaps(&between, 201, 300));
        assert!(!overlaps(&[col("started_at").eq(time(5))], 6, 7));
        assert!(!overlaps(&[col("started_at").gt(time(5)), col("started_at").gt_eq(time(5))], 0, 5));
        let milliseconds = lit(ScalarValue::TimestampMillisecond(Some(1), None));
        assert!(!overlaps(&[col("started_at").lt(milliseconds)], 1_000_000, 2_000_000));
    }

    #[test]
    fn what_is_not_a_plain_bound_prunes_nothing() {
        for filter in [
            col("started_at").gt_eq(time(100)).or(col("name").eq(lit("x"))),
            col("started_at").not_between(time(0), time(10_000)),
            col("started_at").not_eq(time(5)),
            col("ended_at").gt(time(10_000)),
            col("started_at").gt(col("ended_at")),
        ] {
            assert!(overlaps(std::slice::from_ref(&filter), 0, 10), "{filter}");
        }
    }

    #[test]
    fn traces_named_by_equality_or_list_are_intersected() {
        let (a, b) = ("0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736");
        let wanted = |filters: &[Expr]| Wanted::of(Table::Runs, filters).traces.map(|ids| ids.len());
        assert_eq!(wanted(&[col("trace_id").eq(lit(a))]), Some(1));
        assert_eq!(wanted(&[col("trace_id").in_list(vec![lit(a), lit(b)], false)]), Some(2));
        assert_eq!(
            wanted(&[col("trace_id").in_list(vec![lit(a), lit(b)], false), lit(b).eq(col("trace_id"))]),
            Some(1)
        );
        assert_eq!(wanted(&[col("trace_id").eq(lit("no id"))]), Some(0));
        assert_eq!(wanted(&[col("trace_id").in_list(vec![lit(a)], true)]), None);
        assert_eq!(wanted(&[col("trace_id").in_list(vec![lit(a), col("parent")], false)]), None);
        assert_eq!(wanted(&[col("trace_id").not_eq(lit(a))]), None);
    }
}
