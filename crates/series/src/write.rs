//! What is written: samples with the labels of their series, and what is known of metrics.

use std::sync::Arc;

use promql::Labels;
use promql::histogram::Histogram;

/// A value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number, or the stale marker.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The series has this value.
    #[default]
    Set,
    /// The series has grown by this value (OTLP's delta temporality).
    Add,
}

/// One sample to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The series, its metric name included.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The value.
    pub value: SampleValue,
    /// What the value says.
    pub mode: Mode,
    /// When a counter began to count from zero, in milliseconds: a zero is written there where the series has nothing since.
    pub start: Option<i64>,
}

impl Write {
    /// A plain sample.
    pub fn float(labels: Labels, time: i64, value: f64) -> Self {
        Self { labels, time, value: SampleValue::Float(value), mode: Mode::Set, start: None }
    }
}

/// An observation with a trace that explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The series it belongs to.
    pub series: Labels,
    /// Its own labels, `trace_id` and `span_id` among them.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub time: i64,
}

/// Sorts of metrics, by the words of Prometheus' API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum MetricType {
    /// Not told.
    #[default]
    Unknown,
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets.
    Histogram,
    /// Buckets that go up and down.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Labels that describe something.
    Info,
    /// A set of states.
    StateSet,
}

impl MetricType {
    /// All of them, by the numbers remote write and our log use.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// The word Prometheus' API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// By number; an unknown one is [`MetricType::Unknown`].
    pub fn from_number(number: u64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or_default()
    }
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Its sort.
    pub kind: MetricType,
    /// What it means.
    pub help: String,
    /// Its unit.
    pub unit: String,
}

/// Everything one request writes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Samples. Of one series they are in order of time where possible: late ones cost more.
    pub writes: Vec<Write>,
    /// Observations with traces.
    pub exemplars: Vec<Exemplar>,
    /// Metrics by family name.
    pub metadata: Vec<(String, Metadata)>,
}

/// Why a sample is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refused {
    /// Its time is before what the memory still takes.
    #[error("the sample is older than the window for late samples (late_window)")]
    TooOld,
    /// Its time lies ahead.
    #[error("the sample's time is more than 10 minutes ahead of the server's clock (AHEAD_MAX)")]
    TooNew,
    /// The series has another value at the same time.
    #[error("the series has another value at the same time")]
    Duplicate,
    /// A growth, or a histogram, that does not come after the last one.
    #[error("a delta or native histogram does not come after the last one of its series")]
    OutOfOrder,
    /// There would be too many series.
    #[error("the series would be one too many (series_max); use fewer labels with many values")]
    TooManySeries,
    /// A series without a metric name, or with labels that are too many or too long.
    #[error(
        "the series has no metric name, more than 64 labels (LABELS_MAX) or a label longer than 4 KiB (LABEL_BYTES_MAX)"
    )]
    BadLabels,
    /// A growth of a histogram whose buckets do not fit the ones before.
    #[error("the growth of a histogram does not fit its buckets before")]
    Incompatible,
}

impl Refused {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::TooOld,
        Self::TooNew,
        Self::Duplicate,
        Self::OutOfOrder,
        Self::TooManySeries,
        Self::BadLabels,
        Self::Incompatible,
    ];

    /// A word for it, for counters.
    pub fn word(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::Duplicate => "duplicate",
            Self::OutOfOrder => "out_of_order",
            Self::TooManySeries => "too_many_series",
            Self::BadLabels => "bad_labels",
            Self::Incompatible => "incompatible",
        }
    }
}
