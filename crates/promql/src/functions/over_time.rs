//! Aggregations of one series over time.

use std::sync::Arc;

use crate::annotations::{HistogramOperation, Note};
use crate::error::Evaluated;
use crate::eval::RangeCall;
use crate::histogram::{Histogram, Incompatible, ResetHint};
use crate::series::Point;
use crate::sums::{self, Kahan, Mean};

pub(super) fn count(call: &RangeCall<'_>) -> Evaluated<Point> {
    Ok(Point::Float((call.window.times.len() + call.window.histograms.len()) as f64))
}

pub(super) fn present(_: &RangeCall<'_>) -> Evaluated<Point> {
    Ok(Point::Float(1.0))
}

pub(super) fn first(call: &RangeCall<'_>) -> Evaluated<Point> {
    Ok(match (call.window.times.first(), call.window.histograms.first()) {
        (Some(at), other) if other.is_none_or(|(other, _)| at < other) => Point::Float(call.window.values[0]),
        (_, Some((_, histogram))) => Point::Histogram(histogram.clone()),
        _ => Point::None,
    })
}

pub(super) fn last(call: &RangeCall<'_>) -> Evaluated<Point> {
    Ok(match (call.window.times.last(), call.window.histograms.last()) {
        (Some(at), other) if other.is_none_or(|(other, _)| other < at) => {
            call.window.values.last().map_or(Point::None, |&value| Point::Float(value))
        }
        (_, Some((_, histogram))) => Point::Histogram(histogram.clone()),
        _ => Point::None,
    })
}

fn seconds(millis: i64) -> Point {
    Point::Float(millis as f64 / 1000.0)
}

pub(super) fn time_of_first(call: &RangeCall<'_>) -> Evaluated<Point> {
    let window = &call.window;
    let times = window.times.first().into_iter().chain(window.histograms.first().map(|(time, _)| time));
    Ok(times.min().map_or(Point::None, |&time| seconds(time)))
}

pub(super) fn time_of_last(call: &RangeCall<'_>) -> Evaluated<Point> {
    let window = &call.window;
    let times = window.times.last().into_iter().chain(window.histograms.last().map(|(time, _)| time));
    Ok(times.max().map_or(Point::None, |&time| seconds(time)))
}

/// Computes from the floats; histograms beside them are ignored, and that is noted. Nothing where there is no float.
pub(super) fn of_floats(call: &RangeCall<'_>, compute: impl FnOnce(&[f64]) -> f64) -> Evaluated<Point> {
    if call.window.values.is_empty() {
        return Ok(Point::None);
    }
    if !call.window.histograms.is_empty() {
        call.evaluator.note(Note::HistogramsIgnoredInRange { metric: call.metric }, call.first_at);
    }
    Ok(Point::Float(compute(call.window.values)))
}

/// The value, and its place, that `better` prefers to all before it; any number is preferred to NaN.
fn best(values: &[f64], better: impl Fn(f64, f64) -> bool) -> (usize, f64) {
    let mut best = (0, values[0]);
    for (at, &value) in values.iter().enumerate() {
        if better(value, best.1) || best.1.is_nan() {
            best = (at, value);
        }
    }
    best
}

pub(super) fn max(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| best(values, |value, best| value > best).1)
}

pub(super) fn min(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| best(values, |value, best| value < best).1)
}

/// The last time of the largest value.
pub(super) fn time_of_max(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| call.window.times[best(values, |value, best| value >= best).0] as f64 / 1000.0)
}

/// The last time of the smallest value.
pub(super) fn time_of_min(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| call.window.times[best(values, |value, best| value <= best).0] as f64 / 1000.0)
}

pub(super) fn quantile(call: &RangeCall<'_>) -> Evaluated<Point> {
    let q = call.scalars[0];
    if !call.window.values.is_empty() && !(0.0..=1.0).contains(&q) {
        call.evaluator.note(Note::InvalidQuantile(q), call.first_at);
    }
    of_floats(call, |values| sums::quantile(q, &mut values.to_vec()))
}

