//! Erasing traces and taking them out: nobody reads them, nothing of them is left on the disk, and everything else stays.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::*;
use store::Held;

const DAY: i64 = 86_400 * SECOND;
/// Longer than replaced files stay.
const GRACE: i64 = 3600 * SECOND;

/// Files below a directory in which a text stands, Parquet files decoded.
fn holding(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let mut has = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let bytes = bytes::Bytes::from(bytes);
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
            has |= reader.build().unwrap().any(|batch| format!("{:?}", batch.unwrap()).contains(text));
        }
        found.extend(has.then(|| path.display().to_string()));
    }
    found
}

fn two(texts: [&str; 2]) -> Vec<Sent> {
    // Long enough for a body of its own, and short.
    let long = |text: &str| format!("{text} {}", "and so on ".repeat(40));
    vec![
        Sent::new(1, 1).text(long(texts[0])),
        Sent::new(1, 2).text(texts[0]),
        Sent::new(2, 1).text(long(texts[1])),
        Sent::new(2, 2).text(texts[1]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_in_no_file_and_what_is_not_stays() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &two(["forget-me", "keep-me"])).await.unwrap();
    store.flush().await.unwrap();
    // Again, so that rows are replaced; and once more in memory and in the log.
    send(&store, &clock, &two(["forget-me", "keep-me"])).await.unwrap();
    store.flush().await.unwrap();
    compact_all(&store).await;
    send(&store, &clock, &[Sent::new(1, 3).text("forget-me"), Sent::new(2, 3).text("keep-me")]).await.unwrap();
    fetch(data.path()).await;
    assert!(!holding(data.path(), "forget-me").is_empty());
    let before = store.trace("default", trace_id(2)).await.unwrap();

    let erased = store.erase("default", BTreeSet::from([trace_id(1)])).await.unwrap();
    assert_eq!((erased.rows["spans"], erased.rows["runs"]), (3, 1), "{erased:?}");
    assert!(store.trace("default", trace_id(1)).await.unwrap().is_empty());
    assert_eq!(runs(&store).await.len(), 1);
    assert_eq!(store.trace("default", trace_id(2)).await.unwrap().len(), before.len());
    assert!(!store.are_removed(erased.files.clone()).await.unwrap(), "a query may still read them");
    clock.pass(GRACE);
    compact_all(&store).await;
    store.compact().await.unwrap();
    assert!(store.are_removed(erased.files).await.unwrap());
    fetch(data.path()).await;
    assert_eq!(holding(data.path(), "forget-me"), Vec::<String>::new());
    assert!(!holding(data.path(), "keep-me").is_empty());
    assert!(store.check().await.unwrap().faults.is_empty());

    store.close().await;
    let store = open(data.path(), &clock).await;
    assert!(store.trace("default", trace_id(1)).await.unwrap().is_empty(), "no log brings it back");
    assert_eq!(store.trace("default", trace_id(2)).await.unwrap().len(), before.len());
    assert_eq!(store.erase("default", BTreeSet::from([trace_id(1)])).await.unwrap().traces, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_is_read_by_nobody_and_waits_while_rows_are_in_memory() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &two(["dropped", "kept"])).await.unwrap();
    let take = async |store: &store::Store| store.take_out("default", BTreeSet::from([trace_id(1)])).await.unwrap();
    assert_eq!(take(&store).await.traces, BTreeSet::new(), "the log would bring them back");
    assert_eq!(runs(&store).await.len(), 2);
    store.flush().await.unwrap();
    assert_eq!(take(&store).await.traces, BTreeSet::from([trace_id(1)]));
    assert_eq!(runs(&store).await.iter().map(|run| run.trace_id).collect::<Vec<_>>(), [trace_id(2)]);
    assert!(store.trace("default", trace_id(1)).await.unwrap().is_empty());
    assert_eq!(spans(&store).await.len(), 2);
    // Time passes for runs in memory, and a restart.
    clock.pass(DAY);
    assert_eq!(runs(&store).await.len(), 1);
    store.close().await;
    let store = open(data.path(), &clock).await;
    assert_eq!(runs(&store).await.len(), 1);
    // A late span is news, of a run that has nothing else any more.
    send(&store, &clock, &[Sent::new(1, 9)]).await.unwrap();
    assert_eq!(store.trace("default", trace_id(1)).await.unwrap().len(), 1);
    assert!(store.check().await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_samples_in_a_project_do_not_stand_in_the_way() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &two(["forget-me", "keep-me"])).await.unwrap();
    // A span with a log record and a sample.
    store.commit(entry(1, &[Sent::new(3, 1)], &clock)).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.take_out("default", BTreeSet::from([trace_id(2)])).await.unwrap().rows["spans"], 2);
    assert_eq!(store.erase("default", BTreeSet::from([trace_id(1)])).await.unwrap().rows["spans"], 2);
    assert_eq!(batches(&store, store::Table::Samples).await.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_outlives_its_time_until_it_is_let_go() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let retention = store::Retention { default: "spans=2d".parse().unwrap(), ..store::Retention::default() };
    let store = open_with(store::Settings { retention, ..settings(data.path()) }, &clock).await;
    for (project, trace) in [("default", 1), ("default", 2), ("bank", 3), ("mill", 4)] {
        let sent = Sent { project: project.into(), ..Sent::new(trace, 1) };
        let entry = store::Entry { project: project.into(), ..entry(0, &[sent], &clock) };
        store.commit(entry).await.unwrap();
        // Each in a segment of its own.
        store.flush().await.unwrap();
    }
    clock.pass(10 * DAY);
    let held = Held {
        projects: BTreeSet::from(["bank".to_owned()]),
        traces: [("default".to_owned(), BTreeSet::from([trace_id(2)]))].into(),
    };
    store.expire(held).await.unwrap();
    let left = async || spans(&store).await.iter().map(|span| span.trace_id).collect::<BTreeSet<_>>();
    assert_eq!(left().await, BTreeSet::from([trace_id(2), trace_id(3)]));
    store.expire(Held::default()).await.unwrap();
    assert_eq!(left().await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_trace_went_has_its_own_texts_also_where_they_were_said_before() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let said = "said before, and once more ".repeat(20);
    let span = |number| Sent::new(1, number).text(said.as_str());
    for (round, erases) in [(1, false), (3, true), (5, false), (7, true)] {
        // Two flushes: the second relies on the first for its text.
        for number in [round, round + 1] {
            send(&store, &clock, &[span(number)]).await.unwrap();
            store.flush().await.unwrap();
        }
        let traces = BTreeSet::from([trace_id(1)]);
        let gone = if erases { store.erase("default", traces).await } else { store.take_out("default", traces).await };
        assert_eq!(gone.unwrap().rows["bodies"], 1, "kept once");
        let late = span(round + 10);
        send(&store, &clock, std::slice::from_ref(&late)).await.unwrap();
        for place in ["memory", "a segment", "a merged segment"] {
            let stored = store.trace("default", trace_id(1)).await.unwrap();
            assert_eq!(stored.iter().map(|span| &span.raw).collect::<Vec<_>>(), [&late.raw()], "{place}");
            let one = store.span("default", trace_id(1), span_id(round + 10)).await.unwrap().unwrap();
            assert_eq!(one.raw, late.raw(), "{place}, alone");
            store.flush().await.unwrap();
            if place == "a segment" {
                // With those of rows that no longer count: so old a day is merged however few its files are.
                clock.pass(4 * DAY);
                compact_all(&store).await;
            }
        }
        let checked = store.check().await.unwrap();
        assert!(checked.faults.is_empty(), "{:?}", checked.faults);
        // The next round begins without it.
        store.take_out("default", BTreeSet::from([trace_id(1)])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_while_a_trace_is_erased_keep_their_texts() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let said = "said in every round ".repeat(20);
    let mut number = 0;
    for _ in 0..8 {
        for _ in 0..3 {
            number += 1;
            send(&store, &clock, &[Sent::new(1, number).text(said.as_str())]).await.unwrap();
            store.flush().await.unwrap();
        }
        let erasing = {
            let store = store.clone();
            tokio::spawn(async move { store.erase("default", BTreeSet::from([trace_id(1)])).await.unwrap() })
        };
        while !erasing.is_finished() {
            number += 1;
            send(&store, &clock, &[Sent::new(1, number).text(said.as_str())]).await.unwrap();
            tokio::task::yield_now().await;
        }
        erasing.await.unwrap();
        for place in ["memory", "a segment"] {
            for stored in store.trace("default", trace_id(1)).await.unwrap() {
                assert_eq!(stored.raw.attributes.text("text.0"), Some(said.as_str()), "{place}: {}", stored.span.name);
            }
            store.flush().await.unwrap();
        }
    }
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
}
