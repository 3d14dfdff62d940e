//! What real senders of OTLP/JSON do, one case each (JavaScript, Rust, hand-written scripts, cut-off text).

use std::borrow::Cow;
use std::sync::Arc;

use model::raw::{Batch, RawLog, RawSpan, Resource, SpanKind, StatusCode};
use model::{SampleKind, Temporality, Timestamp, Value};
use wire::{DecodeError, Encoding, Signal};

const IDS: &str = r#""traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7""#;

fn decode(signal: Signal, body: &str) -> Batch<'_> {
    wire::decode(signal, Encoding::Json, body.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// A request of spans with these fields beside their ids.
fn spans(fields: &[&str]) -> String {
    let spans: Vec<String> = fields.iter().map(|fields| format!("{{{IDS}{fields}}}")).collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

fn with_span<T>(fields: &str, check: impl FnOnce(&RawSpan<'_>) -> T) -> T {
    let body = spans(&[fields]);
    let batch = decode(Signal::Traces, &body);
    assert_eq!(batch.rejected.reasons, Vec::<String>::new());
    check(&batch.spans[0].items[0])
}

fn attribute(value: &str) -> Value<'static> {
    with_span(&format!(r#","attributes":[{{"key":"k","value":{value}}}]"#), |span| {
        span.attributes.get("k").unwrap().clone().into_owned()
    })
}

fn with_log<T>(fields: &str, check: impl FnOnce(&RawLog<'_>) -> T) -> T {
    let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{fields}}}]}}]}}]}}"#);
    let batch = decode(Signal::Logs, &body);
    assert_eq!(batch.rejected.reasons, Vec::<String>::new());
    check(&batch.logs[0].items[0])
}

#[test]
fn times_come_as_text_number_or_float() {
    for time in [r#""1763700000000000000""#, "1763700000000000000", "1.7637e18", r#""1.7637e18""#] {
        with_span(&format!(r#","startTimeUnixNano":{time}"#), |span| {
            assert_eq!(span.start, Timestamp::from_nanos(1_763_700_000_000_000_000), "{time}");
        });
    }
    with_log(r#""timeUnixNano":"0","observedTimeUnixNano":"7""#, |log| {
        assert!(log.time.is_unset());
        assert_eq!(log.observed.as_nanos(), 7);
    });
}

