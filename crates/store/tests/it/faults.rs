//! A disk that stops at any moment, or rots: what was acknowledged stays, and the rest goes on.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::common::mortal::{MortalDisk, open_on};
use crate::common::*;
use store::{CommitError, Counts, RunResolver, Settings, Store, StoreError, Table};

/// A store that reads what is in its directory or bucket, and no copy of it.
async fn open(data: &Path, clock: &Arc<TestClock>) -> Store {
    open_with(Settings { cache_bytes_max: 0, ..settings(data) }, clock).await
}

/// Commits, flushes and compacts until the disk stops; gives back what was acknowledged, and what was only tried.
async fn work(store: &Store, clock: &TestClock) -> (Vec<Sent>, Vec<Sent>) {
    let (mut acknowledged, mut tried) = (Vec::new(), Vec::new());
    for round in 0..12u64 {
        let spans = [
            Sent::new(round, 1).named(&format!("{round}")).text("m".repeat(300)),
            Sent::new(round / 2, 2).named(&format!("again {round}")),
        ];
        match send(store, clock, &spans).await {
            Ok(_) => acknowledged.extend(spans),
            Err(_) => tried.extend(spans),
        }
        if round % 2 == 1 {
            let _ = store.flush().await;
        }
        if round % 5 == 4 {
            clock.pass(3 * 24 * 3600 * SECOND);
            let _ = store.compact().await;
        }
    }
    (acknowledged, tried)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_killed_at_every_third_step_has_all_that_was_acknowledged_once() {
    let step = if over_bucket() { 29 } else { 3 };
    let mut operations = 8;
    let mut finished = false;
    while !finished {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let disk = MortalDisk::new(operations);
        let (mut acknowledged, mut tried) = (Vec::new(), Vec::new());
        if let Ok(store) = open_on(&disk, data.path(), &clock).await {
            (acknowledged, tried) = work(&store, &clock).await;
            drop(store);
        }
        finished = disk.left.load(Ordering::SeqCst) > 0;
        disk.lose_unsynced(operations as u64 * 7919);

        let store = open(data.path(), &clock).await;
        let found: HashMap<String, String> = names(&store).await.into_iter().collect();
        assert_eq!(found.len(), names(&store).await.len(), "killed after {operations}: a span is there twice");
        for sent in &acknowledged {
            let id = format!("{}/{}", trace_id(sent.trace), span_id(sent.span));
            let name = found.get(&id).unwrap_or_else(|| panic!("killed after {operations}: {id} is lost"));
            // A later form may have been kept although nobody was told.
            let last = acknowledged.iter().rfind(|other| (other.trace, other.span) == (sent.trace, sent.span)).unwrap();
            let later =
                tried.iter().any(|other| (other.trace, other.span, &other.name) == (sent.trace, sent.span, name));
            assert!(*name == last.name || later, "killed after {operations}: {id} is {name}, not {}", last.name);
            if sent.span == 1 {
                let stored = store.trace("default", trace_id(sent.trace)).await.unwrap();
                assert_eq!(stored[0].raw, sent.raw(), "killed after {operations}");
            }
        }
        for id in found.keys() {
            let known = acknowledged
                .iter()
                .chain(&tried)
                .any(|sent| *id == format!("{}/{}", trace_id(sent.trace), span_id(sent.span)));
            assert!(known, "killed after {operations}: {id} was never sent");
        }
        operations += step;
        assert!(operations < 2000);
    }
    println!("killed at one in {step} of {operations} operations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_refuses_and_takes_again() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let disk = MortalDisk::new(i64::MAX);
    let store = open_on(&disk, data.path(), &clock).await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1)]).await.unwrap();
    disk.left.store(0, Ordering::SeqCst);
    let error = send(&store, &clock, &[Sent::new(2, 1)]).await.unwrap_err();
    assert!(matches!(error, CommitError::Io(_)), "{error}");
    assert_eq!(names(&store).await.len(), 1, "what was refused is not visible");
    disk.left.store(i64::MAX, Ordering::SeqCst);
    send(&store, &clock, &[Sent::new(3, 1)]).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.log_failures, stats.queue_bytes), (1, 0));
    assert_eq!(names(&store).await.len(), 2);
}

