//! Passing on, from one server to another.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Server, agent_run, trace_id};

/// A server that passes on to `url`.
fn forwarding(dir: TempDir, url: &str, more: &str) -> Server {
    let file = dir.path().join("forward.toml");
    std::fs::write(&file, format!("[[destination]]\nname = \"next\"\nurl = \"{url}\"\n{more}")).unwrap();
    Server::configured(dir, |settings| settings.forward = Some(file))
}

fn destination(server: &Server) -> Value {
    server.get("/api/v1/status").ok().json()["forward"]["destinations"][0].clone()
}

/// Waits until the destination looks as wanted.
fn until(server: &Server, what: &str, done: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2000 {
        let status = destination(server);
        if done(&status) {
            return status;
        }
        server.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
    }
    panic!("{what} did not come about: {:#}", destination(server));
}

#[test]
fn a_run_appears_at_the_next_server_over_http_and_grpc() {
    let next = Server::start();
    for (number, (url, more)) in
        [(next.http.clone(), ""), (next.otlp_grpc.clone(), "protocol = \"grpc\"\ncompression = \"gzip\"")]
            .into_iter()
            .enumerate()
    {
        let first = forwarding(TempDir::new().unwrap(), &url, more);
        let trace = 10 + number as u8;
        first.post_proto("/v1/traces", &agent_run(trace)).ok();
        let status = until(&first, "it is sent", |status| status["sent_items"] == 4);
        assert_eq!((&status["state"], &status["queued_requests"]), (&Value::from("ok"), &Value::from(0)));
        let run = next.get(&format!("/api/v1/runs/{}", trace_id(trace))).ok().json();
        assert_eq!((&run["run"]["agent"], &run["run"]["steps"]), (&Value::from("planner"), &Value::from(4)));
        let metrics = first.get("/metrics").ok().text();
        assert!(metrics.contains("tawny_forward_sent_items_total{destination=\"next\"} 4"), "{metrics}");
    }
}

#[test]
fn json_reaches_a_grpc_destination_with_nothing_lost() {
    let next = Server::start();
    let first = forwarding(TempDir::new().unwrap(), &next.otlp_grpc, "protocol = \"grpc\"");
    let span = serde_json::json!({"traceId": trace_id(7), "spanId": "00f067aa0ba902b7", "name": "json",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
        "attributes": [{"key": "n", "value": {"intValue": "7"}}, {"key": "x", "value": {"doubleValue": 0.1}}]});
    let body = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    first.post_json("/v1/traces", &body).ok();
    until(&first, "it is sent", |status| status["sent_items"] == 1);
    let raw = |server: &Server| server.get(&format!("/api/v1/runs/{}/raw", trace_id(7))).ok().text();
    assert_eq!(raw(&first), raw(&next));
}

#[test]
fn two_servers_that_pass_on_to_each_other_stop_at_that() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (at_a, at_b) = (free(), free());
    let start = |own: &str, other: &str| {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("forward.toml");
        std::fs::write(&file, format!("[[destination]]\nname = \"next\"\nurl = \"http://{other}\"\n")).unwrap();
        Server::configured(dir, |settings| (settings.http, settings.forward) = (own.to_owned(), Some(file)))
    };
    let (a, b) = (start(&at_a, &at_b), start(&at_b, &at_a));
    a.post_proto("/v1/traces", &agent_run(5)).ok();
    until(&a, "A sent it to B", |status| status["sent_requests"] == 1);
    until(&b, "B sent it back", |status| status["sent_requests"] == 1);
    let forward = a.get("/api/v1/status").ok().json()["forward"].clone();
    assert_eq!(
        (&forward["circles"], &forward["destinations"][0]["queued_requests"]),
        (&Value::from(1), &Value::from(0))
    );
    assert_eq!(b.get(&format!("/api/v1/runs/{}?content=none", trace_id(5))).status, 200);
}

#[test]
fn what_the_file_says_wrong_stops_the_start() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("forward.toml");
    std::fs::write(&file, "[[destination]]\nname = \"x\"\nurl = \"nowhere\"\n").unwrap();
    let settings = server::Settings {
        data: dir.path().join("data"),
        http: "127.0.0.1:0".into(),
        otlp_http: "127.0.0.1:0".into(),
        otlp_grpc: "127.0.0.1:0".into(),
        forward: Some(file),
        ..server::Settings::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(server::start(settings)).err().unwrap().to_string();
    assert!(error.contains("forward.toml:3") && error.contains("nowhere"), "{error}");
}

#[test]
fn a_destination_that_is_down_keeps_nobody_waiting() {
    let first = forwarding(TempDir::new().unwrap(), "http://127.0.0.1:9", "");
    for trace in 1..50 {
        first.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    let status = until(&first, "a retry", |status| status["retries"].as_u64() >= Some(1));
    assert_eq!((&status["state"], &status["queued_requests"]), (&Value::from("retrying"), &Value::from(49)));
    assert!(status["last_error"].as_str().unwrap().contains("no connection"), "{status:#}");
    assert_eq!(first.get("/readyz").status, 200);
    let first = Server::configured(first.stop(), |_| {});
    assert_eq!(
        first.get("/api/v1/runs").ok().json()["total"],
        49,
        "without the setting nothing is passed on, nothing is lost"
    );
}

#[test]
fn what_comes_in_a_foreign_protocol_goes_on_as_opentelemetry() {
    let next = Server::start();
    let first = forwarding(TempDir::new().unwrap(), &next.otlp_http, "");
    let run = serde_json::json!({"id": "01a1fc48-b8b9-78e3-b5e8-b2905c8eb53b", "trace_id": "01a1fc48-b8b9-78e3-b5e8-b2905c8eb53b",
        "name": "answer", "run_type": "chain", "start_time": "2026-11-21T04:06:26.745130+00:00", "end_time": "2026-11-21T04:06:27.745130+00:00",
        "inputs": {"question": "owls?"}, "outputs": {"answer": "yes"}});
    let answer = first.post_json("/runs", &run);
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text());
    until(&first, "it is sent", |status| status["sent_requests"].as_u64() >= Some(1));
    let names = |server: &Server| server.get("/api/v1/runs").ok().json()["runs"][0]["name"].clone();
    assert_eq!((names(&first), names(&next)), (Value::from("answer"), Value::from("answer")));
}
