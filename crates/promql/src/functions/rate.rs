//! Rates and differences.

use std::sync::Arc;

use super::extended::extended_rate;
use super::extended_histograms::{combine, extended_histogram_rate};
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Extension;
use crate::error::Evaluated;
use crate::eval::RangeCall;
use crate::histogram::{Histogram, ResetHint};
use crate::series::Point;
use crate::starts::Counted;

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
    let window = &call.window;
    if !window.values.is_empty() && !window.histograms.is_empty() {
        call.evaluator.note(Note::MixedFloatsHistograms { metric: call.metric }, call.first_at);
        return Ok(Point::None);
    }
    if !window.histograms.is_empty() {
        let rate = if call.extension == Extension::None { histogram_rate } else { extended_histogram_rate };
        return Ok(rate(call, mode).map_or(Point::None, |result| Point::Histogram(result.into())));
    }
    if call.extension != Extension::None {
        return Ok(extended_rate(call, mode));
    }
    let (Some(first), Some(last)) = (window.values.first(), window.values.last()) else { return Ok(Point::None) };
    let times = window.times;
    let samples = Samples {
        first: times[0],
        last: times[times.len() - 1],
        gaps: times.len() - 1,
        begun: begun_inside(call, mode, window.starts, times[0]),
    };
    let mut result = last - first;
    if mode.counter {
        result += window.lost_to_resets().sum::<f64>();
    }
    if samples.begun.is_some() {
        result += first;
    }
    let factor = factor(call, &samples, *first, result, mode);
    Ok(factor.map_or(Point::None, |factor| Point::Float(result * factor)))
}

fn histogram_rate(call: &RangeCall<'_>, mode: Mode) -> Option<Histogram> {
    let histograms = call.window.histograms;
    let (first, last) = (&histograms[0], &histograms[histograms.len() - 1]);
    let samples = Samples {
        first: first.0,
        last: last.0,
        gaps: histograms.len() - 1,
        begun: begun_inside(call, mode, call.window.histogram_starts, first.0),
    };
    let mut result = match (samples.gaps, samples.begun) {
        (0, None) => return None,
        (0, Some(_)) => Histogram { hint: ResetHint::Gauge, ..(*first.1).clone() },
        _ => histogram_difference(call, mode.counter)?,
    };
    if samples.gaps > 0 && samples.begun.is_some() {
        let note = |note: Note<'_>| call.evaluator.note(note, call.first_at);
        combine(&mut result, &first.1, HistogramOperation::Addition, call.metric, &note)?;
        result.hint = ResetHint::Gauge;
    }
    let factor = factor(call, &samples, first.1.count, result.count, mode)?;
    result.scale(factor);
    Some(result)
}

struct Samples {
    first: i64,
    last: i64,
    gaps: usize,
    /// Where the counter began inside of the range, at 0.
    begun: Option<i64>,
}

/// Where the counter of the first sample began, if that is known and lies inside of the range.
fn begun_inside(call: &RangeCall<'_>, mode: Mode, starts: &[i64], first: i64) -> Option<i64> {
    let inside = |start: &i64| *start != 0 && *start > call.window.start && *start < first;
    starts.first().copied().filter(inside).filter(|_| mode.counter)
}

