//! Making the view consistent before somebody looks: each span once across memory and segments, each run resolved.
//!
//! A hot row may have an older version in a segment. Resident filters say in which segments its trace may be; where one
//! does, the keys of the trace's rows are read once and remembered while the trace is hot. Then either the sealed row is
//! marked as replaced or, where it counts more, the hot one is dropped. After that the runs of changed traces are
//! resolved. Both need the disk or time, so they happen outside the lock, and the state is asked again until nothing is
//! left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Run, RunStatus, Span, Timestamp, TraceId};

use crate::hot::{Hot, Map, TraceKey, rank};
use crate::schema::Table;
use crate::snapshot::SegmentMeta;
use crate::state::{SealedSpan, State};

/// Spans whose runs are resolved between two looks at the state.
const RESOLVE_SPANS_MAX: usize = 200_000;
/// Runs that go on and are resolved again only because time passed, by one reader: it is to be told which are abandoned.
const REFRESH_OPEN_MAX: usize = 256;
/// The same of runs that ended: time only makes their totals final, and that a reader sees without ([`crate::RunResolver::aged`]).
const REFRESH_ENDED_MAX: usize = 128;
/// The same of both, in one portion of what readers left ([`crate::Store::refresh`]): a reader may have to wait for it.
const REFRESH_PORTION: usize = 512;
/// Shortest time in nanoseconds between two refreshes of a run.
const REFRESH_AFTER: i64 = 2_000_000_000;

/// Traces remembered as part of another's run. Each needs it only until segments written before are compared.
const PARTS_MAX: usize = 1 << 14;

/// Runs that are watched at most; further ones are only resolved when a span of them comes.
const WATCH_MAX: usize = 1 << 17;

/// Who asks for runs that time alone has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// Nobody.
    #[default]
    No,
    /// Somebody who waits for an answer.
    Reader,
    /// The task that does what readers leave.
    Upkeep,
}

/// Runs that change by time alone: running ones may be abandoned, provisional ones settle.
#[derive(Default)]
pub(crate) struct Watch {
    runs: Map<TraceKey, (RunStatus, bool, Timestamp)>,
    /// Those that go on.
    open: BTreeSet<(Timestamp, TraceKey)>,
    /// Those that ended.
    ended: BTreeSet<(Timestamp, TraceKey)>,
}

impl Watch {
    /// Notes how a run stands now, and when time alone will change it.
    pub fn note(&mut self, key: TraceKey, run: &Run, now: Timestamp, changes: Option<Timestamp>) {
        self.forget(key);
        let Some(changes) = changes else { return };
        self.note_due(key, run, changes.max(now.plus_nanos(REFRESH_AFTER)));
    }

    /// Notes how a run stands, and when to look at it again.
    pub fn note_due(&mut self, key: TraceKey, run: &Run, due: Timestamp) {
        if self.runs.len() < WATCH_MAX {
            self.runs.insert(key, (run.status, run.provisional, due));
            self.queue(run.status).insert((due, key));
        }
    }

    /// Watches a run no longer.
    fn forget(&mut self, key: TraceKey) {
        if let Some((status, _, due)) = self.runs.remove(&key) {
            self.queue(status).remove(&(due, key));
        }
    }

    /// Whether the run stands as it did when it was last noted.
    fn stands(&self, key: TraceKey, run: &Run) -> bool {
        self.runs
            .get(&key)
            .is_some_and(|(status, provisional, _)| (*status, *provisional) == (run.status, run.provisional))
    }

    fn queue(&mut self, status: RunStatus) -> &mut BTreeSet<(Timestamp, TraceKey)> {
        if status == RunStatus::Running { &mut self.open } else { &mut self.ended }
    }

    /// Whether time has changed a run that nobody looks at yet.
    pub fn is_due(&self, now: Timestamp) -> bool {
        [&self.open, &self.ended].iter().any(|queue| queue.first().is_some_and(|(due, _)| *due <= now))
    }

