//! Mean and variance.

use super::Histogram;
use crate::sums::Kahan;

impl Histogram {
    /// Mean of the observations.
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Variance, with every observation taken to lie in the middle of its bucket: the geometric one, the arithmetic one where bounds are
    /// custom, 0 in the zero bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        let mut sum = Kahan::default();
        for bucket in self.buckets().filter(|bucket| bucket.count != 0.0) {
            let middle = if self.has_custom_buckets() {
                (bucket.upper + bucket.lower) / 2.0
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
            };
            let delta = middle - mean;
            sum.add(bucket.count * delta * delta);
        }
        (sum.sum + sum.lost) / self.count
    }
}