/// Median of the distances from the median; NaN where any value is.
pub(super) fn mad(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| {
        if values.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        let mut values = values.to_vec();
        let median = sums::quantile(0.5, &mut values);
        values.iter_mut().for_each(|value| *value = (*value - median).abs());
        sums::quantile(0.5, &mut values)
    })
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    for (count, &value) in (1u32..).zip(values) {
        let delta = value - (mean.sum + mean.lost);
        mean.add(delta / f64::from(count));
        squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / values.len() as f64
}

pub(super) fn stdvar(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, variance)
}

pub(super) fn stddev(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_floats(call, |values| variance(values).sqrt())
}

pub(super) fn sum(call: &RangeCall<'_>) -> Evaluated<Point> {
    let floats = |values: &[f64]| {
        let mut sum = Kahan::default();
        values.iter().for_each(|&value| sum.add(value));
        sum.total()
    };
    floats_or_histograms(call, floats, sum_of_histograms)
}

pub(super) fn avg(call: &RangeCall<'_>) -> Evaluated<Point> {
    let floats = |values: &[f64]| {
        let mut mean = Mean::new(values[0]);
        values[1..].iter().for_each(|&value| mean.add(value));
        mean.value()
    };
    floats_or_histograms(call, floats, mean_of_histograms)
}

/// What was reconciled on the way.
pub(super) type HistogramResult = Result<(Histogram, bool), Incompatible>;

/// Of floats or of histograms, but not of both together.
fn floats_or_histograms(
    call: &RangeCall<'_>,
    floats: impl FnOnce(&[f64]) -> f64,
    histograms: impl FnOnce(&[(i64, Arc<Histogram>)]) -> HistogramResult,
) -> Evaluated<Point> {
    let note = |note| call.evaluator.note(note, call.first_at);
    let window = &call.window;
    if window.histograms.is_empty() {
        return Ok(Point::Float(floats(window.values)));
    }
    if !window.values.is_empty() {
        note(Note::MixedFloatsHistograms { metric: call.metric });
        return Ok(Point::None);
    }
    let Ok((result, reconciled)) = histograms(window.histograms) else {
        note(Note::MixedSchemas { metric: call.metric });
        return Ok(Point::None);
    };
    let seen = |hint| window.histograms.iter().any(|(_, histogram)| histogram.hint == hint);
    if seen(ResetHint::Reset) && seen(ResetHint::NotReset) {
        note(Note::ResetCollision(HistogramOperation::Aggregation));
    }
    if reconciled {
        note(Note::BoundsReconciled(HistogramOperation::Aggregation));
    }
    Ok(Point::Histogram(result.into()))
}

fn sum_of_histograms(histograms: &[(i64, Arc<Histogram>)]) -> HistogramResult {
    let mut sum = (*histograms[0].1).clone();
    let mut lost = sum.empty_like();
    let mut reconciled = false;
    for (_, histogram) in &histograms[1..] {
        reconciled |= sum.add_compensated(histogram, &mut lost)?.bounds_reconciled;
    }
    lost.hint = sum.hint;
    sum.add(&lost)?;
    Ok((sum, reconciled))
}

fn mean_of_histograms(histograms: &[(i64, Arc<Histogram>)]) -> HistogramResult {
    let (mut sum, reconciled) = sum_of_histograms(histograms)?;
    if !sum.has_overflow() {
        sum.divide(histograms.len() as f64);
        return Ok((sum, reconciled));
    }
    // The sum is too large for a float, the mean is not: add shares.
    let share = |histogram: &Histogram| {
        let mut share = histogram.clone();
        share.divide(histograms.len() as f64);
        share
    };
    let mut mean = share(&histograms[0].1);
    for (_, histogram) in &histograms[1..] {
        mean.add(&share(histogram))?;
    }
    Ok((mean, reconciled))
}
