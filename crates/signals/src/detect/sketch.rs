//! Quantiles in little memory: counts in buckets that grow by a constant factor. Mergeable by adding counts.

use serde::{Deserialize, Serialize};

/// Each bucket is this much wider than the one below, so a quantile is exact within 2.5 %.
const GROWTH: f64 = 1.05;
/// Values below this count as zero.
const SMALLEST: f64 = 1e-9;

/// Counts of positive values by size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    /// Bucket and count, ascending; `i16::MIN` holds zeros.
    buckets: Vec<(i16, u32)>,
    count: u32,
}

impl Sketch {
    /// Adds a value; negative ones count as zero, what is no number is left out.
    pub fn add(&mut self, value: f64) {
        self.add_to(bucket_of(value));
    }

    /// Adds a value by its bucket: several sketches take the same value in.
    pub(super) fn add_to(&mut self, bucket: Option<i16>) {
        if let Some(bucket) = bucket {
            self.put(bucket, 1);
        }
    }

    /// Adds everything another one has seen.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.put(bucket, count);
        }
    }

    fn put(&mut self, bucket: i16, count: u32) {
        self.count = self.count.saturating_add(count);
        match self.buckets.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Values seen.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The value below which a share `q` of all lies; `None` while empty.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = (q.clamp(0.0, 1.0) * f64::from(self.count)).ceil().max(1.0) as u64;
        // From the top: nearly all that is asked for lies in the upper half.
        let mut below = u64::from(self.count);
        for &(bucket, count) in self.buckets.iter().rev() {
            below = below.saturating_sub(u64::from(count));
            if below < rank {
                return Some(value_of(bucket));
            }
        }
        self.buckets.first().map(|&(bucket, _)| value_of(bucket))
    }

    /// Largest value.
    pub fn max(&self) -> Option<f64> {
        self.buckets.last().map(|&(bucket, _)| value_of(bucket))
    }

    /// Share of values that are smaller, ties counted half; 0.5 while empty.
    pub fn rank(&self, value: f64) -> f64 {
        if self.count == 0 || !value.is_finite() {
            return 0.5;
        }
        let own = bucket(value);
        let below: u64 = self.buckets.iter().take_while(|&&(at, _)| at < own).map(|&(_, count)| u64::from(count)).sum();
        let same = self.buckets.binary_search_by_key(&own, |&(at, _)| at).map_or(0, |at| self.buckets[at].1);
        (below as f64 + f64::from(same) / 2.0) / f64::from(self.count)
    }

    /// Halves all counts, so that what comes now weighs more.
    pub fn halve(&mut self) {
        self.buckets.retain_mut(|(_, count)| {
            *count /= 2;
            *count > 0
        });
        self.count = self.buckets.iter().map(|&(_, count)| count).sum();
    }
}

/// The bucket of a value; `None` of what is no number.
pub(super) fn bucket_of(value: f64) -> Option<i16> {
    value.is_finite().then(|| bucket(value))
}

fn bucket(value: f64) -> i16 {
    if value < SMALLEST { i16::MIN } else { (value.ln() / GROWTH.ln()).round().clamp(-30_000.0, 30_000.0) as i16 }
}

fn value_of(bucket: i16) -> f64 {
    if bucket == i16::MIN { 0.0 } else { GROWTH.powi(i32::from(bucket)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_two_and_a_half_percent_and_merge() {
        let (mut low, mut high) = (Sketch::default(), Sketch::default());
        (1..=500).for_each(|value| low.add(f64::from(value)));
        (501..=1000).for_each(|value| high.add(f64::from(value)));
        low.merge(&high);
        for (q, exact) in [(0.5, 500.0), (0.95, 950.0), (1.0, 1000.0)] {
            let found = low.quantile(q).unwrap();
            assert!((found / exact - 1.0).abs() < 0.026, "{q}: {found}");
        }
        assert_eq!((low.count(), Sketch::default().quantile(0.5)), (1000, None));
        assert!((low.rank(500.0) - 0.5).abs() < 0.03);
    }

    #[test]
    fn every_quantile_is_the_first_value_with_that_many_at_or_below_it() {
        let mut sketch = Sketch::default();
        [3.0, 3.0, 0.0, 9.0, 27.0, 27.0, 27.0].into_iter().for_each(|value| sketch.add(value));
        let sorted = [0.0, 3.0, 3.0, 9.0, 27.0, 27.0, 27.0];
        for (at, exact) in sorted.into_iter().enumerate() {
            let found = sketch.quantile((at + 1) as f64 / 7.0).unwrap();
            assert!((found - exact).abs() <= exact * 0.026, "{at}: {found}");
        }
        assert_eq!(sketch.quantile(0.0), Some(0.0));
    }

    #[test]
    fn zeros_and_nonsense_do_no_harm() {
        let mut sketch = Sketch::default();
        [0.0, -1.0, f64::NAN, f64::INFINITY, 5.0].into_iter().for_each(|value| sketch.add(value));
        assert_eq!((sketch.count(), sketch.quantile(0.5)), (3, Some(0.0)));
        sketch.halve();
        assert_eq!(sketch.count(), 1);
    }
}
