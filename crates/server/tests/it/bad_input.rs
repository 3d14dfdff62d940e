//! Bad input gets a clear answer, is counted, and harms nothing beside it.

use std::io::Write;

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use server::Limits;

use crate::support::{Server, TRACE_EXPORT, agent_run, attribute, now, request, span, trace_id};

/// Sends a good run before and after, which must be there whatever came between.
fn beside_good_ones(server: &Server, act: impl FnOnce()) {
    server.post_proto("/v1/traces", &agent_run(0xa1)).ok();
    act();
    server.post_proto("/v1/traces", &agent_run(0xa2)).ok();
    for trace in [0xa1, 0xa2] {
        let run = server.get(&format!("/api/v1/runs/{}", trace_id(trace))).ok().json();
        assert_eq!(run["run"]["usage"]["total_tokens"], 300);
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn garbage_and_truncated_bodies() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let whole = agent_run(1);
        for body in [&b"garbage, certainly"[..], &whole[..whole.len() / 2], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            let answer = server.post_proto("/v1/traces", body);
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert!(server.grpc(TRACE_EXPORT, None, body).is_err());
        }
        let answer = server.post(
            "/v1/traces",
            &[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")],
            b"no gzip",
        );
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("gzip"), "{}", answer.text());
    });
    assert_eq!(server.counts("traces")["requests_rejected"]["malformed"], 7);
}

#[test]
fn compression_bombs_stop_at_the_limit() {
    let server = Server::with(Limits { max_body_bytes: 1 << 20, ..Limits::default() });
    beside_good_ones(&server, || {
        let zeros = vec![0u8; 200 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&zeros).unwrap();
        for (name, bomb) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(&zeros[..], 19).unwrap())] {
            assert!(bomb.len() < 1 << 20);
            let answer = server.post(
                "/v1/traces",
                &[("content-type", "application/x-protobuf"), ("content-encoding", name)],
                &bomb,
            );
            assert_eq!(answer.status, 413, "{}", answer.text());
            assert!(answer.text().contains("1048576"), "{}", answer.text());
        }
    });
    let status = server.get("/api/v1/status").ok().json();
    assert_eq!(status["ingest"]["signals"]["traces"]["requests_rejected"]["too_large"], 2);
    let limit = status["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == "max_body_bytes").unwrap();
    assert_eq!((&limit["value"], &limit["reached"]), (&json!(1 << 20), &json!(2)));
}

#[test]
fn oversized_bodies_are_refused_before_they_are_read() {
    let server = Server::with(Limits { max_body_bytes: 100_000, ..Limits::default() });
    beside_good_ones(&server, || {
        let large = request("s", vec![span(1, 1, 0, &"x".repeat(200_000), vec![])]);
        assert_eq!(server.post_proto("/v1/traces", &large).status, 413);
        let json = format!("{{\"resourceSpans\":[{{\"x\":\"{}\"}}]}}", "y".repeat(200_000));
        let answer = server.post("/v1/traces", &[("content-type", "application/json")], json.as_bytes());
        assert_eq!((answer.status, answer.header("content-type")), (413, "application/json"));
    });
}

#[test]
fn invalid_utf8_is_replaced_or_refused_but_not_spread() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let marked =
            request("s", vec![span(1, 1, 0, "name-MARK", vec![attribute("k", "v")]), span(1, 2, 1, "fine", vec![])]);
        let at = marked.windows(4).position(|window| window == b"MARK").unwrap();
        let mut broken = marked;
        broken[at..at + 4].copy_from_slice(b"\xff\xfe\xff\xfe");
        let answer = server.post_proto("/v1/traces", &broken);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let run = server.get(&format!("/api/v1/runs/{}", trace_id(1))).ok().json();
        assert!(run["steps"].as_array().unwrap().iter().any(|step| step["name"] == "fine"));
    });
}

#[test]
fn zero_and_short_ids_are_refused_one_by_one() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let with = |change: fn(&mut Span)| {
            let mut bad = span(2, 9, 0, "bad", vec![]);
            change(&mut bad);
            bad
        };
        let spans = vec![
            span(2, 1, 0, "good", vec![]),
            with(|span| span.trace_id = vec![0; 16]),
            with(|span| span.span_id = vec![0; 8]),
            with(|span| span.trace_id = vec![1; 4]),
            with(|span| span.span_id = Vec::new()),
        ];
        let answer = server.post_proto("/v1/traces", &request("s", spans)).ok();
        assert_eq!((answer.header("tawny-accepted"), answer.header("tawny-rejected")), ("1", "4"));
    });
    let counts = server.counts("traces");
    assert_eq!(counts["items_rejected"], 4);
    assert!(counts["item_reasons"].as_array().unwrap().len() >= 2, "{counts}");
}

