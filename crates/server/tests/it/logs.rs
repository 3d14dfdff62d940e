//! Runs told by log records: JSON lines, Loki's clients, coding agents' events; alone, and beside spans.

use std::path::Path;

use serde_json::{Value, json};

use crate::captures::{captures, read, requests, send};
use crate::support::{Server, agent_run, attribute, count, request, span, trace_id};

/// What a workflow logger writes during one execution.
fn lines(execution: &str) -> Vec<String> {
    let at = |ms: u32| format!("2026-11-21T10:00:00.{ms:03}");
    let events = [
        json!({"event": "step_start", "step_name": "fetch_ticket", "step_type": "tool", "context_keys": ["ticket_id"], "timestamp": at(0)}),
        json!({"event": "tool_call", "tool_name": "fetch_ticket", "arguments": {"ticket_id": "TKT-999"}, "response_keys": ["priority"], "duration_ms": 110.5, "timestamp": at(120)}),
        json!({"event": "step_complete", "step_name": "fetch_ticket", "duration_ms": 121.0, "success": true, "error": null, "timestamp": at(121)}),
        json!({"event": "step_start", "step_name": "route_ticket", "step_type": "branch", "context_keys": [], "timestamp": at(122)}),
        json!({"event": "branch_decision", "branch_name": "route_ticket", "path_taken": "escalate", "timestamp": at(123)}),
        json!({"event": "step_start", "step_name": "summarise", "step_type": "llm", "context_keys": [], "timestamp": at(124)}),
        json!({"event": "error", "step_name": "summarise", "error": "no such model", "timestamp": at(324),
            "traceback": "Traceback (most recent call last):\n  File \"w.py\", line 3, in run\nValueError: no such model\n"}),
    ];
    let with_execution = |mut event: Value| {
        event["execution_id"] = json!(execution);
        event.to_string()
    };
    events.into_iter().map(with_execution).collect()
}

fn post_lines(server: &Server, lines: &[String]) -> Value {
    let url = format!("{}/api/v1/logs", server.http);
    server.post_to(&url, &[("content-type", "application/x-ndjson")], lines.join("\n").as_bytes()).ok().json()
}

/// Stops the server, which writes its rows into segments, and starts it again.
fn restart(server: Server) -> Server {
    Server::open(server.stop(), server::Limits::default())
}

fn runs(server: &Server) -> Vec<Value> {
    server.get("/api/v1/runs").ok().json()["runs"].as_array().unwrap().clone()
}

/// The parts of a run that may not depend on how it came in.
fn told(server: &Server, id: &str) -> Value {
    let mut answer = server.get(&format!("/api/v1/runs/{id}")).ok().json();
    let run = &mut answer["run"];
    {
        let field = "provisional";
        run.as_object_mut().unwrap().remove(field);
    }
    answer
}

fn check_workflow(answer: &Value) {
    let (run, steps) = (&answer["run"], answer["steps"].as_array().unwrap());
    let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names[1..], ["fetch_ticket", "route_ticket", "summarise"], "{answer:#}");
    assert_eq!((&run["status"], &run["tool_calls"], &run["steps"]), (&json!("error"), &json!(1), &json!(4)));
    assert_eq!(run["error"], json!({"type": "ValueError", "message": "no such model"}));
    let [_, tool, branch, llm] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((&tool["kind"], &tool["status"], &tool["told_by"]), (&json!("tool"), &json!("ok"), &json!("log")));
    assert_eq!(tool["tool"]["arguments"], json!({"ticket_id": "TKT-999"}));
    assert_eq!(tool["duration_ms"], json!(121.0));
    assert_eq!((&branch["kind"], &branch["output"]), (&json!("chain"), &json!("escalate")));
    assert_eq!((&llm["kind"], &llm["status"]), (&json!("llm"), &json!("error")));
    let traceback = &llm["events"][0]["attributes"]["exception.stacktrace"];
    assert!(traceback.as_str().unwrap().contains("w.py"), "{llm}");
}

