//! Check, rebuild, backup and restore: faults are named, and what is made again equals what was there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::*;
use model::{Run, Span, Timestamp};
use store::{Offline, RunResolver, Settings, Store, Table};

/// Everything a user could read.
#[derive(Debug, PartialEq)]
struct Everything {
    spans: Vec<Span>,
    runs: Vec<Run>,
    texts: Vec<model::raw::RawSpan<'static>>,
    logs: Vec<String>,
    samples: usize,
}

async fn everything(store: &Store, clock: &TestClock) -> Everything {
    // Runs settle by time; a store that was just opened looks at them a little later.
    clock.pass(60 * SECOND);
    let spans = spans(store).await;
    let mut texts = Vec::new();
    let mut logs = Vec::new();
    let traces: std::collections::BTreeSet<_> = spans.iter().map(|span| span.trace_id).collect();
    for trace in traces {
        texts.extend(store.trace("default", trace).await.unwrap().into_iter().map(|span| span.raw));
        let stored = store.trace_logs("default", trace).await.unwrap();
        logs.extend(stored.iter().map(|log| format!("{:?} {:?}", log.log.id, log.raw.body)));
    }
    let samples = batches(store, Table::Samples).await.iter().map(|batch| batch.num_rows()).sum();
    Everything { spans, runs: runs(store).await, texts, logs, samples }
}

/// A store with segments of all ages: merged, replaced across segments, some of it only in the log.
async fn fill(store: &Store, clock: &TestClock) {
    for round in 0..12u64 {
        let mut sent: Vec<Sent> =
            (1..=6).map(|span| Sent::new(round, span).text(format!("round {round} ").repeat(60))).collect();
        if round > 2 {
            sent.push(Sent::new(round - 3, 2).named("again").text("said again ".repeat(40)));
            sent.push(Sent::new(round - 2, 9).running());
        }
        send(store, clock, &sent).await.unwrap();
        store.commit(entry(1, &sent[..2], clock)).await.unwrap();
        if round < 11 {
            store.flush().await.unwrap();
        }
        if round == 9 {
            compact_all(store).await;
        }
        clock.pass(60 * SECOND);
    }
}

