//! Quantiles and fractions of native histograms.
//!
//! Inside a bucket observations are taken to be spread evenly: on a logarithmic scale in exponential buckets, linearly in custom ones and in
//! the zero bucket.

use super::{Bucket, Histogram};

impl Histogram {
    /// Whether NaN was among the observations; they are in the count but in no bucket.
    pub fn has_nan_observations(&self) -> bool {
        self.sum.is_nan()
    }

    /// The zero bucket reaches only to 0 on a side where the histogram has no other buckets.
    fn one_sided(&self, mut bucket: Bucket) -> Bucket {
        if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            if self.negative.is_empty() && !self.positive.is_empty() {
                bucket.lower = 0.0;
            } else if self.positive.is_empty() && !self.negative.is_empty() {
                bucket.upper = 0.0;
            }
        }
        bucket
    }

    /// The `q`-quantile. NaN where there is no observation, or where the quantile falls among NaN observations.
    pub fn quantile(&self, q: f64) -> f64 {
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        if self.count == 0.0 || q.is_nan() {
            return f64::NAN;
        }
        // From the nearer end, for precision; NaN observations sort behind all others, which only the forward way sees.
        let forward = self.has_nan_observations() || q < 0.5;
        let rank = if forward { q * self.count } else { (1.0 - q) * self.count };
        let mut seen = 0.0;
        let mut found: Option<Bucket> = None;
        let mut visit = |bucket: Bucket| {
            if bucket.count != 0.0 && (found.is_none() || seen < rank) {
                seen += bucket.count;
                found = Some(bucket);
            }
        };
        if forward {
            self.buckets().for_each(&mut visit)
        } else {
            self.buckets().rev().for_each(&mut visit)
        }
        let Some(mut bucket) = found else { return f64::NAN };
        if self.has_custom_buckets() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return bucket.upper;
                }
                bucket.lower = 0.0;
            } else if bucket.upper == f64::INFINITY {
                return bucket.lower;
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            bucket = self.one_sided(bucket);
        }
        let seen = seen.min(self.count);
        if seen < rank {
            return if self.has_nan_observations() { f64::NAN } else { bucket.upper };
        }
        let within = if forward { rank - (seen - bucket.count) } else { seen - rank };
        self.interpolate(&bucket, within / bucket.count)
    }

    /// The value below which `fraction` of the bucket's observations lie.
    fn interpolate(&self, bucket: &Bucket, fraction: f64) -> f64 {
        if self.is_linear(bucket) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if bucket.lower > 0.0 {
            (lower + (upper - lower) * fraction).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - fraction)).exp2()
        }
    }

    fn is_linear(&self, bucket: &Bucket) -> bool {
        self.has_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0)
    }

    /// How many of the bucket's observations lie below `value`, which is inside it.
    pub(super) fn count_below(&self, bucket: &Bucket, value: f64) -> f64 {
        if bucket.lower == f64::NEG_INFINITY {
            return bucket.count;
        }
        if self.is_linear(bucket) {
            return bucket.count * ((value - bucket.lower) / (bucket.upper - bucket.lower));
        }
        let [lower, upper, at] = [bucket.lower, bucket.upper, value].map(|bound| bound.abs().log2());
        let fraction = if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) };
        bucket.count * fraction
    }

    /// Share of the observations between `lower` and `upper`.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        // NaN observations are in no bucket and in no fraction.
        let total: f64 = self.buckets().map(|bucket| bucket.count).sum();
        (self.rank_of(upper).unwrap_or(total).min(total) - self.rank_of(lower).unwrap_or(total).min(total)) / self.count
    }

    /// Observations below `value`; `None` where it lies above all buckets.
    fn rank_of(&self, value: f64) -> Option<f64> {
        let mut rank = 0.0;
        for bucket in self.buckets() {
            let bucket = self.one_sided(bucket);
            if bucket.lower >= value {
                return Some(rank);
            }
            if bucket.upper > value {
                return Some(rank + self.count_below(&bucket, value));
            }
            rank += bucket.count;
        }
        None
    }

    /// The bucket, its zero bucket being one-sided where the histogram is.
    pub(super) fn effective_zero_bucket(&self) -> Bucket {
        self.one_sided(self.zero_bucket())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        Histogram { count: 12.0, sum: 100.0, positive: vec![(1, 4.0), (2, 4.0), (3, 4.0)], ..Histogram::default() }
    }

    #[test]
    fn quantiles_and_fractions_are_each_others_inverse() {
        let histogram = histogram();
        for q in [0.1, 0.25, 0.5, 0.7, 0.99] {
            let value = histogram.quantile(q);
            assert!((histogram.fraction(f64::NEG_INFINITY, value) - q).abs() < 1e-12, "{q} {value}");
        }
        assert!((histogram.quantile(0.5) - 2f64.sqrt() * 2.0).abs() < 1e-12);
    }

    #[test]
    fn edges_give_infinities_and_nan() {
        assert_eq!(histogram().quantile(-0.1), f64::NEG_INFINITY);
        assert_eq!(histogram().quantile(1.1), f64::INFINITY);
        assert!(histogram().quantile(f64::NAN).is_nan() && Histogram::default().quantile(0.5).is_nan());
        assert_eq!(histogram().fraction(3.0, 2.0), 0.0);
    }
}
