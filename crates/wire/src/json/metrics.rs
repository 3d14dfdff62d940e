//! Metrics. The five kinds of data points name their fields alike, so one message reads them all.

use std::borrow::Cow;

use model::{Exemplar, Sample, Temporality, Timestamp};
use serde::de::MapAccess;

use super::message::{Message, Object, RawList, list, read, scalar, skip};
use super::scalar;
use super::traces::time;
use super::value::{Entries, attributes};
use crate::context::{Context, Reason};
use crate::ids::Id;
use crate::limits::MAX_BUCKETS;
use crate::metric::{Header, Kind, PointDraft, temporality};

/// Names of `AggregationTemporality`, in order of their numbers.
const TEMPORALITIES: [&str; 3] = ["UNSPECIFIED", "DELTA", "CUMULATIVE"];

/// Reads a `Metric`, appending a sample per data point. An error means that the metric as a whole is not readable.
pub(super) fn metric(raw: &str, into: &mut Vec<Sample>, context: &mut Context) -> Result<(), Reason> {
    let MetricDraft { mut header, data } = read(raw, MetricDraft::default(), context)?;
    let Some((kind, data)) = data else { return Ok(()) };
    let checked = header.check(context);
    for raw in data.points {
        let sample = checked
            .clone()
            .and_then(|()| point(raw, context))
            .and_then(|draft| draft.finish(&header, kind, data.temporality, data.monotonic, context));
        match sample {
            Ok(sample) => into.push(sample),
            Err(reason) => context.reject("data point", &reason),
        }
    }
    Ok(())
}

#[derive(Default)]
struct MetricDraft<'a> {
    header: Header<'a>,
    data: Option<(Kind, Data<'a>)>,
}

impl<'a> Message<'a> for MetricDraft<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        let kind = match key {
            "name" => return scalar(map, key, scalar::text).map(|text| self.header.name = text),
            "description" => return scalar(map, key, scalar::text).map(|text| self.header.description = text),
            "unit" => return scalar(map, key, scalar::text).map(|text| self.header.unit = text),
            "gauge" => Kind::Gauge,
            "sum" => Kind::Sum,
            "histogram" => Kind::Histogram,
            "exponentialHistogram" | "exponential_histogram" => Kind::Exponential,
            "summary" => Kind::Summary,
            _ => return skip(map),
        };
        let mut data = Data::default();
        map.next_value_seed(Object { into: &mut data, context })?;
        // Some encoders write the alternatives they do not use as null.
        if !data.points.is_empty() {
            self.data = Some((kind, data));
        }
        Ok(())
    }
}

/// A `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` or `Summary`; points are read when everything else is known.
#[derive(Default)]
struct Data<'a> {
    points: Vec<&'a str>,
    temporality: Temporality,
    monotonic: bool,
}

impl<'a> Message<'a> for Data<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        match key {
            "dataPoints" | "data_points" => {
                map.next_value_seed(RawList(|raw| context.push(&mut self.points, raw)))?;
            }
            "aggregationTemporality" | "aggregation_temporality" => {
                let number = |raw| Ok(scalar::enumeration(raw, "AGGREGATION_TEMPORALITY_", &TEMPORALITIES));
                self.temporality = temporality(scalar(map, key, number)?);
            }
            "isMonotonic" | "is_monotonic" => {
                self.monotonic = scalar(map, key, |raw| Ok(scalar::boolean(raw) == Some(true)))?
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn point<'a>(raw: &'a str, context: &mut Context) -> Result<PointDraft<'a>, Reason> {
    let Point { mut draft, labels } = read(raw, Point::default(), context)?;
    if labels.draft.dropped > 0 {
        context.warn_attributes("data point");
    }
    draft.labels = labels.draft.finish();
    Ok(draft)
}

#[derive(Default)]
struct Point<'a> {
    draft: PointDraft<'a>,
    labels: Entries<'a>,
}

