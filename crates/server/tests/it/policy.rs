//! What a content policy removes is nowhere: not in the data directory, not in an answer, not at another server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::policy::{Key, Policies};
use serde_json::{Value, json};
use server::{Limits, Settings};
use tempfile::TempDir;

use crate::support::{Server, attribute, now, request, span, trace_id};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Things that must not be kept, put together here so that scanners of source code have nothing to find.
fn secrets() -> Vec<String> {
    let key = format!("sk-{}-{}", "proj", "abcdefghij0123456789ABCD");
    vec!["4111 1111 1111 1111".into(), "canary.bird@example.com".into(), "DE89370400440532013000".into(), key]
}

/// All of them in one text.
fn song() -> String {
    format!("so: {} .", secrets().join(" , "))
}

fn policies(file: &str) -> Option<Arc<Policies>> {
    let key = Key::new("a key of more than sixteen bytes").unwrap();
    Some(Arc::new(Policies::parse("policy.toml", file, Some(&key)).unwrap()))
}

/// A request of each protocol with the secrets in every field that holds text.
fn requests() -> Vec<(&'static str, Value)> {
    let s = song();
    let any = |text: &str| json!({ "stringValue": text });
    let list = json!([
        { "key": "text", "value": any(&s) },
        { "key": s, "value": { "boolValue": true } },
        { "key": "list", "value": { "arrayValue": { "values": [any(&s)] } } },
        { "key": "map", "value": { "kvlistValue": { "values": [{ "key": s, "value": any(&s) }] } } },
        { "key": "number", "value": { "intValue": "4111111111111111" } },
        { "key": "gen_ai.input.messages", "value": any(&json!([{ "role": "user", "parts": [{ "type": "text", "content": s }] }]).to_string()) },
        { "key": "input.value", "value": any(&s) },
        { "key": "user.id", "value": any(&s) },
        { "key": "session.id", "value": any(&s) },
    ]);
    let (resource, scope) = (json!({ "attributes": list }), json!({ "name": s, "version": s, "attributes": list }));
    let (start, end) = ((now() - 1_000_000_000).to_string(), now().to_string());
    let span = |id: &str| {
        json!({
            "traceId": trace_id(1), "spanId": id, "name": s, "traceState": s, "startTimeUnixNano": start, "endTimeUnixNano": end,
            "attributes": list, "status": { "code": 2, "message": s }, "unknownField": s,
            "events": [{ "name": s, "timeUnixNano": start, "attributes": list }, { "name": "exception", "timeUnixNano": start,
                "attributes": [{ "key": "exception.message", "value": any(&s) }, { "key": "exception.stacktrace", "value": any(&s) }] }],
            "links": [{ "traceId": trace_id(9), "spanId": "00000000000000aa", "traceState": s, "attributes": list }],
        })
    };
    let traces = json!({ "resourceSpans": [{ "resource": resource, "schemaUrl": s,
        "scopeSpans": [{ "scope": scope, "spans": [span("00000000000000a1"), span(&s)] },
            { "scope": { "version": s }, "spans": [span("00000000000000a2")] }] }] });
    let log = json!({ "timeUnixNano": end, "severityText": s, "body": any(&s), "attributes": list, "eventName": s,
        "traceId": trace_id(1), "spanId": "00000000000000a1" });
    let logs =
        json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "scope": scope, "logRecords": [log] }] }] });
    let point = json!({ "timeUnixNano": end, "startTimeUnixNano": start, "attributes": list,
        "exemplars": [{ "timeUnixNano": end, "asDouble": 1.0, "filteredAttributes": list, "traceId": trace_id(1), "spanId": "00000000000000a1" }] });
    let with = |more: Value| {
        let mut point = point.clone();
        point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([point])
    };
    let metrics = [
        json!({ "name": s, "description": s, "unit": s, "gauge": { "dataPoints": with(json!({ "asDouble": 1.0 })) } }),
        json!({ "name": "a.sum", "description": s, "sum": { "isMonotonic": true, "aggregationTemporality": 2, "dataPoints": with(json!({ "asDouble": 1.0 })) } }),
        json!({ "name": "a.histogram", "description": s, "histogram": { "aggregationTemporality": 2,
            "dataPoints": with(json!({ "count": "2", "sum": 1.0, "bucketCounts": ["1", "1"], "explicitBounds": [1.0] })) } }),
        json!({ "name": "an.exponential.one", "description": s, "exponentialHistogram": { "aggregationTemporality": 2,
            "dataPoints": with(json!({ "count": "2", "sum": 1.0, "scale": 1, "positive": { "offset": 0, "bucketCounts": ["1", "1"] } })) } }),
    ];
    let metrics = json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [{ "scope": scope, "metrics": metrics }] }] });
    let time = "2026-11-21T05:08:01Z";
    let langfuse = json!({ "batch": [{ "id": "e1", "type": "generation-create", "timestamp": time, "body": {
        "id": "g1", "traceId": "t1", "name": s, "model": s, "startTime": time, "endTime": time, "input": [{ "role": "user", "content": s }],
        "output": s, "metadata": { "a": s }, "statusMessage": s, "level": "ERROR", "version": s, "environment": s } },
        { "id": "e2", "type": "trace-create", "timestamp": time, "body": { "id": "t1", "name": s, "userId": s, "sessionId": s, "tags": [s], "input": s, "metadata": { "b": s } } },
        { "id": "e4", "type": "no such type", "timestamp": time, "body": { "log": s } }, { "id": "e5", "type": s, "timestamp": time, "body": {} },
        { "id": "e3", "type": "score-create", "timestamp": time, "body": { "id": "s1", "traceId": "t1", "name": s, "value": 1, "comment": s } }] });
    let run = "edfd5c72-4802-429f-9e07-17737d7092ba";
    let langsmith = json!({ "post": [{ "id": run, "trace_id": run, "dotted_order": format!("20261121T050801000000Z{run}"), "name": s, "run_type": "llm",
        "start_time": time, "end_time": time, "inputs": { "q": s }, "outputs": { "a": s }, "error": s, "extra": { "metadata": { "m": s } }, "tags": [s],
        "session_name": s }] });
    let agents = json!({ "data": [{ "object": "trace", "id": "trace_0123456789abcdef0123456789abcdef", "workflow_name": s, "group_id": s, "metadata": { "a": s } },
        { "object": "trace.span", "id": "span_0123456789abcdef01234567", "trace_id": "trace_0123456789abcdef0123456789abcdef", "started_at": time, "ended_at": time,
        "span_data": { "type": "generation", "input": [{ "role": "user", "content": s }], "output": [{ "role": "assistant", "content": s }], "model": s },
        "error": { "message": s, "data": { "d": s } } }] });
    let annotation = json!({ "data": [{ "name": s, "span_id": "00000000000000a1", "annotator_kind": s, "result": { "label": s, "score": 1, "explanation": s }, "metadata": { "m": s } }] });
    let datadog = json!([[{ "trace_id": 7, "span_id": 1, "parent_id": 0, "name": s, "resource": s, "service": s, "type": s, "start": now() - 1_000_000_000,
        "duration": 1_000_000, "error": 1, "meta": { "env": s, "error.message": s, "error.stack": s, &s: s }, "metrics": { &s: 1.0 },
        "span_links": [{ "trace_id": 1, "span_id": 2, "attributes": { "a": s }, "tracestate": s }],
        "span_events": [{ "name": s, "time_unix_nano": now() - 1_000_000_000, "attributes": { "b": { "type": 0, "string_value": s } } }],
        "meta_struct": { "_llmobs": { "name": s, "session_id": s, "ml_app": s, "tags": [s], "meta": { "span": { "kind": "llm" }, "model_name": s,
            "input": { "messages": [{ "role": s, "content": s }] }, "output": { "messages": [{ "role": "assistant", "content": s }] }, "metadata": { "k": s } } } } }]]);
    let evaluation = json!({ "data": { "type": "evaluation_metric", "attributes": { "ml_app": s, "metrics": [{ "join_on": { "span": { "span_id": "1", "trace_id": "7" } },
        "label": s, "metric_type": "categorical", "categorical_value": s, "reasoning": s, "assessment": s, "tags": [s], "timestamp_ms": now() / 1_000_000 }] } } });
    let feedback = json!({ "id": run, "run_id": run, "key": s, "value": s, "score": 1, "comment": s, "correction": { "a": s },
        "feedback_source": { "type": s, "metadata": { "a": s } } });
    let score = json!({ "id": "s2", "traceId": "t1", "name": s, "value": s, "dataType": "CATEGORICAL", "comment": s, "metadata": { "a": s } });
    let loki = json!({ "streams": [{ "stream": { "app": s }, "values": [[end, s, { "meta": s }]] }] });
    vec![
        ("/v0.4/traces", datadog),
        ("/evp_proxy/v2/api/intake/llm-obs/v2/eval-metric", evaluation),
        ("/feedback", feedback),
        ("/api/public/scores", score),
        ("/loki/api/v1/push", loki),
        ("/api/v1/logs", json!({ "message": s, "level": s, "other": s, "nested": { "a": [s] } })),
        (
            "/v1/trace_annotations",
            json!({ "data": [{ "name": s, "trace_id": trace_id(1), "annotator_kind": s, "result": { "label": s, "score": 1, "explanation": s } }] }),
        ),
        ("/v1/traces", traces),
        ("/v1/logs", logs),
        ("/v1/metrics", metrics),
        ("/api/public/ingestion", langfuse),
        ("/runs/batch", langsmith),
        ("/v1/traces/ingest", agents),
        ("/v1/span_annotations", annotation),
    ]
}

