//! Rates and differences.

use std::sync::Arc;

use super::extended::extended_rate;
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Extension;
use crate::error::Evaluated;
use crate::eval::RangeCall;
use crate::histogram::{Histogram, ResetHint};
use crate::series::Point;

/// What a difference is of, and in which unit.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// A counter: what goes down was reset.
    pub counter: bool,
    /// Per second.
    pub per_second: bool,
}

pub(super) fn rate(call: &RangeCall<'_>) -> Evaluated<Point> {
    extrapolated(call, Mode { counter: true, per_second: true })
}

pub(super) fn increase(call: &RangeCall<'_>) -> Evaluated<Point> {
    extrapolated(call, Mode { counter: true, per_second: false })
}

pub(super) fn delta(call: &RangeCall<'_>) -> Evaluated<Point> {
    extrapolated(call, Mode { counter: false, per_second: false })
}

pub(super) fn irate(call: &RangeCall<'_>) -> Evaluated<Point> {
    instant(call, Mode { counter: true, per_second: true })
}

pub(super) fn idelta(call: &RangeCall<'_>) -> Evaluated<Point> {
    instant(call, Mode { counter: false, per_second: false })
}

/// The difference between the last and the first sample, with resets made up for, extrapolated to the ends of the range.
fn extrapolated(call: &RangeCall<'_>, mode: Mode) -> Evaluated<Point> {
    if call.extension != Extension::None {
        return Ok(extended_rate(call, mode));
    }
    let window = &call.window;
    if !window.values.is_empty() && !window.histograms.is_empty() {
        call.evaluator.note(Note::MixedFloatsHistograms { metric: call.metric }, call.first_at);
        return Ok(Point::None);
    }
    if window.histograms.len() > 1 {
        let Some(mut result) = histogram_difference(call, mode.counter) else { return Ok(Point::None) };
        let (first, last) = (&window.histograms[0], &window.histograms[window.histograms.len() - 1]);
        let samples = Samples { first: first.0, last: last.0, gaps: window.histograms.len() - 1 };
        result.scale(factor(call, samples, first.1.count, result.count, mode));
        return Ok(Point::Histogram(result.into()));
    }
    let [first, .., last] = window.values else { return Ok(Point::None) };
    let mut result = last - first;
    if mode.counter {
        result += window.lost_to_resets().sum::<f64>();
    }
    let times = window.times;
    let samples = Samples { first: times[0], last: times[times.len() - 1], gaps: times.len() - 1 };
    Ok(Point::Float(result * factor(call, samples, *first, result, mode)))
}

struct Samples {
    first: i64,
    last: i64,
    gaps: usize,
}

/// By what to multiply the difference between the first and the last sample.
///
/// A range rarely begins and ends at samples. Where the gap at an end is about as wide as those between samples, the series is taken to go
/// on to that end; where it is wider, to go on for half a usual gap. A counter is never taken to have been below zero.
fn factor(call: &RangeCall<'_>, samples: Samples, first_value: f64, difference: f64, mode: Mode) -> f64 {
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let sampled = seconds(samples.last.saturating_sub(samples.first));
    let usual_gap = sampled / samples.gaps as f64;
    let threshold = usual_gap * 1.1;
    let mut to_start = seconds(samples.first.saturating_sub(call.window.start));
    let mut to_end = seconds(call.window.end.saturating_sub(samples.last));
    if to_start >= threshold {
        to_start = usual_gap / 2.0;
    }
    if mode.counter && difference > 0.0 && first_value >= 0.0 {
        to_start = to_start.min(sampled * (first_value / difference));
    }
    if to_end >= threshold {
        to_end = usual_gap / 2.0;
    }
    let factor = (sampled + to_start + to_end) / sampled;
    if mode.per_second { factor / call.window.seconds() } else { factor }
}

