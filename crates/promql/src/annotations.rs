//! Warnings and notes that come with a result.

use std::collections::BTreeMap;

use crate::parse::Place;
use crate::quote::{quoted, short_float};

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The result is likely not what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// What a histogram operation was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum HistogramOperation {
    Addition,
    Subtraction,
    Aggregation,
}

impl HistogramOperation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Everything there is to annotate, in Prometheus' words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note<'a> {
    InvalidQuantile(f64),
    InvalidRatio(f64, f64),
    BadBucket { metric: &'a str, label: &'a str },
    MixedFloatsHistograms { metric: &'a str },
    MixedInAggregation,
    MixedClassicNative { metric: &'a str },
    NotACounter { metric: &'a str },
    NotAGauge { metric: &'a str },
    MixedSchemas { metric: &'a str },
    IncompatibleLayouts { op: &'a str },
    ResetCollision(HistogramOperation),
    SortIsIneffective,
    PossiblyNoCounter { metric: &'a str },
    ForcedMonotonicity { metric: &'a str },
    IncompatibleTypes { left: &'a str, op: &'a str, right: &'a str },
    HistogramIgnored { aggregation: &'a str },
    HistogramsIgnoredInRange { metric: &'a str },
    NanQuantile { metric: &'a str },
    NanSkewedQuantile { metric: &'a str },
    NanFraction { metric: &'a str },
    BoundsReconciled(HistogramOperation),
}

impl Note<'_> {
    fn severity(&self) -> Severity {
        use Note::*;
        match self {
            PossiblyNoCounter { .. }
            | ForcedMonotonicity { .. }
            | IncompatibleTypes { .. }
            | HistogramIgnored { .. }
            | HistogramsIgnoredInRange { .. }
            | NanQuantile { .. }
            | NanSkewedQuantile { .. }
            | NanFraction { .. }
            | BoundsReconciled(_) => Severity::Info,
            _ => Severity::Warning,
        }
    }

    fn text(&self) -> String {
        use Note::*;
        // Some messages name the metric only where it is known.
        let of_metric = |text: String, metric: &str| {
            if metric.is_empty() { text } else { format!("{text} for metric name {}", quoted(metric)) }
        };
        match self {
            InvalidQuantile(q) => format!("quantile value should be between 0 and 1, got {}", short_float(*q)),
            InvalidRatio(ratio, to) => format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                short_float(*ratio),
                short_float(*to)
            ),
            BadBucket { metric, label } => of_metric(
                format!("bucket label \"le\" is missing or has a malformed value of {}", quoted(label)),
                metric,
            ),
            MixedFloatsHistograms { metric } => {
                format!("encountered a mix of histograms and floats for metric name {}", quoted(metric))
            }
            MixedInAggregation => "encountered a mix of histograms and floats for aggregation".into(),
            MixedClassicNative { metric } => {
                of_metric("vector contains a mix of classic and native histograms".into(), metric)
            }
            NotACounter { metric } => format!("this native histogram metric is not a counter: {}", quoted(metric)),
            NotAGauge { metric } => format!("this native histogram metric is not a gauge: {}", quoted(metric)),
            MixedSchemas { metric } => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quoted(metric)
            ),
            IncompatibleLayouts { op } => format!("incompatible bucket layout encountered for binary operator {op}"),
            ResetCollision(operation) => {
                format!("conflicting counter resets during histogram {}", operation.as_str())
            }
            SortIsIneffective => {
                "sort is ineffective for range queries since results are always ordered by labels".into()
            }
            PossiblyNoCounter { metric } => format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quoted(metric)
            ),
            ForcedMonotonicity { metric } => of_metric(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
                    .into(),
                metric,
            ),
            IncompatibleTypes { left, op, right } => {
                format!("incompatible sample types encountered for binary operator {}: {left} {op} {right}", quoted(op))
            }
            HistogramIgnored { aggregation } => format!("ignored histogram in {aggregation} aggregation"),
            HistogramsIgnoredInRange { metric } => format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quoted(metric)
            ),
            NanQuantile { metric } => {
                of_metric("input to histogram_quantile has NaN observations, result is NaN".into(), metric)
            }
            NanSkewedQuantile { metric } => {
                of_metric("input to histogram_quantile has NaN observations, result is skewed higher".into(), metric)
            }
            NanFraction { metric } => of_metric(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions".into(),
                metric,
            ),
            BoundsReconciled(operation) => {
                format!("mismatched custom buckets were reconciled during {}", operation.as_str())
            }
        }
    }
}

/// The annotations of a result, each message once, with the first place it came up at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    notes: BTreeMap<(Severity, String), usize>,
}

/// Annotations kept for one result; a query over many metrics would say the same of each.
const MAX_ANNOTATIONS: usize = 1_000;

impl Annotations {
    pub(crate) fn add(&mut self, note: Note<'_>, at: usize) {
        let key = (note.severity(), note.text());
        if self.notes.len() < MAX_ANNOTATIONS {
            self.notes.entry(key).or_insert(at);
        }
    }

    /// Messages of one severity, as Prometheus' API gives them for the query `text`.
    pub fn messages(&self, severity: Severity, text: &str) -> Vec<String> {
        let word = if severity == Severity::Warning { "PromQL warning" } else { "PromQL info" };
        let of_it = self.notes.iter().filter(|((found, _), _)| *found == severity);
        of_it.map(|((_, message), &at)| format!("{word}: {message} ({})", Place::of(text, at))).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }
}
