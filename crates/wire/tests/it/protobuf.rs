//! Bad and borderline protobuf: what it costs, and what is said about it.

use std::sync::Arc;

use model::raw::Batch;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use wire::limits::{MAX_ATTRIBUTES, MAX_DECODED_BYTES, MAX_EVENTS, MAX_LINKS, MAX_VALUE_DEPTH};
use wire::{DecodeError, Encoding, Signal};

fn span() -> Span {
    Span { trace_id: vec![7; 16], span_id: vec![8; 8], name: "chat".into(), start_time_unix_nano: 5, ..Span::default() }
}

fn traces(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn logs() -> Vec<u8> {
    let log_records = vec![LogRecord { observed_time_unix_nano: 5, ..LogRecord::default() }];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn metrics() -> Vec<u8> {
    let point = NumberDataPoint { value: Some(number_data_point::Value::AsInt(3)), ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    // The name is as long as a trace id.
    let metrics = vec![Metric { name: "sixteen.letters_".into(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn decode(body: &[u8]) -> Batch<'_> {
    wire::decode(Signal::Traces, Encoding::Protobuf, body).unwrap_or_else(|error| panic!("{error}"))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// One field of the wire format.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// A request with one span made of these bytes beside a good one.
fn beside_good(span_bytes: &[u8]) -> Vec<u8> {
    let spans = [field(2, span_bytes), field(2, &span().encode_to_vec())].concat();
    field(1, &field(2, &spans))
}

#[test]
fn the_groups_of_a_resource_share_it() {
    let scope_spans = || vec![ScopeSpans { spans: vec![span()], ..ScopeSpans::default() }; 2];
    let resource_spans = vec![ResourceSpans { scope_spans: scope_spans(), ..ResourceSpans::default() }; 2];
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let batch = decode(&body);
    assert!(Arc::ptr_eq(&batch.spans[0].resource, &batch.spans[1].resource));
    assert!(!Arc::ptr_eq(&batch.spans[1].resource, &batch.spans[2].resource));
}

#[test]
fn text_borrows_from_the_body() {
    let body =
        traces(vec![Span { attributes: vec![attribute("k", any_value::Value::StringValue("v".into()))], ..span() }]);
    let batch = decode(&body);
    let span = &batch.spans[0].items[0];
    for text in [span.name.as_ref(), span.attributes.text("k").unwrap()] {
        assert!(body.as_ptr_range().contains(&text.as_ptr()), "{text} is a copy");
    }
}

#[test]
fn text_that_is_not_utf8_is_replaced_and_the_span_kept() {
    let mut body = traces(vec![span()]);
    let at = body.windows(4).position(|window| window == b"chat").unwrap();
    body[at] = 0xff;
    let batch = decode(&body);
    assert_eq!(batch.spans[0].items[0].name, "\u{fffd}hat");
    assert_eq!(batch.rejected.count, 0);
    assert_eq!(batch.rejected.reasons, ["warning: text that is not UTF-8 was kept with replacement characters"]);
}

#[test]
fn a_damaged_span_costs_only_itself() {
    let whole = span().encode_to_vec();
    let batches = [
        (beside_good(&whole[..whole.len() - 3]), "the data ends inside a number"),
        (beside_good(&[0x0a, 99, 1]), "a field is longer than the data that holds it"),
        (beside_good(&[0x08, 1]), "a field has another type than OTLP gives it"),
        (beside_good(&[0x0b]), "a field has a wire type OTLP does not use"),
        (beside_good(&[]), "the trace id is invalid: expected 16 bytes, found 0"),
    ];
    for (body, reason) in &batches {
        let batch = decode(body);
        assert_eq!(batch.spans[0].items[0].name, "chat");
        assert_eq!((batch.rejected.count, &batch.rejected.reasons[0]), (1, &format!("span rejected: {reason}")));
    }
}

#[test]
fn a_damaged_envelope_is_refused_with_its_place() {
    let body = traces(vec![span()]);
    let error = wire::decode(Signal::Traces, Encoding::Protobuf, &body[..body.len() - 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the body as OTLP protobuf: a field is longer than the data that holds it at byte 2"
    );
    // The innermost length lies: the place is counted from the start of the body.
    let lying = field(1, &field(2, &[0x12, 50, 1]));
    let error = wire::decode(Signal::Traces, Encoding::Protobuf, &lying).unwrap_err();
    assert!(matches!(error, DecodeError::Protobuf { offset: 6, .. }), "{error:?}");
}

#[test]
fn other_content_is_named_in_the_error() {
    let hint = |body: &[u8]| wire::decode(Signal::Traces, Encoding::Protobuf, body).unwrap_err().to_string();
    assert!(hint(b"{\"resourceSpans\":[]}").ends_with("it looks like JSON: set Content-Type: application/json"));
    assert!(hint(b"\x1f\x8b\x08\x00\x00").ends_with("it looks compressed with gzip: set Content-Encoding: gzip"));
    assert!(hint(b"<html>").ends_with("it looks like HTML or XML"));
}

#[test]
fn each_signal_is_told_from_the_others() {
    let bodies = [(Signal::Traces, traces(vec![span()])), (Signal::Logs, logs()), (Signal::Metrics, metrics())];
    for (found, body) in &bodies {
        assert_eq!(wire::sniff_protobuf(body), Some(*found));
        assert_eq!(wire::decode_unknown(Encoding::Protobuf, body).unwrap().0, *found);
        for expected in Signal::ALL {
            let decoded = wire::decode(expected, Encoding::Protobuf, body);
            if expected == *found {
                assert_eq!(decoded.unwrap().rejected.count, 0);
            } else {
                assert_eq!(decoded.unwrap_err(), DecodeError::WrongSignal { expected, found: *found });
            }
        }
    }
    assert_eq!(wire::sniff_protobuf(b""), None);
    assert_eq!(wire::decode_unknown(Encoding::Protobuf, b"").unwrap().0, Signal::Traces);
}

#[test]
fn lists_above_their_limits_are_cut_and_counted() {
    let attributes =
        |count| (0..count).map(|n| attribute(&format!("k{n}"), any_value::Value::IntValue(n as i64))).collect();
    let link = Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Link::default() };
    let event = Event { attributes: attributes(MAX_ATTRIBUTES + 1), ..Event::default() };
    let body = traces(vec![Span {
        attributes: attributes(MAX_ATTRIBUTES + 2),
        events: [vec![event], vec![Event::default(); MAX_EVENTS + 3]].concat(),
        links: vec![link; MAX_LINKS + 5],
        dropped_attributes_count: 100,
        ..span()
    }]);
    let batch = decode(&body);
    let span = &batch.spans[0].items[0];
    assert_eq!((span.attributes.0.len(), span.events.len(), span.links.len()), (MAX_ATTRIBUTES, MAX_EVENTS, MAX_LINKS));
    assert_eq!(span.dropped, 100 + 2 + 1 + 4 + 5);
    assert_eq!(batch.rejected.count, 0);
}

#[test]
fn deep_values_cost_only_their_span() {
    let nested = |levels: usize| {
        (0..levels).fold(any_value::Value::BoolValue(true), |inner, _| {
            any_value::Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(inner) }] })
        })
    };
    let body = traces(vec![Span { attributes: vec![attribute("deep", nested(MAX_VALUE_DEPTH))], ..span() }]);
    assert_eq!(decode(&body).rejected.count, 0);
    let body =
        traces(vec![span(), Span { attributes: vec![attribute("deep", nested(MAX_VALUE_DEPTH + 1))], ..span() }]);
    let batch = decode(&body);
    assert_eq!((batch.spans[0].items.len(), batch.rejected.count), (1, 1));
    assert!(batch.rejected.reasons[0].ends_with("more than 30 lists or maps inside each other (MAX_VALUE_DEPTH)"));

    // A megabyte of nesting, made by hand: no stack is deep enough to recurse into it.
    let mut value = Vec::new();
    while value.len() < 1 << 20 {
        value = field(5, &field(1, &value[..]));
        if value.len() > 1 << 12 {
            // Grow fast: the inner bytes need not be well-formed to be refused at level 31.
            value = field(5, &field(1, &[value.clone(), vec![0x2a; 1 << 18]].concat()));
        }
    }
    let bytes = [span().encode_to_vec(), field(9, &field(2, &value))].concat();
    assert_eq!(decode(&beside_good(&bytes)).rejected.count, 1);
}

#[test]
fn empty_values_do_not_multiply_memory() {
    // Two bytes on the wire each, 24 or more in memory: a request of 64 MiB would take gigabytes.
    let list = field(5, &[0x0a, 0x00].repeat(32 << 20));
    let bytes = [span().encode_to_vec(), field(9, &field(2, &list))].concat();
    let body = beside_good(&bytes);
    let error = wire::decode(Signal::Traces, Encoding::Protobuf, &body).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { limit: MAX_DECODED_BYTES });
    assert!(error.to_string().contains("MAX_DECODED_BYTES"));
}

#[test]
fn a_long_description_does_not_multiply_memory() {
    let point = NumberDataPoint { value: Some(number_data_point::Value::AsInt(3)), ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point; 1_000] }));
    let metric = Metric { name: "m".into(), description: "ä".repeat(1 << 20), data, ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let body = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let batch = wire::decode(Signal::Metrics, Encoding::Protobuf, &body).unwrap();
    assert_eq!(batch.samples[0].items.len(), 1_000);
    assert_eq!(batch.samples[0].items[0].description.len(), 1_024);
    assert_eq!(batch.rejected.reasons, ["warning: a metric description was cut to 1,024 bytes"]);
}

