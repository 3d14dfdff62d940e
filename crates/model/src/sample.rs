//! Metric data points as kept.

use serde::{Deserialize, Serialize};

use crate::{SpanId, Timestamp, TraceId};

/// How successive points of a sum or histogram relate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temporality {
    /// The sender did not say.
    #[default]
    Unspecified,
    /// Each point covers the time since the last one (Claude Code, Codex).
    Delta,
    /// Each point covers the time since the start.
    Cumulative,
}

/// What a point is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum SampleKind {
    /// A value that goes up and down.
    Gauge {
        /// The value.
        value: f64,
    },
    /// A sum.
    Sum {
        /// The value.
        value: f64,
        /// Delta or cumulative.
        temporality: Temporality,
        /// Whether it only grows.
        monotonic: bool,
    },
    /// A histogram, classic or exponential.
    Histogram {
        /// The buckets.
        point: HistogramPoint,
        /// Delta or cumulative.
        temporality: Temporality,
    },
    /// OTLP's legacy summary.
    Summary {
        /// Observations.
        count: u64,
        /// Their sum.
        sum: f64,
        /// (quantile, value) pairs.
        quantiles: Vec<(f64, f64)>,
    },
}

/// One point of a histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistogramPoint {
    /// Observations.
    pub count: u64,
    /// Their sum, where given.
    pub sum: Option<f64>,
    /// Smallest, where given.
    pub min: Option<f64>,
    /// Largest, where given.
    pub max: Option<f64>,
    /// Upper bounds of the classic buckets, the last (+Inf) left out; empty for exponential ones.
    pub bounds: Vec<f64>,
    /// Counts of the classic buckets, one more than bounds.
    pub counts: Vec<u64>,
    /// The exponential part, where it is one.
    pub exponential: Option<Exponential>,
}

/// Buckets of an exponential histogram (OTLP `ExponentialHistogramDataPoint`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Exponential {
    /// Resolution: the base is 2^(2^-scale).
    pub scale: i32,
    /// Observations counted as zero.
    pub zero_count: u64,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Offset and counts of the positive buckets.
    pub positive: (i32, Vec<u64>),
    /// Offset and counts of the negative buckets.
    pub negative: (i32, Vec<u64>),
}

/// A trace that explains a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    /// When.
    pub time: Timestamp,
    /// The observed value.
    pub value: f64,
    /// Its trace.
    pub trace_id: Option<TraceId>,
    /// Its span.
    pub span_id: Option<SpanId>,
}

/// One metric data point with the labels that make its series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Metric name as sent.
    pub metric: String,
    /// What it means, as sent.
    pub description: String,
    /// Unit as sent (UCUM).
    pub unit: String,
    /// Attributes of the point as text, in the order sent.
    pub labels: Vec<(String, String)>,
    /// Start of the interval a sum or histogram covers.
    pub start: Timestamp,
    /// Time of the point.
    pub time: Timestamp,
    /// The value.
    pub kind: SampleKind,
    /// Traces that explain it.
    pub exemplars: Vec<Exemplar>,
}
