//! Numbers for charts over segments: what was added up before is the same when it is remembered, and follows what changes.

use std::fs;
use std::path::Path;

use model::{Run, Timestamp};
use query::{Aggregate, AggregateKey, AggregateRow, Measure, Of, RunFilter};

use crate::support::{SECOND, START, World, run};

const RUNS: u64 = 5_000;

/// Runs of two agents, a second apart, each longer than the one before.
fn runs() -> Vec<Run> {
    let run = |number: u64| Run {
        agent: Some(if number.is_multiple_of(2) { "even" } else { "odd" }.into()),
        duration_ms: number as f64,
        ..run("default", number, number as i64)
    };
    (0..RUNS).map(run).collect()
}

fn question(from: Option<u64>) -> Aggregate {
    let from = from.map(|second| Timestamp::from_nanos(START + second as i64 * SECOND));
    Aggregate {
        of: Of::Runs,
        measure: Measure::DurationMs,
        by: vec![AggregateKey::Agent],
        step: None,
        quantiles: vec![0.0, 0.5, 1.0],
        filter: RunFilter { from, ..RunFilter::default() },
    }
}

async fn asked(world: &World, question: &Aggregate) -> Vec<AggregateRow> {
    world.engine.aggregate("default", question).await.unwrap().rows
}

/// Count and mean by agent, computed from the runs themselves.
fn expected(runs: &[Run], from: u64) -> Vec<(Option<String>, u64, f64)> {
    ["even", "odd"]
        .into_iter()
        .map(|agent| {
            let own = runs.iter().skip(from as usize).filter(|run| run.agent.as_deref() == Some(agent));
            let durations: Vec<f64> = own.map(|run| run.duration_ms).collect();
            let mean = durations.iter().sum::<f64>() / durations.len() as f64;
            (Some(agent.to_owned()), durations.len() as u64, mean)
        })
        .collect()
}

fn shown(rows: &[AggregateRow]) -> Vec<(Option<String>, u64, f64)> {
    rows.iter().map(|row| (row.by[0].clone(), row.count, row.value.unwrap())).collect()
}

fn remove_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_files(&path);
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_segments_are_added_up_once_and_follow_what_is_replaced_and_what_is_new() {
    let world = World::new().await;
    let mut runs = runs();
    world.put(&runs).await;
    world.flush().await;
    let first = asked(&world, &question(None)).await;
    assert_eq!(shown(&first), expected(&runs, 0));
    let [least, middle, most] = first[0].quantiles[..] else { panic!("three quantiles") };
    assert!(least < 1.0 && (middle - 2499.0).abs() < 30.0 && (most - 4998.0).abs() < 50.0, "{:?}", first[0]);
    assert_eq!(asked(&world, &question(None)).await, first);
    // A part of a segment is read, whatever is remembered of the whole.
    assert_eq!(shown(&asked(&world, &question(Some(1_000))).await), expected(&runs, 1_000));
    // A run that changes counts in its new form only, also when it is in a segment again.
    runs[10].duration_ms = 1_000_000.0;
    world.put(&runs[10..11]).await;
    assert_eq!(shown(&asked(&world, &question(None)).await), expected(&runs, 0));
    world.flush().await;
    assert_eq!(shown(&asked(&world, &question(None)).await), expected(&runs, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_added_up_once_is_not_read_again() {
    let world = World::new().await;
    world.put(&runs()).await;
    world.flush().await;
    let first = asked(&world, &question(None)).await;
    remove_files(&world.dir.path().join("data/segments/runs"));
    assert_eq!(asked(&world, &question(None)).await, first, "the files are gone, the sums are not");
    let median = Aggregate { quantiles: vec![0.5], ..question(Some(0)) };
    let rows = asked(&world, &median).await;
    assert_eq!(rows[0].quantiles[..], first[0].quantiles[1..2], "another quantile, and a time that all of them lie in");
}
