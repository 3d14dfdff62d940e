//! Which runs have to be looked at, when, and up to where in the log every change was judged.
//!
//! Pure: time and log positions come in. A run enters when it changes and leaves when it was judged without having changed
//! meanwhile. The position that is kept durably lies before the first change of every run that is still inside, so a
//! restart finds all of them again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{Timestamp, TraceId};

/// A run: project and trace.
pub type Key = (Arc<str>, TraceId);

/// Time from a change to the first look, and between two looks while changes go on: one second.
const LOOK_AFTER: i64 = 1_000_000_000;
/// A run is looked at no sooner again than this many times as long as its last look may have taken, by its spans, …
const LOOKS_SHARE: i64 = 50;
/// … at this many nanoseconds a span.
const SPAN_NANOS: i64 = 2_000;
/// With more runs due than this, those that cannot have settled yet wait until they can: under load each run is read once.
const BUSY_RUNS: usize = 1_000;

#[derive(Debug)]
struct Entry {
    /// Log position of the first change that was not judged.
    first: u64,
    /// Changes noted since it entered.
    changes: u64,
    due: Timestamp,
    /// Before this it cannot have settled.
    quiet: Timestamp,
    /// Not before this, whatever changes.
    rest_until: Timestamp,
    /// Taken out to be looked at, with the changes seen then.
    taken: Option<u64>,
}

/// What a look at a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was judged, or there is nothing to judge.
    Done,
    /// It may change by time alone: look again then, or when it changes.
    Open {
        /// When time may have changed it.
        again: Timestamp,
        /// Its spans.
        spans: usize,
    },
    /// It could not be read or what was judged could not be kept.
    Failed {
        /// When to try again.
        again: Timestamp,
    },
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    entries: HashMap<Key, Entry>,
    due: BTreeSet<(Timestamp, Key)>,
    /// How many entries have which first change.
    firsts: BTreeMap<u64, usize>,
    /// Every change up to this position is inside or was judged.
    noted: u64,
    /// Changes after `noted` were missed: they have to be asked for.
    behind: bool,
    entries_max: usize,
    settle_nanos: i64,
}

impl Queue {
    /// An empty queue that has to ask for everything after `position`. Runs settle after `settle_nanos` of quiet.
    pub fn new(position: u64, entries_max: usize, settle_nanos: i64) -> Self {
        Self {
            entries: HashMap::new(),
            due: BTreeSet::new(),
            firsts: BTreeMap::new(),
            noted: position,
            behind: true,
            entries_max,
            settle_nanos,
        }
    }

    /// Notes that a run changed; `false` where there was no room.
    pub fn note(&mut self, key: Key, version: u64, now: Timestamp) -> bool {
        let fits = self.put(key, version, now.plus_nanos(LOOK_AFTER), now.plus_nanos(self.settle_nanos));
        if !fits {
            self.behind = true;
        } else if !self.behind {
            // Other changes of the same request may follow.
            self.noted = self.noted.max(version.saturating_sub(1));
        }
        fits
    }

    /// Notes that changes were missed.
    pub fn missed(&mut self) {
        self.behind = true;
    }

    /// From where to ask for changes that were missed, when there are any and room for them.
    pub fn ask_from(&self) -> Option<u64> {
        (self.behind && self.entries.len() <= self.entries_max / 2).then_some(self.noted)
    }

    /// Takes over what asking gave: runs with their positions, all there are up to `through`.
    pub fn catch_up(&mut self, runs: impl IntoIterator<Item = (Key, u64)>, through: u64, more: bool, now: Timestamp) {
        for (key, version) in runs {
            // What was asked for has to fit: it would be asked for for ever.
            self.insert(key, version, now, now);
        }
        // Less than what was noted: the log lost its end (a machine failed without syncs), and its numbers come again.
        self.noted = if more { self.noted.max(through) } else { through };
        self.behind = more;
    }

    fn put(&mut self, key: Key, version: u64, due: Timestamp, quiet: Timestamp) -> bool {
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(&key) {
            return false;
        }
        self.insert(key, version, due, quiet);
        true
    }