#[test]
fn enums_come_as_numbers_and_names() {
    for (kind, expected) in [
        ("3", SpanKind::Client),
        (r#""SPAN_KIND_CLIENT""#, SpanKind::Client),
        (r#""client""#, SpanKind::Client),
        (r#""3""#, SpanKind::Client),
        ("null", SpanKind::Unspecified),
        ("99", SpanKind::Unspecified),
        (r#""SPAN_KIND_DREAMT""#, SpanKind::Unspecified),
    ] {
        with_span(&format!(r#","kind":{kind}"#), |span| assert_eq!(span.kind, expected, "{kind}"));
    }
    with_span(r#","status":{"code":"STATUS_CODE_ERROR","message":"boom"}"#, |span| {
        assert_eq!((span.status, span.status_message.as_ref()), (StatusCode::Error, "boom"));
    });
    with_span(r#","status":{"code":0}"#, |span| assert_eq!(span.status, StatusCode::Unset));
    with_log(r#""severityNumber":"SEVERITY_NUMBER_WARN""#, |log| assert_eq!(log.severity, 13));
    with_log(r#""severityNumber":9"#, |log| assert_eq!(log.severity, 9));
}

#[test]
fn attribute_values_keep_their_types() {
    for (value, expected) in [
        (r#"{"intValue":"42"}"#, Value::Int(42)),
        (r#"{"intValue":42}"#, Value::Int(42)),
        (r#"{"intValue":-9223372036854775808}"#, Value::Int(i64::MIN)),
        (r#"{"intValue":18446744073709551615}"#, Value::Double(18_446_744_073_709_551_615.0)),
        (r#"{"intValue":"many"}"#, "many".into()),
        (r#"{"doubleValue":42}"#, Value::Double(42.0)),
        (r#"{"doubleValue":0.1}"#, Value::Double(0.1)),
        (r#"{"doubleValue":"Infinity"}"#, Value::Double(f64::INFINITY)),
        (r#"{"boolValue":true}"#, Value::Bool(true)),
        (r#"{"boolValue":"false"}"#, Value::Bool(false)),
        (r#"{"bytesValue":"+/8="}"#, Value::Bytes(Cow::Borrowed(&[0xfb, 0xff]))),
        (r#"{"bytesValue":"not base64!"}"#, "not base64!".into()),
        (r#"{"stringValue":""}"#, "".into()),
        (r#"{"stringValue":null}"#, Value::Null),
        (r#"{"stringValue":12}"#, "12".into()),
        (r#"{"string_value":"snake"}"#, "snake".into()),
        ("{}", Value::Null),
        ("null", Value::Null),
        (r#"{"stringValue":"a","intValue":null}"#, "a".into()),
        (r#"{"arrayValue":{}}"#, Value::Array(vec![])),
        (
            r#"{"arrayValue":{"values":[{"intValue":1},{},{"stringValue":"b"}]}}"#,
            Value::Array(vec![Value::Int(1), Value::Null, "b".into()]),
        ),
        (
            r#"{"kvlistValue":{"values":[{"key":"a","value":{}},{"key":"b"}]}}"#,
            Value::Map(vec![("a".into(), Value::Null), ("b".into(), Value::Null)]),
        ),
    ] {
        assert_eq!(attribute(value), expected, "{value}");
    }
}

#[test]
fn a_double_of_null_is_nan() {
    assert!(matches!(attribute(r#"{"doubleValue":null}"#), Value::Double(number) if number.is_nan()));
    assert!(matches!(attribute(r#"{"doubleValue":"NaN"}"#), Value::Double(number) if number.is_nan()));
}

#[test]
fn floats_are_read_to_the_last_bit() {
    for number in [0.1, 1.0 / 3.0, 3.5e-57, 9007199254740993.0, f64::MIN_POSITIVE, 5e-324] {
        assert_eq!(attribute(&format!(r#"{{"doubleValue":{number:?}}}"#)), Value::Double(number));
    }
}

#[test]
fn attributes_may_be_an_object_and_values_plain() {
    with_span(
        r#","attributes":{"a":"text","b":7,"c":{"stringValue":"wrapped"},"d":[1,"x"],"e":{"f":true},"g":null}"#,
        |span| {
            let expected = vec![
                ("a".into(), "text".into()),
                ("b".into(), Value::Int(7)),
                ("c".into(), "wrapped".into()),
                ("d".into(), Value::Array(vec![Value::Int(1), "x".into()])),
                ("e".into(), Value::Map(vec![("f".into(), Value::Bool(true))])),
                ("g".into(), Value::Null),
            ];
            assert_eq!(span.attributes.0, expected);
        },
    );
    assert_eq!(attribute(r#""plain""#), "plain".into());
}

#[test]
fn empty_and_zero_parents_make_a_root() {
    for parent in [r#""""#, "null", r#""0000000000000000""#] {
        with_span(&format!(r#","parentSpanId":{parent}"#), |span| assert_eq!(span.parent_span_id, None, "{parent}"));
    }
    with_span(r#","parent_span_id":"00F067AA0BA902B8""#, |span| {
        assert_eq!(span.parent_span_id.unwrap().to_string(), "00f067aa0ba902b8");
    });
}

#[test]
fn a_bad_span_costs_only_itself() {
    let good = r#","name":"good""#;
    let bad = [
        (r#","parentSpanId":"xyz""#, "the parent span id is invalid: expected 8 bytes, found 1"),
        (r#","name":["a"]"#, "name: text was expected where a list or an object stands"),
        (
            r#","startTimeUnixNano":"yesterday""#,
            "startTimeUnixNano: an unsigned number was expected where \"yesterday\" stands",
        ),
        (r#","events":{"name":"not a list"}"#, "invalid type: map, expected a list"),
        (r#","spanId":"0000000000000000""#, "the span id is invalid: all bytes are zero"),
        (r#","traceId":"4bf9""#, "the trace id is invalid: expected 16 bytes, found 2"),
        (r#","traceId":"zzf92f3577b34da6a3ce929d0e0e4736""#, "the trace id is invalid: not hexadecimal"),
    ];
    for (fields, reason) in bad {
        let body = spans(&[good, fields, good]);
        let batch = decode(Signal::Traces, &body);
        assert_eq!(batch.spans[0].items.len(), 2, "{fields}");
        assert_eq!(batch.rejected.count, 1);
        assert_eq!(batch.rejected.reasons, [format!("span rejected: {reason}")]);
    }
}

#[test]
fn deep_values_cost_only_their_span() {
    let nested = |levels: usize, open: &str, close: &str| {
        format!(r#","attributes":[{{"key":"deep","value":{}{{}}{}}}]"#, open.repeat(levels), close.repeat(levels))
    };
    let map = (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}");
    let list = (r#"{"arrayValue":{"values":["#, "]}}");
    let plain = (r#"{"a":"#, "}");
    for (open, close) in [map, list, plain] {
        with_span(&nested(wire::limits::MAX_VALUE_DEPTH, open, close), |span| assert_eq!(span.attributes.0.len(), 1));
        for levels in [wire::limits::MAX_VALUE_DEPTH + 1, 1_000, 200_000] {
            let body = spans(&["", &nested(levels, open, close)]);
            let batch = decode(Signal::Traces, &body);
            assert_eq!((batch.spans[0].items.len(), batch.rejected.count), (1, 1), "{levels} of {open}");
            assert!(batch.rejected.reasons[0].contains("nests more than"), "{:?}", batch.rejected.reasons);
        }
    }
    // The deepest value that is kept also fits into an event, and an unknown field of any depth is passed over.
    with_span(
        &format!(r#","events":[{{"name":"e"{}}}]"#, nested(wire::limits::MAX_VALUE_DEPTH, map.0, map.1)),
        |span| {
            assert_eq!(span.events[0].attributes.0.len(), 1);
        },
    );
    with_span(&format!(r#","unknown":{}1{}"#, "[".repeat(100_000), "]".repeat(100_000)), |span| {
        assert_eq!(span.span_id.to_string(), "00f067aa0ba902b7");
    });
}

#[test]
fn text_cut_inside_a_surrogate_pair_is_kept() {
    assert_eq!(attribute(r#"{"stringValue":"so happy \ud83d"}"#), "so happy \u{fffd}".into());
}

#[test]
fn null_lists_and_bodies_are_empty_ones() {
    with_span(r#","attributes":null,"events":null,"links":null,"status":null"#, |span| {
        assert!(span.attributes.is_empty())
    });
    with_log(r#""body":null,"traceId":"","spanId":"""#, |log| {
        assert_eq!((&log.body, log.trace_id, log.span_id), (&Value::Null, None, None));
    });
    let batch =
        decode(Signal::Traces, r#"{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":null}]}]}"#);
    assert_eq!(batch, Batch::default());
}

#[test]
fn empty_requests_succeed() {
    for body in ["{}", "", " \n", r#"{"resourceSpans":[]}"#, "\u{feff}{}"] {
        assert_eq!(decode(Signal::Traces, body), Batch::default(), "{body:?}");
    }
}

#[test]
fn a_request_for_another_address_is_refused_with_the_right_one() {
    let error = wire::decode(Signal::Traces, Encoding::Json, br#"{"resourceLogs":[]}"#).unwrap_err();
    assert_eq!(error, DecodeError::WrongSignal { expected: Signal::Traces, found: Signal::Logs });
    assert_eq!(error.to_string(), "the request holds logs but was sent as traces; send logs to /v1/logs");
}

#[test]
fn a_line_says_its_signal() {
    assert_eq!(wire::decode_json_line(br#"{"resource_metrics":[]}"#).unwrap().0, Signal::Metrics);
    assert_eq!(wire::decode_json_line(br#"{"hello":1}"#), Err(DecodeError::UnknownSignal));
}

#[test]
fn unknown_keys_are_ignored_but_a_request_of_nothing_else_is_warned_about() {
    let batch = decode(Signal::Traces, r#"{"spans":[{"name":"x"}]}"#);
    assert_eq!(batch.rejected.count, 0);
    assert_eq!(batch.rejected.reasons, ["warning: the request has no resourceSpans, so nothing was taken from it"]);
}

#[test]
fn broken_json_is_refused_with_its_place_and_a_hint() {
    let error = |body: &[u8]| wire::decode(Signal::Traces, Encoding::Json, body).unwrap_err().to_string();
    assert_eq!(
        error(b"{\"resourceSpans\":\n[{]}"),
        "cannot read the body as OTLP JSON: key must be a string (line 2, column 3)"
    );
    assert_eq!(
        error(b"[]"),
        "cannot read the body as OTLP JSON: invalid type: sequence, expected an object (line 1, column 2)"
    );
    assert!(error(b"\x1f\x8b\x08\x00").ends_with("; it looks compressed with gzip: set Content-Encoding: gzip"));
    assert!(error(b"\x0a\x80\x01\x0a").ends_with("; it looks like protobuf: set Content-Type: application/x-protobuf"));
    assert_eq!(
        error(b"{\n \"\xff\":1}"),
        "cannot read the body as OTLP JSON: the text is not UTF-8 (line 2, column 3)"
    );
    assert!(error(b"{} x").contains("trailing characters"));
}

#[test]
fn an_unreadable_resource_costs_its_items_and_no_others() {
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":"none"}},"scopeSpans":[{{"spans":[{{{IDS}}},{{{IDS}}}]}}]}},
            {{"resource":{{}},"scopeSpans":[{{"spans":[{{{IDS}}}]}}]}}]}}"#
    );
    let batch = decode(Signal::Traces, &body);
    assert_eq!((batch.spans.len(), batch.rejected.count), (1, 2));
    assert!(batch.rejected.reasons[0].starts_with("span rejected: its resource is not readable: invalid type"));
}

#[test]
fn metrics_of_rust_and_scripts_are_read() {
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"calls","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[
            {"asInt":3,"timeUnixNano":5,"attributes":[{"key":"n","value":{"intValue":1}}]},{"asInt":"4"},{"asDouble":null},{}]}},
        {"gauge":null,"name":"size","histogram":{"dataPoints":[{"count":2,"sum":3.5,"bucketCounts":[1,"1"],"explicitBounds":[0.5]},
            {"count":2,"bucketCounts":[1,1],"explicitBounds":[]}]}},
        {"name":"gone","gauge":{"dataPoints":[{"flags":1}]}},
        {"name":"gone","summary":{"dataPoints":[{"flags":1,"sum":3}]}},
        {"gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}"#;
    let batch = decode(Signal::Metrics, body);
    let samples = &batch.samples[0].items;
    let sum = |value| SampleKind::Sum { value, temporality: Temporality::Delta, monotonic: true };
    assert_eq!((&samples[0].kind, &samples[1].kind), (&sum(3.0), &sum(4.0)));
    assert_eq!(samples[0].labels, [("n".to_owned(), "1".to_owned())]);
    assert!(matches!(samples[2].kind, SampleKind::Sum { value, .. } if value.is_nan()));
    assert!(
        matches!(&samples[3].kind, SampleKind::Histogram { point, .. } if point.counts == [1, 1] && point.sum == Some(3.5))
    );
    assert!(matches!(samples[4].kind, SampleKind::Gauge { value } if value.to_bits() == wire::STALE_NAN_BITS));
    assert!(matches!(samples[5].kind, SampleKind::Summary { sum, .. } if sum.to_bits() == wire::STALE_NAN_BITS));
    assert_eq!(samples.len(), 6);
    assert_eq!(batch.rejected.count, 3);
    assert_eq!(
        batch.rejected.reasons,
        [
            "data point rejected: the data point has no value",
            "data point rejected: a histogram must have one count more than bounds",
            "data point rejected: the metric has no name",
        ]
    );
}

#[test]
fn exports_keep_every_type() {
    let value = r#"{"kvlistValue":{"values":[{"key":"i","value":{"intValue":"-1"}},{"key":"d","value":{"doubleValue":1.0}},{"key":"b","value":{"boolValue":false}},{"key":"y","value":{"bytesValue":"AAE="}},{"key":"n","value":{}},{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"q\"\\\n\u0001é"}]}}},{"key":"x","value":{"doubleValue":"NaN"}}]}}"#;
    let line = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"s"}}}}]}},"scopeSpans":[{{"scope":{{"name":"lib","version":"1"}},"spans":[{{{IDS},"traceState":"a=b","parentSpanId":"00f067aa0ba902b8","flags":257,"name":"n","kind":3,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{{"key":"k","value":{value}}}],"droppedAttributesCount":4,"events":[{{"timeUnixNano":"3","name":"e"}}],"links":[{{{IDS}}}],"status":{{"message":"m","code":2}}}}]}}]}}]}}"#
    );
    let batch = decode(Signal::Traces, &line);
    assert_eq!(wire::export_spans(wire::each(&batch.spans)), line);
    assert_eq!(wire::export_spans(wire::each::<RawSpan<'_>>(&[])), r#"{"resourceSpans":[]}"#);
}

#[test]
fn spans_written_in_pieces_are_what_is_written_at_once() {
    let request = |resource: &str, scope: &str, name: &str| {
        format!(
            r#"{{"resource":{{"attributes":[{{"key":"r","value":{{"stringValue":"{resource}"}}}}]}},"scopeSpans":[{{"scope":{{"name":"{scope}"}},"spans":[{{{IDS},"name":"{name}"}}]}}]}}"#
        )
    };
    let each = [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "3"), ("b", "y", "4"), ("a", "x", "5")];
    let each: Vec<String> = each.iter().map(|(resource, scope, name)| request(resource, scope, name)).collect();
    let line = format!(r#"{{"resourceSpans":[{}]}}"#, each.join(","));
    let batch = decode(Signal::Traces, &line);
    let spans: Vec<_> = wire::each(&batch.spans).collect();
    assert_eq!(spans.len(), 5);
    let (mut request, mut pieces) = (wire::SpanPieces::default(), Vec::new());
    assert!(!request.has_begun());
    for (resource, scope, raw) in &spans {
        let mut piece = String::new();
        let resource = Resource { attributes: resource.attributes.clone().into_owned() };
        let scope = (**scope).clone().into_owned();
        // Equal, and not the same: a later piece reads them once more.
        request.add(&mut piece, &Arc::new(resource), &Arc::new(scope), raw);
        pieces.push(piece);
    }
    let mut end = String::new();
    request.end(&mut end);
    pieces.push(end);
    assert_eq!(pieces.concat(), wire::export_spans(spans));
    let mut nothing = String::new();
    wire::SpanPieces::default().end(&mut nothing);
    assert_eq!(nothing, r#"{"resourceSpans":[]}"#);
}
