//! What is erased is gone, what is held stays, what sampling drops was counted, and what agents did is written down.

use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde_json::{Value, json};
use server::{Limits, Settings};
use tempfile::TempDir;

use crate::support::{Answer, Server, attribute, request, span, trace_id};

fn ask(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    server.send(method, &format!("{}{path}", server.http), &[], body.to_string().as_bytes())
}

/// A run of one model call and one tool call, for a user who says something.
fn run_of(trace: u8, user: &str, said: &str, more: Vec<KeyValue>) -> Vec<u8> {
    let long = format!("{said} {}", "and goes on ".repeat(60));
    let mut agent = vec![
        attribute("gen_ai.operation.name", "invoke_agent"),
        attribute("gen_ai.agent.name", "clerk"),
        attribute("user.id", user),
        attribute("gen_ai.conversation.id", &format!("conversation of {user}")),
    ];
    agent.extend(more);
    let call = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.request.model", "gpt-4o"),
        attribute(
            "gen_ai.input.messages",
            &json!([{ "role": "user", "parts": [{ "type": "text", "content": long }] }]).to_string(),
        ),
    ];
    let tool = vec![
        attribute("gen_ai.operation.name", "execute_tool"),
        attribute("gen_ai.tool.name", "refund"),
        attribute("gen_ai.tool.call.arguments", &json!({ "to": said }).to_string()),
    ];
    request(
        "shop",
        vec![
            span(trace, 1, 0, "invoke_agent clerk", agent),
            span(trace, 2, 1, "chat gpt-4o", call),
            span(trace, 3, 1, "execute_tool refund", tool),
        ],
    )
}

fn log_of(server: &Server, trace: u8, said: &str) {
    let record = json!({ "timeUnixNano": crate::support::now().to_string(), "body": { "stringValue": said }, "traceId": trace_id(trace) });
    server.post_json("/v1/logs", &json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [record] }] }] })).ok();
}

/// Files in which a text stands as it is: log, catalog and state are not compressed.
fn holding(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn runs(server: &Server) -> Vec<String> {
    let listed = server.get("/api/v1/runs?limit=100").ok().json();
    let mut runs: Vec<String> =
        listed["runs"].as_array().unwrap().iter().map(|run| run["trace_id"].as_str().unwrap().to_owned()).collect();
    runs.sort();
    runs
}

/// Looks again until it is so; the last look is the answer.
fn until(what: &str, mut look: impl FnMut() -> Option<Value>) -> Value {
    for _ in 0..600 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what} did not come about");
}

fn quick(settings: &mut Settings) {
    settings.runs.settle_nanos = 300_000_000;
}

fn judged(server: &Server, runs: u64) {
    until("judging", || {
        let page = server.get("/metrics").ok().text();
        let line = page.lines().find(|line| line.starts_with("tawny_watch_judged_runs_total "))?;
        (line.rsplit(' ').next()?.parse::<f64>().ok()? >= runs as f64).then_some(Value::Null)
    });
}

#[test]
fn a_user_who_is_erased_is_found_by_nobody_in_no_file_and_not_after_a_restart() {
    let server = Server::configured(TempDir::new().unwrap(), quick);
    let failed = || vec![attribute("error.type", "timeout")];
    server.post_proto("/v1/traces", &run_of(1, "jane-17", "my secret garden", failed())).ok();
    server.post_proto("/v1/traces", &run_of(2, "jane-17", "my secret garden", vec![])).ok();
    server.post_proto("/v1/traces", &run_of(3, "bob-18", "a public lawn", vec![])).ok();
    log_of(&server, 1, "my secret garden was logged");
    log_of(&server, 3, "a public lawn was logged, and jane-17 was named");
    judged(&server, 3);
    assert!(!holding(&server.data_dir(), "secret garden").is_empty(), "the log has it");
    assert!(!holding(&server.data_dir(), "jane-17").is_empty());

    server.get("/api/v1/store/backup").ok();
    let done = ask(&server, "POST", "/api/v1/erasures", json!({ "user": "jane-17" })).ok().json();
    assert_eq!(done["backups"].as_array().unwrap().len(), 1, "a backup still holds it: {done:#}");
    assert_eq!((&done["traces"], &done["found_afterwards"]), (&json!(2), &json!(0)), "{done:#}");
    assert_eq!(done["rows"]["runs"], json!(2), "{done:#}");
    assert_eq!(done["mentioned_in"], json!([trace_id(3)]), "somebody else's run names her: {done:#}");
    assert!(!done.to_string().contains("jane-17"), "the record does not keep the name");
    assert_eq!(runs(&server), [trace_id(3)]);
    for path in [
        "/api/v1/export",
        "/api/v1/logs",
        "/api/v1/sessions",
        "/api/v1/search?q=garden",
        "/api/v1/findings",
        "/api/v1/issues",
    ] {
        let text = server.get(path).ok().text();
        assert!(!text.contains("secret garden"), "{path}: {text}");
    }
    assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(1))).status, 404);
    let log = server.get("/api/v1/audit").ok().text();
    assert!(log.contains("\"erase\"") && !log.contains("jane-17"), "{log}");

    let server = Server::open(server.stop(), Limits::default());
    assert_eq!(runs(&server), [trace_id(3)]);
    // Queries had their time to end with the files they were reading.
    until("the files to go", || holding(&server.data_dir(), "secret garden").is_empty().then_some(Value::Null));
    let listed = server.get("/api/v1/erasures").ok().json();
    assert_eq!(listed["erasures"][0]["traces"], json!(2));
    let again = ask(&server, "POST", "/api/v1/erasures", json!({ "run": trace_id(3) })).ok().json();
    assert_eq!((&again["traces"], &again["found_afterwards"]), (&json!(1), &json!(0)), "{again:#}");
    assert_eq!(runs(&server), Vec::<String>::new());
    for wrong in [json!({}), json!({ "user": "a", "run": "b" }), json!({ "run": "b" }), json!({ "usr": "a" })] {
        assert_eq!(ask(&server, "POST", "/api/v1/erasures", wrong.clone()).status, 400, "{wrong}");
    }
}

