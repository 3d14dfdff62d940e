//! The API: what it answers, and what it says when it cannot.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Server, agent_run, attribute, count, request, span, trace_id};

#[test]
fn lists_filter_sort_page_and_count() {
    let server = Server::start();
    for trace in 1..=5u8 {
        let agent = if trace % 2 == 0 { "even" } else { "odd" };
        let attributes =
            vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", agent)];
        let llm =
            vec![attribute("gen_ai.operation.name", "chat"), count("gen_ai.usage.input_tokens", i64::from(trace) * 10)];
        let spans = vec![span(trace, 1, 0, "invoke_agent", attributes), span(trace, 2, 1, "chat", llm)];
        server.post_proto("/v1/traces", &request("svc", spans)).ok();
    }
    let ids = |answer: &Value| -> Vec<String> {
        answer["runs"].as_array().unwrap().iter().map(|run| run["trace_id"].as_str().unwrap()[..2].to_owned()).collect()
    };
    let even = server.get("/api/v1/runs?agent=even&sort=total_tokens").ok().json();
    assert_eq!((ids(&even), &even["total"]), (vec!["02".to_owned(), "04".to_owned()], &json!(2)));
    let both =
        server.get("/api/v1/runs?agent=even&agent=odd&min_tokens=20&max_tokens=40&sort=-total_tokens").ok().json();
    assert_eq!(ids(&both), ["04", "03", "02"]);
    assert_eq!(server.get("/api/v1/runs?min_steps=2&max_steps=2").ok().json()["total"], 5);
    assert_eq!(server.get("/api/v1/runs?min_steps=3").ok().json()["total"], 0);
    let of_steps = server.get("/api/v1/aggregate?of=steps&min_steps=3");
    assert_eq!((of_steps.status, of_steps.json()["detail"].as_str().unwrap().contains("min_steps")), (400, true));
    let faceted = server.get("/api/v1/runs?facets=agent,status&from=1h").ok().json();
    assert_eq!(faceted["facets"]["agent"], json!([{"value": "odd", "count": 3}, {"value": "even", "count": 2}]));
    assert_eq!(faceted["facets"]["status"][0]["value"], "ok");
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/api/v1/runs?sort=-total_tokens&limit=2&cursor={cursor}")).ok().json();
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["05", "04", "03", "02", "01"]);
    assert_eq!(server.get("/api/v1/runs?to=2020-01-01").ok().json()["total"], 0);
}

#[test]
fn a_step_comes_with_its_content_and_the_span_as_sent() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let run = server.get(&format!("/api/v1/runs/{}", trace_id(1))).ok().json();
    let tool = run["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "tool").unwrap();
    assert_eq!((&tool["tool"]["name"], &tool["tool"]["arguments"]), (&json!("search"), &json!({"q": "owls"})));
    assert_eq!(tool["attributes"]["gen_ai.tool.name"], "search");
    assert_eq!(tool["agent"], "planner", "steps belong to the agent above them");
    let narrow = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(1))).ok().json();
    let narrow_tool = narrow["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "tool").unwrap();
    assert_eq!((&narrow_tool["tool"]["arguments"], &narrow_tool["attributes"]), (&Value::Null, &json!({})));
    let step = server.get(&format!("/api/v1/runs/{}/steps/0303030303030303", trace_id(1))).ok().json();
    assert_eq!(step["step"]["tool"], tool["tool"]);
    let raw = &step["raw"]["resourceSpans"][0];
    assert_eq!(raw["scopeSpans"][0]["spans"][0]["spanId"], "0303030303030303");
    assert_eq!(raw["resource"]["attributes"][0]["value"]["stringValue"], "planner-service");
    let whole = server.get(&format!("/api/v1/runs/{}/raw", trace_id(1))).ok().json();
    assert_eq!(whole["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len(), 4);
}

#[test]
fn what_is_exported_can_be_sent_again() {
    let server = Server::start();
    for trace in 1..=3 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "1700000000000000000", "severityNumber": 17, "body": {"stringValue": "broke"}, "traceId": trace_id(2), "spanId": "0303030303030303"}]}]}]});
    server.post_json("/v1/logs", &logs).ok();
    let export = server.get("/api/v1/export?agent=planner").ok();
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let lines: Vec<String> = export.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "a line for each run, and one for the log records of one");
    let other = Server::start();
    for line in &lines {
        other.post("/", &[("content-type", "application/json")], line.as_bytes()).ok();
    }
    for trace in 1..=3 {
        let path = format!("/api/v1/runs/{}", trace_id(trace));
        let (mut here, mut there) = (server.get(&path).ok().json(), other.get(&path).ok().json());
        for run in [&mut here, &mut there] {
            run["run"]["provisional"] = Value::Null; // depends on the moment of asking
        }
        assert_eq!(here, there);
    }
    assert_eq!(other.get(&format!("/api/v1/runs/{}/logs", trace_id(2))).ok().json()["logs"][0]["severity"], 17);
}

