//! Changes, incidents and brakes over the API.

use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Server, attribute, count, request, span, trace_id};

const SECOND: u64 = 1_000_000_000;

fn server(dir: TempDir) -> Server {
    Server::configured(dir, |settings| settings.runs.settle_nanos = 100_000_000)
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes())
}

#[track_caller]
/// A run of version `version` that began `ago` seconds before it usually does and calls one tool `times` times alike.
fn run(trace: u8, version: &str, user: &str, times: u8, ago: u64) -> Vec<u8> {
    let agent = vec![
        attribute("gen_ai.operation.name", "invoke_agent"),
        attribute("gen_ai.agent.name", "refunds"),
        attribute("gen_ai.agent.version", version),
        attribute("user.id", user),
    ];
    let call = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.provider.name", "openai"),
        attribute("gen_ai.response.model", "gpt-4o"),
        count("gen_ai.usage.input_tokens", 1000),
        count("gen_ai.usage.output_tokens", 100),
    ];
    let tool = || {
        vec![
            attribute("gen_ai.operation.name", "execute_tool"),
            attribute("gen_ai.tool.name", "look_up"),
            attribute("gen_ai.tool.call.arguments", "{\"order\":\"A1\"}"),
            attribute("gen_ai.tool.call.result", "{\"state\":\"packed\"}"),
        ]
    };
    let mut spans = vec![span(trace, 1, 0, "refunds", agent), span(trace, 2, 1, "chat", call)];
    spans.extend((0..times).map(|at| span(trace, 3 + at, 1, "look_up", tool())));
    for span in &mut spans {
        span.start_time_unix_nano -= ago * SECOND;
        span.end_time_unix_nano -= ago * SECOND;
    }
    request("refunds", spans)
}

#[test]
fn an_incident_says_what_changed_before_which_run_was_good_and_who_was_hit() {
    let server = server(TempDir::new().unwrap());
    server.post_proto("/v1/traces", &run(1, "7", "ada", 1, 600)).ok();
    server.until("/api/v1/costs?by=run", |costs| costs["total"]["calls"] == 1);
    // Runs begin a second before they are sent.
    let at = model::Timestamp::from_nanos((crate::support::now() - 5 * SECOND) as i64).to_string();
    let told = json!({"id": "index-3", "kind": "index_version", "title": "orders index 3", "agent": "refunds", "url": "https://ci.example/3", "at": at});
    post(&server, "/api/v1/changes", &told).ok();
    server.post_proto("/v1/traces", &run(2, "8", "ada", 5, 0)).ok();
    server.post_proto("/v1/traces", &run(3, "8", "eve,=1", 5, 0)).ok();
    let issues = server.until("/api/v1/issues?detector=loop", |issues| issues["issues"][0]["runs"] == 2);
    let fingerprint = issues["issues"][0]["fingerprint"].as_str().unwrap();

    let page = server.get(&format!("/api/v1/incidents/{fingerprint}")).ok().json();
    assert_eq!(page["last_good"]["trace_id"], *trace_id(1), "{page:#}");
    assert_eq!(page["last_good"]["findings"], 0);
    assert_eq!(page["first_bad"]["version"], "8");
    let changes: Vec<&Value> = page["changes"].as_array().unwrap().iter().map(|it| &it["title"]).collect();
    assert_eq!(changes, ["new version 8 (before: 7)", "orders index 3"]);
    let hit = &page["hit"];
    assert_eq!((&hit["runs"], &hit["users"], &hit["unpriced_runs"]), (&json!(2), &json!(2), &json!(0)));
    // Two calls of 1000 tokens at 2.5 and 100 at 10 dollars a million.
    assert!((hit["cost_usd"].as_f64().unwrap() - 0.007).abs() < 1e-12, "{hit}");
    assert!(page["brakes"].as_array().unwrap().is_empty());
    let csv = server.get(&format!("/api/v1/incidents/{fingerprint}/runs.csv")).ok();
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines = csv.text();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains(&format!("{},ada,,default,refunds,8,", trace_id(2))), "{lines}");
    assert!(lines.contains(",\"eve,=1\",,default,refunds,8,") && lines.contains(",0.0035\n"), "{lines}");
    assert_eq!(server.get("/api/v1/incidents/none").status, 404);
    assert_eq!(server.get("/api/v1/incidents/none/runs.csv").status, 404);
}

