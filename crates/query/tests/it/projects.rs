//! Whatever somebody asks in SQL or in a list: rows of another project are not there.

use std::sync::OnceLock;

use crate::support::{World, run};
use model::Run;
use proptest::prelude::*;
use query::{Page, RunFilter, SqlLimits};

/// Runs of each project.
const EACH: u64 = 6;

/// One world for all cases: two projects with the same trace ids, half of the rows in files.
fn world() -> &'static (tokio::runtime::Runtime, World) {
    static WORLD: OnceLock<(tokio::runtime::Runtime, World)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world = runtime.block_on(async {
            let world = World::new().await;
            for half in 0..2 {
                for project in ["default", "zeta"] {
                    let runs: Vec<Run> = (half * EACH / 2..(half + 1) * EACH / 2)
                        .map(|number| Run {
                            name: format!("{project} {number}").into(),
                            session_id: Some(format!("{project}-session").into()),
                            ..run(project, number, number as i64)
                        })
                        .collect();
                    world.put(&runs).await;
                }
                if half == 0 {
                    world.flush().await;
                }
            }
            world
        });
        (runtime, world)
    })
}

fn table() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["runs", "spans"])
}

/// Conditions that try to let the other project in.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "true",
        "1 = 1",
        "project = 'zeta'",
        "project <> 'default'",
        "project > 'default'",
        "project IS NOT NULL",
        "project LIKE '%'",
        "coalesce(nullif(project, 'default'), 'zeta') = 'zeta'",
        "name LIKE '%zeta%'",
        "name <> ''",
        "length(project) = 4",
        "trace_id IN (SELECT trace_id FROM runs)",
        "EXISTS (SELECT 1 FROM spans s WHERE s.project <> 'default')",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

/// Questions whose columns are a project, a name and a number.
fn question() -> impl Strategy<Value = String> {
    let leaf = (table(), condition(), prop::sample::select(vec!["", " ORDER BY 1 DESC", " LIMIT 3", " ORDER BY 2 LIMIT 4 OFFSET 2"])).prop_flat_map(
        |(table, condition, tail)| {
            prop::sample::select(vec![
                format!("SELECT project, name, 1 AS n FROM {table} WHERE {condition}{tail}"),
                format!("SELECT project, name, count(*) AS n FROM {table} WHERE {condition} GROUP BY project, name{tail}"),
                format!("SELECT max(project) AS project, max(name) AS name, count(*) AS n FROM {table} WHERE {condition}"),
                format!("SELECT project, first_value(name) OVER (PARTITION BY project ORDER BY name DESC) AS name, 1 AS n FROM {table} WHERE {condition}{tail}"),
                format!("SELECT b.project, b.name, 1 AS n FROM {table} a FULL OUTER JOIN runs b ON a.trace_id = b.trace_id{tail}"),
                format!("SELECT b.project, b.name, 1 AS n FROM {table} a LEFT JOIN spans b ON a.trace_id <> b.trace_id{tail}"),
                format!("SELECT a.project, b.name, 1 AS n FROM {table} a CROSS JOIN runs b{tail}"),
            ])
        },
    );
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("SELECT * FROM ({a}) UNION ALL SELECT * FROM ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("SELECT * FROM ({a}) EXCEPT SELECT * FROM ({b})")),
            (inner.clone(), condition()).prop_map(|(a, b)| format!(
                "SELECT project, name, n FROM ({a}) AS q WHERE {}",
                b.replace("trace_id IN (SELECT trace_id FROM runs)", "n > 0")
            )),
            inner.prop_map(|a| format!("WITH w AS ({a}) SELECT * FROM w")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sql_never_shows_rows_of_another_project(question in question()) {
        let (runtime, world) = world();
        let answer = runtime.block_on(world.engine.sql("default", &question, SqlLimits::default()));
        let answer = answer.map_err(|error| TestCaseError::fail(format!("{question}: {error}")))?;
        for row in &answer.rows {
            let text = format!("{row:?}");
            prop_assert!(!text.contains("zeta"), "{question}: {text}");
        }
    }

    #[test]
    fn lists_never_show_rows_of_another_project(text in "[a-z %_']{0,6}", errors in any::<bool>(), limit in 1usize..50) {
        let (runtime, world) = world();
        let filter = RunFilter { text: Some(text), errors, ..RunFilter::default() };
        let page = Page { limit, ..Page::default() };
        let found = runtime.block_on(world.engine.runs("default", &filter, &page)).unwrap();
        prop_assert!(found.runs.iter().all(|run| &*run.tenant.project == "default"));
    }
}

#[test]
fn each_project_sees_all_of_its_own() {
    let (runtime, world) = world();
    for project in ["default", "zeta"] {
        for table in ["runs", "spans"] {
            let question = format!("SELECT count(*) FROM {table}");
            let answer = runtime.block_on(world.engine.sql(project, &question, SqlLimits::default())).unwrap();
            assert_eq!(answer.rows[0][0], EACH, "{project}: {table}");
        }
    }
}
