//! Findings of settled runs, their issues, and the pages about a run, over the API.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use server::Limits;
use tempfile::TempDir;

use crate::support::Server;

/// A server on which runs settle at once.
fn server(dir: TempDir) -> Server {
    Server::configured(dir, |settings| {
        settings.limits = Limits::default();
        settings.runs.settle_nanos = 50_000_000;
    })
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

/// A run that calls one tool `times` times with the same arguments and the same result; ends `ago` seconds before now.
fn looping(trace: &str, times: usize) -> Value {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let begin = now - 20_000_000_000;
    let mut spans = vec![json!({
        "traceId": trace, "spanId": "00000000000000a1", "name": "invoke_agent helper", "kind": 1,
        "startTimeUnixNano": begin.to_string(), "endTimeUnixNano": (begin + 15_000_000_000).to_string(),
        "attributes": [attribute("gen_ai.operation.name", text("invoke_agent")), attribute("gen_ai.agent.name", text("helper"))],
    })];
    for number in 0..times {
        let start = begin + 1_000_000_000 * (number as u64 + 1);
        spans.push(json!({
            "traceId": trace, "spanId": format!("00000000000000b{number}"), "parentSpanId": "00000000000000a1",
            "name": "execute_tool look_up", "kind": 1,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 100_000_000).to_string(),
            "attributes": [
                attribute("gen_ai.operation.name", text("execute_tool")), attribute("gen_ai.tool.name", text("look_up")),
                attribute("gen_ai.tool.call.arguments", text("{\"order\":\"A1\"}")),
                attribute("gen_ai.tool.call.result", text("{\"state\":\"packed\"}")),
            ],
        }));
    }
    json!({"resourceSpans": [{"resource": {"attributes": [attribute("service.name", text("shop"))]}, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]})
}

fn send(server: &Server, request: &Value) {
    let url = format!("{}/v1/traces", server.otlp_http);
    server.send("POST", &url, &[("content-type", "application/json")], request.to_string().as_bytes()).ok();
}

/// Asks until there is an answer of which `wanted` holds.
#[track_caller]
fn wait(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        last = server.get(path).ok().json();
        if wanted(&last) {
            return last;
        }
        server.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }
    panic!("{path} never answered as wanted: {last:#}")
}

fn count(answer: &Value, list: &str) -> usize {
    answer[list].as_array().map_or(0, Vec::len)
}

const FIRST: &str = "000000000000000000000000000000f1";
const SECOND: &str = "000000000000000000000000000000f2";

#[test]
fn a_loop_becomes_a_finding_and_an_issue_that_outlive_a_restart() {
    let first = server(TempDir::new().unwrap());
    send(&first, &looping(FIRST, 5));
    let found = wait(&first, "/api/v1/findings", |answer| count(answer, "findings") > 0);
    let finding = &found["findings"][0];
    assert_eq!((finding["detector"].as_str(), finding["severity"].as_str()), (Some("loop"), Some("warning")));
    assert_eq!((finding["trace_id"].as_str(), finding["agent"].as_str()), (Some(FIRST), Some("helper")));
    assert_eq!(finding["span_ids"].as_array().unwrap().len(), 5);
    let issue = first.get("/api/v1/issues").ok().json()["issues"][0].clone();
    assert_eq!(
        (issue["state"].as_str(), issue["count"].as_u64(), issue["runs"].as_u64()),
        (Some("open"), Some(1), Some(1))
    );
    assert_eq!(issue["fingerprint"], finding["fingerprint"]);
    let listed = |query: &str| count(&first.get(&format!("/api/v1/issues?{query}")).ok().json(), "issues");
    assert_eq!((listed("q=Loop%20in%20helper&sort=-severity"), listed("q=nothing%20of%20that")), (1, 0));
    assert_eq!(first.get("/api/v1/issues?sort=colour").status, 400);

    let again = server(first.stop());
    send(&again, &looping(SECOND, 4));
    let two = wait(&again, "/api/v1/findings", |answer| count(answer, "findings") == 2);
    assert_eq!(two["findings"][0]["fingerprint"], two["findings"][1]["fingerprint"]);
    let issue = again.get("/api/v1/issues").ok().json()["issues"][0].clone();
    assert_eq!((issue["count"].as_u64(), issue["runs"].as_u64()), (Some(2), Some(2)));
    let run = again.get(&format!("/api/v1/runs/{SECOND}?content=none")).ok().json();
    assert_eq!(
        (run["run"]["findings"].as_u64(), again.get("/api/v1/runs").ok().json()["runs"][0]["findings"].as_u64()),
        (Some(1), Some(1))
    );
    let metrics = again.get("/metrics").ok().text();
    assert!(
        metrics.contains(
            "agent_findings_total{agent_id=\"helper\",detector=\"loop\",project=\"default\",severity=\"warning\"} 2"
        ),
        "{metrics}"
    );
    let of_run = again.get(&format!("/api/v1/findings?trace_id={SECOND}")).ok().json();
    assert_eq!(count(&of_run, "findings"), 1);
    // One page at a time.
    let page = again.get("/api/v1/findings?limit=1").ok().json();
    let next = again.get(&format!("/api/v1/findings?limit=1&cursor={}", page["next"].as_str().unwrap())).ok().json();
    assert_ne!(page["findings"][0]["id"], next["findings"][0]["id"]);
    assert!(next["next"].is_null());
}

