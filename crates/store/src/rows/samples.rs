//! Metric data points and their columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Builder, ListBuilder, UInt64Array, UInt64Builder};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use model::{Exemplar, Exponential, HistogramPoint, Sample, SampleKind, Temporality, Tenant, Timestamp};

use super::columns::{self, Columns};
use crate::attributes;
use crate::error::RowError;
use crate::schema::Table;

/// A row of `samples`.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Whose.
    pub tenant: Tenant,
    /// The point.
    pub sample: Sample,
    /// Log sequence number of the request that brought it.
    pub version: u64,
    /// When the server took it in.
    pub received: Timestamp,
    /// `service.name` of the resource.
    pub service: Option<Arc<str>>,
    pub(crate) resource: Arc<str>,
    pub(crate) scope: Arc<str>,
}

impl SampleRow {
    pub(crate) fn new(
        tenant: Tenant,
        sample: Sample,
        service: Option<Arc<str>>,
        resource: Arc<str>,
        scope: Arc<str>,
        received: Timestamp,
    ) -> Self {
        Self { tenant, sample, version: 0, received, service, resource, scope }
    }

    /// Identity: a hash of everything that was sent. OTLP gives a point no id, and a retried request must not add.
    pub fn id(&self) -> u128 {
        let mut hasher = blake3::Hasher::new();
        let mut text = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        text(&self.tenant.project);
        text(&self.resource);
        text(&self.scope);
        text(&self.sample.metric);
        for (name, value) in &self.sample.labels {
            text(name);
            text(value);
        }
        // The debug form names every field and is exact for floats.
        text(&format!("{:?} {:?} {:?}", self.sample.start, self.sample.time, self.sample.kind));
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_be_bytes(id)
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let sample = &self.sample;
        let labels: usize = sample.labels.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        let buckets = match &sample.kind {
            SampleKind::Histogram { point, .. } => (point.bounds.len() + point.counts.len()) * 8,
            _ => 0,
        };
        let texts = sample.metric.len() + sample.description.len() + sample.unit.len();
        size_of::<Self>()
            + SAMPLE_INDEX_BYTES
            + labels
            + buckets
            + texts
            + sample.exemplars.len() * size_of::<Exemplar>()
    }
}

/// What the index of a sample takes beside the row.
const SAMPLE_INDEX_BYTES: usize = 48;

/// Labels as a JSON array of pairs: names may repeat, and their order is kept.
pub(crate) fn labels_json(labels: &[(String, String)]) -> String {
    serde_json::to_string(labels).unwrap_or_else(|_| "[]".into())
}

fn temporality(kind: &SampleKind) -> Option<Temporality> {
    match kind {
        SampleKind::Sum { temporality, .. } | SampleKind::Histogram { temporality, .. } => Some(*temporality),
        SampleKind::Gauge { .. } | SampleKind::Summary { .. } => None,
    }
}

const TEMPORALITIES: [(Temporality, &str); 3] =
    [(Temporality::Unspecified, "unspecified"), (Temporality::Delta, "delta"), (Temporality::Cumulative, "cumulative")];

fn point(kind: &SampleKind) -> Option<&HistogramPoint> {
    if let SampleKind::Histogram { point, .. } = kind { Some(point) } else { None }
}

/// Pairs of floats as a JSON array in the exact encoding of attributes.
fn pairs_json(pairs: &[(f64, f64)]) -> String {
    use model::Value;
    let pair = |(a, b): &(f64, f64)| Value::Array(vec![Value::Double(*a), Value::Double(*b)]);
    attributes::encode_value(&Value::Array(pairs.iter().map(pair).collect()))
}

fn pairs_from_json(text: &str) -> Option<Vec<(f64, f64)>> {
    use model::Value;
    let Value::Array(pairs) = attributes::decode_value(text, &|_| None).ok()? else { return None };
    let pair = |pair| match pair {
        Value::Array(pair) => match pair.as_slice() {
            [Value::Double(a), Value::Double(b)] => Some((*a, *b)),
            _ => None,
        },
        _ => None,
    };
    pairs.into_iter().map(pair).collect()
}

