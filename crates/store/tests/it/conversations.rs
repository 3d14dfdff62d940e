//! A conversation whose rounds come in different flushes: kept once, and read exactly, whatever becomes of the files it is in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::common::mortal::MortalDisk;
use crate::common::*;
use model::Value;
use model::raw::RawSpan;
use store::{Clock, Held, Machine, RealThreads, Retention, Settings, Store, StoreError};

const HOUR: i64 = 3_600 * SECOND;

/// A message of `words` words that hardly compress.
fn message(number: u64, words: u64) -> String {
    let mut state = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
    let text: Vec<String> = (0..words)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:x}", state >> 20)
        })
        .collect();
    serde_json::json!({"role": "user", "content": text.join(" ")}).to_string()
}

/// A round: all that was said until then, and one message more.
fn round(number: u64, words: u64, clock: &TestClock) -> Sent {
    let said: Vec<String> = (1..=number).map(|number| message(number, words)).collect();
    let start = clock.now().as_nanos();
    Sent { start, end: start + SECOND, ..Sent::new(1, number) }.text(format!("[{}]", said.join(",")))
}

async fn assert_exact(store: &Store, sent: &[Sent], when: &str) {
    let stored = store.trace("default", trace_id(1)).await.unwrap();
    assert_eq!(stored.len(), sent.len(), "{when}");
    for (stored, sent) in stored.iter().zip(sent) {
        assert!(stored.raw == sent.raw(), "{when}: {} is not what was sent", sent.name);
    }
    let last = sent.last().unwrap();
    let alone = store.span("default", trace_id(1), span_id(last.span)).await.unwrap().unwrap();
    assert!(alone.raw == last.raw(), "{when}: {} alone is not what was sent", last.name);
}

/// Rows of bodies in segments.
fn bodies(store: &Store) -> u64 {
    store.stats().tables["bodies"].sealed_rows
}

