//! Quantiles and fractions of classic histograms: cumulative counts with upper bounds in the label `le`.

/// A cumulative bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub upper: f64,
    pub count: f64,
}

/// Relative difference between neighbouring counts that is taken for a rounding error.
const TOLERANCE: f64 = 1e-12;

/// Orders buckets and merges those with the same bound; `false` where the one for everything (+Inf) is missing.
fn prepare(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|later, earlier| {
        let same = later.upper == earlier.upper;
        if same {
            earlier.count += later.count;
        }
        same
    });
    buckets.last().is_some_and(|last| last.upper == f64::INFINITY)
}

/// Makes counts grow with the bounds, as they must; says whether more than a rounding error stood in the way.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    let Some(first) = buckets.first() else { return false };
    let mut before = first.count;
    for bucket in &mut buckets[1..] {
        if nearly_equal(before, bucket.count) || bucket.count < before {
            forced |= bucket.count < before && !nearly_equal(before, bucket.count);
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    forced
}

fn nearly_equal(a: f64, b: f64) -> bool {
    let difference = (a - b).abs();
    a == b || difference <= TOLERANCE * (a.abs() + b.abs())
}

/// The `q`-quantile, and whether counts had to be forced to grow. Observations are taken to be spread evenly inside a bucket, the lowest of
/// which begins at 0 unless its bound is not above 0. The highest bucket has no end: its lower bound stands for it.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, false);
    }
    if !prepare(buckets) {
        return (f64::NAN, false);
    }
    let forced = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, false);
    }
    let rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return (buckets[last - 1].upper, forced);
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, forced);
    }
    let below = if at == 0 { Bucket { upper: 0.0, count: 0.0 } } else { buckets[at - 1] };
    let Bucket { upper, count } = buckets[at];
    let within = (rank - below.count) / (count - below.count);
    (below.upper + (upper - below.upper) * within, forced)
}

/// Share of the observations between `lower` and `upper`.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let total = buckets[buckets.len() - 1].count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank_of = |value: f64| {
        let mut rank = 0.0;
        let mut start = if buckets[0].upper > 0.0 { 0.0 } else { f64::NEG_INFINITY };
        for bucket in buckets.iter() {
            if start >= value {
                return rank;
            }
            if bucket.upper > value {
                if start == f64::NEG_INFINITY {
                    return bucket.count;
                }
                return rank + (bucket.count - rank) * (value - start) / (bucket.upper - start);
            }
            (rank, start) = (bucket.count, bucket.upper);
        }
        total
    };
    (rank_of(upper).min(total) - rank_of(lower).min(total)) / total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(upper, count)| Bucket { upper, count }).collect()
    }

    #[test]
    fn a_quantile_lies_where_its_rank_does() {
        let of = |q: f64| quantile(q, &mut buckets(&[(1.0, 10.0), (2.0, 30.0), (f64::INFINITY, 40.0)])).0;
        assert_eq!([of(0.125), of(0.5), of(0.9), of(-1.0), of(2.0)], [0.5, 1.5, 2.0, f64::NEG_INFINITY, f64::INFINITY]);
        assert!(quantile(0.5, &mut buckets(&[(1.0, 10.0)])).0.is_nan());
    }

    #[test]
    fn counts_that_fall_are_lifted_and_reported() {
        let mut falling = buckets(&[(1.0, 10.0), (2.0, 5.0), (f64::INFINITY, 20.0)]);
        assert!(quantile(0.5, &mut falling).1);
        let mut rounding = buckets(&[(1.0, 10.0), (2.0, 10.0 - 1e-13), (f64::INFINITY, 20.0)]);
        assert!(!quantile(0.5, &mut rounding).1);
    }

    #[test]
    fn fractions_interpolate_from_zero() {
        let of = |lower: f64, upper: f64| fraction(lower, upper, &mut buckets(&[(1.0, 10.0), (f64::INFINITY, 30.0)]));
        assert_eq!([of(0.0, 0.5), of(0.0, f64::INFINITY), of(1.0, 0.0)], [5.0 / 30.0, 1.0, 0.0]);
    }

    #[test]
    fn quantiles_of_many_buckets_come_near_the_exact_ones() {
        let values: Vec<f64> = (0..1000).map(|value| f64::from(value) / 10.0).collect();
        let mut cumulative: Vec<Bucket> = (1..=100)
            .map(|upper| Bucket {
                upper: f64::from(upper),
                count: values.iter().filter(|&&value| value <= f64::from(upper)).count() as f64,
            })
            .collect();
        cumulative.push(Bucket { upper: f64::INFINITY, count: 1000.0 });
        for q in [0.01, 0.5, 0.95] {
            assert!(
                (quantile(q, &mut cumulative.clone()).0 - crate::sums::quantile(q, &mut values.clone())).abs() < 0.2
            );
        }
    }
}
