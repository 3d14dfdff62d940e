//! Sums and differences of histograms whose layouts may differ.
//!
//! Exponential histograms meet at the coarser schema and the wider zero bucket; custom ones at the bounds both have. The two kinds do not mix.

use std::sync::Arc;

use super::bounds::{coarser_index, upper_bound};
use super::{Buckets, Histogram, ResetHint};
use crate::sums::Kahan;

/// Exponential and custom buckets cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incompatible;

/// What is worth saying about a combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One side said there was a counter reset, the other that there was none.
    pub reset_collision: bool,
    /// Custom bounds differed and were cut down to those in common.
    pub bounds_reconciled: bool,
}

impl Histogram {
    /// Adds `other`. Empty buckets may remain.
    pub fn add(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, 1.0, None)
    }

    /// Subtracts `other`. Empty buckets may remain.
    pub fn subtract(&mut self, other: &Self) -> Result<Combined, Incompatible> {
        self.combine(other, -1.0, None)
    }

    /// Adds `other` with Kahan's compensation, kept in `lost` (a histogram of its own, added to the sum in the end).
    pub fn add_compensated(&mut self, other: &Self, lost: &mut Self) -> Result<Combined, Incompatible> {
        self.combine(other, 1.0, Some(lost))
    }

    /// An empty histogram of the same layout, to keep compensations in.
    pub fn empty_like(&self) -> Self {
        Self {
            hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            custom_values: self.custom_values.clone(),
            ..Self::default()
        }
    }

    fn combine(&mut self, other: &Self, sign: f64, mut lost: Option<&mut Self>) -> Result<Combined, Incompatible> {
        if self.has_custom_buckets() != other.has_custom_buckets() {
            return Err(Incompatible);
        }
        let reset_collision = self.adjust_hint(other.hint);
        let mut other = std::borrow::Cow::Borrowed(other);
        let mut bounds_reconciled = false;
        if self.has_custom_buckets() {
            if self.custom_values != other.custom_values {
                bounds_reconciled = true;
                let common = common_bounds(&self.custom_values, &other.custom_values);
                self.reduce_bounds(&common);
                other.to_mut().reduce_bounds(&common);
                if let Some(lost) = &mut lost {
                    lost.reduce_bounds(&common);
                }
            }
        } else {
            let schema = self.schema.min(other.schema);
            self.reduce_schema(schema);
            if other.schema != schema {
                other.to_mut().reduce_schema(schema);
            }
            if let Some(lost) = &mut lost {
                lost.reduce_schema(schema);
            }
            if self.zero_threshold != other.zero_threshold {
                self.reconcile_zero_buckets(other.to_mut());
                if let Some(lost) = &mut lost {
                    lost.widen_zero_bucket(self.zero_threshold);
                }
            }
        }
        self.add_counts(&other, sign, lost);
        Ok(Combined { reset_collision, bounds_reconciled })
    }

    fn add_counts(&mut self, other: &Self, sign: f64, lost: Option<&mut Self>) {
        let Some(lost) = lost else {
            self.zero_count += sign * other.zero_count;
            self.count += sign * other.count;
            self.sum += sign * other.sum;
            add_buckets(&mut self.positive, &other.positive, sign);
            add_buckets(&mut self.negative, &other.negative, sign);
            return;
        };
        let compensated = |sum: &mut f64, lost: &mut f64, more: f64| {
            let mut kahan = Kahan { sum: *sum, lost: *lost };
            kahan.add(sign * more);
            (*sum, *lost) = (kahan.sum, kahan.lost);
        };
        compensated(&mut self.zero_count, &mut lost.zero_count, other.zero_count);
        compensated(&mut self.count, &mut lost.count, other.count);
        compensated(&mut self.sum, &mut lost.sum, other.sum);
        for (mine, lost, more) in [
            (&mut self.positive, &mut lost.positive, &other.positive),
            (&mut self.negative, &mut lost.negative, &other.negative),
        ] {
            for &(index, count) in more {
                compensated(at_index(mine, index), at_index(lost, index), count);
            }
        }
    }

    /// What is known about resets of a combination; whether the two sides contradict each other.
    fn adjust_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::*;
        match (self.hint, other) {
            (mine, theirs) if mine == theirs => false,
            (Gauge, _) => false,
            (_, Gauge) => {
                self.hint = Gauge;
                false
            }
            (Unknown, _) => false,
            (_, Unknown) => {
                self.hint = Unknown;
                false
            }
            _ => {
                self.hint = Unknown;
                true
            }
        }
    }

    /// Merges buckets down to `schema`; does nothing where the histogram is as coarse already.
    pub(super) fn reduce_schema(&mut self, schema: i32) {
        if schema >= self.schema || self.has_custom_buckets() {
            return;
        }
        let from = std::mem::replace(&mut self.schema, schema);
        for buckets in [&mut self.positive, &mut self.negative] {
            for bucket in buckets.iter_mut() {
                bucket.0 = coarser_index(bucket.0, from, schema);
            }
            merge_neighbours(buckets);
        }
    }

    /// Merges custom buckets into those of `bounds`, which are some of its own.
    pub(super) fn reduce_bounds(&mut self, bounds: &Arc<[f64]>) {
        let old = std::mem::replace(&mut self.custom_values, bounds.clone());
        for bucket in &mut self.positive {
            let upper = upper_bound(bucket.0, super::CUSTOM_BUCKETS, &old);
            bucket.0 = bounds.partition_point(|&bound| bound < upper) as i32;
        }
        merge_neighbours(&mut self.positive);
    }

    /// Widens the narrower zero bucket to the other's width, as often as populated buckets in the way demand.
    fn reconcile_zero_buckets(&mut self, other: &mut Self) {
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold > other.zero_threshold {
                other.widen_zero_bucket(self.zero_threshold);
            } else {
                self.widen_zero_bucket(other.zero_threshold);
            }
        }
    }

    /// Widens the zero bucket to `threshold`, or further where that falls inside a populated bucket.
    fn widen_zero_bucket(&mut self, threshold: f64) {
        let (count, threshold) = self.zero_count_within(threshold);
        (self.zero_count, self.zero_threshold) = (count, threshold);
        let schema = self.schema;
        for buckets in [&mut self.positive, &mut self.negative] {
            buckets.retain(|&(index, _)| upper_bound(index - 1, schema, &[]) >= threshold);
        }
    }

    /// Observations a zero bucket of at least `threshold` would hold, and the width it would need so as to cut no populated bucket.
    pub(super) fn zero_count_within(&self, mut threshold: f64) -> (f64, f64) {
        if threshold <= self.zero_threshold {
            return (self.zero_count, self.zero_threshold);
        }
        loop {
            let (mut count, before) = (self.zero_count, threshold);
            for buckets in [&self.positive, &self.negative] {
                for &(index, in_bucket) in buckets {
                    if upper_bound(index - 1, self.schema, &[]) >= threshold {
                        break;
                    }
                    count += in_bucket;
                    let upper = upper_bound(index, self.schema, &[]);
                    if upper > threshold {
                        if in_bucket != 0.0 {
                            threshold = upper;
                        }
                        break;
                    }
                }
            }
            if threshold == before {
                return (count, threshold);
            }
        }
    }
}

