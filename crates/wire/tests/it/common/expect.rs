//! What prost's types mean in the model.

use std::borrow::Cow;
use std::sync::Arc;

use model::raw::{Event, Group, Link, RawLog, RawSpan, Resource, Scope, SpanKind, StatusCode};
use model::{
    Attributes, Exemplar, Exponential, HistogramPoint, Sample, SampleKind, SpanId, Temporality, Timestamp, TraceId,
    Value,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::Span;

fn own(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

fn time(nanos: u64) -> Timestamp {
    Timestamp::from_unsigned_nanos(nanos)
}

fn value(any: Option<&AnyValue>) -> Value<'static> {
    match any.and_then(|any| any.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => Value::Str(own(text)),
        Some(any_value::Value::BoolValue(value)) => Value::Bool(*value),
        Some(any_value::Value::IntValue(number)) => Value::Int(*number),
        Some(any_value::Value::DoubleValue(number)) => Value::Double(*number),
        Some(any_value::Value::BytesValue(bytes)) => Value::Bytes(Cow::Owned(bytes.clone())),
        Some(any_value::Value::ArrayValue(list)) => {
            Value::Array(list.values.iter().map(|item| value(Some(item))).collect())
        }
        Some(any_value::Value::KvlistValue(list)) => Value::Map(entries(&list.values)),
        _ => Value::Null,
    }
}

fn entries(list: &[KeyValue]) -> Vec<(Cow<'static, str>, Value<'static>)> {
    list.iter().map(|entry| (own(&entry.key), value(entry.value.as_ref()))).collect()
}

fn attributes(list: &[KeyValue]) -> Attributes<'static> {
    Attributes(entries(list))
}

fn resource(resource: Option<&ProtoResource>) -> Arc<Resource<'static>> {
    Arc::new(Resource { attributes: resource.map(|resource| attributes(&resource.attributes)).unwrap_or_default() })
}

fn scope(scope: Option<&InstrumentationScope>) -> Arc<Scope<'static>> {
    Arc::new(scope.map_or_else(Scope::default, |scope| Scope {
        name: own(&scope.name),
        version: own(&scope.version),
        attributes: attributes(&scope.attributes),
    }))
}

fn span(span: &Span) -> Option<RawSpan<'static>> {
    let parent_span_id = match span.parent_span_id.as_slice() {
        [] => None,
        zeros if zeros == [0; 8] => None,
        bytes => Some(SpanId::from_slice(bytes).ok()?),
    };
    let links: Vec<_> = span.links.iter().filter_map(link).collect();
    let lost_links = (span.links.len() - links.len()) as u32;
    let inner: u32 =
        span.events.iter().map(|event| event.dropped_attributes_count).sum::<u32>() + 2 * links.len() as u32;
    let status = span.status.clone().unwrap_or_default();
    Some(RawSpan {
        trace_id: TraceId::from_slice(&span.trace_id).ok()?,
        span_id: SpanId::from_slice(&span.span_id).ok()?,
        parent_span_id,
        trace_state: own(&span.trace_state),
        flags: span.flags,
        name: own(&span.name),
        kind: match span.kind {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        start: time(span.start_time_unix_nano),
        end: time(span.end_time_unix_nano),
        attributes: attributes(&span.attributes),
        events: span
            .events
            .iter()
            .map(|event| Event {
                time: time(event.time_unix_nano),
                name: own(&event.name),
                attributes: attributes(&event.attributes),
            })
            .collect(),
        links,
        status: match status.code {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        },
        status_message: own(&status.message),
        dropped: span.dropped_attributes_count
            + span.dropped_events_count
            + span.dropped_links_count
            + inner
            + lost_links,
    })
}

fn link(link: &opentelemetry_proto::tonic::trace::v1::span::Link) -> Option<Link<'static>> {
    Some(Link {
        trace_id: TraceId::from_slice(&link.trace_id).ok()?,
        span_id: SpanId::from_slice(&link.span_id).ok()?,
        trace_state: own(&link.trace_state),
        attributes: attributes(&link.attributes),
    })
}

/// Groups of the items that are kept, and how many are not.
type Expected<T> = (Vec<Group<'static, T>>, u64);

fn push<T>(
    expected: &mut Expected<T>,
    resource: &Arc<Resource<'static>>,
    scope: Arc<Scope<'static>>,
    items: Vec<Option<T>>,
) {
    let all = items.len();
    let items: Vec<T> = items.into_iter().flatten().collect();
    expected.1 += (all - items.len()) as u64;
    if !items.is_empty() {
        expected.0.push(Group { resource: Arc::clone(resource), scope, items });
    }
}

/// What a request of spans means.
pub fn traces(request: &ExportTraceServiceRequest) -> Expected<RawSpan<'static>> {
    let mut expected = (Vec::new(), 0);
    for group in &request.resource_spans {
        let resource = resource(group.resource.as_ref());
        for spans in &group.scope_spans {
            push(&mut expected, &resource, scope(spans.scope.as_ref()), spans.spans.iter().map(span).collect());
        }
    }
    expected
}

fn record(record: &LogRecord) -> RawLog<'static> {
    RawLog {
        time: time(record.time_unix_nano),
        observed: time(record.observed_time_unix_nano),
        severity: if (1..=24).contains(&record.severity_number) { record.severity_number as u8 } else { 0 },
        severity_text: own(&record.severity_text),
        event_name: own(&record.event_name),
        body: value(record.body.as_ref()),
        attributes: attributes(&record.attributes),
        trace_id: TraceId::from_slice(&record.trace_id).ok(),
        span_id: SpanId::from_slice(&record.span_id).ok(),
        flags: record.flags,
        dropped: record.dropped_attributes_count,
    }
}

