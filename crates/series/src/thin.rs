//! Hourly summaries: the few real samples of an hour that keep what long ranges ask for.
//!
//! Of each hour the first and last sample stay, the smallest and largest, and of a counter both sides of every reset. `increase`, `rate` and
//! `delta` between kept samples, and minimum and maximum over whole hours, are then what they were; averages and quantiles over time are not.
//!
//! What stays are samples like any other. A range that does not begin with an hour would find little more than the hour's last sample, though,
//! and a rate of five minutes nothing at all: whoever asks has the hours filled ([`Fill`]) with samples on the straight line between those kept.

use std::sync::Arc;

use promql::histogram::{Histogram, ResetHint};
use promql::{Series, is_stale};

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// Whether a metric counts up, by how its name ends.
pub(crate) fn is_counter(metric: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| metric.ends_with(end))
}

/// The floats that stay.
pub(crate) fn floats(times: &[i64], values: &[f64], counter: bool) -> (Vec<i64>, Vec<f64>) {
    let mut kept = vec![false; times.len()];
    let mut from = 0;
    for hour in times.chunk_by(|a, b| a.div_euclid(HOUR) == b.div_euclid(HOUR)) {
        let places = from..from + hour.len();
        from = places.end;
        kept[places.start] = true;
        kept[places.end - 1] = true;
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let numbers = || places.clone().filter(|&at| !values[at].is_nan());
        for extreme in [numbers().min_by(by_value), numbers().max_by(by_value)].into_iter().flatten() {
            kept[extreme] = true;
        }
    }
    for at in 1..times.len() {
        if is_stale(values[at]) || (counter && values[at] < values[at - 1]) {
            kept[at] = true;
            kept[at - 1] = true;
        }
    }
    kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(at, _)| (times[at], values[at])).unzip()
}

/// The native histograms that stay.
pub(crate) fn histograms(samples: &[(i64, Arc<Histogram>)]) -> Vec<(i64, Arc<Histogram>)> {
    let edge = |a: usize, b: usize| {
        let (before, after) = (&samples[a], &samples[b]);
        before.0.div_euclid(HOUR) != after.0.div_euclid(HOUR)
            || after.1.is_stale()
            || after.1.count < before.1.count
            || after.1.schema != before.1.schema
    };
    let stays = |&at: &usize| at == 0 || at + 1 == samples.len() || edge(at - 1, at) || edge(at, at + 1);
    (0..samples.len()).filter(stays).map(|at| samples[at].clone()).collect()
}

/// Where hours of which only the summary is left are filled. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Before this time there are summaries only.
    pub before: i64,
    /// First …
    pub from: i64,
    /// … and last time that is asked for.
    pub to: i64,
    /// How far apart two samples of an hour may be.
    pub gap: i64,
}

/// Samples a range, or the look-back, is filled with: what is left to guess at its ends is a small part of it.
const PIECES: i64 = 30;
/// Bounds of the time between two filled samples.
const GAPS: (i64, i64) = (60_000, 900_000);

impl Fill {
    /// What a query needs that looks at `window` at each step, where any of it is from before `before`.
    pub fn of(before: Option<i64>, (from, to): (i64, i64), window: i64) -> Option<Self> {
        let before = before.filter(|&before| from < before)?;
        Some(Self { before, from, to, gap: (window / PIECES).clamp(GAPS.0, GAPS.1) })
    }

    /// The times of which samples are needed: those around the first and the last one lie up to an hour away.
    pub fn needs(&self) -> (i64, i64) {
        (self.from.saturating_sub(HOUR), self.to.saturating_add(HOUR))
    }

    /// Fills a series. Nothing is put between a counter's samples around a reset, nor before the end of a series.
    pub fn apply(&self, series: &mut Series) {
        let counter = is_counter(series.labels.metric_name());
        if series.times.windows(2).any(|pair| self.pieces(pair[0], pair[1]) > 1) {
            let (times, values) = (std::mem::take(&mut series.times), std::mem::take(&mut series.values));
            for at in 0..times.len() {
                if at > 0 && values[at - 1].is_finite() && values[at].is_finite() {
                    let (from, change) = (values[at - 1], values[at] - values[at - 1]);
                    let pieces = if counter && change < 0.0 { 1 } else { self.pieces(times[at - 1], times[at]) };
                    for piece in 1..pieces {
                        series.times.push(times[at - 1] + (times[at] - times[at - 1]) * piece / pieces);
                        series.values.push(from + change * (piece as f64 / pieces as f64));
                    }
                }
                series.times.push(times[at]);
                series.values.push(values[at]);
            }
        }
        if series.histograms.windows(2).any(|pair| self.pieces(pair[0].0, pair[1].0) > 1) {
            let histograms = std::mem::take(&mut series.histograms);
            for (at, sample) in histograms.iter().enumerate() {
                if at > 0 {
                    self.fill_histograms(&histograms[at - 1], sample, &mut series.histograms);
                }
                series.histograms.push(sample.clone());
            }
        }
    }

