//! Retention: what goes, what stays, and that content leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::common::mortal::MortalDisk;
use crate::common::*;
use arrow::array::AsArray;
use model::{Run, Span, Timestamp};
use store::{Layer, LogEntry, Machine, RealThreads, Retention, Rows, RunResolver, Settings, Store, StoreError, Table};

const DAY: i64 = 86_400 * SECOND;

/// As the tests' own, and `text.0` is content.
struct Reader;

impl RunResolver for Reader {
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run> {
        let run = CountingResolver.resolve(spans, now)?;
        Some(Run { input_preview: spans.iter().find_map(|span| span.input_preview.clone()), ..run })
    }
    fn is_content(&self, key: &str) -> bool {
        key == "text.0"
    }
    fn is_content_event(&self, name: &str) -> bool {
        name.starts_with("said.")
    }
}

/// Spans with a preview of their first text, and for tag 1 a log record that says it and one that does not.
fn rows(tag: u32, received: Timestamp, payload: &[u8]) -> Rows {
    if tag == 1 {
        return decode(1, received, payload);
    }
    let sent: Vec<Sent> = serde_json::from_slice(payload).unwrap();
    let mut rows = Rows::new();
    for sent in &sent {
        let mut span = sent.span(received);
        span.input_preview = sent.texts.first().map(|text| text.chars().take(20).collect::<String>().into());
        rows.push_span(span, &sent.raw(), &resource(), &scope());
        if let Some(text) = sent.texts.first() {
            for (id, name, body) in [(1u128, "said.user", text.as_str()), (2, "counted", "2 words")] {
                let (log, raw) = record(sent, received, id, name, text, body);
                rows.push_log(log, &raw, &resource(), &scope());
            }
        }
    }
    rows
}

fn record(
    sent: &Sent,
    received: Timestamp,
    id: u128,
    name: &str,
    text: &str,
    body: &str,
) -> (model::Log, model::raw::RawLog<'static>) {
    let span = sent.span(received);
    let raw = model::raw::RawLog {
        time: span.start,
        event_name: name.to_owned().into(),
        body: model::Value::Str(body.to_owned().into()),
        attributes: model::Attributes(vec![("text.0".into(), model::Value::Str(text.to_owned().into()))]),
        trace_id: Some(span.trace_id),
        ..model::raw::RawLog::default()
    };
    let log = model::Log {
        tenant: span.tenant.clone(),
        id: (id + 1000) << 64 | u128::from(sent.trace),
        version: 0,
        time: span.start,
        received,
        severity: 9,
        severity_text: "INFO".into(),
        event_name: Some(name.into()),
        service: None,
        trace_id: Some(span.trace_id),
        span_id: None,
        preview: body.into(),
    };
    (log, raw)
}

fn retention(text: &str) -> Retention {
    Retention { default: text.parse().unwrap(), ..Retention::default() }
}

async fn open_reading(data: &std::path::Path, rules: &str, clock: &Arc<TestClock>) -> Store {
    open_reading_on(&MortalDisk::new(i64::MAX), data, rules, clock).await
}

async fn open_reading_on(disk: &MortalDisk, data: &std::path::Path, rules: &str, clock: &Arc<TestClock>) -> Store {
    let settings = Settings { retention: retention(rules), ..settings(data) };
    let replay = Arc::new(|entry: &LogEntry| rows(entry.tag, entry.received, &entry.payload));
    let machine =
        Machine { disk: Arc::new(disk.clone()), threads: Arc::new(RealThreads), clock: Arc::clone(clock) as _ };
    Store::open_on(machine, settings, Arc::new(Reader), replay).await.unwrap()
}

async fn commit(store: &Store, clock: &TestClock, sent: &[Sent]) {
    let (payload, received) = (payload(sent), Timestamp::from_nanos(now(clock)));
    let entry =
        store::Entry { tag: 0, project: "default".into(), received, rows: rows(0, received, &payload), payload };
    store.commit(entry).await.unwrap();
}

fn now(clock: &TestClock) -> i64 {
    store::Clock::now(clock).as_nanos()
}

fn at(trace: u64, span: u64, start: i64) -> Sent {
    Sent { start, end: start + SECOND, ..Sent::new(trace, span) }
}

