//! What a tracer sends, in both of its forms.

use std::collections::BTreeMap;

use model::StepKind;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::json;

use super::*;
use crate::Known;

const NOW: Timestamp = Timestamp::from_millis(1_795_237_702_827);
const START: i64 = 1_795_237_700_000_000_000;

/// MessagePack within MessagePack.
struct Packed(Json);

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&rmp_serde::to_vec(&self.0).unwrap())
    }
}

#[derive(Serialize)]
struct Sent {
    name: &'static str,
    service: &'static str,
    resource: &'static str,
    trace_id: u64,
    span_id: u64,
    parent_id: u64,
    start: i64,
    duration: i64,
    error: i32,
    meta: BTreeMap<&'static str, &'static str>,
    metrics: BTreeMap<&'static str, f64>,
    meta_struct: BTreeMap<&'static str, Packed>,
}

fn sent(name: &'static str, span_id: u64, parent_id: u64, data: Json) -> Sent {
    let meta_struct = if data.is_null() { BTreeMap::new() } else { [("_llmobs", Packed(data))].into() };
    Sent {
        name,
        service: "shop",
        resource: name,
        trace_id: 0x1122_3344_5566_7788,
        span_id,
        parent_id,
        start: START,
        duration: 1_500_000_000,
        error: 0,
        meta: [("env", "prod")].into(),
        metrics: [("_dd.measured", 1.0)].into(),
        meta_struct,
    }
}

fn agent() -> Sent {
    let mut span = sent(
        "agent",
        1,
        0,
        json!({"name": "weather_agent", "session_id": "sess-42", "ml_app": "weather", "tags": {"user_id": "user-7"},
            "meta": {"span": {"kind": "agent"}, "input": {"value": "Weather in Paris?"}, "output": {"value": "Sunny."}}}),
    );
    span.meta.insert("_dd.p.tid", "6920000000000000");
    span
}

fn call() -> Sent {
    sent(
        "openai.request",
        2,
        1,
        json!({"name": "OpenAI.createChatCompletion", "parent_id": "1", "trace_id": "aaaa",
            "metrics": {"input_tokens": 57, "output_tokens": 23, "total_tokens": 80.0, "cache_read_input_tokens": 32,
                "time_to_first_token": 0.25},
            "meta": {"span": {"kind": "llm"}, "model_name": "gpt-4o-mini", "model_provider": "openai",
                "input": {"messages": [{"role": "user", "content": "Weather in Paris?"}]},
                "output": {"messages": [{"role": "assistant", "content": "", "tool_calls": [
                    {"name": "get_weather", "arguments": {"city": "Paris"}, "tool_id": "call_1", "type": "function"}]}]},
                "metadata": {"temperature": 0.2, "finish_reason": "tool_calls"}}}),
    )
}

fn understood(partial: Partial) -> (model::Span, model::Content) {
    let raw = Known::new(partial).raw();
    let (resource, scope) = (model::raw::Resource::default(), SCOPE);
    let tenant = dialects::tenant("default", &resource);
    (dialects::understand(&raw, &resource, &scope, &tenant, NOW), dialects::content(&raw, &resource, &scope, &[]))
}

#[test]
fn a_trace_of_the_tracer_is_a_run_of_agent_call_and_tool() {
    let mut tool = sent(
        "get_weather",
        3,
        1,
        json!({"meta": {"span": {"kind": "tool"},
        "input": {"value": "{\"city\": \"Paris\"}"}, "output": {"value": "18C"},
        "error": {"type": "KeyError", "message": "no such city"}}}),
    );
    tool.error = 1;
    let database = sent("postgres.query", 4, 3, Json::Null);
    let body = rmp_serde::to_vec_named(&[[agent(), call(), tool, database]]).unwrap();
    let told = traces(&body, NOW).unwrap();
    assert_eq!((told.spans.len(), told.refused().count()), (4, 0));
    let spans: Vec<_> = told.spans.into_iter().map(understood).collect();
    let (agent, call, tool, database) = (&spans[0].0, &spans[1].0, &spans[2].0, &spans[3].0);
    // One chunk, one trace, though only its first span names the upper half.
    assert!(spans.iter().all(|(span, _)| span.trace_id.to_string() == "69200000000000001122334455667788"));
    assert_eq!((agent.kind, agent.agent.as_deref()), (StepKind::Agent, Some("weather_agent")));
    assert_eq!((agent.session_id.as_deref(), agent.user_id.as_deref()), (Some("sess-42"), Some("user-7")));
    assert_eq!((agent.workflow.as_deref(), agent.service.as_deref()), (Some("weather"), Some("shop")));
    assert_eq!(&*agent.tenant.environment, "prod");
    assert_eq!(
        (call.kind, call.model.as_deref(), call.provider.as_deref()),
        (StepKind::Llm, Some("gpt-4o-mini"), Some("openai"))
    );
    let usage = call.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (Some(57), Some(23), Some(32)));
    assert_eq!((call.ttft_ms, call.parent_span_id), (Some(250.0), Some(agent.span_id)));
    assert_eq!(call.finish_reason.as_deref(), Some("tool_calls"));
    assert_eq!(call.requested_tool_calls.iter().map(|id| &**id).collect::<Vec<_>>(), ["call_1"]);
    assert_eq!(call.end.nanos_since(call.start), 1_500_000_000);
    assert_eq!(
        (tool.kind, tool.status, tool.error_type.as_deref()),
        (StepKind::Tool, model::SpanStatus::Error, Some("KeyError"))
    );
    assert_eq!(spans[2].1.tool_arguments, Some(json!({"city": "Paris"})));
    assert_eq!((database.kind, &*database.name), (StepKind::Other, "postgres.query"));
}

