//! Series in memory, and the points and values a query gives.

use std::sync::Arc;

use crate::histogram::Histogram;
use crate::labels::Labels;

/// The bits of the NaN that says a series has ended ("stale").
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether `value` is the stale marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// One series as fetched: samples in order of time, at most one a millisecond. Times are milliseconds since 1970.
///
/// Floats and histograms are kept apart. Stale markers are kept: instant selectors need them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// What names it, the metric name included.
    pub labels: Labels,
    /// Times of the floats.
    pub times: Vec<i64>,
    /// Values of the floats.
    pub values: Vec<f64>,
    /// Since when the counter behind each float counts; 0 where that is not known, empty where it is known of none.
    pub starts: Vec<i64>,
    /// Native histograms with their times. Their counter reset hints must be set (see [`crate::histogram::set_hints`]).
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    /// As `starts`, of the histograms.
    pub histogram_starts: Vec<i64>,
}

impl Series {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.times.len() + self.histograms.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
    }
}

/// The series fetched for a query's needs. A query asks for one at a time and lets it go, so that a source that unpacks its series on
/// demand never holds all of them.
pub trait Source {
    /// How many series there are for the need at place `need`; 0 where there is no such need.
    fn count(&self, need: usize) -> usize;

    /// One of them; `at` is below [`Source::count`]. The order is the one in which results shall list them; by labels is usual.
    fn series(&self, need: usize, at: usize) -> Arc<Series>;
}

impl Source for Vec<Vec<Arc<Series>>> {
    fn count(&self, need: usize) -> usize {
        self.get(need).map_or(0, Vec::len)
    }

    fn series(&self, need: usize, at: usize) -> Arc<Series> {
        Arc::clone(&self[need][at])
    }
}

/// What a series is at one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Point {
    /// Nothing.
    #[default]
    None,
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl Point {
    /// Whether there is a value.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The number, where it is one.
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// A series of a result: points at increasing times.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultSeries {
    /// Labels.
    pub labels: Labels,
    /// Points with their times; never [`Point::None`].
    pub points: Vec<(i64, Point)>,
}

/// One sample of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultSample {
    /// Labels.
    pub labels: Labels,
    /// Time of evaluation.
    pub time: i64,
    /// Value; never [`Point::None`].
    pub point: Point,
}

/// What a query evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A text.
    String(String),
    /// Samples at one time.
    Vector(Vec<ResultSample>),
    /// Series over time.
    Matrix(Vec<ResultSeries>),
}
