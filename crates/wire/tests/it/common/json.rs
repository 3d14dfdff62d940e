//! prost's types as OTLP/JSON, in the ways senders write it.

use base64::Engine;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Map, Value as Json, json};

/// How a sender writes OTLP/JSON.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// 64-bit integers as text (protobuf's mapping), else as numbers (JavaScript, Rust).
    pub text_numbers: bool,
    /// `trace_id` in place of `traceId`.
    pub snake_case: bool,
    /// Ids in upper case.
    pub upper_hex: bool,
    /// Enums by name.
    pub enum_names: bool,
    /// Indented.
    pub pretty: bool,
}

impl Style {
    /// From the low bits of a number.
    pub fn from_bits(bits: u8) -> Self {
        let bit = |at: u8| bits >> at & 1 == 1;
        Self { text_numbers: bit(0), snake_case: bit(1), upper_hex: bit(2), enum_names: bit(3), pretty: bit(4) }
    }

    fn text(self, mut value: Json) -> String {
        if self.snake_case {
            snake(&mut value);
        }
        if self.pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() }
    }

    fn unsigned(self, number: u64) -> Json {
        if self.text_numbers { json!(number.to_string()) } else { json!(number) }
    }

    fn signed(self, number: i64) -> Json {
        if self.text_numbers { json!(number.to_string()) } else { json!(number) }
    }

    fn id(self, bytes: &[u8]) -> Json {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        json!(if self.upper_hex { hex.to_uppercase() } else { hex })
    }

    fn name(self, number: i32, names: &[&str]) -> Json {
        match usize::try_from(number).ok().and_then(|at| names.get(at)) {
            Some(name) if self.enum_names => json!(name),
            _ => json!(number),
        }
    }

    fn value(self, any: &AnyValue) -> Json {
        match &any.value {
            Some(any_value::Value::StringValue(text)) => json!({ "stringValue": text }),
            Some(any_value::Value::BoolValue(value)) => json!({ "boolValue": value }),
            Some(any_value::Value::IntValue(number)) => json!({ "intValue": self.signed(*number) }),
            Some(any_value::Value::DoubleValue(number)) => json!({ "doubleValue": double(*number) }),
            Some(any_value::Value::BytesValue(bytes)) => {
                json!({ "bytesValue": base64::engine::general_purpose::STANDARD.encode(bytes) })
            }
            Some(any_value::Value::ArrayValue(list)) => {
                json!({ "arrayValue": { "values": list.values.iter().map(|item| self.value(item)).collect::<Vec<_>>() } })
            }
            Some(any_value::Value::KvlistValue(list)) => {
                json!({ "kvlistValue": { "values": self.attributes(&list.values) } })
            }
            _ => json!({}),
        }
    }

    fn attributes(self, list: &[KeyValue]) -> Json {
        let entry = |entry: &KeyValue| match &entry.value {
            Some(value) => json!({ "key": entry.key, "value": self.value(value) }),
            None => json!({ "key": entry.key, "value": null }),
        };
        list.iter().map(entry).collect()
    }

    fn resource(self, resource: Option<&Resource>) -> Json {
        resource.map_or(Json::Null, |resource| json!({ "attributes": self.attributes(&resource.attributes) }))
    }

    fn scope(self, scope: Option<&InstrumentationScope>) -> Json {
        scope.map_or(
            Json::Null,
            |scope| json!({ "name": scope.name, "version": scope.version, "attributes": self.attributes(&scope.attributes) }),
        )
    }
}

/// A float as protobuf's mapping has it.
fn double(number: f64) -> Json {
    if number.is_finite() { json!(number) } else { json!(if number > 0.0 { "Infinity" } else { "-Infinity" }) }
}