    /// Runs that time may have changed, as many as are looked at for those who ask. They are put off, so that the next look does
    /// not do the same.
    fn due(&mut self, now: Timestamp, asked: Refresh) -> Vec<TraceKey> {
        let (open, ended) = match asked {
            Refresh::No => (0, 0),
            Refresh::Reader => (REFRESH_OPEN_MAX, REFRESH_ENDED_MAX),
            Refresh::Upkeep => (REFRESH_PORTION, REFRESH_PORTION),
        };
        let later = now.plus_nanos(REFRESH_AFTER);
        let mut all = Vec::new();
        for (queue, most) in [(&mut self.open, open), (&mut self.ended, ended)] {
            let due: Vec<(Timestamp, TraceKey)> = queue.range(..=(now, LAST_KEY)).take(most).copied().collect();
            for (at, key) in due {
                queue.remove(&(at, key));
                queue.insert((later, key));
                if let Some(run) = self.runs.get_mut(&key) {
                    run.2 = later;
                }
                all.push(key);
            }
        }
        all
    }
}

const LAST_KEY: TraceKey = TraceKey { project: u32::MAX, trace: TraceId::from_array([0xff; 16]) };

/// What has to be done before the state can be shown.
pub(crate) enum Step {
    /// Nothing.
    Ready,
    /// Look traces up in segments.
    Lookup(Vec<Lookup>, u64),
    /// Resolve runs.
    Resolve(Vec<Unresolved>),
}

/// Traces to look up in a segment.
pub(crate) struct Lookup {
    pub meta: Arc<SegmentMeta>,
    pub keys: Vec<TraceKey>,
}

/// What looking up found.
pub(crate) struct Learnt {
    pub lookup: Lookup,
    pub spans: Vec<(TraceKey, SealedSpan)>,
    pub runs: Vec<(TraceKey, u32)>,
}

/// A trace whose run has to be resolved.
pub(crate) struct Unresolved {
    pub key: TraceKey,
    /// Number of the change that made it necessary; `None` where only time passed.
    pub change: Option<u64>,
    pub hot: Vec<Arc<Span>>,
    /// Rows of spans that are in segments only.
    pub sealed: Vec<(Arc<SegmentMeta>, u32)>,
    /// Spans of other traces that may belong to the run.
    pub linked: Vec<Arc<Span>>,
    /// Some of them could not be read.
    pub incomplete: bool,
}

/// What resolving a trace gave.
pub(crate) struct Resolution {
    pub key: TraceKey,
    /// As in [`Unresolved`].
    pub change: Option<u64>,
    /// The run of the trace, or those that it is part of, each with when time alone will change it.
    pub runs: Vec<(Option<Timestamp>, Run)>,
    /// Traces without a run of their own: they are part of another's.
    pub parts: Vec<TraceId>,
}

impl State {
    /// What has to be done next.
    pub fn next_step(&mut self, now: Timestamp, refresh: &mut Refresh) -> Step {
        for key in self.watch.due(now, std::mem::take(refresh)) {
            self.touched.insert(key);
            self.refresh.insert(key);
        }
        let lookups = self.lookups();
        if !lookups.is_empty() {
            return Step::Lookup(lookups, self.generation);
        }
        self.supersede();
        let unresolved = self.unresolved();
        if unresolved.is_empty() { Step::Ready } else { Step::Resolve(unresolved) }
    }

