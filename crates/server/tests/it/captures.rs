//! What real clients sent, with the headers they sent it with (recorded requests in `../shared/captures`, where present).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Server;

pub fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if folder.join("index.json").exists() {
        return Some(folder);
    }
    println!("skipped: no recorded requests at ../shared/captures");
    None
}

pub fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Requests of one capture that are OTLP, as recorded.
pub fn requests(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "body"));
    files.sort();
    files
}

pub fn send(server: &Server, body: &Path) {
    let headers = read(&body.with_extension("headers.json"));
    let bytes = fs::read(body).unwrap();
    if let Some(method) = headers["grpc_method"].as_str() {
        let answer = server.grpc(method, None, &bytes).unwrap_or_else(|status| panic!("{}: {status}", body.display()));
        assert!(answer.is_empty(), "{}: something was refused", body.display());
        return;
    }
    let path = headers["path"].as_str().unwrap();
    let recorded: Vec<(&str, &str)> = headers["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .filter(|(name, _)| {
            !["host", "content-length", "connection", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str())
        })
        .collect();
    let answer = server.post(path, &recorded, &bytes);
    assert_eq!(answer.status, 200, "{}: {}", body.display(), answer.text());
    assert_eq!(answer.header("tawny-rejected"), "0", "{}: {}", body.display(), answer.text());
}

pub fn is_otlp(request: &Value) -> bool {
    let to = request["to"].as_str().unwrap();
    to.starts_with("gRPC") || ["/v1/traces", "/v1/logs", "/v1/metrics"].iter().any(|path| to.ends_with(path))
}

#[test]
fn every_recorded_otlp_request_is_kept_whole() {
    let Some(folder) = captures() else { return };
    let index = read(&folder.join("index.json"));
    let server = Server::start();
    let (mut spans, mut logs, mut sent) = (0, 0, 0);
    for (name, capture) in index.as_object().unwrap() {
        if !capture["requests"].as_array().unwrap().iter().all(is_otlp) {
            continue; // other protocols, and captures that mix them
        }
        let before = server.counts("traces")["items_accepted"].as_u64().unwrap();
        for body in requests(&folder.join(name)) {
            send(&server, &body);
            sent += 1;
        }
        let after = server.counts("traces")["items_accepted"].as_u64().unwrap();
        // The capture of retries holds the same spans three times.
        if name != "otlp-retry-503" {
            assert_eq!(after - before, capture["spans"].as_u64().unwrap(), "{name}");
            logs += capture["log_records"].as_u64().unwrap();
        }
        spans += after - before;
    }
    println!("{sent} requests, {spans} spans, {logs} log records");
    assert!(sent > 50);
    assert_eq!(server.counts("logs")["items_accepted"].as_u64().unwrap(), logs);
}

#[test]
fn totals_are_what_the_providers_counted() {
    let Some(folder) = captures() else { return };
    let (index, expected) = (read(&folder.join("index.json")), read(&folder.join("expected.json")));
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (name, totals) in expected.as_object().unwrap() {
        let capture = &index[name];
        let requests_of = capture["requests"].as_array();
        if totals["native_protocol"] == true || !requests_of.is_some_and(|requests| requests.iter().all(is_otlp)) {
            continue;
        }
        let server = Server::start();
        for body in requests(&folder.join(name)) {
            send(&server, &body);
        }
        let summary = server.get("/api/v1/summary").ok().json();
        let counters = &summary["counters"];
        for key in ["input_tokens", "output_tokens", "llm_calls"] {
            let wanted = &totals[key];
            if counters[key] != *wanted {
                wrong.push(format!("{name}: {key} is {}, should be {wanted}", counters[key]));
            }
        }
        checked += 1;
    }
    println!("{checked} captures checked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
