//! `--forward` under `kill -9`, `tawny forward check`, `tawny doctor` and `tawny setup`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::data::lines;
use crate::support::{Server, tawny, text, write};

/// A backend that answers every request with 200 and hands on the trace ids in it; one connection at a time.
fn backend(listener: TcpListener) -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), give) = (stream, give.clone()) else { continue };
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut chunk = [0; 65536];
                while let Ok(n @ 1..) = stream.read(&mut chunk) {
                    bytes.extend_from_slice(&chunk[..n]);
                    while let Some((whole, body)) = request(&bytes) {
                        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                        let id = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"]
                            .as_str()
                            .unwrap_or("?")
                            .to_owned();
                        bytes.drain(..whole);
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                        let _ = give.send(id);
                    }
                }
            });
        }
    });
    take
}

/// The first whole request in `bytes`: its length and its body.
fn request(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let headers = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length: usize = headers.split("content-length:").nth(1)?.lines().next()?.trim().parse().ok()?;
    let body = bytes.get(head..head + length)?;
    Some((head + length, body.to_vec()))
}

fn span(number: u32) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": format!("{number:032x}"), "spanId": "00f067aa0ba902b7", "name": "x",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}]}]}]})
}

#[test]
fn nothing_acknowledged_is_missing_after_kill_9() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut dir = TempDir::new().unwrap();
    let config = format!("[[destination]]\nname = \"b\"\nurl = \"http://{address}\"\n");
    let mut acknowledged = BTreeSet::new();
    // Nobody listens yet in the first lives: what waits is all on disk.
    let mut received = None;
    let mut listener = Some(listener);
    for life in 0..6_u32 {
        if life == 3 {
            received = Some(backend(listener.take().unwrap()));
        }
        let kept = write(dir.path(), "forward.toml", &config);
        let server = Server::open_with(dir, &["--forward", &kept]);
        let agent = ureq::agent();
        for number in 0..40 {
            let number = 1 + life * 1000 + number;
            let sent = agent.post(format!("{}/v1/traces", server.url())).send_json(span(number));
            if sent.is_ok() {
                acknowledged.insert(format!("{number:032x}"));
            }
        }
        dir = server.kill();
    }
    let kept = write(dir.path(), "forward.toml", &config);
    let server = Server::open_with(dir, &["--forward", &kept]);
    let received = received.unwrap();
    let mut arrived = BTreeSet::new();
    let mut times = 0;
    while arrived.len() < acknowledged.len() {
        arrived.insert(
            received.recv_timeout(std::time::Duration::from_secs(20)).expect("everything acknowledged arrives"),
        );
        times += 1;
    }
    assert!(acknowledged.is_subset(&arrived));
    assert_eq!(acknowledged.len(), 240);
    println!("{} acknowledged in 6 lives, {times} arrivals", acknowledged.len());
    drop(server);
}

#[test]
fn the_file_is_checked_without_a_server() {
    let dir = TempDir::new().unwrap();
    let good = write(
        dir.path(),
        "good.toml",
        "[[destination]]\nname = \"tempo\"\nurl = \"http://127.0.0.1:4318\"\nheaders = { x-key = \"secret-key\" }\n",
    );
    let output = tawny().args(["forward", "check", &good]).output().unwrap();
    let shown = text(&output.stdout);
    assert!(
        output.status.success() && shown.contains("http://127.0.0.1:4318/v1/traces") && shown.contains("x-key"),
        "{shown}"
    );
    assert!(!shown.contains("secret-key"));
    let bad = write(dir.path(), "bad.toml", "[[destination]]\nname = \"tempo\"\nurl = \"http://h\"\nsignal = 1\n");
    let output = tawny().args(["forward", "check", &bad]).output().unwrap();
    let message = text(&output.stderr);
    assert!(!output.status.success() && message.contains("bad.toml:4"), "{message}");
    let missing = tawny().args(["forward", "check", "none.toml"]).output().unwrap();
    assert!(text(&missing.stderr).contains("none.toml"));
}

#[test]
fn the_doctor_speaks_in_words_and_in_exit_codes() {
    let server = Server::start();
    let quiet = server.out(&["doctor"]);
    assert!(quiet.contains("No span arrived"), "{quiet}");
    let file = write(server.dir.path(), "runs.jsonl", lines());
    server.out(&["import", &file]);
    let shown = server.out(&["doctor"]);
    assert!(shown.contains("no-cost") && shown.contains("house-model-1") && shown.contains("tawny run "), "{shown}");
    let json = server.json(&["doctor", "--json"]);
    assert!(json["findings"].as_array().unwrap().iter().any(|finding| finding["id"] == "no-cost"));
    assert!(server.run(&["doctor", "--strict"]).status.success(), "no finding of severity error: {shown}");
    let without_tokens = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": format!("{:032x}", 9), "spanId": "00f067aa0ba902b7",
        "name": "chat", "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]}]}]}]});
    ureq::post(format!("{}/v1/traces", server.url())).send_json(&without_tokens).unwrap();
    assert_eq!(server.run(&["doctor", "--strict"]).status.code(), Some(1));
    assert!(server.run(&["doctor"]).status.success());
}

#[test]
fn setup_prints_writes_and_waits() {
    let server = Server::start();
    let listed = server.out(&["setup"]);
    for name in ["pydantic-ai", "claude-code", "collector", "rust"] {
        assert!(listed.contains(name), "{listed}");
    }
    let otlp = server.announced["otlp_http"].as_str().unwrap();
    assert!(server.out(&["setup", "vercel-ai", "--no-wait"]).contains(&format!("{otlp}/v1/traces")));
    let unknown = text(&server.run(&["setup", "langraph"]).stderr);
    assert!(unknown.contains("tawny setup"), "{unknown}");
    let file = server.dir.path().join("env.sh");
    let path = file.to_str().unwrap();
    server.out(&["setup", "environment", "--no-wait", "--write", path]);
    assert!(std::fs::read_to_string(&file).unwrap().contains(otlp));
    std::fs::write(&file, "mine").unwrap();
    let refused = server.run(&["setup", "environment", "--no-wait", "--write", path]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine", "what is there is not touched");
    // The settings for curl are a command: run it while setup waits.
    let mut command = tawny();
    let waiting = command.args(["setup", "python", "--wait", "60"]).env("TAWNY_URL", server.url());
    let waiting = waiting.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let curl = server.out(&["setup", "curl", "--no-wait"]);
    let script = curl.split_once("now=").map(|(_, rest)| format!("now={rest}")).unwrap();
    // Setup asks the server for the moment before it prints; what is sent a second later is new to it.
    let sent = std::process::Command::new("bash").args(["-c", &format!("sleep 2\n{script}")]).output().unwrap();
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let output = waiting.wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success() && shown.contains("a trace arrived"), "{shown}{}", text(&output.stderr));
    for part in ["first-steps", "otel_genai", "gpt-4o-mini", "12 in, 7 out", "no-content"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let none = server.run(&["setup", "curl", "--wait", "1"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stdout).contains("No trace arrived"));
}
