//! Directories that earlier versions wrote, one folder a version below `fixtures/`: today's program reads them all.
//!
//! A folder is written once, by the last program of its version, and never again:
//! `TAWNY_WRITE_FIXTURE=crates/store/tests/fixtures/vN cargo test -p store --test it what_an_earlier_version`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::*;
use model::{RunStatus, Timestamp, TraceId};
use store::{Needle, Store, Table};

/// What every fixture holds: in segments, some of it replaced by later segments, and in the log.
async fn fill(data: &Path) {
    let clock = TestClock::new();
    let store = open(data, &clock).await;
    send(&store, &clock, &first()).await.unwrap();
    store.commit(entry(1, &first()[..2], &clock)).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &second()).await.unwrap();
    store.flush().await.unwrap();
    send(&store, &clock, &logged()).await.unwrap();
    store.commit(entry(1, &logged(), &clock)).await.unwrap();
    store.close().await;
}

fn conversation(words: &str) -> String {
    serde_json::json!([
        {"role": "system", "content": "Answer in one sentence. ".repeat(20)},
        {"role": "user", "content": words.repeat(30)},
    ])
    .to_string()
}

fn first() -> Vec<Sent> {
    vec![
        Sent::new(1, 1).text("short"),
        Sent::new(1, 2).text(conversation("Where is my parcel? ")),
        Sent::new(2, 1).named("a run of one step").text("long ".repeat(200)),
        Sent { environment: "prod/eu ü".into(), ..Sent::new(3, 2).running() },
    ]
}

/// One span again, and one more of a trace that is in a segment.
fn second() -> Vec<Sent> {
    vec![Sent::new(1, 2).named("again").text(conversation("Where is my other parcel? ")), Sent::new(1, 3)]
}

fn logged() -> Vec<Sent> {
    vec![Sent::new(4, 1).named("in the log").text(conversation("Thank you. "))]
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "the fixtures are gone");
    folders
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { _ = fs::copy(entry.path(), target).unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_wrote_is_read_flushed_and_merged() {
    if let Some(folder) = std::env::var_os("TAWNY_WRITE_FIXTURE") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fill(&folder).await;
        for left in ["lock", "tmp", "catalog.db-wal", "catalog.db-shm"] {
            let _ = fs::remove_file(folder.join(left)).or_else(|_| fs::remove_dir(folder.join(left)));
        }
    }
    for folder in folders() {
        let version = folder.file_name().unwrap().to_string_lossy().into_owned();
        let data = tempfile::tempdir().unwrap();
        copy(&folder, data.path());
        let clock = TestClock::new();
        let store = open(data.path(), &clock).await;
        assert_eq!(store.stats().replayed, 2, "{version}: the log is read");
        for place in ["as written", "flushed", "merged"] {
            let mut expected: Vec<Sent> = first();
            expected[1] = second()[0].clone();
            expected.extend([second()[1].clone(), logged()[0].clone()]);
            expected.sort_by_key(|sent| (sent.trace, sent.span));
            let mut found = spans(&store).await;
            found.sort_by_key(|span| (span.trace_id, span.span_id));
            assert_eq!(found.len(), expected.len(), "{version} {place}");
            for (span, sent) in found.iter().zip(&expected) {
                assert_eq!((&*span.name, &*span.tenant.environment), (sent.name.as_str(), sent.environment.as_str()));
                let stored = store.trace("default", trace_id(sent.trace)).await.unwrap();
                let stored = stored.iter().find(|stored| stored.span.span_id == span.span_id).unwrap();
                assert_eq!(stored.raw, sent.raw(), "{version} {place}");
            }
            let runs = runs(&store).await;
            let states: Vec<_> = runs.iter().map(|run| (&*run.name, run.status, run.kinds.total())).collect();
            let expected = [
                ("span 1", RunStatus::Ok, 3),
                ("a run of one step", RunStatus::Ok, 1),
                ("in the log", RunStatus::Ok, 1),
                ("span 2", RunStatus::Running, 1),
            ];
            assert_eq!(states, expected, "{version} {place}");
            assert_eq!(store.trace_logs("default", trace_id(1)).await.unwrap().len(), 2, "{version} {place}");
            assert_eq!(store.trace_logs("default", trace_id(4)).await.unwrap().len(), 1, "{version} {place}");
            let samples: usize = batches(&store, Table::Samples).await.iter().map(|batch| batch.num_rows()).sum();
            assert_eq!(samples, 3, "{version} {place}");
            match place {
                "as written" => drop(store.flush().await.unwrap()),
                "flushed" => drop(compact_all(&store).await),
                _ => {}
            }
        }
    }
}

