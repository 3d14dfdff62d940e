//! Search, aggregates, logs by field, and the narrow reads of one run, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Server, agent_run, attribute, count, request, span, trace_id};

#[test]
fn what_was_said_is_found_with_the_step_that_says_it() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    server.post_proto("/v1/traces", &agent_run(2)).ok();
    let long = format!("{} the Snowy owl hunts by day {}", "x ".repeat(200), "y ".repeat(200));
    let said = vec![attribute("gen_ai.operation.name", "chat"), attribute("output.value", &long)];
    server.post_proto("/v1/traces", &request("svc", vec![span(3, 1, 0, "chat", said)])).ok();
    let found = server.get("/api/v1/search?q=OWLS").ok().json();
    let ids: Vec<&str> =
        found["results"].as_array().unwrap().iter().map(|one| one["run"]["trace_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [trace_id(2), trace_id(1)], "newest first");
    let first = &found["results"][0]["matches"][0];
    assert_eq!((&first["kind"], &first["field"]), (&json!("tool"), &json!("gen_ai.tool.call.arguments")));
    assert_eq!(first["snippet"], "{\"q\":\"owls\"}");
    let snowy = server.get("/api/v1/search?q=snowy+OWL&service=svc").ok().json();
    let snippet = snowy["results"][0]["matches"][0]["snippet"].as_str().unwrap();
    assert!(snippet.contains("the Snowy owl hunts by day") && snippet.starts_with('…'), "{snippet}");
    let page = server.get("/api/v1/search?q=owls&limit=1").ok().json();
    let next = page["next"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/search?q=owls&limit=1&cursor={next}")).ok().json();
    assert_eq!((&second["results"][0]["run"]["trace_id"], &second["next"]), (&json!(trace_id(1)), &Value::Null));
    // The list of runs looks in names unless asked to look in content.
    assert_eq!(server.get("/api/v1/runs?q=snowy+owl").ok().json()["total"], 0);
    let list = server.get("/api/v1/runs?q=snowy+owl&in=content&facets=service").ok().json();
    assert_eq!((&list["total"], &list["partial"]), (&json!(1), &json!(false)));
    assert_eq!(list["facets"]["service"][0]["value"], "svc");
    for (path, word) in [
        ("/api/v1/search", "q=TEXT"),
        ("/api/v1/search?q=+", "no text"),
        ("/api/v1/runs?q=x&in=dreams", "names or content"),
        ("/api/v1/sessions?q=x&in=content", "no parameter `in`"),
    ] {
        let refused = server.get(path);
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text().contains(word), "{path}: {}", refused.text());
    }
    assert_eq!(server.get(&format!("/api/v1/search?q={}", "x".repeat(257))).status, 400);
}

#[test]
fn aggregates_count_sum_and_give_quantiles_by_key() {
    let server = Server::start();
    for trace in 1..=4 {
        server.post_proto("/v1/traces", &agent_run(trace)).ok();
    }
    let get = |query: &str| server.get(&format!("/api/v1/aggregate?{query}")).ok().json();
    assert_eq!(get("")["rows"], json!([{"time": null, "by": [], "count": 4, "value": 4.0, "quantiles": []}]));
    let tokens = get("of=steps&measure=tokens&by=model,kind");
    let rows: Vec<(&Value, &Value)> =
        tokens["rows"].as_array().unwrap().iter().map(|row| (&row["by"], &row["value"])).collect();
    assert_eq!(
        rows,
        [
            (&json!(["gpt-4o", "llm"]), &json!(1200.0)),
            (&json!([null, "agent"]), &Value::Null),
            (&json!([null, "tool"]), &Value::Null),
        ]
    );
    assert_eq!(get("measure=tokens")["rows"][0]["value"], 1200.0);
    let latency = get("by=agent&measure=duration_ms&quantiles=0.5,0.99&from=1h&step=1d");
    let row = &latency["rows"][0];
    assert_eq!((&row["by"], &row["count"]), (&json!(["planner"]), &json!(4)));
    for quantile in row["quantiles"].as_array().unwrap() {
        let quantile = quantile.as_f64().unwrap();
        assert!((quantile - 998.0).abs() < 20.0, "a run takes about a second: {quantile}");
    }
    assert!(row["time"].as_str().unwrap().ends_with("T00:00:00Z"));
    assert_eq!(get("by=agent&agent=nobody")["rows"], json!([]));
    assert_eq!(get("of=steps&by=tool&tool=search")["rows"][0]["count"], 4);
    // A call that names no agent is one of the agent that leads the run.
    let calls = get("of=steps&by=tool&agent=planner");
    let counts: Vec<(&Value, &Value)> =
        calls["rows"].as_array().unwrap().iter().map(|row| (&row["by"][0], &row["count"])).collect();
    assert_eq!(counts, [(&json!("search"), &json!(4)), (&Value::Null, &json!(12))]);
    assert_eq!(get("of=steps&by=tool&agent=nobody")["rows"], json!([]));
    for (query, word) in [
        ("by=model", "of=steps"),
        ("by=agent,service,status", "at most 2"),
        ("quantiles=0.5", "no quantiles"),
        ("measure=duration_ms&quantiles=1.5", "from 0 to 1"),
        ("step=fast", "5m"),
        ("measure=joy", "duration_ms"),
        ("by=colour", "agent"),
    ] {
        let refused = server.get(&format!("/api/v1/aggregate?{query}"));
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
        assert!(refused.text().contains(word), "{query}: {}", refused.text());
    }
}

#[test]
fn logs_are_found_by_every_field() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(2)).ok();
    let record = |at: usize, trace: u8, event: &str| {
        json!({"timeUnixNano": format!("17000000000000000{at:02}"), "severityNumber": 9, "eventName": event,
            "body": {"stringValue": format!("record {at}")}, "traceId": trace_id(trace), "spanId": "0303030303030303",
            "attributes": [{"key": "order", "value": {"intValue": at.to_string()}}, {"key": "who", "value": {"stringValue": "Ada \"A\" L."}}]})
    };
    let records: Vec<Value> =
        (0..6).map(|at| record(at, 1 + at as u8 % 2, if at < 3 { "early" } else { "late" })).collect();
    server.post_json("/v1/logs", &json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})).ok();
    let found = |query: &str| -> Vec<String> {
        let answer = server.get(&format!("/api/v1/logs?{query}")).ok().json();
        answer["logs"].as_array().unwrap().iter().map(|log| log["body"].as_str().unwrap()[7..].to_owned()).collect()
    };
    assert_eq!(found("event=early"), ["2", "1", "0"]);
    assert_eq!(found("attr=order%3D4"), ["4"]);
    assert_eq!(found("attr=who%3DAda+%22A%22+L.&event=late"), ["5", "4", "3"]);
    assert_eq!(found("attr=who%3DAda"), [""; 0]);
    assert_eq!(found("agent=planner"), ["5", "3", "1"]);
    assert_eq!(found(&format!("trace_id={}&span_id=0303030303030303&q=RECORD+2", trace_id(1))), ["2"]);
    assert_eq!(found("span_id=0404040404040404"), [""; 0]);
    assert!(server.get("/api/v1/logs?attr=order").text().contains("a key and a value"));
    // Records of a trace without spans are there; a trace nobody heard of is not.
    assert_eq!(
        server.get(&format!("/api/v1/runs/{}/logs", trace_id(1))).ok().json()["logs"].as_array().unwrap().len(),
        3
    );
    assert_eq!(server.get(&format!("/api/v1/runs/{}/logs", trace_id(9))).status, 404);
}