/// What a request of log records means.
pub fn logs(request: &ExportLogsServiceRequest) -> Expected<RawLog<'static>> {
    let mut expected = (Vec::new(), 0);
    for group in &request.resource_logs {
        let resource = resource(group.resource.as_ref());
        for logs in &group.scope_logs {
            let items = logs.log_records.iter().map(|item| Some(record(item))).collect();
            push(&mut expected, &resource, scope(logs.scope.as_ref()), items);
        }
    }
    expected
}

fn exemplars(list: &[metrics::Exemplar]) -> Vec<Exemplar> {
    let exemplar = |exemplar: &metrics::Exemplar| {
        Some(Exemplar {
            time: time(exemplar.time_unix_nano),
            value: match exemplar.value? {
                metrics::exemplar::Value::AsDouble(value) => value,
                metrics::exemplar::Value::AsInt(value) => value as f64,
            },
            trace_id: TraceId::from_slice(&exemplar.trace_id).ok(),
            span_id: SpanId::from_slice(&exemplar.span_id).ok(),
        })
    };
    list.iter().filter_map(exemplar).collect()
}

fn number(value: Option<metrics::number_data_point::Value>) -> Option<f64> {
    Some(match value? {
        metrics::number_data_point::Value::AsDouble(value) => value,
        metrics::number_data_point::Value::AsInt(value) => value as f64,
    })
}

fn temporality(number: i32) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

fn labels(list: &[KeyValue]) -> Vec<(String, String)> {
    let text = |value: Value<'static>| match value {
        Value::Str(text) => text.into_owned(),
        Value::Null => String::new(),
        Value::Bool(value) => format!("{value}"),
        Value::Int(value) => format!("{value}"),
        Value::Double(value) => format!("{value}"),
        other => other.to_json().to_string(),
    };
    entries(list).into_iter().map(|(key, value)| (key.into_owned(), text(value))).collect()
}

fn samples(metric: &metrics::Metric) -> Vec<Option<Sample>> {
    let sample = |attributes: &[KeyValue], start, at, kind: Option<SampleKind>, list: &[metrics::Exemplar]| {
        Some(Sample {
            metric: (!metric.name.is_empty()).then(|| metric.name.clone())?,
            description: metric.description.clone(),
            unit: metric.unit.clone(),
            labels: labels(attributes),
            start: time(start),
            time: time(at),
            kind: kind?,
            exemplars: exemplars(list),
        })
    };
    let number_points = |points: &[metrics::NumberDataPoint], kind: &dyn Fn(f64) -> SampleKind| {
        let each = |point: &metrics::NumberDataPoint| {
            let kind = number(point.value).map(kind);
            sample(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, kind, &point.exemplars)
        };
        points.iter().map(each).collect::<Vec<_>>()
    };
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(gauge)) => number_points(&gauge.data_points, &|value| SampleKind::Gauge { value }),
        Some(Data::Sum(sum)) => number_points(&sum.data_points, &|value| SampleKind::Sum {
            value,
            temporality: temporality(sum.aggregation_temporality),
            monotonic: sum.is_monotonic,
        }),
        Some(Data::Histogram(histogram)) => histogram
            .data_points
            .iter()
            .map(|p| {
                let fits = p.bucket_counts.len() == p.explicit_bounds.len() + 1
                    || (p.bucket_counts.is_empty() && p.explicit_bounds.is_empty());
                let point = HistogramPoint {
                    count: p.count,
                    sum: p.sum,
                    min: p.min,
                    max: p.max,
                    bounds: p.explicit_bounds.clone(),
                    counts: p.bucket_counts.clone(),
                    exponential: None,
                };
                let kind = SampleKind::Histogram { point, temporality: temporality(histogram.aggregation_temporality) };
                sample(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, fits.then_some(kind), &p.exemplars)
            })
            .collect(),
        Some(Data::ExponentialHistogram(histogram)) => histogram
            .data_points
            .iter()
            .map(|p| {
                let buckets = |buckets: &Option<metrics::exponential_histogram_data_point::Buckets>| {
                    buckets.as_ref().map_or((0, Vec::new()), |buckets| (buckets.offset, buckets.bucket_counts.clone()))
                };
                let exponential = Exponential {
                    scale: p.scale,
                    zero_count: p.zero_count,
                    zero_threshold: p.zero_threshold,
                    positive: buckets(&p.positive),
                    negative: buckets(&p.negative),
                };
                let point = HistogramPoint {
                    count: p.count,
                    sum: p.sum,
                    min: p.min,
                    max: p.max,
                    exponential: Some(exponential),
                    ..HistogramPoint::default()
                };
                let kind = SampleKind::Histogram { point, temporality: temporality(histogram.aggregation_temporality) };
                sample(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, Some(kind), &p.exemplars)
            })
            .collect(),
        Some(Data::Summary(summary)) => summary
            .data_points
            .iter()
            .map(|p| {
                let quantiles = p.quantile_values.iter().map(|pair| (pair.quantile, pair.value)).collect();
                let kind = SampleKind::Summary { count: p.count, sum: p.sum, quantiles };
                sample(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, Some(kind), &[])
            })
            .collect(),
    }
}

/// What a request of metrics means.
pub fn metrics(request: &ExportMetricsServiceRequest) -> Expected<Sample> {
    let mut expected = (Vec::new(), 0);
    for group in &request.resource_metrics {
        let resource = resource(group.resource.as_ref());
        for list in &group.scope_metrics {
            let items = list.metrics.iter().flat_map(samples).collect();
            push(&mut expected, &resource, scope(list.scope.as_ref()), items);
        }
    }
    expected
}
