//! `anchored` and `smoothed` ranges of native histograms: as those of floats, with histograms between two samples interpolated.

use std::sync::Arc;

use super::extended::outermost;
use super::rate::Mode;
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Extension;
use crate::eval::{RangeCall, Window};
use crate::histogram::{Histogram, ResetHint};
use crate::series::Point;

/// A histogram with its time.
type Sample = (i64, Arc<Histogram>);

/// Where annotations go.
type Notes<'n> = &'n dyn Fn(Note<'_>);

/// Adds `other` to `base` or subtracts it, and says what is worth saying; `None` where the layouts do not fit.
pub(super) fn combine(
    base: &mut Histogram,
    other: &Histogram,
    operation: HistogramOperation,
    metric: &str,
    note: Notes<'_>,
) -> Option<()> {
    let combined = match operation {
        HistogramOperation::Subtraction => base.subtract(other),
        HistogramOperation::Addition | HistogramOperation::Aggregation => base.add(other),
    };
    match combined {
        Ok(combined) if combined.bounds_reconciled => note(Note::BoundsReconciled(operation)),
        Ok(_) => {}
        Err(_) => {
            note(Note::MixedSchemas { metric });
            return None;
        }
    }
    Some(())
}

/// The histogram at a time between two samples. After a reset a counter is taken to have begun at 0.
pub(crate) fn interpolated(
    (from, before): &Sample,
    (to, after): &Sample,
    at: i64,
    counter: bool,
    metric: &str,
    note: Notes<'_>,
) -> Option<Histogram> {
    if at == *from {
        return Some((**before).clone());
    }
    let mut result = (**after).clone();
    if at == *to {
        return Some(result);
    }
    let fraction = at.saturating_sub(*from) as f64 / to.saturating_sub(*from) as f64;
    if counter && after.is_reset_after(before) {
        result.scale(fraction);
        return Some(result);
    }
    combine(&mut result, before, HistogramOperation::Subtraction, metric, note)?;
    result.scale(fraction);
    combine(&mut result, before, HistogramOperation::Addition, metric, note)?;
    Some(result)
}

/// Histograms at both ends of a range, and the samples that lead from one to the other: the first and the last are those the ends come from.
struct Ends<'w> {
    left: Histogram,
    right: Histogram,
    samples: &'w [Sample],
    /// Whether the left end lies between the first two samples.
    left_between: bool,
}

impl<'w> Ends<'w> {
    /// `None` where no sample is in reach, or where layouts do not fit.
    fn of(window: &Window<'w>, smoothed: bool, counter: bool, metric: &str, note: Notes<'_>) -> Option<Self> {
        let (start, end) = (window.start, window.end);
        let all = window.histograms;
        let (first, last) = outermost(all.len(), |at| all[at].0, (start, end), smoothed)?;
        let samples = &all[first..=last];
        let custom = samples[0].1.has_custom_buckets();
        for (_, histogram) in samples {
            if histogram.has_custom_buckets() != custom {
                note(Note::MixedSchemas { metric });
                return None;
            }
            if counter && histogram.hint == ResetHint::Gauge {
                note(Note::NotACounter { metric });
            }
        }
        let left_between = smoothed && samples[0].0 < start;
        let left = if left_between {
            interpolated(&samples[0], &samples[1], start, counter, metric, note)?
        } else {
            (*samples[0].1).clone()
        };
        let right = if smoothed && last > 0 && all[last].0 > end {
            interpolated(&all[last - 1], &all[last], end, counter, metric, note)?
        } else {
            (*all[last].1).clone()
        };
        Some(Self { left, right, samples, left_between })
    }

    /// What the counter had before each reset between the ends.
    fn lost_to_resets(&self) -> Vec<&Histogram> {
        let last = self.samples.len() - 1;
        let (mut previous, mut from) = (&self.left, 1);
        if self.left_between && self.samples[1].1.is_reset_after(&self.samples[0].1) {
            // The left end has taken that reset into account.
            (previous, from) = (&*self.samples[1].1, 2);
        }
        if from > last {
            return Vec::new();
        }
        let mut lost = Vec::new();
        for current in self.samples[from..last].iter().map(|(_, histogram)| &**histogram).chain([&self.right]) {
            if current.is_reset_after(previous) {
                lost.push(previous);
            }
            previous = current;
        }
        lost
    }
}

/// `rate`, `increase` and `delta` over an extended range of histograms: no extrapolation.
pub(super) fn extended_histogram_rate(call: &RangeCall<'_>, mode: Mode) -> Option<Histogram> {
    let metric = call.metric;
    let note = |note: Note<'_>| call.evaluator.note(note, call.first_at);
    let ends = Ends::of(&call.window, call.extension == Extension::Smoothed, mode.counter, metric, &note)?;
    if !mode.counter && [&ends.left, &ends.right].iter().any(|end| end.hint != ResetHint::Gauge) {
        note(Note::NotAGauge { metric });
    }
    let mut result = ends.right.clone();
    combine(&mut result, &ends.left, HistogramOperation::Subtraction, metric, &note)?;
    if mode.counter {
        for lost in ends.lost_to_resets() {
            combine(&mut result, lost, HistogramOperation::Addition, metric, &note)?;
        }
    }
    if mode.per_second {
        result.divide(call.window.seconds());
    }
    result.hint = ResetHint::Gauge;
    result.compact();
    Some(result)
}

/// The points of an extended range of histograms by itself.
pub(super) fn extended_histogram_points(window: &Window<'_>, extension: Extension) -> Vec<(i64, Point)> {
    let Some(ends) = Ends::of(window, extension == Extension::Smoothed, false, "", &|_| {}) else { return Vec::new() };
    let inside = ends.samples.iter().filter(|(time, _)| *time > window.start && *time < window.end);
    let mut points: Vec<(i64, Point)> = inside.map(|(time, value)| (*time, Point::Histogram(value.clone()))).collect();
    points.insert(0, (window.start, Point::Histogram(ends.left.into())));
    points.push((window.end, Point::Histogram(ends.right.into())));
    points
}