#[test]
fn a_drift_begins_with_its_first_run_and_hits_every_run_since() {
    const BEFORE: u8 = 60;
    const ALL: u8 = 84;
    let server = server(TempDir::new().unwrap());
    let send = |trace: u8, version: &str, times: u8| {
        let user = if trace.is_multiple_of(2) { "ada" } else { "eve" };
        let ago = 10 * u64::from(ALL - trace);
        server.post_proto("/v1/traces", &run(trace, version, user, times, ago)).ok();
    };
    (1..=BEFORE).for_each(|trace| send(trace, "7", 1));
    server.until("/api/v1/costs?by=run", |costs| costs["total"]["calls"] == BEFORE);
    // The tool is not called any more but for one run that loops, and every run ends well.
    (BEFORE + 1..=ALL).for_each(|trace| send(trace, "8", if trace == BEFORE + 3 { 5 } else { 0 }));
    server.until("/api/v1/costs?by=run", |costs| costs["total"]["calls"] == ALL);
    let issues = server.until("/api/v1/issues?detector=drift", |issues| issues["issues"][0].is_object());
    let fingerprint = issues["issues"][0]["fingerprint"].as_str().unwrap();

    let page = server.get(&format!("/api/v1/incidents/{fingerprint}")).ok().json();
    assert_eq!(page["first_bad"]["trace_id"], *trace_id(BEFORE + 1), "{page:#}");
    assert_eq!(page["onset"], page["first_bad"]["started_at"]);
    assert_eq!(page["last_good"]["trace_id"], *trace_id(BEFORE));
    let changes: Vec<&Value> = page["changes"].as_array().unwrap().iter().map(|it| &it["title"]).collect();
    assert_eq!(changes, ["new version 8 (before: 7)"]);
    assert_eq!((&page["hit"]["runs"], &page["hit"]["users"]), (&json!(ALL - BEFORE), &json!(2)));
    // What else went wrong in any of them, not only in the one that made it certain.
    let related = page["related"].as_array().unwrap();
    let loops: Vec<&Value> =
        related.iter().filter(|it| it["issue"]["detector"] == "loop").map(|it| &it["runs"]).collect();
    assert_eq!(loops, [1], "{related:#?}");
    let csv = server.get(&format!("/api/v1/incidents/{fingerprint}/runs.csv")).ok().text();
    let lines: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(lines.len(), usize::from(ALL - BEFORE), "{csv}");
    assert!(lines[0].contains(&format!("{},eve,,default,refunds,8,", trace_id(BEFORE + 1))), "{csv}");
}

