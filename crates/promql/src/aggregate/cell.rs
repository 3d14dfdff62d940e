//! What one group has gathered at one step.

use crate::annotations::{HistogramOperation, Note};
use crate::ast::AggregateOp;
use crate::histogram::{Histogram, ResetHint};
use crate::series::Point;
use crate::sums::{self, Kahan, Mean};

/// Tells about something odd.
type Tell<'t> = &'t dyn Fn(Note<'_>);

/// The state of an aggregation; what it holds depends on the operator.
#[derive(Default)]
pub(super) enum Cell {
    /// No sample that counts yet.
    #[default]
    Empty,
    /// `count`
    Count(f64),
    /// `group`
    Group,
    /// `min`, `max`
    Extreme(f64),
    /// `sum`
    Sum(Option<Kahan>, Option<Box<Histograms>>),
    /// `avg`
    Avg(Option<Mean>, Option<Box<Histograms>>),
    /// `stddev`, `stdvar` (Welford): count, mean, sum of squared distances.
    Variance(f64, f64, f64),
    /// `quantile`
    Values(Vec<f64>),
}

impl Cell {
    /// Adds a sample.
    pub fn add(&mut self, op: AggregateOp, point: &Point, metric: &str, tell: Tell<'_>) {
        match op {
            AggregateOp::Count => {
                *self = Self::Count(if let Self::Count(count) = self { *count + 1.0 } else { 1.0 });
            }
            AggregateOp::Group => *self = Self::Group,
            AggregateOp::Sum | AggregateOp::Avg => self.add_up(op, point, metric, tell),
            _ => match point {
                Point::Float(value) => self.add_float(op, *value),
                Point::Histogram(_) => tell(Note::HistogramIgnored { aggregation: op.as_str() }),
                Point::None => {}
            },
        }
    }

    fn add_float(&mut self, op: AggregateOp, value: f64) {
        match (op, self) {
            (AggregateOp::Max, Self::Extreme(best)) => {
                if value > *best || best.is_nan() {
                    *best = value;
                }
            }
            (AggregateOp::Min, Self::Extreme(best)) => {
                if value < *best || best.is_nan() {
                    *best = value;
                }
            }
            (AggregateOp::Max | AggregateOp::Min, empty) => *empty = Self::Extreme(value),
            (AggregateOp::Stddev | AggregateOp::Stdvar, Self::Variance(count, mean, squares)) => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
            (AggregateOp::Stddev | AggregateOp::Stdvar, empty) => {
                *empty = Self::Variance(1.0, value, if value.is_finite() { 0.0 } else { f64::NAN });
            }
            (_, Self::Values(values)) => values.push(value),
            (_, empty) => *empty = Self::Values(vec![value]),
        }
    }

    fn add_up(&mut self, op: AggregateOp, point: &Point, metric: &str, tell: Tell<'_>) {
        if matches!(self, Self::Empty) {
            *self = if op == AggregateOp::Sum { Self::Sum(None, None) } else { Self::Avg(None, None) };
        }
        match (point, self) {
            (Point::Float(value), Self::Sum(floats, _)) => match floats {
                Some(sum) => sum.add(*value),
                None => *floats = Some(Kahan::new(*value)),
            },
            (Point::Float(value), Self::Avg(floats, _)) => match floats {
                Some(mean) => mean.add(*value),
                None => *floats = Some(Mean::new(*value)),
            },
            (Point::Histogram(histogram), Self::Sum(_, histograms)) => match histograms {
                Some(sum) => sum.add(histogram, false, metric, tell),
                None => *histograms = Some(Box::new(Histograms::new(histogram))),
            },
            (Point::Histogram(histogram), Self::Avg(_, histograms)) => match histograms {
                Some(sum) => sum.add(histogram, true, metric, tell),
                None => *histograms = Some(Box::new(Histograms::new(histogram))),
            },
            _ => {}
        }
    }

    /// The value of the group.
    pub fn finish(self, op: AggregateOp, q: f64, tell: Tell<'_>) -> Point {
        match self {
            Self::Empty => Point::None,
            Self::Count(count) => Point::Float(count),
            Self::Group => Point::Float(1.0),
            Self::Extreme(value) => Point::Float(value),
            Self::Variance(count, _, squares) => {
                let variance = squares / count;
                Point::Float(if op == AggregateOp::Stddev { variance.sqrt() } else { variance })
            }
            Self::Values(mut values) => Point::Float(sums::quantile(q, &mut values)),
            Self::Sum(floats, histograms) => mixed(floats.map(Kahan::total), histograms, false, tell),
            Self::Avg(floats, histograms) => mixed(floats.map(Mean::value), histograms, true, tell),
        }
    }
}

/// Of floats or of histograms, but not of both together.
fn mixed(floats: Option<f64>, histograms: Option<Box<Histograms>>, mean: bool, tell: Tell<'_>) -> Point {
    match (floats, histograms) {
        (Some(_), Some(_)) => {
            tell(Note::MixedInAggregation);
            Point::None
        }
        (Some(value), None) => Point::Float(value),
        (None, Some(histograms)) => histograms.finish(mean, tell),
        (None, None) => Point::None,
    }
}

/// A sum of histograms, or their mean once the sum would be too large for floats.
pub(super) struct Histograms {
    sum: Histogram,
    lost: Histogram,
    count: f64,
    is_mean: bool,
    incompatible: bool,
    reset_seen: bool,
    no_reset_seen: bool,
    reconciled: bool,
}

impl Histograms {
    fn new(first: &Histogram) -> Self {
        Self {
            sum: first.clone(),
            lost: first.empty_like(),
            count: 1.0,
            is_mean: false,
            incompatible: false,
            reset_seen: first.hint == ResetHint::Reset,
            no_reset_seen: first.hint == ResetHint::NotReset,
            reconciled: false,
        }
    }

    fn add(&mut self, histogram: &Histogram, mean: bool, metric: &str, tell: Tell<'_>) {
        if self.incompatible {
            return;
        }
        self.reset_seen |= histogram.hint == ResetHint::Reset;
        self.no_reset_seen |= histogram.hint == ResetHint::NotReset;
        self.count += 1.0;
        let too_large = |a: f64, b: f64| a.is_finite() && b.is_finite() && (a + b).is_infinite();
        if mean
            && !self.is_mean
            && (too_large(self.sum.sum, histogram.sum) || too_large(self.sum.count, histogram.count))
        {
            self.is_mean = true;
            self.sum.divide(self.count - 1.0);
            self.lost.divide(self.count - 1.0);
        }
        let added = if self.is_mean {
            let share = (self.count - 1.0) / self.count;
            self.sum.scale(share);
            self.lost.scale(share);
            let mut more = histogram.clone();
            more.divide(self.count);
            self.sum.add_compensated(&more, &mut self.lost)
        } else {
            self.sum.add_compensated(histogram, &mut self.lost)
        };
        match added {
            Ok(combined) => self.reconciled |= combined.bounds_reconciled,
            Err(_) => {
                self.incompatible = true;
                tell(Note::MixedSchemas { metric });
            }
        }
    }

    fn finish(mut self, mean: bool, tell: Tell<'_>) -> Point {
        if self.reconciled {
            tell(Note::BoundsReconciled(HistogramOperation::Aggregation));
        }
        if self.incompatible {
            return Point::None;
        }
        if self.reset_seen && self.no_reset_seen {
            tell(Note::ResetCollision(HistogramOperation::Aggregation));
        }
        self.lost.hint = self.sum.hint;
        if self.sum.add(&self.lost).is_err() {
            return Point::None;
        }
        if mean && !self.is_mean {
            self.sum.divide(self.count);
        }
        self.sum.compact();
        Point::Histogram(self.sum.into())
    }
}