/// The last histogram less the first, with resets made up for; `None` where layouts do not fit.
fn histogram_difference(call: &RangeCall<'_>, counter: bool) -> Option<Histogram> {
    let note = |note| call.evaluator.note(note, call.first_at);
    let histograms: Vec<&Arc<Histogram>> = call.window.histograms.iter().map(|(_, histogram)| histogram).collect();
    let (first, last) = (histograms[0], histograms[histograms.len() - 1]);
    if counter && histograms.iter().any(|histogram| histogram.hint == ResetHint::Gauge) {
        note(Note::NotACounter { metric: call.metric });
    }
    // A first sample before a reset contributes nothing, so its layout does not matter either.
    let second = histograms[1];
    let reset_at_once = counter && second.is_reset_after(first);
    let base = if reset_at_once { second.empty_like() } else { (**first).clone() };
    let custom = base.has_custom_buckets();
    if histograms[1..].iter().any(|histogram| histogram.has_custom_buckets() != custom) {
        note(Note::MixedSchemas { metric: call.metric });
        return None;
    }
    let mut result = (**last).clone();
    let mut reconciled = result.subtract(&base).ok()?.bounds_reconciled;
    if reconciled {
        note(Note::BoundsReconciled(HistogramOperation::Subtraction));
    }
    if counter {
        reconciled = false;
        let mut previous = &base;
        for current in &histograms[1..] {
            if current.is_reset_after(previous) {
                reconciled |= result.add(previous).ok()?.bounds_reconciled;
            }
            previous = current;
        }
        if reconciled {
            note(Note::BoundsReconciled(HistogramOperation::Addition));
        }
    } else if first.hint != ResetHint::Gauge || last.hint != ResetHint::Gauge {
        note(Note::NotAGauge { metric: call.metric });
    }
    result.hint = ResetHint::Gauge;
    result.compact();
    Some(result)
}

/// The difference between the last two samples.
fn instant(call: &RangeCall<'_>, mode: Mode) -> Evaluated<Point> {
    let window = &call.window;
    // The last two samples of each kind in order of time, floats first at the same time.
    let floats =
        window.times.iter().zip(window.values).rev().take(2).map(|(&time, &value)| (time, Point::Float(value)));
    let histograms =
        window.histograms.iter().rev().take(2).map(|(time, histogram)| (*time, Point::Histogram(histogram.clone())));
    let mut samples: Vec<(i64, Point)> = floats.chain(histograms).collect();
    samples.sort_by_key(|&(time, _)| std::cmp::Reverse(time));
    let [(now, last), (then, previous), ..] = &samples[..] else { return Ok(Point::None) };
    let interval = now.saturating_sub(*then) as f64 / 1000.0;
    if interval == 0.0 {
        return Ok(Point::None);
    }
    Ok(match (previous, last) {
        (Point::Float(before), Point::Float(value)) => {
            let difference = if mode.counter && value < before { *value } else { value - before };
            Point::Float(if mode.per_second { difference / interval } else { difference })
        }
        (Point::Histogram(before), Point::Histogram(value)) => match instant_histogram(call, mode, before, value) {
            Some(mut difference) => {
                if mode.per_second {
                    difference.divide(interval);
                }
                Point::Histogram(difference.into())
            }
            None => Point::None,
        },
        _ => {
            call.evaluator.note(Note::MixedFloatsHistograms { metric: call.metric }, call.first_at);
            Point::None
        }
    })
}

fn instant_histogram(call: &RangeCall<'_>, mode: Mode, before: &Histogram, value: &Histogram) -> Option<Histogram> {
    let note = |note| call.evaluator.note(note, call.first_at);
    let gauges = [before, value].map(|histogram| histogram.hint == ResetHint::Gauge);
    if mode.counter && gauges.contains(&true) {
        note(Note::NotACounter { metric: call.metric });
    }
    if !mode.counter && gauges.contains(&false) {
        note(Note::NotAGauge { metric: call.metric });
    }
    let mut difference = value.clone();
    if !mode.counter || !value.is_reset_after(before) {
        match difference.subtract(before) {
            Ok(combined) if combined.bounds_reconciled => {
                note(Note::BoundsReconciled(HistogramOperation::Subtraction));
            }
            Ok(_) => {}
            Err(_) => {
                note(Note::MixedSchemas { metric: call.metric });
                return None;
            }
        }
    }
    difference.hint = ResetHint::Gauge;
    difference.compact();
    Some(difference)
}