#[test]
fn findings_of_runs_that_are_years_old_are_kept_like_others() {
    let server = server(TempDir::new().unwrap());
    let mut old = looping(FIRST, 5);
    for span in old["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap() {
        for name in ["startTimeUnixNano", "endTimeUnixNano"] {
            let at: u64 = span[name].as_str().unwrap().parse().unwrap();
            span[name] = json!((at - 2 * 365 * 86_400 * 1_000_000_000).to_string());
        }
    }
    send(&server, &old);
    let since = "from=2000-01-01T00:00:00Z";
    wait(&server, &format!("/api/v1/findings?{since}"), |answer| count(answer, "findings") == 1);
    // What is written next takes nothing of it away.
    send(&server, &looping(SECOND, 5));
    wait(&server, &format!("/api/v1/findings?{since}"), |answer| count(answer, "findings") == 2);
    wait(&server, &format!("/api/v1/suspects?{since}"), |answer| count(answer, "runs") == 2);
    let run = server.get(&format!("/api/v1/runs/{FIRST}?content=none")).ok().json();
    assert_eq!(run["run"]["findings"], 1);
}

#[test]
fn an_issue_that_was_resolved_and_is_seen_again_regresses() {
    let server = server(TempDir::new().unwrap());
    send(&server, &looping(FIRST, 5));
    let issues = wait(&server, "/api/v1/issues", |answer| count(answer, "issues") > 0);
    let path = format!("/api/v1/issues/{}", issues["issues"][0]["fingerprint"].as_str().unwrap());
    let url = format!("{}{path}", server.http);
    let changed = server.send("PATCH", &url, &[], br#"{"state": "resolved", "owner": "ana"}"#).ok().json();
    assert_eq!((changed["state"].as_str(), changed["owner"].as_str()), (Some("resolved"), Some("ana")));
    assert_eq!(server.send("PATCH", &url, &[], br#"{"state": "fixed"}"#).status, 400);
    // A run that ended before it was resolved does not bring it back; one that ends after it does.
    send(&server, &looping(SECOND, 5));
    wait(&server, &path, |issue| issue["count"] == 2);
    assert_eq!(server.get(&path).ok().json()["state"], "resolved");
    let mut late = looping("000000000000000000000000000000f3", 5);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    late["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"] = json!((now + 1_000_000_000).to_string());
    send(&server, &late);
    let back = wait(&server, &path, |issue| issue["count"] == 3);
    assert_eq!((back["state"].as_str(), back["owner"].as_str()), (Some("regressed"), Some("ana")));
    assert_eq!(server.get("/api/v1/issues/none").status, 404);
}

#[test]
fn a_late_span_takes_a_finding_back() {
    let server = server(TempDir::new().unwrap());
    // Three equal calls are a loop; that the results differ shows only when two of them arrive again.
    send(&server, &looping(FIRST, 3));
    wait(&server, "/api/v1/findings", |answer| count(answer, "findings") == 1);
    let mut late = looping(FIRST, 3);
    for (number, span) in
        late["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap().iter_mut().enumerate().skip(1)
    {
        span["attributes"][3] =
            attribute("gen_ai.tool.call.result", text(&format!("{{\"state\":\"packed {number} of 3\"}}")));
    }
    send(&server, &late);
    wait(&server, "/api/v1/findings", |answer| count(answer, "findings") == 0);
    assert_eq!(count(&server.get("/api/v1/issues").ok().json(), "issues"), 0);
}

#[test]
fn a_run_is_explained_and_two_are_compared() {
    let server = server(TempDir::new().unwrap());
    send(&server, &looping(FIRST, 5));
    send(&server, &looping(SECOND, 3));
    wait(&server, "/api/v1/findings", |answer| count(answer, "findings") == 2);
    let page = server.get(&format!("/api/v1/runs/{FIRST}/investigate")).ok().json();
    assert_eq!(page["findings"][0]["detector"], "loop");
    assert_eq!(page["similar"], json!([SECOND]));
    assert!(page["text"].as_str().unwrap().contains("called 5 times in a row"), "{page:#}");
    let diff = server.get(&format!("/api/v1/runs/{FIRST}/diff/{SECOND}")).ok().json();
    assert_eq!((diff["same"].as_u64(), diff["more"]["tool_calls"].as_f64()), (Some(4), Some(-2.0)));
    let removed = diff["pairs"].as_array().unwrap().iter().filter(|pair| pair["difference"] == "removed").count();
    assert_eq!(removed, 2);
    assert_eq!(server.get(&format!("/api/v1/runs/{FIRST}/diff/{}", "0".repeat(31) + "9")).status, 404);
    let tried = json!({"trace_id": FIRST, "settings": "[detectors.loop]\nrepeats = 6\n"}).to_string();
    let url = format!("{}/api/v1/detectors/test", server.http);
    let answer = server.send("POST", &url, &[], tried.as_bytes()).ok().json();
    assert!(answer["findings"].as_array().unwrap().iter().all(|finding| finding["detector"] != "loop"));
    let wrong = json!({"trace_id": FIRST, "settings": "[detectors.lop]\n"}).to_string();
    let refused = server.send("POST", &url, &[], wrong.as_bytes());
    assert!(refused.status == 400 && refused.text().contains("there is no detector `lop`"), "{}", refused.text());
}

#[test]
fn detectors_are_listed_with_their_documentation() {
    let server = server(TempDir::new().unwrap());
    let all = server.get("/api/v1/detectors").ok().json();
    let named =
        |name: &str| all["detectors"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned().unwrap();
    assert_eq!(named("loop")["settings"][0]["name"], "repeats");
    assert!(named("retrieval_miss")["documentation"].as_str().unwrap().contains("Silent"));
}

#[test]
fn a_loop_is_told_while_the_run_goes_on_and_is_the_same_finding_when_it_has_ended() {
    let server = server(TempDir::new().unwrap());
    let mut open = looping(FIRST, 4);
    let root = open["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap().remove(0);
    send(&server, &open);
    let early = wait(&server, "/api/v1/findings", |answer| count(answer, "findings") == 1);
    let run = server.get("/api/v1/runs").ok().json()["runs"][0].clone();
    assert_eq!((run["status"].as_str(), run["findings"].as_u64()), (Some("running"), Some(1)));
    assert_eq!(early["findings"][0]["detector"], "loop");
    // The rest of the run: two more calls, and its root, which says whose run it was.
    let mut rest = looping(FIRST, 6);
    rest["resourceSpans"][0]["scopeSpans"][0]["spans"] = json!([
        root,
        rest["resourceSpans"][0]["scopeSpans"][0]["spans"][5],
        rest["resourceSpans"][0]["scopeSpans"][0]["spans"][6]
    ]);
    send(&server, &rest);
    let end = wait(&server, "/api/v1/findings", |answer| answer["findings"][0]["evidence"]["repeats"] == 6);
    assert_eq!((count(&end, "findings"), &end["findings"][0]["id"]), (1, &early["findings"][0]["id"]));
    let issues = server.get("/api/v1/issues").ok().json();
    assert_eq!((count(&issues, "issues"), issues["issues"][0]["count"].as_u64()), (1, Some(1)));
    assert_eq!(issues["issues"][0]["agent"], "helper");
    let metrics = server.get("/metrics").ok().text();
    let counted: Vec<&str> = metrics.lines().filter(|line| line.starts_with("agent_findings_total{")).collect();
    assert!(counted.len() == 1 && counted[0].ends_with(" 1"), "{counted:?}");
}

#[test]
fn a_new_issue_is_a_metric_until_somebody_decides_about_it() {
    let server = server(TempDir::new().unwrap());
    send(&server, &looping(FIRST, 5));
    wait(&server, "/api/v1/findings", |answer| count(answer, "findings") == 1);
    let issue = server.get("/api/v1/issues").ok().json()["issues"][0]["fingerprint"].as_str().unwrap().to_owned();
    let told = |server: &Server| {
        let metrics = server.get("/metrics").ok().text();
        metrics.lines().filter(|line| line.starts_with("agent_issue_new{")).map(str::to_owned).collect::<Vec<_>>()
    };
    let new = told(&server);
    assert!(new.len() == 1 && new[0].contains(&issue) && new[0].contains("state=\"open\""), "{new:?}");
    let url = format!("{}/api/v1/issues/{issue}", server.http);
    server.send("PATCH", &url, &[], br#"{"state": "acknowledged"}"#).ok();
    assert_eq!(told(&server), Vec::<String>::new());
    // One that was muted stays so, however often it is seen.
    server.send("PATCH", &url, &[], br#"{"state": "muted"}"#).ok();
    send(&server, &looping(SECOND, 5));
    let path = format!("/api/v1/issues/{issue}");
    let seen = wait(&server, &path, |issue| issue["count"] == 2);
    assert_eq!((seen["state"].as_str(), told(&server)), (Some("muted"), Vec::<String>::new()));
}

#[test]
fn an_alert_about_an_issue_shows_the_runs_in_which_it_was_seen() {
    let server = server(TempDir::new().unwrap());
    let (seen, other) = ("5".repeat(32), "6".repeat(32));
    send(&server, &looping(&seen, 9));
    send(&server, &looping(&other, 1));
    let found = wait(&server, "/api/v1/findings", |answer| count(answer, "findings") > 0);
    let issue = found["findings"][0]["fingerprint"].as_str().unwrap().to_owned();
    wait(&server, "/api/v1/runs", |answer| count(answer, "runs") == 2);
    let alert = json!([{"labels": {"alertname": "Far", "agent_id": "helper", "issue": issue}}]);
    server.post_to(&format!("{}/alertmanager/api/v2/alerts", server.http), &[], alert.to_string().as_bytes()).ok();
    let alerts = server.get("/api/v1/alerts").ok().json()["alerts"].as_array().unwrap().clone();
    let print = alerts.iter().find(|alert| alert["name"] == "Far").unwrap()["fingerprint"].as_str().unwrap().to_owned();
    let detail = wait(&server, &format!("/api/v1/alerts/{print}"), |detail| count(detail, "evidence") > 0);
    let evidence = &detail["evidence"][0];
    assert_eq!((count(evidence, "runs"), &evidence["runs"][0]["trace_id"]), (1, &json!(seen)), "{evidence:#}");
    assert!(evidence["findings"].as_array().unwrap().iter().all(|finding| finding["fingerprint"] == issue.as_str()));
}

#[test]
fn runs_are_ordered_by_suspicion_and_marked_by_people() {
    let server = server(TempDir::new().unwrap());
    send(&server, &looping(FIRST, 5));
    send(&server, &looping(SECOND, 1));
    let suspects = wait(&server, "/api/v1/suspects", |answer| count(answer, "runs") == 2);
    assert_eq!(suspects["runs"][0]["trace_id"], FIRST);
    let run = server.get(&format!("/api/v1/runs/{FIRST}?content=none")).ok().json()["run"].clone();
    assert_eq!(run["suspicion"], suspects["runs"][0]["suspicion"]);
    assert!(run["good"].is_null());
    let url = format!("{}/api/v1/runs/{SECOND}/mark", server.http);
    let marked = server.send("POST", &url, &[], br#"{"good": true, "note": "looked through"}"#).ok().json();
    assert_eq!((marked["good"].as_bool(), marked["trace_id"].as_str()), (Some(true), Some(SECOND)));
    let runs = server.get("/api/v1/runs").ok().json();
    let of = |trace: &str| {
        runs["runs"].as_array().unwrap().iter().find(|run| run["trace_id"] == trace).unwrap()["good"].clone()
    };
    assert_eq!((of(SECOND), of(FIRST)), (json!(true), Value::Null));
    assert_eq!(server.send("POST", &url, &[], br#"{"bad": true}"#).status, 400);
    let nobody = format!("{}/api/v1/runs/{}/mark", server.http, "0".repeat(31) + "9");
    assert_eq!(server.send("POST", &nobody, &[], br#"{"good": true}"#).status, 404);
}

/// An endpoint for vectors: what speaks of parcels points one way, everything else another. Keeps the texts it was sent.
fn vectors() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/embeddings", listener.local_addr().unwrap());
    let texts = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&texts);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut read, mut buffer) = (Vec::new(), [0; 65_536]);
            let asked: Value = loop {
                let count = stream.read(&mut buffer).unwrap();
                read.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&read).into_owned();
                if let Some(json) = text.split("\r\n\r\n").nth(1).and_then(|body| serde_json::from_str(body).ok()) {
                    break json;
                }
                assert!(count > 0, "{text}");
            };
            assert_eq!(asked["model"], "small");
            let texts: Vec<String> =
                asked["input"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
            let vector = |(index, text): (usize, &String)| {
                let noise = (text.len() % 7) as f64 / 100.0;
                let embedding =
                    if text.contains("parcel") { json!([1.0, noise, 0.1]) } else { json!([noise, 1.0, 0.1]) };
                json!({"index": index, "embedding": embedding})
            };
            let data: Vec<Value> = texts.iter().enumerate().map(vector).collect();
            kept.lock().unwrap().extend(texts);
            let body = json!({ "data": data }).to_string();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .unwrap();
        }
    });
    (url, texts)
}

/// A run that answers so.
fn answering(number: usize, answer: &str) -> Value {
    let trace = format!("{number:032x}");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let said = json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]).to_string();
    let span = |id: &str, parent: &str, name: &str, attributes: Vec<Value>| {
        json!({"traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
            "startTimeUnixNano": (now - 1_000_000_000).to_string(), "endTimeUnixNano": now.to_string(), "attributes": attributes})
    };
    let agent =
        vec![attribute("gen_ai.operation.name", text("invoke_agent")), attribute("gen_ai.agent.name", text("helper"))];
    let chat = vec![attribute("gen_ai.operation.name", text("chat")), attribute("gen_ai.output.messages", text(&said))];
    json!([
        span("00000000000000a1", "", "invoke_agent helper", agent),
        span("00000000000000a2", "00000000000000a1", "chat", chat)
    ])
}

#[test]
fn with_an_embedding_endpoint_a_change_of_what_answers_mean_is_found_and_the_policy_acts_before() {
    let (url, texts) = vectors();
    let policies = ::policy::Policies::parse("policy.toml", "[[policy]]\ncontent = \"full\"", None).unwrap();
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        settings.runs.settle_nanos = 50_000_000;
        settings.policy = Some(Arc::new(policies));
        settings.detection.embeddings = Some(server::config::Embeddings { url, model: "small".into(), key: None });
    });
    let card = ["4111", "1111", "1111", "1111"].join(" ");
    for (from, to, about) in [(1, 121, "parcel"), (121, 201, "ballad")] {
        let spans: Vec<Value> = (from..to)
            .flat_map(|number| {
                let dots = ".".repeat(number % 7);
                answering(number, &format!("Here is all about your {about}, paid with {card}{dots}"))
                    .as_array()
                    .unwrap()
                    .clone()
            })
            .collect();
        let resource = json!({"attributes": [attribute("service.name", text("shop"))]});
        send(
            &server,
            &json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}),
        );
    }
    let mut found = Value::Null;
    for _ in 0..600 {
        found = server.get("/api/v1/findings?detector=drift").ok().json();
        if found["findings"].as_array().unwrap().iter().any(|it| it["evidence"]["dimension"] == "meaning") {
            let sent = texts.lock().unwrap();
            assert!(sent.len() > 150 && sent.iter().all(|it| it.contains("Here is all about") && !it.contains(&card)));
            return;
        }
        server.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    }
    panic!("no drift of meaning; {} texts were sent: {found:#}", texts.lock().unwrap().len());
}

#[test]
fn what_runs_come_to_by_a_file_is_told_of_each_and_counted() {
    let file =
        "[[workflow]]\nname = \"helper\"\n[[workflow.outcome]]\nname = \"found\"\npattern = \"(?i)your parcel\"\n";
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        settings.limits = Limits::default();
        settings.runs.settle_nanos = 50_000_000;
        settings.detection.outcomes = ::signals::detect::outcomes::Outcomes::parse(file).unwrap();
    });
    let answers = ["Your parcel is in Lyon.", "Your parcel is here.", "I do not know."];
    let spans: Vec<Value> =
        (1..).zip(answers).flat_map(|(number, said)| answering(number, said).as_array().unwrap().clone()).collect();
    let resource = json!({"attributes": [attribute("service.name", text("shop"))]});
    send(
        &server,
        &json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}),
    );
    let told = wait(&server, "/api/v1/runs", |answer| {
        answer["runs"]
            .as_array()
            .is_some_and(|runs| runs.len() == 3 && runs.iter().all(|run| run["outcome"].is_string()))
    });
    let of = |number: usize| {
        let trace = format!("{number:032x}");
        told["runs"].as_array().unwrap().iter().find(|run| run["trace_id"] == trace.as_str()).unwrap()["outcome"]
            .clone()
    };
    assert_eq!((of(1), of(2), of(3)), (json!("found"), json!("found"), json!("other")));
    let metrics = server.get("/metrics").ok().text();
    for line in [
        "agent_outcome_total{agent=\"helper\",outcome=\"found\"} 2",
        "agent_outcome_total{agent=\"helper\",outcome=\"other\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn how_long_findings_are_kept_stands_beside_the_other_layers() {
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        settings.limits = Limits::default();
        settings.runs.settle_nanos = 50_000_000;
        settings.keeping = server::config::retention(&["findings=30d".to_owned()]).unwrap().1;
    });
    send(&server, &looping("0123456789abcdef0123456789abcd07", 6));
    wait(&server, "/api/v1/findings", |answer| count(answer, "findings") > 0);
    let store = server.get("/api/v1/store").ok().json();
    let layers = store["retention"].as_array().unwrap();
    let findings = layers.iter().find(|one| one["layer"] == "findings").unwrap_or_else(|| panic!("{store:#}"));
    assert_eq!((&findings["project"], &findings["keep_seconds"]), (&json!("default"), &json!(30 * 86_400)));
    assert!(findings["next"]["rows"].as_u64().unwrap() > 0 && findings["next"]["segments"] == json!(0), "{findings:#}");
}
