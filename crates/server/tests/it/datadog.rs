//! Datadog's tracers with Tawny in the place of their agent.

use serde_json::{Value, json};
use server::config::IngestKeys;
use tempfile::TempDir;

use crate::support::{Answer, Server};

const JSON: (&str, &str) = ("content-type", "application/json");
const START: u64 = 1_795_237_700_000_000_000;

fn spans() -> Value {
    let span = |id: u64, parent: u64, name: &str, data: Value| {
        json!({"trace_id": 7, "span_id": id, "parent_id": parent, "name": name, "resource": name, "service": "shop", "type": "llm",
            "start": START + id, "duration": 2_000_000_000 - 2 * id, "error": 0, "meta": {"_dd.p.tid": "6920000000000000", "env": "prod"},
            "metrics": {}, "meta_struct": {"_llmobs": data}})
    };
    json!([[
        span(
            1,
            0,
            "agent",
            json!({"name": "planner", "session_id": "s-1", "meta": {"span": {"kind": "agent"}, "input": {"value": "Weather?"}}})
        ),
        span(
            2,
            1,
            "openai.request",
            json!({"meta": {"span": {"kind": "llm"}, "model_name": "gpt-4o-mini", "model_provider": "openai",
            "input": {"messages": [{"role": "user", "content": "Weather?"}]}, "output": {"messages": [{"role": "assistant", "content": "Sunny."}]}},
            "metrics": {"input_tokens": 57, "output_tokens": 23}})
        ),
    ]])
}

fn put(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    server.send(method, &format!("{}{path}", server.otlp_http), &[JSON], body.to_string().as_bytes())
}

const TRACE: &str = "69200000000000000000000000000007";

#[test]
fn its_traces_events_and_evaluations_are_one_run() {
    let server = Server::start();
    let info = server.get("/info").ok().json();
    assert!(info["endpoints"].as_array().unwrap().contains(&json!("/v0.4/traces")), "{info}");
    let answer = put(&server, "PUT", "/v0.4/traces", &spans());
    assert_eq!((answer.status, answer.json()), (200, json!({"rate_by_service": {}})));
    // The same call once more, as the event that is sent where the trace may be sampled away.
    let event = json!([{"event_type": "span", "spans": [{"span_id": "2", "trace_id": "99", "parent_id": "1", "name": "openai.request",
        "start_ns": START + 2, "duration": 1_999_999_996, "status": "ok", "_dd": {"apm_trace_id": TRACE},
        "meta": {"span": {"kind": "llm"}, "model_name": "gpt-4o-mini"}, "metrics": {"input_tokens": 57, "output_tokens": 23}}]}]);
    assert_eq!(put(&server, "POST", "/evp_proxy/v2/api/v2/llmobs", &event).status, 202);
    let metric = json!({"data": {"type": "evaluation_metric", "attributes": {"metrics": [{"join_on": {"span": {"span_id": "2", "trace_id": "99"}},
        "label": "toxicity", "metric_type": "score", "score_value": 0.25, "timestamp_ms": START / 1_000_000}]}}});
    assert_eq!(put(&server, "POST", "/evp_proxy/v2/api/intake/llm-obs/v2/eval-metric", &metric).status, 202);
    let answer = server.get(&format!("/api/v1/runs/{TRACE}?content=full")).ok().json();
    let (run, steps) = (&answer["run"], answer["steps"].as_array().unwrap());
    assert_eq!(
        (steps.len(), &run["llm_calls"], &run["usage"]["total_tokens"]),
        (2, &json!(1), &json!(80)),
        "{answer:#}"
    );
    assert_eq!(
        (&run["agent"], &run["session_id"], &run["environment"]),
        (&json!("planner"), &json!("s-1"), &json!("prod"))
    );
    assert_eq!((&run["service"], &run["duration_ms"]), (&json!("shop"), &json!(1999.999998)));
    assert_eq!(steps[1]["messages"]["output"][0]["parts"][0]["text"], "Sunny.");
    assert_eq!((&steps[1]["scores"][0]["name"], &steps[1]["scores"][0]["value"]), (&json!("toxicity"), &json!(0.25)));
}

#[test]
fn bad_spans_are_named_bytes_that_are_nothing_refused_and_keys_asked_for() {
    let server = Server::configured(TempDir::new().unwrap(), |settings| {
        settings.ingest_keys = IngestKeys::parse(["dd-key"]).unwrap();
    });
    let url = format!("{}/v0.4/traces", server.http);
    let refused = server.send("PUT", &url, &[JSON], spans().to_string().as_bytes());
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert!(!refused.json()["errors"][0]["detail"].is_null());
    let key = ("dd-api-key", "dd-key");
    // MessagePack: one trace of two spans, of which the second has no ids.
    let packed = b"\x91\x92\x83\xa8trace_id\x01\xa7span_id\x02\xa4name\xa1x\x81\xa4name\xa1y";
    let answer = server.send("PUT", &url, &[("content-type", "application/msgpack"), key], packed);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("1 of 2 items were refused, 1 are kept"), "{}", answer.text());
    assert_eq!(
        server.get(&format!("/api/v1/runs/{}1", "0".repeat(31))).ok().json()["steps"].as_array().unwrap().len(),
        1
    );
    for body in [&packed[..20], b"\xc1", b"[1", b""] {
        let answer = server.send("PUT", &url, &[key], body);
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
    }
}
