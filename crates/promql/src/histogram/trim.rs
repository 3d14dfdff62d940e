//! `histogram </ value` and `histogram >/ value`: keeping the observations below or above a value.

use super::{Bucket, Histogram};

/// What remains of a bucket, and a value the removed observations are taken to have had.
struct Cut {
    kept: f64,
    removed_at: f64,
}

impl Histogram {
    /// Keeps the observations below `value` (`</`), or those above it (`>/`). Counts are interpolated in the bucket that is cut; the sum
    /// loses what the removed observations are estimated to have had.
    pub fn trim(&mut self, value: f64, keep_below: bool) {
        let custom = self.has_custom_buckets();
        let (mut removed_sum, mut count) = (0.0, 0.0);
        let (mut has_positive, mut has_negative) = (false, false);
        for negative in [false, true] {
            let buckets = std::mem::take(if negative { &mut self.negative } else { &mut self.positive });
            let cut: Vec<(i32, f64)> = buckets
                .into_iter()
                .map(|entry| {
                    let bucket = if negative { self.negative_bucket(entry) } else { self.positive_bucket(entry) };
                    if entry.1 == 0.0 {
                        return entry;
                    }
                    has_negative |= negative || (custom && (bucket.upper <= 0.0 || bucket.lower < 0.0));
                    has_positive |= !negative && (!custom || bucket.upper > 0.0);
                    let cut = self.cut(&bucket, value, keep_below, negative);
                    removed_sum += (bucket.count - cut.kept) * cut.removed_at;
                    count += cut.kept;
                    (entry.0, cut.kept)
                })
                .collect();
            *(if negative { &mut self.negative } else { &mut self.positive }) = cut;
        }
        if self.zero_count > 0.0 {
            let zero = self.effective_zero_bucket();
            let below = linear_count_below(&zero, value);
            self.zero_count = if keep_below { below } else { self.zero_count - below };
            count += self.zero_count;
        }
        let mut sum = if count == 0.0 { 0.0 } else { self.sum - removed_sum };
        // What is left on one side of zero cannot add up to the other.
        if (!has_negative && sum < 0.0) || (!has_positive && sum > 0.0) {
            sum = 0.0;
        }
        (self.count, self.sum) = (count, sum);
        self.compact();
    }

    fn cut(&self, bucket: &Bucket, value: f64, keep_below: bool, negative: bool) -> Cut {
        let kept_whole = if keep_below { bucket.upper <= value } else { bucket.lower >= value };
        if kept_whole {
            return Cut { kept: bucket.count, removed_at: 0.0 };
        }
        if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
            return cut_infinite(bucket, value, keep_below);
        }
        let removed_whole = if keep_below { bucket.lower >= value } else { bucket.upper <= value };
        let linear = self.has_custom_buckets();
        let middle = |a: f64, b: f64| match (linear, negative) {
            (true, _) => (bucket.lower + bucket.upper) / 2.0,
            (false, false) => (a * b).abs().sqrt(),
            (false, true) => -(a * b).abs().sqrt(),
        };
        if removed_whole {
            return Cut { kept: 0.0, removed_at: middle(bucket.lower, bucket.upper) };
        }
        let below = if linear { linear_count_below(bucket, value) } else { self.count_below(bucket, value) };
        if keep_below {
            Cut { kept: below, removed_at: middle(bucket.lower, value) }
        } else {
            Cut { kept: bucket.count - below, removed_at: middle(value, bucket.upper) }
        }
    }
}

/// Observations below `value` in a bucket they are spread over evenly.
fn linear_count_below(bucket: &Bucket, value: f64) -> f64 {
    if value <= bucket.lower {
        return 0.0;
    }
    if value >= bucket.upper {
        return bucket.count;
    }
    bucket.count * ((value - bucket.lower) / (bucket.upper - bucket.lower))
}

/// A bucket without an end: where the value falls inside, nothing is known of the distribution, and all of it goes. Only the lowest custom bucket,
/// when it reaches above 0, is taken to begin at 0.
fn cut_infinite(bucket: &Bucket, value: f64, keep_below: bool) -> Cut {
    if bucket.lower == f64::NEG_INFINITY {
        if value >= 0.0 && bucket.upper > value && bucket.upper.is_finite() {
            let below = bucket.count * value / bucket.upper;
            return if keep_below {
                Cut { kept: below, removed_at: (value + bucket.upper) / 2.0 }
            } else {
                Cut { kept: bucket.count - below, removed_at: value / 2.0 }
            };
        }
        return Cut { kept: 0.0, removed_at: bucket.upper };
    }
    Cut { kept: 0.0, removed_at: bucket.lower }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_hold_all_observations() {
        let histogram = Histogram {
            count: 10.0,
            sum: 30.0,
            zero_threshold: 0.5,
            zero_count: 2.0,
            positive: vec![(0, 2.0), (1, 2.0), (2, 2.0)],
            negative: vec![(1, 2.0)],
            ..Histogram::default()
        };
        for value in [-3.0, -1.5, 0.0, 0.7, 3.0, 9.0] {
            let (mut below, mut above) = (histogram.clone(), histogram.clone());
            below.trim(value, true);
            above.trim(value, false);
            assert!((below.count + above.count - 10.0).abs() < 1e-12, "{value}");
            assert!((below.count - 10.0 * histogram.fraction(f64::NEG_INFINITY, value)).abs() < 1e-9, "{value}");
        }
    }
}
