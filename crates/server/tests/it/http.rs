//! OTLP over HTTP, as the specification has it.

use std::io::{Read, Write};
use std::net::TcpStream;

use prost::Message;
use serde_json::json;

use crate::support::{Server, agent_run, request, span, trace_id};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_run_is_there_as_soon_as_its_request_is_answered() {
    let server = Server::start();
    let answer = server.post_proto("/v1/traces", &agent_run(7)).ok();
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    assert!(answer.body.is_empty(), "full success is an empty message");
    assert_eq!(answer.header("tawny-accepted"), "4");
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(7))).ok().json();
    assert_eq!(run["run"]["agent"], "planner");
    assert_eq!(run["run"]["llm_calls"], 2);
    assert_eq!(run["run"]["tool_calls"], 1);
    assert_eq!(run["run"]["usage"]["input_tokens"], 250);
    assert_eq!(run["run"]["usage"]["output_tokens"], 50);
    assert_eq!(run["steps"].as_array().unwrap().len(), 4);
    let list = server.get("/api/v1/runs").ok().json();
    assert_eq!(list["runs"][0]["trace_id"], trace_id(7));
    assert_eq!(list["total"], 1);
}

#[test]
fn every_compression_gives_the_same_run() {
    let server = Server::start();
    let body = |trace| agent_run(trace);
    let proto = ("content-type", "application/x-protobuf");
    server.post("/v1/traces", &[proto, ("content-encoding", "identity")], &body(1)).ok();
    server.post("/v1/traces", &[proto, ("content-encoding", "gzip")], &gzip(&body(2))).ok();
    server.post("/v1/traces", &[proto, ("content-encoding", "deflate")], &zlib(&body(3))).ok();
    server.post("/v1/traces", &[proto, ("content-encoding", "zstd")], &zstd::encode_all(&body(4)[..], 3).unwrap()).ok();
    for trace in 1..=4 {
        let run = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(trace))).ok().json();
        assert_eq!(run["run"]["usage"]["total_tokens"], 300, "{trace}");
    }
    let counts = server.counts("traces");
    assert_eq!((&counts["requests_accepted"], &counts["items_accepted"]), (&json!(4), &json!(16)));
    let refused = server.post("/v1/traces", &[proto, ("content-encoding", "br")], b"x");
    assert_eq!(refused.status, 415);
    assert!(refused.text().contains("gzip"), "{}", refused.text());
}

#[test]
fn json_is_answered_in_json_with_what_was_refused() {
    let server = Server::start();
    let empty = server.post_json("/v1/traces", &json!({})).ok();
    assert_eq!((empty.header("content-type"), empty.text().as_str()), ("application/json", "{}"));
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": trace_id(9), "spanId": "00f067aa0ba902b7", "name": "kept"},
        {"traceId": "", "spanId": "00f067aa0ba902b8", "name": "no trace"},
        {"traceId": trace_id(0), "spanId": "00f067aa0ba902b9", "name": "zero trace"}]}]}]});
    let headers = [("content-type", "application/json; charset=utf-8")];
    let answer = server.post("/v1/traces", &headers, body.to_string().as_bytes()).ok();
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"].as_str().unwrap(), "2");
    assert!(!partial["errorMessage"].as_str().unwrap().is_empty());
    assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(9))).ok().json()["run"]["steps"], 1);
    let counts = server.counts("traces");
    assert_eq!((&counts["items_accepted"], &counts["items_rejected"]), (&json!(1), &json!(2)));
    assert!(!counts["item_reasons"].as_array().unwrap().is_empty());
}