/// Exemplars as JSON: `[time in nanoseconds, value, trace id or null, span id or null]` each.
fn exemplars_json(exemplars: &[Exemplar]) -> Option<String> {
    use model::Value;
    let text = |id: Option<String>| id.map_or(Value::Null, |id| Value::Str(id.into()));
    let one = |exemplar: &Exemplar| {
        Value::Array(vec![
            Value::Int(exemplar.time.as_nanos()),
            Value::Double(exemplar.value),
            text(exemplar.trace_id.map(|id| id.to_string())),
            text(exemplar.span_id.map(|id| id.to_string())),
        ])
    };
    (!exemplars.is_empty()).then(|| attributes::encode_value(&Value::Array(exemplars.iter().map(one).collect())))
}

fn exemplars_from_json(text: &str) -> Option<Vec<Exemplar>> {
    use model::Value;
    let Value::Array(list) = attributes::decode_value(text, &|_| None).ok()? else { return None };
    let one = |one| match one {
        Value::Array(parts) => match parts.as_slice() {
            [Value::Int(time), Value::Double(value), trace, span] => Some(Exemplar {
                time: Timestamp::from_nanos(*time),
                value: *value,
                trace_id: trace.as_str().and_then(|id| id.parse().ok()),
                span_id: span.as_str().and_then(|id| id.parse().ok()),
            }),
            _ => None,
        },
        _ => None,
    };
    list.into_iter().map(one).collect()
}

fn lists<T, B>(values: impl Iterator<Item = Option<Vec<T>>>, builder: B, add: fn(&mut B, T)) -> ArrayRef
where
    B: arrow::array::ArrayBuilder,
{
    let mut builder = ListBuilder::new(builder);
    for value in values {
        let present = value.is_some();
        for item in value.into_iter().flatten() {
            add(builder.values(), item);
        }
        builder.append(present);
    }
    Arc::new(builder.finish())
}

/// Samples as columns of [`Table::Samples`].
pub fn to_batch(rows: &[&SampleRow]) -> RecordBatch {
    let samples = || rows.iter().map(|row| &row.sample);
    let points = || samples().map(|sample| point(&sample.kind));
    let labels: Vec<String> = samples().map(|sample| labels_json(&sample.labels)).collect();
    let exponentials: Vec<Option<String>> = points()
        .map(|point| {
            point.and_then(|point| point.exponential.as_ref()).and_then(|part| serde_json::to_string(part).ok())
        })
        .collect();
    let quantiles: Vec<Option<String>> = samples()
        .map(|sample| match &sample.kind {
            SampleKind::Summary { quantiles, .. } => Some(pairs_json(quantiles)),
            _ => None,
        })
        .collect();
    let exemplars: Vec<Option<String>> = samples().map(|sample| exemplars_json(&sample.exemplars)).collect();
    let rows = || rows.iter();
    let kind = |sample: &Sample| match &sample.kind {
        SampleKind::Gauge { .. } => "gauge",
        SampleKind::Sum { .. } => "sum",
        SampleKind::Histogram { .. } => "histogram",
        SampleKind::Summary { .. } => "summary",
    };
    let word = |kind: &SampleKind| {
        let temporality = temporality(kind)?;
        TEMPORALITIES.iter().find(|(known, _)| *known == temporality).map(|(_, word)| *word)
    };
    let arrays: Vec<ArrayRef> = vec![
        columns::text(rows().map(|row| &*row.tenant.project)),
        columns::text(rows().map(|row| &*row.tenant.environment)),
        columns::version(rows().map(|row| row.version)),
        columns::time(samples().map(|sample| sample.time)),
        columns::time(rows().map(|row| row.received)),
        columns::time_opt(samples().map(|sample| sample.start)),
        columns::text(samples().map(|sample| sample.metric.as_str())),
        columns::text(samples().map(|sample| sample.unit.as_str())),
        columns::text(samples().map(|sample| sample.description.as_str())),
        columns::text_opt(rows().map(|row| row.service.as_deref())),
        columns::text(labels.iter().map(String::as_str)),
        columns::text(rows().map(|row| &*row.resource)),
        columns::text(rows().map(|row| &*row.scope)),
        columns::text(samples().map(kind)),
        columns::text_opt(samples().map(|sample| word(&sample.kind))),
        Arc::new(
            samples()
                .map(|sample| match &sample.kind {
                    SampleKind::Sum { monotonic, .. } => Some(*monotonic),
                    _ => None,
                })
                .collect::<BooleanArray>(),
        ),
        columns::float_opt(samples().map(|sample| match &sample.kind {
            SampleKind::Gauge { value } | SampleKind::Sum { value, .. } => Some(*value),
            _ => None,
        })),
        Arc::new(
            samples()
                .map(|sample| match &sample.kind {
                    SampleKind::Histogram { point, .. } => Some(point.count),
                    SampleKind::Summary { count, .. } => Some(*count),
                    _ => None,
                })
                .collect::<UInt64Array>(),
        ),
        columns::float_opt(samples().map(|sample| match &sample.kind {
            SampleKind::Histogram { point, .. } => point.sum,
            SampleKind::Summary { sum, .. } => Some(*sum),
            _ => None,
        })),
        columns::float_opt(points().map(|point| point?.min)),
        columns::float_opt(points().map(|point| point?.max)),
        lists(points().map(|point| Some(point?.bounds.clone())), Float64Builder::new(), Float64Builder::append_value),
        lists(points().map(|point| Some(point?.counts.clone())), UInt64Builder::new(), UInt64Builder::append_value),
        columns::text_opt(exponentials.iter().map(Option::as_deref)),
        columns::text_opt(quantiles.iter().map(Option::as_deref)),
        columns::text_opt(exemplars.iter().map(Option::as_deref)),
    ];
    debug_assert_eq!(arrays[21].data_type(), &crate::schema::numbers_type(DataType::Float64));
    RecordBatch::try_new(Table::Samples.schema(), arrays).expect("columns are built in schema order")
}