#[test]
fn a_span_that_comes_alone_is_the_same_span() {
    let event = json!([{"_dd.stage": "raw", "event_type": "span", "spans": [{
        "span_id": "2", "trace_id": "aaaa", "parent_id": "1", "name": "OpenAI.createChatCompletion", "start_ns": START,
        "duration": 1_500_000_000, "status": "ok", "tags": ["service:shop", "env:prod", "ml_app:weather"],
        "_dd": {"apm_trace_id": "69200000000000001122334455667788"}, "meta": {"span": {"kind": "llm"}, "model_name": "gpt-4o-mini",
            "input": {"messages": [{"role": "user", "content": "hi"}]}}, "metrics": {"input_tokens": 57, "output_tokens": 23}}]}]);
    let alone = events(event.to_string().as_bytes(), NOW).unwrap().spans.remove(0);
    let in_trace = traces(&rmp_serde::to_vec_named(&[[agent(), call()]]).unwrap(), NOW).unwrap().spans.remove(1);
    assert_eq!((alone.trace_id, alone.span_id, alone.parent), (in_trace.trace_id, in_trace.span_id, in_trace.parent));
    let (span, _) = understood(alone);
    assert_eq!((span.usage.input_tokens, span.service.as_deref(), span.kind), (Some(57), Some("shop"), StepKind::Llm));
    let root = json!({"spans": [{"span_id": "9", "trace_id": "123", "parent_id": "undefined", "name": "w", "start_ns": START, "duration": 1}]});
    let root = events(root.to_string().as_bytes(), NOW).unwrap().spans.remove(0);
    assert_eq!((root.parent, root.trace_id.to_string().as_str()), (None, "0000000000000000000000000000007b"));
}

#[test]
fn an_evaluation_judges_the_span_it_joins_on() {
    let metric = |more: Json| {
        let mut metric = json!({"join_on": {"span": {"span_id": "2", "trace_id": "123"}}, "label": "toxicity",
            "metric_type": "score", "timestamp_ms": 1_795_237_702_000_u64});
        metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        metric
    };
    let by_tag = json!({"join_on": {"tag": {"key": "id", "value": "1"}}, "label": "x", "score_value": 1});
    let metrics =
        [metric(json!({"score_value": 0.25})), metric(json!({"categorical_value": "bad"})), metric(json!({})), by_tag];
    let body = json!({"data": {"type": "evaluation_metric", "attributes": {"metrics": metrics}}});
    let told = evaluations(body.to_string().as_bytes(), NOW).unwrap();
    assert_eq!(
        told.scores.iter().map(|score| (score.value, score.label.as_deref())).collect::<Vec<_>>(),
        [(Some(0.25), None), (None, Some("bad"))]
    );
    assert_eq!(told.scores[0].span_id.unwrap().to_string(), "0000000000000002");
    assert_eq!(told.refused().count(), 2);
}

#[test]
fn what_is_none_of_this_is_refused_with_the_reason_and_costs_its_neighbours_nothing() {
    for body in [&b"\xc1"[..], b"\x93\x01", b"{\"a\": 1}", b"7", b"[1, 2", b"\xdd\xff\xff\xff\xff"] {
        assert!(traces(body, NOW).is_err(), "{body:?}");
    }
    let deep = [vec![0x91; 100_000], vec![0xc0]].concat();
    assert!(traces(&deep, NOW).unwrap_err().to_string().contains("nested") || traces(&deep, NOW).is_err());
    let mixed = json!([[{"trace_id": 1, "span_id": 2, "name": "good"}, {"name": "no ids"}, {"trace_id": 0, "span_id": 5}, 7], "no list"]);
    let told = traces(mixed.to_string().as_bytes(), NOW).unwrap();
    assert_eq!((told.spans.len(), told.refused().count()), (1, 4));
    assert!(events(b"[{}]", NOW).unwrap().refused().count() == 1 && evaluations(b"{}", NOW).is_err());
}

#[test]
fn a_body_of_many_small_values_ends_at_the_limit() {
    let many = vec![0x01; 5_000_000];
    let mut body = vec![0xdd];
    body.extend_from_slice(&(many.len() as u32).to_be_bytes());
    body.extend(many);
    assert!(traces(&body, NOW).unwrap_err().to_string().contains("VALUES_MAX"));
}
