//! Tests of the ingestion API.

use serde_json::json;

use super::*;
use crate::Known;

const NOW: Timestamp = Timestamp::from_millis(1_795_300_000_000);

fn read(batch: Json) -> Told {
    ingestion(json!({ "batch": batch, "metadata": {"sdk_version": "2.60.10"} }).to_string().as_bytes(), NOW).unwrap()
}

fn event(kind: &str, at: &str, body: Json) -> Json {
    json!({ "id": format!("{kind} {at}"), "type": kind, "timestamp": format!("2026-11-21T05:08:{at}Z"), "body": body })
}

/// The span put together from everything said about it.
fn span(told: &Told, id: &str) -> model::raw::RawSpan<'static> {
    let mut known: Option<Known> = None;
    for partial in told.spans.iter().filter(|partial| partial.span_id == span_id(id)) {
        match &mut known {
            Some(known) => _ = known.add(partial.clone()),
            None => known = Some(Known::new(partial.clone())),
        }
    }
    known.expect("a span of that id").raw()
}

#[test]
fn a_generation_is_put_together_from_create_and_update_in_any_order() {
    let create = event(
        "generation-create",
        "01.5",
        json!({"id": "g", "traceId": "t", "name": "chat", "startTime": "2026-11-21T05:08:01Z", "model": "gpt-4o-mini",
            "modelParameters": {"temperature": "0.2"}, "input": [{"role": "user", "content": "hi"}], "parentObservationId": "p"}),
    );
    let update = event(
        "generation-update",
        "02.5",
        json!({"id": "g", "traceId": "t", "endTime": "2026-11-21T05:08:02Z", "output": "hello",
            "usageDetails": {"input": 57, "output": 23, "cache_read_input_tokens": 32}, "costDetails": {"input": 0.001}}),
    );
    let forwards = span(&read(json!([create, update])), "g");
    let backwards = span(&read(json!([update, create])), "g");
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.name, "chat");
    assert_eq!(forwards.parent_span_id, Some(span_id("p")));
    assert_eq!(forwards.end.millis_since(forwards.start), 1000.0);
    let text = |key: &str| forwards.attributes.text(key).unwrap().to_owned();
    assert_eq!(text("langfuse.observation.type"), "generation");
    assert_eq!(text("langfuse.observation.output"), "hello");
    let json = |key: &str| serde_json::from_str::<Json>(&text(key)).unwrap();
    assert_eq!(json("langfuse.observation.input"), json!([{"role": "user", "content": "hi"}]));
    assert_eq!(
        json("langfuse.observation.usage_details"),
        json!({"input": 57, "output": 23, "cache_read_input_tokens": 32})
    );
}

