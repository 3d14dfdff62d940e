//! Who called whom, and dashboards of people's own.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Server, agent_run};

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    server.send(
        method,
        &format!("{}{path}", server.http),
        &[("content-type", "application/json")],
        body.to_string().as_bytes(),
    )
}

#[test]
fn agents_and_their_calls_are_counted_once_however_often_a_run_is_sent() {
    let dir = TempDir::new().unwrap();
    let server = Server::configured(dir, |settings| settings.runs.settle_nanos = 200_000_000);
    for trace in [1, 2, 1] {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    let mut last = Value::Null;
    for _ in 0..600 {
        last = server.get("/api/v1/agents?from=2000-01-01").ok().json();
        if last["agents"][0]["runs"] == 2 {
            break;
        }
        server.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(25)).await });
    }
    assert_eq!(last["agents"][0]["name"], "planner", "{last:#}");
    assert_eq!(last["agents"][0]["runs"], 2, "{last:#}");
    assert_eq!(last["agents"][0]["called"], json!({"llm": 4, "tool": 2}), "{last:#}");
    let edges = last["edges"].as_array().unwrap();
    let edge = |kind: &str| edges.iter().find(|edge| edge["kind"] == kind).unwrap_or_else(|| panic!("{last:#}"));
    assert_eq!((&edge("tool")["caller"], &edge("tool")["callee"]), (&json!("planner"), &json!("search")));
    assert_eq!((&edge("agent")["caller"], &edge("agent")["calls"]), (&Value::Null, &json!(2)));
    assert!(edge("llm")["p95_ms"].is_number());
    let none = server.get("/api/v1/agents?from=2000-01-01&environment=nowhere").ok().json();
    assert_eq!(none["agents"], json!([]));
    assert_eq!(server.get("/api/v1/agents?from=never").status, 400);
}

fn panel(id: &str, x: u32, w: u32) -> Value {
    json!({"id": id, "kind": "stat", "x": x, "y": 0, "w": w, "h": 5, "queries": [{"language": "promql", "query": "up"}]})
}

#[test]
fn a_dashboard_is_kept_over_a_restart_and_no_change_is_lost_to_another() {
    let server = Server::start();
    let made = send(&server, "POST", "/api/v1/dashboards", &json!({"title": "Night", "panels": [panel("a", 0, 6)]}))
        .ok()
        .json();
    let path = format!("/api/v1/dashboards/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["revision"], &made["spec"]["from"]), (&json!(1), &json!("6h")));
    let spec = json!({"title": "Night watch", "panels": [panel("a", 0, 6), panel("b", 6, 6)]});
    let changed = send(&server, "PUT", &path, &json!({"revision": 1, "spec": spec})).ok().json();
    assert_eq!(changed["revision"], 2);
    let late = send(&server, "PUT", &path, &json!({"revision": 1, "spec": {"title": "Mine"}}));
    assert_eq!((late.status, late.json()["type"].clone()), (409, json!("conflict")));

    let server = Server::open(server.stop(), server::Limits::default());
    let list = server.get("/api/v1/dashboards").ok().json();
    assert_eq!((&list["dashboards"][0]["title"], &list["dashboards"][0]["panels"]), (&json!("Night watch"), &json!(2)));
    assert_eq!(server.get(&path).ok().json()["spec"]["panels"], changed["spec"]["panels"]);
    assert_eq!(send(&server, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(send(&server, "DELETE", &path, &Value::Null).status, 404);
}

#[test]
fn a_dashboard_that_cannot_be_shown_is_refused_with_what_is_wrong() {
    let server = Server::start();
    let refused = |spec: &Value, words: &str| {
        let answer = send(&server, "POST", "/api/v1/dashboards", spec);
        assert_eq!(answer.status, 400, "{}", answer.text());
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{detail}");
    };
    refused(&json!({"title": "  "}), "title");
    refused(&json!({"title": "x", "panels": [panel("a", 20, 6)]}), "`a` lies outside");
    refused(&json!({"title": "x", "panels": [panel("a", 0, 6), panel("a", 6, 6)]}), "each needs one of its own");
    refused(&json!({"title": "x", "panels": [{"id": "a", "kind": "pie", "x": 0, "y": 0, "w": 1, "h": 1}]}), "pie");
    refused(&json!({"title": "x", "colour": "red"}), "colour");
    let many: Vec<Value> = (0..101).map(|at| panel(&at.to_string(), 0, 6)).collect();
    refused(&json!({"title": "x", "panels": many}), "dashboard_panels_max");
    refused(&json!({"title": "x", "description": "y".repeat(300_000)}), "dashboard_bytes_max");
}
