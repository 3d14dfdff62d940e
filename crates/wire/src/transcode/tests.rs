//! Protobuf made from JSON reads as the JSON does.

use std::fs;
use std::path::{Path, PathBuf};

use super::json_to_protobuf;
use crate::{Compression, Encoding, Signal, decode, decode_unknown, decompress};

/// Both ways of reading a request give the same telemetry.
#[track_caller]
fn reads_the_same(signal: Signal, json: &[u8]) {
    let protobuf = json_to_protobuf(signal, json).unwrap();
    let (from_json, from_protobuf) =
        (decode(signal, Encoding::Json, json).unwrap(), decode(signal, Encoding::Protobuf, &protobuf).unwrap());
    // NaN is not equal to itself; its text is.
    let (json, protobuf) = (format!("{from_json:?}"), format!("{from_protobuf:?}"));
    let same = json.bytes().zip(protobuf.bytes()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(150);
    let near = |text: &str| text.get(from..(same + 80).min(text.len())).unwrap_or_default().to_owned();
    assert!(json == protobuf, "JSON: {}\nprotobuf: {}", near(&json), near(&protobuf));
}

#[test]
fn every_sort_of_value_survives() {
    let spans = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
        "scopeSpans":[{"scope":{"name":"lib","version":"1"},"schemaUrl":"u","spans":[
        {"traceId":"4BF92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","parentSpanId":"00f067aa0ba902b8",
         "traceState":"a=b","flags":257,"name":"chat \u00e4","kind":"SPAN_KIND_CLIENT","startTimeUnixNano":"1700000000000000001",
         "endTimeUnixNano":1700000001000000000,"droppedAttributesCount":2,"status":{"code":2,"message":"no"},
         "events":[{"timeUnixNano":"5","name":"e","attributes":[{"key":"n","value":{}}]}],
         "links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4737","spanId":"00f067aa0ba902b7","flags":1}],
         "unknownField":{"a":[1]},
         "attributes":[{"key":"empty","value":{"stringValue":""}},{"key":"no","value":{"boolValue":false}},
            {"key":"int","value":{"intValue":"-9223372036854775808"}},{"key":"number","value":{"intValue":7}},
            {"key":"nan","value":{"doubleValue":"NaN"}},{"key":"null","value":{"doubleValue":null}},{"key":"half","value":{"doubleValue":0.5}},
            {"key":"list","value":{"arrayValue":{"values":[{"intValue":1},{},{"stringValue":"x"}]}}},
            {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"bytesValue":"AAEC"}}]}}}]}]}]}]}"#;
    reads_the_same(Signal::Traces, spans.as_bytes());
    let logs = r#"{"resource_logs":[{"scope_logs":[{"log_records":[{"time_unix_nano":"0","observedTimeUnixNano":"17","severityNumber":"SEVERITY_NUMBER_WARN2",
        "severityText":"warn","body":{"kvlistValue":{"values":[]}},"eventName":"n","traceId":"","spanId":"","flags":1}]}]}]}"#;
    reads_the_same(Signal::Logs, logs.as_bytes());
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"g","unit":"1","gauge":{"dataPoints":[{"timeUnixNano":"3","asInt":"-4","exemplars":[{"timeUnixNano":"2","asDouble":1.5,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}]}]}},
        {"name":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":"1","timeUnixNano":"3","asDouble":-0.5}]}},
        {"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"3","count":"3","sum":2.5,"min":0.5,"max":1,"bucketCounts":["1",2,0],"explicitBounds":[0.5,1]}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"3","count":3,"sum":2,"scale":-2,"zeroCount":"1","zeroThreshold":0.1,"positive":{"offset":-3,"bucketCounts":["1","1"]},"negative":{}}]}},
        {"name":"q","summary":{"dataPoints":[{"timeUnixNano":"3","count":2,"sum":2,"quantileValues":[{"quantile":0.5,"value":"Infinity"}]}]}}]}]}]}"#;
    reads_the_same(Signal::Metrics, metrics.as_bytes());
}

#[test]
fn attributes_as_an_object_and_plain_values_survive() {
    let spans = r#"{"resourceSpans":[{"resource":{"attributes":{"service.name":"s"}},"scopeSpans":[{"scope":{"name":"lib"},"spans":[
        {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"chat","events":[{"name":"e","attributes":{"n":null}}],
         "attributes":{"text":"t","\u00e4":true,"int":-7,"big":18446744073709551615,"half":0.5,"exp":1e3,"no":null,"list":[1,"x",null,[2],{"a":1}],
            "map":{"k":{"deep":[{}]},"stringless":"v"},"typed":{"stringValue":"v"},"snake":{"int_value":"3"},"empty":{},"none":[]}},
        {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8","name":"plain","attributes":[{"key":"k","value":"plain"},
            {"key":"m","value":{"a":1,"b":[false]}},{"key":"l","value":[1.5]},{"key":"nothing","value":null}]}]}]}]}"#;
    reads_the_same(Signal::Traces, spans.as_bytes());
    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"words","attributes":{"a":1}},{"body":{"event":"x","n":[1]}},{"body":null}]}]}]}"#;
    reads_the_same(Signal::Logs, logs.as_bytes());
}

#[test]
fn what_does_not_fit_is_an_error_with_its_place() {
    let span = |field: &str| format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{{field}}}]}}]}}]}}");
    for (field, says) in [
        (r#""traceId":"xyz""#, "traceId"),
        (r#""startTimeUnixNano":-1"#, "out of range"),
        (r#""name":{}"#, "name"),
        (r#""kind":"SPAN_KIND_NEW""#, "SPAN_KIND_NEW"),
        (r#""attributes":[[]]"#, "a list"),
    ] {
        let error = json_to_protobuf(Signal::Traces, span(field).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("line 1"), "{error}");
    }
    assert!(json_to_protobuf(Signal::Logs, b"[]").is_err());
    let deep = format!("{}{}", "{\"arrayValue\":{\"values\":[".repeat(400), "]}}".repeat(400));
    let deep = format!("{{\"body\":{deep}}}");
    assert!(
        json_to_protobuf(
            Signal::Logs,
            format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{deep}]}}]}}]}}").as_bytes()
        )
        .is_err()
    );
}

fn bodies(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            bodies(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_real_clients_sent_as_json_reads_the_same() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !captures.is_dir() {
        println!("skipped: ../shared/captures is not there");
        return;
    }
    let mut files = Vec::new();
    bodies(&captures, &mut files);
    let mut compared = 0;
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let gzip = bytes.starts_with(&[0x1f, 0x8b]);
        let compression = if gzip { Compression::Gzip } else { Compression::None };
        let Ok(text) = decompress(compression, &bytes, 1 << 30) else { continue };
        let is_otlp = text.trim_ascii_start().starts_with(b"{")
            && text
                .windows(10)
                .take(200)
                .any(|key| key == b"\"resourceS" || key == b"\"resourceL" || key == b"\"resourceM");
        if !is_otlp {
            continue;
        }
        let Ok((signal, _)) = decode_unknown(Encoding::Json, &text) else { continue };
        reads_the_same(signal, &text);
        compared += 1;
    }
    assert!(compared > 10, "only {compared} JSON requests found");
}
