//! What a person sees of recorded runs of real clients, reviewed by hand against what they sent and what the provider
//! counted. What a story does not say, the client did not send.
//!
//! `tests/stories/<capture>.txt` are the stories of `../shared/captures` (skipped where that is absent),
//! `tests/clients/<client>.txt` those of the requests beside them.
//!
//! `UPDATE_GOLDEN=1 cargo test -p dialects --test stories` rewrites them; read the difference before keeping it.

#[path = "support/captures.rs"]
mod captures;
#[path = "support/story.rs"]
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value as Json;

/// Captures in OpenTelemetry's protocol, with the totals they must come to.
fn expected(folder: &Path) -> Vec<(String, Json)> {
    let all: Json = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let all = all.as_object().unwrap().clone();
    all.into_iter().filter(|(_, totals)| totals.get("native_protocol").is_none()).collect()
}

fn beside(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name)
}

/// Compares a story with its file, or writes the file when asked to.
fn compare(told: &str, path: &Path, wrong: &mut Vec<String>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, told).unwrap();
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    if written != told {
        let first = written.lines().zip(told.lines()).position(|(a, b)| a != b);
        let at = first.unwrap_or(written.lines().count().min(told.lines().count()));
        let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
        let (was, now) = (line(&written), line(told));
        wrong.push(format!("{}, line {}:\n  story: {was}\n  now:   {now}", path.display(), at + 1));
    }
}

/// Prints stories: `SHOW_CAPTURES=a,b cargo test -p dialects --test stories show -- --nocapture`. `CAPTURES=folder` takes them from
/// another folder, for a client that is looked at for the first time.
#[test]
fn show() {
    let (Some(folder), Ok(names)) = (captures::folder(), std::env::var("SHOW_CAPTURES")) else { return };
    for name in names.split(',') {
        let steps = captures::spans(&folder, name);
        println!("#### {name}\n{}", story::story(&steps));
        for step in steps.iter().filter(|step| step.span.unmapped > 0) {
            println!("{} has {} unexplained: {}", step.span.name, step.span.unmapped, step.keys.join(" "));
        }
    }
}

