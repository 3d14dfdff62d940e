//! Large files are put one behind the other; what readers see, and what a later merge makes of them, is the same.

use std::time::Duration;

use crate::common::*;
use store::{Settings, Store, Table};

/// Flushes that make files of one size: as many as compaction puts together.
const FILES: u64 = 8;
/// Spans a flush.
const SPANS: u64 = 1200;
/// Traces, each of which has spans in every file.
const TRACES: u64 = 40;

/// Text that hardly compresses, different for every seed.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[(state >> 58) as usize])
    };
    std::iter::repeat_with(letter).take(240).collect()
}

fn spans_of_file(file: u64, name: &str) -> Vec<Sent> {
    let numbers = 1 + file * SPANS..1 + (file + 1) * SPANS;
    let span = |number| Sent::new(number % TRACES, number).named(name).text(noise(number)).text(noise(!number));
    numbers.map(span).collect()
}

/// Row groups at which sorted runs begin in the only segment of spans.
async fn runs_of_the_file(store: &Store) -> Vec<u64> {
    let snapshot = store.snapshot().await.unwrap();
    let [segment] = snapshot.table(Table::Spans).segments.as_slice() else { panic!("one segment") };
    let file = snapshot.object_store.get_opts(&segment.meta.path, Default::default()).await.unwrap();
    let bytes = file.bytes().await.unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let about = about.iter().find(|about| about.key == "tawny.segment").unwrap();
    let about: serde_json::Value = serde_json::from_str(about.value.as_deref().unwrap()).unwrap();
    about["runs"].as_array().unwrap().iter().map(|start| start.as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_are_copied_and_later_sorted_without_a_span_lost_or_twice() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let settings = Settings { grace: Duration::ZERO, ..settings(data.path()) };
    let store = open_with(settings, &clock).await;
    for file in 0..FILES {
        send(&store, &clock, &spans_of_file(file, "first")).await.unwrap();
        store.flush().await.unwrap();
    }
    assert!(compact_all(&store).await > 0);
    assert_eq!(runs_of_the_file(&store).await.len() as u64, FILES);
    assert_trace(&store, 7, "first").await;

    // Half of the spans come again: the file is written anew, sorted throughout.
    for file in 0..FILES / 2 {
        send(&store, &clock, &spans_of_file(file, "again")).await.unwrap();
    }
    store.flush().await.unwrap();
    assert!(compact_all(&store).await > 0);
    let stats = store.stats().tables["spans"];
    assert_eq!((stats.sealed_rows, stats.replaced_rows), (FILES * SPANS, 0));
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.table(Table::Spans).segments.len(), 2);
    assert_trace(&store, 7, "again").await;
    let names = names(&store).await;
    assert_eq!(names.len() as u64, FILES * SPANS);
    assert_eq!(names.iter().filter(|(_, name)| name == "again").count() as u64, FILES * SPANS / 2);
}

/// Every span of a trace is there once, in order, as sent; those of the first half of the files with that name.
async fn assert_trace(store: &Store, trace: u64, name: &str) {
    let stored = store.trace("default", trace_id(trace)).await.unwrap();
    let sent = (0..FILES).flat_map(|file| spans_of_file(file, if file < FILES / 2 { name } else { "first" }));
    let sent: Vec<_> = sent.filter(|sent| sent.trace == trace).map(|sent| sent.raw()).collect();
    assert_eq!(stored.len(), sent.len());
    assert!(stored.iter().map(|stored| &stored.raw).eq(&sent));
}
