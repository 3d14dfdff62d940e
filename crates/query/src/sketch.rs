//! A DDSketch (Masson, Rim, Lee 2019): counts of values in buckets whose bounds grow by a constant factor.
//!
//! Whatever the distribution, a quantile is within [`ACCURACY`] of the true value, and sketches of parts add up to the
//! sketch of the whole. The crate `sketches-ddsketch` has no encoding from which a sketch can be merged again.

use std::mem::size_of;

/// Largest relative error of a quantile.
pub(crate) const ACCURACY: f64 = 0.01;
/// Factor between the bounds of a bucket.
const GAMMA: f64 = (1.0 + ACCURACY) / (1.0 - ACCURACY);
/// Values nearer to zero than this count as zero; those beyond its inverse square share a bucket.
const SMALLEST: f64 = 1e-6;
const LARGEST: f64 = 1e12;

/// Counts of values by size.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sketch {
    /// Of all values: counting the buckets for each value that comes would cost more than the value itself.
    count: u64,
    zeros: u64,
    above: Buckets,
    below: Buckets,
    /// Smallest and largest value; meaningless in an empty sketch.
    ends: (f64, f64),
}

/// Counts of neighbouring buckets, from the number `first` on.
#[derive(Debug, Clone, PartialEq, Default)]
struct Buckets {
    first: i32,
    counts: Vec<u64>,
}

impl Buckets {
    fn add(&mut self, bucket: i32, count: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = (self.first - bucket) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let at = (bucket - self.first) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += count;
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The value at a rank, from 0, smallest first.
    fn at(&self, rank: u64) -> f64 {
        let mut before = 0;
        let found = self.counts.iter().position(|count| {
            before += count;
            before > rank
        });
        let bucket = self.first + found.unwrap_or(self.counts.len().saturating_sub(1)) as i32;
        2.0 * GAMMA.powi(bucket) / (GAMMA + 1.0)
    }
}

impl Sketch {
    /// Adds a value; what is not finite is left out.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.ends = if self.count == 0 { (value, value) } else { (self.ends.0.min(value), self.ends.1.max(value)) };
        self.count += 1;
        let size = value.abs();
        if size < SMALLEST {
            self.zeros += 1;
            return;
        }
        let bucket = (size.min(LARGEST).ln() / GAMMA.ln()).ceil() as i32;
        if value > 0.0 { self.above.add(bucket, 1) } else { self.below.add(bucket, 1) }
    }

    /// Adds all values of another sketch.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let ends = if self.count == 0 { other.ends } else { self.ends };
        self.ends = (ends.0.min(other.ends.0), ends.1.max(other.ends.1));
        self.count += other.count;
        self.zeros += other.zeros;
        for (own, others) in [(&mut self.above, &other.above), (&mut self.below, &other.below)] {
            for (at, count) in others.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                own.add(others.first + at as i32, *count);
            }
        }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// A quantile from 0 to 1; `None` without values.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = (quantile * (self.count - 1) as f64) as u64;
        let below = self.below.total();
        let value = if rank < below {
            -self.below.at(below - 1 - rank)
        } else if rank < below + self.zeros {
            0.0
        } else {
            self.above.at(rank - below - self.zeros)
        };
        Some(value.clamp(self.ends.0, self.ends.1))
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        size_of::<Self>() + (self.above.counts.capacity() + self.below.counts.capacity()) * size_of::<u64>()
    }

    /// For another thread: 64-bit little-endian words.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut words = vec![self.zeros, self.ends.0.to_bits(), self.ends.1.to_bits()];
        for buckets in [&self.above, &self.below] {
            words.push(i64::from(buckets.first).cast_unsigned());
            words.push(buckets.counts.len() as u64);
            words.extend(&buckets.counts);
        }
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Reads it back; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let (zeros, least, most) = (words.next()?, words.next()?, words.next()?);
        let mut buckets = || {
            let first = i32::try_from(words.next()?.cast_signed()).ok()?;
            let length = usize::try_from(words.next()?).ok()?;
            let counts: Vec<u64> = words.by_ref().take(length).collect();
            (counts.len() == length).then_some(Buckets { first, counts })
        };
        let (above, below) = (buckets()?, buckets()?);
        let ends = (f64::from_bits(least), f64::from_bits(most));
        let count = zeros + above.total() + below.total();
        (rest.is_empty() && words.next().is_none()).then_some(Self { count, zeros, above, below, ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_the_accuracy_also_below_zero_and_after_a_round_trip() {
        let values: Vec<f64> = (-500..=5000).map(|at| f64::from(at) * 1.7).collect();
        let mut whole = Sketch::default();
        for part in values.chunks(700) {
            let mut sketch = Sketch::default();
            part.iter().for_each(|value| sketch.add(*value));
            whole.merge(&Sketch::from_bytes(&sketch.to_bytes()).unwrap());
        }
        assert_eq!(whole.count(), 5501);
        for quantile in [0.0, 0.01, 0.05, 0.0909, 0.5, 0.95, 0.999, 1.0] {
            let expected = values[(quantile * 5500.0) as usize];
            let found = whole.quantile(quantile).unwrap();
            assert!((found - expected).abs() <= expected.abs() * ACCURACY * 1.001, "{found} for {expected}");
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
        assert_eq!(Sketch::from_bytes(b"12345678"), None);
    }

    #[test]
    fn extremes_take_bounded_memory() {
        let mut sketch = Sketch::default();
        for value in [f64::MIN, f64::MAX, f64::MIN_POSITIVE, 1e-6, -1e-6, f64::NAN, f64::INFINITY] {
            sketch.add(value);
        }
        assert_eq!(sketch.count(), 5);
        assert!(sketch.size() < 100_000);
    }
}
