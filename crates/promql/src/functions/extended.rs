//! `anchored` and `smoothed` ranges: values at the very ends of a range, taken from the sample before or interpolated.

use super::extended_histograms::extended_histogram_points;
use super::rate::Mode;
use crate::ast::{Call, Expr, Extension, Node};
use crate::error::{EvalError, Evaluated};
use crate::eval::{Evaluator, RangeCall, Window, forward};
use crate::series::Point;

/// Functions that make sense over an anchored range, and over a smoothed one.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

impl Evaluator<'_> {
    /// Refuses functions that cannot be computed over an anchored or smoothed range.
    pub(super) fn check_extension(&self, call: &Call, range: &Node) -> Evaluated<()> {
        let Expr::Matrix(selector, _) = &range.bare().expr else { return Ok(()) };
        let (word, allowed): (&str, &[&str]) = match selector.extension {
            Extension::None => return Ok(()),
            Extension::Anchored => ("anchored", &ANCHORED),
            Extension::Smoothed => ("smoothed", &SMOOTHED),
        };
        let name = call.function.name;
        if allowed.contains(&name) {
            return Ok(());
        }
        let list = allowed.join(", ");
        Err(EvalError::Execution(format!("{word} modifier can only be used with: {list} - not with {name}")))
    }
}

/// Positions of the samples an extended range reaches to: the last at or before its start (or the first there is), and the last inside of it or,
/// where it is smoothed, the first at or after its end. `None` where nothing lies inside of the range or around it.
pub(super) fn outermost(
    len: usize,
    time: impl Fn(usize) -> i64,
    (start, end): (i64, i64),
    smoothed: bool,
) -> Option<(usize, usize)> {
    let mut last = len.checked_sub(1)?;
    let first = forward(last, 0, |at| time(at) <= start).saturating_sub(1);
    if smoothed {
        last = forward(last, 0, |at| time(at) < end);
    }
    let outside = time(last) <= start || (smoothed && time(first) > end);
    (!outside).then_some((first, last))
}

/// Values at both ends of the range, and the samples strictly between them; `None` where no sample is in reach.
struct Ends<'w> {
    left: f64,
    right: f64,
    between: std::ops::Range<usize>,
    window: &'w Window<'w>,
}

impl<'w> Ends<'w> {
    fn of(window: &'w Window<'w>, smoothed: bool, counter: bool) -> Option<Self> {
        let Window { times, values, start, end, .. } = *window;
        let (first, last) = outermost(times.len(), |at| times[at], (start, end), smoothed)?;
        let interpolate = |a: usize, b: usize, at: i64| {
            // After a reset the counter is taken to have begun at 0.
            let from = if counter && values[b] < values[a] { 0.0 } else { values[a] };
            from + (values[b] - from) * (at - times[a]) as f64 / (times[b] - times[a]) as f64
        };
        let left = if smoothed && times[first] < start { interpolate(first, first + 1, start) } else { values[first] };
        let right =
            if smoothed && last > 0 && times[last] > end { interpolate(last - 1, last, end) } else { values[last] };
        let from = first + usize::from(times[first] <= start);
        let to = last + 1 - usize::from(times[last] >= end);
        Some(Self { left, right, between: from..to.max(from), window })
    }
}

/// `rate`, `increase` and `delta` over an extended range: no extrapolation.
pub(super) fn extended_rate(call: &RangeCall<'_>, mode: Mode) -> Point {
    let Some(ends) = Ends::of(&call.window, call.extension == Extension::Smoothed, mode.counter) else {
        return Point::None;
    };
    let mut result = ends.right - ends.left;
    if mode.counter {
        let mut previous = ends.left;
        for &value in call.window.values[ends.between].iter().chain([&ends.right]) {
            if value < previous {
                result += previous;
            }
            previous = value;
        }
    }
    Point::Float(if mode.per_second { result / call.window.seconds() } else { result })
}

/// The points of an extended range by itself. Where floats and histograms mix there is nothing to interpolate between.
pub(crate) fn extended_points(window: &Window<'_>, extension: Extension) -> Vec<(i64, Point)> {
    match (window.times.is_empty(), window.histograms.is_empty()) {
        (true, false) => return extended_histogram_points(window, extension),
        (false, false) => {
            let mut points = window.points();
            points.retain(|&(time, _)| time > window.start && time <= window.end);
            return points;
        }
        _ => {}
    }
    let Some(ends) = Ends::of(window, extension == Extension::Smoothed, false) else { return Vec::new() };
    let between = ends.between.clone();
    let inner = ends.window.times[between.clone()].iter().zip(&ends.window.values[between]);
    let mut points = vec![(window.start, Point::Float(ends.left))];
    points.extend(inner.map(|(&time, &value)| (time, Point::Float(value))));
    points.push((window.end, Point::Float(ends.right)));
    points
}