#[test]
fn a_trace_covers_its_observations_and_ends_when_they_do() {
    let told = read(json!([
        event(
            "trace-create",
            "01",
            json!({"id": "t", "name": "agent", "userId": "u", "sessionId": "s", "tags": ["a"],
            "timestamp": "2026-11-21T05:08:01Z", "metadata": {"k": "v", "n": 1, "deep": {"x": 1}}})
        ),
        event("span-create", "02", json!({"id": "o", "traceId": "t", "startTime": "2026-11-21T05:08:02Z"})),
        event("span-update", "04", json!({"id": "o", "traceId": "t", "endTime": "2026-11-21T05:08:04Z"})),
        event("trace-create", "03", json!({"id": "t", "output": "bye", "tags": ["b"]})),
    ]));
    let trace = trace_id("t");
    let mut root: Option<Known> = None;
    for partial in told.spans.iter().filter(|partial| partial.span_id == root_span_id(trace)) {
        match &mut root {
            Some(root) => _ = root.add(partial.clone()),
            None => root = Some(Known::new(partial.clone())),
        }
    }
    let root = root.unwrap().raw();
    assert_eq!((root.name.as_ref(), root.parent_span_id), ("agent", None));
    assert_eq!(root.end.millis_since(root.start), 3000.0);
    let text = |key: &str| root.attributes.text(key).map(str::to_owned);
    assert_eq!(text("user.id").as_deref(), Some("u"));
    assert_eq!(text("session.id").as_deref(), Some("s"));
    assert_eq!(text("langfuse.trace.metadata.deep").as_deref(), Some(r#"{"x":1}"#));
    assert_eq!(text("langfuse.trace.output").as_deref(), Some("bye"));
    assert_eq!(root.attributes.get("langfuse.trace.tags"), Some(&Value::Array(vec![string("a"), string("b")])));
    assert_eq!(span(&told, "o").parent_span_id, Some(root_span_id(trace)));
}

#[test]
fn older_usage_is_read_in_both_of_its_forms_and_characters_are_no_tokens() {
    let usage = |usage: Json| {
        let told = read(json!([event("generation-create", "01", json!({"id": "g", "traceId": "t", "usage": usage}))]));
        let span = span(&told, "g");
        let text = |key: &str| span.attributes.text(key).map(str::to_owned);
        (text("langfuse.observation.usage_details"), text("langfuse.observation.cost_details"))
    };
    let (tokens, cost) = usage(json!({"input": 5, "output": 6, "total": 11, "unit": "TOKENS", "totalCost": 0.5}));
    assert_eq!(tokens.as_deref(), Some(r#"{"input":5,"output":6,"total":11}"#));
    assert_eq!(cost.as_deref(), Some(r#"{"total":0.5}"#));
    let (tokens, _) = usage(json!({"promptTokens": 5, "completionTokens": 6}));
    assert_eq!(tokens.as_deref(), Some(r#"{"input":5,"output":6}"#));
    assert_eq!(usage(json!({"input": 5, "unit": "CHARACTERS"})).0, None);
}

#[test]
fn a_bad_event_is_named_and_costs_its_neighbours_nothing() {
    let told = read(json!([
        {"id": "1", "type": "span-create", "body": {"id": "a", "traceId": "t"}},
        {"id": "2", "type": "span-create"},
        {"id": "3", "type": "gibberish", "body": {}},
        {"id": "4", "type": "mystery-create", "body": {"id": "m", "traceId": "t"}},
        7,
        {"id": "6", "type": "score-create", "body": {"name": "s", "value": 1}},
        {"id": "7", "type": "sdk-log", "body": {"log": "x"}},
    ]));
    let refused: Vec<&str> = told.refused().map(|item| item.id.as_str()).collect();
    assert_eq!(refused, ["2", "3", "event 4", "6"]);
    // A type nobody knows is kept as what it calls itself.
    assert_eq!(span(&told, "m").attributes.text("langfuse.observation.type"), Some("mystery"));
    assert!(ingestion(b"[]", NOW).is_err() && ingestion(b"{\"batch\": 5}", NOW).is_err());
}

#[test]
fn an_error_is_one_whatever_else_is_said() {
    let told = read(json!([
        event("span-create", "01", json!({"id": "a", "traceId": "t", "level": "ERROR", "statusMessage": "exploded"})),
        event("span-update", "02", json!({"id": "a", "traceId": "t", "endTime": "2026-11-21T05:08:02Z"})),
    ]));
    let span = span(&told, "a");
    assert_eq!((span.status, span.status_message.as_ref()), (StatusCode::Error, "exploded"));
}

#[test]
fn scores_come_one_by_one_and_as_a_list() {
    let one =
        scores(br#"{"id": "s1", "traceId": "7ea469ac83f81a4f52c1bf64a56b7e04", "name": "ok", "value": true}"#, NOW);
    let score = &one.unwrap().scores[0];
    assert_eq!((score.value, score.at), (Some(1.0), NOW));
    assert_eq!(score.trace_id.unwrap().to_string(), "7ea469ac83f81a4f52c1bf64a56b7e04");
    let list =
        br#"[{"name": "a", "value": "good", "traceId": "t", "observationId": "7be185cfddd18d55"}, {"name": "b"}]"#;
    let told = scores(list, NOW).unwrap();
    assert_eq!(told.scores[0].label.as_deref(), Some("good"));
    assert_eq!(told.scores[0].span_id.unwrap().to_string(), "7be185cfddd18d55");
    assert_eq!(told.refused().count(), 1);
}
