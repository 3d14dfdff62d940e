//! Real requests of real clients: kinds, models, tokens and content per span. Skipped where the captures are absent.

#[path = "support/captures.rs"]
mod captures;
#[path = "support/mod.rs"]
mod support;

use std::fs;

use captures::Understood;
use model::{Part, Role, SpanStatus, StepKind, UsageRole};
use serde_json::{Value as Json, json};

fn read(name: &str) -> Option<Vec<Understood>> {
    captures::folder().map(|folder| captures::spans(&folder, name))
}

fn of_kind(steps: &[Understood], kind: StepKind) -> Vec<&Understood> {
    steps.iter().filter(|step| step.span.kind == kind).collect()
}

fn kinds(steps: &[Understood]) -> Vec<(&'static str, usize)> {
    StepKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), of_kind(steps, *kind).len()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn no_attribute_of_a_capture_goes_unexplained_but_the_users_own() {
    let Some(folder) = captures::folder() else { return };
    // What the programs under capture set themselves.
    let own = ["x", "city", "duration"];
    let names: Json = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, _) in names.as_object().unwrap().iter().filter(|(_, value)| value.get("native_protocol").is_none()) {
        for step in captures::spans(&folder, name) {
            let theirs = step.keys.iter().filter(|key| own.contains(&key.as_str())).count() as u32;
            if step.span.unmapped > theirs && step.span.dialect.as_ref() != "codex_cli" {
                wrong.push(format!(
                    "{name}: {} has {} unexplained of {:?}",
                    step.span.name, step.span.unmapped, step.keys
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The weather program called nine times: every OpenAI instrumentation that sees all of them tells the same story.
#[test]
fn one_program_under_three_instrumentations_tells_one_story() {
    for name in [
        "otel-genai-openai-py/latest-content",
        "otel-genai-openai-py/latest-content-gzip",
        "openinference-openai-py",
        "traceloop-openai-py/v0.62",
    ] {
        let Some(steps) = read(name) else { return };
        assert_eq!(kinds(&steps), [("llm", 8), ("embedding", 1), ("other", 1)], "{name}");
        for step in of_kind(&steps, StepKind::Llm) {
            let span = &step.span;
            assert_eq!(span.provider.as_deref(), Some("openai"), "{name}");
            assert_eq!(span.service.as_deref(), Some("demo-agent"), "{name}");
            assert_eq!(span.tenant.environment.as_ref(), "staging", "{name}");
            assert_eq!(span.agent_version.as_deref(), Some("1.2.3"), "{name}");
            if span.model.as_deref() == Some("boom") {
                assert_eq!(span.status, SpanStatus::Error, "{name}");
                assert!(span.error_type.as_deref().unwrap().ends_with("InternalServerError"), "{name}");
                assert_eq!(span.error_message.as_deref(), Some("Error code: 500 - fake server exploded"), "{name}");
                continue;
            }
            assert_eq!(span.model.as_deref(), Some("gpt-4o-mini-2024-07-18"), "{name}");
            assert_eq!(span.request_model.as_deref(), Some("gpt-4o-mini"), "{name}");
            let usage = span.usage;
            assert_eq!(
                (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens),
                (Some(57), Some(23), Some(32)),
                "{name}"
            );
            let id = span.response_id.as_deref().unwrap_or_default();
            assert!(id.starts_with("chatcmpl-fake") || id.starts_with("resp_fake"), "{name}: {id}");
            assert!(matches!(span.finish_reason.as_deref(), Some("tool_calls" | "stop") | None), "{name}");
        }
        let asking = &steps.iter().find(|step| step.span.response_id.as_deref() == Some("chatcmpl-fake0001")).unwrap();
        assert_eq!(
            asking.span.requested_tool_calls.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            ["call_fake_0001"],
            "{name}"
        );
        assert_eq!(asking.span.input_preview.as_deref(), Some("What is the weather in Paris?"), "{name}");
        assert_eq!(asking.content.input[0].role, Role::System, "{name}");
        assert_eq!(asking.content.tool_definitions[0].name, "get_weather", "{name}");
        assert_eq!(
            asking.content.output[0].parts,
            [Part::ToolCall {
                id: Some("call_fake_0001".into()),
                name: "get_weather".into(),
                arguments: json!({"city": "Paris"})
            }],
            "{name}"
        );
        let answering =
            &steps.iter().find(|step| step.span.response_id.as_deref() == Some("chatcmpl-fake0002")).unwrap();
        assert_eq!(answering.span.output_preview.as_deref(), Some("It is 18C and sunny in Paris."), "{name}");
        assert_eq!(
            answering.content.input[3].parts,
            [Part::ToolResult { id: Some("call_fake_0001".into()), result: json!({"temp_c": 18}) }],
            "{name}"
        );
        let streamed =
            &steps.iter().find(|step| step.span.response_id.as_deref() == Some("chatcmpl-fake0003")).unwrap();
        assert!(
            streamed.span.ttft_ms.is_some_and(|ms| (20.0..500.0).contains(&ms)),
            "{name}: {:?}",
            streamed.span.ttft_ms
        );
    }
}

#[test]
fn messages_told_in_log_records_are_joined_to_their_span() {
    let Some(steps) = read("otel-openai-v2-py/default-content") else { return };
    let answering =
        &steps.iter().find(|step| step.span.response_id.as_deref() == Some("chatcmpl-fake0002")).unwrap().content;
    let roles: Vec<Role> = answering.input.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(answering.output[0].plain_text(), "It is 18C and sunny in Paris.");
    assert_eq!(answering.output[0].finish_reason.as_deref(), Some("stop"));
    let Some(events) = read("otel-genai-openai-py/default") else { return };
    assert_eq!(of_kind(&events, StepKind::Llm).len(), 8);
}

#[test]
fn a_langgraph_run_has_its_tool_documents_session_and_agent_in_both_tellings() {
    for name in ["langgraph-py/openinference", "langgraph-py/traceloop"] {
        let Some(steps) = read(name) else { return };
        let tool = of_kind(&steps, StepKind::Tool)
            .into_iter()
            .find(|step| step.span.tool_name.as_deref() == Some("get_weather"))
            .unwrap();
        assert_eq!(tool.span.output_preview.as_deref(), Some("18C sunny"), "{name}");
        assert_eq!(tool.span.tool_call_id.as_deref(), Some("call_fake_0001"), "{name}");
        assert_eq!(tool.content.tool_result, Some(json!("18C sunny")), "{name}");
        assert_eq!(tool.span.session_id.as_deref(), Some("sess-42"), "{name}");
        assert_eq!(tool.span.user_id.as_deref(), Some("user-7"), "{name}");
        assert_eq!(tool.span.agent.as_deref(), Some("weather_agent"), "{name}");
        let retriever = of_kind(&steps, StepKind::Retriever);
        let found = &retriever[0].content;
        assert_eq!((retriever.len(), retriever[0].span.documents), (1, Some(1)), "{name}");
        assert_eq!((found.query.as_deref(), found.documents[0].score), (Some("weather Paris"), Some(0.93)), "{name}");
        assert_eq!(found.documents[0].content.as_deref(), Some("Paris is sunny"), "{name}");
        let failed =
            of_kind(&steps, StepKind::Tool).into_iter().find(|step| step.span.status == SpanStatus::Error).unwrap();
        assert_eq!(failed.span.error_type.as_deref(), Some("ValueError"), "{name}");
        assert_eq!(failed.span.error_message.as_deref(), Some("tool exploded"), "{name}");
    }
}

#[test]
fn agents_handoffs_and_guardrails_of_the_agents_sdk_are_seen() {
    let Some(steps) = read("openai-agents-py/openinference") else { return };
    let agents: Vec<&str> =
        of_kind(&steps, StepKind::Agent).iter().filter_map(|step| step.span.agent.as_deref()).collect();
    assert!(["Weather Agent", "Triage", "Spanish Agent"].iter().all(|agent| agents.contains(agent)), "{agents:?}");
    assert_eq!(of_kind(&steps, StepKind::Handoff).len(), 1);
    assert_eq!(of_kind(&steps, StepKind::Guardrail).len(), 1);
    assert_eq!(of_kind(&steps, StepKind::Llm).len(), 4);
}

#[test]
fn vercels_versions_tell_one_story() {
    for name in ["vercel-ai/v5", "vercel-ai/v7", "vercel-ai/v7-legacy"] {
        let Some(steps) = read(name) else { return };
        let tools = of_kind(&steps, StepKind::Tool);
        assert_eq!(tools[0].span.tool_name.as_deref(), Some("get_weather"), "{name}");
        assert_eq!(tools[0].content.tool_result, Some(json!({"temp_c": 18})), "{name}");
        for agent in of_kind(&steps, StepKind::Agent) {
            assert_eq!(agent.span.agent.as_deref(), Some("weather-fn"), "{name}");
        }
        for call in of_kind(&steps, StepKind::Llm) {
            assert_eq!(call.span.provider.as_deref(), Some("openai"), "{name}");
        }
        let streamed = of_kind(&steps, StepKind::Llm).iter().filter(|step| step.span.ttft_ms.is_some()).count();
        assert_eq!(streamed, 1, "{name}");
    }
}

#[test]
fn claude_codes_input_includes_its_cache_whatever_the_protocol() {
    for name in ["claude-code/http-json", "claude-code/http-protobuf", "claude-code/grpc"] {
        let Some(steps) = read(name) else { return };
        let calls = of_kind(&steps, StepKind::Llm);
        assert_eq!(calls.len(), 2, "{name}");
        for call in calls {
            let usage = call.span.usage;
            assert_eq!(
                (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens),
                (Some(68), Some(32), Some(11)),
                "{name}"
            );
            assert!(call.span.ttft_ms.is_some());
        }
        let tool = of_kind(&steps, StepKind::Tool)[0];
        assert_eq!(
            (tool.span.tool_name.as_deref(), tool.content.tool_result.clone()),
            (Some("Bash"), Some(json!("18C sunny"))),
            "{name}"
        );
        let turn = of_kind(&steps, StepKind::Agent)[0];
        assert_eq!(turn.content.output[0].plain_text(), "It is 18C and sunny in Paris. ", "{name}");
    }
}

#[test]
fn of_codexs_spans_only_the_agents_work_is_steps() {
    for name in ["codex-cli/http-json", "codex-cli/http-binary"] {
        let Some(steps) = read(name) else { return };
        assert_eq!((of_kind(&steps, StepKind::Llm).len(), of_kind(&steps, StepKind::Tool).len()), (2, 1), "{name}");
        let turn = &of_kind(&steps, StepKind::Agent)[0].span;
        assert_eq!((turn.usage.input_tokens, turn.usage_role), (Some(114), UsageRole::Aggregate), "{name}");
        assert_eq!(turn.model.as_deref(), Some("gpt-5-codex"), "{name}");
        assert_eq!(turn.tenant.environment.as_ref(), "staging", "{name}");
        assert!(of_kind(&steps, StepKind::Other).len() > 400, "{name}");
    }
}

#[test]
fn the_anthropic_sdks_own_telling_is_marked_and_shares_its_response_id() {
    for name in ["anthropic-py/openinference", "anthropic-py/traceloop"] {
        let Some(steps) = read(name) else { return };
        let (own, other): (Vec<_>, Vec<_>) =
            of_kind(&steps, StepKind::Llm).into_iter().partition(|step| step.span.provider_sdk);
        assert_eq!((own.len(), other.len()), (3, 3), "{name}");
        for step in other {
            assert!(step.span.response_id.is_some(), "{name}");
            assert!(own.iter().any(|sdk| sdk.span.response_id == step.span.response_id), "{name}");
        }
    }
}

#[test]
fn costs_that_are_sent_are_kept_as_reported() {
    for (name, dollars) in [
        ("pydantic-ai/default", "0.00001995"),
        ("logfire-py", "0.00001995"),
        ("langfuse-py/v5.0", "0.003"),
        ("langfuse-py/v3.15", "0.003"),
    ] {
        let Some(steps) = read(name) else { return };
        let cost = steps.iter().find_map(|step| step.span.cost).unwrap();
        assert_eq!(cost.to_string(), dollars, "{name}");
    }
}

#[test]
fn langfuses_observations_keep_session_tags_release_and_failure() {
    for name in ["langfuse-py/v3.15", "langfuse-py/v5.0"] {
        let Some(steps) = read(name) else { return };
        let agent = &of_kind(&steps, StepKind::Agent)[0].span;
        assert_eq!(agent.agent.as_deref(), Some("weather_agent"), "{name}");
        assert_eq!(agent.session_id.as_deref(), Some("sess-42"), "{name}");
        assert_eq!(agent.tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["prod"], "{name}");
        assert_eq!(agent.tenant.environment.as_ref(), "staging", "{name}");
        let failed =
            of_kind(&steps, StepKind::Tool).into_iter().find(|step| step.span.status == SpanStatus::Error).unwrap();
        assert_eq!(failed.span.error_message.as_deref(), Some("tool exploded"), "{name}");
    }
}

#[test]
fn adk_says_agent_session_arguments_and_result() {
    let Some(steps) = read("google-adk-py/latest-content") else { return };
    assert_eq!(kinds(&steps), [("agent", 2), ("llm", 2), ("tool", 1), ("chain", 1)]);
    let tool = of_kind(&steps, StepKind::Tool)[0];
    assert_eq!(tool.content.tool_arguments, Some(json!({"city": "Paris"})));
    assert_eq!(tool.content.tool_result, Some(json!({"temp_c": 18})));
    let call = of_kind(&steps, StepKind::Llm)[0];
    assert_eq!((call.span.provider.as_deref(), call.span.session_id.as_deref()), (Some("gcp.gemini"), Some("sess-42")));
    assert_eq!(call.content.input[0].role, Role::System);
}
