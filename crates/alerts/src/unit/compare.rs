//! Whether numbers and histograms are the expected ones.

use promql::histogram::{Histogram, ResetHint};
use promql::{Point, SequenceValue};

/// Units in the last place two numbers may be apart in a fuzzy comparison, as in promtool.
const FUZZY_UNITS: u64 = 1;

/// Whether a sample is the expected one.
pub(super) fn same(expected: &SequenceValue, found: &Point, fuzzy: bool) -> bool {
    match (expected, found) {
        (SequenceValue::Float(expected), Point::Float(found)) => same_number(*expected, *found, fuzzy),
        (SequenceValue::Histogram(expected), Point::Histogram(found)) => same_histogram(expected, found),
        _ => false,
    }
}

fn same_number(expected: f64, found: f64, fuzzy: bool) -> bool {
    if expected.to_bits() == found.to_bits() || expected == found || (expected.is_nan() && found.is_nan()) {
        return true;
    }
    if !fuzzy || expected.is_sign_negative() != found.is_sign_negative() || !expected.is_finite() || !found.is_finite()
    {
        return false;
    }
    // Neighbouring numbers of one sign have neighbouring bits.
    expected.to_bits().abs_diff(found.to_bits()) <= FUZZY_UNITS
}

fn same_histogram(expected: &Histogram, found: &Histogram) -> bool {
    let (mut expected, mut found) = (expected.clone(), found.clone());
    expected.compact();
    found.compact();
    if expected.hint == ResetHint::Unknown {
        found.hint = ResetHint::Unknown;
    }
    expected.equals(&found) && expected.hint == found.hint
}
