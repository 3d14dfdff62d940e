//! Telemetry of fixed ids and times, so that what is shown is always the same.

use serde_json::{Value, json};

/// 2026-03-01T12:00:00Z in milliseconds.
const NOON: u64 = 1_772_366_400_000;

fn attributes(pairs: &[(&str, Value)]) -> Value {
    let value = |value: &Value| match value {
        Value::Number(number) => json!({"intValue": number.to_string()}),
        other => json!({"stringValue": other.as_str().unwrap()}),
    };
    pairs.iter().map(|(key, of)| json!({"key": key, "value": value(of)})).collect()
}

fn span(trace: &str, id: u8, parent: u8, name: &str, from_ms: u64, to_ms: u64, pairs: &[(&str, Value)]) -> Value {
    json!({
        "traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": if parent == 0 { String::new() } else { format!("{parent:016x}") },
        "name": name, "startTimeUnixNano": format!("{}000000", NOON + from_ms), "endTimeUnixNano": format!("{}000000", NOON + to_ms),
        "attributes": attributes(pairs),
    })
}

fn request(spans: Vec<Value>) -> String {
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&[("service.name", json!("travel-agent")), ("deployment.environment.name", json!("test"))])},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}

pub const BOOKING: &str = "aa000000000000000000000000000001";
pub const FAILED: &str = "ab000000000000000000000000000002";

/// Two runs, a line each: a booking that went well after a retry, and one that failed.
pub fn lines() -> String {
    let chat = |input: i64, output: i64, finish: &str| {
        vec![
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.provider.name", json!("openai")),
            ("gen_ai.request.model", json!("house-model-1")),
            ("gen_ai.usage.input_tokens", json!(input)),
            ("gen_ai.usage.output_tokens", json!(output)),
            (
                "gen_ai.output.messages",
                json!(format!(
                    "[{{\"role\":\"assistant\",\"parts\":[{{\"type\":\"text\",\"content\":\"Done.\"}}],\"finish_reason\":\"{finish}\"}}]"
                )),
            ),
            (
                "gen_ai.input.messages",
                json!(
                    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Book a night train to Vienna.\"}]}]"
                ),
            ),
        ]
    };
    let tool = |name: &str| {
        vec![
            ("gen_ai.operation.name", json!("execute_tool")),
            ("gen_ai.tool.name", json!(name)),
            ("gen_ai.tool.call.arguments", json!("{\"to\":\"Vienna\"}")),
        ]
    };
    let agent = vec![
        ("gen_ai.operation.name", json!("invoke_agent")),
        ("gen_ai.agent.name", json!("booker")),
        ("gen_ai.conversation.id", json!("c-7")),
        ("user.id", json!("u-1")),
    ];
    let mut failed_tool = span(BOOKING, 3, 1, "execute_tool search_trains", 1_300, 1_800, &tool("search_trains"));
    failed_tool["status"] = json!({"code": 2, "message": "timetable not reachable"});
    let booking = vec![
        span(BOOKING, 1, 0, "invoke_agent booker", 0, 4_200, &agent),
        span(BOOKING, 2, 1, "chat house-model-1", 50, 1_250, &chat(820, 40, "tool_calls")),
        failed_tool,
        span(BOOKING, 4, 1, "execute_tool search_trains", 1_900, 2_600, &tool("search_trains")),
        span(BOOKING, 5, 1, "chat house-model-1", 2_650, 4_150, &chat(1_310, 95, "stop")),
    ];
    let mut root = span(FAILED, 1, 0, "invoke_agent booker", 10_000, 10_900, &agent);
    root["status"] = json!({"code": 2, "message": "no seats"});
    format!("{}\n{}\n", request(booking), request(vec![root]))
}
