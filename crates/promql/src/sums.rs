//! Sums and means that lose as little as floats allow.

/// A sum with Kahan's compensation in Neumaier's form: what was lost is kept and added in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kahan {
    /// The running sum.
    pub sum: f64,
    /// What it has lost so far.
    pub lost: f64,
}

impl Kahan {
    /// Starts with `sum`.
    pub fn new(sum: f64) -> Self {
        Self { sum, lost: 0.0 }
    }

    /// Adds `value`.
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.lost = if total.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - total) + value)
        } else {
            self.lost + ((value - total) + self.sum)
        };
        self.sum = total;
    }

    /// The sum with what was lost.
    pub fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// A mean: of the sum as long as that does not overflow, then updated value by value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    sum: Kahan,
    mean: Option<Kahan>,
    count: f64,
}

impl Mean {
    /// The mean of one value.
    pub fn new(first: f64) -> Self {
        Self { sum: Kahan::new(first), mean: None, count: 1.0 }
    }

    /// Adds `value`.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.mean.is_none() {
            let mut sum = self.sum;
            sum.add(value);
            if !sum.sum.is_infinite() {
                self.sum = sum;
                return;
            }
            let before = self.count - 1.0;
            self.mean = Some(Kahan { sum: self.sum.sum / before, lost: self.sum.lost / before });
        }
        if let Some(mean) = &mut self.mean {
            let share = (self.count - 1.0) / self.count;
            *mean = Kahan { sum: share * mean.sum, lost: share * mean.lost };
            mean.add(value / self.count);
        }
    }

    /// The mean so far.
    pub fn value(self) -> f64 {
        match self.mean {
            Some(mean) => mean.sum + mean.lost,
            None => self.sum.sum / self.count + self.sum.lost / self.count,
        }
    }
}

/// The `q`-quantile of `values`, interpolated between neighbours; NaN counts as the smallest. Orders `values`.
pub fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => a.total_cmp(b),
    });
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_survives_numbers_that_cancel() {
        let mut sum = Kahan::default();
        [1.0, 1e100, 1.0, -1e100].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_survives_overflow() {
        let mut mean = Mean::new(1e308);
        mean.add(1e308);
        mean.add(1e308);
        assert!((mean.value() / 1e308 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(0.75, &mut [1.0, 0.0]), 0.75);
        assert!(quantile(0.0, &mut [1.0, f64::NAN]).is_nan());
        assert_eq!(quantile(1.5, &mut [1.0]), f64::INFINITY);
    }
}
