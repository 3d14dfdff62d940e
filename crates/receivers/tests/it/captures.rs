//! What real clients sent over these protocols (recorded requests in `../shared/captures`, where present), read, merged, understood
//! and resolved into runs: in the order recorded, reversed, twice.

use crate::common::{Outcome, captures, partials, play};

/// A capture with what its runs must come to: input and output tokens, model calls (failed ones too), tool calls, spans, runs. Where a script told usage of its
/// own beside the calls it made, that is in the sums and named here.
const EXPECTED: &[(&str, Outcome)] = &[
    // Two calls of the provider (114 and 46), and one told by hand (10 and 5).
    ("langsmith-py/default", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-multipart", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-zstd", Outcome { input: 124, output: 51, llm: 3, tools: 2, steps: 8, runs: 2 }),
    ("langsmith-py/no-batch", Outcome { input: 0, output: 0, llm: 0, tools: 1, steps: 2, runs: 1 }),
    ("langsmith-js", Outcome { input: 114, output: 46, llm: 2, tools: 2, steps: 6, runs: 2 }),
    ("langgraph-py/langsmith", Outcome { input: 171, output: 69, llm: 4, tools: 2, steps: 11, runs: 5 }),
    ("openai-agents-py/langsmith", Outcome { input: 228, output: 92, llm: 4, tools: 1, steps: 17, runs: 1 }),
    ("openai-agents-py/native", Outcome { input: 342, output: 138, llm: 7, tools: 2, steps: 32, runs: 3 }),
    // All told by hand: 57 + 5 + 3 and 23 + 6 + 4.
    ("langfuse-py/v2.60", Outcome { input: 65, output: 33, llm: 3, tools: 0, steps: 8, runs: 2 }),
];

#[test]
fn runs_come_to_the_same_totals_whatever_the_order_of_requests() {
    let Some(folder) = captures() else { return };
    let mut wrong = Vec::new();
    for (name, expected) in EXPECTED {
        let requests = partials(&folder.join(name));
        assert!(!requests.is_empty(), "{name}: nothing was read");
        let mut reversed = requests.clone();
        reversed.reverse();
        let twice: Vec<_> = requests.iter().chain(&requests).cloned().collect();
        for (how, requests) in [("recorded", &requests), ("reversed", &reversed), ("twice", &twice)] {
            let found = play(requests);
            if found != *expected {
                wrong.push(format!("{name}, {how}: {found:?}\n    expected {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The steps of a capture: depth, kind and name of each, run by run.
fn trees(folder: &std::path::Path) -> Vec<String> {
    let mut trees = Vec::new();
    for spans in crate::common::understood(&partials(folder)).values() {
        let spans: Vec<_> = spans.iter().map(|(span, _)| std::sync::Arc::clone(span)).collect();
        let run = signals::runs::resolve(&spans, crate::common::NOW, &Default::default()).unwrap();
        let steps = run
            .steps
            .iter()
            .map(|step| format!("{}{} {}", "  ".repeat(step.depth as usize), step.span.kind, step.span.name));
        trees.push(steps.collect::<Vec<_>>().join("\n"));
    }
    trees.sort();
    trees
}

#[test]
fn run_trees_are_what_the_scripts_did() {
    let Some(folder) = captures() else { return };
    let langsmith = "chain weather_agent\n  retriever kb\n  embedding embed\n  llm ChatOpenAI\n  tool get_weather\n  llm ChatOpenAI\n  tool bad_tool";
    for name in ["langsmith-py/default", "langsmith-py/no-multipart", "langsmith-py/no-zstd"] {
        assert_eq!(trees(&folder.join(name)), [langsmith, "llm with_attachment"], "{name}");
    }
    let native = trees(&folder.join("openai-agents-py/native"));
    assert!(native[2].starts_with(
        "chain Weather workflow\n  chain Agent workflow\n    agent Weather Agent\n      chain turn\n        guardrail guard\n        llm response\n        tool get_weather"
    ), "{}", native[2]);
    assert!(native[2].contains("handoff Triage → Spanish Agent"));
    // LangSmith's processor tells the same program: its chains and tools are the agents, the handoff and the guardrail they are.
    let traced = trees(&folder.join("openai-agents-py/langsmith"));
    assert!(traced[0].starts_with(
        "chain Weather workflow\n  chain Agent workflow\n    agent Weather Agent\n      chain Span\n        guardrail guard\n        llm Span Response\n        tool get_weather"
    ), "{}", traced[0]);
    assert!(traced[0].contains("handoff Handoff") && traced[0].contains("agent Spanish Agent"), "{}", traced[0]);
    let langfuse = "chain weather_agent\n  chain tool:get_weather\n  llm chat\n  llm boom\n  other evt";
    assert_eq!(trees(&folder.join("langfuse-py/v2.60")), ["chain agent\n  chain tool\n  llm gen", langfuse]);
}

#[test]
fn steps_carry_what_a_person_would_look_for() {
    let Some(folder) = captures() else { return };
    let spans = |name: &str| {
        crate::common::understood(&partials(&folder.join(name))).into_values().flatten().collect::<Vec<_>>()
    };
    let default = spans("langsmith-py/default");
    let streamed = default.iter().find(|(span, _)| span.ttft_ms.is_some()).expect("the streamed call");
    let span = &streamed.0;
    assert_eq!(span.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!((span.provider.as_deref(), span.finish_reason.as_deref()), (Some("openai"), Some("stop")));
    assert_eq!((span.usage.cache_read_tokens, span.usage.reasoning_tokens), (Some(32), Some(7)));
    assert_eq!((span.session_id.as_deref(), span.user_id.as_deref()), (Some("sess-42"), Some("user-7")));
    let content = dialects::content(&streamed.1.raw(), &Default::default(), streamed.1.scope(), &[]);
    assert_eq!((content.input.len(), content.output.len()), (3, 1));
    let failed = default.iter().find(|(span, _)| span.name.as_ref() == "bad_tool").unwrap();
    assert_eq!(failed.0.error_type.as_deref(), Some("ValueError"));
    assert_eq!(failed.0.error_message.as_deref(), Some("tool exploded"));
    let told = default.iter().find(|(span, _)| span.name.as_ref() == "with_attachment").unwrap();
    assert_eq!(told.0.cost.map(model::Usd::as_f64), Some(0.003));
    assert_eq!(
        told.1.raw().attributes.text("langsmith.attachment.img").map(|text| text.starts_with("data:image/png;base64,")),
        Some(true)
    );
    let graph = spans("langgraph-py/langsmith");
    let tool = graph.iter().find(|(span, _)| span.name.as_ref() == "get_weather").unwrap();
    assert_eq!(
        (tool.0.tool_call_id.as_deref(), tool.0.agent.as_deref()),
        (Some("call_fake_0001"), Some("weather_agent"))
    );
    let traced = spans("openai-agents-py/langsmith");
    let called = traced.iter().find(|(span, _)| span.name.as_ref() == "get_weather").unwrap();
    let content = dialects::content(&called.1.raw(), &Default::default(), called.1.scope(), &[]);
    assert_eq!(content.tool_result, Some(serde_json::json!("18C sunny")));
    assert!(traced.iter().any(|(span, _)| span.response_id.as_deref() == Some("resp_fake0001")));
    let script = spans("langsmith-js");
    let root = script.iter().find(|(span, _)| span.name.as_ref() == "weather_agent").unwrap();
    assert_eq!(root.0.output_preview.as_deref(), Some("It is 18C and sunny in Paris."));
}
