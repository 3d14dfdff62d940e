//! Counters and what is kept of them stay together: a write that fails counts nothing, a restart goes on.

use model::{Span, SpanId, StepKind, Tenant};
use signals::metrics::{Bundle, Scope};
use signals::runs::{Resolved, Settings, resolve};
use tempfile::TempDir;

use super::*;

fn run(trace: u8) -> Resolved {
    let mut span = Span::new(Tenant::default(), TraceId::from_array([trace; 16]), SpanId::from_array([1; 8]));
    span.kind = StepKind::Agent;
    (span.start, span.end) = (Timestamp::from_nanos(1_000_000_000), Timestamp::from_nanos(2_000_000_000));
    span.received = span.end;
    let now = span.end.plus_nanos(60_000_000_000);
    resolve(&[Arc::new(span)], now, &Settings::default()).unwrap()
}

struct Counter {
    dir: TempDir,
    metrics: Arc<Metrics>,
    judge: Counting,
}

impl Counter {
    fn open(dir: TempDir) -> (Self, State) {
        let state = State::open(dir.path(), &[PART]).unwrap();
        let metrics = Arc::new(Metrics::new(Limits::default(), None));
        metrics.restore(&state).unwrap();
        (Self { dir, judge: Counting::new(Arc::clone(&metrics)), metrics }, state)
    }

    /// Judges runs in one batch that is kept or not.
    fn batch(&mut self, state: &State, runs: &[&Resolved], backfill: bool, before: Option<u64>, kept: bool) {
        let written = state.write(|tx| {
            for run in runs {
                let now = run.run.last_received.plus_nanos(60_000_000_000);
                let case = Case::new(run, true, backfill, before, now, &[], None);
                self.judge.judge(&case, tx).unwrap();
            }
            self.judge.before_commit(tx)?;
            if kept { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
        });
        assert_eq!(written.is_ok(), kept);
        self.judge.after_commit(kept);
    }

    fn requests(&self) -> f64 {
        let bundle: Bundle = self.metrics.registry().bundle(Scope::default(), Timestamp::default());
        bundle.standard.request_count
    }
}

#[test]
fn what_could_not_be_kept_is_counted_when_it_is_judged_again() {
    let (mut counter, state) = Counter::open(TempDir::new().unwrap());
    let (one, two) = (run(1), run(2));
    counter.batch(&state, &[&one], false, None, true);
    counter.batch(&state, &[&two], false, None, false);
    assert_eq!(counter.requests(), 1.0);
    counter.batch(&state, &[&one, &two], false, None, true);
    assert_eq!(counter.requests(), 2.0, "one of them was counted before");
    drop(state);
    let (mut counter, state) = Counter::open(counter.dir);
    assert_eq!(counter.requests(), 2.0);
    counter.batch(&state, &[&one, &run(3)], false, None, true);
    assert_eq!(counter.requests(), 3.0);
}

#[test]
fn history_and_what_is_no_longer_known_are_left_out() {
    let (mut counter, state) = Counter::open(TempDir::new().unwrap());
    counter.batch(&state, &[&run(1)], true, None, true);
    counter.batch(&state, &[&run(2)], false, Some(7), true);
    assert_eq!(counter.requests(), 0.0);
}

#[test]
fn a_run_that_became_part_of_another_is_taken_back_in_the_open() {
    let (mut counter, state) = Counter::open(TempDir::new().unwrap());
    let one = run(1);
    counter.batch(&state, &[&one], false, None, true);
    state
        .write(|tx| {
            counter.judge.gone("default", one.run.trace_id, tx).unwrap();
            counter.judge.gone("default", TraceId::from_array([9; 16]), tx).unwrap();
            counter.judge.before_commit(tx)
        })
        .unwrap();
    counter.judge.after_commit(true);
    assert_eq!(counter.requests(), 1.0, "a counter does not go down");
    let samples = counter.metrics.registry().samples(Timestamp::default());
    let corrected = samples.iter().find(|sample| {
        sample.name == "tawny_signal_corrections_total"
            && sample.labels.iter().any(|(_, name)| name == "agent_requests_total")
    });
    assert_eq!(corrected.unwrap().value, 1.0);
}

#[test]
fn a_conversation_is_counted_when_it_is_over_and_a_loop_when_it_is_seen() {
    let (mut counter, state) = Counter::open(TempDir::new().unwrap());
    let talk = |trace: u8, minutes: i64| {
        let mut resolved = run(trace);
        resolved.run.session_id = Some("talk".into());
        resolved.run.last_received = resolved.run.last_received.plus_nanos(minutes * 60_000_000_000);
        resolved
    };
    counter.batch(&state, &[&talk(1, 0), &talk(2, 5)], false, None, true);
    // Judged again after it changed: no further turn.
    counter.batch(&state, &[&talk(1, 6)], false, Some(1), true);
    let turns = |counter: &Counter| {
        let registry = counter.metrics.registry();
        registry.bundle(Scope::default(), Timestamp::default()).business.conversation_turns
    };
    assert_eq!(turns(&counter), None, "it may go on");
    drop(state);
    let (mut counter, state) = Counter::open(counter.dir);
    let looping = talk(3, 50);
    counter.metrics.count_loop(&looping.run, "loop", Timestamp::default());
    counter.batch(&state, &[&looping], false, None, true);
    assert_eq!(turns(&counter), Some(2.0), "over after half an hour, restarts or not");
    assert_eq!(counter.metrics.registry().bundle(Scope::default(), Timestamp::default()).agent.loop_count, 1.0);
}