#[test]
fn a_name_that_the_policy_keeps_under_another_is_found_by_erasing_and_by_holds() {
    let key = policy::Key::new("a key of more than sixteen bytes").unwrap();
    let rules = "[[policy]]\ncontent = \"full\"\n[policy.redact]\nmark = \"pseudonym\"";
    let policies = policy::Policies::parse("policy.toml", rules, Some(&key)).unwrap();
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        quick(settings);
        settings.policy = Some(std::sync::Arc::new(policies));
    });
    server.post_proto("/v1/traces", &run_of(1, "jane@example.com", "a garden", vec![])).ok();
    server.post_proto("/v1/traces", &run_of(2, "bob@example.com", "a lawn", vec![])).ok();
    let listed = server.get("/api/v1/runs").ok().text();
    assert!(listed.contains("[email:") && !listed.contains("jane@example.com"), "{listed}");
    let order = json!({ "user": "jane@example.com" });
    let hold = ask(&server, "POST", "/api/v1/holds", json!({ "about": order, "reason": "case 17" })).ok().json();
    assert_eq!(ask(&server, "POST", "/api/v1/erasures", order.clone()).status, 409, "the hold is about her runs");
    assert_eq!(ask(&server, "DELETE", &format!("/api/v1/holds/{}", hold["id"]), json!({})).status, 204);
    let done = ask(&server, "POST", "/api/v1/erasures", order).ok().json();
    assert_eq!((&done["traces"], &done["found_afterwards"]), (&json!(1), &json!(0)), "{done:#}");
    assert_eq!(runs(&server), [trace_id(2)], "nobody else's");
}

#[test]
fn what_is_held_is_not_erased_until_the_hold_ends() {
    let server = Server::configured(TempDir::new().unwrap(), quick);
    server.post_proto("/v1/traces", &run_of(1, "jane", "evidence", vec![])).ok();
    let order = json!({ "run": trace_id(1) });
    for about in [
        json!({ "user": "jane" }),
        json!({ "session": "conversation of jane" }),
        json!({ "run": trace_id(1) }),
        json!({}),
    ] {
        let hold = ask(&server, "POST", "/api/v1/holds", json!({ "about": about, "reason": "case 17" })).ok().json();
        let refused = ask(&server, "POST", "/api/v1/erasures", order.clone());
        assert_eq!(refused.status, 409, "{about}: {}", refused.text());
        let told = server.get("/api/v1/retention").ok().json();
        assert_eq!(told["holds"][0]["reason"], "case 17");
        assert_eq!(ask(&server, "DELETE", &format!("/api/v1/holds/{}", hold["id"]), json!({})).status, 204);
    }
    assert_eq!(runs(&server).len(), 1);
    ask(&server, "POST", "/api/v1/erasures", order).ok();
    assert_eq!(runs(&server).len(), 0);
    assert_eq!(ask(&server, "POST", "/api/v1/holds", json!({ "reason": " " })).status, 400);
}

