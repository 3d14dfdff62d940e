//! Traces that are one run, over the wire: both sides of an MCP request and of a tool call.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

use crate::support::{Server, attribute, count, request, span, trace_id};

/// An agent that calls a tool in another process, which asks a model itself. No context is passed on: each has a trace of its own,
/// and `names` is what both sides say of the call.
fn both_sides(names: &[(&str, &str)]) -> [Vec<u8>; 2] {
    let named = |operation: &str| {
        let names = names.iter().map(|(key, value)| attribute(key, value));
        names.chain([attribute("gen_ai.operation.name", operation), attribute("gen_ai.tool.name", "search")]).collect()
    };
    let agent = vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "planner")];
    let mut call = span(6, 2, 1, "tools/call search", named("execute_tool"));
    call.kind = SpanKind::Client as i32;
    let mut answer = span(7, 11, 0, "tools/call search", named("execute_tool"));
    answer.kind = SpanKind::Server as i32;
    let model = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.request.model", "gpt-4o"),
        count("gen_ai.usage.input_tokens", 30),
        count("gen_ai.usage.output_tokens", 4),
    ];
    [
        request("client", vec![span(6, 1, 0, "invoke_agent planner", agent), call]),
        request("tool-server", vec![answer, span(7, 12, 11, "chat gpt-4o", model)]),
    ]
}

fn check(names: &[(&str, &str)], reason: &str) {
    for order in [[0, 1], [1, 0]] {
        let mut server = Server::start();
        let sides = both_sides(names);
        for at in order {
            server.post_proto("/v1/traces", &sides[at]).ok();
            assert_eq!(
                server.get("/api/v1/runs").ok().json()["runs"].as_array().unwrap().len(),
                1,
                "{reason} {order:?}"
            );
        }
        for restarted in [false, true] {
            if restarted {
                server = Server::open(server.stop(), server::Limits::default());
            }
            let listed = server.get("/api/v1/runs").ok().json()["runs"].clone();
            assert_eq!(
                (listed.as_array().unwrap().len(), &listed[0]["trace_id"]),
                (1, &json!(trace_id(6))),
                "{listed:#}"
            );
            assert_eq!(listed[0]["usage"]["total_tokens"], 34);
            for id in [trace_id(6), trace_id(7)] {
                let answer = server.get(&format!("/api/v1/runs/{id}")).ok().json();
                let steps = answer["steps"].as_array().unwrap();
                let depths: Vec<&Value> = steps.iter().map(|step| &step["depth"]).collect();
                assert_eq!(depths, [0, 1, 2, 3], "{reason}: {answer:#}");
                assert_eq!(answer["joined"][0]["reason"], reason);
            }
        }
    }
}

#[test]
fn both_sides_of_an_mcp_request_are_one_run() {
    let names = [("mcp.method.name", "tools/call"), ("mcp.session.id", "s-9"), ("jsonrpc.request.id", "4")];
    check(&names, "mcp");
}

#[test]
fn both_sides_of_a_tool_call_in_one_conversation_are_one_run() {
    check(&[("gen_ai.conversation.id", "c-1"), ("gen_ai.tool.call.id", "call_7")], "tool_call");
}

#[test]
fn a_call_id_that_two_conversations_use_joins_nothing() {
    let server = Server::start();
    let [client, _] = both_sides(&[("gen_ai.conversation.id", "c-1"), ("gen_ai.tool.call.id", "call_7")]);
    let [_, tool] = both_sides(&[("gen_ai.conversation.id", "c-2"), ("gen_ai.tool.call.id", "call_7")]);
    for side in [client, tool] {
        server.post_proto("/v1/traces", &side).ok();
    }
    assert_eq!(server.get("/api/v1/runs").ok().json()["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_trace_that_was_judged_before_it_was_joined_counts_once() {
    let server =
        Server::configured(tempfile::TempDir::new().unwrap(), |settings| settings.runs.settle_nanos = 50_000_000);
    let [client, tool] =
        both_sides(&[("mcp.method.name", "tools/call"), ("mcp.session.id", "s-9"), ("jsonrpc.request.id", "4")]);
    server.post_proto("/v1/traces", &tool).ok();
    server.until("/api/v1/costs?by=run", |costs| costs["rows"][0]["by"] == json!([trace_id(7)]));
    server.post_proto("/v1/traces", &client).ok();
    server.until("/api/v1/costs?by=run", |costs| {
        costs["rows"][0]["by"] == json!([trace_id(6)]) && costs["rows"].as_array().unwrap().len() == 1
    });
    let costs = server.get("/api/v1/costs?by=model").ok().json();
    // 30 tokens in at 2.5 and 4 out at 10 dollars a million: once.
    assert!((costs["total"]["cost_usd"].as_f64().unwrap() - 0.000_115).abs() < 1e-12, "{costs:#}");
    assert_eq!(costs["total"]["calls"], 1);
    // What keeps the join is nobody's span.
    let (tempo, export) = (format!("/tempo/api/traces/{}", trace_id(6)), "/api/v1/export".to_owned());
    for path in [tempo, export] {
        let told = server.get(&path).ok().text();
        assert!(told.contains("tools/call") && !told.contains("told_by_log"), "{path}: {told}");
    }
}

#[test]
fn text_of_a_trace_that_is_part_of_a_run_finds_the_run() {
    let server = Server::start();
    let names = [("mcp.method.name", "tools/call"), ("mcp.session.id", "s-9"), ("jsonrpc.request.id", "4")];
    let [client, tool] = both_sides(&names);
    server.post_proto("/v1/traces", &client).ok();
    server.post_proto("/v1/traces", &tool).ok();
    let said = span(
        7,
        13,
        11,
        "execute_tool read",
        vec![
            attribute("gen_ai.operation.name", "execute_tool"),
            attribute("gen_ai.tool.name", "read"),
            attribute("gen_ai.tool.call.result", "the barn owl sleeps"),
        ],
    );
    server.post_proto("/v1/traces", &request("tool-server", vec![said])).ok();
    let found = server.get("/api/v1/search?q=barn%20owl").ok().json();
    assert_eq!(found["results"].as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found["results"][0]["run"]["trace_id"], *trace_id(6), "{found:#}");
    assert_eq!(found["results"][0]["matches"][0]["name"], "execute_tool read", "{found:#}");
    let none = server.get("/api/v1/search?q=barn%20owl&agent=somebody-else").ok().json();
    assert_eq!(none["results"], json!([]));
}
