//! Runs are judged once for each time they settle, across restarts; a judge that fails harms nobody else.

use std::sync::Mutex as StdMutex;

use model::{Span, SpanId, Tenant, TraceId};
use state::State;
use state::rusqlite::Transaction;
use tempfile::TempDir;

use super::judge::JudgeError;
use super::*;
use crate::{Running, Settings};

/// A server whose runs settle at once after `settle` milliseconds of quiet.
async fn server(dir: &TempDir, settle: i64) -> Running {
    let any_port = || "127.0.0.1:0".to_owned();
    let settings = Settings {
        data: dir.path().join("data"),
        http: any_port(),
        otlp_http: any_port(),
        otlp_grpc: any_port(),
        runs: RunSettings { settle_nanos: settle * 1_000_000, ..RunSettings::default() },
        ..Settings::default()
    };
    let mut running = crate::start(settings).await.unwrap();
    running.ready().await.unwrap();
    running
}

/// Sends whole runs of one span each, and `children` spans below it.
async fn send(running: &Running, traces: std::ops::RangeInclusive<u8>, child: bool) {
    let now = crate::SystemClock::time().as_nanos();
    let span = |trace: u8| {
        let trace = format!("{trace:02x}").repeat(16);
        let (id, parent) = if child { ("02", "0101010101010101") } else { ("01", "") };
        serde_json::json!({"traceId": trace, "spanId": id.repeat(8), "parentSpanId": parent, "name": "invoke_agent a",
            "startTimeUnixNano": (now - 1_000_000).to_string(), "endTimeUnixNano": now.to_string(),
            "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}]})
    };
    let spans: Vec<_> = traces.map(span).collect();
    let body = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let url = format!("{}/v1/traces", running.endpoints().otlp_http);
    let sent = move || ureq::post(url).header("content-type", "application/json").send(body).unwrap().status();
    assert_eq!(tokio::task::spawn_blocking(sent).await.unwrap(), 200);
}

/// Waits until so many settled runs were judged and nothing is left to do.
async fn judged(running: &Running, runs: u64) -> Figures {
    for _ in 0..600 {
        let figures = running.app.watch.figures(running.app.now());
        if figures.judged >= runs && figures.lag == 0 && !figures.behind {
            return figures;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not judged in time: {:?}", running.app.watch.figures(running.app.now()));
}

/// Rows of judged runs: trace (its first byte) and version.
fn rows(running: &Running) -> Vec<(u8, i64)> {
    let state = &running.app.opened().unwrap().state;
    let read = |row: &state::rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?[0], row.get(1)?));
    let rows = state.read(|connection| {
        connection.prepare("SELECT trace, version FROM watch_runs ORDER BY trace")?.query_map([], read)?.collect()
    });
    rows.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_is_judged_once_also_across_restarts() {
    let dir = TempDir::new().unwrap();
    let running = server(&dir, 1).await;
    send(&running, 1..=3, false).await;
    assert_eq!(judged(&running, 3).await.judged, 3);
    assert_eq!(rows(&running).iter().map(|(trace, _)| *trace).collect::<Vec<_>>(), [1, 2, 3]);
    running.stop().await;

    let running = server(&dir, 1).await;
    send(&running, 4..=4, false).await;
    assert_eq!(judged(&running, 1).await.judged, 1, "only the new one");
    assert_eq!(rows(&running).len(), 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_had_not_settled_before_a_restart_are_judged_after_it() {
    let dir = TempDir::new().unwrap();
    let running = server(&dir, 3_600_000).await;
    send(&running, 1..=2, false).await;
    for _ in 0..600 {
        if running.app.watch.figures(running.app.now()).looks >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let figures = running.app.watch.figures(running.app.now());
    assert_eq!((figures.waiting, figures.judged), (2, 0));
    running.stop().await;

    let running = server(&dir, 1).await;
    assert_eq!(judged(&running, 2).await.judged, 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_changes_after_it_settled_is_judged_again() {
    let dir = TempDir::new().unwrap();
    let running = server(&dir, 1).await;
    send(&running, 1..=1, false).await;
    judged(&running, 1).await;
    let before = rows(&running);
    send(&running, 1..=1, true).await;
    judged(&running, 2).await;
    let after = rows(&running);
    assert_eq!((before.len(), after.len()), (1, 1));
    assert!(after[0].1 > before[0].1, "{before:?} {after:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_ends_with_the_run_that_fills_it_and_the_others_come_later() {
    let dir = TempDir::new().unwrap();
    let running = server(&dir, 3_600_000).await;
    send(&running, 1..=3, false).await;
    let store = &running.app.opened().unwrap().store;
    let key = |project: &str, trace: u8| -> Key { (project.into(), TraceId::from_array([trace; 16])) };
    let keys = [key("default", 1), key("default", 2), key("default", 3), key("other", 1)];
    let found = |stretch: &read::Stretch| -> Vec<(Key, usize, bool)> {
        let one = |(key, read): &(Key, Result<read::Read, store::StoreError>)| {
            let read = read.as_ref().unwrap();
            (key.clone(), read.spans.len(), read.own.is_some())
        };
        stretch.read.iter().map(one).collect()
    };
    for whole in [true, false] {
        let stretch = read::spans(store, keys.to_vec(), |_| whole, 2).await;
        assert_eq!(found(&stretch), [(keys[0].clone(), 1, whole), (keys[1].clone(), 1, whole)]);
        assert_eq!(stretch.later, keys[2..], "also those of other projects");
    }
    // What came later is read with the next stretch. Of a trace that nobody sent nothing is left.
    let next = [keys[2].clone(), key("default", 9), keys[3].clone()];
    let stretch = read::spans(store, next.to_vec(), |_| true, 2).await;
    let expected = next.iter().zip([(1, true), (0, false), (0, false)]);
    assert_eq!(found(&stretch), expected.map(|(key, (spans, own))| (key.clone(), spans, own)).collect::<Vec<_>>());
    assert!(stretch.later.is_empty());
    running.stop().await;
}

/// A judge that writes each run down and fails on some.
struct Scribe {
    name: &'static str,
    fails_on: fn(u8) -> bool,
    faults: bool,
    commits: Arc<StdMutex<Vec<bool>>>,
}

const NOTES: state::Part = state::Part {
    name: "notes",
    migrations: &["CREATE TABLE notes (judge TEXT NOT NULL, trace INTEGER NOT NULL) STRICT"],
};

impl Judge for Scribe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let trace = case.run.trace_id.as_bytes()[0];
        tx.execute("INSERT INTO notes VALUES (?1, ?2)", (self.name, trace))?;
        match (self.fails_on)(trace) {
            true if self.faults => panic!("out of ink"),
            true => Err(JudgeError::Other("out of ink".into())),
            false => Ok(()),
        }
    }

    fn after_commit(&mut self, kept: bool) {
        self.commits.lock().unwrap().push(kept);
    }
}

fn run_of(trace: u8) -> Resolved {
    let mut span = Span::new(Tenant::default(), TraceId::from_array([trace; 16]), SpanId::from_array([1; 8]));
    (span.start, span.end) = (Timestamp::from_nanos(SECOND), Timestamp::from_nanos(2 * SECOND));
    span.received = span.end;
    let now = span.end.plus_nanos(60 * SECOND);
    signals::runs::resolve(&[Arc::new(span)], now, &RunSettings::default()).unwrap()
}

#[test]
fn a_judge_that_fails_is_named_undone_and_holds_nobody_up() {
    for faults in [false, true] {
        let dir = TempDir::new().unwrap();
        let state = State::open(dir.path(), &[NOTES]).unwrap();
        let commits = Arc::new(StdMutex::new(Vec::new()));
        let scribe = |name, fails_on| -> Box<dyn Judge> {
            Box::new(Scribe { name, fails_on, faults, commits: Arc::clone(&commits) })
        };
        let mut bench = Bench::new(vec![scribe("clumsy", |trace| trace > 1), scribe("steady", |_| false)]);
        let mut batch = |traces: std::ops::RangeInclusive<u8>| {
            let failed = bench.batch(&state, |bench, tx| {
                let mut failed = 0;
                for trace in traces.clone() {
                    let resolved = run_of(trace);
                    let now = resolved.run.last_received;
                    failed += bench.hear(&Case::new(&resolved, true, false, None, now, &[], None), tx)?;
                }
                Ok(failed)
            });
            (failed.unwrap(), std::mem::take(&mut *commits.lock().unwrap()))
        };
        let (undone, kept) = ([false, false], [true, true]);
        assert_eq!(batch(1..=1), (0, kept.to_vec()));
        assert_eq!(batch(2..=2), (1, [undone, kept].concat()), "judged again, with care");
        assert_eq!(batch(3..=3), (1, kept.to_vec()), "with care from the beginning: it just failed");
        let notes: Vec<(String, u8)> = state
            .read(|connection| {
                let read = |row: &state::rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                connection
                    .prepare("SELECT judge, trace FROM notes ORDER BY judge, trace")?
                    .query_map([], read)?
                    .collect()
            })
            .unwrap();
        let expected = [("clumsy", 1), ("steady", 1), ("steady", 2), ("steady", 3)];
        assert_eq!(notes, expected.map(|(judge, trace)| (judge.to_owned(), trace)));
        let trouble = bench.trouble().unwrap();
        assert!(trouble.contains("`clumsy` could not judge 2 runs") && trouble.contains("out of ink"), "{trouble}");
    }
}

#[test]
fn history_is_told_from_news() {
    let hour = 3_600 * SECOND;
    let with = |received: i64, judged_before, horizon, now| {
        let mut resolved = run_of(1);
        let at = resolved.run.end.plus_nanos(received);
        resolved.run.last_received = at;
        let span = Arc::make_mut(&mut resolved.steps[0].span);
        span.received = at;
        is_backfill(&resolved, judged_before, Timestamp::from_nanos(horizon), at.plus_nanos(now))
    };
    assert!(!with(60 * SECOND, false, 0, 60 * SECOND), "sent and judged in time");
    assert!(with(2 * hour, false, 0, 60 * SECOND), "sent long after it ended");
    assert!(!with(60 * SECOND, false, 0, 2 * hour), "judged late: the server was down for a while");
    assert!(with(60 * SECOND, false, 0, 48 * hour), "judged much too late");
    assert!(with(60 * SECOND, false, hour, 60 * SECOND), "perhaps judged already, and forgotten");
    assert!(!with(2 * hour, true, hour, 48 * hour), "a correction of what was news");
}