    fn fill_histograms(
        &self,
        (from, before): &(i64, Arc<Histogram>),
        (to, after): &(i64, Arc<Histogram>),
        filled: &mut Vec<(i64, Arc<Histogram>)>,
    ) {
        let gauge = after.hint == ResetHint::Gauge;
        if before.is_stale() || after.is_stale() || (!gauge && after.is_reset_after(before)) {
            return;
        }
        let mut change = (**after).clone();
        if change.subtract(before).is_err() {
            return;
        }
        let pieces = self.pieces(*from, *to);
        for piece in 1..pieces {
            let mut histogram = change.clone();
            histogram.scale(piece as f64 / pieces as f64);
            if histogram.add(before).is_err() {
                return;
            }
            histogram.hint = if gauge { ResetHint::Gauge } else { ResetHint::NotReset };
            filled.push((from + (to - from) * piece / pieces, histogram.into()));
        }
    }

    /// Into how many pieces the time between two neighbours is cut.
    fn pieces(&self, a: i64, b: i64) -> i64 {
        let wanted = b < self.before && b >= self.from && a <= self.to;
        if wanted && a.div_euclid(HOUR) == b.div_euclid(HOUR) { ((b - a + self.gap - 1) / self.gap).max(1) } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn increase(values: &[f64]) -> f64 {
        values.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum()
    }

    #[test]
    fn what_a_counter_grew_by_stays_exact_through_resets() {
        let times: Vec<i64> = (0..2_000).map(|at| at * 15_000).collect();
        // Two resets inside of an hour, the second to a value above the one it had an hour before.
        let values: Vec<f64> = (0..2_000u32)
            .map(|at| match at {
                0..100 => f64::from(at),
                100..130 => f64::from(at - 100),
                _ => f64::from(at - 130) * 3.0,
            })
            .collect();
        let (kept_times, kept) = floats(&times, &values, true);
        assert!(kept.len() < 45, "{} of 2000 stay", kept.len());
        assert_eq!(increase(&kept), increase(&values));
        // By the hour as well.
        for hour in 0..8 {
            let inside = |times: &[i64], values: &[f64]| -> Vec<f64> {
                let in_hour = |time: &i64| time.div_euclid(HOUR) == hour;
                times.iter().zip(values).filter(|(time, _)| in_hour(time)).map(|(_, value)| *value).collect()
            };
            assert_eq!(increase(&inside(&kept_times, &kept)), increase(&inside(&times, &values)), "hour {hour}");
        }
    }

    #[test]
    fn hours_are_filled_with_straight_lines_up_to_resets_and_ends() {
        let name = |name: &str| promql::Labels::new([("__name__", name)]);
        let hour = |at: i64| at * HOUR;
        let of = |metric: &str, samples: &[(i64, f64)]| Series {
            labels: name(metric),
            times: samples.iter().map(|sample| sample.0).collect(),
            values: samples.iter().map(|sample| sample.1).collect(),
            ..Series::default()
        };
        let fill = Fill::of(Some(hour(2)), (0, hour(4)), hour(5)).unwrap();
        assert_eq!((fill.gap, fill.needs()), (600_000, (-HOUR, hour(5))));
        // The second hour has a reset, the third is not thinned.
        let given = [
            (0, 0.0),
            (3_000_000, 50.0),
            (hour(1), 60.0),
            (hour(1) + 1_500_000, 70.0),
            (hour(1) + 3_000_000, 5.0),
            (hour(2), 8.0),
            (hour(2) + 3_000_000, 9.0),
        ];
        let mut counter = of("calls_total", &given);
        fill.apply(&mut counter);
        assert_eq!(counter.times[..6], [0, 600_000, 1_200_000, 1_800_000, 2_400_000, 3_000_000]);
        assert_eq!(counter.values[..7], [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(counter.values[9..], [70.0, 5.0, 8.0, 9.0]);
        // A gauge may fall; nothing comes between its last number and its end.
        let mut gauge = of("load", &given[3..5]);
        fill.apply(&mut gauge);
        assert_eq!(gauge.times.len(), 4);
        let mut ended = of("load", &[(0, 1.0), (3_000_000, f64::from_bits(promql::STALE_NAN_BITS))]);
        fill.apply(&mut ended);
        assert_eq!(ended.times, [0, 3_000_000]);
        // Histograms likewise.
        let histogram = |count: f64| Arc::new(Histogram { count, positive: vec![(1, count)], ..Histogram::default() });
        let histograms = vec![(0, histogram(1.0)), (1_200_000, histogram(3.0)), (2_400_000, histogram(1.0))];
        let mut series = Series { labels: name("h"), histograms, ..Series::default() };
        fill.apply(&mut series);
        let counts: Vec<f64> = series.histograms.iter().map(|(_, histogram)| histogram.count).collect();
        assert_eq!(counts, [1.0, 2.0, 3.0, 1.0]);
        assert_eq!(Fill::of(Some(0), (0, HOUR), HOUR), None);
        assert_eq!(Fill::of(None, (0, HOUR), HOUR), None);
    }

    #[test]
    fn a_gauge_keeps_its_extremes_and_the_end_of_its_series() {
        let times: Vec<i64> = (0..240).map(|at| at * 15_000).collect();
        let mut values: Vec<f64> = (0..240).map(|at| f64::from(at % 7)).collect();
        values[100] = 99.0;
        values[101] = -3.0;
        values[200] = f64::from_bits(promql::STALE_NAN_BITS);
        let (_, kept) = floats(&times, &values, false);
        assert!(kept.contains(&99.0) && kept.contains(&-3.0) && kept.iter().any(|value| is_stale(*value)));
        assert!(kept.len() <= 7, "{kept:?}");
    }
}
