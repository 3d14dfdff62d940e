//! What a user of the store notices: nothing acknowledged is lost, nothing is there twice, what was sent comes back.

use std::fs;
use std::time::Duration;

use crate::common::*;
use model::{Run, RunStatus, Timestamp};
use store::{CommitError, LimitName, Settings, Store, StoreError, Table};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_a_crash_whether_flushed_or_not() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &[Sent::new(1, 1), Sent::new(1, 2)]).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(1, 3), Sent::new(2, 1)]).await.unwrap();
    store.commit(entry(1, &[Sent::new(1, 1)], &clock)).await.unwrap();
    let (spans_before, runs_before) = (spans(&store).await, runs(&store).await);
    assert_eq!((spans_before.len(), runs_before.len()), (4, 2));
    drop(store);
    for _ in 0..2 {
        let store = open(data.path(), &clock).await;
        assert_eq!(spans(&store).await, spans_before);
        assert_eq!(runs(&store).await, runs_before);
        assert_eq!(store.trace_logs("default", trace_id(1)).await.unwrap().len(), 1);
        assert_eq!(batches(&store, Table::Samples).await.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_comes_back_exactly_as_sent_from_memory_and_from_segments() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let conversation = serde_json::json!([{"role": "user", "content": "x".repeat(300)}, {"role": "assistant", "content": "ü\n\"".repeat(50)}]);
    let sent = [
        Sent::new(1, 1).text("short").text("long ".repeat(200)).text(conversation.to_string()),
        Sent::new(1, 2).text(serde_json::to_string_pretty(&conversation).unwrap()),
    ];
    send(&store, &clock, &sent).await.unwrap();
    for place in ["memory", "a segment", "a compacted segment", "after a restart"] {
        let stored = store.trace("default", trace_id(1)).await.unwrap();
        assert_eq!(stored.len(), 2, "{place}");
        for (stored, sent) in stored.iter().zip(&sent) {
            assert_eq!(stored.raw, sent.raw(), "{place}");
            assert_eq!(*stored.resource, resource());
            assert_eq!(*stored.scope, scope());
            let expected = model::Span { version: 1, ..sent.span(Timestamp::from_nanos(NOON)) };
            assert_eq!(*stored.span, expected);
        }
        assert_eq!(store.trace_narrow("default", trace_id(1)).await.unwrap().len(), 2);
        assert!(store.trace("other", trace_id(1)).await.unwrap().is_empty(), "another project's trace");
        assert!(store.trace("default", trace_id(99)).await.unwrap().is_empty());
        match place {
            "memory" => drop(store.flush().await.unwrap()),
            "a segment" => {
                clock.pass(3 * 24 * 3600 * SECOND);
                for _ in 0..3 {
                    send(&store, &clock, &[Sent::new(7, 1)]).await.unwrap();
                    store.flush().await.unwrap();
                }
                assert!(compact_all(&store).await > 0);
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_replaces_and_never_adds_wherever_the_first_one_is() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let mut version = 0;
    for place in ["nowhere", "memory", "a segment", "two segments", "a compacted segment", "a log that is replayed"] {
        match place {
            "a segment" | "two segments" => drop(store.flush().await.unwrap()),
            "a compacted segment" => {
                store.flush().await.unwrap();
                clock.pass(3 * 24 * 3600 * SECOND);
                assert!(compact_all(&store).await > 0);
            }
            _ => {}
        }
        version += 1;
        let name = format!("after {place}");
        send(&store, &clock, &[Sent::new(1, 1).named(&name)]).await.unwrap();
        let found = spans(&store).await;
        assert_eq!(found.len(), 1, "after {place}: {found:?}");
        assert_eq!((&*found[0].name, found[0].version), (name.as_str(), version));
        let runs = runs(&store).await;
        assert_eq!(runs.len(), 1, "after {place}");
        assert_eq!((&*runs[0].name, runs[0].kinds.total(), runs[0].version), (name.as_str(), 1, version));
        assert_eq!(store.trace("default", trace_id(1)).await.unwrap().len(), 1);
    }
    drop(store);
    let store = open(data.path(), &clock).await;
    assert_eq!(names(&store).await.len(), 1);
    store.flush().await.unwrap();
    assert_eq!(names(&store).await[0].1, "after a log that is replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_start_never_erases_an_end() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    for flushed in [false, true] {
        let trace = 10 + u64::from(flushed);
        send(&store, &clock, &[Sent::new(trace, 1).named("ended")]).await.unwrap();
        if flushed {
            store.flush().await.unwrap();
        }
        send(&store, &clock, &[Sent::new(trace, 1).named("still running").running()]).await.unwrap();
        let stored = store.trace("default", trace_id(trace)).await.unwrap();
        assert_eq!(stored.iter().map(|span| &*span.span.name).collect::<Vec<_>>(), ["ended"], "flushed: {flushed}");
        assert_eq!(names(&store).await.last().unwrap().1, "ended");
        send(&store, &clock, &[Sent::new(trace, 1).named("corrected")]).await.unwrap();
        assert_eq!(&*store.trace("default", trace_id(trace)).await.unwrap()[0].span.name, "corrected");
    }
    store.flush().await.unwrap();
    assert_eq!(
        names(&store).await.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        ["corrected", "corrected"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_while_a_flush_is_under_way_is_seen_once_at_every_moment() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let many: Vec<Sent> = (1..=400).flat_map(|trace| (1..=5).map(move |span| Sent::new(trace, span))).collect();
    send(&store, &clock, &many).await.unwrap();
    let flushing = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                store.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    let mut round = 0;
    while !flushing.is_finished() || round < 5 {
        round += 1;
        let name = format!("round {round}");
        let again: Vec<Sent> = (1..=400).step_by(7).map(|trace| Sent::new(trace, 2).named(&name)).collect();
        send(&store, &clock, &again).await.unwrap();
        let found = names(&store).await;
        assert_eq!(found.len(), 2000, "round {round}");
        assert_eq!(found.iter().filter(|(_, found)| *found == name).count(), again.len(), "round {round}");
        assert_eq!(runs(&store).await.len(), 400);
    }
    flushing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_of_a_hundred_rounds_takes_space_for_its_unique_text() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let mut messages: Vec<serde_json::Value> = Vec::new();
    let (mut sent_bytes, mut unique) = (0, 0);
    let mut words = 1u64;
    let mut sent = Vec::new();
    for round in 1..=100u64 {
        // Text that does not compress by itself.
        let mut text = String::new();
        for _ in 0..100 {
            words = words.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("{:x} ", words >> 20));
        }
        let message = serde_json::json!({"role": if round % 2 == 0 { "assistant" } else { "user" }, "content": text});
        unique += message.to_string().len();
        messages.push(message);
        let all = serde_json::to_string(&messages).unwrap();
        sent_bytes += all.len();
        let span = Sent::new(1, round).text(all);
        send(&store, &clock, std::slice::from_ref(&span)).await.unwrap();
        sent.push(span);
    }
    let stats = store.stats();
    // Each span says it twice, as an attribute and in an event.
    assert!(stats.body_bytes_seen as usize > sent_bytes * 2 * 9 / 10);
    assert!((stats.body_bytes_kept as usize) < unique * 101 / 100, "{} kept of {unique} unique", stats.body_bytes_kept);
    store.flush().await.unwrap();
    let stats = store.stats();
    let disk: u64 = stats.tables.values().map(|table| table.bytes).sum();
    println!("sent {} B, unique {unique} B, on disk {disk} B", sent_bytes * 2);
    assert!((disk as usize) < unique * 3 / 2, "{disk} bytes on disk for {unique} of unique text");
    let stored = store.trace("default", trace_id(1)).await.unwrap();
    for (stored, sent) in stored.iter().zip(&sent) {
        assert_eq!(stored.raw, sent.raw());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_resolved_again_when_a_span_of_it_comes_after_a_flush_or_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut store = open(data.path(), &clock).await;
    for span in 2..=6u64 {
        send(&store, &clock, &[Sent::new(1, span), Sent::new(2, span)]).await.unwrap();
        match span {
            3 => drop(store.flush().await.unwrap()),
            4 => {
                drop(store);
                store = open(data.path(), &clock).await;
            }
            _ => {}
        }
        let runs = runs(&store).await;
        assert_eq!(runs.len(), 2);
        for run in &runs {
            assert_eq!((run.kinds.total(), run.status), (span as u32 - 1, RunStatus::Running));
            assert_eq!(run.usage.input_tokens, Some((2..=span).sum()));
        }
    }
    send(&store, &clock, &[Sent::new(1, 1).named("root")]).await.unwrap();
    store.flush().await.unwrap();
    let runs = runs(&store).await;
    assert_eq!((&*runs[0].name, runs[0].status, runs[1].status), ("root", RunStatus::Ok, RunStatus::Running));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_silent_is_abandoned_by_time_alone_also_from_segments_and_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &[Sent::new(1, 2), Sent::new(2, 1)]).await.unwrap();
    assert!(runs(&store).await.iter().all(|run| run.provisional));
    clock.pass(30 * SECOND);
    let found = runs(&store).await;
    assert_eq!((found[0].provisional, found[1].provisional), (true, false), "a run settles");
    store.flush().await.unwrap();
    drop(store);
    let store = open(data.path(), &clock).await;
    clock.pass(2 * 3600 * SECOND);
    assert_eq!(runs(&store).await[0].status, RunStatus::Abandoned);
    store.flush().await.unwrap();
    let found = runs(&store).await;
    assert_eq!((found.len(), found[0].status), (2, RunStatus::Abandoned));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_settled_unseen_are_resolved_in_portions_and_no_reader_waits_for_them() {
    const RUNS: usize = 2_000;
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let sent: Vec<Sent> = (0..RUNS as u64).map(|trace| Sent::new(trace, 1)).collect();
    send(&store, &clock, &sent).await.unwrap();
    let settled = |runs: Vec<Run>| runs.iter().filter(|run| !run.provisional).count();
    assert_eq!(settled(runs(&store).await), 0);
    store.flush().await.unwrap();
    drop(store);
    let store = open(data.path(), &clock).await;
    clock.pass(30 * SECOND);
    assert_eq!(settled(runs(&store).await), 0, "some of many would make no list right");
    let wanted = tokio::time::timeout(Duration::from_secs(60), store.refresh_wanted()).await;
    assert!(wanted.is_ok(), "what a reader left is not asked for");
    let mut portions = 1;
    while store.refresh().await.unwrap() {
        portions += 1;
    }
    assert!(portions > 2, "{portions}");
    assert_eq!(settled(runs(&store).await), RUNS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_ahead_of_settled_runs_counts_each_span_once_whatever_happens_meanwhile() {
    const RUNS: u64 = 600;
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let sent = |span: u64| -> Vec<Sent> { (0..RUNS).map(|trace| Sent::new(trace, span)).collect() };
    send(&store, &clock, &sent(1)).await.unwrap();
    assert_eq!(runs(&store).await.len(), RUNS as usize);
    store.flush().await.unwrap();
    drop(store);
    let store = open(data.path(), &clock).await;
    clock.pass(30 * SECOND);
    runs(&store).await;
    // Portions beside readers, new spans of the same runs, flushes and compaction.
    let refreshing = async {
        while store.refresh().await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    let others = async {
        for span in 2..6 {
            send(&store, &clock, &sent(span)[..RUNS as usize / 2]).await.unwrap();
            assert_eq!(runs(&store).await.len(), RUNS as usize);
            store.flush().await.unwrap();
            store.compact().await.unwrap();
        }
    };
    tokio::join!(refreshing, others);
    clock.pass(30 * SECOND);
    while store.refresh().await.unwrap() {}
    let found = runs(&store).await;
    assert_eq!(found.len(), RUNS as usize);
    assert!(found.iter().all(|run| !run.provisional));
    let steps = |wanted: u32| found.iter().filter(|run| run.kinds.total() == wanted).count();
    assert_eq!((steps(1), steps(5)), (RUNS as usize / 2, RUNS as usize / 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_the_set_of_rows_while_commits_and_flushes_go_on() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let (writing, mut written) = tokio::sync::watch::channel(());
    let compacting = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut inputs = 0;
            // Until the writer is done and has dropped its end.
            while written.has_changed().is_ok() {
                inputs += store.compact().await.unwrap().inputs;
                let _ = tokio::time::timeout(Duration::from_millis(2), written.changed()).await;
            }
            inputs
        })
    };
    for round in 0..30u64 {
        let mut spans: Vec<Sent> = (0..20).map(|span| Sent::new(round, span + 1).text("t".repeat(300))).collect();
        if round > 0 {
            // And old ones again, in segments that are being merged.
            spans.extend((0..5).map(|span| Sent::new(round / 2, span + 1).named("again")));
        }
        send(&store, &clock, &spans).await.unwrap();
        store.commit(entry(1, &spans[..3], &clock)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(names(&store).await.len() as u64, (round + 1) * 20, "round {round}");
    }
    drop(writing);
    assert!(compacting.await.unwrap() > 20);
    compact_all(&store).await;
    let before = (spans(&store).await, runs(&store).await);
    assert_eq!(before.0.iter().filter(|span| &*span.name == "again").count(), 75);
    let stats = store.stats();
    for (table, figures) in &stats.tables {
        assert!(figures.segments < 8, "{table}: {figures:?}");
    }
    drop(store);
    let store = open(data.path(), &clock).await;
    assert_eq!((spans(&store).await, runs(&store).await), before);
    assert_eq!(store.trace("default", trace_id(3)).await.unwrap()[7].raw, Sent::new(3, 8).text("t".repeat(300)).raw());
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_files_go_after_the_grace_period_and_readers_until_then_still_find_them() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    // As many files of one size as compaction puts together.
    for trace in 0..8 {
        send(&store, &clock, &[Sent::new(trace, 1)]).await.unwrap();
        store.flush().await.unwrap();
    }
    let old = store.snapshot().await.unwrap();
    compact_all(&store).await;
    for segment in &old.table(Table::Spans).segments {
        old.object_store.get_opts(&segment.meta.path, Default::default()).await.unwrap();
    }
    clock.pass(301 * SECOND);
    assert!(store.compact().await.unwrap().removed >= 16, "spans and runs");
    let path = &old.table(Table::Spans).segments[0].meta.path;
    assert!(old.object_store.get_opts(path, Default::default()).await.is_err());
    assert_eq!(names(&store).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_memory_refuses_by_name_and_takes_again_after_a_flush() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_with(Settings { hot_bytes_max: 200_000, ..settings(data.path()) }, &clock).await;
    let mut accepted = 0;
    let refused = loop {
        match send(&store, &clock, &[Sent::new(accepted, 1).text("x".repeat(5000))]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000);
    };
    assert!(matches!(refused, CommitError::Full { limit: LimitName::HotBytesMax, .. }), "{refused}");
    assert!(refused.to_string().contains("hot_bytes_max"));
    assert!(accepted > 10);
    tokio::time::timeout(Duration::from_secs(5), store.flush_wanted()).await.expect("the loop is woken");
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(accepted, 1)]).await.unwrap();
    assert_eq!(names(&store).await.len() as u64, accepted + 1);
    assert_eq!(store.stats().hot_limit_reached, 1);
    // A request larger than all the memory is taken when there is nothing else.
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(5000, 1).text("y".repeat(400_000))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_in_1970_and_2100_keep_their_times_and_make_few_files() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let mut sent: Vec<Sent> = (0..3000i64)
        .map(|at| {
            let start = (at * 86_400 * SECOND * 15).saturating_add(1);
            Sent { start, end: start.saturating_add(1), ..Sent::new(at as u64, 1) }
        })
        .collect();
    sent.push(Sent { start: i64::MIN, end: i64::MAX, ..Sent::new(9999, 1) });
    send(&store, &clock, &sent).await.unwrap();
    store.flush().await.unwrap();
    let stats = store.stats();
    assert!(stats.tables["spans"].segments <= 16, "{:?}", stats.tables["spans"]);
    let found = spans(&store).await;
    assert_eq!(found.len(), sent.len());
    for (found, sent) in found.iter().zip(&sent) {
        assert_eq!((found.start.as_nanos(), found.end.as_nanos()), (sent.start, sent.end));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_with_very_many_environments_has_few_directories_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let sent: Vec<Sent> =
        (0..100).map(|at| Sent { environment: format!("../env {at}/ü"), ..Sent::new(at, 1) }).collect();
    send(&store, &clock, &sent).await.unwrap();
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!(stats.tables["spans"].segments, 65);
    assert!(stats.environments_folded > 0);
    let found = spans(&store).await;
    let environments: std::collections::BTreeSet<_> =
        found.iter().map(|span| span.tenant.environment.to_string()).collect();
    assert_eq!(environments.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_that_the_directory_is_in_use() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let second =
        Store::open(settings(data.path()), clock.clone(), std::sync::Arc::new(CountingResolver), replay()).await;
    let error = second.err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process"));
    drop(store);
    open(data.path(), &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_the_catalog_does_not_know_is_removed_and_a_missing_one_is_named() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    for trace in 0..2 {
        send(&store, &clock, &[Sent::new(trace, 1)]).await.unwrap();
        store.flush().await.unwrap();
    }
    let snapshot = store.snapshot().await.unwrap();
    let paths: Vec<_> = snapshot
        .table(Table::Spans)
        .segments
        .iter()
        .map(|segment| data.path().join(segment.meta.path.as_ref()))
        .collect();
    drop((snapshot, store));
    fetch(data.path()).await;
    let orphan = paths[0].with_file_name("0000000000009999.parquet");
    fs::copy(&paths[0], &orphan).unwrap();
    give_back(data.path()).await;
    fs::write(data.path().join("tmp/half.parquet"), b"half").unwrap();
    let store = open(data.path(), &clock).await;
    fetch(data.path()).await;
    assert!(!orphan.exists() && !data.path().join("tmp/half.parquet").exists());
    let aside: Vec<_> = fs::read_dir(data.path().join("quarantine")).unwrap().collect();
    assert_eq!(aside.len(), 1, "set aside, not destroyed");
    assert_eq!((store.stats().set_aside, names(&store).await.len()), (1, 2));
    drop(store);

    fs::remove_file(&paths[1]).unwrap();
    give_back(data.path()).await;
    let opened =
        Store::open(settings(data.path()), clock.clone(), std::sync::Arc::new(CountingResolver), replay()).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("1 segments") && error.contains(paths[1].file_name().unwrap().to_str().unwrap()), "{error}");
    let store = open_with(Settings { allow_missing_segments: true, ..settings(data.path()) }, &clock).await;
    assert_eq!((store.stats().missing_segments, names(&store).await.len()), (1, 1));
    drop(store);

    fs::remove_file(data.path().join("catalog.db")).unwrap();
    let opened =
        Store::open(settings(data.path()), clock.clone(), std::sync::Arc::new(CountingResolver), replay()).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("tawny store rebuild"), "{error}");
    fetch(data.path()).await;
    assert!(paths[0].exists(), "nothing is touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_record_or_sample_sent_again_adds_nothing_also_after_a_flush() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut store = open(data.path(), &clock).await;
    let sent = [Sent::new(1, 1), Sent::new(1, 2)];
    for round in 0..4 {
        let committed = store.commit(entry(1, &sent, &clock)).await.unwrap();
        assert_eq!(committed.duplicates, if round == 0 { 0 } else { 4 }, "round {round}");
        assert_eq!(store.trace_logs("default", trace_id(1)).await.unwrap().len(), 2);
        let samples: usize = batches(&store, Table::Samples).await.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(samples, 2, "round {round}");
        if round == 1 {
            store.flush().await.unwrap();
        }
        if round == 2 {
            // The repeat is in the log and replayed; the first telling is in a segment.
            drop(store);
            store = open(data.path(), &clock).await;
        }
    }
    let stored = store.trace_logs("default", trace_id(1)).await.unwrap();
    assert_eq!((&*stored[0].log.preview, &*stored[0].raw.severity_text), ("span 1", "INFO"));
    assert_eq!(stored[0].raw.body.as_str(), Some("span 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_share_syncs_and_each_is_told_when_its_own_rows_are_kept() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_with(Settings::new(data.path()), &clock).await;
    let mut changes = store.subscribe();
    let clients: Vec<_> = (0..32u64)
        .map(|client| {
            let (store, clock) = (store.clone(), clock.clone());
            tokio::spawn(async move {
                for span in 1..=10 {
                    send(&store, &clock, &[Sent::new(client, span)]).await.unwrap();
                    assert_eq!(store.trace_narrow("default", trace_id(client)).await.unwrap().len() as u64, span);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.commits, 320);
    assert!(stats.syncs <= 320, "{}", stats.syncs);
    assert_eq!((stats.queue_bytes, stats.log_sequence), (0, 320));
    assert_eq!(&*changes.recv().await.unwrap().project, "default");
    store.close().await;
    let store = open(data.path(), &clock).await;
    assert_eq!((names(&store).await.len(), store.stats().replayed), (320, 320));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_says_so() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    let other = store.clone();
    store.close().await;
    let error = send(&other, &clock, &[Sent::new(1, 1)]).await.unwrap_err();
    assert!(matches!(error, CommitError::Closed), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_files_go_once_their_rows_are_in_segments() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_with(Settings { log_file_bytes: 10_000, ..settings(data.path()) }, &clock).await;
    for trace in 0..50 {
        send(&store, &clock, &[Sent::new(trace, 1).text("z".repeat(2000))]).await.unwrap();
    }
    assert!(store.stats().log_files > 5);
    store.flush().await.unwrap();
    // The commit thread removes them; the next commit comes after.
    send(&store, &clock, &[Sent::new(99, 1)]).await.unwrap();
    assert_eq!(store.stats().log_files, 1);
    assert_eq!(fs::read_dir(data.path().join("wal")).unwrap().count(), 1);
    drop(store);
    let store = open(data.path(), &clock).await;
    assert_eq!((store.stats().replayed, names(&store).await.len()), (1, 51));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_does_not_change() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &[Sent::new(1, 1).named("old")]).await.unwrap();
    let old = store.snapshot().await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1).named("new"), Sent::new(1, 2)]).await.unwrap();
    store.flush().await.unwrap();
    let hot = &old.table(Table::Spans).hot;
    let found = store::rows::spans::narrow_from_batch(&hot[0]).unwrap();
    assert_eq!((found.len(), &*found[0].name, old.table(Table::Spans).segments.len()), (1, "old", 0));
}
