//! From the parts of a metric data point to a [`Sample`], whatever encoding they came in.

use std::borrow::Cow;

use model::{Attributes, Exemplar, Exponential, HistogramPoint, Sample, SampleKind, Temporality, Timestamp, Value};

use crate::context::{Context, Reason};
use crate::limits::{MAX_BUCKETS, MAX_EXEMPLARS, MAX_METRIC_DESCRIPTION, MAX_METRIC_NAME};

/// Bits of the NaN by which Prometheus marks the end of a series. OTLP's flag *no recorded value* becomes it.
/// Source: Prometheus, `model/value/value.go`, `StaleNaN`.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// OTLP `DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u32 = 1;

/// Which of OTLP's five kinds of points a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

/// What all points of a metric share.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub name: Cow<'a, str>,
    pub description: Cow<'a, str>,
    pub unit: Cow<'a, str>,
}

impl Header<'_> {
    /// Refuses names no series could have, and cuts the description.
    pub fn check(&mut self, context: &mut Context) -> Result<(), Reason> {
        if self.name.is_empty() {
            return Err(Reason::Borrowed("the metric has no name"));
        }
        if self.name.len() > MAX_METRIC_NAME || self.unit.len() > MAX_METRIC_NAME {
            return Err(Reason::Owned(format!(
                "the name or unit of the metric is longer than {MAX_METRIC_NAME} bytes (MAX_METRIC_NAME)"
            )));
        }
        if self.description.len() > MAX_METRIC_DESCRIPTION {
            let end = self.description.floor_char_boundary(MAX_METRIC_DESCRIPTION);
            self.description = Cow::Owned(self.description[..end].to_owned());
            context.rejected.note("warning: a metric description was cut to 1,024 bytes");
        }
        Ok(())
    }
}

/// One data point while it is read; holds the fields of all five kinds.
#[derive(Debug, Default)]
pub(crate) struct PointDraft<'a> {
    pub labels: Attributes<'a>,
    pub start: Timestamp,
    pub time: Timestamp,
    pub flags: u32,
    pub value: Option<f64>,
    pub count: u64,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub counts: Vec<u64>,
    pub bounds: Vec<f64>,
    pub exponential: Exponential,
    pub quantiles: Vec<(f64, f64)>,
    pub exemplars: Vec<Exemplar>,
}

impl PointDraft<'_> {
    /// Keeps an exemplar if it has a value and there is room; exemplars are examples, so the rest is not missed.
    pub fn add_exemplar(&mut self, exemplar: Option<Exemplar>, context: &mut Context) -> Result<(), Reason> {
        match exemplar {
            Some(exemplar) if self.exemplars.len() < MAX_EXEMPLARS => context.push(&mut self.exemplars, exemplar),
            _ => Ok(()),
        }
    }

    /// The sample, or why there is none.
    pub fn finish(
        self,
        header: &Header<'_>,
        kind: Kind,
        temporality: Temporality,
        monotonic: bool,
        context: &mut Context,
    ) -> Result<Sample, Reason> {
        context.charge(size_of::<Sample>() + header.name.len() + header.description.len() + header.unit.len())?;
        let buckets = [&self.counts, &self.exponential.positive.1, &self.exponential.negative.1].map(Vec::len);
        context.charge(
            size_of::<u64>() * (buckets.iter().sum::<usize>() + self.bounds.len() + 2 * self.quantiles.len()),
        )?;
        let stale = self.flags & NO_RECORDED_VALUE != 0;
        let number = if stale { Some(f64::from_bits(STALE_NAN_BITS)) } else { self.value };
        let number = || number.ok_or(Reason::Borrowed("the data point has no value"));
        let sum = if stale { Some(f64::from_bits(STALE_NAN_BITS)) } else { self.sum };
        let kind = match kind {
            Kind::Gauge => SampleKind::Gauge { value: number()? },
            Kind::Sum => SampleKind::Sum { value: number()?, temporality, monotonic },
            Kind::Summary => {
                check_buckets(self.quantiles.len())?;
                SampleKind::Summary { count: self.count, sum: sum.unwrap_or(0.0), quantiles: self.quantiles }
            }
            Kind::Histogram | Kind::Exponential => {
                check_buckets(self.counts.len())?;
                check_buckets(self.bounds.len())?;
                let exponential = (kind == Kind::Exponential).then_some(self.exponential);
                if let Some(buckets) = &exponential {
                    check_buckets(buckets.positive.1.len())?;
                    check_buckets(buckets.negative.1.len())?;
                } else if self.counts.len() != self.bounds.len() + 1
                    && !(self.counts.is_empty() && self.bounds.is_empty())
                {
                    return Err(Reason::Borrowed("a histogram must have one count more than bounds"));
                }
                let point = HistogramPoint {
                    count: self.count,
                    sum,
                    min: self.min,
                    max: self.max,
                    bounds: self.bounds,
                    counts: self.counts,
                    exponential,
                };
                SampleKind::Histogram { point, temporality }
            }
        };
        Ok(Sample {
            metric: header.name.to_string(),
            description: header.description.to_string(),
            unit: header.unit.to_string(),
            labels: self.labels.0.into_iter().map(|(key, value)| (key.into_owned(), label(value))).collect(),
            start: self.start,
            time: self.time,
            kind,
            exemplars: self.exemplars,
        })
    }
}

fn check_buckets(count: usize) -> Result<(), Reason> {
    if count > MAX_BUCKETS {
        return Err(Reason::Owned(format!("a data point has more than {MAX_BUCKETS} buckets (MAX_BUCKETS)")));
    }
    Ok(())
}

/// A label's text: text as it is, numbers as people write them, structures as JSON, null as empty text.
fn label(value: Value<'_>) -> String {
    match value {
        Value::Str(text) => text.into_owned(),
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        structure => structure.to_json().to_string(),
    }
}

/// OTLP's `AggregationTemporality`.
pub(crate) fn temporality(number: i64) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}