#[test]
fn sampling_drops_what_nobody_will_look_at_after_everything_counted_it() {
    let rules = "[[sampling]]\nkeep_percent = 0\nafter_hours = 0\nnew_version_runs = 1";
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        quick(settings);
        settings.sampling = Some(std::sync::Arc::new(policy::sampling::Sampling::parse("s.toml", rules).unwrap()));
        // Rows that are still in memory wait.
        settings.limits.flush_bytes = 1;
    });
    let version = |number: &str| vec![attribute("gen_ai.agent.version", number)];
    server.post_proto("/v1/traces", &run_of(1, "ann", "first of its version", version("7"))).ok();
    judged(&server, 1);
    server.post_proto("/v1/traces", &run_of(2, "bob", "one of many", version("7"))).ok();
    let failing = |id, kind: &str| {
        let mut span = span(3, id, 0, kind, vec![attribute("gen_ai.operation.name", "invoke_agent")]);
        span.status = Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, message: "no".into() });
        span
    };
    server.post_proto("/v1/traces", &request("shop", vec![failing(1, "failing")])).ok();
    judged(&server, 3);
    let trial = json!({ "rules": rules, "since": "1h" });
    let tried = ask(&server, "POST", "/api/v1/sampling/try", trial).ok().json();
    let counted = until("dropping", || {
        let told = server.get("/api/v1/retention").ok().json()["sampling"].clone();
        (told["runs"]["dropped"] == 1).then_some(told)
    });
    assert_eq!(runs(&server), [trace_id(1), trace_id(3)]);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(2))).status, 404);
    assert_eq!(counted["runs"]["to drop"], json!(1), "{counted}");
    assert_eq!(tried["runs"].as_u64().unwrap() - tried["kept"].as_u64().unwrap(), 1, "{tried}");
    let page = server.get("/metrics").ok().text();
    assert!(page.contains("tawny_sampling_dropped_runs_total{project=\"default\"} 1"), "{page}");
    let counted = server.get("/api/v1/signals").ok().json()["signals"]["standard"].clone();
    assert_eq!(
        (&counted["request_count"], &counted["error_count"]),
        (&json!(3.0), &json!(1.0)),
        "the dropped one as well"
    );
    let calls = server.get("/api/v1/costs?by=model&from=1h").ok().json();
    assert!(calls.to_string().contains("gpt-4o"), "the ledger keeps its calls: {calls}");
    let wrong =
        ask(&server, "POST", "/api/v1/sampling/try", json!({ "rules": "[[sampling]]\nkeep = 1", "since": "1h" }));
    assert!(wrong.status == 400 && wrong.text().contains("rules:2"), "{}", wrong.text());
}

#[test]
fn what_agents_did_is_written_down_joined_to_its_trace_and_can_be_verified() {
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        quick(settings);
        settings.audit_agents = vec!["*".into()];
    });
    server.post_proto("/v1/traces", &run_of(1, "jane", "forty-two euros", vec![])).ok();
    let entries = until("the log of agents", || {
        let listed = server.get("/api/v1/audit?of=agents").ok().json();
        (listed["entries"].as_array()?.len() >= 4).then(|| listed["entries"].clone())
    });
    let find =
        |action: &str| entries.as_array().unwrap().iter().find(|entry| entry["action"] == action).unwrap().clone();
    let call = find("tool.call");
    assert_eq!((&call["actor"], &call["project"]), (&json!("clerk"), &json!("default")));
    assert!(call["target"].as_str().unwrap().starts_with(&trace_id(1)), "{call}");
    assert!(
        call["said"].as_str().unwrap().contains("forty-two euros") && call["said"].as_str().unwrap().contains("refund")
    );
    assert!(find("prompt")["said"].as_str().unwrap().contains("forty-two euros"));
    let check = |server: &Server| server.get("/api/v1/audit/verify?of=agents").ok().json();
    assert_eq!(check(&server)["ok"], json!(true));
    // Erasing takes what was said out of it, and the chain still holds.
    ask(&server, "POST", "/api/v1/erasures", json!({ "user": "jane" })).ok();
    let text = server.get("/api/v1/audit?of=agents").ok().text();
    assert!(text.contains("tool.call") && !text.contains("forty-two"), "{text}");
    assert_eq!(check(&server)["ok"], json!(true));
    let state = state::State::open(&server.data_dir(), &[access::PART]).unwrap();
    state.write(|tx| tx.execute("UPDATE audit_agents SET action = 'tool.cake' WHERE seq = 2", [])).unwrap();
    let broken = check(&server);
    assert!(broken["broken"][0].as_str().unwrap().contains("entry 2"), "{broken}");
}
