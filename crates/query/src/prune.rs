//! Which segments a query can skip, from what is in memory about them.

use std::collections::BTreeSet;
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
    traces: Option<BTreeSet<TraceId>>,
}

impl Wanted {
    /// Everything.
    const ALL: Self = Self { from: Bound::Unbounded, to: Bound::Unbounded, traces: None };

    /// Reads conjunctive filters over `table`. What is not understood is taken to want everything.
    pub fn of(table: Table, filters: &[Expr]) -> Self {
        filters.iter().fold(Self::ALL, |wanted, filter| wanted.and(Self::of_one(table, filter)))
    }

    fn of_one(table: Table, filter: &Expr) -> Self {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Self::of_one(table, left).and(Self::of_one(table, right))
            }
            // DataFusion writes short IN lists this way.
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Self::of_one(table, left).or(Self::of_one(table, right))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) => Self::compared(table, &column.name, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    op.swap().map_or(Self::ALL, |op| Self::compared(table, &column.name, op, value))
                }
                _ => Self::ALL,
            },
            Expr::Between(between) if !between.negated => {
                match (between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()) {
                    (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => {
                        let above = Self::compared(table, &column.name, Operator::GtEq, low);
                        above.and(Self::compared(table, &column.name, Operator::LtEq, high))
                    }
                    _ => Self::ALL,
                }
            }
            Expr::InList(list) if !list.negated => match list.expr.as_ref() {
                Expr::Column(column) => list.list.iter().fold(Self::NOTHING, |wanted, item| {
                    wanted.or(match item {
                        Expr::Literal(value, _) => Self::compared(table, &column.name, Operator::Eq, value),
                        _ => Self::ALL,
                    })
                }),
                _ => Self::ALL,
            },
            _ => Self::ALL,
        }
    }

    /// No row: where alternatives begin.
    const NOTHING: Self =
        Self { from: Bound::Included(i64::MAX), to: Bound::Excluded(i64::MIN), traces: Some(BTreeSet::new()) };

    fn compared(table: Table, column: &str, op: Operator, value: &ScalarValue) -> Self {
        if column == "trace_id" && op == Operator::Eq {
            // Text that is no trace id equals that of no row.
            let only = |text: &str| Self { traces: Some(text.parse().into_iter().collect()), ..Self::ALL };
            return value.try_as_str().flatten().map_or(Self::ALL, only);
        }
        if column != table.time_column() {
            return Self::ALL;
        }
        let Ok(ScalarValue::TimestampNanosecond(Some(time), _)) = value.cast_to(&store::schema::time_type()) else {
            return Self::ALL;
        };
        match op {
            Operator::Gt => Self { from: Bound::Excluded(time), ..Self::ALL },
            Operator::GtEq => Self { from: Bound::Included(time), ..Self::ALL },
            Operator::Lt => Self { to: Bound::Excluded(time), ..Self::ALL },
            Operator::LtEq => Self { to: Bound::Included(time), ..Self::ALL },
            Operator::Eq => Self { from: Bound::Included(time), to: Bound::Included(time), ..Self::ALL },
            _ => Self::ALL,
        }
    }

    fn and(self, other: Self) -> Self {
        let traces = match (self.traces, other.traces) {
            (Some(a), Some(b)) => Some(a.intersection(&b).copied().collect()),
            (a, b) => a.or(b),
        };
        Self { from: later(self.from, other.from), to: earlier(self.to, other.to), traces }
    }

    fn or(self, other: Self) -> Self {
        let traces = match (self.traces, other.traces) {
            (Some(mut a), Some(b)) => {
                a.extend(b);
                Some(a)
            }
            _ => None,
        };
        Self { from: wider(self.from, other.from, i64::min), to: wider(self.to, other.to, i64::max), traces }
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

/// A bound that lets through what either does: the one further out, the edge itself included.
fn wider(a: Bound<i64>, b: Bound<i64>, outer: fn(i64, i64) -> i64) -> Bound<i64> {
    match (a, b) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => Bound::Unbounded,
        (Bound::Included(x) | Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => {
            Bound::Included(outer(x, y))
        }
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
            col("started_at").gt(time(100)).or(col("started_at").lt(time(10))),
            col("trace_id").eq(lit("x")).or(col("started_at").lt(time(10))),
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
        assert_eq!(wanted(&[col("trace_id").eq(lit(a)).or(col("trace_id").eq(lit(b)))]), Some(2));
        assert_eq!(wanted(&[col("trace_id").eq(lit(a)).or(col("name").eq(lit(b)))]), None);
        assert_eq!(wanted(&[col("trace_id").eq(lit("no id"))]), Some(0));
        assert_eq!(wanted(&[col("trace_id").in_list(vec![lit(a)], true)]), None);
        assert_eq!(wanted(&[col("trace_id").in_list(vec![lit(a), col("parent")], false)]), None);
        assert_eq!(wanted(&[col("trace_id").not_eq(lit(a))]), None);
    }
}
