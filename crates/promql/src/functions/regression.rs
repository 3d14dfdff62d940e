//! Trends and areas: `deriv`, `predict_linear`, `double_exponential_smoothing`, `integral`.

use crate::annotations::Note;
use crate::error::{EvalError, Evaluated};
use crate::eval::{RangeCall, Window};
use crate::series::Point;
use crate::sums::Kahan;

/// Computes from at least two floats; notes histograms beside any.
fn of_two_floats(call: &RangeCall<'_>, compute: impl FnOnce() -> f64) -> Evaluated<Point> {
    let (floats, histograms) = (call.window.values.len(), call.window.histograms.len());
    if floats > 0 && histograms > 0 {
        call.evaluator.note(Note::HistogramsIgnoredInRange { metric: call.metric }, call.first_at);
    }
    Ok(if floats < 2 { Point::None } else { Point::Float(compute()) })
}

/// Slope per second of the least-squares line, and its value at `origin`.
fn line(window: &Window<'_>, origin: i64) -> (f64, f64) {
    let first = window.values[0];
    if window.values.iter().all(|&value| value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [Kahan::default(); 4];
    for (&time, &y) in window.times.iter().zip(window.values) {
        let x = time.saturating_sub(origin) as f64 / 1000.0;
        sum_x.add(x);
        sum_y.add(y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let n = window.values.len() as f64;
    let [x, y, xy, xx] = [sum_x, sum_y, sum_xy, sum_xx].map(|sum| sum.sum + sum.lost);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

pub(super) fn deriv(call: &RangeCall<'_>) -> Evaluated<Point> {
    // An origin near the values keeps precision.
    of_two_floats(call, || line(&call.window, call.window.times[0]).0)
}

pub(super) fn predict_linear(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_two_floats(call, || {
        let (slope, value) = line(&call.window, call.time);
        slope * call.scalars[0] + value
    })
}

/// The area under the straight lines between the samples, in the unit of the values times seconds.
pub(super) fn integral(call: &RangeCall<'_>) -> Evaluated<Point> {
    of_two_floats(call, || {
        let mut area = Kahan::default();
        for (times, values) in call.window.times.windows(2).zip(call.window.values.windows(2)) {
            let seconds = times[1].saturating_sub(times[0]) as f64 / 1000.0;
            area.add((values[0] / 2.0 + values[1] / 2.0) * seconds);
        }
        area.total()
    })
}

/// Holt's linear method (<https://en.wikipedia.org/wiki/Exponential_smoothing>).
pub(super) fn double_exponential_smoothing(call: &RangeCall<'_>) -> Evaluated<Point> {
    let [smoothing, trend_factor] = [call.scalars[0], call.scalars[1]];
    for (name, factor, letter) in [("smoothing", smoothing, "sf"), ("trend", trend_factor, "tf")] {
        if factor <= 0.0 || factor >= 1.0 {
            let message = format!("invalid {name} factor. Expected: 0 < {letter} < 1, got: {factor:.6}");
            return Err(EvalError::Execution(message));
        }
    }
    of_two_floats(call, || {
        let values = call.window.values;
        let (mut previous, mut smoothed, mut trend) = (0.0, values[0], values[1] - values[0]);
        for (at, &value) in values.iter().enumerate().skip(1) {
            if at > 1 {
                trend = trend_factor * (smoothed - previous) + (1.0 - trend_factor) * trend;
            }
            let next = smoothing * value + (1.0 - smoothing) * (smoothed + trend);
            (previous, smoothed) = (smoothed, next);
        }
        smoothed
    })
}
