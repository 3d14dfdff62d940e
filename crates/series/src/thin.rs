//! Hourly summaries: the few real samples of an hour that keep what long ranges ask for.
//!
//! Of each hour the first and last sample stay, the smallest and largest, and of a counter both sides of every reset. `increase`, `rate` and
//! `delta` between kept samples, and minimum and maximum over whole hours, are then what they were; averages and quantiles over time are not.
//! What stays are samples like any other, so nothing else has to know.

use std::sync::Arc;

use promql::histogram::Histogram;
use promql::is_stale;

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
