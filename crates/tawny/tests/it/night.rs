//! What the commands of the night watch print: findings, issues, a run explained, two compared, detectors tried.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{Server, text, write};

const LONG: &str = "cc000000000000000000000000000001";
const SHORT: &str = "dd000000000000000000000000000002";

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A run that goes on and has called one tool `times` times, with the same arguments and the same result.
fn circles(trace: &str, times: u64) -> String {
    let begin = UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 - 20_000_000_000;
    let spans: Vec<Value> = (0..times)
        .map(|number| {
            let start = begin + number * 1_000_000_000;
            json!({
                "traceId": trace, "spanId": format!("00000000000000b{number}"), "parentSpanId": "00000000000000a1",
                "name": "execute_tool look_up", "kind": 1,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 100_000_000).to_string(),
                "attributes": [
                    attribute("gen_ai.operation.name", "execute_tool"), attribute("gen_ai.tool.name", "look_up"),
                    attribute("gen_ai.agent.name", "helper"), attribute("enduser.id", "ana"),
                    attribute("gen_ai.tool.call.arguments", "{\"order\":\"A1\"}"),
                    attribute("gen_ai.tool.call.result", "{\"state\":\"packed\"}"),
                ],
            })
        })
        .collect();
    let resource = json!({"attributes": [attribute("service.name", "shop"), attribute("service.version", "1.4")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]})
        .to_string()
}

fn server() -> (Server, String) {
    let server = Server::start();
    let lines = format!("{}\n{}\n", circles(LONG, 6), circles(SHORT, 5));
    let file = write(server.dir.path(), "runs.jsonl", lines);
    server.out(&["import", &file]);
    let until = SystemTime::now() + Duration::from_secs(60);
    while server.json(&["findings", "--json"])["findings"].as_array().unwrap().len() < 2 {
        assert!(SystemTime::now() < until, "no findings: {}", server.out(&["runs"]));
        std::thread::sleep(Duration::from_millis(100));
    }
    (server, file)
}

#[test]
fn an_issue_is_listed_explained_and_decided_about() {
    let (server, _) = server();
    let findings = server.out(&["findings", "--detector", "loop"]);
    assert!(findings.contains("loop: `look_up` was called 6 times in a row") && findings.contains(LONG), "{findings}");
    let issues = server.json(&["issues", "--json"]);
    assert_eq!(issues["issues"].as_array().unwrap().len(), 1, "{issues:#}");
    let issue = issues["issues"][0]["fingerprint"].as_str().unwrap();
    let one = server.out(&["issues", issue]);
    for part in ["open", "first seen", "users           1", "versions        1.4", "tawny investigate ", "repeats"] {
        assert!(one.contains(part), "no {part:?} in {one}");
    }
    let changed = server.out(&["issues", issue, "--state", "muted", "--owner", "ana"]);
    assert!(changed.contains("muted") && changed.contains("ana"), "{changed}");
    assert_eq!(server.out(&["issues", "--state", "open"]).trim(), "No issues.");
    let refused = server.run(&["issues", issue, "--state", "fixed"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("fixed"), "{}", text(&refused.stderr));
}

#[test]
fn a_run_is_explained_two_are_compared_and_detectors_are_tried() {
    let (server, file) = server();
    let page = server.out(&["investigate", "cc"]);
    assert!(page.contains("was called 6 times in a row") && page.contains(SHORT), "{page}");
    let diff = server.out(&["diff", "cc", "dd"]);
    assert!(diff.contains("they part at: ") && diff.contains("(removed)"), "{diff}");
    let detectors = server.out(&["detectors"]);
    assert!(detectors.contains("loop ") && detectors.contains("repeats=3"), "{detectors}");
    assert!(server.out(&["detectors", "explain", "loop"]).contains("Silent"));
    let in_file = server.out(&["detectors", "test", &file]);
    assert!(in_file.contains("was called 5 times") && in_file.contains("was called 6 times"), "{in_file}");
    let settings = write(server.dir.path(), "detectors.toml", "[detectors.loop]\nrepeats = 7\n");
    let tried = server.out(&["detectors", "test", "cc", "--settings", &settings]);
    assert!(!tried.contains("loop:"), "{tried}");
}