#[test]
fn a_workflows_lines_are_one_run_in_any_order_and_however_often_sent() {
    let server = Server::start();
    let all = lines("EXEC-1");
    let answer = post_lines(&server, &all);
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(7), &json!(0)));
    let listed = runs(&server);
    assert_eq!(listed.len(), 1);
    let first = told(&server, "EXEC-1");
    assert_eq!(first["run"]["trace_id"], listed[0]["trace_id"]);
    check_workflow(&first);
    // Each line alone, backwards, every second one again.
    let other = Server::start();
    for (at, line) in all.iter().enumerate().rev() {
        for _ in 0..1 + at % 2 {
            post_lines(&other, std::slice::from_ref(line));
        }
        let _ = runs(&other);
    }
    assert_eq!(told(&other, "EXEC-1")["steps"], first["steps"]);
    assert_eq!(runs(&other).len(), 1);
    let logs = other.get("/api/v1/runs/EXEC-1/logs").ok().json();
    assert_eq!(logs["logs"].as_array().unwrap().len(), 7);
    // The same after a restart.
    let again = restart(other);
    assert_eq!(told(&again, "EXEC-1")["steps"], first["steps"]);
}

#[test]
fn spans_of_the_same_execution_and_its_lines_are_one_run() {
    let spans = |first: bool| {
        let root = span(
            9,
            1,
            0,
            "workflow_execution",
            vec![attribute("execution_id", "EXEC-2"), attribute("workflow_name", "support")],
        );
        let step = span(
            9,
            2,
            1,
            "fetch_ticket",
            vec![
                attribute("execution_id", "EXEC-2"),
                attribute("step_type", "tool"),
                attribute("tool_name", "fetch_ticket"),
            ],
        );
        if first { request("workflow-engine", vec![root]) } else { request("workflow-engine", vec![step]) }
    };
    let mut seen: Option<Value> = None;
    for order in 0..4 {
        let mut server = Server::start();
        let post = |server: &Server, part: usize| match part {
            0 => _ = server.post_proto("/v1/traces", &spans(true)).ok(),
            1 => _ = server.post_proto("/v1/traces", &spans(false)).ok(),
            _ => _ = post_lines(server, &lines("EXEC-2")),
        };
        let parts = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]][order];
        for part in parts {
            post(&server, part);
            let _ = runs(&server);
            // What came before is in segments then.
            if order > 1 {
                server = restart(server);
            }
        }
        let listed = runs(&server);
        assert_eq!(listed.len(), 1, "{order}: {listed:?}");
        assert_eq!(listed[0]["trace_id"], trace_id(9));
        let by_span = server.get(&format!("/api/v1/runs/{}", trace_id(9))).ok().json();
        let by_id = server.get("/api/v1/runs/EXEC-2").ok().json();
        assert_eq!(by_span["steps"], by_id["steps"]);
        assert_eq!(by_id["joined"][0]["reason"], "execution");
        // The spans were sent just now and the lines are dated: the tool is told twice, apart in time.
        assert_eq!(by_id["run"]["workflow"], "support");
        let shape = |answer: &Value| -> Vec<Value> {
            answer["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| json!([step["name"], step["kind"], step["depth"]]))
                .collect()
        };
        let shape = json!(shape(&by_id));
        assert_eq!(*seen.get_or_insert_with(|| shape.clone()), shape, "order {order}");
    }
}

