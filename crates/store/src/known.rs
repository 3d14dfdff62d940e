//! Bodies that segments have already, of the traces that were written lately: a conversation whose rounds come in different flushes is kept
//! once.
//!
//! It only saves: a body that is not known here is kept once more. So it is empty after a start, bounded, and let go of wherever a body might
//! leave its segment before what refers to it would. Why it is sound is in `docs/decisions/0044-bodies-once-across-flushes.md`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, TraceId};

use crate::bodies::BodyHash;
use crate::hot::{Chunk, Map, Set, TraceKey};
use crate::rows::bodies::BodyRow;

/// Bytes that the names of known bodies may take. Past it, those go whose trace was written longest ago.
pub const KNOWN_BODIES_BYTES_MAX: usize = 16 << 20;
/// What is kept of a body's name, with the free places of a hash table.
const NAME_BYTES: usize = 32;
/// What is kept of a trace beside them, each time it was written: places in a hash table (of which three quarters are free where many come and
/// go), a table of its names, and its turn.
const TRACE_BYTES: usize = 480;

/// Nanoseconds for which a body is referred to after it came, and by spans that began after the one that carried it: by so much a text may go
/// before the retention of the span that refers to it, and once in so long a conversation that goes on is kept again.
const KNOWN_FOR: i64 = 6 * 3_600 * 1_000_000_000;
/// A trace that was written within so many nanoseconds is likely to be written again.
const GOES_ON: i64 = 600 * 1_000_000_000;
/// Where bodies are kept for less, each flush keeps its own. Longer than [`KNOWN_FOR`] by far, and no longer than retention lets everything
/// stay that arrived ([`crate::STAY_MIN`]): no segment goes while its bodies are known.
const KEPT_MIN: Duration = crate::retention::STAY_MIN;

/// The bodies of one trace that one flush wrote; or several.
#[derive(Debug)]
pub(crate) struct OfTrace {
    /// When the first of them came into a segment.
    arrived: Timestamp,
    /// When the last did.
    last: Timestamp,
    /// Earliest start of a span that carried one.
    started: Timestamp,
    names: Set<BodyHash>,
}

/// The bodies that a flush at `now` writes, by project and trace, where `kept_for` says that they are kept for long enough (`None` is for ever).
pub(crate) fn of_flush(
    chunks: &[Arc<Chunk<BodyRow>>],
    now: Timestamp,
    kept_for: impl Fn(&str) -> Option<Duration>,
) -> Vec<(Arc<str>, TraceId, OfTrace)> {
    // In an order that does not change from run to run, so that a simulation can repeat what follows.
    let mut projects: BTreeMap<Arc<str>, Option<BTreeMap<TraceId, OfTrace>>> = BTreeMap::new();
    for row in chunks.iter().flat_map(|chunk| chunk.rows()) {
        let project = &row.tenant.project;
        if !projects.contains_key(project) {
            let long_enough = kept_for(project).is_none_or(|kept| kept >= KEPT_MIN);
            projects.insert(Arc::clone(project), long_enough.then(BTreeMap::new));
        }
        let Some(Some(traces)) = projects.get_mut(project) else { continue };
        let of_trace = traces.entry(row.trace_id).or_insert_with(|| OfTrace {
            arrived: now,
            last: now,
            started: row.started,
            names: Set::default(),
        });
        of_trace.started = of_trace.started.min(row.started);
        of_trace.names.insert(row.hash);
    }
    let mut found = Vec::new();
    for (project, traces) in projects {
        let traces = traces.into_iter().flatten();
        found.extend(traces.map(|(trace, of_trace)| (Arc::clone(&project), trace, of_trace)));
    }
    found
}

/// The bodies that are known.
#[derive(Default)]
pub(crate) struct KnownBodies {
    traces: Map<TraceKey, OfTrace>,
    /// Traces by when they were written, the earliest first: once for each time.
    order: VecDeque<(Timestamp, TraceKey)>,
    names: usize,
    /// How many want it shut at the moment.
    shut: usize,
    /// Traces that went because there was no more room for them, and that are likely to go on.
    pub let_go: u64,
}

impl KnownBodies {
    /// Whether a segment has a body of a trace that a span which began at `started` and came at `received` may rely on.
    pub fn has(&self, key: TraceKey, hash: BodyHash, started: Timestamp, received: Timestamp) -> bool {
        self.traces.get(&key).is_some_and(|known| {
            received.nanos_since(known.arrived) <= KNOWN_FOR
                && started.nanos_since(known.started) <= KNOWN_FOR
                && known.names.contains(&hash)
        })
    }

    /// Notes the bodies of a trace that are in a segment now, committed.
    pub fn note(&mut self, key: TraceKey, new: OfTrace) {
        if self.is_shut() {
            return;
        }
        let now = new.last;
        self.order.push_back((now, key));
        self.names += new.names.len();
        match self.traces.get_mut(&key) {
            // What is known for too long is of no use any more: the conversation was just kept again.
            Some(known)
                if now.nanos_since(known.arrived) <= KNOWN_FOR
                    && new.started.nanos_since(known.started) <= KNOWN_FOR =>
            {
                self.names -= known.names.len() + new.names.len();
                known.last = now;
                known.started = known.started.min(new.started);
                known.names.extend(new.names);
                self.names += known.names.len();
            }
            _ => {
                if let Some(old) = self.traces.insert(key, new) {
                    self.names -= old.names.len();
                }
            }
        }
        self.make_room(now);
    }

    fn make_room(&mut self, now: Timestamp) {
        while let Some((written, key)) = self.order.front().copied() {
            let is_full = self.bytes() > KNOWN_BODIES_BYTES_MAX;
            if !is_full && now.nanos_since(written) <= KNOWN_FOR {
                return;
            }
            self.order.pop_front();
            // Unless it was written again since.
            if self.traces.get(&key).is_some_and(|known| known.last <= written) {
                self.let_go += u64::from(is_full && now.nanos_since(written) < GOES_ON);
                self.forget(key);
            }
        }
    }

    /// Bytes it takes, about.
    pub fn bytes(&self) -> usize {
        self.names * NAME_BYTES + self.order.len() * TRACE_BYTES
    }

    /// Forgets a trace, whose bodies are about to be taken away.
    pub fn forget(&mut self, key: TraceKey) {
        if let Some(known) = self.traces.remove(&key) {
            self.names -= known.names.len();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        let Self { shut, let_go, .. } = *self;
        *self = Self { shut, let_go, ..Self::default() };
    }

    /// Forgets everything, and learns nothing until it is [opened](Self::open) as often as it was shut.
    pub fn shut(&mut self) {
        self.clear();
        self.shut += 1;
    }

    /// See [`Self::shut`].
    pub fn open(&mut self) {
        self.shut = self.shut.saturating_sub(1);
    }

    /// Whether nothing that is written, or about to be, may be relied on.
    pub fn is_shut(&self) -> bool {
        self.shut > 0
    }
}

#[cfg(test)]
#[path = "known/tests.rs"]
mod tests;
