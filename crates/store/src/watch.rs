//! Runs that time alone will change, and in which order they are looked at again.
//!
//! A running one may be abandoned, a provisional one settles. Where few are due, whoever looks resolves them first. Where many are
//! (after a restart, after a bulk load), readers leave all of them to a task ([`crate::Store::refresh`]): some of many would make
//! no list right, and each reader would wait for it. The task takes them in the order of their traces. So do segments, and neighbours
//! share pages: five hundred runs in the order in which they came lie on nearly every page there is.

use std::collections::BTreeSet;
use std::ops::Bound;

use model::{Run, RunStatus, Timestamp, TraceId};

use crate::hot::{Map, TraceKey};

/// Runs that go on and are resolved again only because time passed, by one reader: it is to be told which are abandoned.
const REFRESH_OPEN_MAX: usize = 256;
/// The same of runs that ended: time only makes their totals final, and that a reader sees without ([`crate::RunResolver::aged`]).
const REFRESH_ENDED_MAX: usize = 128;
/// The same of both, in one portion of what readers left.
const REFRESH_PORTION: usize = 512;
/// Runs that are put in the order of their traces at once: this happens under the lock.
const SORTED_AT_ONCE: usize = 4096;
/// Shortest time in nanoseconds between two refreshes of a run.
const REFRESH_AFTER: i64 = 2_000_000_000;
/// Runs that are watched at most; further ones are only resolved when a span of them comes.
const WATCH_MAX: usize = 1 << 17;

/// A run as it was last noted.
struct Watched {
    status: RunStatus,
    provisional: bool,
    due: Timestamp,
}

/// Runs that change by time alone.
#[derive(Default)]
pub(crate) struct Watch {
    runs: Map<TraceKey, Watched>,
    /// Those that go on.
    open: Queue,
    /// Those that ended.
    ended: Queue,
}

/// Runs in the order in which they are looked at.
#[derive(Default)]
struct Queue {
    /// By the time at which they are due.
    waiting: BTreeSet<(Timestamp, TraceKey)>,
    /// Those that were due before, by trace.
    late: BTreeSet<TraceKey>,
    /// The last of the portion before: each has its turn, however many come in front of it.
    last: Option<TraceKey>,
}

impl Watch {
    /// Notes how a run stands now, and when time alone will change it.
    pub fn note(&mut self, key: TraceKey, run: &Run, now: Timestamp, changes: Option<Timestamp>) {
        match changes {
            Some(changes) => self.note_due(key, run, changes.max(now.plus_nanos(REFRESH_AFTER))),
            None => self.forget(key),
        }
    }

    /// Notes how a run stands, and when to look at it again.
    pub fn note_due(&mut self, key: TraceKey, run: &Run, due: Timestamp) {
        self.forget(key);
        if self.runs.len() < WATCH_MAX {
            self.runs.insert(key, Watched { status: run.status, provisional: run.provisional, due });
            self.queue(run.status).waiting.insert((due, key));
        }
    }

    /// Watches a run no longer.
    pub fn forget(&mut self, key: TraceKey) {
        if let Some(Watched { status, due, .. }) = self.runs.remove(&key) {
            self.queue(status).remove(due, key);
        }
    }

    /// Whether the run is watched.
    pub fn has(&self, key: TraceKey) -> bool {
        self.runs.contains_key(&key)
    }

    /// Whether the run stands as it did when it was last noted.
    pub fn stands(&self, key: TraceKey, run: &Run) -> bool {
        self.runs.get(&key).is_some_and(|noted| (noted.status, noted.provisional) == (run.status, run.provisional))
    }

    fn queue(&mut self, status: RunStatus) -> &mut Queue {
        if status == RunStatus::Running { &mut self.open } else { &mut self.ended }
    }

    /// Whether time has changed a run that nobody looks at yet.
    pub fn is_due(&self, now: Timestamp) -> bool {
        [&self.open, &self.ended].iter().any(|queue| queue.is_due(now))
    }

    /// Runs that time may have changed, for a reader: all of them where they are few, else none. They are put off, so that the next
    /// look does not do the same.
    pub fn due(&mut self, now: Timestamp) -> Vec<TraceKey> {
        let mut all = self.open.all(now, REFRESH_OPEN_MAX);
        all.extend(self.ended.all(now, REFRESH_ENDED_MAX));
        self.put_off(&all, now);
        all
    }

    /// The next portion of such runs for the task that does what readers leave: neighbours by trace. They are put off as well.
    pub fn portion(&mut self, now: Timestamp) -> Vec<TraceKey> {
        let mut all = self.open.portion(now);
        all.extend(self.ended.portion(now));
        self.put_off(&all, now);
        all
    }

    fn put_off(&mut self, keys: &[TraceKey], now: Timestamp) {
        let later = now.plus_nanos(REFRESH_AFTER);
        for key in keys {
            let Some(run) = self.runs.get_mut(key) else { continue };
            let (due, status) = (std::mem::replace(&mut run.due, later), run.status);
            let queue = self.queue(status);
            queue.remove(due, *key);
            queue.waiting.insert((later, *key));
        }
    }
}