#[test]
fn logs_sessions_and_summary() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    server.post_proto("/v1/traces", &agent_run(2)).ok();
    let record = |severity: u8, text: &str| json!({"timeUnixNano": "1700000000000000000", "severityNumber": severity, "body": {"stringValue": text}});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record(9, "all well"), record(17, "something broke")]}]}]});
    server.post_json("/v1/logs", &logs).ok();
    assert_eq!(server.get("/api/v1/logs").ok().json()["logs"].as_array().unwrap().len(), 2);
    assert_eq!(server.get("/api/v1/logs?severity=error").ok().json()["logs"][0]["body"], "something broke");
    assert_eq!(server.get("/api/v1/logs?q=WELL").ok().json()["logs"][0]["body"], "all well");
    let sessions = server.get("/api/v1/sessions").ok().json();
    assert_eq!(
        (&sessions["sessions"][0]["session_id"], &sessions["sessions"][0]["runs"]),
        (&json!("conversation-1"), &json!(2))
    );
    let summary = server.get("/api/v1/summary").ok().json();
    let counters = &summary["counters"];
    assert_eq!(
        (&counters["runs_completed"], &counters["llm_calls"], &counters["input_tokens"]),
        (&json!(2), &json!(4), &json!(500))
    );
    assert_eq!(summary["last_completed"].as_array().unwrap().len(), 2);
}

#[test]
fn sql_answers_and_explains() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let sql = |query: &str| {
        let body = json!({"query": query}).to_string();
        server.post_to(&format!("{}/api/v1/sql", server.http), &[("content-type", "application/json")], body.as_bytes())
    };
    let answer = sql("SELECT name, input_tokens + output_tokens AS tokens FROM runs").ok().json();
    assert_eq!(answer["rows"], json!([["invoke_agent planner", 300]]));
    assert_eq!(answer["columns"][1]["name"], "tokens");
    let wrong = sql("SELECT nope FROM runs");
    assert_eq!((wrong.status, wrong.header("content-type")), (400, "application/problem+json"));
    assert!(wrong.json()["detail"].as_str().unwrap().contains("nope"), "{}", wrong.text());
    assert_eq!(sql("DROP TABLE runs").status, 400);
    let schema = server.get("/api/v1/sql/schema").ok().json();
    assert!(schema["views"].as_array().unwrap().iter().any(|view| view["name"] == "runs"));
    let not_json = server.post_to(&format!("{}/api/v1/sql", server.http), &[], b"SELECT 1");
    assert_eq!(not_json.status, 400);
}

#[test]
fn mistakes_are_problems_with_what_to_do() {
    let server = Server::start();
    for (path, status, word) in [
        ("/api/v1/runs?agnet=x", 400, "agnet"),
        ("/api/v1/runs?limit=many", 400, "from 1 to 500"),
        ("/api/v1/runs?cursor=nonsense", 400, "cursor"),
        ("/api/v1/runs/xyz", 404, "32 hexadecimal digits"),
        ("/api/v1/runs/4bf92f3577b34da6a3ce929d0e0e4736", 404, "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("/api/v1/nothing", 404, "openapi.json"),
        ("/api/v1/sql", 405, "POST"),
        ("/assets/none.js", 404, "/assets/none.js"),
    ] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{path}: {}",
            answer.text()
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}: {problem}");
    }
}

#[test]
fn runs_are_seen_live() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.http.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    write!(stream, "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "event: ping"), "the first ping says that the connection stands");
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    assert!(lines.any(|line| line == "event: run"));
    let data = lines.next().unwrap();
    let run: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&run["trace_id"], &run["llm_calls"]), (&json!(trace_id(1)), &json!(2)));
    // An open stream does not keep the server from stopping.
    server.stop();
}

#[test]
fn the_server_shows_itself() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    assert_eq!(server.get("/healthz").ok().text(), "ok\n");
    assert_eq!(server.get("/readyz").ok().text(), "ready\n");
    assert_eq!(server.get("/health").ok().json(), json!({"status": "ok", "reasons": []}));
    let status = server.get("/api/v1/status").ok().json();
    assert_eq!(status["state"], "ready");
    assert_eq!(
        status["ingest"]["spans_by_dialect"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(),
        4
    );
    assert!(status["store"]["tables"]["spans"].is_object(), "{status}");
    let metrics = server.get("/metrics").ok().text();
    assert!(metrics.contains("tawny_items_accepted_total{signal=\"traces\"} 4\n"), "{metrics}");
    assert!(metrics.contains("tawny_ready 1\n"));
    let page = server.get("/");
    assert!(page.header("content-type").starts_with("text/html") && page.status == 200);
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    assert_eq!(
        server.get(&format!("/runs/{}", trace_id(1))).header("content-type"),
        page.header("content-type"),
        "deep links give the page"
    );
}
