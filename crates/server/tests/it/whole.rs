//! Runs that take much once every text is written out where it was sent: refused by the limit's name, streamed, judged without content.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, attribute, request, span, trace_id};

/// What an agent has said by a round: all of it again, and one message more.
fn said(round: u8) -> String {
    let role = |round: u8| if round.is_multiple_of(2) { "user" } else { "assistant" };
    let message = |round: u8| json!({"role": role(round), "content": format!("round {round} {}", "word ".repeat(200))});
    Value::from((0..=round).map(message).collect::<Vec<Value>>()).to_string()
}

/// An agent that sends its whole conversation with every round.
fn conversation(trace: u8, rounds: u8) -> Vec<u8> {
    let agent = vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "long")];
    let mut spans = vec![span(trace, 1, 0, "invoke_agent long", agent)];
    spans.extend((0..rounds).map(|round| {
        let chat = vec![attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.input.messages", &said(round))];
        span(trace, round + 2, 1, "chat", chat)
    }));
    request("svc", spans)
}

/// How often a limit was reached.
fn reached(status: &Value, name: &str) -> u64 {
    let limits = status["limits"].as_array().unwrap();
    let limit = limits.iter().find(|limit| limit["name"] == name).unwrap_or_else(|| panic!("no limit {name}"));
    limit["reached"].as_u64().unwrap()
}

/// The spans of OTLP/JSON.
fn spans_of(otlp: &Value) -> Vec<&Value> {
    let resources = otlp["resourceSpans"].as_array().unwrap().iter();
    let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().unwrap());
    scopes.flat_map(|scope| scope["spans"].as_array().unwrap()).collect()
}

/// What the call of a round was asked, as it was sent.
fn asked<'v>(spans: &[&'v Value], round: u8) -> &'v str {
    let id = format!("{:02x}", round + 2).repeat(8);
    let span = spans.iter().find(|span| span["spanId"] == id.as_str()).unwrap();
    let mut attributes = span["attributes"].as_array().unwrap().iter();
    attributes.find(|it| it["key"] == "gen_ai.input.messages").unwrap()["value"]["stringValue"].as_str().unwrap()
}

#[test]
fn what_is_too_much_to_be_written_out_is_refused_by_name_judged_without_content_and_streamed() {
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        // 30 rounds of a kilobyte: thirty kilobytes were said, half a megabyte is sent.
        settings.limits.run_content_bytes = 256 << 10;
        settings.runs.settle_nanos = 50_000_000;
    });
    server.post_proto("/v1/traces", &conversation(1, 30)).ok();
    server.post_proto("/v1/traces", &conversation(2, 3)).ok();
    let status = server.until("/api/v1/status", |status| reached(status, "run_content_bytes") > 0);
    let by_judging = reached(&status, "run_content_bytes");

    let run = format!("/api/v1/runs/{}", trace_id(1));
    for path in [
        run.clone(),
        format!("{run}/investigate"),
        format!("/api/v1/runs/{}/diff/{}", trace_id(2), trace_id(1)),
        format!("/tempo/api/traces/{}", trace_id(1)),
        format!("/jaeger/api/traces/{}", trace_id(1)),
    ] {
        let refused = server.get(&path);
        assert_eq!(refused.status, 422, "{path}: {}", refused.text());
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        for word in ["run_content_bytes", "262144", "content=none", "/raw"] {
            assert!(detail.contains(word), "{word}: {detail}");
        }
    }
    let status = server.get("/api/v1/status").ok().json();
    assert!(reached(&status, "run_content_bytes") >= by_judging + 5, "{}", status["limits"]);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", trace_id(2))).ok().json()["steps"].as_array().unwrap().len(), 4);

    // What the refusal names works.
    let narrow = server.get(&format!("{run}?content=none")).ok().json();
    assert_eq!(narrow["steps"].as_array().unwrap().len(), 31);
    let step = server.get(&format!("{run}/steps/{}", "1f".repeat(8))).ok().json();
    assert_eq!(asked(&spans_of(&step["raw"]), 29), said(29));
    let raw = server.get(&format!("{run}/raw")).ok();
    assert_eq!(raw.header("content-type"), "application/json");
    assert!(raw.body.len() > 400_000, "{} bytes, in more than one piece", raw.body.len());
    let raw = raw.json();
    let spans = spans_of(&raw);
    assert_eq!(spans.len(), 31);
    for round in 0..30 {
        assert_eq!(asked(&spans, round), said(round));
    }
    let exported = server.get("/api/v1/export").ok().text();
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let long = lines.iter().find(|line| spans_of(line).len() == 31).unwrap();
    assert_eq!((lines.len(), asked(&spans_of(long), 29)), (2, said(29).as_str()));
}

#[test]
fn a_run_of_too_many_steps_is_refused_before_it_is_read() {
    let server = Server::start();
    let steps: Vec<u64> = (1..=20_001).collect();
    for some in steps.chunks(5_000) {
        let spans = some.iter().map(|step| {
            let mut one = span(1, 1, u8::from(*step > 1), "step", Vec::new());
            one.span_id = if *step == 1 { vec![1; 8] } else { step.to_be_bytes().to_vec() };
            one
        });
        server.post_proto("/v1/traces", &request("svc", spans.collect())).ok();
    }
    let run = format!("/api/v1/runs/{}", trace_id(1));
    for path in [run.clone(), format!("{run}/investigate")] {
        let refused = server.get(&path);
        assert_eq!(refused.status, 422, "{path}: {}", refused.text());
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("20001 steps") && detail.contains("full_steps_max"), "{detail}");
    }
    assert_eq!(reached(&server.get("/api/v1/status").ok().json(), "full_steps_max"), 2);
    let raw = server.get(&format!("{run}/raw")).ok().json();
    assert_eq!(spans_of(&raw).len(), 20_001);
}