#[test]
fn a_change_told_twice_is_one_and_one_that_was_told_is_not_seen_as_well() {
    let server = server(TempDir::new().unwrap());
    let deploy = json!({"id": "d8", "kind": "deploy", "title": "refunds 8", "agent": "refunds", "version": "8"});
    for _ in 0..2 {
        let kept = post(&server, "/api/v1/changes", &deploy).ok().json();
        assert_eq!((&kept["id"], &kept["source"]), (&json!("d8"), &json!("told")));
    }
    for (trace, version, ago) in [(1, "7", 60), (2, "8", 0)] {
        server.post_proto("/v1/traces", &run(trace, version, "ada", 1, ago)).ok();
    }
    server.until("/api/v1/costs?by=run", |costs| costs["total"]["calls"] == 2);
    let all = server.get("/api/v1/changes").ok().json();
    assert_eq!(all["changes"].as_array().unwrap().len(), 1, "{all:#}");
    // Version 9 was not told: it is seen, with the run that showed it first.
    server.post_proto("/v1/traces", &run(3, "9", "ada", 1, 0)).ok();
    let seen =
        server.until("/api/v1/changes?source=seen&kind=deploy&agent=refunds", |all| all["changes"][0].is_object());
    let seen = &seen["changes"][0];
    assert_eq!((&seen["version"], &seen["previous"]), (&json!("9"), &json!("8")));
    assert_eq!(seen["trace_id"], *trace_id(3));
    let first = server.get("/api/v1/changes?limit=1").ok().json();
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/changes?limit=1&cursor={next}")).ok().json();
    assert_ne!(first["changes"][0]["id"], second["changes"][0]["id"]);
    assert!(second["next"].is_null());
    for wrong in [
        json!({"kind": "party", "title": "x"}),
        json!({"kind": "deploy", "title": " "}),
        json!({"kind": "deploy", "title": "x", "url": "javascript:alert(1)"}),
        json!({"kind": "deploy", "title": "x", "at": "1999-01-01T00:00:00Z"}),
        json!({"kind": "deploy", "title": "x", "what": 1}),
    ] {
        assert_eq!(post(&server, "/api/v1/changes", &wrong).status, 400, "{wrong}");
    }
    for wrong in ["source=x", "kind=x", "cursor=x", "limit=0", "agnet=x"] {
        assert_eq!(server.get(&format!("/api/v1/changes?{wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn a_brake_answers_the_budget_check_until_it_is_taken_off_also_after_a_restart() {
    let first = server(TempDir::new().unwrap());
    let ask = |server: &Server, more: Value| {
        let mut body = json!({"agent": "refunds", "model": "gpt-4o", "usd": 0.1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(server, "/api/v1/budgets/check", &body).ok().json()
    };
    assert_eq!(ask(&first, json!({}))["verdict"], "allow");
    let on = json!({"action": "hold", "agent": "refunds", "tool": "send_money", "why": "refunds twice", "minutes": 60});
    let brake = post(&first, "/api/v1/brakes", &on).ok().json();
    let stopped = ask(&first, json!({"tool": "send_money", "reserve": true}));
    assert_eq!((&stopped["verdict"], &stopped["brake"]["action"]), (&json!("reject"), &json!("hold")), "{stopped}");
    assert_eq!(stopped["reason"], "calls of `send_money` by agent `refunds` are on hold by anybody: refunds twice");
    assert!(stopped["reservation"].is_null());
    assert_eq!(ask(&first, json!({"tool": "look_up"}))["verdict"], "allow");

    let second = server(first.stop());
    assert_eq!(ask(&second, json!({"tool": "send_money"}))["verdict"], "reject");
    let off = |id: &str| second.send("DELETE", &format!("{}/api/v1/brakes/{id}", second.http), &[], b"");
    let id = brake["id"].as_str().unwrap();
    let over = off(id).ok().json();
    assert_eq!((&over["in_force"], &over["ended_by"]), (&json!(false), &json!("anybody")));
    assert_eq!(off(id).status, 404);
    assert_eq!(ask(&second, json!({"tool": "send_money"}))["verdict"], "allow");
    assert_eq!(second.get("/api/v1/brakes").ok().json()["brakes"], json!([]));
    assert_eq!(second.get("/api/v1/brakes?all=true").ok().json()["brakes"][0]["id"], id);

    // The version before is the one that telemetry showed before the newest.
    let keep = json!({"action": "previous", "agent": "refunds", "why": "8 loops"});
    assert_eq!(post(&second, "/api/v1/brakes", &keep).status, 422);
    for (trace, version, ago) in [(1, "7", 60), (2, "8", 0)] {
        second.post_proto("/v1/traces", &run(trace, version, "ada", 1, ago)).ok();
    }
    second.until("/api/v1/costs?by=run", |costs| costs["total"]["calls"] == 2);
    assert_eq!(post(&second, "/api/v1/brakes", &keep).ok().json()["version"], "7");
    let kept = ask(&second, json!({"version": "8"}));
    assert_eq!((&kept["verdict"], &kept["brake"]["version"]), (&json!("reject"), &json!("7")));
    assert_eq!(ask(&second, json!({"version": "7"}))["verdict"], "allow");
    for wrong in [
        json!({"action": "stop", "agent": "a", "why": "x"}),
        json!({"action": "hold", "why": "x"}),
        json!({"action": "hold", "agent": "a", "why": ""}),
        json!({"action": "hold", "agent": "a", "why": "x", "minutes": 0}),
        json!({"action": "hold", "agent": "a", "why": "x", "until": "2001-01-01T00:00:00Z"}),
    ] {
        assert_eq!(post(&second, "/api/v1/brakes", &wrong).status, 400, "{wrong}");
    }
    let audit = second.get("/api/v1/audit").ok().json();
    let actions: Vec<&Value> = audit["entries"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert!(actions.contains(&&json!("brake.on")) && actions.contains(&&json!("brake.off")), "{actions:?}");
}

/// A run whose calls ask for `asked`, one for each `answer`; where that is empty the call fails.
fn asking(trace: u8, asked: &str, answers: &[&str]) -> Vec<u8> {
    let agent = vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "refunds")];
    let mut spans = vec![span(trace, 1, 0, "refunds", agent)];
    for (at, answer) in (2..).zip(answers) {
        let mut call = span(
            trace,
            at,
            1,
            "chat",
            vec![
                attribute("gen_ai.operation.name", "chat"),
                attribute("gen_ai.provider.name", "openai"),
                attribute("gen_ai.request.model", asked),
            ],
        );
        if answer.is_empty() {
            call.status = Some(Status { code: StatusCode::Error as i32, message: "overloaded".into() });
        } else {
            call.attributes.extend([
                attribute("gen_ai.response.model", answer),
                count("gen_ai.usage.input_tokens", 100),
                count("gen_ai.usage.output_tokens", 10),
            ]);
        }
        spans.push(call);
    }
    request("refunds", spans)
}

#[test]
fn a_failed_call_shows_no_model_and_an_alias_is_none_beside_what_answers_to_it() {
    let first = server(TempDir::new().unwrap());
    let dated = "gpt-5.1-2025-11-13";
    first.post_proto("/v1/traces", &asking(1, "gpt-5.1", &[dated])).ok();
    first.post_proto("/v1/traces", &asking(2, "gpt-5.1", &["", dated])).ok();
    first.post_proto("/v1/traces", &asking(3, "gpt-5.1", &[""])).ok();
    first.post_proto("/v1/traces", &asking(4, "gpt-5.1", &["gpt-5.1"])).ok();
    first.post_proto("/v1/traces", &asking(5, "claude-opus-4", &["claude-opus-4"])).ok();
    let models = |server: &Server| {
        let all = server.until("/api/v1/changes?kind=model", |all| all["changes"][0].is_object());
        let changes = all["changes"].as_array().unwrap().iter();
        changes.map(|change| change["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // What is seen of a run is kept together with the calls it adds to the graph.
    let graph = first.until("/api/v1/agents?from=2000-01-01", |graph| graph["agents"][0]["runs"] == 5);
    assert_eq!(models(&first), [format!("new model claude-opus-4 (before: {dated})")]);

    // The failed call counts at the model that answers where it was made, and at the one asked for where none did.
    let calls = |model: &str| {
        let edge = graph["edges"].as_array().unwrap().iter().find(|edge| edge["callee"] == model).unwrap();
        (edge["calls"].as_u64().unwrap(), edge["errors"].as_u64().unwrap())
    };
    assert_eq!((calls(dated), calls("gpt-5.1"), calls("claude-opus-4")), ((3, 1), (2, 1), (1, 0)));

    // What an earlier program kept has both under no name.
    let dir = first.stop();
    let old = state::rusqlite::Connection::open(dir.path().join("data/state.sqlite")).unwrap();
    let insert =
        "INSERT INTO incident_seen SELECT project, environment, agent, part, '', ?1, '', first_at + ?2, last_at, trace
        FROM incident_seen WHERE part = 'model' AND name = 'answered' AND value = ?3";
    for (value, later) in [("gpt-5.1", 1_000_000), ("gpt-4.1", -2_000_000), (dated, 0)] {
        assert_eq!(old.execute(insert, (value, later, dated)).unwrap(), 1);
    }
    drop(old);
    let expected =
        [format!("new model claude-opus-4 (before: {dated})"), format!("new model {dated} (before: gpt-4.1)")];
    assert_eq!(models(&server(dir)), expected);
}