async fn expire_all(store: &Store) -> (u64, u64) {
    let (mut removed, mut stripped) = (0, 0);
    for _ in 0..100 {
        let expired = store.expire(store::Held::default()).await.unwrap();
        removed += expired.removed;
        stripped += expired.stripped;
        if expired.stripped == 0 {
            return (removed, stripped);
        }
    }
    panic!("retention does not come to an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_goes_in_its_time_and_what_is_newer_stays() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_reading(data.path(), "spans=30d,logs=10d,samples=20d", &clock).await;
    for day in 0..3 {
        commit(&store, &clock, &[at(day, 1, now(&clock)).text("said")]).await;
        store.commit(entry(1, &[at(day, 1, now(&clock))], &clock)).await.unwrap();
        // Somebody looks: the run of the day before has settled, which is written with the rest.
        runs(&store).await;
        store.flush().await.unwrap();
        clock.pass(5 * DAY);
    }
    // Day 15: the logs of day 0 are 15 days old, of day 5 ten, of day 10 five.
    assert_eq!(expire_all(&store).await.0, 2);
    let counts = async |table| batches(&store, table).await.iter().map(|batch| batch.num_rows()).sum::<usize>();
    assert_eq!((counts(Table::Logs).await, counts(Table::Samples).await, names(&store).await.len()), (3, 3, 3));
    clock.pass(6 * DAY);
    expire_all(&store).await;
    assert_eq!((counts(Table::Logs).await, counts(Table::Samples).await, names(&store).await.len()), (0, 2, 3));
    clock.pass(15 * DAY);
    expire_all(&store).await;
    // Day 36: spans of day 0 and 5 are gone, with their runs.
    assert_eq!((names(&store).await.len(), runs(&store).await.len(), counts(Table::Samples).await), (1, 1, 0));
    let dropped = store.dropped();
    assert!(dropped[&("default".to_owned(), Layer::Spans)].segments >= 4, "spans and runs of two days: {dropped:?}");
    let next =
        store.report().unwrap().retention.into_iter().find(|one| one.layer == Layer::Spans).unwrap().next.unwrap();
    assert_eq!((next.at.as_nanos(), next.segments), (NOON + 40 * DAY, 2));
    clock.pass(301 * SECOND);
    store.compact().await.unwrap();
    assert!(store.check().await.unwrap().faults.is_empty());
    drop(store);
    let store = open_reading(data.path(), "spans=30d,logs=10d,samples=20d", &clock).await;
    assert_eq!((names(&store).await.len(), store.dropped()), (1, dropped), "also after a restart, counted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_outlive_the_log_records_they_came_with_or_go_before_them() {
    for (rules, left) in [("logs=5d,scores=20d", ["gen_ai.evaluation.result"]), ("logs=20d,scores=5d", ["counted"])] {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let store = open_reading(data.path(), rules, &clock).await;
        let times = [now(&clock), now(&clock) + SECOND];
        for start in times {
            let sent = at(1, 1, start);
            let received = Timestamp::from_nanos(now(&clock));
            let mut kept = Rows::new();
            for (id, name) in [(1_u128, "counted"), (2, "gen_ai.evaluation.result")] {
                let (log, raw) = record(&sent, received, id + start.unsigned_abs() as u128, name, "good", "good");
                kept.push_log(log, &raw, &resource(), &scope());
            }
            let payload = payload(&[sent]);
            let entry = store::Entry { tag: 0, project: "default".into(), received, rows: kept, payload };
            store.commit(entry).await.unwrap();
            store.flush().await.unwrap();
        }
        // Merged with their like only.
        clock.pass(3 * DAY);
        compact_all(&store).await;
        let names = async || -> Vec<String> {
            let logs = store.trace_logs("default", trace_id(1)).await.unwrap();
            let mut names: Vec<String> = logs.iter().map(|log| log.raw.event_name.to_string()).collect();
            names.sort();
            names.dedup();
            names
        };
        assert_eq!(names().await, ["counted", "gen_ai.evaluation.result"]);
        clock.pass(7 * DAY);
        expire_all(&store).await;
        assert_eq!(names().await, left, "{rules}");
        clock.pass(301 * SECOND);
        store.compact().await.unwrap();
        assert!(store.check().await.unwrap().faults.is_empty());
        drop(store);
        let store = open_reading(data.path(), rules, &clock).await;
        let logs = store.trace_logs("default", trace_id(1)).await.unwrap();
        assert!(logs.iter().all(|log| log.raw.event_name == left[0]), "also after a restart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_leaves_nothing_behind_and_structure_outlives_it() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_reading(data.path(), "spans=90d,bodies=7d", &clock).await;
    let secret = "the secret word is xyzzy-4711";
    let sent = [
        at(1, 1, now(&clock)).text(secret),
        at(1, 2, now(&clock)).text(format!("{secret} ").repeat(50)),
        at(1, 3, now(&clock)).text("a").text("kept as it is"),
    ];
    commit(&store, &clock, &sent).await;
    store.flush().await.unwrap();
    clock.pass(8 * DAY);
    commit(&store, &clock, &[at(2, 1, now(&clock)).text("fresh words")]).await;
    store.flush().await.unwrap();
    let (removed, stripped) = expire_all(&store).await;
    assert!(removed == 1 && stripped >= 3, "bodies go; spans, runs and logs are written again: {removed} {stripped}");
    clock.pass(301 * SECOND);
    store.compact().await.unwrap();
    drop(store);
    fetch(data.path()).await;
    let mut found = Vec::new();
    let mut folders = vec![data.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                let bytes = bytes::Bytes::from(std::fs::read(&path).unwrap());
                let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
                for batch in reader.build().unwrap() {
                    for column in batch.unwrap().columns() {
                        let texts = column.as_string_opt::<i32>().into_iter().flatten();
                        found.extend(texts.flatten().map(str::to_owned));
                    }
                }
            }
        }
    }
    let text = found.join("\n");
    assert!(!text.contains("xyzzy"), "no file has it");
    assert!(text.contains("fresh words") && text.contains("kept as it is") && text.contains("said.user"));

    let store = open_reading(data.path(), "spans=90d,bodies=7d", &clock).await;
    let stored = store.trace("default", trace_id(1)).await.unwrap();
    assert_eq!(stored.iter().map(|span| &*span.span.name).collect::<Vec<_>>(), ["span 1", "span 2", "span 3"]);
    assert_eq!(stored[0].span.usage, sent[0].span(Timestamp::default()).usage);
    for (span, keeps) in stored.iter().zip([false, false, true]) {
        assert_eq!(span.raw.attributes.get("text.0"), Some(&model::Value::Null));
        assert_eq!(span.raw.attributes.text("text.1").is_some(), keeps);
        assert_eq!(span.raw.attributes.get("n"), Some(&model::Value::Int(span.raw.span_id.as_bytes()[7].into())));
        assert_eq!(span.span.input_preview, None);
    }
    let logs = store.trace_logs("default", trace_id(1)).await.unwrap();
    let bodies: Vec<_> = logs.iter().map(|log| (log.raw.event_name.to_string(), log.raw.body.as_str())).collect();
    assert!(bodies.iter().all(|(name, body)| (name == "counted") == body.is_some()), "{bodies:?}");
    assert!(runs(&store).await.iter().all(|run| (run.trace_id == trace_id(2)) == run.input_preview.is_some()));
    assert_eq!(
        store.trace("default", trace_id(2)).await.unwrap()[0].raw.attributes.text("text.0"),
        Some("fresh words")
    );
    assert_eq!(expire_all(&store).await, (0, 0), "once is enough");
    assert!(store.check().await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mad_clocks_neither_keep_for_ever_nor_delete_at_once_and_an_import_stays_a_day() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_reading(data.path(), "spans=30d", &clock).await;
    let far = [at(1, 1, 1), at(2, 1, i64::MAX - 2 * SECOND), at(3, 1, NOON - 100 * DAY), at(4, 1, NOON)];
    commit(&store, &clock, &far).await;
    store.flush().await.unwrap();
    let left = async || names(&store).await.len();
    expire_all(&store).await;
    assert_eq!(left().await, 4, "nothing at once");
    clock.pass(DAY + SECOND);
    expire_all(&store).await;
    assert_eq!(left().await, 3, "the import had its day");
    clock.pass(29 * DAY + SECOND);
    expire_all(&store).await;
    assert_eq!(left().await, 0, "and nothing stays for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_flushes_compaction_and_repeats_go_on_while_segments_expire() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_reading(data.path(), "spans=2d,bodies=1d", &clock).await;
    let working = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..150 {
                store.expire(store::Held::default()).await.unwrap();
                store.compact().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
    };
    for round in 0..40u64 {
        let mut sent: Vec<Sent> = (0..20).map(|span| at(round, span + 1, now(&clock)).text("t".repeat(300))).collect();
        // And again a span of six hours ago, whose segment may be going.
        sent.extend(
            (round > 1).then(|| Sent { start: now(&clock) - DAY / 4, ..Sent::new(round - 1, 1) }.named("again")),
        );
        commit(&store, &clock, &sent).await;
        store.flush().await.unwrap();
        clock.pass(DAY / 4);
    }
    working.await.unwrap();
    expire_all(&store).await;
    let found = spans(&store).await;
    let newest: std::collections::BTreeSet<_> = found.iter().map(|span| span.trace_id).collect();
    assert!((7..=13).contains(&newest.len()), "two days and what arrived within one: {}", newest.len());
    let unique: std::collections::BTreeSet<_> = found.iter().map(|span| (span.trace_id, span.span_id)).collect();
    assert_eq!(unique.len(), found.len());
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_cannot_be_written_keeps_everything_until_it_can() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_reading(data.path(), "spans=1d", &clock).await;
    commit(&store, &clock, &[at(1, 1, now(&clock))]).await;
    store.flush().await.unwrap();
    clock.pass(3 * DAY);
    let other = rusqlite::Connection::open(data.path().join("catalog.db")).unwrap();
    other
        .execute_batch("CREATE TRIGGER no BEFORE DELETE ON segments BEGIN SELECT raise(ABORT, 'disk full'); END")
        .unwrap();
    let error = store.expire(store::Held::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Catalog { .. }), "{error}");
    assert_eq!(names(&store).await.len(), 1);
    other.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(store.expire(store::Held::default()).await.unwrap().removed, 2);
    assert_eq!(names(&store).await.len(), 0);
}

/// A directory with a trace of day 0 and two of day 30, seen on day 40: the first has to go, and of the others the content.
async fn forty_days(data: &std::path::Path, clock: &Arc<TestClock>) {
    let store = open_reading(data, "", clock).await;
    commit(&store, clock, &[at(1, 1, now(clock)).text("old words")]).await;
    store.flush().await.unwrap();
    clock.pass(30 * DAY);
    for trace in [2, 3] {
        commit(&store, clock, &[at(trace, 1, now(clock)).text("new words"), at(trace, 2, now(clock))]).await;
    }
    store.flush().await.unwrap();
    clock.pass(10 * DAY);
    runs(&store).await;
    store.flush().await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_killed_between_any_two_steps_goes_on_from_there_and_counts_what_went_once() {
    const RULES: &str = "spans=30d,bodies=7d";
    let spans_of = |names: Vec<(String, String)>| names.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let undisturbed = {
        let (data, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        forty_days(data.path(), &clock).await;
        let store = open_reading(data.path(), RULES, &clock).await;
        expire_all(&store).await;
        store.dropped()
    };
    assert!(undisturbed.len() == 2, "spans and content went: {undisturbed:?}");
    let mut killed = 0;
    for operations in 0.. {
        let (data, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        forty_days(data.path(), &clock).await;
        let disk = MortalDisk::new(i64::MAX);
        let store = open_reading_on(&disk, data.path(), RULES, &clock).await;
        disk.left.store(operations, Ordering::SeqCst);
        while store.expire(store::Held::default()).await.is_ok_and(|expired| expired.stripped > 0) {}
        drop(store);
        let finished = disk.left.load(Ordering::SeqCst) > 0;
        disk.lose_unsynced(operations as u64 * 7919);

        let store = open_reading(data.path(), RULES, &clock).await;
        let left = spans_of(names(&store).await);
        assert!(left.len() == 5 || left.len() == 4, "killed after {operations}: a part of a segment is gone: {left:?}");
        let trace = store.trace("default", trace_id(2)).await.unwrap();
        let said = trace[0].raw.attributes.get("text.0").cloned();
        assert!(
            said == Some(model::Value::Str("new words".into())) || said == Some(model::Value::Null),
            "killed after {operations}: neither what was sent nor nothing: {said:?}"
        );
        expire_all(&store).await;
        assert_eq!(spans_of(names(&store).await).len(), 4, "killed after {operations}");
        let trace = store.trace("default", trace_id(3)).await.unwrap();
        assert_eq!(trace[0].raw.attributes.get("text.0"), Some(&model::Value::Null), "killed after {operations}");
        assert_eq!(runs(&store).await.len(), 2, "killed after {operations}");
        let dropped = store.dropped();
        let counts = |dropped: &std::collections::BTreeMap<(String, Layer), store::Dropped>| {
            dropped.iter().map(|(key, one)| (key.clone(), one.segments, one.rows)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&dropped), counts(&undisturbed), "killed after {operations}: counted once");
        clock.pass(301 * SECOND);
        store.compact().await.unwrap();
        let checked = store.check().await.unwrap();
        assert!(checked.faults.is_empty(), "killed after {operations}: {:?}", checked.faults);
        if finished {
            break;
        }
        killed += 1;
    }
    // Over a bucket only the transactions of the catalog are operations of the disk.
    assert!(killed > if over_bucket() { 3 } else { 10 }, "a kill after each of its operations: {killed}");
}