/// Keys of messages in snake case. Attribute keys are values in OTLP/JSON, so they are safe.
fn snake(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(snake),
        Json::Object(fields) => {
            let mut renamed = Map::new();
            for (key, mut item) in std::mem::take(fields) {
                snake(&mut item);
                let mut name = String::new();
                for character in key.chars() {
                    if character.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(character.to_ascii_lowercase());
                }
                renamed.insert(name, item);
            }
            *fields = renamed;
        }
        _ => {}
    }
}

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
const TEMPORALITIES: [&str; 3] =
    ["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];

/// A request of spans as a sender of this style writes it.
pub fn traces(request: &ExportTraceServiceRequest, style: Style) -> String {
    let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| {
        json!({
            "timeUnixNano": style.unsigned(event.time_unix_nano), "name": event.name,
            "attributes": style.attributes(&event.attributes), "droppedAttributesCount": event.dropped_attributes_count,
        })
    };
    let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
        json!({
            "traceId": style.id(&link.trace_id), "spanId": style.id(&link.span_id), "traceState": link.trace_state,
            "attributes": style.attributes(&link.attributes), "droppedAttributesCount": link.dropped_attributes_count,
            "flags": link.flags,
        })
    };
    let span = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        json!({
            "traceId": style.id(&span.trace_id), "spanId": style.id(&span.span_id), "parentSpanId": style.id(&span.parent_span_id),
            "traceState": span.trace_state, "flags": span.flags, "name": span.name, "kind": style.name(span.kind, &KINDS),
            "startTimeUnixNano": style.unsigned(span.start_time_unix_nano),
            "endTimeUnixNano": style.unsigned(span.end_time_unix_nano),
            "attributes": style.attributes(&span.attributes), "droppedAttributesCount": span.dropped_attributes_count,
            "events": span.events.iter().map(event).collect::<Vec<_>>(), "droppedEventsCount": span.dropped_events_count,
            "links": span.links.iter().map(link).collect::<Vec<_>>(), "droppedLinksCount": span.dropped_links_count,
            "status": span.status.as_ref().map(|status| json!({
                "message": status.message, "code": style.name(status.code, &CODES)
            })),
            "aFieldOfTheFuture": { "deep": [1, { "x": null }] },
        })
    };
    let groups = request.resource_spans.iter().map(|group| {
        json!({
            "resource": style.resource(group.resource.as_ref()), "schemaUrl": group.schema_url,
            "scopeSpans": group.scope_spans.iter().map(|list| json!({
                "spans": list.spans.iter().map(span).collect::<Vec<_>>(), "scope": style.scope(list.scope.as_ref()),
            })).collect::<Vec<_>>(),
        })
    });
    style.text(json!({ "resourceSpans": groups.collect::<Vec<_>>() }))
}

/// A request of log records as a sender of this style writes it.
pub fn logs(request: &ExportLogsServiceRequest, style: Style) -> String {
    let record = |record: &opentelemetry_proto::tonic::logs::v1::LogRecord| {
        json!({
            "timeUnixNano": style.unsigned(record.time_unix_nano),
            "observedTimeUnixNano": style.unsigned(record.observed_time_unix_nano),
            "severityNumber": record.severity_number, "severityText": record.severity_text, "eventName": record.event_name,
            "body": record.body.as_ref().map(|body| style.value(body)), "attributes": style.attributes(&record.attributes),
            "droppedAttributesCount": record.dropped_attributes_count, "flags": record.flags,
            "traceId": style.id(&record.trace_id), "spanId": style.id(&record.span_id),
        })
    };
    let groups = request.resource_logs.iter().map(|group| {
        json!({
            "scopeLogs": group.scope_logs.iter().map(|list| json!({
                "logRecords": list.log_records.iter().map(record).collect::<Vec<_>>(), "scope": style.scope(list.scope.as_ref()),
            })).collect::<Vec<_>>(),
            "resource": style.resource(group.resource.as_ref()),
        })
    });
    style.text(json!({ "resourceLogs": groups.collect::<Vec<_>>() }))
}

fn exemplars(list: &[metrics::Exemplar], style: Style) -> Json {
    let exemplar = |exemplar: &metrics::Exemplar| {
        let mut out = json!({
            "timeUnixNano": style.unsigned(exemplar.time_unix_nano), "traceId": style.id(&exemplar.trace_id),
            "spanId": style.id(&exemplar.span_id), "filteredAttributes": style.attributes(&exemplar.filtered_attributes),
        });
        match exemplar.value {
            Some(metrics::exemplar::Value::AsDouble(value)) => out["asDouble"] = double(value),
            Some(metrics::exemplar::Value::AsInt(value)) => out["asInt"] = style.signed(value),
            None => {}
        }
        out
    };
    list.iter().map(exemplar).collect()
}

fn number_points(points: &[metrics::NumberDataPoint], style: Style) -> Json {
    let point = |point: &metrics::NumberDataPoint| {
        let mut out = json!({
            "attributes": style.attributes(&point.attributes), "startTimeUnixNano": style.unsigned(point.start_time_unix_nano),
            "timeUnixNano": style.unsigned(point.time_unix_nano), "exemplars": exemplars(&point.exemplars, style),
        });
        match point.value {
            Some(metrics::number_data_point::Value::AsDouble(value)) => out["asDouble"] = double(value),
            Some(metrics::number_data_point::Value::AsInt(value)) => out["asInt"] = style.signed(value),
            None => {}
        }
        out
    };
    points.iter().map(point).collect()
}

