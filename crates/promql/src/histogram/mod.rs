//! Native histograms: exponential buckets (schema −4 to 8) and custom ones (schema −53).
//!
//! Buckets are kept as (index, count) pairs in order, empty ones left out once compacted. What a bucket index means is in [`bounds`], sums and
//! differences in [`add`], counter resets in [`reset`], quantiles and fractions in [`quantile`].

mod add;
mod bounds;
mod hints;
mod quantile;
mod reset;
mod stats;
mod text;
mod trim;

use std::sync::Arc;

pub use self::add::{Combined, Incompatible};
pub use self::bounds::Bucket;
pub use self::hints::set_hints;

/// The schema of histograms with custom bounds ("NHCB", classic histograms kept natively).
pub const CUSTOM_BUCKETS: i32 = -53;

/// What is known about a counter reset between a histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Nothing: compare the buckets.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// The histogram is a gauge: resets mean nothing.
    Gauge,
}

/// Buckets of one sign: index and count, ordered by index.
pub type Buckets = Vec<(i32, f64)>;

/// A native histogram with float counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Counter reset hint.
    pub hint: ResetHint,
    /// Resolution: bucket bounds grow by 2^(2^-schema); [`CUSTOM_BUCKETS`] for custom bounds.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// Observations, NaN ones included.
    pub count: f64,
    /// Their sum; the stale marker where the series has ended.
    pub sum: f64,
    /// Buckets of positive observations; all buckets where bounds are custom.
    pub positive: Buckets,
    /// Buckets of negative observations, by the magnitude of the bounds.
    pub negative: Buckets,
    /// Upper bounds of custom buckets, +Inf left out.
    pub custom_values: Arc<[f64]>,
}

impl Histogram {
    /// Whether the bounds are custom.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// Drops empty buckets.
    pub fn compact(&mut self) {
        self.positive.retain(|&(_, count)| count != 0.0);
        self.negative.retain(|&(_, count)| count != 0.0);
    }

    /// Applies `change` to every count and the sum.
    pub fn map(&mut self, change: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = change(*value);
        }
        for (_, count) in self.positive.iter_mut().chain(&mut self.negative) {
            *count = change(*count);
        }
    }

    /// Multiplies every count and the sum. By a negative factor it is a gauge from then on.
    pub fn scale(&mut self, factor: f64) {
        self.map(|value| value * factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides every count and the sum. By 0 all buckets vanish, and count and sum become infinite or NaN.
    pub fn divide(&mut self, divisor: f64) {
        self.map(|value| value / divisor);
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
    }

    /// Whether the histogram marks the end of its series.
    pub fn is_stale(&self) -> bool {
        crate::series::is_stale(self.sum)
    }

    /// Whether both have the same layout and exactly the same counts. Hints do not matter, nor do empty buckets.
    pub fn equals(&self, other: &Self) -> bool {
        // NaN sums of the same bits are equal: a histogram equals itself.
        let same = |a: f64, b: f64| a == b || a.to_bits() == b.to_bits();
        let filled =
            |buckets: &Buckets| buckets.iter().filter(|&&(_, count)| count != 0.0).copied().collect::<Vec<_>>();
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && self.zero_threshold == other.zero_threshold
            && same(self.zero_count, other.zero_count)
            && (!self.has_custom_buckets() || self.custom_values == other.custom_values)
            && filled(&self.positive) == filled(&other.positive)
            && filled(&self.negative) == filled(&other.negative)
    }

    /// Whether any count or the sum is infinite.
    pub fn has_overflow(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|&(_, count)| count);
        buckets.chain([self.zero_count, self.count, self.sum]).any(f64::is_infinite)
    }
}
