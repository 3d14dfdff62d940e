//! What real clients sent over their own protocols, byte for byte (recorded requests in `../shared/captures`, where present).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Server;

fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if folder.join("index.json").exists() {
        return Some(folder);
    }
    println!("skipped: no recorded requests at ../shared/captures");
    None
}

/// Requests with a body, in the order recorded.
fn requests(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "body"));
    files.sort();
    files
}

fn send(server: &Server, body: &Path) {
    let head: Value = serde_json::from_slice(&fs::read(body.with_extension("headers.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers: Vec<(String, String)> =
        head["headers"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    let skipped = ["host", "content-length", "connection", "transfer-encoding", "accept-encoding"];
    let kept = headers.iter().filter(|(name, _)| !skipped.contains(&name.to_ascii_lowercase().as_str()));
    let headers: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let url = format!("{}{}", server.http, text(&head["path"]));
    let answer = server.send(&text(&head["method"]), &url, &headers, &fs::read(body).unwrap());
    assert!((200..300).contains(&answer.status), "{}: {} {}", body.display(), answer.status, answer.text());
    let errors = serde_json::from_slice::<Value>(&answer.body).map(|body| body["errors"].clone()).unwrap_or_default();
    assert!(errors.as_array().is_none_or(Vec::is_empty), "{}: {errors}", body.display());
}

/// Captures with the input and output tokens of their runs, runs, and scores. What a script told by hand is in the sums beside what
/// the provider counted (LangSmith: 10 and 5 in `with_attachment`; Langfuse 2: all of it).
const EXPECTED: &[(&str, u64, u64, usize, usize)] = &[
    ("langsmith-py/default", 124, 51, 2, 2),
    ("langsmith-py/no-multipart", 124, 51, 2, 2),
    ("langsmith-py/no-zstd", 124, 51, 2, 2),
    ("langsmith-py/no-batch", 0, 0, 1, 0),
    ("langsmith-js", 114, 46, 2, 0),
    ("langgraph-py/langsmith", 171, 69, 0, 0),
    ("openai-agents-py/langsmith", 228, 92, 0, 0),
    ("openai-agents-py/native", 342, 138, 3, 0),
    ("langfuse-py/v2.60", 65, 33, 2, 3),
    ("langfuse-py/v3.15", 171, 69, 4, 2),
    ("langfuse-py/v5.0", 171, 69, 4, 2),
];

/// Steps that a script told by hand beside the calls its provider answered: they count, and `expected.json` has the provider's.
const BY_HAND: &[(&str, &[&str])] = &[
    ("langsmith-py/default", &["with_attachment"]),
    ("langsmith-py/no-multipart", &["with_attachment"]),
    ("langsmith-py/no-zstd", &["with_attachment"]),
    ("langfuse-py/v2.60", &["chat", "boom", "gen"]),
];

fn is_otlp(body: &Path) -> bool {
    let head: Value = serde_json::from_slice(&fs::read(body.with_extension("headers.json")).unwrap()).unwrap();
    // Calls over gRPC have no path.
    let path = head["path"].as_str().unwrap_or("/v1/traces");
    ["/v1/traces", "/v1/logs", "/v1/metrics"].iter().any(|end| path.ends_with(end))
}

/// Those of OpenTelemetry's protocol alone are looked at in `captures.rs`.
#[test]
fn totals_of_every_other_capture_are_what_the_provider_counted() {
    let Some(folder) = captures() else { return };
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (name, totals) in expected.as_object().unwrap() {
        let requests = requests(&folder.join(name));
        if requests.iter().all(|body| is_otlp(body)) {
            continue;
        }
        let server = Server::start();
        requests.iter().for_each(|body| send(&server, body));
        let by_hand = BY_HAND.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, steps)| *steps);
        let (mut found, mut told, mut whole) = ([0; 3], [0; 3], [0; 3]);
        for run in server.get("/api/v1/runs?limit=100").ok().json()["runs"].as_array().unwrap() {
            let id = run["trace_id"].as_str().unwrap();
            let opened = server.get(&format!("/api/v1/runs/{id}")).ok().json();
            let count = |of: &Value, key: &str| of["usage"][key].as_u64().unwrap_or(0);
            let counts = |of: &Value, calls: u64| [count(of, "input_tokens"), count(of, "output_tokens"), calls];
            for step in opened["steps"].as_array().unwrap().iter().filter(|step| step["counted"] == true) {
                let mine = by_hand.iter().any(|hand| step["name"] == *hand);
                let sums = if mine { &mut told } else { &mut found };
                let calls = u64::from(step["kind"] == "llm" || step["kind"] == "embedding");
                sums.iter_mut().zip(counts(step, calls)).for_each(|(sum, more)| *sum += more);
            }
            let calls = run["llm_calls"].as_u64().unwrap();
            whole.iter_mut().zip(counts(run, calls)).for_each(|(sum, more)| *sum += more);
        }
        let wanted = ["input_tokens", "output_tokens", "llm_calls"].map(|key| totals[key].as_u64().unwrap());
        if found != wanted || (0..3).any(|at| whole[at] != found[at] + told[at]) {
            wrong.push(format!("{name}: {found:?} and {told:?} by hand, runs say {whole:?}; the provider {wanted:?}"));
        }
        checked += 1;
    }
    assert!(checked > 8, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything the API says about all runs, without what differs by when it came.
fn state(server: &Server) -> (Value, Vec<Value>, usize) {
    let counters = server.get("/api/v1/summary").ok().json()["counters"].clone();
    let list = server.get("/api/v1/runs?limit=100").ok().json();
    let mut scores = 0;
    let mut runs: Vec<Value> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            let id = run["trace_id"].as_str().unwrap();
            let run = server.get(&format!("/api/v1/runs/{id}?content=full")).ok().json();
            scores += run["scores"].as_array().unwrap().len();
            let steps: Vec<Value> = run["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| {
                    json!([
                        step["depth"],
                        step["kind"],
                        step["name"],
                        step["status"],
                        step["started_at"],
                        step["ended_at"],
                        step["usage"],
                        step["cost_usd"],
                        step["model"],
                        step["tool"],
                        step["messages"],
                        step["input"],
                        step["output"],
                        step["error"],
                        step["session_id"],
                        step["ttft_ms"],
                        step["scores"]
                    ])
                })
                .collect();
            json!([id, run["run"]["name"], run["run"]["session_id"], run["run"]["user_id"], run["run"]["usage"], steps])
        })
        .collect();
    runs.sort_by_key(|run| run[0].to_string());
    (counters, runs, scores)
}

#[test]
fn every_recorded_request_is_kept_whatever_the_order_and_however_often() {
    let Some(folder) = captures() else { return };
    let mut wrong = Vec::new();
    for (name, input, output, runs, scores) in EXPECTED {
        let requests = requests(&folder.join(name));
        let reversed: Vec<PathBuf> = requests.iter().rev().cloned().collect();
        let twice: Vec<PathBuf> = requests.iter().chain(&requests).cloned().collect();
        let mut first = None;
        for (how, requests) in [("recorded", &requests), ("reversed", &reversed), ("twice", &twice)] {
            let server = Server::start();
            for body in requests.iter() {
                send(&server, body);
            }
            let found = state(&server);
            let told = (found.0["input_tokens"].as_u64(), found.0["output_tokens"].as_u64());
            if told != (Some(*input), Some(*output)) || (*runs > 0 && found.1.len() != *runs) || found.2 != *scores {
                wrong.push(format!("{name}, {how}: tokens {told:?}, {} runs, {} scores; expected {input} and {output}, {runs} runs, {scores} scores", found.1.len(), found.2));
            }
            match &first {
                None => first = Some(found),
                Some(first) if first.1 != found.1 => {
                    wrong.push(format!("{name}, {how}: the runs differ from those of the recorded order"))
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_restart_between_two_requests_changes_nothing() {
    let Some(folder) = captures() else { return };
    for name in ["langsmith-py/no-multipart", "langsmith-py/no-batch", "langfuse-py/v2.60"] {
        let requests = requests(&folder.join(name));
        let whole = Server::start();
        requests.iter().for_each(|body| send(&whole, body));
        let mut server = Server::start();
        for body in &requests {
            send(&server, body);
            server = Server::open(server.stop(), server::Limits::default());
        }
        assert_eq!(state(&server).1, state(&whole).1, "{name}");
    }
}