fn send(server: &Server) {
    for (path, body) in requests() {
        let answer = server.post_to(&format!("{}{path}", server.http), &[JSON], body.to_string().as_bytes());
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    // By Prometheus, with metadata and exemplars.
    let s = song();
    crate::series::remote_write(server, &crate::series::with_words(&s)).no_content();
    // What people and pipelines tell.
    let url = format!("https://ci.example/?{s}");
    for (path, body) in [
        (
            "/api/v1/changes",
            json!({ "kind": "deploy", "title": s, "version": s, "agent": s, "environment": s, "url": url }),
        ),
        ("/api/v1/changes", json!({ "id": s, "kind": "config", "title": s })),
        (
            "/api/v1/brakes",
            json!({ "action": "hold", "agent": s, "tool": s, "environment": s, "issue": s, "why": s, "minutes": 5 }),
        ),
        (
            "/api/v1/dashboards",
            json!({ "title": s, "description": s, "panels": [{ "id": "p", "kind": "text", "title": s, "description": s, "text": s, "x": 0, "y": 0, "w": 6, "h": 4 }] }),
        ),
        ("/api/v1/holds", json!({ "about": { "user": "u" }, "reason": s })),
        (
            "/api/v1/silences",
            json!({ "matchers": format!("alertname=\"{s}\""), "duration": "1h", "created_by": "me", "comment": s }),
        ),
        (
            "/api/v1/budgets/check",
            json!({ "user": s, "session": s, "agent": s, "workflow": s, "environment": s, "model": s, "usd": 0.01, "reserve": true }),
        ),
        (
            "/alertmanager/api/v2/alerts",
            json!([{ "labels": { "alertname": s, "who": s }, "annotations": { "summary": s }, "generatorURL": url }]),
        ),
        (
            "/alertmanager/webhook",
            json!({ "version": "4", "alerts": [{ "labels": { "alertname": "Y", "who": s }, "annotations": { "a": s } }] }),
        ),
    ] {
        server.post_to(&format!("{}{path}", server.http), &[JSON], body.to_string().as_bytes()).ok();
    }
    let mut one = span(2, 5, 0, &song(), vec![attribute("llm.prompts.0.content", &song())]);
    one.trace_state = song();
    server.post_proto("/v1/traces", &request(&song(), vec![one])).ok();
}

/// Secrets in the files of a directory.
fn in_files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(in_files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let text = String::from_utf8_lossy(&bytes);
            found.extend(
                secrets()
                    .into_iter()
                    .filter(|secret| text.contains(secret))
                    .map(|secret| format!("{}: {secret}", path.display())),
            );
        }
    }
    found
}

