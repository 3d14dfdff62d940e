//! The doctor: for each check a service that shows it, and one in good health that shows none.

use std::fs;
use std::path::Path;

use access::Scope;
use serde_json::{Value, json};
use server::Limits;
use tempfile::TempDir;

use crate::doors;
use crate::support::{Server, now};

const SECOND: u64 = 1_000_000_000;

fn attributes(pairs: &[(&str, Value)]) -> Value {
    let value = |value: &Value| match value {
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        other => json!({"stringValue": other.as_str().unwrap()}),
    };
    pairs.iter().map(|(key, of)| json!({"key": key, "value": value(of)})).collect()
}

fn messages(role: &str, text: &str) -> Value {
    json!(json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string())
}

/// Attributes of a model call that lacks nothing, without those named.
fn call(without: &[&str]) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai")),
        ("gen_ai.request.model", json!("gpt-4o")),
        ("gen_ai.usage.input_tokens", json!(100)),
        ("gen_ai.usage.output_tokens", json!(20)),
        ("gen_ai.input.messages", messages("user", "Who keeps watch?")),
        ("gen_ai.output.messages", messages("assistant", "The owl.")),
    ];
    all.retain(|(key, _)| !without.iter().any(|part| key.contains(part)));
    all
}

fn agent() -> Vec<(&'static str, Value)> {
    vec![
        ("gen_ai.operation.name", json!("invoke_agent")),
        ("gen_ai.agent.name", json!("watch")),
        ("gen_ai.conversation.id", json!("c1")),
    ]
}

fn tool() -> Vec<(&'static str, Value)> {
    vec![
        ("gen_ai.operation.name", json!("execute_tool")),
        ("gen_ai.tool.name", json!("search")),
        ("gen_ai.tool.call.arguments", json!("{\"q\":\"owls\"}")),
        ("gen_ai.tool.call.result", json!("3 owls")),
    ]
}

/// A span of trace `trace` that ended a second ago.
fn span(trace: u16, id: u8, parent: u8, name: &str, pairs: &[(&str, Value)]) -> Value {
    let end = now() - SECOND;
    json!({
        "traceId": format!("{:032x}", u128::from(trace) + 1), "spanId": format!("{id:016x}"),
        "parentSpanId": if parent == 0 { String::new() } else { format!("{parent:016x}") },
        "name": name, "startTimeUnixNano": (end - SECOND + u64::from(id)).to_string(), "endTimeUnixNano": end.to_string(),
        "attributes": attributes(pairs),
    })
}

fn send(server: &Server, service: &str, spans: Vec<Value>) {
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&[("service.name", json!(service))])},
        "scopeSpans": [{"scope": {"name": "my.instrumentation", "version": "1.2"}, "spans": spans}],
    }]});
    server.post_json("/v1/traces", &body).ok();
}

/// A run in good health.
fn healthy(trace: u16) -> Vec<Value> {
    vec![
        span(trace, 1, 0, "invoke_agent watch", &agent()),
        span(trace, 2, 1, "chat gpt-4o", &call(&[])),
        span(trace, 3, 1, "execute_tool search", &tool()),
    ]
}

/// A run whose second span has these attributes.
fn with_call(trace: u16, pairs: &[(&str, Value)]) -> Vec<Value> {
    let mut spans = healthy(trace);
    spans[1] = span(trace, 2, 1, "chat gpt-4o", pairs);
    spans
}

