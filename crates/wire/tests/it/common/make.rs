//! Random requests, as prost's types.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point::Buckets, metric::Data, number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z._]{0,12}", 1 => any::<String>(), 1 => Just("\"quoted\" \\ \n\u{1f600}".to_owned())]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![6 => any::<f64>(), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY), 1 => Just(-0.0), 1 => Just(5e-324), 2 => (-9i32..9).prop_map(f64::from)]
}

fn bytes_of(len: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), len)
}

/// Mostly valid identifiers; some empty, zero or of a wrong length.
fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => bytes_of(len),
        1 => Just(vec![]),
        1 => Just(vec![0; len]),
        1 => bytes_of(3)
    ]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        1 => Just(None),
        4 => text().prop_map(|text| Some(any_value::Value::StringValue(text))),
        1 => any::<bool>().prop_map(|value| Some(any_value::Value::BoolValue(value))),
        2 => any::<i64>().prop_map(|value| Some(any_value::Value::IntValue(value))),
        2 => float().prop_map(|value| Some(any_value::Value::DoubleValue(value))),
        1 => vec(any::<u8>(), 0..20).prop_map(|value| Some(any_value::Value::BytesValue(value))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4)
                .prop_map(|values| AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }),
            vec((text(), option::of(inner)), 0..4).prop_map(|entries| AnyValue {
                value: Some(any_value::Value::KvlistValue(KeyValueList {
                    values: entries.into_iter().map(pair).collect()
                })),
            }),
        ]
    })
}

fn pair((key, value): (String, Option<AnyValue>)) -> KeyValue {
    KeyValue { key, value, ..KeyValue::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), option::weighted(0.9, value())).prop_map(pair), 0..5)
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    option::weighted(0.8, attributes().prop_map(|attributes| Resource { attributes, ..Resource::default() }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let scope = (text(), text(), attributes()).prop_map(|(name, version, attributes)| InstrumentationScope {
        name,
        version,
        attributes,
        dropped_attributes_count: 1,
    });
    option::weighted(0.8, scope)
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), 0u32..3).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), text(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: 2,
            flags,
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), id(8), text(), any::<u32>());
    let times = (any::<u64>(), any::<u64>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    let status = option::of((text(), -1..5i32).prop_map(|(message, code)| Status { message, code }));
    (ids, text(), -1..8i32, times, lists, status, 0u32..5).prop_map(
        |(ids, name, kind, times, lists, status, dropped)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: ids.3,
            flags: ids.4,
            name,
            kind,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            status,
            dropped_attributes_count: dropped,
            dropped_events_count: dropped,
            dropped_links_count: dropped,
        },
    )
}

/// A request of spans.
pub fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans =
        (scope(), vec(span(), 0..4)).prop_map(|(scope, spans)| ScopeSpans { scope, spans, schema_url: "s".into() });
    let resource_spans = (resource(), vec(scope_spans, 0..3)).prop_map(|(resource, scope_spans)| ResourceSpans {
        resource,
        scope_spans,
        schema_url: "r".into(),
    });
    vec(resource_spans, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let ids = (id(16), id(8), any::<u32>());
    let texts = (text(), text(), option::of(value()), attributes());
    (any::<u64>(), any::<u64>(), -1..30i32, ids, texts).prop_map(|(time, observed, severity_number, ids, texts)| {
        LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: observed,
            severity_number,
            severity_text: texts.0,
            event_name: texts.1,
            body: texts.2,
            attributes: texts.3,
            dropped_attributes_count: 3,
            flags: ids.2,
            trace_id: ids.0,
            span_id: ids.1,
        }
    })
}

/// A request of log records.
pub fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (scope(), vec(record(), 0..4)).prop_map(|(scope, log_records)| ScopeLogs {
        scope,
        log_records,
        schema_url: String::new(),
    });
    let resource_logs = (resource(), vec(scope_logs, 0..3)).prop_map(|(resource, scope_logs)| ResourceLogs {
        resource,
        scope_logs,
        schema_url: String::new(),
    });
    vec(resource_logs, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let value = option::of(prop_oneof![
        float().prop_map(exemplar::Value::AsDouble),
        (-1000..1000i64).prop_map(exemplar::Value::AsInt)
    ]);
    let exemplar = (any::<u64>(), id(16), id(8), value, attributes()).prop_map(
        |(time_unix_nano, trace_id, span_id, value, filtered_attributes)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    );
    vec(exemplar, 0..3)
}

