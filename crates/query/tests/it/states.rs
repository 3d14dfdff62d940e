//! The same questions get the same answers wherever the rows are: in memory, in files, in merged files, replaced.

use crate::support::{START, World, run, unversioned};
use model::{Run, RunStatus, Timestamp, Usage, Usd};
use query::{FacetKey, LogFilter, Page, RunFilter, Sort, SqlLimits};
use serde_json::{Value as Json, json};

/// Thirty runs, told apart in everything a list can filter or sort by.
fn runs() -> Vec<Run> {
    (0..30)
        .map(|number| {
            let mut run = run("default", number, number as i64 * 400);
            run.agent = Some(["planner", "coder", "critic"][number as usize % 3].into());
            run.service = (number % 4 > 0).then(|| format!("service-{}", number % 4).into());
            run.models = if number % 2 == 0 { vec!["gpt-4o".into(), "o3".into()] } else { vec!["claude".into()] };
            run.tools = (number % 5 == 0).then(|| "search".into()).into_iter().collect();
            run.status = if number % 7 == 0 { RunStatus::Error } else { RunStatus::Ok };
            run.errors = u32::from(number % 7 == 0);
            run.session_id = (number % 3 == 0).then(|| format!("session {}", number % 9).into());
            run.user_id = Some(format!("user {}", number % 2).into());
            run.duration_ms = (number * 37 % 11) as f64 + 0.5;
            run.usage = Usage {
                input_tokens: Some(number * 10),
                output_tokens: (number % 3 > 0).then_some(number),
                ..Usage::default()
            };
            run.cost = (number % 2 == 0).then(|| Usd::from_pico(i128::from(number) * 1_234_567_890_123));
            run.input_preview = Some(format!("Question {number}: 100% of it_all \\ \"quoted\"").into());
            run
        })
        .collect()
}

/// What a run looked like before its last span came.
fn earlier(run: &Run) -> Run {
    let mut earlier = run.clone();
    earlier.status = RunStatus::Running;
    earlier.end = Timestamp::default();
    earlier.agent = Some("starting".into());
    earlier.models.clear();
    earlier.duration_ms = 1e6;
    earlier.errors = 99;
    earlier.session_id = Some("session of the past".into());
    earlier
}

/// Worlds that hold the same runs in different places.
async fn worlds() -> Vec<(&'static str, World)> {
    let runs = runs();
    let past: Vec<Run> = runs.iter().map(earlier).collect();

    let hot = World::new().await;
    hot.put(&runs).await;

    let flushed = World::new().await;
    flushed.put(&runs).await;
    flushed.flush().await;

    let mixed = World::new().await;
    mixed.put(&runs[..11]).await;
    mixed.flush().await;
    mixed.put(&runs[11..17]).await;
    mixed.flush().await;
    mixed.put(&runs[17..]).await;

    let replaced_hot = World::new().await;
    replaced_hot.put(&past).await;
    replaced_hot.flush().await;
    replaced_hot.put(&runs).await;

    let replaced_sealed = World::new().await;
    replaced_sealed.put(&past).await;
    replaced_sealed.flush().await;
    replaced_sealed.put(&runs[..20]).await;
    replaced_sealed.flush().await;
    replaced_sealed.put(&runs[15..]).await;
    replaced_sealed.flush().await;

    let compacted = World::new().await;
    for some in past.chunks(4).chain(runs.chunks(3)) {
        compacted.put(some).await;
        compacted.flush().await;
    }
    compacted.compact().await;

    vec![
        ("hot", hot),
        ("flushed", flushed),
        ("mixed", mixed),
        ("replaced, newer rows hot", replaced_hot),
        ("replaced, newer rows sealed", replaced_sealed),
        ("compacted", compacted),
    ]
}