#[test]
fn a_run_is_found_by_what_it_is_called_beside_its_trace() {
    let server = Server::start();
    let trace = "0b7e5bbc-38a5-4dd6-8bd2-0e0e8d8faaaa";
    let line = |event: &str, more: Value| {
        let mut line = json!({"event": event, "trace_id": trace, "workflow_id": "WF-9", "step_name": "draft",
            "timestamp": "2026-11-21T10:00:00Z"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    post_lines(
        &server,
        &[line("step_start", json!({})), line("step_complete", json!({"duration_ms": 120, "success": true}))],
    );
    let answer = server.get("/api/v1/runs/WF-9").ok().json();
    assert_eq!(answer["run"]["trace_id"], trace.replace('-', ""));
    let draft = answer["steps"].as_array().unwrap().iter().find(|step| step["name"] == "draft").unwrap();
    assert_eq!(draft["duration_ms"], json!(120.0), "times in whole seconds, the duration in milliseconds");
    // No line names this one, only its span.
    let root = span(8, 1, 0, "workflow_execution", vec![attribute("execution_id", "EXEC-8")]);
    server.post_proto("/v1/traces", &request("workflow-engine", vec![root])).ok();
    assert_eq!(server.get("/api/v1/runs/EXEC-8").ok().json()["run"]["trace_id"], trace_id(8));
    assert_eq!(server.get("/api/v1/runs/EXEC-404").status, 404);
}

#[test]
fn an_agents_log_events_give_its_model_and_tool_calls_once() {
    let server = Server::start();
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let lines = [
        json!({"timestamp": "2026-11-21T10:00:00.500+00:00", "service": "agent-service", "event_type": "llm_call", "trace_id": id, "level": "info",
            "model": "gpt-4o", "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150, "latency_ms": 480.5}),
        json!({"timestamp": "2026-11-21T10:00:00.700+00:00", "service": "agent-service", "event_type": "tool_call", "trace_id": id, "level": "info",
            "tool_name": "web_search", "arguments": {"q": "owls"}, "result_preview": "Owls are birds", "latency_ms": 150.0, "success": true}),
    ];
    post_lines(&server, &lines.map(|line| line.to_string()));
    let run = told(&server, id);
    assert_eq!(run["run"]["usage"]["input_tokens"], 120);
    assert_eq!((&run["run"]["llm_calls"], &run["run"]["tool_calls"]), (&json!(1), &json!(1)));
    assert_eq!((&run["run"]["service"], &run["run"]["status"]), (&json!("agent-service"), &json!("ok")));
    let tool = &run["steps"][2]["tool"];
    assert_eq!((&tool["arguments"], &tool["result"]), (&json!({"q": "owls"}), &json!("Owls are birds")));
    assert_eq!(server.get("/api/v1/summary").ok().json()["counters"]["input_tokens"], 120);
}

#[test]
fn a_record_of_a_call_that_a_span_tells_fills_it_and_counts_no_second_time() {
    for spans_first in [true, false] {
        let server = Server::start();
        // The two model calls of the run end some milliseconds before now.
        let (spans, now) = (agent_run(5), crate::support::now());
        let lines = [(100, 20), (150, 30)].map(|(input, output)| {
            json!({"timestamp": now / 1_000_000 - 1, "event_type": "llm_call", "trace_id": trace_id(5), "model": "gpt-4o",
                "prompt_tokens": input, "completion_tokens": output, "latency_ms": 900})
            .to_string()
        });
        if spans_first {
            server.post_proto("/v1/traces", &spans).ok();
        }
        let _ = runs(&server);
        post_lines(&server, &lines);
        let _ = runs(&server);
        if !spans_first {
            server.post_proto("/v1/traces", &spans).ok();
        }
        let answer = told(&server, &trace_id(5));
        let run = &answer["run"];
        assert_eq!((&run["steps"], &run["llm_calls"]), (&json!(4), &json!(2)), "{answer:#}");
        assert_eq!((&run["usage"]["input_tokens"], &run["usage"]["output_tokens"]), (&json!(250), &json!(50)));
        let told: Vec<&Value> = answer["steps"].as_array().unwrap().iter().map(|step| &step["told_by"]).collect();
        assert_eq!(told.iter().filter(|told| **told == "both").count(), 2, "{told:?}");
        assert_eq!(runs(&server).len(), 1);
    }
}

#[test]
fn bad_lines_are_named_and_a_body_without_any_is_refused() {
    let server = Server::start();
    let answer = post_lines(&server, &["{\"message\":\"a\"}".into(), "nonsense".into(), "{\"message\":\"b\"}".into()]);
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(2), &json!(1)));
    assert!(answer["reasons"][0].as_str().unwrap().starts_with("line 2: "), "{answer}");
    let counts = server.counts("logs");
    assert_eq!((&counts["items_accepted"], &counts["items_rejected"]), (&json!(2), &json!(1)));
    let url = format!("{}/api/v1/logs", server.http);
    let refused = server.post_to(&url, &[], b"<html>");
    assert_eq!((refused.status, refused.header("content-type")), (400, "application/problem+json"));
    let list = server.get("/api/v1/logs").ok().json();
    assert_eq!(list["logs"].as_array().unwrap().len(), 2);
    let gzip = {
        use std::io::Write;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(b"[{\"message\":\"c\"}]").unwrap();
        packer.finish().unwrap()
    };
    let packed = server.post_to(&url, &[("content-encoding", "gzip")], &gzip).ok().json();
    assert_eq!(packed["accepted"], 1);
}

/// A protobuf field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

#[test]
fn lokis_clients_push_in_both_forms() {
    let server = Server::start();
    let line = lines("EXEC-3")[0].clone();
    let body = json!({"streams": [{"stream": {"service_name": "flow", "level": "info"}, "values": [["1795255200000000000", line]]}]});
    let url = format!("{}/loki/api/v1/push", server.http);
    let answer = server.post_to(&url, &[("content-type", "application/json")], body.to_string().as_bytes());
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    // What promtail and Alloy send: protobuf in one Snappy block.
    let time = [vec![1 << 3], vec![0xe1, 0x98, 0x86, 0xd8, 0x06]].concat();
    let entry = [field(1, &time), field(2, lines("EXEC-3")[1].as_bytes())].concat();
    let stream = [field(1, br#"{service_name="flow"}"#), field(2, &entry)].concat();
    let packed = snap::raw::Encoder::new().compress_vec(&field(1, &stream)).unwrap();
    let answer = server.post("/loki/api/v1/push", &[("content-type", "application/x-protobuf")], &packed);
    assert_eq!(answer.status, 204, "{}", answer.text());
    let run = told(&server, "EXEC-3");
    assert_eq!((&run["run"]["tool_calls"], &run["run"]["service"]), (&json!(1), &json!("flow")), "{run:#}");
    for bad in [&b"not snappy"[..], b"{\"streams\": 1}"] {
        let answer = server.post_to(&url, &[], bad);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(server.get("/loki/api/v1/push").status, 405);
}

/// Posts the requests of a capture whose name contains one of `parts`, in order.
fn send_some(server: &Server, folder: &Path, parts: &[&str]) {
    for body in requests(folder) {
        let name = body.file_name().unwrap().to_string_lossy().to_ascii_lowercase();
        if parts.iter().any(|part| name.contains(part)) {
            send(server, &body);
        }
    }
}

#[test]
fn coding_agents_logs_alone_or_beside_their_spans_count_what_the_provider_did() {
    let Some(folder) = captures() else { return };
    let expected = read(&folder.join("expected.json"));
    for name in [
        "claude-code/http-json",
        "claude-code/http-protobuf",
        "claude-code/grpc",
        "codex-cli/http-binary",
        "codex-cli/http-json",
    ] {
        let totals = &expected[name];
        for (parts, restarts) in [(&["logs"][..], false), (&["logs", "trace"], true), (&["trace", "logs"], false)] {
            let mut server = Server::start();
            for part in parts {
                send_some(&server, &folder.join(name), &[part]);
                let _ = runs(&server);
                if restarts {
                    server = restart(server);
                }
            }
            let counters = server.get("/api/v1/summary").ok().json()["counters"].clone();
            for key in ["input_tokens", "output_tokens"] {
                assert_eq!(counters[key], totals[key], "{name} {parts:?} {key}");
            }
            let listed = runs(&server);
            let with_calls: Vec<&Value> = listed.iter().filter(|run| run["llm_calls"] != 0).collect();
            assert_eq!(with_calls.len(), 1, "{name} {parts:?}: {with_calls:#?}");
            let run = with_calls[0];
            assert_eq!(run["llm_calls"], 2, "{name} {parts:?}");
            assert_eq!(run["tool_calls"], 1, "{name} {parts:?}");
            if name.starts_with("claude") {
                let cost = run["cost_usd"].as_f64().unwrap();
                assert!((cost - 0.0009417).abs() < 1e-9, "{name} {parts:?}: {cost}");
                assert_eq!(run["input_preview"], "What is the weather in Paris? Use Bash.");
                let opened = server.get(&format!("/api/v1/runs/{}", run["trace_id"].as_str().unwrap())).ok().json();
                let steps = opened["steps"].as_array().unwrap();
                let tool = &steps.iter().find(|step| step["kind"] == "tool").unwrap()["tool"];
                assert_eq!(
                    (&tool["name"], &tool["arguments"]["command"]),
                    (&json!("Bash"), &json!("echo 18C sunny")),
                    "{name} {parts:?}: {tool:#}"
                );
                assert!(
                    steps.iter().all(|step| step["prompt"].is_null()),
                    "{name} {parts:?}: a prompt's id is no template"
                );
            }
        }
    }
}

#[test]
fn a_run_across_a_queue_is_one_tree_whichever_side_comes_first() {
    use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
    let sender = || {
        let mut publish = span(6, 2, 1, "publish tasks", vec![attribute("messaging.destination.name", "tasks")]);
        publish.kind = SpanKind::Producer as i32;
        request("supervisor", vec![span(6, 1, 0, "agent.run", vec![]), publish])
    };
    let consumer = || {
        let mut consume = span(
            7,
            11,
            0,
            "agent.consume",
            vec![attribute("messaging.queue", "tasks"), attribute("agent.role", "researcher")],
        );
        consume.kind = SpanKind::Consumer as i32;
        consume.links = vec![Link { trace_id: vec![6; 16], span_id: vec![2; 8], ..Link::default() }];
        let call = span(7, 12, 11, "llm.call", vec![attribute("llm.model", "gpt-4o"), count("llm.tokens", 40)]);
        request("worker", vec![consume, call])
    };
    for (sender_first, restarts) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut server = Server::start();
        let mut parts = [sender(), consumer()];
        if !sender_first {
            parts.reverse();
        }
        for part in &parts {
            server.post_proto("/v1/traces", part).ok();
            assert_eq!(runs(&server).len(), 1, "sender first: {sender_first}, restarts: {restarts}");
            if restarts {
                server = restart(server);
                assert_eq!(runs(&server).len(), 1, "sender first: {sender_first}, after a restart");
            }
        }
        let listed = runs(&server);
        assert_eq!((listed[0]["trace_id"].as_str(), &listed[0]["steps"]), (Some(trace_id(6).as_str()), &json!(4)));
        assert_eq!(listed[0]["usage"]["total_tokens"], 40);
        for id in [trace_id(6), trace_id(7)] {
            let answer = server.get(&format!("/api/v1/runs/{id}")).ok().json();
            let depths: Vec<u64> =
                answer["steps"].as_array().unwrap().iter().map(|step| step["depth"].as_u64().unwrap()).collect();
            assert_eq!(depths, [0, 1, 2, 3], "{answer:#}");
            assert_eq!(
                answer["joined"],
                json!([{"trace_id": trace_id(7), "reason": "link",
                "because": "its first span handles a message, and links to the one span it is from"}])
            );
            let step = server.get(&format!("/api/v1/runs/{id}/steps/{}", "0c".repeat(8))).ok().json();
            assert_eq!(step["step"]["model"], "gpt-4o");
        }
        let server = restart(server);
        assert_eq!(runs(&server).len(), 1);
        assert_eq!(server.get("/api/v1/summary").ok().json()["counters"]["runs_started"], 1);
    }
}

/// OTLP/JSON attributes.
fn otlp(pairs: &[(&str, Value)]) -> Value {
    let one = |(key, value): &(&str, Value)| match value {
        Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
        other => json!({"key": key, "value": {"stringValue": other}}),
    };
    pairs.iter().map(one).collect()
}

#[test]
fn a_cli_that_starts_a_trace_for_each_call_gives_one_run_with_the_thoughts_its_logs_count() {
    let (now, second) = (crate::support::now(), 1_000_000_000);
    let resource = json!({"attributes": otlp(&[("service.name", json!("gemini-cli"))])});
    let common = [("session.id", json!("s-1")), ("prompt_id", json!("s-1########0"))];
    let with = |more: Vec<(&'static str, Value)>| otlp(&[common.to_vec(), more].concat());
    // Two model calls, a tool between them, three traces.
    let span = |trace: u8, operation: &str, ago: u64, more: Vec<(&'static str, Value)>| {
        let attributes = with([vec![("gen_ai.operation.name", json!(operation))], more].concat());
        json!({"traceId": trace_id(trace), "spanId": format!("{trace:02x}").repeat(8), "name": operation,
            "startTimeUnixNano": (now - ago * second).to_string(), "endTimeUnixNano": (now - ago * second + second / 2).to_string(),
            "attributes": attributes})
    };
    let tokens = || {
        vec![
            ("gen_ai.request.model", json!("gemini-2.5-pro")),
            ("gen_ai.usage.input_tokens", json!(57)),
            ("gen_ai.usage.output_tokens", json!(16)),
        ]
    };
    let spans = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "gemini-cli"}, "spans": [
        span(1, "llm_call", 9, tokens()), span(2, "tool_call", 7, vec![("gen_ai.tool.name", json!("get_weather"))]), span(3, "llm_call", 5, tokens()),
    ]}]}]});
    let record = |name: &str, trace: u8, ago: u64, more: Vec<(&'static str, Value)>| {
        json!({"timeUnixNano": (now - ago * second + second / 2 + 1_000_000).to_string(), "traceId": trace_id(trace), "spanId": format!("{trace:02x}").repeat(8),
            "attributes": with([vec![("event.name", json!(name))], more].concat())})
    };
    let counts = || {
        vec![
            ("model", json!("gemini-2.5-pro")),
            ("duration_ms", json!(500)),
            ("input_token_count", json!(57)),
            ("output_token_count", json!(16)),
            ("thoughts_token_count", json!(7)),
            ("total_token_count", json!(80)),
        ]
    };
    let asked = json!([{"role": "user", "parts": [{"text": "Weather in Paris?"}]}]).to_string();
    let logs = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": "gemini-cli"}, "logRecords": [
        record("gemini_cli.user_prompt", 1, 10, vec![("prompt", json!("What is the weather?"))]),
        record("gemini_cli.api_request", 1, 9, vec![("model", json!("gemini-2.5-pro")), ("request_text", json!(asked))]),
        record("gemini_cli.api_response", 1, 9, counts()),
        record("gemini_cli.tool_call", 2, 7, vec![("function_name", json!("get_weather")), ("function_args", json!("{\"city\":\"Paris\"}")), ("duration_ms", json!(500)), ("success", json!("true"))]),
        record("gemini_cli.api_response", 3, 5, counts()),
    ]}]}]});
    for order in [&["logs"][..], &["logs", "spans"], &["spans", "logs"]] {
        let server = Server::start();
        for part in order {
            let (path, body) = if *part == "logs" { ("/v1/logs", &logs) } else { ("/v1/traces", &spans) };
            server.post_json(path, body).ok();
            let _ = runs(&server);
        }
        let listed = runs(&server);
        assert_eq!(listed.len(), 1, "{order:?}: {listed:#?}");
        let run = &listed[0];
        assert_eq!(
            (&run["usage"]["input_tokens"], &run["usage"]["output_tokens"]),
            (&json!(114), &json!(46)),
            "{order:?}"
        );
        assert_eq!((&run["llm_calls"], &run["tool_calls"]), (&json!(2), &json!(1)), "{order:?}");
        assert_eq!(run["input_preview"], "What is the weather?", "{order:?}");
        let answer = server.get(&format!("/api/v1/runs/{}", run["trace_id"].as_str().unwrap())).ok().json();
        let tool = answer["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "tool").unwrap();
        assert_eq!(tool["tool"]["arguments"], json!({"city": "Paris"}), "{order:?}: {tool:#}");
        let call = answer["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "llm").unwrap();
        assert_eq!(call["messages"]["input"][0]["parts"][0]["text"], "Weather in Paris?", "{order:?}: {call:#}");
    }
}
