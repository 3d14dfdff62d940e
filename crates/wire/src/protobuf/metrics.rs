//! Metrics (`opentelemetry.proto.metrics.v1`).

use model::{Exemplar, Sample, Temporality, Timestamp};

use super::reader::{Field, Reader, WRONG_TYPE, each_fixed64, each_varint, zigzag32};
use super::value::attribute;
use crate::context::{AttributesDraft, Context, Reason};
use crate::ids::Id;
use crate::limits::MAX_BUCKETS;
use crate::metric::{Header, Kind, PointDraft, temporality};

/// Reads a `Metric`, appending a sample per data point. An error means that the metric as a whole is not readable.
pub(super) fn metric(bytes: &[u8], into: &mut Vec<Sample>, context: &mut Context) -> Result<(), Reason> {
    let mut header = Header::default();
    let mut data = None;
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(text)) => header.name = context.text(text),
            (2, Field::Bytes(text)) => header.description = context.text(text),
            (3, Field::Bytes(text)) => header.unit = context.text(text),
            (5, Field::Bytes(bytes)) => data = Some((Kind::Gauge, bytes)),
            (7, Field::Bytes(bytes)) => data = Some((Kind::Sum, bytes)),
            (9, Field::Bytes(bytes)) => data = Some((Kind::Histogram, bytes)),
            (10, Field::Bytes(bytes)) => data = Some((Kind::Exponential, bytes)),
            (11, Field::Bytes(bytes)) => data = Some((Kind::Summary, bytes)),
            (1..=3 | 5 | 7 | 9..=11, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    let Some((kind, bytes)) = data else { return Ok(()) };
    let (series_temporality, monotonic) = properties(kind, bytes)?;
    let checked = header.check(context);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        if number != 1 {
            continue;
        }
        let Field::Bytes(point) = field else { return Err(WRONG_TYPE.into()) };
        let sample = checked
            .clone()
            .and_then(|()| read_point(kind, point, context))
            .and_then(|draft| draft.finish(&header, kind, series_temporality, monotonic, context));
        match sample {
            Ok(sample) => into.push(sample),
            Err(reason) => context.reject("data point", &reason),
        }
    }
    Ok(())
}

/// What stands beside the points: temporality and whether a sum only grows.
fn properties(kind: Kind, bytes: &[u8]) -> Result<(Temporality, bool), Reason> {
    let mut reader = Reader::new(bytes);
    let mut properties = (Temporality::Unspecified, false);
    while let Some((number, field)) = reader.next()? {
        match (kind, number, field) {
            (Kind::Sum | Kind::Histogram | Kind::Exponential, 2, Field::Varint(number)) => {
                properties.0 = temporality(number as i64);
            }
            (Kind::Sum, 3, Field::Varint(number)) => properties.1 = number != 0,
            _ => {}
        }
    }
    Ok(properties)
}

/// Reads a data point. The five kinds agree on fields 2 and 3 (times); the rest is numbered differently in each.
fn read_point<'a>(kind: Kind, bytes: &'a [u8], context: &mut Context) -> Result<PointDraft<'a>, Reason> {
    let mut reader = Reader::new(bytes);
    let mut point = PointDraft::default();
    let mut labels = AttributesDraft::default();
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (2, Field::Fixed64(nanos)) => point.start = Timestamp::from_unsigned_nanos(nanos),
            (3, Field::Fixed64(nanos)) => point.time = Timestamp::from_unsigned_nanos(nanos),
            (2 | 3, _) => return Err(WRONG_TYPE.into()),
            (number, field) => match kind {
                Kind::Gauge | Kind::Sum => number_field(number, field, &mut point, &mut labels, context)?,
                Kind::Histogram => histogram_field(number, field, &mut point, &mut labels, context)?,
                Kind::Exponential => exponential_field(number, field, &mut point, &mut labels, context)?,
                Kind::Summary => summary_field(number, field, &mut point, &mut labels, context)?,
            },
        }
    }
    if labels.dropped > 0 {
        context.warn_attributes("data point");
    }
    point.labels = labels.finish();
    Ok(point)
}

/// A field of `NumberDataPoint`.
fn number_field<'a>(
    number: u32,
    field: Field<'a>,
    point: &mut PointDraft<'a>,
    labels: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    match (number, field) {
        (4, Field::Fixed64(bits)) => point.value = Some(f64::from_bits(bits)),
        (6, Field::Fixed64(bits)) => point.value = Some(bits as i64 as f64),
        (5, Field::Bytes(bytes)) => exemplar(bytes, point, context)?,
        (7, field) => attribute(field, labels, context)?,
        (8, Field::Varint(flags)) => point.flags = flags as u32,
        (4..=8, _) => return Err(WRONG_TYPE.into()),
        _ => {}
    }
    Ok(())
}