fn questions() -> Vec<(RunFilter, Page)> {
    let strings = |values: &[&str]| values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
    let filters = vec![
        RunFilter::default(),
        RunFilter { agent: strings(&["planner", "critic"]), errors: true, ..RunFilter::default() },
        RunFilter { agent: strings(&["starting"]), ..RunFilter::default() },
        RunFilter { model: strings(&["o3"]), tool: strings(&["search", "none"]), ..RunFilter::default() },
        RunFilter {
            text: Some("100% OF IT_ALL \\ \"".into()),
            service: strings(&["service-1"]),
            ..RunFilter::default()
        },
        RunFilter { text: Some("100_".into()), ..RunFilter::default() },
        RunFilter {
            status: vec![RunStatus::Error],
            min_tokens: Some(60),
            max_duration_ms: Some(9.0),
            ..RunFilter::default()
        },
        RunFilter {
            from: Some(Timestamp::from_nanos(START + 1_000_000_000_000)),
            to: Some(Timestamp::from_nanos(START + 5_000_000_000_000)),
            user: strings(&["user 1"]),
            ..RunFilter::default()
        },
        RunFilter { session: strings(&["session 3", "session 0"]), ..RunFilter::default() },
    ];
    let sorts = ["-started_at", "cost_usd", "-duration_ms", "total_tokens", "-errors"];
    filters
        .into_iter()
        .enumerate()
        .map(|(at, filter)| {
            let sort: Sort = sorts[at % sorts.len()].parse().unwrap();
            (filter, Page { sort, limit: 7, facets: FacetKey::ALL.to_vec(), ..Page::default() })
        })
        .collect()
}

