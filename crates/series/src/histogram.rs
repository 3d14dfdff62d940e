//! Native histograms as bytes: each written out, buckets as differences of their indices.

use std::sync::Arc;

use promql::histogram::{Buckets, Histogram, ResetHint};

use crate::varint::{Put, Take};

/// Hints by the number files use.
const HINTS: [ResetHint; 4] = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];

/// Appends one histogram.
pub(crate) fn put(bytes: &mut Vec<u8>, histogram: &Histogram) {
    // What a stored series says about resets comes from comparing; only what the sender stated is kept.
    let hint = match histogram.hint {
        ResetHint::NotReset => ResetHint::Unknown,
        stated => stated,
    };
    bytes.push(HINTS.iter().position(|&known| known == hint).unwrap_or(0) as u8);
    bytes.put_i64(i64::from(histogram.schema));
    bytes.put_f64(histogram.zero_threshold);
    bytes.put_number(histogram.zero_count);
    bytes.put_number(histogram.count);
    bytes.put_f64(histogram.sum);
    for buckets in [&histogram.positive, &histogram.negative] {
        bytes.put_u64(buckets.len() as u64);
        let mut last = 0;
        for &(index, count) in buckets {
            bytes.put_i64(i64::from(index) - last);
            last = i64::from(index);
            bytes.put_number(count);
        }
    }
    bytes.put_u64(histogram.custom_values.len() as u64);
    histogram.custom_values.iter().for_each(|&bound| bytes.put_f64(bound));
}

/// Reads one histogram.
pub(crate) fn take(bytes: &mut Take<'_>) -> Option<Histogram> {
    let hint = *HINTS.get(usize::from(bytes.byte()?))?;
    let schema = i32::try_from(bytes.i64()?).ok()?;
    let (zero_threshold, zero_count, count, sum) = (bytes.f64()?, bytes.number()?, bytes.number()?, bytes.f64()?);
    let (positive, negative) = (take_buckets(bytes)?, take_buckets(bytes)?);
    let bounds = bytes.count()?;
    let custom_values: Vec<f64> = (0..bounds).map(|_| bytes.f64()).collect::<Option<_>>()?;
    Some(Histogram {
        hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        custom_values: custom_values.into(),
    })
}

fn take_buckets(bytes: &mut Take<'_>) -> Option<Buckets> {
    let count = bytes.count()?;
    let mut last = 0i64;
    (0..count)
        .map(|_| {
            last = last.checked_add(bytes.i64()?)?;
            Some((i32::try_from(last).ok()?, bytes.number()?))
        })
        .collect()
}

/// Appends a histogram to a chunk: the time since the one before it, then the histogram.
pub(crate) fn push(bytes: &mut Vec<u8>, since: i64, histogram: &Histogram) {
    bytes.put_i64(since);
    put(bytes, histogram);
}

/// Reads a chunk of histograms.
pub(crate) fn unpack(data: &[u8], min: i64, count: u32, into: &mut Vec<(i64, Arc<Histogram>)>) -> Option<()> {
    let mut bytes = Take(data);
    let mut time = min;
    for _ in 0..count {
        time = time.checked_add(bytes.i64()?)?;
        into.push((time, Arc::new(take(&mut bytes)?)));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_come_back_with_what_was_stated_about_them() {
        let mut histogram = Histogram {
            hint: ResetHint::Gauge,
            schema: -53,
            zero_threshold: 1e-128,
            zero_count: 3.0,
            count: 17.5,
            sum: -4.25,
            positive: vec![(-7, 2.0), (-1, 0.5), (1_000_000, 9.0)],
            negative: vec![(3, 1.0)],
            custom_values: vec![0.1, 5.0].into(),
        };
        let mut bytes = Vec::new();
        put(&mut bytes, &histogram);
        assert_eq!(take(&mut Take(&bytes)), Some(histogram.clone()));
        // What was only derived is derived again.
        histogram.hint = ResetHint::NotReset;
        bytes.clear();
        put(&mut bytes, &histogram);
        histogram.hint = ResetHint::Unknown;
        assert_eq!(take(&mut Take(&bytes)), Some(histogram));
        assert_eq!(take(&mut Take(&bytes[..bytes.len() - 1])), None);
    }
}
