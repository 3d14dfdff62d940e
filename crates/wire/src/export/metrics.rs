//! Metric data points as OTLP/JSON, each as a metric of one point.

use std::fmt::Write;

use model::{Exemplar, Exponential, HistogramPoint, Sample, SampleKind, Temporality};

use super::{Object, double, entries, separated, string};
use crate::STALE_NAN_BITS;

pub(super) fn sample(object: &mut Object<'_>, sample: &Sample) {
    object.text("name", &sample.metric);
    object.text("description", &sample.description);
    object.text("unit", &sample.unit);
    let (kind, temporality, monotonic) = match &sample.kind {
        SampleKind::Gauge { .. } => ("gauge", None, false),
        SampleKind::Sum { temporality, monotonic, .. } => ("sum", Some(*temporality), *monotonic),
        SampleKind::Histogram { point, temporality } if point.exponential.is_some() => {
            ("exponentialHistogram", Some(*temporality), false)
        }
        SampleKind::Histogram { temporality, .. } => ("histogram", Some(*temporality), false),
        SampleKind::Summary { .. } => ("summary", None, false),
    };
    object.key(kind);
    Object::write(object.out, |object| {
        object.list("dataPoints", std::slice::from_ref(sample), point);
        object.number("aggregationTemporality", temporality.map_or(0, number));
        if monotonic {
            object.key("isMonotonic");
            object.out.push_str("true");
        }
    });
}

fn number(temporality: Temporality) -> u32 {
    match temporality {
        Temporality::Unspecified => 0,
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    }
}

fn point(object: &mut Object<'_>, sample: &Sample) {
    if !sample.labels.is_empty() {
        let labels: Vec<_> =
            sample.labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        object.key("attributes");
        entries(object.out, &labels);
    }
    object.time("startTimeUnixNano", sample.start);
    object.time("timeUnixNano", sample.time);
    match &sample.kind {
        SampleKind::Gauge { value } | SampleKind::Sum { value, .. } => value_or_stale(object, "asDouble", Some(*value)),
        SampleKind::Histogram { point, .. } => histogram(object, point),
        SampleKind::Summary { count, sum, quantiles } => {
            unsigned(object, "count", *count);
            value_or_stale(object, "sum", Some(*sum));
            object.list("quantileValues", quantiles, |object, (quantile, value)| {
                float(object, "quantile", Some(*quantile));
                float(object, "value", Some(*value));
            });
        }
    }
    object.list("exemplars", &sample.exemplars, exemplar);
}

fn histogram(object: &mut Object<'_>, point: &HistogramPoint) {
    unsigned(object, "count", point.count);
    value_or_stale(object, "sum", point.sum);
    float(object, "min", point.min);
    float(object, "max", point.max);
    if let Some(exponential) = &point.exponential {
        let Exponential { scale, zero_count, zero_threshold, positive, negative } = exponential;
        object.key("scale");
        let _ = write!(object.out, "{scale}");
        unsigned(object, "zeroCount", *zero_count);
        float(object, "zeroThreshold", Some(*zero_threshold));
        for (key, (offset, buckets)) in [("positive", positive), ("negative", negative)] {
            object.key(key);
            Object::write(object.out, |object| {
                object.key("offset");
                let _ = write!(object.out, "{offset}");
                counts(object, buckets);
            });
        }
        return;
    }
    counts(object, &point.counts);
    if !point.bounds.is_empty() {
        object.key("explicitBounds");
        separated(object.out, &point.bounds, |out, bound| double(out, *bound));
    }
}

fn counts(object: &mut Object<'_>, counts: &[u64]) {
    if !counts.is_empty() {
        object.key("bucketCounts");
        separated(object.out, counts, |out, count| string(out, &count.to_string()));
    }
}

fn exemplar(object: &mut Object<'_>, exemplar: &Exemplar) {
    object.time("timeUnixNano", exemplar.time);
    float(object, "asDouble", Some(exemplar.value));
    if let Some(id) = &exemplar.trace_id {
        object.id("traceId", id);
    }
    if let Some(id) = &exemplar.span_id {
        object.id("spanId", id);
    }
}

fn unsigned(object: &mut Object<'_>, key: &str, number: u64) {
    if number != 0 {
        object.key(key);
        string(object.out, &number.to_string());
    }
}

fn float(object: &mut Object<'_>, key: &str, number: Option<f64>) {
    if let Some(number) = number {
        object.key(key);
        double(object.out, number);
    }
}

/// A value; where it is the mark of a series' end, OTLP's flag for that.
fn value_or_stale(object: &mut Object<'_>, key: &str, number: Option<f64>) {
    match number {
        Some(number) if number.to_bits() == STALE_NAN_BITS => object.number("flags", 1),
        number => float(object, key, number),
    }
}
