//! Counter reset hints of a stored series, as Prometheus' storage sets them.

use std::sync::Arc;

use super::{Histogram, ResetHint};

/// Sets the hints of `histograms`, which are ordered by time; `floats` are the times of the same series' floats, ordered as well.
///
/// A gauge stays one, and a reset that was stated stays stated. Else a histogram that follows another counter histogram is compared with it;
/// one that follows nothing, a float, a gauge, a stale marker or another layout is unknown.
pub fn set_hints(histograms: &mut [(i64, Arc<Histogram>)], floats: &[i64]) {
    let mut previous: Option<(i64, Arc<Histogram>)> = None;
    for (time, histogram) in histograms {
        if histogram.hint != ResetHint::Gauge && !histogram.is_stale() {
            let float_between =
                |before: i64| floats.get(floats.partition_point(|&at| at <= before)).is_some_and(|at| at < time);
            let comparable =
                previous.as_ref().filter(|(before, _)| !float_between(*before)).map(|(_, before)| &**before);
            let hint = hint(histogram, comparable);
            if histogram.hint != hint {
                Arc::make_mut(histogram).hint = hint;
            }
        }
        let counter = histogram.hint != ResetHint::Gauge && !histogram.is_stale();
        previous = counter.then(|| (*time, histogram.clone()));
    }
}

fn hint(histogram: &Histogram, previous: Option<&Histogram>) -> ResetHint {
    if histogram.hint == ResetHint::Reset {
        return ResetHint::Reset;
    }
    let Some(previous) = previous else { return ResetHint::Unknown };
    if histogram.count < previous.count {
        return ResetHint::Reset;
    }
    let same_layout = histogram.schema == previous.schema
        && histogram.zero_threshold == previous.zero_threshold
        && histogram.custom_values == previous.custom_values;
    if !same_layout {
        return ResetHint::Unknown;
    }
    let compared = Histogram { hint: ResetHint::Unknown, ..histogram.clone() };
    if compared.is_reset_after(previous) { ResetHint::Reset } else { ResetHint::NotReset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_histogram_is_compared_with_the_one_before() {
        let of = |count: f64| Arc::new(Histogram { count, ..Histogram::default() });
        let mut series = vec![(1, of(1.0)), (2, of(2.0)), (3, of(1.0)), (5, of(9.0))];
        set_hints(&mut series, &[4]);
        let hints: Vec<ResetHint> = series.iter().map(|(_, histogram)| histogram.hint).collect();
        assert_eq!(hints, [ResetHint::Unknown, ResetHint::NotReset, ResetHint::Reset, ResetHint::Unknown]);
    }
}