#[tokio::test(flavor = "multi_thread")]
async fn flushes_between_the_rounds_cost_no_text_that_is_there_already() {
    const WORDS: u64 = 300;
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut store = open(data.path(), &clock).await;
    let mut sent = Vec::new();
    for number in 1..=100 {
        let span = round(number, WORDS, &clock);
        send(&store, &clock, std::slice::from_ref(&span)).await.unwrap();
        sent.push(span);
        if number % 5 == 0 {
            store.flush().await.unwrap();
        }
        clock.pass(60 * SECOND);
    }
    let unique: usize = (1..=100).map(|number| message(number, WORDS).len()).sum();
    let stats = store.stats();
    assert_eq!(bodies(&store), 100, "each message once");
    assert!((stats.body_bytes_kept as usize) < unique * 101 / 100, "{} of {unique}", stats.body_bytes_kept);
    assert!((stats.tables["bodies"].bytes as usize) < unique * 2, "{:?} for {unique}", stats.tables["bodies"]);
    assert!(stats.known_bodies_bytes > 100 * 16 && stats.known_bodies_let_go == 0);
    assert_exact(&store, &sent, "in twenty segments").await;
    compact_all(&store).await;
    assert_exact(&store, &sent, "merged").await;
    assert!(store.check().await.unwrap().faults.is_empty());

    // A crash with a round in memory whose text is in segments: the log has all of it.
    let span = round(101, WORDS, &clock);
    send(&store, &clock, std::slice::from_ref(&span)).await.unwrap();
    sent.push(span);
    drop(store);
    store = open(data.path(), &clock).await;
    assert_exact(&store, &sent, "after a crash").await;
    // What was known is not known any more: the conversation is kept once more, and then known again.
    for number in 102..=110 {
        let span = round(number, WORDS, &clock);
        send(&store, &clock, std::slice::from_ref(&span)).await.unwrap();
        sent.push(span);
        store.flush().await.unwrap();
    }
    assert!((201..=215).contains(&bodies(&store)), "{} bodies", bodies(&store));
    assert_exact(&store, &sent, "after nine flushes more").await;

    // A day that is over is merged whatever the sizes of its files are, and repeats go.
    clock.pass(5 * 24 * HOUR);
    compact_all(&store).await;
    assert_eq!(bodies(&store), 110);
    let disk: u64 = store.stats().tables.values().map(|table| table.bytes).sum();
    assert!((disk as usize) < unique * 2, "{disk} bytes on disk for {unique} of unique text");
    assert_exact(&store, &sent, "merged into one").await;
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert!(checked.references > 100 * 100, "every reference of every round: {}", checked.references);
    store.close().await;

    let store = open(data.path(), &clock).await;
    store.erase("default", BTreeSet::from([trace_id(1)])).await.unwrap();
    assert!(store.trace("default", trace_id(1)).await.unwrap().is_empty());
    assert!(store.check().await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_stays_for_its_retention_less_the_hours_for_which_it_is_known() {
    // Kept for a day, a text may go six hours before its time. Kept for less, each flush keeps its own.
    for (rules, hours) in [("spans=30d,bodies=1d", 24 - 6), ("spans=30d,bodies=12h", 12)] {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let retention = Retention { default: rules.parse().unwrap(), ..Retention::default() };
        let store = open_with(Settings { retention, ..settings(data.path()) }, &clock).await;
        let mut sent: Vec<Sent> = Vec::new();
        let mut gone = 0;
        for number in 1..=60 {
            let span = round(number, 20, &clock);
            send(&store, &clock, std::slice::from_ref(&span)).await.unwrap();
            sent.push(span);
            store.flush().await.unwrap();
            clock.pass(HOUR);
            while store.expire(Held::default()).await.unwrap().stripped > 0 {}
            store.compact().await.unwrap();
            let stored = store.trace("default", trace_id(1)).await.unwrap();
            assert_eq!(stored.len(), sent.len());
            gone = 0;
            for (stored, sent) in stored.iter().zip(&sent) {
                let age = (clock.now().as_nanos() - sent.start) / HOUR;
                let text = stored.raw.attributes.get("text.0");
                match text {
                    Some(Value::Null) => gone += 1,
                    text => assert_eq!(text.and_then(Value::as_str), Some(sent.texts[0].as_str()), "{rules}"),
                }
                assert!(age >= hours || text != Some(&Value::Null), "{rules}: gone after {age} hours");
            }
        }
        assert!(gone > 10, "{rules}: {gone} texts went");
        let checked = store.check().await.unwrap();
        assert!(checked.faults.is_empty(), "{rules}: {:?}", checked.faults);
    }
}

async fn open_on(disk: &MortalDisk, data: &Path, clock: &Arc<TestClock>) -> Result<Store, StoreError> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let settings = Settings { log_file_bytes: 3000, ..Settings::new(data) };
    let machine = Machine { disk: Arc::new(disk.clone()), threads: Arc::new(RealThreads), clock };
    Store::open_on(machine, settings, Arc::new(CountingResolver), replay()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_no_round_relies_on_a_text_that_is_not_there() {
    let mut operations = 8;
    let mut finished = false;
    while !finished {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let disk = MortalDisk::new(operations);
        let mut acknowledged: Vec<Sent> = Vec::new();
        if let Ok(store) = open_on(&disk, data.path(), &clock).await {
            for number in 1..=12 {
                let span = round(number, 20, &clock);
                if send(&store, &clock, std::slice::from_ref(&span)).await.is_ok() {
                    acknowledged.push(span);
                }
                if number % 2 == 0 {
                    let _ = store.flush().await;
                }
                clock.pass(60 * SECOND);
            }
        }
        finished = disk.left.load(Ordering::SeqCst) > 0;
        disk.lose_unsynced(operations as u64 * 7919);

        for place in ["the log", "segments"] {
            let store = open(data.path(), &clock).await;
            let stored = store.trace("default", trace_id(1)).await.unwrap();
            for sent in &acknowledged {
                let found: Option<&RawSpan<'_>> =
                    stored.iter().map(|stored| &stored.raw).find(|raw| raw.span_id == span_id(sent.span));
                assert!(found == Some(&sent.raw()), "killed after {operations}, {place}: {} is not there", sent.name);
            }
            store.flush().await.unwrap();
            let checked = store.check().await.unwrap();
            assert!(checked.faults.is_empty(), "killed after {operations}, {place}: {:?}", checked.faults);
            store.close().await;
        }
        operations += 3;
        assert!(operations < 3000);
    }
}