impl<'a> Message<'a> for Point<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        let draft = &mut self.draft;
        match key {
            "attributes" => attributes(&mut self.labels, map, context)?,
            "startTimeUnixNano" | "start_time_unix_nano" => draft.start = time(map, key)?,
            "timeUnixNano" | "time_unix_nano" => draft.time = time(map, key)?,
            "flags" => draft.flags = scalar(map, key, scalar::unsigned32)?,
            "asDouble" | "as_double" | "asInt" | "as_int" => {
                draft.value = Some(scalar(map, key, scalar::required_double)?)
            }
            "count" => draft.count = scalar(map, key, scalar::unsigned)?,
            "sum" => draft.sum = scalar(map, key, optional_double)?,
            "min" => draft.min = scalar(map, key, optional_double)?,
            "max" => draft.max = scalar(map, key, optional_double)?,
            "bucketCounts" | "bucket_counts" => map.next_value_seed(counts(&mut draft.counts))?,
            "explicitBounds" | "explicit_bounds" => map.next_value_seed(RawList(|raw| {
                bounded_push(&mut draft.bounds, scalar::required_double(raw)?);
                Ok(())
            }))?,
            "scale" => draft.exponential.scale = scalar(map, key, signed32)?,
            "zeroCount" | "zero_count" => draft.exponential.zero_count = scalar(map, key, scalar::unsigned)?,
            "zeroThreshold" | "zero_threshold" => {
                draft.exponential.zero_threshold = scalar(map, key, optional_double)?.unwrap_or(0.0);
            }
            "positive" => {
                map.next_value_seed(Object { into: &mut Buckets(&mut draft.exponential.positive), context })?
            }
            "negative" => {
                map.next_value_seed(Object { into: &mut Buckets(&mut draft.exponential.negative), context })?
            }
            "quantileValues" | "quantile_values" => {
                let quantiles = &mut draft.quantiles;
                let sink = |quantile: Quantile, _: &mut Context| {
                    bounded_push(quantiles, (quantile.quantile, quantile.value));
                    Ok(())
                };
                map.next_value_seed(list(Quantile::default, sink, context))?;
            }
            "exemplars" => {
                let sink = |example: Example<'a>, context: &mut Context| draft.add_exemplar(example.finish(), context);
                map.next_value_seed(list(Example::default, sink, context))?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A float that may be left out, which JSON writers also say as null.
fn optional_double(raw: &str) -> Result<Option<f64>, Reason> {
    if raw == "null" { Ok(None) } else { scalar::required_double(raw).map(Some) }
}

fn signed32(raw: &str) -> Result<i32, Reason> {
    scalar::signed(raw)
        .and_then(|number| i32::try_from(number).ok())
        .ok_or(Reason::Borrowed("a 32-bit integer was expected as scale or offset"))
}

/// Appends until one more than allowed is there, which [`PointDraft::finish`] refuses.
fn bounded_push<T>(list: &mut Vec<T>, item: T) {
    if list.len() <= MAX_BUCKETS {
        list.push(item);
    }
}

fn counts(into: &mut Vec<u64>) -> RawList<impl FnMut(&str) -> Result<(), Reason>> {
    RawList(|raw: &str| {
        bounded_push(into, scalar::unsigned(raw)?);
        Ok(())
    })
}

/// Offset and counts of exponential buckets.
struct Buckets<'m>(&'m mut (i32, Vec<u64>));

impl<'a> Message<'a> for Buckets<'_> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, _: &mut Context) -> Result<(), A::Error> {
        match key {
            "offset" => self.0.0 = scalar(map, key, signed32)?,
            "bucketCounts" | "bucket_counts" => map.next_value_seed(counts(&mut self.0.1))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Quantile {
    quantile: f64,
    value: f64,
}

impl<'a> Message<'a> for Quantile {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, _: &mut Context) -> Result<(), A::Error> {
        match key {
            "quantile" => self.quantile = scalar(map, key, scalar::required_double)?,
            "value" => self.value = scalar(map, key, scalar::required_double)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Example<'a> {
    time: Timestamp,
    value: Option<f64>,
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
}

impl Example<'_> {
    fn finish(self) -> Option<Exemplar> {
        Some(Exemplar {
            time: self.time,
            value: self.value?,
            trace_id: Id::Hex(&self.trace_id).optional_trace(),
            span_id: Id::Hex(&self.span_id).optional_span(),
        })
    }
}

impl<'a> Message<'a> for Example<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, _: &mut Context) -> Result<(), A::Error> {
        match key {
            "timeUnixNano" | "time_unix_nano" => self.time = time(map, key)?,
            "asDouble" | "as_double" | "asInt" | "as_int" => {
                self.value = Some(scalar(map, key, scalar::required_double)?)
            }
            "traceId" | "trace_id" => self.trace_id = scalar(map, key, scalar::text)?,
            "spanId" | "span_id" => self.span_id = scalar(map, key, scalar::text)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
