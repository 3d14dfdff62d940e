//! Large requests are let in as far as there is room for them, in order; small ones at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use server::Limits;

use crate::support::{Server, TRACE_EXPORT, agent_run, attribute, request, span, trace_id};

/// Room for three of the requests below.
const INTAKE: usize = 1 << 20;

fn large(trace: u8, bytes: usize) -> Vec<u8> {
    request("s", vec![span(trace, 1, 0, "large", vec![attribute("text", &"x".repeat(bytes))])])
}

/// A number of the page of metrics.
fn metric(server: &Server, name: &str) -> f64 {
    let page = server.get("/metrics").ok().text();
    let line = page.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// The head of a request that announces more than there is room for, and nothing of what it announces.
fn silent(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    stream
        .write_all(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n\
              Content-Length: 10000000\r\n\r\n",
        )
        .unwrap();
    // Until it has its turn; on a machine with much to do that may be over again before it is seen.
    let begun = Instant::now();
    while metric(server, "tawny_intake_bytes") < INTAKE as f64 && begun.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    stream
}

#[test]
fn more_large_requests_than_there_is_room_for_are_all_kept_and_none_is_put_off() {
    let server = Server::with(Limits { intake_bytes: INTAKE, ..Limits::default() });
    let url = format!("{}/v1/traces", server.otlp_http);
    std::thread::scope(|scope| {
        for trace in 1..=12u8 {
            let url = &url;
            scope.spawn(move || {
                // One is larger than all the room there is.
                let body = large(trace, if trace == 6 { 3 << 20 } else { 300_000 });
                let zipped = trace.is_multiple_of(3);
                let mut post = ureq::post(url.as_str()).content_type("application/x-protobuf");
                let body = if zipped {
                    post = post.header("content-encoding", "gzip");
                    // Stored, not made smaller: it is counted as if it were.
                    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
                    gzip.write_all(&body).unwrap();
                    gzip.finish().unwrap()
                } else {
                    body
                };
                post.send(&body[..]).unwrap();
            });
        }
        server.grpc(TRACE_EXPORT, None, &large(13, 300_000)).unwrap();
    });
    for trace in 1..=13 {
        server.get(&format!("/api/v1/runs/{}?content=none", trace_id(trace))).ok();
    }
    let status = server.get("/api/v1/status").ok().json();
    let limit = status["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == "intake_bytes").unwrap();
    assert_eq!((limit["value"].as_u64(), limit["reached"].as_u64()), (Some(INTAKE as u64), Some(0)));
    assert_eq!(metric(&server, "tawny_intake_bytes"), 0.0, "the room is given back");
    assert_eq!(metric(&server, "tawny_inflight_bytes"), 0.0);
}

#[test]
fn whoever_announces_much_and_sends_nothing_keeps_nobody_waiting_for_long() {
    let server = Server::with(Limits { intake_bytes: INTAKE, ..Limits::default() });
    let stream = silent(&server);
    // Small ones do not wait at all.
    for trace in 1..=3 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
        server.grpc(TRACE_EXPORT, None, &agent_run(trace + 10)).unwrap();
    }
    assert_eq!(metric(&server, "tawny_intake_waits_total"), 0.0);
    // Large ones wait until it leaves its turn, and are kept then.
    server.post_proto("/v1/traces", &large(4, 300_000)).ok();
    server.grpc(TRACE_EXPORT, None, &large(5, 300_000)).unwrap();
    server.get(&format!("/api/v1/runs/{}?content=none", trace_id(5))).ok();
    drop(stream);
}

#[test]
fn what_comes_late_is_still_kept() {
    let server = Server::with(Limits { intake_bytes: INTAKE, ..Limits::default() });
    let body = large(1, 2 << 20);
    let mut stream = TcpStream::connect(server.otlp_http.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (first, rest) = body.split_at(1000);
    stream.write_all(first).unwrap();
    // Each is larger than all the room there is: where this one is kept, the other has left its turn or not begun it.
    server.post_proto("/v1/traces", &large(2, 2 << 20)).ok();
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.get(&format!("/api/v1/runs/{}?content=none", trace_id(1))).ok();
}