impl Queue {
    fn remove(&mut self, due: Timestamp, key: TraceKey) {
        if !self.waiting.remove(&(due, key)) {
            self.late.remove(&key);
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        !self.late.is_empty() || self.waiting.first().is_some_and(|(due, _)| *due <= now)
    }

    /// Takes out the first that is due.
    fn pop(&mut self, now: Timestamp) -> Option<TraceKey> {
        self.waiting.first().filter(|(due, _)| *due <= now)?;
        self.waiting.pop_first().map(|(_, key)| key)
    }

    /// Takes out those that are due, where they are no more than `most`.
    fn all(&mut self, now: Timestamp, most: usize) -> Vec<TraceKey> {
        let due = self.late.len() + self.waiting.range(..=(now, LAST_KEY)).take(most + 1).count();
        if due > most {
            return Vec::new();
        }
        let mut all: Vec<TraceKey> = std::mem::take(&mut self.late).into_iter().collect();
        all.extend(std::iter::from_fn(|| self.pop(now)));
        all
    }

    /// Takes out the next by trace of those that are due.
    fn portion(&mut self, now: Timestamp) -> Vec<TraceKey> {
        for _ in 0..SORTED_AT_ONCE {
            let Some(key) = self.pop(now) else { break };
            self.late.insert(key);
        }
        let behind = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut next: Vec<TraceKey> =
            self.late.range((behind, Bound::Unbounded)).take(REFRESH_PORTION).copied().collect();
        if let Some(last) = self.last {
            next.extend(self.late.range(..=last).take(REFRESH_PORTION - next.len()));
        }
        for key in &next {
            self.late.remove(key);
        }
        self.last = next.last().copied();
        next
    }
}

const LAST_KEY: TraceKey = TraceKey { project: u32::MAX, trace: TraceId::from_array([0xff; 16]) };

#[cfg(test)]
mod tests {
    use model::{KindCounts, Tenant, Usage};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    /// Traces of consecutive numbers lie far from each other.
    fn key(number: u32) -> TraceKey {
        let mut trace = [0; 16];
        trace[..4].copy_from_slice(&number.reverse_bits().to_be_bytes());
        trace[15] = 1;
        TraceKey { project: 0, trace: TraceId::from_array(trace) }
    }

    fn run(status: RunStatus) -> Run {
        Run {
            tenant: Tenant { project: "p".into(), environment: "default".into() },
            trace_id: TraceId::from_array([1; 16]),
            version: 1,
            name: "run".into(),
            root_span_id: None,
            agent: None,
            agents: Vec::new(),
            service: None,
            workflow: None,
            session_id: None,
            user_id: None,
            agent_version: None,
            query_type: None,
            status,
            error_type: None,
            error_message: None,
            outcome: None,
            start: at(0),
            end: at(0),
            last_received: at(0),
            duration_ms: 0.0,
            kinds: KindCounts::default(),
            llm_calls: 0,
            tool_calls: 0,
            retrievals: 0,
            rounds: 0,
            errors: 0,
            retries: 0,
            usage: Usage::default(),
            cost: None,
            models: Vec::new(),
            tools: Vec::new(),
            tags: Vec::new(),
            input_preview: None,
            output_preview: None,
            provisional: true,
        }
    }

    fn watch(runs: u32, status: RunStatus) -> Watch {
        let (mut watch, run) = (Watch::default(), run(status));
        (0..runs).for_each(|number| watch.note_due(key(number), &run, at(1)));
        watch
    }

    #[test]
    fn a_reader_looks_at_all_that_is_due_or_leaves_it() {
        for (status, most) in [(RunStatus::Ok, REFRESH_ENDED_MAX), (RunStatus::Running, REFRESH_OPEN_MAX)] {
            let mut few = watch(most as u32, status);
            assert!(few.due(at(0)).is_empty() && !few.is_due(at(0)));
            assert_eq!(few.due(at(1)).len(), most);
            assert!(few.due(at(2)).is_empty() && !few.is_due(at(2)), "put off");
            assert_eq!(few.due(at(3)).len(), most);
            let mut many = watch(most as u32 + 1, status);
            assert!(many.due(at(1)).is_empty() && many.is_due(at(1)), "left to the task");
            assert_eq!(many.portion(at(1)).len(), most + 1);
            assert!(!many.is_due(at(1)));
        }
    }

    #[test]
    fn the_task_takes_neighbours_and_each_run_has_its_turn() {
        const RUNS: u32 = 3000;
        let mut watch = watch(RUNS, RunStatus::Ok);
        let portions = RUNS.div_ceil(REFRESH_PORTION as u32) as u8;
        let mut seen = BTreeSet::new();
        for round in 0..portions {
            let portion = watch.portion(at(1));
            if round + 1 < portions {
                assert_eq!(portion.len(), REFRESH_PORTION);
                assert!(portion.is_sorted() && seen.last() < portion.first(), "from one trace to the next");
            }
            seen.extend(portion);
            // Others keep coming in front of nearly all.
            let trace = TraceId::from_array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 + round]);
            watch.note_due(TraceKey { project: 0, trace }, &run(RunStatus::Ok), at(1));
        }
        assert!((0..RUNS).all(|number| seen.contains(&key(number))));
        assert_eq!(watch.portion(at(1)).len(), 1, "the one that came last");
        assert!(!watch.is_due(at(1)));
    }

    #[test]
    fn what_is_forgotten_is_not_looked_at() {
        let mut watch = watch(1000, RunStatus::Ok);
        let portion = watch.portion(at(1));
        // Late ones, and one that was put off.
        for number in 0..1000 {
            watch.forget(key(number));
        }
        assert!(!watch.has(portion[0]) && !watch.is_due(at(100)));
        assert!(watch.portion(at(100)).is_empty() && watch.due(at(100)).is_empty());
    }
}
