//! One talk in every shape that is JSON: the user asks, the model calls a tool, the tool answers, the model answers.

use model::{Message, Part, Role};
use serde_json::{Value as Json, json};

use super::{conversation, conversation_or_text, json_of_text};

fn talk() -> Vec<Message> {
    let message = |role, part| Message { role, name: None, parts: vec![part], finish_reason: None };
    vec![
        Message::text(Role::System, "Be brief."),
        Message::text(Role::User, "Weather in Paris?"),
        message(
            Role::Assistant,
            Part::ToolCall { id: Some("c1".into()), name: "weather".into(), arguments: json!({"city": "Paris"}) },
        ),
        message(Role::Tool, Part::ToolResult { id: Some("c1".into()), result: json!({"temp_c": 18}) }),
        Message::text(Role::Assistant, "18 degrees."),
    ]
}

#[track_caller]
fn tells_the_talk(shape: &str, value: Json) {
    assert_eq!(conversation(&value, Role::User), Some(talk()), "{shape}");
    let text = Json::String(value.to_string());
    assert_eq!(conversation(&text, Role::User), Some(talk()), "{shape} as JSON text");
}

#[test]
fn opentelemetry_parts() {
    let talk = |arguments: Json, result: &str| {
        json!([
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "name": null, "parts": [{"type": "text", "content": "Weather in Paris?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": arguments}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", result: {"temp_c": 18}}]},
            {"role": "assistant", "parts": [{"type": "text", "content": "18 degrees."}]}
        ])
    };
    tells_the_talk("arguments as an object, result as `response`", talk(json!({"city": "Paris"}), "response"));
    tells_the_talk("arguments as text, result as `result`", talk(json!("{\"city\": \"Paris\"}"), "result"));
}

#[test]
fn openai_chat() {
    tells_the_talk(
        "chat messages in a request",
        json!({"model": "m", "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Paris\"}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "{\"temp_c\": 18}"},
            {"role": "assistant", "content": "18 degrees."}
        ]}),
    );
}

#[test]
fn anthropic_blocks() {
    tells_the_talk(
        "system beside the messages, results from the user",
        json!({"system": "Be brief.", "messages": [
            {"role": "user", "content": "Weather in Paris?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "{\"temp_c\": 18}"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "18 degrees."}]}
        ]}),
    );
}

#[test]
fn openai_responses() {
    tells_the_talk(
        "items",
        json!({"instructions": "Be brief.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Weather in Paris?"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{\"city\": \"Paris\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "{\"temp_c\": 18}"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "18 degrees."}]}
        ]}),
    );
}

#[test]
fn parallel_calls_of_the_responses_api_are_one_message() {
    let items = json!([
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Two cities."}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"}
    ]);
    let messages = conversation(&items, Role::Assistant).unwrap();
    assert_eq!(messages.iter().map(|message| message.parts.len()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(messages[0].parts, [Part::Reasoning { text: "Two cities.".into() }]);
}

#[test]
fn langchain() {
    let message = |class: &str, fields: Json| json!({"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", class], "kwargs": fields});
    tells_the_talk(
        "serialised, nested once more",
        json!({"messages": [[
            message("SystemMessage", json!({"content": "Be brief.", "type": "system"})),
            message("HumanMessage", json!({"content": "Weather in Paris?", "type": "human"})),
            message("AIMessage", json!({"content": "", "tool_calls": [{"name": "weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}]})),
            message("ToolMessage", json!({"content": "{\"temp_c\": 18}", "tool_call_id": "c1"})),
            message("AIMessage", json!({"content": "18 degrees."}))
        ]]}),
    );
    tells_the_talk(
        "dictionaries and pairs",
        json!({"inputs": {"messages": [
            ["system", "Be brief."],
            ["user", "Weather in Paris?"],
            {"type": "ai", "data": {"content": "", "tool_calls": [{"name": "weather", "args": {"city": "Paris"}, "id": "c1"}]}},
            {"type": "tool", "data": {"content": "{\"temp_c\": 18}", "tool_call_id": "c1"}},
            {"type": "ai", "content": "18 degrees."}
        ]}}),
    );
}

#[test]
fn langchains_result_gives_the_first_generation_and_why_it_stopped() {
    let result = json!({"generations": [[{"text": "18 degrees.", "generation_info": {"finish_reason": "stop"}, "message": {"lc": 1, "id": ["AIMessage"], "kwargs": {"content": "18 degrees."}}}, {"text": "other"}]]});
    let messages = conversation(&result, Role::Assistant).unwrap();
    assert_eq!(
        (messages.len(), messages[0].plain_text().as_str(), messages[0].finish_reason.as_deref()),
        (1, "18 degrees.", Some("stop"))
    );
}

#[test]
fn vercel() {
    tells_the_talk(
        "prompt messages",
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
            {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Paris"}}]},
            {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "weather", "output": {"type": "json", "value": {"temp_c": 18}}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "18 degrees."}]}
        ]),
    );
}

#[test]
fn bedrock_converse() {
    tells_the_talk(
        "blocks without a type",
        json!({"system": [{"text": "Be brief."}], "messages": [
            {"role": "user", "content": [{"text": "Weather in Paris?"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Paris"}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "status": "success", "content": [{"json": {"temp_c": 18}}]}}]},
            {"role": "assistant", "content": [{"text": "18 degrees."}]}
        ]}),
    );
}

#[test]
fn gemini_contents() {
    tells_the_talk(
        "contents",
        json!({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [
            {"role": "user", "parts": [{"text": "Weather in Paris?"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Paris"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "weather", "response": {"temp_c": 18}}}]},
            {"role": "model", "parts": [{"text": "18 degrees."}]}
        ]}),
    );
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": "18 degrees."}]}, "finishReason": "STOP"}]});
    let messages = conversation(&answer, Role::Assistant).unwrap();
    assert_eq!(messages[0].parts[0], Part::Reasoning { text: "hm".into() });
    assert_eq!(messages[0].finish_reason.as_deref(), Some("stop"));
}

#[test]
fn what_is_no_conversation_is_kept_as_sent() {
    assert_eq!(conversation(&json!({"city": "Paris"}), Role::User), None);
    assert_eq!(conversation(&json!([1, 2]), Role::User), None);
    assert_eq!(conversation(&json!("plain"), Role::User), None);
    assert_eq!(conversation_or_text(&json!("plain"), Role::Assistant), [Message::text(Role::Assistant, "plain")]);
    // A part nobody knows stays, as sent, beside its neighbours.
    let odd = json!([{"role": "user", "parts": [{"type": "hologram", "id": 1}, {"type": "text", "content": "see?"}]}]);
    let messages = conversation(&odd, Role::User).unwrap();
    assert_eq!(messages[0].parts[0], Part::Other { value: json!({"type": "hologram", "id": 1}) });
    assert_eq!(messages[0].parts[1], Part::Text { text: "see?".into() });
}

#[test]
fn json_text_is_opened_unless_that_would_lose_something() {
    assert_eq!(json_of_text(" {\"a\": 1} "), json!({"a": 1}));
    assert_eq!(json_of_text("18"), json!(18));
    assert_eq!(json_of_text("0.10"), json!("0.10"));
    assert_eq!(json_of_text("12345678901234567890123"), json!("12345678901234567890123"));
    assert_eq!(json_of_text("{not json"), json!("{not json"));
}