    /// Segments that may hold touched traces and were not asked yet.
    fn lookups(&mut self) -> Vec<Lookup> {
        let State { touched, sealed, segments, generation, project_names, unreadable, .. } = self;
        let mut lookups: BTreeMap<u64, Lookup> = BTreeMap::new();
        for key in touched.iter() {
            let entry = sealed.entry(*key).or_default();
            if entry.checked >= *generation {
                continue;
            }
            let mut found = false;
            for segment in [Table::Spans, Table::Runs].iter().flat_map(|table| segments[*table as usize].values()) {
                let meta = &segment.meta;
                if segment.generation <= entry.checked
                    || *meta.project != *project_names[key.project as usize]
                    || !meta.may_contain(key.trace)
                    || unreadable.contains(&meta.id)
                {
                    continue;
                }
                found = true;
                let lookup =
                    lookups.entry(meta.id).or_insert_with(|| Lookup { meta: Arc::clone(meta), keys: Vec::new() });
                lookup.keys.push(*key);
            }
            if !found {
                entry.checked = *generation;
            }
        }
        lookups.into_values().collect()
    }

    /// Takes over what looking up found, as of `generation`.
    pub fn learn(&mut self, learnt: Vec<Learnt>, generation: u64) {
        let mut keys: Vec<TraceKey> = Vec::new();
        for Learnt { lookup, spans, runs } in learnt {
            keys.extend(lookup.keys);
            let id = lookup.meta.id;
            // Compaction may have replaced the segment meanwhile; the one in its place is newer and will be asked.
            if !self.segments[lookup.meta.table as usize].contains_key(&id) {
                continue;
            }
            for (key, span) in spans {
                self.sealed.entry(key).or_default().spans.push(span);
            }
            for (key, row) in runs {
                self.sealed.entry(key).or_default().runs.push((id, row));
            }
        }
        for key in keys {
            let entry = self.sealed.entry(key).or_default();
            entry.checked = entry.checked.max(generation);
        }
    }

    /// Decides between hot and sealed rows of touched traces.
    fn supersede(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        for key in touched {
            let Some(sealed) = self.sealed.get(&key) else { continue };
            if sealed.spans.is_empty() && sealed.runs.is_empty() {
                continue;
            }
            let (spans, runs) = (sealed.spans.clone(), sealed.runs.clone());
            for span in spans {
                if !self.is_deleted(Table::Spans, span.segment, span.row) {
                    self.supersede_span(key, span);
                }
            }
            for (segment, row) in runs {
                let State { active, frozen, .. } = self;
                let newest = std::iter::once(active).chain(frozen).find(|hot| hot.run(key).is_some());
                match newest {
                    Some(hot) => replace(hot, segment, row),
                    None if self.parts.contains(&key) || self.earlier_parts.contains(&key) => {
                        replace(&mut self.active, segment, row)
                    }
                    None => {}
                }
            }
        }
    }

    fn supersede_span(&mut self, key: TraceKey, sealed: SealedSpan) {
        let State { active, frozen, counters, .. } = self;
        for hot in std::iter::once(active).chain(frozen) {
            let Some(row) = hot.span(key, sealed.span_id) else { continue };
            counters.duplicate_spans += 1;
            if (sealed.ended, sealed.version) > rank(&row.span) {
                hot.remove_span(key, sealed.span_id);
            } else {
                replace(hot, sealed.segment, sealed.row);
            }
        }
    }

    /// Traces whose runs have to be resolved, as many as are done at once.
    fn unresolved(&mut self) -> Vec<Unresolved> {
        let mut batch = Vec::new();
        let mut spans = 0;
        let refreshed: Vec<TraceKey> = self.refresh.iter().copied().collect();
        let changed: Vec<(TraceKey, Option<u64>)> =
            self.dirty.iter().map(|(key, change)| (*key, Some(*change))).collect();
        let refreshed = refreshed.into_iter().filter(|key| !self.dirty.contains_key(key)).map(|key| (key, None));
        let mut all: Vec<(TraceKey, Option<u64>)> = changed.into_iter().chain(refreshed).collect();
        // In an order that does not change from run to run, so that a simulation can repeat what follows.
        all.sort_unstable_by_key(|(key, _)| *key);
        for (key, change) in all {
            if spans > RESOLVE_SPANS_MAX {
                break;
            }
            let hot: Vec<Arc<Span>> =
                self.hot().flat_map(|hot| hot.spans_of(key)).map(|row| Arc::clone(&row.span)).collect();
            let sealed = self.sealed.get(&key).map_or(&[][..], |sealed| &sealed.spans);
            let sealed = sealed.iter().filter(|span| !self.is_deleted(Table::Spans, span.segment, span.row));
            let segments = &self.segments[Table::Spans as usize];
            let sealed = sealed.filter_map(|span| Some((Arc::clone(&segments.get(&span.segment)?.meta), span.row)));
            let sealed: Vec<(Arc<SegmentMeta>, u32)> = sealed.collect();
            spans += hot.len() + sealed.len() + 1;
            batch.push(Unresolved { key, change, hot, sealed, linked: Vec::new(), incomplete: false });
        }
        batch
    }