/// A field of `HistogramDataPoint`.
fn histogram_field<'a>(
    number: u32,
    field: Field<'a>,
    point: &mut PointDraft<'a>,
    labels: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    match (number, field) {
        (4, Field::Fixed64(count)) => point.count = count,
        (5, Field::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
        (6, field) => each_fixed64(field, |count| bounded_push(&mut point.counts, count))?,
        (7, field) => each_fixed64(field, |bits| bounded_push(&mut point.bounds, f64::from_bits(bits)))?,
        (8, Field::Bytes(bytes)) => exemplar(bytes, point, context)?,
        (9, field) => attribute(field, labels, context)?,
        (10, Field::Varint(flags)) => point.flags = flags as u32,
        (11, Field::Fixed64(bits)) => point.min = Some(f64::from_bits(bits)),
        (12, Field::Fixed64(bits)) => point.max = Some(f64::from_bits(bits)),
        (4..=12, _) => return Err(WRONG_TYPE.into()),
        _ => {}
    }
    Ok(())
}

/// A field of `ExponentialHistogramDataPoint`.
fn exponential_field<'a>(
    number: u32,
    field: Field<'a>,
    point: &mut PointDraft<'a>,
    labels: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    match (number, field) {
        (1, field) => attribute(field, labels, context)?,
        (4, Field::Fixed64(count)) => point.count = count,
        (5, Field::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
        (6, Field::Varint(scale)) => point.exponential.scale = zigzag32(scale),
        (7, Field::Fixed64(count)) => point.exponential.zero_count = count,
        (8, Field::Bytes(bytes)) => point.exponential.positive = buckets(bytes)?,
        (9, Field::Bytes(bytes)) => point.exponential.negative = buckets(bytes)?,
        (10, Field::Varint(flags)) => point.flags = flags as u32,
        (11, Field::Bytes(bytes)) => exemplar(bytes, point, context)?,
        (12, Field::Fixed64(bits)) => point.min = Some(f64::from_bits(bits)),
        (13, Field::Fixed64(bits)) => point.max = Some(f64::from_bits(bits)),
        (14, Field::Fixed64(bits)) => point.exponential.zero_threshold = f64::from_bits(bits),
        (4..=14, _) => return Err(WRONG_TYPE.into()),
        _ => {}
    }
    Ok(())
}

/// A field of `SummaryDataPoint`.
fn summary_field<'a>(
    number: u32,
    field: Field<'a>,
    point: &mut PointDraft<'a>,
    labels: &mut AttributesDraft<'a>,
    context: &mut Context,
) -> Result<(), Reason> {
    match (number, field) {
        (4, Field::Fixed64(count)) => point.count = count,
        (5, Field::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
        (6, Field::Bytes(bytes)) => {
            let quantile = quantile(bytes)?;
            bounded_push(&mut point.quantiles, quantile);
        }
        (7, field) => attribute(field, labels, context)?,
        (8, Field::Varint(flags)) => point.flags = flags as u32,
        (4..=8, _) => return Err(WRONG_TYPE.into()),
        _ => {}
    }
    Ok(())
}

/// Appends until one more than allowed is there, which [`PointDraft::finish`] refuses.
fn bounded_push<T>(list: &mut Vec<T>, item: T) {
    if list.len() <= MAX_BUCKETS {
        list.push(item);
    }
}

fn buckets(bytes: &[u8]) -> Result<(i32, Vec<u64>), Reason> {
    let mut reader = Reader::new(bytes);
    let (mut offset, mut counts) = (0, Vec::new());
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Varint(number)) => offset = zigzag32(number),
            (2, field) => each_varint(field, |count| bounded_push(&mut counts, count))?,
            (1, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok((offset, counts))
}

fn quantile(bytes: &[u8]) -> Result<(f64, f64), Reason> {
    let mut reader = Reader::new(bytes);
    let mut pair = (0.0, 0.0);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Fixed64(bits)) => pair.0 = f64::from_bits(bits),
            (2, Field::Fixed64(bits)) => pair.1 = f64::from_bits(bits),
            (1 | 2, _) => return Err(WRONG_TYPE.into()),
            _ => {}
        }
    }
    Ok(pair)
}

fn exemplar(bytes: &[u8], point: &mut PointDraft<'_>, context: &mut Context) -> Result<(), Reason> {
    let mut reader = Reader::new(bytes);
    let (mut trace_id, mut span_id) = (Id::default(), Id::default());
    let (mut time, mut value) = (Timestamp::default(), None);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (2, Field::Fixed64(nanos)) => time = Timestamp::from_unsigned_nanos(nanos),
            (3, Field::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
            (4, Field::Bytes(id)) => span_id = Id::Bytes(id),
            (5, Field::Bytes(id)) => trace_id = Id::Bytes(id),
            (6, Field::Fixed64(bits)) => value = Some(bits as i64 as f64),
            (2..=6, _) => return Err(WRONG_TYPE.into()),
            // 7, attributes the aggregation left out, is not kept.
            _ => {}
        }
    }
    let exemplar = value.map(|value| Exemplar {
        time,
        value,
        trace_id: trace_id.optional_trace(),
        span_id: span_id.optional_span(),
    });
    point.add_exemplar(exemplar, context)
}