/// Everything a reader can be told.
fn in_answers(server: &Server) -> Vec<String> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in [
        "/api/v1/export",
        "/api/v1/runs?limit=500&facets=agent,service,model,user,tag",
        "/api/v1/sessions",
        "/api/v1/logs",
        "/api/v1/status",
        "/api/v1/policy",
        "/api/v1/doctor",
        "/metrics",
        "/api/v1/summary",
        "/api/v1/changes",
        "/api/v1/brakes",
        "/api/v1/holds",
        "/api/v1/silences",
        "/api/v1/alerts",
        "/api/v1/alerts/history",
        "/api/v1/budgets",
        "/api/v1/audit",
        "/api/v1/dashboards",
        "/prometheus/api/v1/metadata",
        "/prometheus/api/v1/series?match[]=%7B__name__%3D~%22.%2B%22%7D",
        "/prometheus/api/v1/query_exemplars?query=%7B__name__%3D~%22.%2B%22%7D",
    ] {
        texts.push((path.to_owned(), server.get(path).ok().text()));
    }
    for view in server.get("/api/v1/sql/schema").ok().json()["views"].as_array().unwrap() {
        let query = format!("SELECT * FROM {}", view["name"].as_str().unwrap());
        let answer = server.post_to(
            &format!("{}/api/v1/sql", server.http),
            &[],
            json!({ "query": query }).to_string().as_bytes(),
        );
        texts.push((query, answer.ok().text()));
    }
    for run in server.get("/api/v1/runs?limit=500").ok().json()["runs"].as_array().unwrap() {
        for tail in ["", "/raw", "/logs"] {
            let path = format!("/api/v1/runs/{}{tail}", run["trace_id"].as_str().unwrap());
            texts.push((path.clone(), server.get(&path).text()));
        }
    }
    let say = |(what, text): &(String, String)| {
        secrets()
            .into_iter()
            .filter(|secret| text.contains(secret))
            .map(|secret| format!("{what}: {secret}"))
            .collect::<Vec<_>>()
    };
    texts.iter().flat_map(say).collect()
}

