//! OpenTelemetry's data points as series.
//!
//! Source: OpenTelemetry's specification, *Prometheus and OpenMetrics Compatibility*. Sums become counters, histograms their three families,
//! exponential histograms native ones, deltas growth of what is there. `job` and `instance` come from the resource; what else it says is on
//! `target_info`, and the environment, where one is named, on every series.

use std::sync::Arc;

use model::{Exponential, HistogramPoint, Sample, SampleKind, Temporality, Tenant, Timestamp};
use promql::histogram::{Buckets, Histogram};
use promql::{BUCKET, Labels, METRIC_NAME, is_stale};

use crate::names::{self, Sort};
use crate::write::{Batch, Exemplar, Metadata, MetricType, Mode, SampleValue, Write};

/// The finest resolution Prometheus' native histograms have; finer ones are made coarser.
const SCHEMA_MAX: i32 = 8;
/// The coarsest; an even coarser histogram is no series.
const SCHEMA_MIN: i32 = -4;
/// Width of the zero bucket where the sender gives none, as Prometheus has it.
const ZERO_THRESHOLD: f64 = 1e-128;

type Pair = (Arc<str>, Arc<str>);

/// Who sent data points: labels all their series share, and those of `target_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    shared: Vec<Pair>,
    info: Option<Labels>,
}

impl Origin {
    /// From a resource's attributes as text and the tenant.
    pub fn new(attributes: impl IntoIterator<Item = (String, String)>, tenant: &Tenant) -> Self {
        let (mut service, mut namespace, mut instance, mut rest) = (None, None, None, Vec::new());
        for (key, value) in attributes {
            match key.as_str() {
                "service.name" => service = Some(value),
                "service.namespace" => namespace = Some(value),
                "service.instance.id" => instance = Some(value),
                _ => rest.push((names::label(&key), value)),
            }
        }
        let job = service.map(|service| match namespace {
            Some(namespace) => format!("{namespace}/{service}"),
            None => service,
        });
        let identity = [("job", job), ("instance", instance)];
        let identity: Vec<Pair> =
            identity.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect();
        let mut shared = identity.clone();
        if &*tenant.environment != Tenant::DEFAULT_ENVIRONMENT {
            shared.push(("environment".into(), Arc::clone(&tenant.environment)));
        }
        let info = (!identity.is_empty() && !rest.is_empty()).then(|| {
            let name: Pair = (METRIC_NAME.into(), "target_info".into());
            let rest = rest.into_iter().map(|(name, value)| (name.into(), value.into()));
            Labels::new(rest.chain(identity).chain([name]))
        });
        Self { shared, info }
    }

    /// Adds `target_info` at `time` (milliseconds).
    pub fn describe(&self, time: i64, batch: &mut Batch) {
        if let Some(info) = &self.info {
            batch.writes.push(Write::float(info.clone(), time, 1.0));
        }
    }
}

/// Adds the series of a data point. A point without a time is taken to be of `received`.
pub fn add(sample: &Sample, origin: &Origin, received: Timestamp, batch: &mut Batch) {
    let time = if sample.time == Timestamp::default() { received } else { sample.time };
    let point = Point::new(sample, origin, millis(time));
    match &sample.kind {
        SampleKind::Gauge { value } => {
            let name = point.family(Sort::Gauge, MetricType::Gauge, batch);
            point.put(&name, None, *value, Growth::NONE, batch);
            point.exemplars(|_| point.labels(&name, None), batch);
        }
        SampleKind::Sum { value, temporality, monotonic } => {
            let (sort, kind) =
                if *monotonic { (Sort::Counter, MetricType::Counter) } else { (Sort::Other, MetricType::Gauge) };
            let name = point.family(sort, kind, batch);
            point.put(&name, None, *value, point.growth(*temporality, *monotonic), batch);
            point.exemplars(|_| point.labels(&name, None), batch);
        }
        SampleKind::Histogram { point: histogram, temporality } => {
            let name = point.family(Sort::Other, MetricType::Histogram, batch);
            let growth = point.growth(*temporality, true);
            match &histogram.exponential {
                Some(exponential) => point.native(&name, histogram, exponential, growth, batch),
                None => point.classic(&name, histogram, growth, batch),
            }
        }
        SampleKind::Summary { count, sum, quantiles } => {
            let name = point.family(Sort::Other, MetricType::Summary, batch);
            let growth = point.growth(Temporality::Cumulative, true);
            point.put(&format!("{name}_sum"), None, *sum, growth, batch);
            point.put(&format!("{name}_count"), None, *count as f64, growth, batch);
            for (quantile, value) in quantiles {
                point.put(&name, Some(("quantile", quantile.to_string())), *value, Growth::NONE, batch);
            }
        }
    }
}

fn millis(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(1_000_000)
}

/// How a value relates to those before.
#[derive(Debug, Clone, Copy)]
struct Growth {
    mode: Mode,
    start: Option<i64>,
}

impl Growth {
    const NONE: Self = Self { mode: Mode::Set, start: None };
}

/// A data point on its way to series.
struct Point<'p> {
    sample: &'p Sample,
    labels: Vec<Pair>,
    time: i64,
}