    /// Notes that a segment cannot be read.
    pub fn give_up_on(&mut self, meta: &SegmentMeta, error: &crate::StoreError) {
        if self.unreadable.insert(meta.id) {
            tracing::error!(path = %meta.path, %error, "a segment cannot be read; it is left aside until the next start");
            self.note_damage(meta.path.to_string(), error.to_string());
        }
    }

    /// Takes over resolved runs.
    pub fn resolved(&mut self, resolutions: Vec<Resolution>, now: Timestamp) {
        for Resolution { key, change, runs, parts } in resolutions {
            self.refresh.remove(&key);
            // A span that came while the run was resolved makes it dirty again, under a higher number.
            if change.is_some() && self.dirty.get(&key) == change.as_ref() {
                self.dirty.remove(&key);
            }
            if runs.is_empty() {
                self.watch.forget(key);
            }
            for trace in parts {
                self.remove_run(TraceKey { trace, ..key });
            }
            for (changes, run) in runs {
                let key = TraceKey { trace: run.trace_id, ..key };
                if change.is_none() && self.watch.stands(key, &run) {
                    self.watch.note(key, &run, now, changes);
                    continue;
                }
                self.insert_run(key, run, now, changes);
            }
        }
    }

    /// Forgets what was known of a trace whose rows in segments no longer count. Where rows of it are in memory, its run is
    /// resolved again from these alone.
    pub fn forget_trace(&mut self, key: TraceKey) {
        self.watch.forget(key);
        self.sealed.remove(&key);
        self.refresh.remove(&key);
        for hot in std::iter::once(&mut self.active).chain(&mut self.frozen) {
            hot.remove_run(key);
        }
        if self.hot().any(|hot| hot.spans_of(key).next().is_some()) {
            self.touched.insert(key);
            self.mark_dirty(key);
        }
    }

    /// Takes away the run of a trace that has become part of another's, here and in segments.
    fn remove_run(&mut self, key: TraceKey) {
        self.watch.forget(key);
        for hot in std::iter::once(&mut self.active).chain(&mut self.frozen) {
            hot.remove_run(key);
        }
        // Once for each trace: a flush that is under way may still write its run, and is looked at when it is done.
        if !self.earlier_parts.contains(&key) && self.parts.insert(key) {
            self.touched.insert(key);
        }
        if self.parts.len() > PARTS_MAX {
            self.parts.pop_first();
        }
    }
}

fn replace(hot: &mut Hot, segment: u64, row: u32) {
    hot.replaces.entry(segment).or_default().insert(row);
}

/// The spans of some traces, each once, by trace and start: what is given may hold several versions of one.
pub(crate) fn newest(spans: impl IntoIterator<Item = Arc<Span>>) -> Vec<Arc<Span>> {
    let mut spans: Vec<Arc<Span>> = spans.into_iter().collect();
    let name = |span: &Span| (span.trace_id, span.span_id);
    spans.sort_unstable_by(|a, b| name(a).cmp(&name(b)).then_with(|| rank(b).cmp(&rank(a))));
    spans.dedup_by_key(|span| name(span));
    spans.sort_unstable_by_key(|span| (span.trace_id, span.start, span.span_id));
    spans
}