/// Bounds both have; both ordered.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    a.iter().copied().filter(|bound| b.binary_search_by(|other| other.total_cmp(bound)).is_ok()).collect()
}

/// Adds up neighbours that have the same index.
fn merge_neighbours(buckets: &mut Buckets) {
    buckets.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 += later.1;
        }
        same
    });
}

fn add_buckets(mine: &mut Buckets, more: &Buckets, sign: f64) {
    if mine.len() == more.len() && mine.iter().zip(more).all(|(a, b)| a.0 == b.0) {
        mine.iter_mut().zip(more).for_each(|(mine, more)| mine.1 += sign * more.1);
        return;
    }
    let old = std::mem::replace(mine, Vec::with_capacity(mine.len() + more.len()));
    let (mut a, mut b) = (old.into_iter().peekable(), more.iter().copied().peekable());
    loop {
        let bucket = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                let bucket = (x.0, x.1 + sign * y.1);
                a.next();
                b.next();
                bucket
            }
            (Some(x), Some(y)) if x.0 < y.0 => a.next().unwrap_or(*y),
            (Some(_), None) => a.next().expect("peeked"),
            (_, Some(y)) => {
                let bucket = (y.0, sign * y.1);
                b.next();
                bucket
            }
            (None, None) => return,
        };
        mine.push(bucket);
    }
}

/// The count at `index`, inserted as 0 where there is none.
fn at_index(buckets: &mut Buckets, index: i32) -> &mut f64 {
    let at = buckets.partition_point(|bucket| bucket.0 < index);
    if buckets.get(at).is_none_or(|bucket| bucket.0 != index) {
        buckets.insert(at, (index, 0.0));
    }
    &mut buckets[at].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(schema: i32, positive: &[(i32, f64)]) -> Histogram {
        let count = positive.iter().map(|&(_, count)| count).sum();
        Histogram { schema, count, positive: positive.to_vec(), ..Histogram::default() }
    }

    #[test]
    fn the_coarser_schema_wins() {
        let mut sum = histogram(1, &[(1, 1.0), (2, 2.0), (3, 4.0)]);
        sum.add(&histogram(0, &[(1, 10.0), (5, 1.0)])).unwrap();
        assert_eq!((sum.schema, sum.positive), (0, vec![(1, 13.0), (2, 4.0), (5, 1.0)]));
    }

    #[test]
    fn the_wider_zero_bucket_swallows_what_lies_inside() {
        let mut sum = histogram(0, &[(0, 1.0), (2, 1.0)]);
        let wide = Histogram { zero_threshold: 3.0, zero_count: 5.0, count: 5.0, ..Histogram::default() };
        sum.add(&wide).unwrap();
        // 3 lies inside the bucket up to 4, which holds something: the zero bucket grows to 4.
        assert_eq!((sum.zero_threshold, sum.zero_count, sum.positive.len()), (4.0, 7.0, 0));
    }

    #[test]
    fn custom_bounds_are_cut_to_those_in_common() {
        let custom = |bounds: &[f64], counts: &[(i32, f64)]| Histogram {
            custom_values: bounds.into(),
            ..histogram(super::super::CUSTOM_BUCKETS, counts)
        };
        let mut sum = custom(&[1.0, 5.0, 10.0], &[(0, 1.0), (1, 2.0), (3, 4.0)]);
        let combined = sum.add(&custom(&[5.0], &[(0, 10.0), (1, 20.0)])).unwrap();
        assert!(combined.bounds_reconciled);
        assert_eq!((&sum.custom_values[..], sum.positive), (&[5.0][..], vec![(0, 13.0), (1, 24.0)]));
        assert_eq!(histogram(0, &[]).add(&custom(&[1.0], &[])), Err(Incompatible));
    }

    #[test]
    fn contradicting_hints_are_reported() {
        let hinted = |hint| Histogram { hint, ..Histogram::default() };
        let mut sum = hinted(ResetHint::Reset);
        assert!(sum.add(&hinted(ResetHint::NotReset)).unwrap().reset_collision);
        assert_eq!(sum.hint, ResetHint::Unknown);
    }
}