#[test]
fn a_secret_in_any_field_of_any_protocol_is_nowhere_afterwards() {
    for file in [
        "[[policy]]\ncontent = \"full\"",
        "[[policy]]\ncontent = \"preview\"\n[policy.redact]\nmark = \"pseudonym\"",
        "[[policy]]\ncontent = \"none\"",
    ] {
        let next = Server::start();
        let dir = TempDir::new().unwrap();
        let forward = dir.path().join("forward.toml");
        std::fs::write(&forward, format!("[[destination]]\nname = \"next\"\nurl = \"{}\"\n", next.http)).unwrap();
        let change = |settings: &mut Settings| (settings.policy, settings.forward) = (policies(file), Some(forward));
        let server = Server::configured(dir, change);
        send(&server);
        assert_eq!(in_files(&server.data_dir()), Vec::<String>::new(), "{file}");
        assert_eq!(in_answers(&server), Vec::<String>::new(), "{file}");
        let report = server.get("/api/v1/policy").ok().json();
        assert!(report["removed"].as_array().unwrap().len() > 10, "{report:#}");
        for _ in 0..500 {
            if server.get("/api/v1/status").ok().json()["forward"]["destinations"][0]["queued_requests"] == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(in_answers(&next), Vec::<String>::new(), "passed on: {file}");
        assert!(next.get("/api/v1/runs").ok().json()["runs"].as_array().unwrap().len() > 3);
        // After a restart everything is read from segments, without the policy.
        let server = Server::open(server.stop(), Limits::default());
        assert_eq!(in_answers(&server), Vec::<String>::new(), "after a restart: {file}");
    }
}

#[test]
fn without_a_policy_the_same_requests_show_everywhere() {
    let server = Server::start();
    send(&server);
    let (files, answers) = (in_files(&server.data_dir()), in_answers(&server));
    for secret in secrets() {
        assert!(files.iter().any(|found| found.ends_with(&secret)), "{secret} in no file");
        assert!(answers.iter().filter(|found| found.ends_with(&secret)).count() > 10, "{secret} in {answers:?}");
    }
}

#[test]
fn what_the_policy_left_is_read_back_after_a_crash_as_it_was_before() {
    let dir = TempDir::new().unwrap();
    let file = "[[policy]]\ncontent = \"preview\"\npreview_characters = 20";
    let server = Server::configured(dir, |settings| settings.policy = policies(file));
    send(&server);
    let raw = |server: &Server| {
        let path = format!("/api/v1/runs/{}/raw", trace_id(1));
        (server.get(&path).ok().text(), server.get("/api/v1/logs").ok().json()["logs"].clone())
    };
    let before = raw(&server);
    assert!(before.0.contains('…'), "{}", before.0);
    // A copy of the directory while the server is at work is what a crash leaves.
    let copy = TempDir::new().unwrap();
    let from = server.data_dir();
    assert!(
        std::process::Command::new("cp").arg("-r").arg(&from).arg(copy.path().join("data")).status().unwrap().success()
    );
    assert_eq!(raw(&Server::open(copy, Limits::default())), before);
}
