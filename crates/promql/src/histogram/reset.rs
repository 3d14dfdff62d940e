//! Counter resets between two histograms.

use std::borrow::Cow;

use super::add::common_bounds;
use super::bounds::upper_bound;
use super::{Buckets, Histogram, ResetHint};

impl Histogram {
    /// Whether the counter was reset between `previous` and this histogram: by the hint where it says so, else whenever any count went down
    /// or the layout changed in a way that only a new counter explains (finer buckets, a narrower zero bucket, the other kind of bounds).
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count || self.has_custom_buckets() != previous.has_custom_buckets() {
            return true;
        }
        if self.has_custom_buckets() {
            return self.any_custom_bucket_fell(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_within(self.zero_threshold);
        // A populated bucket of before cannot be split by a zero bucket that only grew.
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let mut previous = Cow::Borrowed(previous);
        if previous.schema > self.schema {
            previous.to_mut().reduce_schema(self.schema);
        }
        let outside = |index: i32| upper_bound(index, self.schema, &[]) > self.zero_threshold;
        any_fell(&self.positive, &previous.positive, outside) || any_fell(&self.negative, &previous.negative, outside)
    }

    fn any_custom_bucket_fell(&self, previous: &Self) -> bool {
        if self.custom_values == previous.custom_values {
            return any_fell(&self.positive, &previous.positive, |_| true);
        }
        let common = common_bounds(&self.custom_values, &previous.custom_values);
        let (mut now, mut before) = (self.clone(), previous.clone());
        now.reduce_bounds(&common);
        before.reduce_bounds(&common);
        any_fell(&now.positive, &before.positive, |_| true)
    }
}

/// Whether a bucket of `before` holds less in `now`.
fn any_fell(now: &Buckets, before: &Buckets, counts: impl Fn(i32) -> bool) -> bool {
    let mut rest = now.iter().peekable();
    before.iter().filter(|&&(index, _)| counts(index)).any(|&(index, count)| {
        while rest.peek().is_some_and(|bucket| bucket.0 < index) {
            rest.next();
        }
        let here = rest.peek().filter(|bucket| bucket.0 == index).map_or(0.0, |bucket| bucket.1);
        here < count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(count: f64, positive: &[(i32, f64)]) -> Histogram {
        Histogram { count, positive: positive.to_vec(), ..Histogram::default() }
    }

    #[test]
    fn a_count_that_falls_is_a_reset() {
        let before = histogram(3.0, &[(1, 2.0), (2, 1.0)]);
        assert!(!histogram(4.0, &[(1, 2.0), (2, 2.0)]).is_reset_after(&before));
        assert!(histogram(4.0, &[(1, 4.0)]).is_reset_after(&before));
        assert!(histogram(2.0, &[(1, 2.0)]).is_reset_after(&before));
        let coarser = Histogram { schema: -1, ..histogram(4.0, &[(1, 4.0)]) };
        assert!(!coarser.is_reset_after(&before) && before.is_reset_after(&coarser));
    }

    #[test]
    fn a_hint_settles_it() {
        let before = histogram(3.0, &[]);
        assert!(Histogram { hint: ResetHint::Reset, ..histogram(9.0, &[]) }.is_reset_after(&before));
        assert!(!Histogram { hint: ResetHint::NotReset, ..histogram(1.0, &[]) }.is_reset_after(&before));
    }
}
