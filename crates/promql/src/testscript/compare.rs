//! Comparing what came out with what was expected.

use super::script::{Eval, Expected, When};
use crate::histogram::{Histogram, ResetHint};
use crate::labels::Labels;
use crate::parse::SequenceValue;
use crate::series::{Point, ResultSample, ResultSeries, Value, is_stale};

/// Relative difference that is allowed between numbers.
const EPSILON: f64 = 0.000_001;

/// Whether two numbers are the same for a script.
fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

fn same_histogram(expected: &Histogram, found: &Histogram) -> bool {
    let (mut expected, mut found) = (expected.clone(), found.clone());
    expected.compact();
    found.compact();
    let same_buckets = |a: &[(i32, f64)], b: &[(i32, f64)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1))
    };
    expected.schema == found.schema
        && almost_equal(expected.count, found.count)
        && almost_equal(expected.sum, found.sum)
        && (!expected.has_custom_buckets() || expected.custom_values == found.custom_values)
        && expected.zero_threshold == found.zero_threshold
        && almost_equal(expected.zero_count, found.zero_count)
        && same_buckets(&expected.positive, &found.positive)
        && same_buckets(&expected.negative, &found.negative)
        && (expected.hint == ResetHint::Unknown || expected.hint == found.hint)
}

fn same_point(expected: &SequenceValue, found: &Point) -> bool {
    match (expected, found) {
        (SequenceValue::Omitted, Point::None) => true,
        (SequenceValue::Float(expected), Point::Float(found)) => almost_equal(*expected, *found),
        (SequenceValue::Histogram(expected), Point::Histogram(found)) => same_histogram(expected, found),
        _ => false,
    }
}

impl Eval {
    /// Compares a result. `middle` is the step of a range result that stands for the whole, where an instant query was asked as a range.
    pub(super) fn compare(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::Scalar(found) => match self.scalar {
                Some(expected) if almost_equal(expected, *found) => Ok(()),
                Some(expected) => Err(format!("expected scalar {expected}, got {found}")),
                None => Err(format!("expected vector or matrix, got scalar {found}")),
            },
            Value::String(found) => match &self.string {
                Some(expected) if expected == found => Ok(()),
                expected => Err(format!("expected string {expected:?}, got {found:?}")),
            },
            Value::Vector(samples) => self.compare_vector(samples),
            Value::Matrix(series) => self.compare_matrix(series),
        }
    }

    fn expected_position(&self, labels: &Labels) -> Option<usize> {
        self.series.iter().rposition(|(expected, _)| expected == labels)
    }

    pub(super) fn compare_vector(&self, samples: &[ResultSample]) -> Result<(), String> {
        if self.scalar.is_some() {
            return Err("expected a scalar, got a vector".into());
        }
        let mut seen = vec![false; self.series.len()];
        for (position, sample) in samples.iter().enumerate() {
            let Some(at) = self.expected_position(&sample.labels) else {
                return Err(format!("unexpected {} with {}", sample.labels, show(&sample.point)));
            };
            if self.ordered && at != position {
                return Err(format!("expected {} at position {at}, but it was at {position}", sample.labels));
            }
            let expected = self.series[at].1.first().unwrap_or(&SequenceValue::Omitted);
            if !same_point(expected, &sample.point) {
                return Err(format!(
                    "expected {} for {}, got {}",
                    show_expected(expected),
                    sample.labels,
                    show(&sample.point)
                ));
            }
            seen[at] = true;
        }
        self.all_seen(&seen)
    }

    fn all_seen(&self, seen: &[bool]) -> Result<(), String> {
        let missing = self
            .series
            .iter()
            .zip(seen)
            .find(|((_, values), seen)| !**seen && values.iter().any(|value| *value != SequenceValue::Omitted));
        missing.map_or(Ok(()), |((labels, _), _)| Err(format!("expected {labels}, not found")))
    }

    fn compare_matrix(&self, found: &[ResultSeries]) -> Result<(), String> {
        if self.scalar.is_some() {
            return Err("expected a scalar, got a matrix".into());
        }
        let (from, to, step) = match (self.range_vector, self.when) {
            (Some(times), _) => times,
            (None, When::Range { from, to, step }) => (from, to, step),
            (None, When::Instant(_)) => return Err("expected a vector, got a range vector".into()),
        };
        if !found.is_sorted_by(|a, b| a.labels <= b.labels) {
            return Err("series are not ordered by labels".into());
        }
        let mut seen = vec![false; self.series.len()];
        for series in found {
            let Some(at) = self.expected_position(&series.labels) else {
                return Err(format!("unexpected {} with {}", series.labels, show_series(series)));
            };
            seen[at] = true;
            let expected = self.series[at].1.iter().zip(0..).map(|(value, at)| (from + at * step, value));
            let expected: Vec<_> = expected.filter(|(_, value)| **value != SequenceValue::Omitted).collect();
            if expected.last().is_some_and(|&(time, _)| time > to) {
                return Err(format!("more points expected for {} than the range has steps", series.labels));
            }
            let same = expected.len() == series.points.len()
                && expected
                    .iter()
                    .zip(&series.points)
                    .all(|((time, value), (at, point))| time == at && same_point(value, point));
            if !same {
                let wanted: Vec<String> =
                    expected.iter().map(|(time, value)| format!("{}@{time}", show_expected(value))).collect();
                return Err(format!(
                    "expected {} for {}, got {}",
                    wanted.join(" "),
                    series.labels,
                    show_series(series)
                ));
            }
        }
        self.all_seen(&seen)
    }
}

impl Expected {
    /// Compares the annotations of one severity.
    pub(super) fn compare(&self, found: &[String], what: &str) -> Result<(), String> {
        if self.none && !found.is_empty() {
            return Err(format!("unexpected {what}: {}", found.join("; ")));
        }
        if (self.any || !self.patterns.is_empty()) && found.is_empty() {
            return Err(format!("expected {what}, got none"));
        }
        for pattern in &self.patterns {
            if !found.iter().any(|text| pattern.matches(text)) {
                return Err(format!("expected {what} {:?}, got {found:?}", pattern.as_str()));
            }
        }
        let explained = |text: &String| self.patterns.iter().any(|pattern| pattern.matches(text));
        match found.iter().find(|text| !self.patterns.is_empty() && !self.any && !explained(text)) {
            Some(text) => Err(format!("unexpected {what} {text:?}")),
            None => Ok(()),
        }
    }
}

fn show(point: &Point) -> String {
    match point {
        Point::None => "nothing".into(),
        Point::Float(value) => value.to_string(),
        Point::Histogram(histogram) => format!(
            "{histogram} (schema {}, zero width {}, custom {:?}, {:?})",
            histogram.schema, histogram.zero_threshold, histogram.custom_values, histogram.hint
        ),
    }
}

fn show_expected(value: &SequenceValue) -> String {
    show(&match value {
        SequenceValue::Omitted => Point::None,
        SequenceValue::Float(value) => Point::Float(*value),
        SequenceValue::Histogram(histogram) => Point::Histogram(histogram.clone()),
    })
}

fn show_series(series: &ResultSeries) -> String {
    let points: Vec<String> = series.points.iter().map(|(time, point)| format!("{}@{time}", show(point))).collect();
    points.join(" ")
}