    fn insert(&mut self, key: Key, version: u64, due: Timestamp, quiet: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.changes += 1;
            entry.quiet = entry.quiet.max(quiet);
            let due = due.max(entry.rest_until).min(entry.due);
            if entry.taken.is_none() && due < entry.due {
                self.due.remove(&(entry.due, key.clone()));
                self.due.insert((due, key));
            }
            entry.due = due;
            return;
        }
        *self.firsts.entry(version).or_default() += 1;
        self.due.insert((due, key.clone()));
        let entry = Entry { first: version, changes: 1, due, quiet, rest_until: Timestamp::default(), taken: None };
        self.entries.insert(key, entry);
    }

    /// Takes runs that are due, those due longest first, as many as `most`, and gives them in the order in which they came: what is
    /// learned of runs one after another depends on it. Where as many as `most` are due, the order is that of their keys, in which
    /// they are read fastest. [`Queue::seen`] must follow for each. Where more than [`BUSY_RUNS`] are due, those that cannot have settled yet wait
    /// until they can.
    pub fn take(&mut self, now: Timestamp, most: usize) -> Vec<Key> {
        let busy = self.due.iter().nth(BUSY_RUNS).is_some_and(|(due, _)| *due <= now);
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((due, key)) = self.due.pop_first()
        {
            if due > now {
                self.due.insert((due, key));
                break;
            }
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if busy && now < entry.quiet {
                entry.due = entry.quiet;
                self.due.insert((entry.due, key));
                continue;
            }
            entry.taken = Some(entry.changes);
            // A change from here on makes it due again.
            entry.due = LATEST;
            taken.push(key);
        }
        if taken.len() < most {
            let came = |key: &Key| self.entries.get(key).map_or(u64::MAX, |entry| entry.first);
            taken.sort_by_cached_key(|key| (came(key), key.clone()));
        } else {
            taken.sort_unstable();
        }
        taken
    }

    /// Whether nothing came for a run for as long as it takes to settle, so that this look is likely to be the last.
    pub fn is_quiet(&self, key: &Key, now: Timestamp) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.quiet <= now)
    }

    /// Notes what a look came to.
    pub fn seen(&mut self, key: Key, seen: Seen, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let changed = entry.taken.take().is_some_and(|taken| taken != entry.changes);
        let again = match seen {
            Seen::Done if !changed => {
                let first = entry.first;
                self.entries.remove(&key);
                self.leave(first);
                return;
            }
            Seen::Done => entry.due,
            Seen::Open { again, spans } => {
                let rest = LOOK_AFTER.max((spans as i64).saturating_mul(SPAN_NANOS * LOOKS_SHARE));
                entry.rest_until = now.plus_nanos(rest);
                again.min(entry.due).max(entry.rest_until)
            }
            Seen::Failed { again } => {
                entry.rest_until = again;
                again
            }
        };
        entry.due = again;
        self.due.insert((again, key));
    }

    fn leave(&mut self, first: u64) {
        if let Some(count) = self.firsts.get_mut(&first) {
            *count -= 1;
            if *count == 0 {
                self.firsts.remove(&first);
            }
        }
    }

    /// Every change up to this position was judged.
    pub fn position(&self) -> u64 {
        self.firsts.first_key_value().map_or(self.noted, |(first, _)| self.noted.min(first.saturating_sub(1)))
    }

    /// Runs inside.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Runs that are due and were not looked at.
    pub fn late(&self, now: Timestamp) -> usize {
        self.due.iter().take_while(|(due, _)| *due <= now).count()
    }

    /// Whether changes were missed that have still to be asked for.
    pub fn behind(&self) -> bool {
        self.behind
    }
}

