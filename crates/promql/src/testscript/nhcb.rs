//! `load_with_nhcb`: classic histograms as native ones with custom buckets.

use std::collections::BTreeMap;

use super::storage::Sample;
use crate::histogram::{CUSTOM_BUCKETS, Histogram};
use crate::labels::{BUCKET, Labels, METRIC_NAME};
use crate::parse::parse_number;

/// A classic histogram at one time.
#[derive(Default)]
struct Classic {
    /// Bounds and cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// Gathers `_bucket`, `_count` and `_sum` series and makes native histograms of them.
pub(super) fn convert(
    loaded: &BTreeMap<Labels, BTreeMap<i64, Sample>>,
) -> Result<BTreeMap<Labels, BTreeMap<i64, Sample>>, String> {
    let mut classics: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, samples) in loaded {
        let name = labels.metric_name();
        let suffix = ["_bucket", "_count", "_sum"].into_iter().find(|suffix| name.ends_with(suffix));
        let Some(suffix) = suffix else { continue };
        let bound = parse_number(labels.get(BUCKET)).filter(|bound| !bound.is_nan());
        if suffix == "_bucket" && bound.is_none() {
            continue;
        }
        let base = labels.without(&[BUCKET]).with(METRIC_NAME, name.trim_end_matches(suffix));
        for (&time, sample) in samples {
            let Sample::Float(value) = *sample else { continue };
            let classic = classics.entry(base.clone()).or_default().entry(time).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => classic.buckets.push((bound, value)),
                ("_count", _) => classic.count = Some(value),
                _ => classic.sum = Some(value),
            }
        }
    }
    classics
        .into_iter()
        .map(|(labels, times)| {
            let samples =
                times.into_iter().map(|(time, classic)| Ok((time, Sample::Histogram(native(classic)?.into()))));
            Ok((labels, samples.collect::<Result<_, String>>()?))
        })
        .collect()
}

fn native(mut classic: Classic) -> Result<Histogram, String> {
    classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    // `0.2` and `2e-1` are one bound.
    classic.buckets.dedup_by(|later, earlier| later.0 == earlier.0);
    let largest = classic.buckets.last().map_or(0.0, |&(_, count)| count);
    let count = classic.count.unwrap_or(largest);
    if classic.buckets.last().is_none_or(|&(bound, _)| bound != f64::INFINITY) {
        classic.buckets.push((f64::INFINITY, count));
    }
    let mut histogram =
        Histogram { schema: CUSTOM_BUCKETS, count, sum: classic.sum.unwrap_or(0.0), ..Histogram::default() };
    let mut before = 0.0;
    for (index, &(_, cumulative)) in (0..).zip(&classic.buckets) {
        if cumulative < before {
            return Err("classic buckets whose counts fall cannot be converted".into());
        }
        histogram.positive.push((index, cumulative - before));
        before = cumulative;
    }
    histogram.custom_values =
        classic.buckets.iter().map(|&(bound, _)| bound).filter(|bound| bound.is_finite()).collect();
    histogram.compact();
    Ok(histogram)
}