#[test]
fn a_base_url_works_with_and_without_the_path() {
    let server = Server::start();
    let proto = [("content-type", "application/x-protobuf")];
    for (trace, url) in [
        (1, format!("{}/v1/traces", server.otlp_http)),
        (2, format!("{}/v1/traces", server.http)),
        (3, format!("{}/v1/traces/", server.otlp_http)),
        (4, server.otlp_http.clone()),
        (5, format!("{}/", server.http)),
        (6, format!("{}/api/public/otel/v1/traces", server.http)),
        (7, format!("{}/v1/traces/v1/traces", server.otlp_http)),
        (8, format!("{}/v1/traces", server.otlp_grpc)),
        (9, format!("{}//v1/traces", server.otlp_http)),
    ] {
        server.post_to(&url, &proto, &agent_run(trace)).ok();
        assert_eq!(server.get(&format!("/api/v1/runs/{}?content=none", trace_id(trace))).status, 200, "{url}");
    }
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "1700000000000000000", "body": {"stringValue": "hello"}, "traceId": trace_id(1)}]}]}]});
    server.post_json("/", &logs).ok();
    let found = server.get(&format!("/api/v1/runs/{}/logs", trace_id(1))).ok().json();
    assert_eq!(found["logs"][0]["body"], "hello");
}

#[test]
fn what_cannot_be_read_is_explained_in_the_encoding_of_the_request() {
    let server = Server::start();
    let answer = server.post_proto("/v1/traces", b"\xff\xff\xff\xff");
    assert_eq!((answer.status, answer.header("content-type")), (400, "application/x-protobuf"));
    let status = tonic_status(&answer.body);
    assert!(status.1.contains("protobuf"), "{status:?}");
    let answer = server.post("/v1/traces", &[("content-type", "application/json")], b"{\"resourceSpans\": [");
    assert_eq!((answer.status, answer.header("content-type")), (400, "application/json"));
    assert!(answer.json()["message"].as_str().unwrap().contains("JSON"));
    let answer = server.post("/v1/traces", &[("content-type", "text/plain")], b"hello");
    assert_eq!(answer.status, 415);
    assert!(answer.json()["message"].as_str().unwrap().contains("application/x-protobuf"));
    let answer = server.get("/v1/traces");
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("POST"));
    let counts = server.counts("traces");
    assert_eq!(counts["requests_rejected"], json!({"malformed": 2, "unsupported": 1}));
}

/// Code and message of a `google.rpc.Status`.
fn tonic_status(bytes: &[u8]) -> (i32, String) {
    #[derive(Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
    }
    let status = Status::decode(bytes).unwrap();
    (status.code, status.message)
}

#[test]
fn a_body_without_content_type_is_read_as_what_it_looks_like() {
    let server = Server::start();
    server.post("/v1/traces", &[("content-type", "")], &agent_run(1)).ok();
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": trace_id(2), "spanId": "00f067aa0ba902b7", "name": "x"}]}]}]});
    let answer = server.post("/v1/traces", &[("content-type", "")], format!("\n {body}").as_bytes()).ok();
    assert_eq!(answer.header("content-type"), "application/json");
}

#[test]
fn chunked_bodies_of_any_cut_are_put_together() {
    let server = Server::start();
    let body = agent_run(5);
    let mut stream = TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    write!(stream, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n").unwrap();
    for piece in body.chunks(97) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
        stream.flush().unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(5))).ok().json()["run"]["steps"], 4);
}

#[test]
fn the_same_request_twice_adds_nothing() {
    let server = Server::start();
    let body = agent_run(3);
    server.post_proto("/v1/traces", &body).ok();
    server.post_proto("/v1/traces", &body).ok();
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(3))).ok().json();
    assert_eq!((&run["run"]["steps"], &run["run"]["usage"]["total_tokens"]), (&json!(4), &json!(300)));
    assert_eq!(server.get("/api/v1/runs").ok().json()["total"], 1);
}

#[test]
fn a_late_span_changes_its_run() {
    let server = Server::start();
    server.post_proto("/v1/traces", &request("s", vec![span(6, 2, 1, "child", vec![])])).ok();
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(6))).ok().json();
    assert_eq!((&run["run"]["steps"], &run["steps"][0]["orphan"]), (&json!(1), &json!(true)));
    server.post_proto("/v1/traces", &request("s", vec![span(6, 1, 0, "root", vec![])])).ok();
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(6))).ok().json();
    assert_eq!((&run["run"]["name"], &run["run"]["steps"]), (&json!("root"), &json!(2)));
    assert_eq!((&run["steps"][1]["orphan"], &run["steps"][1]["depth"]), (&json!(false), &json!(1)));
}