impl<'p> Point<'p> {
    fn new(sample: &'p Sample, origin: &Origin, time: i64) -> Self {
        let mut labels: Vec<Pair> = Vec::with_capacity(origin.shared.len() + sample.labels.len());
        for (key, value) in &sample.labels {
            let name = names::label(key);
            // Two attributes that become one label: both values, as Prometheus has it.
            match labels.iter_mut().find(|(known, _)| **known == name) {
                Some((_, known)) => *known = format!("{known};{value}").into(),
                None => labels.push((name.into(), value.as_str().into())),
            }
        }
        // What the point says itself comes first.
        let missing = |(name, _): &&Pair| !sample.labels.iter().any(|(key, _)| names::label(key) == **name);
        let shared: Vec<Pair> = origin.shared.iter().filter(missing).cloned().collect();
        labels.extend(shared);
        Self { sample, labels, time }
    }

    fn labels(&self, name: &str, extra: Option<(&str, String)>) -> Labels {
        let extra = extra.map(|(name, value)| (Arc::from(name), Arc::from(value)));
        let named: Pair = (METRIC_NAME.into(), name.into());
        Labels::new(self.labels.iter().cloned().chain(extra).chain([named]))
    }

    /// Name of the family; notes what is known of it.
    fn family(&self, sort: Sort, kind: MetricType, batch: &mut Batch) -> String {
        let name = names::metric(&self.sample.metric, &self.sample.unit, sort);
        let unit = &self.sample.unit;
        let known = batch.metadata.iter().rev().take(8).any(|(other, _)| *other == name);
        if !known {
            let metadata = Metadata { kind, help: self.sample.description.clone(), unit: unit.clone() };
            batch.metadata.push((name.clone(), metadata));
        }
        name
    }

    fn growth(&self, temporality: Temporality, monotonic: bool) -> Growth {
        let start = (monotonic && self.sample.start != Timestamp::default()).then(|| millis(self.sample.start));
        let mode = if temporality == Temporality::Delta { Mode::Add } else { Mode::Set };
        Growth { mode, start }
    }

    fn put(&self, name: &str, extra: Option<(&str, String)>, value: f64, growth: Growth, batch: &mut Batch) {
        let Growth { mode, start } = growth;
        let labels = self.labels(name, extra);
        batch.writes.push(Write { labels, time: self.time, value: SampleValue::Float(value), mode, start });
    }

    fn classic(&self, name: &str, histogram: &HistogramPoint, growth: Growth, batch: &mut Batch) {
        let stale = histogram.sum.filter(|&sum| is_stale(sum));
        let value = |count: u64| stale.unwrap_or(count as f64);
        if let Some(sum) = histogram.sum {
            self.put(&format!("{name}_sum"), None, sum, growth, batch);
        }
        self.put(&format!("{name}_count"), None, value(histogram.count), growth, batch);
        let buckets = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            below += count;
            self.put(&buckets, Some((BUCKET, bound.to_string())), value(below), growth, batch);
        }
        self.put(&buckets, Some((BUCKET, INFINITE.into())), value(histogram.count), growth, batch);
        let bucket = |observed: f64| {
            let bound = histogram.bounds.iter().find(|&&bound| observed <= bound);
            self.labels(&buckets, Some((BUCKET, bound.map_or(INFINITE.into(), f64::to_string))))
        };
        self.exemplars(bucket, batch);
    }

    fn native(
        &self,
        name: &str,
        histogram: &HistogramPoint,
        exponential: &Exponential,
        growth: Growth,
        batch: &mut Batch,
    ) {
        if exponential.scale < SCHEMA_MIN {
            return;
        }
        let schema = exponential.scale.min(SCHEMA_MAX);
        let coarser = (exponential.scale - schema) as u32;
        let threshold = exponential.zero_threshold;
        let value = Histogram {
            schema,
            zero_threshold: if threshold > 0.0 { threshold } else { ZERO_THRESHOLD },
            zero_count: exponential.zero_count as f64,
            count: histogram.count as f64,
            sum: histogram.sum.unwrap_or(0.0),
            positive: buckets(&exponential.positive, coarser),
            negative: buckets(&exponential.negative, coarser),
            ..Histogram::default()
        };
        let labels = self.labels(name, None);
        let Growth { mode, start } = growth;
        let value = SampleValue::Histogram(Arc::new(value));
        batch.writes.push(Write { labels, time: self.time, value, mode, start });
        self.exemplars(|_| self.labels(name, None), batch);
    }

    fn exemplars(&self, series: impl Fn(f64) -> Labels, batch: &mut Batch) {
        for exemplar in &self.sample.exemplars {
            let trace = exemplar.trace_id.map(|id| ("trace_id", id.to_string()));
            let span = exemplar.span_id.map(|id| ("span_id", id.to_string()));
            batch.exemplars.push(Exemplar {
                series: series(exemplar.value),
                labels: Labels::new(trace.into_iter().chain(span)),
                value: exemplar.value,
                time: if exemplar.time == Timestamp::default() { self.time } else { millis(exemplar.time) },
            });
        }
    }
}

/// The bound of the bucket that has everything.
const INFINITE: &str = "+Inf";

/// Buckets `coarser` steps down. OpenTelemetry's bucket 0 begins at 1, Prometheus' ends there.
fn buckets((offset, counts): &(i32, Vec<u64>), coarser: u32) -> Buckets {
    let mut buckets: Buckets = Vec::new();
    for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let index = (i64::from(*offset) + at as i64) >> coarser.min(63);
        let index = (index + 1).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        match buckets.last_mut() {
            Some((last, sum)) if *last == index => *sum += count as f64,
            _ => buckets.push((index, count as f64)),
        }
    }
    buckets
}

#[cfg(test)]
mod tests;
