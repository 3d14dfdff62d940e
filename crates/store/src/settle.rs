//! Making the view consistent before somebody looks: each span once across memory and segments, each run resolved.
//!
//! A hot row may have an older version in a segment. Resident filters say in which segments its trace may be; where one
//! does, the keys of the trace's rows are read once and remembered while the trace is hot. Then either the sealed row is
//! marked as replaced or, where it counts more, the hot one is dropped. After that the runs of changed traces are
//! resolved. Both need the disk or time, so they happen outside the lock, and the state is asked again until nothing is
//! left to do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::{Run, Span, Timestamp, TraceId};

use crate::hot::{Hot, TraceKey, rank};
use crate::schema::Table;
use crate::snapshot::SegmentMeta;
use crate::state::{SealedSpan, Segment, State};

/// Spans whose runs are resolved between two looks at the state.
const RESOLVE_SPANS_MAX: usize = 200_000;
/// Traces remembered as part of another's run. Each needs it only until segments written before are compared.
const PARTS_MAX: usize = 1 << 14;

/// Who asks for runs that time alone has changed.
#[derive(Default)]
pub(crate) enum Refresh {
    /// Nobody.
    #[default]
    No,
    /// Somebody who waits for an answer.
    Reader,
    /// The task that does what readers leave.
    Upkeep(Ahead),
}

/// A portion of the runs that readers left, and the segments to ask about those of which nothing is known yet.
pub(crate) struct Portion {
    pub keys: Vec<TraceKey>,
    pub lookups: Vec<Lookup>,
    pub generation: u64,
}

/// Such a portion with what was read of it beside readers.
#[derive(Default)]
pub(crate) struct Ahead {
    pub keys: Vec<TraceKey>,
    pub learnt: Vec<Learnt>,
    /// As of which it was looked up.
    pub generation: u64,
    pub spans: SpansRead,
}

/// Spans by segment and row. What is in a segment never changes.
pub(crate) type SpansRead = HashMap<(u64, u32), Arc<Span>>;

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
        match std::mem::take(refresh) {
            Refresh::No => {}
            Refresh::Reader => {
                let due = self.watch.due(now);
                self.look_again(due);
            }
            Refresh::Upkeep(ahead) => self.take_over(ahead),
        }
        let lookups = self.lookups();
        if !lookups.is_empty() {
            return Step::Lookup(lookups, self.generation);
        }
        self.supersede();
        let unresolved = self.unresolved();
        if unresolved.is_empty() { Step::Ready } else { Step::Resolve(unresolved) }
    }

    /// The next of the runs that readers left.
    pub fn portion(&mut self, now: Timestamp) -> Portion {
        let keys = self.watch.portion(now);
        let mut lookups: BTreeMap<u64, Lookup> = BTreeMap::new();
        for key in keys.iter().filter(|key| !self.sealed.contains_key(key)) {
            for meta in may_hold(&self.segments, &self.project_names, &self.unreadable, *key, 0) {
                ask(&mut lookups, meta, *key);
            }
        }
        Portion { keys, lookups: lookups.into_values().collect(), generation: self.generation }
    }

    /// Takes over what was read of runs ahead of their turn.
    fn take_over(&mut self, ahead: Ahead) {
        let Ahead { keys, mut learnt, generation, .. } = ahead;
        // What somebody else looked up meanwhile is known already: noted twice, its rows would be there twice.
        let is_new = |key: &TraceKey| !self.sealed.contains_key(key);
        for Learnt { lookup, spans, runs } in &mut learnt {
            lookup.keys.retain(is_new);
            spans.retain(|(key, _)| is_new(key));
            runs.retain(|(key, _)| is_new(key));
        }
        self.learn(learnt, generation);
        // Some may have been erased meanwhile.
        let keys = keys.into_iter().filter(|key| self.watch.has(*key)).collect();
        self.look_again(keys);
    }

    /// Has runs resolved again although no span of them came.
    fn look_again(&mut self, keys: Vec<TraceKey>) {
        for key in keys {
            self.touched.insert(key);
            self.refresh.insert(key);
        }
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
            for meta in may_hold(segments, project_names, unreadable, *key, entry.checked) {
                found = true;
                ask(&mut lookups, meta, *key);
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
        if meta.table == Table::Bodies {
            // What was in it is to be kept once more.
            self.known.clear();
        }
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

/// Segments in which rows of a trace may be, of those that are newer than the generation up to which it was looked up.
fn may_hold<'a>(
    segments: &'a [BTreeMap<u64, Segment>; Table::ALL.len()],
    projects: &'a [Arc<str>],
    unreadable: &'a HashSet<u64>,
    key: TraceKey,
    checked: u64,
) -> impl Iterator<Item = &'a Arc<SegmentMeta>> {
    let tables = [Table::Spans, Table::Runs].into_iter().flat_map(move |table| segments[table as usize].values());
    let newer = tables.filter(move |segment| segment.generation > checked).map(|segment| &segment.meta);
    newer.filter(move |meta| {
        *meta.project == *projects[key.project as usize]
            && meta.may_contain(key.trace)
            && !unreadable.contains(&meta.id)
    })
}

/// Adds a trace to what a segment is asked.
fn ask(lookups: &mut BTreeMap<u64, Lookup>, meta: &Arc<SegmentMeta>, key: TraceKey) {
    let lookup = lookups.entry(meta.id).or_insert_with(|| Lookup { meta: Arc::clone(meta), keys: Vec::new() });
    lookup.keys.push(key);
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