#[test]
fn fields_of_the_future_are_ignored() {
    let bytes = [span().encode_to_vec(), vec![0xa0, 0x06, 1], field(15, &field(9, b"new"))].concat();
    let body = [field(7, b"new"), beside_good(&bytes)].concat();
    assert_eq!(decode(&body).spans[0].items.len(), 2);
}

#[test]
fn a_request_of_unknown_fields_only_is_warned_about() {
    let batch = decode(&[0x10, 1]);
    assert_eq!((batch.rejected.count, batch.rejected.reasons.len()), (0, 1));
    assert_eq!(decode(b""), Batch::default());
}

#[test]
fn files_are_split_by_whichever_length_they_have() {
    let (one, two) = (traces(vec![span()]), logs());
    let whole = wire::split_protobuf_file(&one).unwrap();
    assert_eq!((whole.requests.as_slice(), whole.torn), ([one.as_slice()].as_slice(), 0));

    let big_endian: Vec<u8> = [&one, &two]
        .iter()
        .flat_map(|request| [&(request.len() as u32).to_be_bytes(), request.as_slice()].concat())
        .collect();
    let varint: Vec<u8> =
        [&one, &two].iter().flat_map(|request| [&[request.len() as u8], request.as_slice()].concat()).collect();
    for file in [&big_endian, &varint] {
        let split = wire::split_protobuf_file(file).unwrap();
        assert_eq!((split.requests.as_slice(), split.torn), ([one.as_slice(), two.as_slice()].as_slice(), 0));
        // The writer was killed inside the second request.
        let split = wire::split_protobuf_file(&file[..file.len() - 2]).unwrap();
        assert_eq!(split.requests, [one.as_slice()]);
        assert!(split.torn > 0);
    }
    assert_eq!(wire::split_protobuf_file(b"").unwrap().requests.len(), 0);
    assert_eq!(wire::split_protobuf_file(b"hello, world, this is text"), Err(DecodeError::UnknownFile));
}
