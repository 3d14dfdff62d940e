//! Log records as JSON lines and as Loki's clients push them.

use model::raw::RawLog;
use model::{Timestamp, Value};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_000);

fn one(line: &str) -> RawLog<'static> {
    let batch = wire::decode_lines(line.as_bytes(), NOW).unwrap();
    assert_eq!(batch.rejected.count, 0, "{:?}", batch.rejected);
    batch.logs[0].items[0].clone()
}

#[test]
fn fields_are_found_under_the_names_loggers_use() {
    for line in [
        r#"{"timestamp":"2026-11-21T10:00:00.5Z","level":"WARNING","message":"slow","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","k":1}"#,
        r#"{"ts":1795255200.5,"severity":"warning","msg":"slow","traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00f067aa0ba902b7","k":1}"#,
        r#"{"@timestamp":"2026-11-21 10:00:00,500","lvl":"warn","event":"slow ","otelTraceID":"4bf92f35-77b3-4da6-a3ce-929d0e0e4736","otelSpanID":"00f067aa0ba902b7","k":1}"#,
        r#"{"time":1795255200500,"level":40,"body":"slow","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","span.id":"00f067aa0ba902b7","k":1}"#,
    ] {
        let log = one(line);
        assert_eq!(log.time.to_string(), "2026-11-21T10:00:00.5Z", "{line}");
        assert_eq!(log.severity, 13, "{line}");
        assert_eq!(log.body.as_str().map(str::trim), Some("slow"), "{line}");
        assert_eq!(log.trace_id.unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736", "{line}");
        assert_eq!(log.span_id.unwrap().to_string(), "00f067aa0ba902b7", "{line}");
        assert_eq!(log.attributes.0, [("k".into(), Value::Int(1))], "{line}");
    }
}

#[test]
fn a_time_without_zone_is_utc_and_an_unreadable_one_stays_an_attribute() {
    assert_eq!(one(r#"{"timestamp":"2026-11-21T10:00:00.123456"}"#).time.to_string(), "2026-11-21T10:00:00.123456Z");
    let odd = one(r#"{"timestamp":"noon","message":"x"}"#);
    assert_eq!((odd.time, odd.observed), (Timestamp::default(), NOW));
    assert_eq!(odd.attributes.text("timestamp"), Some("noon"));
}

#[test]
fn an_event_is_named_and_a_sentence_in_its_place_is_the_message() {
    let event = one(r#"{"event":"step_start","execution_id":"e"}"#);
    assert_eq!((event.event_name.as_ref(), &event.body), ("step_start", &Value::Null));
    let prose = one(r#"{"event":"user logged in"}"#);
    assert_eq!((prose.event_name.as_ref(), prose.body.as_str()), ("", Some("user logged in")));
}

#[test]
fn ids_that_are_none_of_w3cs_stay_attributes() {
    let log = one(r#"{"trace_id":"wf-1","span_id":"ab12cd34","message":"x"}"#);
    assert_eq!((log.trace_id, log.span_id), (None, None));
    assert_eq!((log.attributes.text("trace_id"), log.attributes.text("span_id")), (Some("wf-1"), Some("ab12cd34")));
    assert!(one(r#"{"trace_id":"","message":"x"}"#).trace_id.is_none());
}

#[test]
fn a_bad_line_is_named_and_costs_its_neighbours_nothing() {
    let body = "{\"message\":\"a\"}\n\nnot json\n[1]\n{\"message\":\"b\"}\r\n{\"message\":";
    let batch = wire::decode_lines(body.as_bytes(), NOW).unwrap();
    assert_eq!(batch.logs.iter().map(|group| group.items.len()).sum::<usize>(), 2);
    assert_eq!(batch.rejected.count, 3);
    assert!(batch.rejected.reasons[0].starts_with("line 3: not JSON: "), "{:?}", batch.rejected.reasons);
    assert_eq!(batch.rejected.reasons[1], "line 4: not a JSON object");
    assert!(batch.rejected.reasons[2].starts_with("line 6: "));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(60), "]".repeat(60));
    assert!(wire::decode_lines(deep.as_bytes(), NOW).unwrap().rejected.reasons[0].contains("MAX_VALUE_DEPTH"));
}

#[test]
fn arrays_spread_objects_and_nothing_are_read_and_other_bodies_refused() {
    let two =
        wire::decode_lines(br#" [{"message":"a","service":"s"}, 7, {"message":"b","service":"s"}]"#, NOW).unwrap();
    assert_eq!((two.logs.len(), two.logs[0].items.len(), two.rejected.count), (1, 2, 1));
    assert_eq!(two.logs[0].resource.attributes.text("service.name"), Some("s"));
    assert_eq!(one("{\n  \"message\": \"a\",\n  \"x\": {\"y\": 1}\n}").attributes.0.len(), 1);
    assert!(wire::decode_lines(b"  \n", NOW).unwrap().logs.is_empty());
    let error = wire::decode_lines(b"<html>", NOW).unwrap_err().to_string();
    assert!(error.contains("expected JSON objects") && error.contains("HTML"), "{error}");
    assert!(wire::decode_lines(b"[{]", NOW).is_err());
}

#[test]
fn a_line_sent_again_is_the_same_record() {
    let line = br#"{"timestamp":"2026-11-21T10:00:00Z","message":"a"}"#;
    let later = Timestamp::from_millis(1_763_700_009_000);
    assert_eq!(wire::decode_lines(line, NOW).unwrap(), wire::decode_lines(line, later).unwrap());
}

/// Protobuf fields by hand: nothing of the decoder's own is used to make what it reads.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn varint(number: u8, mut value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn entry(seconds: u64, nanos: u64, line: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut out = field(1, &[varint(1, seconds), varint(2, nanos)].concat());
    out.extend(field(2, line.as_bytes()));
    for (name, value) in metadata {
        out.extend(field(3, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat()));
    }
    out
}

fn check(batch: &model::raw::Batch<'_>) {
    assert_eq!(batch.rejected.count, 0, "{:?}", batch.rejected);
    let group = &batch.logs[0];
    assert_eq!(group.resource.attributes.text("service.name"), Some("api"));
    assert_eq!(group.resource.attributes.text("filename"), Some("/var/log/\"a\".log"));
    let [plain, json] = group.items.as_slice() else { panic!("two records, not {}", group.items.len()) };
    assert_eq!((plain.body.as_str(), plain.time.as_nanos()), (Some("GET / 200"), 1_795_255_200_000_000_007));
    assert_eq!((plain.severity, plain.severity_text.as_ref()), (9, "info"));
    assert_eq!(plain.trace_id.unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(plain.attributes.text("pod"), Some("p-1"));
    assert_eq!((json.event_name.as_ref(), json.attributes.text("execution_id")), ("step_start", Some("e")));
    assert_eq!(json.time.as_nanos(), 1_795_255_201_000_000_000, "the time is the stream's");
}

const STEP: &str = r#"{"event":"step_start","execution_id":"e","timestamp":"2020-01-01T00:00:00"}"#;

#[test]
fn lokis_json_is_read() {
    let body = json!({"streams": [{
        "stream": {"job": "api", "filename": "/var/log/\"a\".log", "level": "info"},
        "values": [
            ["1795255200000000007", "GET / 200", {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "pod": "p-1"}],
            ["1795255201000000000", STEP],
        ],
    }]});
    check(&wire::decode_loki_json(body.to_string().as_bytes(), NOW).unwrap());
    let partly = json!({"streams": [{"stream": {}, "values": [["x", "line"], ["1", "line"]]}, {"values": 1}]});
    let partly = wire::decode_loki_json(partly.to_string().as_bytes(), NOW).unwrap();
    assert_eq!((partly.logs[0].items.len(), partly.rejected.count), (1, 2));
    assert!(wire::decode_loki_json(b"{}", NOW).is_err());
    let error = wire::decode_loki_json(b"{", NOW).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the body as a push to Loki in JSON, {\"streams\": "), "{error}");
    assert!(error.ends_with(": EOF while parsing an object (line 1, column 1)"), "{error}");
}

#[test]
fn lokis_protobuf_is_read() {
    let labels = r#"{filename="/var/log/\"a\".log", job="api", level="info"}"#;
    let metadata = [("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("pod", "p-1")];
    let entries = [entry(1_795_255_200, 7, "GET / 200", &metadata), entry(1_795_255_201, 0, STEP, &[])];
    let mut stream = field(1, labels.as_bytes());
    entries.iter().for_each(|entry| stream.extend(field(2, entry)));
    stream.extend(varint(3, 0xdead_beef));
    let push = field(1, &stream);
    let packed = snap::raw::Encoder::new().compress_vec(&push).unwrap();
    let unpacked = wire::unsnap(&packed, 1 << 20).unwrap();
    check(&wire::decode_loki_protobuf(&unpacked, NOW).unwrap());
    assert!(matches!(wire::unsnap(&packed, 10), Err(wire::DecompressError::TooLarge { limit: 10 })));
    assert!(wire::unsnap(&packed[..packed.len() - 3], 1 << 20).is_err());
    for cut in 0..push.len() {
        let _ = wire::decode_loki_protobuf(&push[..cut], NOW);
    }
}
