//! Arithmetic that differs from Rust's.

/// `value` between `low` and `high`; nothing where the bounds are the wrong way round, NaN where anything is NaN.
pub(super) fn clamp(value: f64, low: f64, high: f64) -> Option<f64> {
    if high < low {
        return None;
    }
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Some(f64::NAN);
    }
    Some(value.min(high).max(low))
}

/// To the nearest multiple of `to`, ties up.
pub(super) fn round(value: f64, to: f64) -> f64 {
    // By the inverse, which costs less precision for the usual 0.1 and 0.01.
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

/// −1, 1, or the value itself where it is 0 or NaN.
pub(super) fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}