/// A file of the same length with nothing in it.
fn rot(path: &Path) {
    fs::write(path, vec![0x55; fs::metadata(path).unwrap().len() as usize]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_rots_costs_its_own_rows_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    for trace in 0..5 {
        send(&store, &clock, &[Sent::new(trace, 1)]).await.unwrap();
        store.flush().await.unwrap();
    }
    let snapshot = store.snapshot().await.unwrap();
    let bad = data.path().join(snapshot.table(Table::Spans).segments[0].meta.path.as_ref());
    drop((snapshot, store));
    fetch(data.path()).await;
    rot(&bad);
    give_back(data.path()).await;

    let store = open(data.path(), &clock).await;
    // A repeat of a span in the bad file, and others.
    send(&store, &clock, &[Sent::new(0, 1), Sent::new(1, 1).named("again"), Sent::new(9, 1)]).await.unwrap();
    store.snapshot().await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(&*store.trace("default", trace_id(1)).await.unwrap()[0].span.name, "again");
    let error = store.trace("default", trace_id(0)).await.unwrap_err().to_string();
    let name = bad.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name), "{error}");
    assert!(store.damage().len() == 1 && store.damage()[0].contains(name), "{:?}", store.damage());
    clock.pass(3 * 24 * 3600 * SECOND);
    while store.compact().await.unwrap().inputs > 0 {}
    let stats = store.stats();
    assert_eq!((stats.unreadable_segments, stats.tables["spans"].segments), (1, 2));
    assert_eq!(store.trace("default", trace_id(4)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_damaged_in_the_middle_loses_that_request_only_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    for trace in 0..3 {
        send(&store, &clock, &[Sent::new(trace, 1).named(&format!("unique-{trace}"))]).await.unwrap();
    }
    drop(store);
    let log = fs::read_dir(data.path().join("wal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(8).position(|part| part == b"unique-1").unwrap();
    bytes[at] = b'X';
    fs::write(&log, bytes).unwrap();
    let store = open(data.path(), &clock).await;
    let found: Vec<String> = names(&store).await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["unique-0", "unique-2"]);
    assert_eq!(store.stats().log_damaged, 1);
    assert!(store.damage()[0].contains("quarantine"), "{:?}", store.damage());
    assert_eq!(fs::read_dir(data.path().join("quarantine")).unwrap().count(), 1);
}

/// Files of a table, oldest first.
async fn files_of(store: &Store, data: &Path, table: Table) -> Vec<PathBuf> {
    let snapshot = store.snapshot().await.unwrap();
    snapshot.table(table).segments.iter().map(|segment| data.join(segment.meta.path.as_ref())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_whose_file_rots_or_goes_away_are_resolved_again_from_their_spans() {
    for loss in ["rots", "goes away"] {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let store = open(data.path(), &clock).await;
        for trace in 0..4 {
            send(&store, &clock, &[Sent::new(trace, 1), Sent::new(trace, 2)]).await.unwrap();
            if trace == 1 {
                clock.pass(60 * SECOND);
            }
            store.flush().await.unwrap();
        }
        let before = runs(&store).await;
        let files = files_of(&store, data.path(), Table::Runs).await;
        drop(store);
        fetch(data.path()).await;
        for bad in &files[..2] {
            match loss {
                "rots" => rot(bad),
                _ => fs::remove_file(bad).unwrap(),
            }
        }
        give_back(data.path()).await;
        for start in ["the first", "the second"] {
            let store = open(data.path(), &clock).await;
            let after = runs(&store).await;
            let told =
                |runs: &[model::Run]| runs.iter().map(|run| (run.trace_id, run.kinds.total())).collect::<Vec<_>>();
            assert_eq!(told(&after), told(&before), "{loss}, {start} start");
        }
        fetch(data.path()).await;
        let aside = fs::read_dir(data.path().join("quarantine")).map_or(0, Iterator::count);
        assert_eq!(aside, if loss == "rots" { 2 } else { 0 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_spans_are_lost_is_no_longer_listed_and_one_that_keeps_some_counts_them() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    send(&store, &clock, &[Sent::new(1, 1), Sent::new(2, 1), Sent::new(2, 2)]).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &[Sent::new(2, 3), Sent::new(3, 1)]).await.unwrap();
    store.flush().await.unwrap();
    let lost = files_of(&store, data.path(), Table::Spans).await.remove(0);
    drop(store);
    fetch(data.path()).await;
    fs::remove_file(lost).unwrap();
    give_back(data.path()).await;
    for allow_missing_segments in [true, false] {
        let store = open_with(Settings { allow_missing_segments, ..settings(data.path()) }, &clock).await;
        let listed: Vec<_> = runs(&store).await.iter().map(|run| (run.trace_id, run.kinds.total())).collect();
        assert_eq!(listed, [(trace_id(2), 1), (trace_id(3), 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_program_wrote_is_refused_with_a_sentence_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    drop(open(data.path(), &clock).await);
    let catalog = data.path().join("catalog.db");
    rusqlite::Connection::open(&catalog).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&catalog).unwrap();
    let opened = Store::open(settings(data.path()), clock.clone(), Arc::new(CountingResolver), replay()).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("use a newer Tawny"), "{error}");
    assert_eq!(fs::read(&catalog).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_sort_that_is_not_known_is_left_to_the_program_that_wrote_it() {
    fn older(tag: u32) -> bool {
        tag < 2
    }
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    for tag in [0, 1, 2] {
        store.commit(entry(tag, &[Sent::new((tag + 1).into(), 1)], &clock)).await.unwrap();
    }
    drop(store);
    // An end that replaying would cut off.
    let wal = || {
        let mut files: Vec<PathBuf> =
            fs::read_dir(data.path().join("wal")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    let (mut torn, last) = wal().pop().unwrap();
    torn.extend_from_slice(&[7; 30]);
    fs::write(&last, &torn).unwrap();
    let before = wal();
    for _ in 0..2 {
        let settings = Settings { reads: Some(older), ..settings(data.path()) };
        let opened = Store::open(settings, clock.clone(), Arc::new(CountingResolver), replay()).await;
        let error = opened.err().unwrap();
        assert!(matches!(error, StoreError::UnknownTag { tag: 2, .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("0x00000002") && words.contains("newer Tawny"), "{words}");
        assert_eq!(wal(), before);
        assert!(!data.path().join("quarantine").exists());
    }
    let store = open(data.path(), &clock).await;
    // The second is a log record.
    assert_eq!(spans(&store).await.len(), 2);
    store.flush().await.unwrap();
    drop(store);
    // What is in segments is not read from the log any more.
    let store = open_with(Settings { reads: Some(older), ..settings(data.path()) }, &clock).await;
    assert_eq!(spans(&store).await.len(), 2);
}

/// Two tellings of one call: the first counts.
struct FirstCounts;

impl RunResolver for FirstCounts {
    fn resolve(&self, spans: &[Arc<model::Span>], now: model::Timestamp) -> Option<model::Run> {
        CountingResolver.resolve(spans, now)
    }

    fn same_call(&self, _: &model::Span, _: &model::Span) -> Option<Counts> {
        Some(Counts::First)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_told_in_two_traces_counts_once_also_when_a_flush_and_a_restart_lie_between() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let open = || Store::open(settings(data.path()), clock.clone(), Arc::new(FirstCounts), replay());
    let call = |trace| Sent { response: Some("resp-1".into()), ..Sent::new(trace, 2) };
    let store = open().await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1), call(1)]).await.unwrap();
    store.flush().await.unwrap();
    drop(store);
    let store = open().await.unwrap();
    send(&store, &clock, &[Sent::new(2, 1), call(2)]).await.unwrap();
    let told: Vec<_> = spans(&store).await.into_iter().map(|span| (span.trace_id, span.told_in)).collect();
    let first = (trace_id(1), None);
    assert_eq!(told, [first, first, (trace_id(2), None), (trace_id(2), Some(trace_id(1)))]);
}