fn segments(data: &Path, table: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![data.join("segments").join(table)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn now(clock: &TestClock) -> Timestamp {
    store::Clock::now(clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_catalog_shows_what_was_there_before() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    fill(&store, &clock).await;
    let mut before = everything(&store, &clock).await;
    drop(store);
    for damage in ["missing", "corrupt"] {
        let catalog = data.path().join("catalog.db");
        match damage {
            "missing" => fs::remove_file(&catalog).unwrap(),
            _ => fs::write(&catalog, b"SQLite format 3\0 and then rubbish".repeat(300)).unwrap(),
        }
        let rebuilt = store::rebuild(settings(data.path()), now(&clock)).await.unwrap();
        assert!(rebuilt.segments > 5 && rebuilt.replaced_rows > 0, "{rebuilt:?}");
        // The start after the first rebuild removed what had been merged into others.
        assert_eq!(rebuilt.superseded > 0, damage == "missing", "{rebuilt:?}");
        assert_eq!((rebuilt.unreadable.len(), rebuilt.old_catalog.is_some()), (0, damage == "corrupt"));
        let store = open(data.path(), &clock).await;
        let checked = store.check().await.unwrap();
        assert!(checked.faults.is_empty(), "{damage}: {:?}", checked.faults);
        assert_eq!(everything(&store, &clock).await, before, "{damage}");
        // And it goes on: repeats still replace, compaction still merges.
        send(&store, &clock, &[Sent::new(0, 2).text("said again ".repeat(40)).named("again")]).await.unwrap();
        assert_eq!(names(&store).await.len(), before.spans.len());
        before = everything(&store, &clock).await;
        drop(store);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_was_killed_before_its_commit_neither_doubles_nor_loses_rows_when_the_catalog_is_lost_too() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    fill(&store, &clock).await;
    let before = everything(&store, &clock).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&data.path().join("wal"), &copy.path().join("wal"));
    store.flush().await.unwrap();
    drop(store);
    fetch(data.path()).await;
    // As after a kill: some of the last flush's files are there, the log is too, and the catalog is gone.
    fs::remove_dir_all(data.path().join("wal")).unwrap();
    copy_dir(&copy.path().join("wal"), &data.path().join("wal"));
    let newest =
        |table| segments(data.path(), table).into_iter().max_by_key(|path| path.file_name().unwrap().to_owned());
    fs::remove_file(newest("spans").unwrap()).unwrap();
    fs::remove_file(newest("logs").unwrap()).unwrap();
    give_back(data.path()).await;
    fs::remove_file(data.path().join("catalog.db")).unwrap();
    store::rebuild(settings(data.path()), now(&clock)).await.unwrap();
    let store = open(data.path(), &clock).await;
    assert!(store.stats().replayed > 0);
    assert_eq!(everything(&store, &clock).await, before);
    store.flush().await.unwrap();
    assert_eq!(everything(&store, &clock).await, before);
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_every_sort_of_damage_and_names_the_file() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open_with(Settings { grace: std::time::Duration::ZERO, ..settings(data.path()) }, &clock).await;
    fill(&store, &clock).await;
    // Files that were merged into others go.
    compact_all(&store).await;
    let online = store.check().await.unwrap();
    assert!(online.faults.is_empty(), "{:?}", online.faults);
    assert!(online.references > 50 && online.bodies > 10 && online.log_records > 0, "{online:?}");
    store.close().await;
    let checked = Offline::open(settings(data.path())).await.unwrap().check().await.unwrap();
    assert_eq!((checked.faults.len(), checked.segments), (0, online.segments));
    fetch(data.path()).await;

    type Break = fn(&Path);
    let damages: [(&str, &str, Break); 8] = [
        ("a catalog that is none", "cannot", |data| {
            let path = data.join("catalog.db");
            let mut bytes = fs::read(&path).unwrap();
            bytes[3] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a flipped bit", "checksum", |data| {
            let path = &segments(data, "bodies")[0];
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a file cut short", "bytes, the catalog says", |data| {
            let path = segments(data, "spans").remove(0);
            let length = fs::metadata(&path).unwrap().len();
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length - 10).unwrap();
        }),
        ("a missing file", "no such file", |data| fs::remove_file(&segments(data, "runs")[0]).unwrap()),
        ("rows marked that are not there", "replaced rows", |data| {
            let catalog = rusqlite::Connection::open(data.join("catalog.db")).unwrap();
            let sql =
                "INSERT OR REPLACE INTO deletions SELECT id, x'ffff7f' FROM segments WHERE kind = 'spans' LIMIT 1";
            catalog.execute(sql, []).unwrap();
        }),
        ("a replaced row that counts again", "at once", |data| {
            let catalog = rusqlite::Connection::open(data.join("catalog.db")).unwrap();
            assert!(catalog.execute("DELETE FROM deletions", []).unwrap() > 0);
        }),
        ("a filter that does not know its traces", "does not know trace", |data| {
            let catalog = rusqlite::Connection::open(data.join("catalog.db")).unwrap();
            // One block in which no bit is set: no run would be found by its id.
            let none: Vec<u8> = std::iter::once(1).chain([0; 32]).collect();
            let changed = catalog.execute("UPDATE segments SET traces = ?1 WHERE kind = 'spans'", [none]).unwrap();
            assert!(changed > 0);
        }),
        ("a damaged request in the log", "no valid records", |data| {
            let path = fs::read_dir(data.join("wal")).unwrap().next().unwrap().unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            bytes[100] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
    ];
    for (name, problem, break_it) in damages {
        let broken = tempfile::tempdir().unwrap();
        copy_dir(data.path(), broken.path());
        break_it(broken.path());
        give_back(broken.path()).await;
        let checked = Offline::check_directory(settings(broken.path())).await.unwrap();
        assert!(checked.faults_found > 0, "{name} is not found");
        let told = checked.faults.iter().any(|fault| fault.problem.contains(problem) && !fault.advice.is_empty());
        assert!(told, "{name}: {:?}", checked.faults);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_everything_acknowledged_before_it_exactly_once() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    fill(&store, &clock).await;
    let load = {
        let (store, clock) = (store.clone(), Arc::clone(&clock));
        tokio::spawn(async move {
            for trace in 100..400u64 {
                let sent =
                    [Sent::new(trace, 1).text("load ".repeat(100)), Sent::new(trace % 12, 2).named("under load")];
                send(&store, &clock, &sent).await.unwrap();
                if trace % 5 == 0 {
                    store.flush().await.unwrap();
                    store.compact().await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let target = tempfile::tempdir().unwrap();
    let mut backups = Vec::new();
    for round in 0..4 {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        let acknowledged: std::collections::BTreeSet<String> =
            names(&store).await.into_iter().map(|(name, _)| name).collect();
        let plan = store.backup().await.unwrap();
        let path = target.path().join(format!("{round}.tar"));
        let (file, written) = (fs::File::create(&path).unwrap(), path.clone());
        tokio::task::spawn_blocking(move || plan.write(file).unwrap()).await.unwrap();
        backups.push((written, acknowledged));
    }
    load.await.unwrap();
    assert!(store.stats().flushes > 11, "flushes went on");
    for (path, acknowledged) in backups {
        let restored = tempfile::tempdir().unwrap();
        store::restore(path.clone(), settings(restored.path())).await.unwrap();
        let copy = open(restored.path(), &clock).await;
        let found: Vec<String> = names(&copy).await.into_iter().map(|(name, _)| name).collect();
        let unique: std::collections::BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(unique.len(), found.len(), "no span twice");
        let missing: Vec<_> = acknowledged.difference(&unique).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let checked = copy.check().await.unwrap();
        assert!(checked.faults.is_empty(), "{:?}", checked.faults);
        drop(copy);

        let error = store::restore(path, settings(restored.path())).await.unwrap_err().to_string();
        assert!(error.contains("not empty"), "{error}");
    }
    assert_eq!(fs::read_dir(data.path().join("tmp")).unwrap().count(), 0, "no copy of the catalog stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_broke_off_or_was_changed_is_refused_and_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = open(data.path(), &clock).await;
    fill(&store, &clock).await;
    let plan = store.backup().await.unwrap();
    let whole: Vec<u8> = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        plan.write(&mut bytes).unwrap();
        bytes
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, target) = (folder.path().join("backup.tar"), folder.path().join("data"));
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let without_sums = whole[..whole.len() - 20_000].to_vec();
    for (bytes, what) in [(&whole[..whole.len() / 2], "cut"), (&flipped[..], "changed"), (&without_sums[..], "no end")]
    {
        fs::write(&file, bytes).unwrap();
        let error = store::restore(file.clone(), settings(&target)).await.unwrap_err().to_string();
        assert!(error.contains("backup"), "{what}: {error}");
        assert!(!target.join("catalog.db").exists() && !target.join("segments").exists(), "{what}");
    }
    let unpacked = folder.path().join("unpacked");
    store::unpack(&whole[..], &unpacked).unwrap();
    store::restore(unpacked.clone(), settings(&target)).await.unwrap();
    let before = everything(&store, &clock).await;
    assert_eq!(everything(&open(&target, &clock).await, &clock).await, before);
    assert!(store::unpack(&whole[..], &unpacked).unwrap_err().to_string().contains("not empty"));
}

/// As [`CountingResolver`], and rows that only say which traces are one run come to no run.
struct JoiningResolver;

impl RunResolver for JoiningResolver {
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run> {
        let own: Vec<Arc<Span>> = spans.iter().filter(|span| span.told.is_none()).cloned().collect();
        CountingResolver.resolve(&own, now)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_no_offence_at_traces_that_are_part_of_another_run() {
    let data = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let shared: Arc<dyn store::Clock> = Arc::clone(&clock) as _;
    let store = Store::open(settings(data.path()), shared, Arc::new(JoiningResolver), replay()).await.unwrap();
    send(&store, &clock, &[Sent::new(1, 1)]).await.unwrap();
    // Where the two sides of a call meet there are witnesses and nothing else.
    let meeting = Sent::new(2, 1);
    let mut row = meeting.span(now(&clock));
    row.told = Some("join:caller/00000000000000000000000000000001/-/-/tool_call".into());
    let mut rows = store::Rows::new();
    rows.push_span(row, &meeting.raw(), &resource(), &scope());
    let entry = store::Entry { rows, ..entry(0, std::slice::from_ref(&meeting), &clock) };
    store.commit(entry).await.unwrap();
    store.flush().await.unwrap();
    let checked = store.check().await.unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert_eq!(checked.rows, 3, "two rows of spans, one run: {checked:?}");
}