fn ids(answer: &Value) -> Vec<String> {
    let findings = answer["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

fn ask(server: &Server, query: &str) -> Value {
    server.get(&format!("/api/v1/doctor?{query}")).ok().json()
}

/// For each check that looks at spans or runs a service named after it that shows it.
fn ill() -> Vec<(&'static str, Vec<Value>)> {
    let edited = |trace: u16, edit: fn(&mut Value)| {
        let mut spans = healthy(trace);
        edit(&mut spans[1]);
        spans
    };
    let mut all = vec![
        ("not-understood", {
            let mut spans = healthy(1);
            spans.push(span(1, 4, 1, "my llm call", &[("prompt_count", json!(7))]));
            spans
        }),
        (
            "no-agent-telemetry",
            (1..=20)
                .map(|id| span(2, id, u8::from(id > 1), "GET /x", &[("http.request.method", json!("GET"))]))
                .collect(),
        ),
        ("no-model", with_call(3, &call(&["model"]))),
        ("no-tokens", with_call(4, &call(&["usage"]))),
        ("no-tokens-streaming", {
            let mut pairs = call(&["usage"]);
            pairs.push(("gen_ai.response.time_to_first_chunk", json!(0.25)));
            with_call(5, &pairs)
        }),
        ("no-token-split", {
            let mut pairs = call(&["usage"]);
            pairs.push(("gen_ai.usage.total_tokens", json!(120)));
            with_call(6, &pairs)
        }),
        ("no-cost", {
            let mut pairs = call(&["model"]);
            pairs.push(("gen_ai.request.model", json!("house-model-1")));
            with_call(7, &pairs)
        }),
        ("no-content", with_call(8, &call(&["messages"]))),
        ("no-tool-content", {
            let mut spans = healthy(9);
            spans[2] = span(9, 3, 1, "execute_tool search", &tool()[..2]);
            spans
        }),
        (
            "clock-ahead",
            edited(10, |span| {
                span["startTimeUnixNano"] = json!((now() + 60 * SECOND).to_string());
                span["endTimeUnixNano"] = json!((now() + 61 * SECOND).to_string());
            }),
        ),
        (
            "arrived-late",
            edited(11, |span| {
                span["startTimeUnixNano"] = json!((now() - 172_800 * SECOND).to_string());
                span["endTimeUnixNano"] = json!((now() - 172_799 * SECOND).to_string());
            }),
        ),
        ("no-start-time", edited(12, |span| span["startTimeUnixNano"] = json!("1234"))),
        (
            "ends-before-start",
            edited(13, |span| {
                span["endTimeUnixNano"] = json!((now() - 90 * SECOND).to_string());
            }),
        ),
        ("attributes-dropped", edited(14, |span| span["droppedAttributesCount"] = json!(3))),
        ("error-unnamed", edited(15, |span| span["status"] = json!({"code": 2}))),
        ("no-agent", vec![span(16, 1, 0, "chat gpt-4o", &call(&[]))]),
        ("orphans", {
            let mut spans = healthy(17);
            spans.push(span(17, 4, 9, "chat gpt-4o", &call(&[])));
            spans
        }),
        (
            "child-before-parent",
            edited(18, |span| {
                span["startTimeUnixNano"] = json!((now() - 30 * SECOND).to_string());
            }),
        ),
        ("double-instrumentation", {
            let mut pairs = call(&[]);
            pairs.push(("gen_ai.response.id", json!("chatcmpl-1")));
            let mut spans = with_call(19, &pairs);
            spans.push(span(19, 5, 2, "chat gpt-4o", &pairs));
            spans
        }),
        ("never-ended", edited(20, |span| _ = span.as_object_mut().unwrap().remove("endTimeUnixNano"))),
    ];
    all.push(("no-session", {
        let without: Vec<_> = agent().into_iter().take(2).collect();
        (21..=23)
            .flat_map(|trace| {
                let mut spans = healthy(trace);
                spans[0] = span(trace, 1, 0, "invoke_agent watch", &without);
                spans
            })
            .collect()
    }));
    all
}

#[test]
fn each_check_sees_what_it_is_for_and_nothing_in_good_health() {
    let server = Server::start();
    let ill = ill();
    for (service, spans) in &ill {
        send(&server, service, spans.clone());
    }
    (100..110).for_each(|trace| send(&server, "in good health", healthy(trace)));
    // Half an hour later: whatever has not ended by then never will.
    let later = rfc3339(now() + 1_800 * SECOND);
    for (service, _) in &ill {
        let answer = ask(&server, &format!("from=1h&to={later}&service={service}"));
        assert!(ids(&answer).iter().any(|id| id == service), "{service}: {:?}", ids(&answer));
        let finding = answer["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == *service).unwrap();
        assert!(finding["count"].as_u64().unwrap() >= 1 && finding["of"].as_u64() >= finding["count"].as_u64());
        assert!(!finding["remedy"]["text"].as_str().unwrap().is_empty(), "{finding}");
        let example = &finding["example"];
        let run =
            server.get(&format!("/api/v1/runs/{}?content=none", example["trace_id"].as_str().unwrap())).ok().json();
        if let Some(span) = example["span_id"].as_str() {
            let steps = run["steps"].as_array().unwrap();
            assert!(steps.iter().any(|step| step["span_id"] == span), "the example is a step of the run: {finding}");
        }
    }
    let answer = ask(&server, &format!("from=1h&to={later}&service=in+good+health"));
    assert_eq!(ids(&answer), Vec::<String>::new(), "{answer:#}");
    assert_eq!(answer["examined"]["spans"], 30);
    assert_eq!(answer["examined"]["origins"][0]["scope"], "my.instrumentation");
    let all = ask(&server, "from=1h");
    let severities: Vec<&str> =
        all["findings"].as_array().unwrap().iter().map(|finding| finding["severity"].as_str().unwrap()).collect();
    let rank = |word: &&str| ["error", "warning", "info"].iter().position(|known| known == word).unwrap();
    assert!(severities.iter().map(rank).is_sorted(), "the worst first: {severities:?}");
    let one = ask(&server, &format!("from=1h&trace_id={:032x}", 5));
    assert_eq!(ids(&one), ["no-tokens"], "one run alone can be asked about");
    let unpriced = ask(&server, "from=1h&service=no-cost");
    assert!(unpriced["findings"][0]["details"][0].as_str().unwrap().contains("house-model-1"), "{unpriced:#}");
}

/// Nanoseconds since 1970 as RFC 3339.
fn rfc3339(nanos: u64) -> String {
    model::Timestamp::from_nanos(nanos as i64).to_string()
}

#[test]
fn refusals_logs_metrics_and_cut_texts_are_seen() {
    let server = Server::start();
    assert_eq!(ids(&ask(&server, "from=1h")), Vec::<String>::new());
    server.post("/v1/traces", &[("content-type", "application/json")], b"{");
    let lost = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "", "spanId": "00f067aa0ba902b7", "name": "x"}]}]}]});
    server.post_json("/v1/traces", &lost);
    let log = |trace: &str| {
        json!({"resourceLogs": [{"resource": {"attributes": attributes(&[("service.name", json!("logs"))])},
            "scopeLogs": [{"logRecords": [{"timeUnixNano": now().to_string(), "eventName": "gen_ai.user.message", "traceId": trace}]}]}]})
    };
    server.post_json("/v1/logs", &log("")).ok();
    let metric = json!({"resourceMetrics": [{"resource": {"attributes": attributes(&[("service.name", json!("only-metrics"))])},
        "scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [{"timeUnixNano": now().to_string(), "asDouble": 1.0}]}}]}]}]});
    server.post_json("/v1/metrics", &metric).ok();
    let cut = (0..3).flat_map(|trace| {
        let mut pairs = call(&["input.messages"]);
        let text = format!("{trace}{}", "x".repeat(4095));
        pairs.push(("gen_ai.input.messages", json!(text)));
        with_call(trace, &pairs)
    });
    send(&server, "cut", cut.collect());
    let answer = ask(&server, "from=1h");
    let found = ids(&answer);
    for id in ["requests-refused", "items-refused", "logs-without-trace", "metrics-without-spans", "text-cut"] {
        assert!(found.iter().any(|each| each == id), "{id}: {found:?}");
    }
    let refused =
        answer["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == "requests-refused").unwrap();
    assert_eq!(refused["details"][0], "traces: 1 requests, malformed");
    assert_eq!(ids(&ask(&server, "from=1h&service=only-metrics")), ["metrics-without-spans"]);
}

#[test]
fn senders_without_a_key_are_told_to_send_one() {
    let dir = TempDir::new().unwrap();
    let (_, key) = doors::key(&dir.path().join("data"), "shop", &[Scope::Read], 1);
    let server = Server::open(dir, Limits::default());
    let bearer = format!("Bearer {key}");
    let json = ("content-type", "application/json");
    assert_eq!(server.post("/v1/traces", &[json], b"{}").status, 401);
    assert_eq!(server.post("/v1/traces", &[json, ("authorization", &bearer)], b"{}").status, 403);
    let url = format!("{}/api/v1/doctor?from=1h", server.http);
    let answer = server.send("GET", &url, &[("authorization", &bearer)], b"").json();
    assert_eq!(ids(&answer), ["requests-not-allowed"]);
    let finding = &answer["findings"][0];
    assert_eq!(finding["details"], json!(["traces: 1 requests, forbidden", "traces: 1 requests, unauthorized"]));
    assert!(finding["remedy"]["line"].as_str().unwrap().starts_with("OTEL_EXPORTER_OTLP_HEADERS="), "{finding}");
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let server = Server::start();
    for (query, says) in
        [("from=soon", "from"), ("from=1h&to=2h", "before"), ("trace_id=x", "trace_id"), ("colour=1", "colour")]
    {
        let answer = server.get(&format!("/api/v1/doctor?{query}"));
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let quoted = server.get("/api/v1/doctor?service=it%27s%20--%20x").ok().json();
    assert_eq!(quoted["examined"]["spans"], 0);
}

/// What the doctor says about what real clients sent, one line a capture; looked over by hand.
#[test]
fn what_it_says_of_real_clients() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !folder.join("index.json").exists() {
        println!("skipped: no recorded requests at ../shared/captures");
        return;
    }
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut lines = String::new();
    for (name, capture) in index.as_object().unwrap() {
        if !capture["requests"].as_array().unwrap().iter().all(crate::captures::is_otlp) {
            continue;
        }
        let server = Server::start();
        crate::captures::requests(&folder.join(name)).iter().for_each(|body| crate::captures::send(&server, body));
        // Half an hour later every run has settled.
        let answer = ask(&server, &format!("from=1h&to={}", rfc3339(now() + 1_800 * SECOND)));
        // When they were recorded depends on nothing we do.
        let mut found: Vec<String> = ids(&answer).into_iter().filter(|id| id != "arrived-late").collect();
        found.dedup();
        lines.push_str(&format!("{name}: {}\n", found.join(" ")));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/doctor-captures.txt");
    if std::env::var_os("TAWNY_REWRITE").is_some() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(&golden, &lines).unwrap();
    }
    assert_eq!(
        lines,
        fs::read_to_string(&golden).unwrap_or_default(),
        "rewrite with TAWNY_REWRITE=1 and look at the difference"
    );
}

/// `docs/recipes/frameworks.md` is written from the data that the API serves.
#[test]
fn the_settings_are_documented_and_hold_the_servers_addresses() {
    let server = Server::start();
    let answer = server.get("/api/v1/setup").ok().json();
    let frameworks = answer["frameworks"].as_array().unwrap();
    assert!(frameworks.len() > 25);
    let mut seen = std::collections::BTreeSet::new();
    for framework in frameworks {
        let text = framework.to_string();
        assert!(seen.insert(framework["id"].to_string()), "twice: {framework}");
        assert!(!text.contains("{http}") && !text.contains("{base}") && !text.contains("{grpc"), "{text}");
        let own = [&server.http, &server.otlp_http, &server.otlp_grpc].iter().any(|url| text.contains(url.as_str()));
        assert!(own || framework["id"] == "mcp", "no address of this server: {text}");
    }
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes/frameworks.md");
    let written = server::setup_document();
    if std::env::var_os("TAWNY_REWRITE").is_some() {
        fs::write(&document, &written).unwrap();
    }
    assert_eq!(fs::read_to_string(&document).unwrap_or_default(), written, "rewrite with TAWNY_REWRITE=1");
}
