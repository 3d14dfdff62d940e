//! What a bucket index means.

use super::{CUSTOM_BUCKETS, Histogram};

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Observations.
    pub count: f64,
    /// Whether an observation equal to the lower bound is in.
    pub lower_inclusive: bool,
    /// Whether an observation equal to the upper bound is in.
    pub upper_inclusive: bool,
}

/// Upper bound of the positive bucket `index`. The last regular bucket before infinity is bounded by the largest finite number.
pub(super) fn upper_bound(index: i32, schema: i32, custom: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => custom.get(index).copied().unwrap_or(f64::INFINITY),
        };
    }
    // 2^(index · 2^-schema)
    let exponent = f64::from(index) * f64::from(-schema).exp2();
    if exponent == 1024.0 {
        return f64::MAX;
    }
    let whole = exponent.floor();
    let scale = |exponent: f64| exponent.clamp(-1100.0, 1100.0);
    // In two steps, so that neither factor overflows or vanishes where the product does not.
    let (half, rest) = ((scale(whole) / 2.0).floor(), scale(whole) - (scale(whole) / 2.0).floor());
    (exponent - whole).exp2() * half.exp2() * rest.exp2()
}

/// Index at `target` of what is bucket `index` at the finer `schema`.
pub(super) fn coarser_index(index: i32, schema: i32, target: i32) -> i32 {
    ((index - 1) >> (schema - target)) + 1
}

impl Histogram {
    /// The positive bucket `index` with `count`; any bucket of a histogram with custom bounds.
    pub(super) fn positive_bucket(&self, (index, count): (i32, f64)) -> Bucket {
        let lower = upper_bound(index - 1, self.schema, &self.custom_values);
        let upper = upper_bound(index, self.schema, &self.custom_values);
        Bucket { lower, upper, count, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0 }
    }

    /// The negative bucket `index` with `count`.
    pub(super) fn negative_bucket(&self, (index, count): (i32, f64)) -> Bucket {
        let lower = -upper_bound(index, self.schema, &self.custom_values);
        let upper = -upper_bound(index - 1, self.schema, &self.custom_values);
        Bucket { lower, upper, count, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0 }
    }

    /// The zero bucket.
    pub(super) fn zero_bucket(&self) -> Bucket {
        let width = self.zero_threshold;
        Bucket { lower: -width, upper: width, count: self.zero_count, lower_inclusive: true, upper_inclusive: true }
    }

    /// All buckets from the lowest bound to the highest; the zero bucket only where it holds something.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let negative = self.negative.iter().rev().map(|&bucket| self.negative_bucket(bucket));
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let positive = self.positive.iter().map(|&bucket| self.positive_bucket(bucket));
        negative.chain(zero).chain(positive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers_of_the_base() {
        for (index, schema, bound) in [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (-3, 0, 0.125),
            (1, -1, 4.0),
            (2, 1, 2.0),
            (8, 3, 2.0),
            (1024, 0, f64::MAX),
            (-1074, 0, f64::MIN_POSITIVE * f64::EPSILON),
        ] {
            assert_eq!(upper_bound(index, schema, &[]), bound, "{index} {schema}");
        }
        assert!((upper_bound(1, 1, &[]) - 2f64.sqrt()).abs() < 1e-15);
        assert_eq!(upper_bound(1025, 0, &[]), f64::INFINITY);
    }

    #[test]
    fn custom_bounds_are_open_at_both_ends() {
        assert_eq!(upper_bound(-1, CUSTOM_BUCKETS, &[5.0]), f64::NEG_INFINITY);
        assert_eq!(
            (upper_bound(0, CUSTOM_BUCKETS, &[5.0]), upper_bound(1, CUSTOM_BUCKETS, &[5.0])),
            (5.0, f64::INFINITY)
        );
    }

    #[test]
    fn two_fine_buckets_make_a_coarse_one() {
        assert_eq!([1, 2, 3, 4, 0, -1].map(|index| coarser_index(index, 1, 0)), [1, 1, 2, 2, 0, 0]);
    }
}