const LATEST: Timestamp = Timestamp::from_nanos(i64::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(trace: u8) -> Key {
        ("default".into(), TraceId::from_array([trace; 16]))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn caught_up(position: u64) -> Queue {
        let mut queue = Queue::new(position, 100, 30 * LOOK_AFTER);
        queue.catch_up([], position, false, at(0));
        queue
    }

    #[test]
    fn the_position_stays_before_every_run_that_is_not_judged() {
        let mut queue = caught_up(10);
        queue.note(key(1), 11, at(0));
        queue.note(key(2), 15, at(0));
        queue.note(key(1), 20, at(0));
        assert_eq!(queue.position(), 10);
        assert_eq!(queue.take(at(1), 1), [key(1)]);
        queue.seen(key(1), Seen::Done, at(1));
        assert_eq!(queue.position(), 14);
        assert!(!queue.is_quiet(&key(2), at(29)) && queue.is_quiet(&key(2), at(30)));
        assert_eq!(queue.take(at(1), 1), [key(2)]);
        queue.seen(key(2), Seen::Done, at(1));
        // The request 20 may have changed more runs, of which nothing was heard yet.
        assert_eq!((queue.position(), queue.len()), (19, 0));
    }

    #[test]
    fn a_run_that_changes_while_it_is_judged_is_judged_again() {
        let mut queue = caught_up(0);
        queue.note(key(1), 1, at(0));
        assert_eq!(queue.take(at(1), 1), [key(1)]);
        queue.note(key(1), 2, at(1));
        queue.seen(key(1), Seen::Done, at(1));
        assert_eq!(queue.position(), 0);
        assert_eq!(queue.take(at(1), 1), []);
        assert_eq!(queue.take(at(2), 1), [key(1)]);
    }

    #[test]
    fn an_open_run_is_looked_at_when_time_or_a_change_asks_for_it() {
        let mut queue = caught_up(0);
        queue.note(key(1), 1, at(0));
        assert_eq!(queue.take(at(0), 1), []);
        assert_eq!(queue.take(at(1), 1), [key(1)]);
        queue.seen(key(1), Seen::Open { again: at(31), spans: 3 }, at(1));
        assert_eq!(queue.take(at(30), 1), []);
        queue.note(key(1), 2, at(10));
        assert_eq!(queue.take(at(11), 1), [key(1)]);
        queue.seen(key(1), Seen::Open { again: at(40), spans: 100_000 }, at(11));
        // A large run rests for longer, so that looking at it is a small share of the work.
        queue.note(key(1), 3, at(12));
        assert_eq!(queue.take(at(20), 1), []);
        assert_eq!(queue.take(at(21), 1), [key(1)]);
    }

    #[test]
    fn what_does_not_fit_is_asked_for_when_there_is_room() {
        let mut queue = Queue::new(0, 2, 30 * LOOK_AFTER);
        queue.catch_up([], 0, false, at(0));
        for trace in 1..=3 {
            queue.note(key(trace), u64::from(trace), at(0));
        }
        assert!(queue.behind());
        assert_eq!((queue.ask_from(), queue.position()), (None, 0));
        for trace in 1..=2 {
            assert_eq!(queue.take(at(1), 1), [key(trace)]);
            queue.seen(key(trace), Seen::Done, at(1));
        }
        let from = queue.ask_from().unwrap();
        assert!(from < 3);
        queue.catch_up([(key(3), 3)], 3, false, at(1));
        assert_eq!(queue.take(at(1), 1), [key(3)]);
        queue.seen(key(3), Seen::Done, at(1));
        assert_eq!((queue.position(), queue.behind()), (3, false));
    }

    #[test]
    fn a_failed_run_is_tried_again_and_holds_the_position() {
        let mut queue = caught_up(4);
        queue.note(key(1), 5, at(0));
        assert_eq!(queue.take(at(1), 1), [key(1)]);
        queue.seen(key(1), Seen::Failed { again: at(10) }, at(1));
        queue.note(key(1), 6, at(2));
        assert_eq!((queue.take(at(9), 1), queue.position()), (Vec::new(), 4));
        assert_eq!(queue.take(at(10), 1), [key(1)]);
    }

    #[test]
    fn runs_come_out_as_they_came_and_a_full_hand_by_their_ids() {
        let noted = || {
            let mut queue = caught_up(0);
            for (trace, position) in [(3, 1), (1, 2), (2, 3)] {
                queue.note(key(trace), position, at(0));
            }
            queue
        };
        assert_eq!(noted().take(at(1), 10), [key(3), key(1), key(2)]);
        assert_eq!(noted().take(at(1), 3), [key(1), key(2), key(3)]);
    }

    #[test]
    fn under_load_runs_wait_until_they_can_have_settled() {
        let mut queue = Queue::new(0, 10_000, 30 * LOOK_AFTER);
        queue.catch_up([], 0, false, at(0));
        let many = BUSY_RUNS as u64 + 1;
        let key = |number: u64| ("default".into(), TraceId::from_array((u128::from(number)).to_be_bytes()));
        for number in 1..=many {
            queue.note(key(number), number, at(0));
        }
        queue.note(key(1), many + 1, at(5));
        assert_eq!(queue.take(at(6), 10), [], "none can have settled");
        let settled = queue.take(at(30), 10_000);
        assert_eq!(settled, (2..=many).map(key).collect::<Vec<_>>(), "in the order in which they came");
        settled.into_iter().for_each(|key| queue.seen(key, Seen::Done, at(30)));
        assert_eq!(queue.len(), 1, "one changed again and settles later");
        assert_eq!(queue.take(at(35), 1), [key(1)]);
    }
}