const SQL: &[&str] = &[
    "SELECT count(*), min(started_at), max(ended_at), sum(cost_usd), sum(input_tokens) FROM runs",
    "SELECT agent, count(*) AS n, avg(duration_ms) FROM runs GROUP BY agent ORDER BY agent",
    "SELECT trace_id, models, tools, tags FROM runs ORDER BY started_at",
    "SELECT trace_id FROM runs WHERE started_at > '2026-11-21T09:00:00Z' AND status = 'error' ORDER BY trace_id",
    "SELECT r.name, s.kind FROM runs r JOIN spans s ON r.trace_id = s.trace_id WHERE r.errors = 1 ORDER BY r.name",
    "SELECT count(*) FROM spans",
    "SELECT max(started_at) FROM spans WHERE trace_id = '9e3779b97f4a7c15f39cc0605cedc835'",
    "SELECT count(*) FROM runs WHERE array_has(models, 'o3')",
    "SELECT count(*) FROM runs LIMIT 0",
    "SELECT name FROM runs ORDER BY started_at DESC LIMIT 3",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_sql_answer_the_same_wherever_rows_are() {
    let mut first: Option<Vec<Json>> = None;
    for (state, world) in worlds().await {
        let mut answers = Vec::new();
        for (filter, page) in questions() {
            let answer = world.engine.runs("default", &filter, &page).await.unwrap();
            answers.push(json!({
                "filter": format!("{filter:?}"),
                "runs": unversioned(&answer.runs).iter().map(|run| format!("{run:?}")).collect::<Vec<_>>(),
                "next": answer.next, "total": answer.total, "facets": answer.facets,
            }));
        }
        for text in SQL {
            let answer = world
                .engine
                .sql("default", text, SqlLimits::default())
                .await
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            answers.push(json!({"sql": text, "rows": answer.rows, "columns": answer.columns}));
        }
        let sessions =
            world.engine.sessions("default", &RunFilter::default(), Sort::default(), &Page::default()).await.unwrap();
        answers.push(json!(format!("{sessions:?}")));
        let mut summary = world.engine.summary("default", &RunFilter::default()).await.unwrap();
        summary.last_completed = unversioned(&summary.last_completed);
        answers.push(json!(format!("{summary:?}")));
        match &first {
            None => {
                check_by_hand(&answers);
                first = Some(answers);
            }
            Some(first) => {
                for (answer, expected) in answers.iter().zip(first) {
                    assert_eq!(answer, expected, "rows {state}");
                }
            }
        }
    }
}

/// The answers agree with each other; here that they are right, for some that can be counted on fingers.
fn check_by_hand(answers: &[Json]) {
    assert_eq!(answers[0]["total"], 30);
    assert_eq!(answers[0]["runs"].as_array().unwrap().len(), 7);
    assert_eq!(answers[2]["total"], 0, "a replaced row is seen nowhere");
    assert_eq!(answers[0]["facets"]["agent"][0]["count"], 10);
    assert_eq!(
        answers[0]["facets"]["model"],
        json!([
            {"value": "claude", "count": 15}, {"value": "gpt-4o", "count": 15}, {"value": "o3", "count": 15},
        ])
    );
    assert_eq!(answers[4]["total"], 8, "every special character is taken as it is");
    assert_eq!(answers[5]["total"], 0, "an underscore is not a placeholder");
    let sql = |text: &str| answers.iter().find(|answer| answer["sql"] == text).unwrap()["rows"].clone();
    assert_eq!(sql("SELECT count(*) FROM spans"), json!([[30]]));
    assert_eq!(sql(SQL[0])[0][0], 30);
    assert_eq!(sql(SQL[0])[0][1], "2026-11-21T08:00:00Z");
    assert_eq!(sql(SQL[9]), json!([["run 29"], ["run 28"], ["run 27"]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_seen_as_soon_as_it_is_acknowledged_and_replaced_at_once() {
    let world = World::new().await;
    for round in 0..3u32 {
        let mut run = run("default", 1, 0);
        run.errors = round;
        world.put(std::slice::from_ref(&run)).await;
        let page = world.engine.runs("default", &RunFilter::default(), &Page::default()).await.unwrap();
        assert_eq!(unversioned(&page.runs), [run]);
        assert_eq!(page.total, 1);
        if round == 1 {
            world.flush().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_answers_with_nothing() {
    let world = World::new().await;
    let page = Page { facets: FacetKey::ALL.to_vec(), ..Page::default() };
    let answer = world.engine.runs("default", &RunFilter::default(), &page).await.unwrap();
    assert!(answer.runs.is_empty() && answer.next.is_none() && answer.total == 0);
    assert!(answer.facets.unwrap().values().all(Vec::is_empty));
    assert!(
        world
            .engine
            .sessions("default", &RunFilter::default(), Sort::default(), &page)
            .await
            .unwrap()
            .sessions
            .is_empty()
    );
    assert_eq!(world.engine.summary("default", &RunFilter::default()).await.unwrap(), query::Summary::default());
    assert!(world.engine.logs("default", &LogFilter::default(), &page).await.unwrap().logs.is_empty());
    for view in query::schema_docs() {
        let answer =
            world.engine.sql("default", &format!("SELECT * FROM {}", view.name), SqlLimits::default()).await.unwrap();
        assert!(answer.rows.is_empty());
        let columns: Vec<(&str, &str)> =
            view.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        assert_eq!(
            answer.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect::<Vec<_>>(),
            columns
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_read_in_parts_gives_each_living_row_once() {
    let world = World::new().await;
    let runs = |step: usize, errors: u32| -> Vec<Run> {
        (0..16_000u64)
            .step_by(step)
            .map(|number| {
                let mut run = run("default", number, number as i64 % 500);
                // Text that does not compress, so that the file is large enough to be split.
                let noise = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                run.input_preview =
                    Some(format!("{noise:x}{:x}{:x}", noise.rotate_left(37) ^ 0x5555, noise.swap_bytes()).into());
                run.errors = errors;
                run
            })
            .collect()
    };
    world.put(&runs(1, 0)).await;
    world.flush().await;
    world.put(&runs(7, 1)).await;
    world.flush().await;
    let sql = async |text: &str| world.engine.sql("default", text, SqlLimits::default()).await.unwrap().rows;
    let plan = sql("EXPLAIN SELECT sum(errors) FROM runs").await;
    assert!(plan[1][1].as_str().unwrap().contains(".parquet:0.."), "the file is too small to be split");
    let counted = sql("SELECT count(*), count(DISTINCT trace_id), sum(errors) FROM runs").await;
    assert_eq!(json!(counted), json!([[16_000, 16_000, 2_286]]));
    let failed = RunFilter { errors: true, ..RunFilter::default() };
    assert_eq!(world.engine.runs("default", &failed, &Page::default()).await.unwrap().total, 2_286);
}