#[test]
fn repeated_ids_inside_one_request_are_one_step() {
    let server = Server::start();
    let spans = vec![span(3, 1, 0, "first", vec![]), span(3, 1, 0, "again", vec![])];
    server.post_proto("/v1/traces", &request("s", spans)).ok();
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(3))).ok().json();
    assert_eq!(run["steps"].as_array().unwrap().len(), 1);
}

#[test]
fn parent_cycles_are_cut_and_every_step_is_shown() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let spans = vec![
            span(4, 1, 3, "a", vec![]),
            span(4, 2, 1, "b", vec![]),
            span(4, 3, 2, "c", vec![]),
            span(4, 4, 4, "self", vec![]),
        ];
        server.post_proto("/v1/traces", &request("s", spans)).ok();
        let run = server.get(&format!("/api/v1/runs/{}", trace_id(4))).ok().json();
        assert_eq!(run["steps"].as_array().unwrap().len(), 4);
        assert!(run["steps"].as_array().unwrap().iter().any(|step| step["shown_parent_span_id"].is_null()));
    });
}

#[test]
fn mad_clocks_are_kept_as_sent() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let with = |trace, start, end| {
            let mut span = span(trace, 1, 0, "clock", vec![]);
            (span.start_time_unix_nano, span.end_time_unix_nano) = (start, end);
            request("s", vec![span])
        };
        let (then, later) = (4_102_444_800_000_000_000, 4_102_444_801_000_000_000); // 2100-01-01
        for (trace, start, end) in [
            (5, 1_000_000_000, 2_000_000_000),
            (6, then, later),
            (7, now(), now() - 5_000_000_000),
            (8, u64::MAX, u64::MAX),
            (9, 0, 0),
        ] {
            server.post_proto("/v1/traces", &with(trace, start, end)).ok();
        }
        let run = |trace| server.get(&format!("/api/v1/runs/{}", trace_id(trace))).ok().json();
        assert_eq!(run(5)["steps"][0]["started_at"], "1970-01-01T00:00:01Z");
        assert_eq!(run(6)["steps"][0]["started_at"], "2100-01-01T00:00:00Z");
        assert_eq!(run(7)["steps"][0]["duration_ms"], 0.0, "an end before its start is a duration of nothing");
        run(8);
        run(9);
        let found = server.get("/api/v1/runs?limit=500").ok().json();
        assert_eq!(found["total"], 6, "every one of them is in the list");
    });
}

#[test]
fn fifty_thousand_attributes_and_deep_values() {
    let server = Server::start();
    beside_good_ones(&server, || {
        let many = (0..50_000).map(|n| attribute(&format!("key.{n}"), "value")).collect();
        let answer = server.post_proto("/v1/traces", &request("s", vec![span(10, 1, 0, "many", many)]));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let deep = (0..500).fold(AnyValue { value: Some(Any::IntValue(1)) }, |inner, _| AnyValue {
            value: Some(Any::ArrayValue(ArrayValue { values: vec![inner] })),
        });
        let attributes = vec![KeyValue { key: "deep".into(), value: Some(deep), ..KeyValue::default() }];
        let spans = vec![span(11, 1, 0, "deep", attributes), span(11, 2, 1, "shallow", vec![])];
        let answer = server.post_proto("/v1/traces", &request("s", spans));
        assert!(answer.status == 200 || answer.status == 400, "{}", answer.text());
        let json = format!("{{\"resourceSpans\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let answer = server.post("/v1/traces", &[("content-type", "application/json")], json.as_bytes());
        assert_eq!(answer.status, 400, "{}", answer.text());
        let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": trace_id(12), "spanId": "00f067aa0ba902b7", "name": "x",
            "attributes": [{"key": "input.value", "value": {"stringValue": format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))}}]}]}]}]});
        server.post_json("/v1/traces", &json).ok();
        assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(12))).status, 200);
    });
}

#[test]
fn a_chain_of_ten_thousand_steps_is_answered() {
    let server = Server::start();
    let spans = (1..=10_000u64).map(|n| {
        let mut span = span(13, 1, 0, "link", vec![]);
        span.span_id = n.to_be_bytes().to_vec();
        span.parent_span_id = if n == 1 { Vec::new() } else { (n - 1).to_be_bytes().to_vec() };
        span
    });
    server.post_proto("/v1/traces", &request("s", spans.collect())).ok();
    let run = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(13))).ok().json();
    assert_eq!(run["steps"].as_array().unwrap().last().unwrap()["depth"], 9_999);
}