fn histogram_point(point: &metrics::HistogramDataPoint, style: Style) -> Json {
    json!({
        "attributes": style.attributes(&point.attributes), "startTimeUnixNano": style.unsigned(point.start_time_unix_nano),
        "timeUnixNano": style.unsigned(point.time_unix_nano), "count": style.unsigned(point.count),
        "sum": point.sum.map(double), "min": point.min.map(double), "max": point.max.map(double),
        "bucketCounts": point.bucket_counts.iter().map(|count| style.unsigned(*count)).collect::<Vec<_>>(),
        "explicitBounds": point.explicit_bounds.iter().map(|bound| double(*bound)).collect::<Vec<_>>(),
        "exemplars": exemplars(&point.exemplars, style),
    })
}

fn exponential_point(point: &metrics::ExponentialHistogramDataPoint, style: Style) -> Json {
    let buckets = |buckets: &metrics::exponential_histogram_data_point::Buckets| {
        json!({
            "offset": buckets.offset,
            "bucketCounts": buckets.bucket_counts.iter().map(|count| style.unsigned(*count)).collect::<Vec<_>>(),
        })
    };
    json!({
        "attributes": style.attributes(&point.attributes), "startTimeUnixNano": style.unsigned(point.start_time_unix_nano),
        "timeUnixNano": style.unsigned(point.time_unix_nano), "count": style.unsigned(point.count),
        "sum": point.sum.map(double), "min": point.min.map(double), "max": point.max.map(double),
        "scale": point.scale, "zeroCount": style.unsigned(point.zero_count), "zeroThreshold": double(point.zero_threshold),
        "positive": point.positive.as_ref().map(buckets), "negative": point.negative.as_ref().map(buckets),
        "exemplars": exemplars(&point.exemplars, style),
    })
}

fn summary_point(point: &metrics::SummaryDataPoint, style: Style) -> Json {
    let quantile = |pair: &metrics::summary_data_point::ValueAtQuantile| json!({ "quantile": double(pair.quantile), "value": double(pair.value) });
    json!({
        "attributes": style.attributes(&point.attributes), "timeUnixNano": style.unsigned(point.time_unix_nano),
        "count": style.unsigned(point.count), "sum": double(point.sum),
        "quantileValues": point.quantile_values.iter().map(quantile).collect::<Vec<_>>(),
    })
}

/// A request of metrics as a sender of this style writes it.
pub fn metrics(request: &ExportMetricsServiceRequest, style: Style) -> String {
    let metric = |metric: &metrics::Metric| {
        let mut out = json!({
            "description": metric.description, "unit": metric.unit, "metadata": style.attributes(&metric.metadata),
        });
        match &metric.data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                out["gauge"] = json!({ "dataPoints": number_points(&gauge.data_points, style) })
            }
            Some(Data::Sum(sum)) => {
                out["sum"] = json!({
                    "dataPoints": number_points(&sum.data_points, style), "isMonotonic": sum.is_monotonic,
                    "aggregationTemporality": style.name(sum.aggregation_temporality, &TEMPORALITIES),
                });
            }
            Some(Data::Histogram(histogram)) => {
                out["histogram"] = json!({
                    "dataPoints": histogram.data_points.iter().map(|point| histogram_point(point, style)).collect::<Vec<_>>(),
                    "aggregationTemporality": style.name(histogram.aggregation_temporality, &TEMPORALITIES),
                });
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                out["exponentialHistogram"] = json!({
                    "dataPoints": histogram.data_points.iter().map(|point| exponential_point(point, style)).collect::<Vec<_>>(),
                    "aggregationTemporality": style.name(histogram.aggregation_temporality, &TEMPORALITIES),
                });
            }
            Some(Data::Summary(summary)) => {
                let points = summary.data_points.iter().map(|point| summary_point(point, style)).collect::<Vec<_>>();
                out["summary"] = json!({ "dataPoints": points });
            }
        }
        out["name"] = json!(metric.name);
        out
    };
    let groups = request.resource_metrics.iter().map(|group| {
        json!({
            "resource": style.resource(group.resource.as_ref()),
            "scopeMetrics": group.scope_metrics.iter().map(|list| json!({
                "scope": style.scope(list.scope.as_ref()), "metrics": list.metrics.iter().map(metric).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })
    });
    style.text(json!({ "resourceMetrics": groups.collect::<Vec<_>>() }))
}
