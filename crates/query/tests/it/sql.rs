//! SQL reads, within its limits, its project, and nothing else.

use std::time::Duration;

use crate::support::{START, World, run, tenant, trace};
use model::{Run, Span, SpanId, StepKind, Timestamp, Usd, Value};
use query::{LimitName, Limits, Page, QueryError, RunFilter, Sort, SqlAnswer, SqlLimits};
use serde_json::{Value as Json, json};

async fn ask(world: &World, text: &str) -> Result<SqlAnswer, QueryError> {
    world.engine.sql("default", text, SqlLimits::default()).await
}

async fn rows(world: &World, text: &str) -> Json {
    match ask(world, text).await {
        Ok(answer) => json!(answer.rows),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Two projects whose rows lie together in memory and side by side in files.
async fn two_projects() -> World {
    let world = World::new().await;
    for half in 0..2 {
        for project in ["default", "other"] {
            let runs: Vec<Run> = (half * 5..half * 5 + 5)
                .map(|number| Run {
                    name: format!("{project}-secret {number}").into(),
                    session_id: Some(format!("{project}-session").into()),
                    models: vec![format!("{project}-model").into()],
                    ..run(project, number, number as i64)
                })
                .collect();
            world.put(&runs).await;
            let mut span = Span::new(tenant(project), trace(1000 + half), SpanId::from_array([9; 8]));
            span.start = Timestamp::from_nanos(START);
            span.received = Timestamp::from_nanos(START);
            let text = format!("{project}-body {}", "x".repeat(600));
            world
                .put_span(
                    span,
                    &[("secret", Value::from(&*format!("{project}-attribute"))), ("long", Value::from(&*text))],
                )
                .await;
        }
        if half == 0 {
            world.flush().await;
        }
    }
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_sees_rows_of_another_project() {
    let world = two_projects().await;
    let attacks = [
        "SELECT * FROM runs",
        "SELECT * FROM spans",
        "SELECT * FROM bodies",
        "SELECT * FROM runs WHERE project = 'other'",
        "SELECT * FROM runs WHERE project = 'other' OR true",
        "SELECT * FROM runs WHERE project <> 'default'",
        "SELECT * FROM runs UNION ALL SELECT * FROM runs WHERE project = 'other'",
        "SELECT * FROM runs UNION SELECT * FROM runs ORDER BY name DESC",
        "SELECT * FROM runs EXCEPT SELECT * FROM runs WHERE project = 'default'",
        "SELECT (SELECT max(name) FROM runs) AS top, (SELECT count(*) FROM runs) AS n",
        "SELECT max(name), min(name), max(project), array_agg(session_id) FROM runs",
        "SELECT name FROM runs r WHERE EXISTS (SELECT 1 FROM runs o WHERE o.project <> r.project)",
        "SELECT a.name, b.name FROM runs a CROSS JOIN runs b",
        "SELECT a.name, b.name FROM runs a FULL OUTER JOIN runs b ON a.trace_id = b.trace_id AND b.project = 'other'",
        "WITH RECURSIVE t AS (SELECT name FROM runs UNION SELECT name FROM runs WHERE project = 'other') SELECT * FROM t",
        "WITH runs AS (SELECT * FROM runs) SELECT * FROM runs",
        "SELECT * FROM tawny.public.runs",
        "SELECT * FROM public.runs",
        "SELECT * FROM other.public.runs",
        "SELECT * FROM datafusion.public.runs",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.df_settings",
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM \"tawny://segments/\"",
        "SELECT * FROM 'tawny://segments/runs/other'",
        "SELECT * FROM read_parquet('x.parquet')",
        "SELECT * FROM parquet_metadata('x.parquet')",
        "SELECT * FROM metadata_cache()",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT input_file_name() FROM runs",
        "COPY runs TO '/tmp/stolen.parquet'",
        "COPY (SELECT * FROM runs) TO '/tmp/stolen.csv' STORED AS CSV",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/'",
        "CREATE TABLE t AS SELECT * FROM runs",
        "CREATE VIEW v AS SELECT * FROM runs",
        "CREATE FUNCTION f(x INT) RETURNS INT RETURN x",
        "INSERT INTO runs SELECT * FROM runs",
        "UPDATE runs SET project = 'default'",
        "DELETE FROM runs",
        "TRUNCATE TABLE runs",
        "DROP TABLE runs",
        "SET datafusion.catalog.information_schema = true",
        "SET project = 'other'",
        "SHOW TABLES",
        "SHOW COLUMNS FROM runs",
        "DESCRIBE runs",
        "EXPLAIN SELECT * FROM runs",
        "EXPLAIN ANALYZE SELECT * FROM runs",
        "EXPLAIN (ANALYZE) SELECT * FROM runs",
        "PREPARE p AS SELECT * FROM runs",
        "EXECUTE p",
        "SELECT 1; SELECT * FROM runs",
        "SELECT * FROM runs; DROP TABLE runs",
        "SELECT * FROM runs LIMIT 1000 OFFSET 0",
        "SELECT * FROM runs TABLESAMPLE (100)",
        "SELECT r.* EXCLUDE (project) FROM runs r",
        "SELECT attr(attributes, 'secret') FROM spans",
        "SELECT attr(attributes, 'secret') FROM spans WHERE attr(attributes, 'secret') LIKE 'other%'",
        "SELECT u FROM (SELECT unnest(models) AS u FROM runs) GROUP BY u",
        "SELECT name, lag(name) OVER (ORDER BY name), first_value(name) OVER (ORDER BY project DESC) FROM runs",
        "SELECT text FROM bodies WHERE length > 0",
    ];
    let mut answered = 0;
    for text in attacks {
        match ask(&world, text).await {
            Ok(answer) => {
                answered += 1;
                let answer = serde_json::to_string(&answer).unwrap();
                for leak in [
                    "other-secret",
                    "other-session",
                    "other-model",
                    "other-attribute",
                    "other-body",
                    "project=other",
                    "other/",
                ] {
                    assert!(!answer.contains(leak), "{text} leaks {leak}: {answer}");
                }
            }
            Err(QueryError::Invalid { message, .. }) => {
                assert!(!message.contains("other-"), "{text}: {message}");
                assert!(!message.contains("segments/") || text.contains("segments/"), "{text}: {message}");
            }
            Err(error) => panic!("{text}: {error}"),
        }
    }
    assert!(answered > 20, "the harmless among them are answered, {answered}");
    assert!(!std::path::Path::new("/tmp/stolen.parquet").exists() && !std::path::Path::new("/tmp/stolen.csv").exists());
    // And the attacks would have been seen: the rows are there for who may see them.
    let theirs = world.engine.sql("other", "SELECT count(*), max(name) FROM runs", SqlLimits::default()).await.unwrap();
    assert_eq!(json!(theirs.rows), json!([[10, "other-secret 9"]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_see_their_own_project_only() {
    let world = two_projects().await;
    for (project, strange) in [("default", "other"), ("other", "default"), ("nobody", "")] {
        let runs = world.engine.runs(project, &RunFilter::default(), &Page::default()).await.unwrap();
        let sessions =
            world.engine.sessions(project, &RunFilter::default(), Sort::default(), &Page::default()).await.unwrap();
        let summary = world.engine.summary(project, &RunFilter::default()).await.unwrap();
        if project == "nobody" {
            assert!(runs.runs.is_empty() && sessions.sessions.is_empty() && summary.counters.runs_started == 0);
            continue;
        }
        assert_eq!((runs.total, summary.counters.runs_started, sessions.sessions.len()), (10, 10, 1));
        assert!(runs.runs.iter().all(|run| &*run.tenant.project == project && !run.name.contains(strange)));
        let theirs = RunFilter { session: vec![format!("{strange}-session")], ..RunFilter::default() };
        assert_eq!(world.engine.runs(project, &theirs, &Page::default()).await.unwrap().total, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reaching_a_limit_names_it() {
    let world = World::new().await;
    let small = World::with(Limits { memory_bytes: 2 << 20, ..Limits::default() }).await;
    let runs: Vec<Run> = (0..2_000)
        .map(|number| Run { input_preview: Some("x".repeat(200).into()), ..run("default", number, number as i64) })
        .collect();
    for world in [&world, &small] {
        world.put(&runs).await;
        world.flush().await;
    }
    let limited = async |text: &str, limits: SqlLimits| world.engine.sql("default", text, limits).await;
    let forever =
        "SELECT count(*) FROM runs a, runs b, runs c, runs d WHERE a.name || b.name || c.name || d.name LIKE '%zzz%'";
    let error =
        limited(forever, SqlLimits { time: Duration::from_millis(200), ..SqlLimits::default() }).await.unwrap_err();
    assert!(matches!(&error, QueryError::Limit { name: LimitName::SqlTime, limit, .. } if limit == "0.2 s"), "{error}");

    let wide = "SELECT a.trace_id, b.name, count(*), max(a.input_preview || b.input_preview) FROM runs a, runs b GROUP BY 1, 2";
    let error = small.engine.sql("default", wide, SqlLimits::default()).await.unwrap_err();
    assert!(matches!(&error, QueryError::Limit { name: LimitName::QueryBytes, .. }), "{error}");
    assert!(error.to_string().contains("2 MiB"), "{error}");

    let answer = limited("SELECT name FROM runs ORDER BY started_at", SqlLimits { rows: 5, ..SqlLimits::default() })
        .await
        .unwrap();
    assert!(answer.truncated && answer.rows.len() == 5);
    let answer = limited("SELECT name FROM runs LIMIT 5", SqlLimits { rows: 5, ..SqlLimits::default() }).await.unwrap();
    assert!(!answer.truncated && answer.rows.len() == 5, "exactly as many as allowed is not cut");
    let answer = limited("SELECT input_preview FROM runs", SqlLimits { answer_bytes: 1_000, ..SqlLimits::default() })
        .await
        .unwrap();
    assert!(answer.truncated && (1..5).contains(&answer.rows.len()));
    // A caller can tighten, never loosen.
    let answer = limited(
        "SELECT a.name FROM runs a, runs b LIMIT 20000",
        SqlLimits { rows: usize::MAX, ..SqlLimits::default() },
    )
    .await
    .unwrap();
    assert!(answer.truncated && answer.rows.len() == 10_000);

    // The limit is looked at when a query waits, and a short list may be done before it first does: so ask until it is caught.
    let impatient = World::with(Limits { list_time: Duration::ZERO, ..Limits::default() }).await;
    impatient.put(&runs).await;
    impatient.flush().await;
    let page = Page { facets: query::FacetKey::ALL.to_vec(), ..Page::default() };
    let mut caught = None;
    for _ in 0..200 {
        caught = impatient.engine.runs("default", &RunFilter::default(), &page).await.err();
        if caught.is_some() {
            break;
        }
    }
    let error = caught.expect("one of 200 lists takes longer than no time at all");
    assert!(matches!(error, QueryError::Limit { name: LimitName::ListTime, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_explained() {
    let world = World::new().await;
    world.put(&[run("default", 1, 0)]).await;
    for (text, expected, place) in [
        ("SELEC 1", "SELEC", Some((1, 1))),
        ("SELECT nme FROM runs", "no column `nme`; did you mean `name`?", Some((1, 8))),
        ("SELECT zzzzzz FROM runs", "the columns here are agent, ", Some((1, 8))),
        ("SELECT sum(name) FROM runs", "'sum(Utf8)'", None),
        ("SELECT regexp_like(name, '(') FROM runs", "unclosed group", None),
        ("SELECT r.nme\nFROM runs r", "no column `r.nme`", Some((1, 8))),
        ("SELECT * FROM run", "the tables are spans, bodies, runs", Some((1, 15))),
        ("SELECT unknown_function(1)", "unknown_function", None),
        ("SELECT name FROM runs GROUP BY agent", "name", None),
        ("SELECT 1/0", "ivide by zero", None),
        ("SELECT 1 + ", "Expected", None),
        ("SELECT CAST('x' AS INT)", "x", None),
        ("SELECT * FROM runs WHERE started_at > 'yesterday'", "yesterday", None),
        ("SELECT repeat('x', 1000000000)", "repeat", None),
        ("SELECT range(0, 100000000000)", "range", None),
        ("SELECT attr(attributes) FROM spans", "attr", None),
        ("SELECT * FROM runs; ;; SELECT 2", "one SELECT at a time", None),
        ("SELECT $1", "$1", None),
    ] {
        match ask(&world, text).await {
            Err(QueryError::Invalid { message, position }) => {
                assert!(message.contains(expected), "{text}: {message}");
                assert!(
                    !message.contains("DataFusion") && !message.contains("Error during planning"),
                    "{text}: {message}"
                );
                if let Some((line, column)) = place {
                    let position = position.unwrap_or_else(|| panic!("{text}: no place in {message}"));
                    assert_eq!((position.line, position.column), (line, column), "{text}");
                    assert!(message.contains(&position.to_string()), "{text}: {message}");
                }
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awkward_queries_end_in_an_answer_or_a_reason() {
    let world = World::new().await;
    world.put(&[run("default", 1, 0)]).await;
    let chain = |count: usize, item: &str, between: &str| vec![item; count].join(between);
    for text in [
        format!("SELECT {}", chain(1_400, "1", "+")),
        format!("SELECT count(*) FROM runs WHERE {}", chain(450, "name = 'x'", " OR ")),
        format!("SELECT count(*) FROM runs WHERE name IN ({})", chain(8_000, "'x'", ",")),
        chain(200, "SELECT 1", " UNION ALL "),
        format!("SELECT {}1{}", "(".repeat(40), ")".repeat(40)),
        format!("SELECT {}1{}", "(".repeat(4_000), ")".repeat(4_000)),
        format!("SELECT {}true", "NOT ".repeat(2_500)),
        format!("SELECT {}1", "- ".repeat(2_500)),
        format!("SELECT '{}'", "ä".repeat(10_000)),
        "\u{0}\u{feff}".to_owned(),
        "SELECT 1 AS \"\u{202e}\", 2 AS \"\"".to_owned(),
        "SELECT array_agg(a.name) FROM runs a, runs b GROUP BY ()".to_owned(),
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t".to_owned(),
    ] {
        let limits = SqlLimits { time: Duration::from_secs(3), ..SqlLimits::default() };
        match world.engine.sql("default", &text, limits).await {
            Ok(_) | Err(QueryError::Invalid { .. } | QueryError::Limit { .. }) => {}
            Err(error) => panic!("{}: {error}", text.chars().take(60).collect::<String>()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_as_people_write_them() {
    let world = World::new().await;
    let mut known = run("default", 1, 0);
    known.cost = Some(Usd::from_pico(37_500_000));
    known.models = vec!["gpt-4o".into()];
    known.duration_ms = 0.1;
    world.put(&[known]).await;
    assert_eq!(
        rows(
            &world,
            "SELECT trace_id, started_at, cost_usd, models, duration_ms, user_id, provisional, steps FROM runs"
        )
        .await,
        json!([[trace(1).to_string(), "2026-11-21T08:00:00Z", 0.0000375, ["gpt-4o"], 0.1, null, false, 0]])
    );
    assert_eq!(rows(&world, "SELECT 'NaN'::double, sum(cost_usd) * 2 FROM runs").await, json!([[null, 0.000075]]));
    assert_eq!(
        rows(&world, "SELECT date_trunc('hour', started_at), CAST(started_at AS DATE) FROM runs").await,
        json!([["2026-11-21T08:00:00Z", "2026-11-21"]])
    );
    let explained = rows(&world, "EXPLAIN SELECT count(*) FROM runs").await;
    assert_eq!(explained[0][0], "logical_plan");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attr_reads_an_attribute_of_a_span() {
    let world = World::new().await;
    let mut span = Span::new(tenant("default"), trace(1), SpanId::from_array([1; 8]));
    span.start = Timestamp::from_nanos(START);
    span.received = Timestamp::from_nanos(START);
    span.kind = StepKind::Llm;
    let attributes = [
        ("gen_ai.request.temperature", Value::Double(0.5)),
        ("app.tenant", Value::from("blue \"team\"")),
        ("app.flag", Value::Bool(true)),
        ("app.list", Value::Array(vec![Value::Int(1), Value::from("x")])),
    ];
    world.put_span(span, &attributes).await;
    for _ in 0..2 {
        assert_eq!(
            rows(
                &world,
                "SELECT attr(attributes, 'app.tenant'), attr(attributes, 'app.flag'), attr(attributes, 'app.list'), \
                 attr(attributes, 'none'), CAST(attr(attributes, 'gen_ai.request.temperature') AS DOUBLE) FROM spans \
                 WHERE attr(attributes, 'app.tenant') LIKE 'blue%'"
            )
            .await,
            json!([["blue \"team\"", "true", "[1,\"x\"]", null, 0.5]])
        );
        world.flush().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_match_are_not_read() {
    let world = World::new().await;
    for number in 0..6 {
        world.put(&[run("default", number, number as i64 * 3600)]).await;
        world.flush().await;
    }
    let files = async |condition: &str| {
        let plan = rows(&world, &format!("EXPLAIN SELECT name FROM runs WHERE {condition}")).await;
        plan[1][1].as_str().unwrap().matches(".parquet").count()
    };
    assert_eq!(files("true").await, 6);
    assert_eq!(files(&format!("trace_id = '{}'", trace(3))).await, 1);
    assert_eq!(files(&format!("trace_id IN ('{}', '{}')", trace(3), trace(5))).await, 2);
    assert_eq!(files(&format!("trace_id = '{}'", trace(99))).await, 0);
    assert_eq!(files("started_at >= '2026-11-21T11:00:00Z' AND started_at < '2026-11-21T13:00:00Z'").await, 2);
    assert_eq!(files("started_at BETWEEN '2026-11-21T08:30:00Z' AND '2026-11-21T08:40:00Z'").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_query_stops_working() {
    let world = World::new().await;
    world.put(&(0..2_000).map(|number| run("default", number, number as i64)).collect::<Vec<_>>()).await;
    world.flush().await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let forever = "SELECT count(*) FROM runs a, runs b, runs c WHERE a.name || b.name || c.name LIKE '%zzz%'";
    let unfinished = tokio::time::timeout(Duration::from_millis(200), ask(&world, forever)).await;
    assert!(unfinished.is_err());
    for _ in 0..100 {
        if metrics.num_alive_tasks() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} tasks still run, {before} before", metrics.num_alive_tasks());
}

/// The documentation, by its place in the repository.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_documentation_run() {
    let world = World::new().await;
    let mut example = run("default", 1, 0);
    example.agent = Some("planner".into());
    example.tools = vec!["search".into()];
    world.put(&[example]).await;
    let text = std::fs::read_to_string(DOCS).unwrap();
    let examples: Vec<&str> = text.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 10, "only {} examples", examples.len());
    for example in examples {
        if let Err(error) = ask(&world, example).await {
            panic!("{example}\n{error}");
        }
    }
}

#[test]
fn the_columns_are_documented() {
    let mut columns = String::new();
    for view in query::schema_docs() {
        columns.push_str(&format!(
            "## `{}`\n\n{}\n\n| column | type | meaning |\n|---|---|---|\n",
            view.name, view.description
        ));
        for column in view.columns {
            let null = if column.nullable { ", may be null" } else { "" };
            let description = column.description.replace('|', "\\|");
            columns.push_str(&format!("| `{}` | {}{null} | {description} |\n", column.name, column.kind));
        }
        columns.push('\n');
    }
    let text = std::fs::read_to_string(DOCS).unwrap();
    let (before, rest) = text.split_once("set UPDATE_DOCS=1 to write it again) -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- columns: end -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}set UPDATE_DOCS=1 to write it again) -->\n{columns}<!-- columns: end -->{after}");
        std::fs::write(DOCS, text).unwrap();
    } else {
        assert_eq!(found, columns, "docs/sql.md is behind the schema: run this test with UPDATE_DOCS=1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_gives_texts_as_they_were_sent() {
    let world = two_projects().await;
    let long = format!("default-body {}", "x".repeat(600));
    // One is in a file, the other in memory.
    let two = "span_id = '0909090909090909' ORDER BY started_at, trace_id";
    let keys = "content(trace_id, attributes, 'long'), content(trace_id, attributes, 'secret'), content(trace_id, attributes, 'none')";
    let row = json!([long, "default-attribute", null]);
    assert_eq!(rows(&world, &format!("SELECT {keys} FROM spans WHERE {two}")).await, json!([row, row]));
    let whole = json!({"secret": "default-attribute", "long": long}).to_string();
    let columns = rows(&world, &format!("SELECT content(trace_id, attributes) FROM spans WHERE {two}")).await;
    for column in columns.as_array().unwrap() {
        let column: Json = serde_json::from_str(column[0].as_str().unwrap()).unwrap();
        assert_eq!(column, serde_json::from_str::<Json>(&whole).unwrap());
    }
    let found = "SELECT count(*) FROM spans WHERE content(trace_id, attributes, 'long') LIKE 'default-body xxx%'";
    assert_eq!(rows(&world, found).await, json!([[2]]));
    // A sort is no place to work it out; whether DataFusion does so or refuses, it is no fault of the program.
    let sorted = ask(&world, "SELECT name FROM spans ORDER BY content(trace_id, attributes, 'long')").await;
    assert!(!matches!(sorted, Err(QueryError::Internal(_))), "{sorted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_keeps_a_conversation_to_the_byte() {
    let world = World::new().await;
    let said = "said ".repeat(60);
    let text = format!(
        "[ {{\"role\" : \"user\",\"role\":\"x\", \"content\":\"{said}\\u00e9\"}},\n\t{{\"content\":\"{said}\",  \"role\":\"y\"}} ]  "
    );
    let bytes = Value::Bytes(vec![0xff; 300].into());
    let mut span = Span::new(tenant("default"), trace(1), SpanId::from_array([7; 8]));
    span.start = Timestamp::from_nanos(START);
    span.received = Timestamp::from_nanos(START);
    world.put_span(span, &[("messages", Value::from(&*text)), ("bytes", bytes.clone())]).await;
    let question =
        "SELECT content(trace_id, attributes, 'messages'), content(trace_id, attributes, 'bytes') FROM spans";
    let expected = json!([[text, store::encode_value(&bytes)]]);
    assert_eq!(rows(&world, question).await, expected, "from memory");
    world.flush().await;
    assert_eq!(rows(&world, question).await, expected, "from files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_gives_nothing_of_another_project() {
    let world = two_projects().await;
    let hash = store::BodyHash::of(&format!("other-body {}", "x".repeat(600)));
    let own = store::BodyHash::of(&format!("default-body {}", "x".repeat(600)));
    for trace in [trace(1000), trace(1001)] {
        let ask = |hash| {
            format!("SELECT content('{trace}', '{{\"k\":{{\"$body\":[\"\",\"{hash}\"]}}}}', 'k') FROM runs LIMIT 1")
        };
        assert_eq!(rows(&world, &ask(hash)).await, json!([[null]]));
        assert_ne!(rows(&world, &ask(own)).await, json!([[null]]), "the question itself is right");
    }
}