#[test]
fn the_tree_of_a_run_has_every_step_and_little_else() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let tree = server.get(&format!("/api/v1/runs/{}/tree", trace_id(1))).ok().json();
    let whole = server.get(&format!("/api/v1/runs/{}?content=none", trace_id(1))).ok().json();
    assert_eq!(tree["run"], whole["run"]);
    let (rows, steps) = (tree["steps"].as_array().unwrap(), whole["steps"].as_array().unwrap());
    assert_eq!(rows.len(), steps.len());
    for (row, step) in rows.iter().zip(steps) {
        for field in ["span_id", "depth", "kind", "name", "status", "started_at", "duration_ms", "counted"] {
            assert_eq!(row[field], step[field], "{field}");
        }
        assert_eq!(row.get("total_tokens").unwrap_or(&Value::Null), &step["usage"]["total_tokens"]);
        assert_eq!(row.get("tool").unwrap_or(&Value::Null), &step["tool"]["name"]);
    }
    assert_eq!(server.get(&format!("/api/v1/runs/{}/tree", trace_id(9))).status, 404);
}

#[test]
fn cross_joins_in_sql_end_and_leave_the_lists_alone() {
    let server = Server::start();
    for batch in 0..10u8 {
        let spans = (0..200u8).map(|at| {
            let mut one = span(batch + 1, 1, 0, "x", vec![count("n", i64::from(at))]);
            one.span_id = vec![at, batch, 1, 1, 1, 1, 1, 1];
            one
        });
        server.post_proto("/v1/traces", &request("svc", spans.collect())).ok();
    }
    // Eight thousand million combinations, sorted: more than the time limit allows.
    let query = "select a.span_id, b.span_id, c.span_id from spans a, spans b, spans c order by 1, 2, 3";
    let url = format!("{}/api/v1/sql", server.http);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let begun = Instant::now();
            let answer = server.post_to(&url, &[], json!({"query": query}).to_string().as_bytes());
            (answer.status, begun.elapsed())
        });
        std::thread::sleep(Duration::from_secs(1));
        let begun = Instant::now();
        server.get("/api/v1/runs?limit=5").ok();
        assert!(begun.elapsed() < Duration::from_secs(8), "a list waited {:?} beside the query", begun.elapsed());
        let (status, taken) = asked.join().unwrap();
        assert!(status == 422 || status == 503, "{status}");
        assert!(taken < Duration::from_secs(40), "stopped after {taken:?}");
    });
}

