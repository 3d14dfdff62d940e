//! Tests of the Agents SDK's exporter.

use serde_json::json;

use super::*;
use crate::Known;

const NOW: Timestamp = Timestamp::from_millis(1_795_300_000_000);
const TRACE: &str = "trace_865a19502f4f4b03b50a8e9a81e0bd7a";

fn item(data: Json, error: Json) -> Json {
    json!({"object": "trace.span", "id": "span_090f979de9c74705aca106aa", "trace_id": TRACE, "parent_id": null,
        "started_at": "2026-11-21T05:10:14+00:00", "ended_at": "2026-11-21T05:10:15+00:00", "span_data": data, "error": error})
}

fn read(items: Json) -> Told {
    ingest(json!({ "data": items }).to_string().as_bytes(), NOW).unwrap()
}

fn first(data: Json) -> model::raw::RawSpan<'static> {
    Known::new(read(json!([item(data, Json::Null)])).spans[0].clone()).raw()
}

#[test]
fn a_trace_is_the_root_of_its_spans_and_covers_them() {
    let told = read(json!([
        {"object": "trace", "id": TRACE, "workflow_name": "Weather", "group_id": "sess-42", "metadata": {"user_id": "user-7"}},
        item(json!({"type": "agent", "name": "Weather Agent"}), Json::Null),
    ]));
    let trace = own_trace_id(TRACE);
    assert_eq!(trace.to_string(), "865a19502f4f4b03b50a8e9a81e0bd7a");
    let mut root = Known::new(told.spans[0].clone());
    root.add(told.spans[2].clone());
    let root = root.raw();
    assert_eq!((root.span_id, root.name.as_ref()), (root_span_id(trace), "Weather"));
    assert_eq!(root.end.millis_since(root.start), 1000.0);
    assert_eq!(root.attributes.text("gen_ai.conversation.id"), Some("sess-42"));
    assert_eq!(root.attributes.text("user.id"), Some("user-7"));
    assert_eq!(Known::new(told.spans[1].clone()).raw().parent_span_id, Some(root.span_id));
}

#[test]
fn tokens_of_a_response_are_its_own_and_those_of_a_turn_are_totals() {
    let usage = json!({"input_tokens": 57, "output_tokens": 23, "total_tokens": 80,
        "input_tokens_details": {"cached_tokens": 32}, "output_tokens_details": {"reasoning_tokens": 7}});
    let response = first(json!({"type": "response", "response_id": "resp_1", "usage": usage}));
    let count = |key: &str| response.attributes.get(key).and_then(Value::as_u64);
    assert_eq!(count("gen_ai.usage.input_tokens"), Some(57));
    assert_eq!(count("gen_ai.usage.cache_read.input_tokens"), Some(32));
    assert_eq!(count("gen_ai.usage.reasoning.output_tokens"), Some(7));
    let turn = json!({"sdk_span_type": "turn", "turn": 1, "agent_name": "A", "usage": {"input_tokens": 57, "output_tokens": 23}});
    let turn = first(json!({"type": "custom", "name": "turn", "data": turn}));
    assert_eq!(turn.attributes.get("gen_ai.aggregated_usage.input_tokens").and_then(Value::as_u64), Some(57));
    assert_eq!(turn.attributes.get("gen_ai.usage.input_tokens"), None);
    assert_eq!(turn.attributes.text("gen_ai.agent.name"), Some("A"));
}

#[test]
fn the_sdk_for_javascript_tells_tokens_in_the_answer_or_on_the_turn() {
    let usage = json!({"prompt_tokens": 57, "completion_tokens": 23, "prompt_tokens_details": {"cached_tokens": 32}});
    let output = json!([{"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18", "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "18C"}, "finish_reason": "stop"}]}]);
    let call = first(json!({"type": "generation", "model": "gpt-4o-mini", "input": [], "output": output}));
    let count = |span: &model::raw::RawSpan<'_>, key: &str| span.attributes.get(key).and_then(Value::as_u64);
    assert_eq!(count(&call, "gen_ai.usage.input_tokens"), Some(57));
    assert_eq!(count(&call, "gen_ai.usage.cache_read.input_tokens"), Some(32));
    assert_eq!(call.attributes.text("gen_ai.response.id"), Some("chatcmpl-1"));
    assert_eq!(call.attributes.text("gen_ai.response.model"), Some("gpt-4o-mini-2024-07-18"));

    let mut response = item(json!({"type": "response", "response_id": "resp_1"}), Json::Null);
    response["parent_id"] = json!("span_turn");
    let turn = json!({"sdk_span_type": "turn", "turn": 1, "usage": {"input_tokens": 57, "output_tokens": 23, "cached_input_tokens": 32}});
    let mut turn = item(json!({"type": "custom", "name": "turn", "data": turn}), Json::Null);
    turn["id"] = json!("span_turn");
    let told = read(json!([response, turn]));
    let response = Known::new(told.spans[0].clone()).raw();
    assert_eq!(count(&response, "gen_ai.usage.input_tokens"), Some(57));
    assert_eq!(count(&response, "gen_ai.usage.output_tokens"), Some(23));
    assert_eq!(count(&response, "gen_ai.usage.cache_read.input_tokens"), Some(32));
    let turn = Known::new(told.spans[2].clone()).raw();
    assert_eq!(count(&turn, "gen_ai.usage.input_tokens"), None, "a total stays one");
}

#[test]
fn tools_handoffs_and_guardrails_say_what_they_did() {
    let tool =
        first(json!({"type": "function", "name": "get_weather", "input": "{\"city\": \"Paris\"}", "output": "18C"}));
    assert_eq!(tool.attributes.text("gen_ai.tool.call.arguments"), Some("{\"city\": \"Paris\"}"));
    let handoff = first(json!({"type": "handoff", "from_agent": "Triage", "to_agent": "Spanish"}));
    assert_eq!(handoff.name, "Triage → Spanish");
    let guard = first(json!({"type": "guardrail", "name": "guard", "triggered": true}));
    assert_eq!(guard.attributes.get("gen_ai.guardrail.triggered"), Some(&Value::Bool(true)));
    // A type of a later SDK is kept with all it carries.
    let later = first(json!({"type": "telepathy", "name": "t", "thought": {"x": 1}}));
    assert_eq!(later.attributes.text("openai.agents.thought"), Some("{\"x\":1}"));
}

#[test]
fn an_error_names_its_cause_and_a_bad_item_is_named() {
    let error = json!({"message": "Error getting response", "data": {"error": "Error code: 500"}});
    let told = read(
        json!([item(json!({"type": "response"}), error), {"object": "elephant", "id": "e"}, {"object": "trace.span"}]),
    );
    let span = Known::new(told.spans[0].clone()).raw();
    assert_eq!(
        (span.status, span.status_message.as_ref()),
        (StatusCode::Error, "Error getting response: Error code: 500")
    );
    assert_eq!(told.refused().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["e", "item 2"]);
    assert!(ingest(b"{}", NOW).is_err());
}