/// By what to multiply the difference between the first and the last sample; `None` where one sample alone says nothing.
///
/// A range rarely begins and ends at samples. Where the gap at an end is about as wide as those between samples, the series is taken to go
/// on to that end; where it is wider, to go on for half a usual gap. A counter is never taken to have been below zero. Nothing is guessed
/// about the start where the counter is known to have begun inside of the range.
fn factor(call: &RangeCall<'_>, samples: &Samples, first_value: f64, difference: f64, mode: Mode) -> Option<f64> {
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let mut sampled = seconds(samples.last.saturating_sub(samples.first));
    let usual_gap = if samples.gaps > 0 { sampled / samples.gaps as f64 } else { 0.0 };
    let threshold = usual_gap * 1.1;
    let mut to_start = seconds(samples.first.saturating_sub(call.window.start));
    let mut to_end = seconds(call.window.end.saturating_sub(samples.last));
    if let Some(begun) = samples.begun {
        sampled = seconds(samples.last.saturating_sub(begun));
        to_start = 0.0;
    } else if samples.gaps == 0 {
        return None;
    } else {
        if to_start >= threshold {
            to_start = usual_gap / 2.0;
        }
        if mode.counter && difference > 0.0 && first_value >= 0.0 {
            to_start = to_start.min(sampled * (first_value / difference));
        }
    }
    if to_end >= threshold {
        to_end = usual_gap / 2.0;
    }
    let factor = (sampled + to_start + to_end) / sampled;
    Some(if mode.per_second { factor / call.window.seconds() } else { factor })
}

/// The last histogram less the first, with resets made up for; `None` where layouts do not fit.
fn histogram_difference(call: &RangeCall<'_>, counter: bool) -> Option<Histogram> {
    let note = |note| call.evaluator.note(note, call.first_at);
    let window = &call.window;
    let histograms: Vec<&Arc<Histogram>> = window.histograms.iter().map(|(_, histogram)| histogram).collect();
    let counted = |at: usize| Counted::of(window.histogram_starts, at, window.histograms[at].0);
    let anew = |at: usize| counted(at).is_anew_after(counted(at - 1));
    let (first, last) = (histograms[0], histograms[histograms.len() - 1]);
    if counter && histograms.iter().any(|histogram| histogram.hint == ResetHint::Gauge) {
        note(Note::NotACounter { metric: call.metric });
    }
    // A first sample before a reset contributes nothing, so its layout does not matter either.
    let second = histograms[1];
    let reset_at_once = counter && (anew(1) || second.is_reset_after(first));
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
        for (at, current) in histograms.iter().enumerate().skip(1) {
            if anew(at) || current.is_reset_after(previous) {
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
    let floats = (0..window.times.len())
        .rev()
        .take(2)
        .map(|at| (Counted::of(window.starts, at, window.times[at]), Point::Float(window.values[at])));
    let histograms = (0..window.histograms.len()).rev().take(2).map(|at| {
        let (time, histogram) = &window.histograms[at];
        (Counted::of(window.histogram_starts, at, *time), Point::Histogram(histogram.clone()))
    });
    let mut samples: Vec<(Counted, Point)> = floats.chain(histograms).collect();
    samples.sort_by_key(|(counted, _)| std::cmp::Reverse(counted.time));
    let [(now, last), (then, previous), ..] = &samples[..] else { return Ok(Point::None) };
    let interval = now.time.saturating_sub(then.time) as f64 / 1000.0;
    if interval == 0.0 {
        return Ok(Point::None);
    }
    let anew = mode.counter && now.is_anew_after(*then);
    Ok(match (previous, last) {
        (Point::Float(before), Point::Float(value)) => {
            let difference = if anew || (mode.counter && value < before) { *value } else { value - before };
            Point::Float(if mode.per_second { difference / interval } else { difference })
        }
        (Point::Histogram(before), Point::Histogram(value)) => match instant_histogram(call, mode, before, value, anew)
        {
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

fn instant_histogram(
    call: &RangeCall<'_>,
    mode: Mode,
    before: &Histogram,
    value: &Histogram,
    anew: bool,
) -> Option<Histogram> {
    let note = |note| call.evaluator.note(note, call.first_at);
    let gauges = [before, value].map(|histogram| histogram.hint == ResetHint::Gauge);
    if mode.counter && gauges.contains(&true) {
        note(Note::NotACounter { metric: call.metric });
    }
    if !mode.counter && gauges.contains(&false) {
        note(Note::NotAGauge { metric: call.metric });
    }
    let mut difference = value.clone();
    if !anew && (!mode.counter || !value.is_reset_after(before)) {
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
