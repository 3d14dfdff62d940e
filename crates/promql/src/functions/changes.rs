//! `changes` and `resets`: counting what happens between neighbouring samples.

use crate::ast::Extension;
use crate::error::Evaluated;
use crate::eval::RangeCall;
use crate::histogram::Histogram;
use crate::series::Point;

pub(super) fn changes(call: &RangeCall<'_>) -> Evaluated<Point> {
    let differ = |before: f64, now: f64| before != now && !(before.is_nan() && now.is_nan());
    count_steps(call, differ, |before, now| !now.equals(before))
}

pub(super) fn resets(call: &RangeCall<'_>) -> Evaluated<Point> {
    count_steps(call, |before, now| now < before, |before, now| now.is_reset_after(before))
}

/// A sample of either kind.
enum Sample<'s> {
    Float(f64),
    Histogram(&'s Histogram),
}

/// Counts neighbours that differ. A change between a float and a histogram always counts.
fn count_steps(
    call: &RangeCall<'_>,
    floats: impl Fn(f64, f64) -> bool,
    histograms: impl Fn(&Histogram, &Histogram) -> bool,
) -> Evaluated<Point> {
    let window = &call.window;
    let mut first = 0;
    if call.extension == Extension::Anchored {
        if window.times.last().is_none_or(|&last| last <= window.start) {
            return Ok(Point::None);
        }
        first = window.times.partition_point(|&time| time <= window.start).saturating_sub(1);
    }
    let mut count = 0u64;
    let (mut float, mut histogram, mut before) = (first, 0, None::<Sample<'_>>);
    loop {
        let float_time = window.times.get(float);
        let histogram_time = window.histograms.get(histogram).map(|(time, _)| time);
        let sample = match (float_time, histogram_time) {
            (None, None) => return Ok(Point::Float(count as f64)),
            (Some(at), other) if other.is_none_or(|other| at <= other) => {
                float += 1;
                Sample::Float(window.values[float - 1])
            }
            _ => {
                histogram += 1;
                Sample::Histogram(&window.histograms[histogram - 1].1)
            }
        };
        count += u64::from(match (&before, &sample) {
            (None, _) => false,
            (Some(Sample::Float(before)), Sample::Float(now)) => floats(*before, *now),
            (Some(Sample::Histogram(before)), Sample::Histogram(now)) => histograms(before, now),
            _ => true,
        });
        before = Some(sample);
    }
}
