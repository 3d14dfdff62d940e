//! Files of spans leave out durations and what columns repeat of attributes: queries find it all the same.

use std::fs;
use std::path::Path;

use crate::support::{SECOND, START, World, tenant, trace};
use model::{Span, SpanId, StepKind, Timestamp, Usage, Value};
use query::SqlLimits;
use serde_json::{Value as Json, json};

const MILLISECOND: i64 = SECOND / 1000;

async fn rows(world: &World, text: &str) -> Json {
    match world.engine.sql("default", text, SqlLimits::default()).await {
        Ok(answer) => json!(answer.rows),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// A call that took as many half seconds as its number says, the sixth of which still runs.
async fn put(world: &World, number: u8) {
    let mut span = Span::new(tenant("default"), trace(u64::from(number % 5)), SpanId::from_array([number; 8]));
    let model = if number.is_multiple_of(2) { "gpt-4o" } else { "claude" };
    span.name = format!("call {number:02}").into();
    span.kind = StepKind::Llm;
    span.start = Timestamp::from_nanos(START + i64::from(number) * SECOND);
    span.end = span.start.plus_nanos(i64::from(number) * 500 * MILLISECOND);
    if number == 6 {
        span.end = Timestamp::default();
    }
    span.received = span.start;
    span.model = Some(model.into());
    span.tool_name = (number == 7).then(|| "look \"up\"".into());
    span.usage = Usage { input_tokens: Some(u64::from(number)), ..Usage::default() };
    let mut sent = vec![("first", Value::Double(0.5)), ("gen_ai.request.model", Value::Str(model.into()))];
    sent.push(("tokens", Value::Int(i64::from(number))));
    if number == 7 {
        sent.push(("tool", Value::Str("look \"up\"".into())));
    }
    sent.push(("last", Value::Array(vec![Value::Null])));
    world.put_span(span, &sent).await;
}

const QUESTIONS: &[&str] = &[
    "SELECT name, duration_ms, attributes FROM spans ORDER BY name",
    "SELECT * FROM spans ORDER BY name",
    "SELECT name FROM spans WHERE duration_ms > 1500 ORDER BY name",
    "SELECT name FROM spans WHERE duration_ms BETWEEN 1000 AND 2000 OR duration_ms IS NULL ORDER BY name",
    "SELECT name, duration_ms FROM spans ORDER BY duration_ms DESC NULLS LAST LIMIT 4",
    "SELECT name FROM spans WHERE duration_ms < 5000 AND model = 'gpt-4o' ORDER BY duration_ms LIMIT 2",
    "SELECT count(*), count(duration_ms), min(duration_ms), max(duration_ms), sum(duration_ms) FROM spans",
    "SELECT attr(attributes, 'gen_ai.request.model') AS m, count(*), avg(duration_ms) FROM spans GROUP BY m ORDER BY m",
    "SELECT name FROM spans WHERE attr(attributes, 'tokens') = '7'",
    "SELECT name FROM spans WHERE attributes LIKE '%\"gen_ai.request.model\":\"claude\",\"tokens\":7,%'",
    "SELECT name, attr(attributes, 'tool') FROM spans WHERE attr(attributes, 'tool') IS NOT NULL AND duration_ms > 1",
    "SELECT length(attributes) AS size, count(*) FROM spans GROUP BY size ORDER BY size",
    "SELECT a.name, b.name FROM spans a JOIN spans b ON a.duration_ms = b.duration_ms * 2 ORDER BY a.name",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_files_leave_out_is_found_as_it_was_in_memory() {
    let world = World::new().await;
    for number in 1..=12 {
        put(&world, number).await;
    }
    let mut expected = Vec::new();
    for question in QUESTIONS {
        expected.push(rows(&world, question).await);
    }
    assert_eq!(
        expected[4],
        json!([["call 12", 6000.0], ["call 11", 5500.0], ["call 10", 5000.0], ["call 09", 4500.0]])
    );
    assert_eq!(expected[8], json!([["call 07"]]));
    assert_eq!(expected[9], json!([["call 07"]]));
    world.flush().await;
    for (question, expected) in QUESTIONS.iter().zip(&expected) {
        assert_eq!(&rows(&world, question).await, expected, "{question}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_in_memory_in_one_file_and_in_many_are_answered_alike() {
    let (whole, parts) = (World::new().await, World::new().await);
    for number in 1..=12 {
        put(&whole, number).await;
        put(&parts, number).await;
        if number <= 9 {
            parts.flush().await;
        }
    }
    // Positions in the log are the same in both, so every column is.
    for merged in [false, true] {
        if merged {
            parts.compact().await;
        }
        for question in QUESTIONS {
            assert_eq!(rows(&parts, question).await, rows(&whole, question).await, "{question} {merged}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { _ = fs::copy(entry.path(), target).unwrap() }
    }
}

/// The store's fixtures: a program of version 2 wrote durations and whole attributes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_an_earlier_version_are_read_beside_todays() {
    for version in ["v1", "v2"] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/fixtures").join(version);
        copy(&fixture, &dir.path().join("data"));
        let world = World::over(dir).await;
        put(&world, 7).await;
        world.flush().await;
        let found = rows(
            &world,
            "SELECT name, duration_ms, attr(attributes, 'n'), attr(attributes, 'tokens') FROM spans ORDER BY name",
        )
        .await;
        let expected = json!([
            ["a run of one step", 500.0, "1", null],
            ["again", 500.0, "2", null],
            ["call 07", 3500.0, null, "7"],
            ["span 1", 500.0, "1", null],
            ["span 2", null, "2", null],
            ["span 3", 500.0, "3", null],
        ]);
        assert_eq!(found, expected, "{version}");
        let long =
            rows(&world, "SELECT name FROM spans WHERE duration_ms > 500 ORDER BY duration_ms DESC LIMIT 3").await;
        assert_eq!(long, json!([["call 07"]]), "{version}");
    }
}
