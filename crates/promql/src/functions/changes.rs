//! `changes` and `resets`: counting what happens between neighbouring samples.

use crate::ast::Extension;
use crate::error::Evaluated;
use crate::eval::RangeCall;
use crate::histogram::Histogram;
use crate::series::Point;
use crate::starts::Counted;

pub(super) fn changes(call: &RangeCall<'_>) -> Evaluated<Point> {
    let differ = |before: f64, now: f64| before != now && !(before.is_nan() && now.is_nan());
    count_steps(call, differ, |before, now| !now.equals(before), false)
}

pub(super) fn resets(call: &RangeCall<'_>) -> Evaluated<Point> {
    // Anchored ranges go by values alone, in rates and here.
    let starts = call.extension == Extension::None;
    count_steps(call, |before, now| now < before, |before, now| now.is_reset_after(before), starts)
}

/// A sample of either kind.
enum Sample<'s> {
    Float(f64),
    Histogram(&'s Histogram),
}

/// Counts neighbours that differ, or of which the later is told to have begun anew where `starts` matter. A change between a float and a
/// histogram always counts.
fn count_steps(
    call: &RangeCall<'_>,
    floats: impl Fn(f64, f64) -> bool,
    histograms: impl Fn(&Histogram, &Histogram) -> bool,
    starts: bool,
) -> Evaluated<Point> {
    let window = &call.window;
    let (mut float, mut histogram, mut before) = (0, 0, None::<(Counted, Sample<'_>)>);
    if call.extension == Extension::Anchored {
        float = window.times.partition_point(|&time| time <= window.start);
        histogram = window.histograms.partition_point(|&(time, _)| time <= window.start);
        if float == window.times.len() && histogram == window.histograms.len() {
            return Ok(Point::None);
        }
        // The last sample at or before the start is the first of the range, be it a float or a histogram.
        let last_float = float.checked_sub(1).map(|at| window.times[at]);
        let last_histogram = histogram.checked_sub(1).map(|at| window.histograms[at].0);
        if last_float >= last_histogram {
            float = float.saturating_sub(1);
        } else {
            histogram -= 1;
        }
    }
    let mut count = 0u64;
    loop {
        let float_time = window.times.get(float);
        let histogram_time = window.histograms.get(histogram).map(|(time, _)| time);
        let (counted, sample) = match (float_time, histogram_time) {
            (None, None) => return Ok(Point::Float(count as f64)),
            (Some(at), other) if other.is_none_or(|other| at <= other) => {
                float += 1;
                (Counted::of(window.starts, float - 1, *at), Sample::Float(window.values[float - 1]))
            }
            _ => {
                histogram += 1;
                let (at, value) = &window.histograms[histogram - 1];
                (Counted::of(window.histogram_starts, histogram - 1, *at), Sample::Histogram(value))
            }
        };
        if let Some((earlier, before)) = &before {
            let differs = match (before, &sample) {
                (Sample::Float(before), Sample::Float(now)) => floats(*before, *now),
                (Sample::Histogram(before), Sample::Histogram(now)) => histograms(before, now),
                _ => true,
            };
            count += u64::from(differs || (starts && counted.is_anew_after(*earlier)));
        }
        before = Some((counted, sample));
    }
}