/// The samples of a batch of [`Table::Samples`]; columns in any order.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<SampleRow>, RowError> {
    let mut columns = Columns::new(Table::Samples, batch)?;
    let row = |row| {
        let exemplars = columns.str_opt("exemplars", row).map(exemplars_from_json);
        let exemplars = exemplars.unwrap_or(Some(Vec::new())).ok_or_else(|| columns.invalid("exemplars", row))?;
        let sample = Sample {
            metric: columns.str("metric", row).to_owned(),
            description: columns.str("description", row).to_owned(),
            unit: columns.str("unit", row).to_owned(),
            labels: serde_json::from_str(columns.str("labels", row)).map_err(|_| columns.invalid("labels", row))?,
            start: columns.time("started_at", row),
            time: columns.time("time", row),
            kind: kind(&columns, row)?,
            exemplars,
        };
        Ok(SampleRow {
            tenant: Tenant { project: columns.shared("project", row), environment: columns.shared("environment", row) },
            sample,
            version: columns.u64_opt("version", row).unwrap_or(0),
            received: columns.time("received_at", row),
            service: columns.shared_opt("service", row),
            resource: columns.shared("resource", row),
            scope: columns.shared("scope", row),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

fn kind(columns: &Columns, row: usize) -> Result<SampleKind, RowError> {
    let value = columns.float_opt("value", row).unwrap_or(0.0);
    let count = columns.u64_opt("count", row).unwrap_or(0);
    let word = columns.str("temporality", row);
    let temporality =
        TEMPORALITIES.iter().find(|(_, known)| *known == word).map_or_else(Default::default, |(value, _)| *value);
    Ok(match columns.str("type", row) {
        "gauge" => SampleKind::Gauge { value },
        "sum" => SampleKind::Sum { value, temporality, monotonic: columns.truth("monotonic", row).unwrap_or(false) },
        "histogram" => {
            let exponential = match columns.str_opt("exponential", row) {
                Some(text) => {
                    let part: Exponential =
                        serde_json::from_str(text).map_err(|_| columns.invalid("exponential", row))?;
                    Some(part)
                }
                None => None,
            };
            let point = HistogramPoint {
                count,
                sum: columns.float_opt("sum", row),
                min: columns.float_opt("min", row),
                max: columns.float_opt("max", row),
                bounds: columns.floats("bounds", row).unwrap_or_default(),
                counts: columns.counts("counts", row).unwrap_or_default(),
                exponential,
            };
            SampleKind::Histogram { point, temporality }
        }
        "summary" => SampleKind::Summary {
            count,
            sum: columns.float_opt("sum", row).unwrap_or(0.0),
            quantiles: pairs_from_json(columns.str("quantiles", row))
                .ok_or_else(|| columns.invalid("quantiles", row))?,
        },
        _ => return Err(columns.invalid("type", row)),
    })
}

/// The ids of the samples of a batch.
pub(crate) fn ids(batch: &RecordBatch) -> Result<Vec<u128>, RowError> {
    Ok(from_batch(batch)?.iter().map(SampleRow::id).collect())
}
