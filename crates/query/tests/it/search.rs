//! Search by what was said finds exactly what a plain look at everything finds: in memory, after flushes, compaction,
//! replaced spans and a restart, page by page.

use std::collections::BTreeMap;

use crate::support::{SECOND, START, World, run, tenant, trace};
use model::raw::RawLog;
use model::{Attributes, Log, Span, SpanId, StepKind, Timestamp, TraceId, Value};
use proptest::prelude::*;
use query::{LogFilter, Page, QueryError, RunFilter, SearchPage};

/// A span of run `number`, `second` seconds after the run began, with attributes.
async fn say(world: &World, project: &str, number: u64, span: u8, attributes: &[(&str, Value<'_>)]) {
    let mut of = run(project, number, number as i64 * 60);
    of.end = of.start.plus_nanos(40 * SECOND);
    of.agent = Some(if number.is_multiple_of(2) { "even".into() } else { "odd".into() });
    world.chosen.choose(&of);
    let mut spoken = Span::new(tenant(project), of.trace_id, SpanId::from_array([span; 8]));
    spoken.name = format!("step {span}").into();
    spoken.kind = StepKind::Llm;
    spoken.start = of.start.plus_nanos(i64::from(span) * SECOND);
    spoken.end = spoken.start.plus_nanos(SECOND);
    spoken.received = spoken.start;
    world.put_span(spoken, attributes).await;
}

fn text(text: &str) -> Value<'_> {
    Value::Str(text.into())
}

async fn found(world: &World, needle: &str, filter: &RunFilter, limit: usize) -> Vec<TraceId> {
    let mut traces = Vec::new();
    let mut cursor = None;
    loop {
        let page = Page { limit, cursor, ..Page::default() };
        let page: SearchPage = world.engine.search("p", needle, filter, &page).await.unwrap();
        assert!(page.results.iter().all(|result| !result.matches.is_empty()));
        traces.extend(page.results.iter().map(|result| result.run.trace_id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return traces,
        }
    }
}

fn long(text: &str) -> String {
    format!("{} {text} {}", "lorem ipsum dolor ".repeat(30), "sit amet ".repeat(30))
}

#[tokio::test]
async fn a_match_names_the_step_the_attribute_and_what_stands_around_it() {
    let world = World::new().await;
    let message = long("the refund was denied");
    let messages =
        format!(r#"[{{"role":"system","content":"{}"}},{{"role":"user","content":"{message}"}}]"#, long("be kind"));
    say(&world, "p", 1, 1, &[("gen_ai.input.messages", text(&messages)), ("temperature", text("0.3"))]).await;
    say(&world, "p", 1, 2, &[("gen_ai.tool.call.arguments", text(r#"{"why":"Refund was denied twice"}"#))]).await;
    say(&world, "p", 2, 1, &[("refund was denied", text("only a key"))]).await;
    for _ in 0..2 {
        let page =
            world.engine.search("p", "refund WAS denied", &RunFilter::default(), &Page::default()).await.unwrap();
        let [result] = page.results.as_slice() else { panic!("{page:?}") };
        let places: Vec<(&str, &str)> =
            result.matches.iter().map(|found| (&*found.name, found.field.as_str())).collect();
        assert_eq!(places, [("step 1", "gen_ai.input.messages"), ("step 2", "gen_ai.tool.call.arguments")]);
        assert!(result.matches[0].snippet.contains("the refund was denied"), "{}", result.matches[0].snippet);
        assert_eq!(result.matches[1].snippet, r#"{"why":"Refund was denied twice"}"#);
        assert_eq!((page.next, page.searched_to), (None, None));
        world.flush().await;
    }
    assert!(found(&world, "temperature", &RunFilter::default(), 10).await.is_empty(), "keys are not said");
    for bad in ["", "  ", &"x".repeat(300)] {
        let refused = world.engine.search("p", bad, &RunFilter::default(), &Page::default()).await;
        assert!(matches!(refused, Err(QueryError::Invalid { .. })));
    }
}

#[tokio::test]
async fn filters_and_projects_hold_and_log_records_count() {
    let world = World::new().await;
    for number in 1..=4 {
        say(&world, "p", number, 1, &[("output.value", text("an owl"))]).await;
        say(&world, "other", number, 1, &[("output.value", text(&long("a secret owl")))]).await;
    }
    let (log, raw) = record(7, Some(trace(6)), "the owl in the log");
    say(&world, "p", 6, 1, &[("output.value", text("nothing"))]).await;
    world.put_logs(&[(log, raw)]).await;
    for _ in 0..2 {
        let all = RunFilter::default();
        assert_eq!(found(&world, "owl", &all, 3).await, [6, 4, 3, 2, 1].map(trace));
        assert!(found(&world, "secret", &all, 3).await.is_empty(), "of another project");
        let even = RunFilter { agent: vec!["even".into()], ..RunFilter::default() };
        assert_eq!(found(&world, "owl", &even, 1).await, [6, 4, 2].map(trace));
        let at = |number: i64| Some(Timestamp::from_nanos(START + number * 60 * SECOND));
        let between = RunFilter { from: at(2), to: at(4), ..RunFilter::default() };
        assert_eq!(found(&world, "owl", &between, 10).await, [3, 2].map(trace));
        let list = RunFilter { text: Some("owl".into()), content: true, ..even };
        let page = world.engine.runs("p", &list, &Page::default()).await.unwrap();
        let listed: Vec<TraceId> = page.runs.iter().map(|run| run.trace_id).collect();
        assert_eq!((listed, page.total, page.partial), ([6, 4, 2].map(trace).to_vec(), 3, false));
        world.flush().await;
    }
}

fn record(number: u128, trace_id: Option<TraceId>, body: &str) -> (Log, RawLog<'_>) {
    let time = Timestamp::from_nanos(START + 365 * SECOND + number as i64);
    let log = Log {
        tenant: tenant("p"),
        id: number,
        version: 0,
        time,
        received: time,
        severity: 9,
        severity_text: "INFO".into(),
        event_name: None,
        service: Some("svc".into()),
        trace_id,
        span_id: None,
        preview: body.chars().take(20).collect::<String>().into(),
    };
    let attributes =
        vec![("number".into(), Value::Int(number as i64)), ("who".into(), Value::Str(format!("w {number}").into()))];
    let raw = RawLog {
        time,
        body: Value::Str(body.into()),
        attributes: Attributes(attributes),
        trace_id,
        ..RawLog::default()
    };
    (log, raw)
}

#[tokio::test]
async fn log_records_are_found_by_text_attribute_and_agent_in_memory_and_in_files() {
    let world = World::new().await;
    say(&world, "p", 2, 1, &[]).await;
    let bodies: Vec<String> = (0..3000).map(|at| format!("Record {at} says \"w{:x}\"", at * 7919)).collect();
    let logs: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| record(at as u128 + 1, (at % 1000 == 0).then(|| trace(2)), body))
        .collect();
    world.put_logs(&logs).await;
    let ids = async |filter: LogFilter| -> Vec<u128> {
        let page = world.engine.logs("p", &filter, &Page::default()).await.unwrap();
        page.logs.iter().map(|entry| entry.log.id).collect()
    };
    let said = |text: &str| LogFilter { text: Some(text.into()), ..LogFilter::default() };
    for _ in 0..2 {
        assert_eq!(ids(said("RECORD 2047 ")).await, [2048]);
        assert_eq!(ids(said(&format!("\"w{:x}\"", 2999 * 7919))).await, [3000], "with quotes, as typed");
        assert_eq!(ids(said("no such record")).await, [0; 0]);
        let attribute =
            |key: &str, value: &str| LogFilter { attributes: vec![(key.into(), value.into())], ..LogFilter::default() };
        assert_eq!(ids(attribute("number", "1500")).await, [1500]);
        assert_eq!(ids(attribute("who", "w 1500")).await, [1500]);
        assert_eq!(ids(attribute("who", "w 150")).await, [150], "exactly, not a part");
        assert_eq!(ids(attribute("number", "x")).await, [0; 0]);
        let of_agent = LogFilter { agent: vec!["even".into()], ..LogFilter::default() };
        assert_eq!(ids(of_agent).await, [2001, 1001, 1]);
        world.flush().await;
    }
}

const WORDS: [&str; 12] =
    ["owl", "refund", "Denied", "policy", "order", "seat", "flight", "Customer", "zebra", "quartz", "84713", "a1b2c3"];

#[derive(Debug, Clone)]
enum Op {
    Say { run: u64, span: u8, words: Vec<usize>, shape: u8 },
    Flush,
    Compact,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let words = prop::collection::vec(0..WORDS.len(), 1..5);
    let say =
        (0..8u64, 1..4u8, words, 0..4u8).prop_map(|(run, span, words, shape)| Op::Say { run, span, words, shape });
    prop::collection::vec(prop_oneof![8 => say, 3 => Just(Op::Flush), 1 => Just(Op::Compact)], 1..40)
}

/// What is said: short, long, as messages, or as JSON inside of JSON.
fn spoken(words: &[usize], shape: u8) -> String {
    let said = words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
    match shape {
        0 => said,
        1 => long(&said),
        2 => format!(
            r#"[{{"role":"user","content":"{}"}},{{"role":"assistant","content":"{}"}}]"#,
            long(&said),
            long("")
        ),
        _ => format!(r#"{{"arguments":"{{\"query\": \"{said}\"}}"}}"#),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn search_finds_what_a_plain_look_at_everything_finds(ops in ops(), needles in prop::collection::vec(prop::collection::vec(0..WORDS.len(), 1..3), 3)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            // The last thing each span said: what it said before does not count any more.
            let mut said: BTreeMap<(u64, u8), String> = BTreeMap::new();
            for op in &ops {
                match op {
                    Op::Say { run, span, words, shape } => {
                        let what = spoken(words, *shape);
                        say(&world, "p", *run, *span, &[("input.value", text(&what)), ("owl.key", Value::Bool(true))]).await;
                        said.insert((*run, *span), what);
                    }
                    Op::Flush => world.flush().await,
                    Op::Compact => world.compact().await,
                }
            }
            let mut world = world;
            for restarted in [false, true] {
                if restarted {
                    world.flush().await;
                    world = world.restarted().await;
                }
                for needle in &needles {
                    let needle = needle.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ").to_lowercase();
                    let mut expected: Vec<u64> =
                        said.iter().filter(|(_, what)| what.to_lowercase().contains(&needle)).map(|((run, _), _)| *run).collect();
                    expected.dedup();
                    expected.reverse();
                    let expected: Vec<TraceId> = expected.into_iter().map(trace).collect();
                    let found = found(&world, &needle, &RunFilter::default(), 3).await;
                    assert_eq!(found, expected, "{needle}");
                }
            }
        });
    }
}