fn number_points() -> impl Strategy<Value = Vec<NumberDataPoint>> {
    let value = option::weighted(
        0.9,
        prop_oneof![
            float().prop_map(number_data_point::Value::AsDouble),
            any::<i64>().prop_map(number_data_point::Value::AsInt)
        ],
    );
    let point = (attributes(), any::<u64>(), any::<u64>(), exemplars(), value).prop_map(
        |(attributes, start, time, exemplars, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            exemplars,
            flags: 0,
            value,
        },
    );
    vec(point, 0..4)
}

fn histogram_points() -> impl Strategy<Value = Vec<HistogramDataPoint>> {
    let buckets = prop_oneof![
        4 => (1..6usize).prop_flat_map(|n| (vec(any::<u64>(), n), vec(float(), n - 1))),
        1 => (vec(any::<u64>(), 0..4), vec(float(), 0..4))
    ];
    let point = (attributes(), any::<u64>(), any::<u64>(), option::of(float()), buckets, exemplars()).prop_map(
        |(attributes, time, count, sum, (bucket_counts, explicit_bounds), exemplars)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: 5,
            time_unix_nano: time,
            count,
            sum,
            bucket_counts,
            explicit_bounds,
            exemplars,
            flags: 0,
            min: sum.map(|sum| sum / 2.0),
            max: None,
        },
    );
    vec(point, 0..4)
}

fn exponential_points() -> impl Strategy<Value = Vec<ExponentialHistogramDataPoint>> {
    let buckets = || {
        option::of(
            (any::<i32>(), vec(any::<u64>(), 0..6))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    let point = (attributes(), any::<u64>(), any::<i32>(), float(), buckets(), buckets(), exemplars()).prop_map(
        |(attributes, count, scale, zero_threshold, positive, negative, exemplars)| ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: 5,
            time_unix_nano: 9,
            count,
            sum: Some(1.5),
            scale,
            zero_count: count / 2,
            positive,
            negative,
            flags: 0,
            exemplars,
            min: Some(zero_threshold),
            max: Some(3.0),
            zero_threshold,
        },
    );
    vec(point, 0..3)
}

fn summary_points() -> impl Strategy<Value = Vec<SummaryDataPoint>> {
    let quantiles = vec((float(), float()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value }), 0..4);
    let point = (attributes(), any::<u64>(), any::<u64>(), float(), quantiles).prop_map(
        |(attributes, time, count, sum, quantile_values)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: 0,
            time_unix_nano: time,
            count,
            sum,
            quantile_values,
            flags: 0,
        },
    );
    vec(point, 0..3)
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        number_points().prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (number_points(), 0..4i32, any::<bool>()).prop_map(|(data_points, aggregation_temporality, is_monotonic)| {
            Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
        }),
        (histogram_points(), 0..3i32).prop_map(|(data_points, aggregation_temporality)| Data::Histogram(Histogram {
            data_points,
            aggregation_temporality
        })),
        (exponential_points(), 0..3i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        summary_points().prop_map(|data_points| Data::Summary(Summary { data_points })),
    ];
    (text(), text(), text(), option::weighted(0.9, data), attributes())
        .prop_map(|(name, description, unit, data, metadata)| Metric { name, description, unit, metadata, data })
}

/// A request of metrics.
pub fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope_metrics = (scope(), vec(metric(), 0..4)).prop_map(|(scope, metrics)| ScopeMetrics {
        scope,
        metrics,
        schema_url: String::new(),
    });
    let resource_metrics = (resource(), vec(scope_metrics, 0..3))
        .prop_map(|(resource, scope_metrics)| ResourceMetrics { resource, scope_metrics, schema_url: String::new() });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