/// Traces that say something, and how many blocks the indexes of text ruled out.
async fn saying(store: &Store, words: &str) -> (BTreeSet<TraceId>, usize) {
    let snapshot = store.snapshot().await.unwrap();
    let (from, until) = (Timestamp::from_nanos(i64::MIN), Timestamp::from_nanos(i64::MAX));
    let mut scan = snapshot.search("default", Needle::new(words).unwrap(), from, until).await.unwrap();
    let (_, skipped) = scan.blocks();
    let mut found = BTreeSet::new();
    while let Some(hits) = scan.next().await.unwrap() {
        found.extend(hits.into_iter().map(|hit| hit.trace_id));
    }
    (found, skipped)
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_in_files_of_an_earlier_version_are_found_by_their_indexes() {
    for folder in folders() {
        let version = folder.file_name().unwrap().to_string_lossy().into_owned();
        let data = tempfile::tempdir().unwrap();
        copy(&folder, data.path());
        let clock = TestClock::new();
        let store = open(data.path(), &clock).await;
        for place in ["as written", "flushed", "merged"] {
            // In files, one of them written later, in the log, and nowhere.
            for (words, trace) in
                [("long LONG", Some(2)), ("my other parcel", Some(1)), ("thank you", Some(4)), ("zebra crossing", None)]
            {
                let (found, skipped) = saying(&store, words).await;
                let expected: BTreeSet<TraceId> = trace.map(trace_id).into_iter().collect();
                assert_eq!(found, expected, "{version} {place}: {words}");
                if place == "as written" && trace.is_none() {
                    // Files of the first version have no index and are looked through.
                    assert_eq!(skipped > 0, version != "v1", "{version}: {skipped} blocks were ruled out");
                }
            }
            match place {
                "as written" => drop(store.flush().await.unwrap()),
                "flushed" => drop(compact_all(&store).await),
                _ => {}
            }
        }
    }
}

/// The only file of spans of the environment `default`: version and columns.
async fn file_of_spans(store: &store::Store) -> (u64, Vec<String>) {
    let snapshot = store.snapshot().await.unwrap();
    let segments = &snapshot.table(Table::Spans).segments;
    let mut own = segments.iter().filter(|segment| segment.meta.environment.as_deref() == Some("default"));
    let segment = own.next().unwrap();
    assert!(own.next().is_none(), "one file");
    let file = snapshot.object_store.get_opts(&segment.meta.path, Default::default()).await.unwrap();
    let bytes = file.bytes().await.unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let about = about.iter().find(|about| about.key == "tawny.segment").unwrap();
    let about: serde_json::Value = serde_json::from_str(about.value.as_deref().unwrap()).unwrap();
    let names = reader.schema().fields().iter().map(|field| field.name().clone());
    (about["format"].as_u64().unwrap(), names.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_an_earlier_version_and_of_todays_are_merged_into_one_of_todays() {
    for folder in folders() {
        let version = folder.file_name().unwrap().to_string_lossy().into_owned();
        let data = tempfile::tempdir().unwrap();
        copy(&folder, data.path());
        let clock = TestClock::new();
        let store = open(data.path(), &clock).await;
        let mut expected: Vec<Sent> = first();
        expected[1] = second()[0].clone();
        expected.extend([second()[1].clone(), logged()[0].clone()]);
        for number in 0..8 {
            let response = Some(format!("resp-{number}"));
            let sent = Sent { response, ..Sent::new(1, 10 + number).text(conversation("And now? ")) };
            send(&store, &clock, std::slice::from_ref(&sent)).await.unwrap();
            store.flush().await.unwrap();
            expected.push(sent);
        }
        assert!(compact_all(&store).await > 0, "{version}");
        let (format, columns) = file_of_spans(&store).await;
        assert_eq!(format, 3, "{version}");
        assert!(columns.iter().any(|name| name == "attributes_in_columns"), "{version}: {columns:?}");
        assert!(columns.iter().all(|name| name != "duration_ms"), "{version}: {columns:?}");
        assert_eq!(spans(&store).await.len(), expected.len(), "{version}");
        for sent in &expected {
            let stored = store.trace("default", trace_id(sent.trace)).await.unwrap();
            let stored = stored.iter().find(|stored| stored.span.span_id == span_id(sent.span)).unwrap();
            assert_eq!(stored.raw, sent.raw(), "{version}");
        }
        let checked = store.check().await.unwrap();
        assert!(checked.faults.is_empty(), "{version}: {:?}", checked.faults);
    }
}