#[test]
fn a_large_run_is_answered_folded_and_opened_where_it_is_asked() {
    let server = Server::start();
    let agent = |id: u8, parent: u8| {
        span(9, id, parent, "invoke_agent a", vec![attribute("gen_ai.operation.name", "invoke_agent")])
    };
    let tool = |id: u8, parent: u8| {
        let named = attribute("gen_ai.tool.name", if id == 25 { "odd" } else { "look" });
        span(9, id, parent, "execute_tool", vec![attribute("gen_ai.operation.name", "execute_tool"), named])
    };
    let mut spans = vec![agent(1, 0), agent(2, 1), agent(3, 1)];
    spans.extend((10..20).map(|id| tool(id, 2)));
    spans.extend((20..30).map(|id| tool(id, 3)));
    server.post_proto("/v1/traces", &request("svc", spans)).ok();
    let get = |query: &str| server.get(&format!("/api/v1/runs/{}?content=none{query}", trace_id(9))).ok().json();
    let ids = |answer: &Value| -> Vec<(String, u64)> {
        let steps = answer["steps"].as_array().unwrap().iter();
        steps
            .map(|step| (step["span_id"].as_str().unwrap()[..2].to_owned(), step["folded"].as_u64().unwrap()))
            .collect()
    };
    let named = |some: &[(&str, u64)]| some.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect::<Vec<_>>();
    let whole = get("");
    assert_eq!(whole["steps"].as_array().unwrap().len(), 23);
    let waited: f64 = whole["steps"].as_array().unwrap().iter().filter_map(|step| step["critical_ms"].as_f64()).sum();
    assert!((waited - whole["run"]["duration_ms"].as_f64().unwrap()).abs() < 0.01, "{waited}");
    assert_eq!(ids(&get("&limit=3")), named(&[("01", 0), ("02", 10), ("03", 10)]));
    assert_eq!(ids(&get("&limit=3&show=1919191919191919")), named(&[("01", 0), ("02", 10), ("03", 9), ("19", 0)]));
    assert_eq!(ids(&get("&under=0303030303030303&limit=4")).len(), 4);
    assert_eq!(ids(&get("&under=0303030303030303")).len(), 11);
    assert_eq!(ids(&get("&find=ODD")), named(&[("01", 11), ("03", 9), ("19", 0)]));
    let refused = server.get(&format!("/api/v1/runs/{}?limit=3", trace_id(9)));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("content=none"), "{}", refused.text());
}

#[test]
fn log_records_are_counted_over_time_by_level_service_and_event() {
    let server = Server::start();
    let lines = concat!(
        "{\"timestamp\": \"2026-11-21T12:00:10Z\", \"level\": \"error\", \"message\": \"no owl\", \"service\": \"a\"}\n",
        "{\"timestamp\": \"2026-11-21T12:00:20Z\", \"level\": \"info\", \"message\": \"an owl\", \"service\": \"a\"}\n",
        "{\"timestamp\": \"2026-11-21T12:05:00Z\", \"level\": \"error\", \"message\": \"no owl\", \"service\": \"b\"}\n",
    );
    server.post("/api/v1/logs", &[("content-type", "application/x-ndjson")], lines.as_bytes()).ok();
    let counts = server.get("/api/v1/logs/counts?step=1m&from=2026-11-21&q=owl").ok().json();
    let row = |time: &str, level: &str, count: u64| json!({"time": time, "level": level, "count": count});
    assert_eq!(
        counts["rows"],
        json!([
            row("2026-11-21T12:00:00Z", "error", 1),
            row("2026-11-21T12:00:00Z", "info", 1),
            row("2026-11-21T12:05:00Z", "error", 1)
        ])
    );
    assert_eq!((&counts["total"], &counts["services"][0]), (&json!(3), &json!({"value": "a", "count": 2})));
    assert_eq!(server.get("/api/v1/logs/counts").status, 400);
}

#[test]
fn the_checklist_has_its_rows_whether_the_pack_is_on_or_not() {
    let server = Server::start();
    server.post_proto("/v1/traces", &agent_run(1)).ok();
    let rows = server.get("/api/v1/checklist").ok().json()["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 19);
    assert_eq!(
        (&rows[3]["metric"], &rows[3]["alert"]),
        (&json!("Per-LLM-call latency"), &json!("ChecklistLlmLatency"))
    );
    assert!(rows.iter().all(|row| row["state"] != "beyond"), "{rows:?}");
}