#[test]
fn every_capture_reads_as_its_story_says() {
    let Some(folder) = captures::folder() else { return };
    let mut wrong = Vec::new();
    for (name, _) in expected(&folder) {
        let told = story::story(&captures::spans(&folder, &name));
        compare(&told, &beside("stories", &format!("{}.txt", name.replace('/', "--"))), &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The clients of `tests/clients`, by name.
fn clients() -> Vec<(String, Vec<captures::Understood>)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(beside("clients", "")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().trim_end_matches(".otlp.jsonl").to_owned();
    paths.iter().map(|path| (name(path), captures::spans_of_file(path))).collect()
}

#[test]
fn every_client_reads_as_its_story_says() {
    let mut wrong = Vec::new();
    for (name, steps) in clients() {
        compare(&story::story(&steps), &beside("clients", &format!("{name}.txt")), &mut wrong);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The same program, asking for the weather with one tool, told by each of these: what must not depend on who tells it.
#[test]
fn the_same_run_looks_the_same_whoever_tells_it() {
    // A library for single calls, and two whose calls are traces of their own.
    const NO_TOOL_RUNS: &[&str] = &[
        "litellm",
        "litellm-1.106",
        "litellm-langfuse",
        "litellm-otel-v2",
        "gemini-cli",
        "autogen",
        "traceloop-google",
        // No span tells of the tool.
        "botocore-bedrock",
        "crewai-traceloop",
        "haystack",
        // A writer has the last word.
        "crewai-openinference",
        // The model is asked for its answer once more.
        "dspy",
        // A team that goes round until it has said enough.
        "autogen-openinference",
        // The client lost its root.
        "mlflow-3",
    ];
    // Agents that answer through a tool, and a program with a second tool, which fails.
    const TWO_TOOLS: &[&str] = &["smolagents-1.26", "langfuse-js"];
    for (name, steps) in clients() {
        if NO_TOOL_RUNS.contains(&name.as_str()) {
            continue;
        }
        let runs = story::runs(&steps);
        let resolved = runs.iter().max_by_key(|resolved| resolved.run.llm_calls).unwrap();
        let run = &resolved.run;
        assert_eq!(run.agent.as_deref(), Some("weather_agent"), "{name}");
        assert_eq!(
            (run.usage.input_tokens, run.usage.output_tokens, run.llm_calls),
            (Some(114), Some(46), 2),
            "{name}"
        );
        let second = u32::from(TWO_TOOLS.contains(&name.as_str()));
        assert_eq!((run.tool_calls, run.retries, run.rounds), (1 + second, 0, 2), "{name}");
        assert_eq!(run.output_preview.as_deref(), Some("It is 18C and sunny in Paris."), "{name}");
        let calls: Vec<_> = resolved.steps.iter().filter(|step| step.span.kind == model::StepKind::Llm).collect();
        let said = |span: &model::Span| {
            let step =
                steps.iter().find(|step| step.span.span_id == span.span_id && step.span.trace_id == span.trace_id);
            &step.unwrap().content
        };
        assert!(calls.iter().all(|step| step.span.model.as_deref().unwrap().starts_with("gpt-4o-mini")), "{name}");
        let is_call = |part: &&model::Part| matches!(part, model::Part::ToolCall { .. });
        let asks = said(&calls[0].span).output.iter().flat_map(|message| &message.parts).filter(is_call).count();
        assert_eq!(asks, 1, "{name}");
        let asked = said(&calls[0].span).input.iter().rfind(|message| message.role == model::Role::User).unwrap();
        assert!(asked.plain_text().ends_with("What is the weather in Paris?"), "{name}");
        let answer = &said(&calls[1].span).output[0];
        assert!(serde_json::to_string(answer).unwrap().contains("It is 18C and sunny in Paris."), "{name}");
        let is_weather = |step: &&model::ResolvedStep| {
            step.span.tool_name.as_deref().is_some_and(|tool| tool.ends_with("get_weather"))
        };
        let tool = resolved.steps.iter().find(is_weather).unwrap_or_else(|| panic!("{name} calls no tool"));
        assert_eq!(tool.called_by, Some(calls[0].span.span_id), "{name}");
        assert_eq!(said(&tool.span).tool_arguments, Some(serde_json::json!({"city": "Paris"})), "{name}");
        assert!(said(&tool.span).tool_result.as_ref().unwrap().to_string().contains("18"), "{name}");
    }
}

/// AutoGen tells its tools, and so does the instrumentation around it: one call each time, and two steps.
#[test]
fn a_tool_call_told_inside_its_telling_counts_once() {
    let runs = story::runs(&captures::spans_of_file(&beside("clients", "autogen-openinference.otlp.jsonl")));
    let run = &runs.iter().max_by_key(|resolved| resolved.run.llm_calls).unwrap().run;
    assert_eq!((run.tool_calls, run.kinds.get(model::StepKind::Tool)), (1, 2));
    assert_eq!(run.agents.iter().map(|agent| agent.tool_calls).sum::<u32>(), 1);
}

#[test]
fn run_totals_of_every_capture_are_what_its_provider_counted() {
    let Some(folder) = captures::folder() else { return };
    let mut wrong = Vec::new();
    for (name, totals) in expected(&folder) {
        let runs = story::runs(&captures::spans(&folder, &name));
        let sum = |part: fn(&model::Run) -> u64| runs.iter().map(|resolved| part(&resolved.run)).sum::<u64>();
        let found = [
            sum(|run| run.usage.input_tokens.unwrap_or(0)),
            sum(|run| run.usage.output_tokens.unwrap_or(0)),
            sum(|run| run.llm_calls.into()),
        ];
        let wanted = ["input_tokens", "output_tokens", "llm_calls"].map(|key| totals[key].as_u64().unwrap());
        if found != wanted {
            wrong.push(format!("{name}: {found:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Requests are retried, and batches overtake one another: neither changes what a run comes to.
    #[test]
    fn totals_do_not_depend_on_the_order_of_arrival_or_on_retries(seed in any::<u64>()) {
        static CLIENTS: LazyLock<Vec<(String, Vec<captures::Understood>)>> = LazyLock::new(clients);
        let (name, steps) = &CLIENTS[seed as usize % CLIENTS.len()];
        let wanted = story::runs(steps);
        let mut spans: Vec<model::Span> = steps.iter().map(|step| step.span.clone()).collect();
        let again: Vec<model::Span> = spans.iter().step_by(1 + (seed >> 8) as usize % 3).cloned().collect();
        spans.extend(again);
        // A permutation by seed.
        let mut state = seed | 1;
        for at in (1..spans.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            spans.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(story::runs_of(spans), wanted, "{}", name);
    }
}
