//! What is known right now: hot rows, the list of segments, and which traces have to be looked at again.
//!
//! One lock guards it. Nothing under the lock waits: reading segments and resolving runs happens outside, between two
//! looks (see `settle.rs`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use model::{SpanId, Timestamp};

use crate::calls::{RecentCalls, Told};
use crate::entry::{Changed, Committed, Rows};
use crate::hot::{Hot, HotView, Inserted, Map, Set, TraceKey, rank};
use crate::known::KnownBodies;
use crate::resolver::RunResolver;
use crate::retention::DroppedByLayer;
use crate::rows::bodies::BodyRow;
use crate::schema::Table;
use crate::settings::RECENT_IDS;
use crate::snapshot::SegmentMeta;
use crate::watch::Watch;

/// A segment as the state knows it.
#[derive(Clone)]
pub(crate) struct Segment {
    pub meta: Arc<SegmentMeta>,
    /// Rises with each change of the list; tells which segments a trace has not been looked up in yet.
    pub generation: u64,
    /// Rows that no longer count, as in the catalog. Sorted.
    pub deleted: Arc<Vec<u32>>,
}

/// A row of a span in a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedSpan {
    pub segment: u64,
    pub row: u32,
    pub span_id: SpanId,
    pub version: u64,
    pub ended: bool,
}

/// What is known of a hot trace's rows in segments.
#[derive(Debug, Default)]
pub(crate) struct SealedTrace {
    /// Looked up in every segment up to this generation.
    pub checked: u64,
    pub spans: Vec<SealedSpan>,
    /// Segment and row of its runs.
    pub runs: Vec<(u64, u32)>,
}

/// Ids of log records or samples seen lately, oldest first: those in memory and [`RECENT_IDS`] before them.
#[derive(Default)]
pub(crate) struct RecentIds {
    known: Set<(u32, u128)>,
    order: VecDeque<(u32, u128)>,
}

impl RecentIds {
    /// Notes an id; false if it was known. `hot` ids are the newest and never forgotten.
    pub fn insert(&mut self, id: (u32, u128), hot: usize) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        while self.order.len() > RECENT_IDS + hot + 1 {
            if let Some(old) = self.order.pop_front() {
                self.known.remove(&old);
            }
        }
        true
    }
}

/// Counters of [`crate::Stats`] that are kept under the lock.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub commits: u64,
    pub replayed: u64,
    pub duplicate_spans: u64,
    pub duplicate_logs: u64,
    pub duplicate_samples: u64,
    pub flushes: u64,
    pub compactions: u64,
    pub environments_folded: u64,
    pub days_folded: u64,
    pub body_bytes_seen: u64,
    pub body_bytes_kept: u64,
}

/// Damaged files that are named; further ones are only counted.
const DAMAGE_NAMED: usize = 20;

/// Everything under the lock.
#[derive(Default)]
pub(crate) struct State {
    projects: HashMap<Arc<str>, u32>,
    pub(crate) project_names: Vec<Arc<str>>,
    /// Takes rows.
    pub active: Hot,
    /// Is being flushed.
    pub frozen: Option<Hot>,
    /// Its rows as they were when it was frozen: what is written, also where a first attempt failed. Rows replaced since
    /// are still in it; what replaced them replaces them in the segment too.
    pub frozen_views: Vec<(Table, HotView)>,
    /// When the oldest row of `active` came.
    pub active_since: Option<Timestamp>,
    /// By table, by id: oldest first.
    pub segments: [BTreeMap<u64, Segment>; Table::ALL.len()],
    /// Of the newest change of `segments`.
    pub generation: u64,
    pub sealed: Map<TraceKey, SealedTrace>,
    /// Traces with hot rows that were not yet compared with segments.
    pub touched: Set<TraceKey>,
    /// Traces whose run has to be resolved, each with the number of its last change.
    pub dirty: Map<TraceKey, u64>,
    changes: u64,
    /// Traces whose run is resolved again because time passed.
    pub refresh: Set<TraceKey>,
    pub watch: Watch,
    /// Traces whose run has become part of another's: rows of it in segments no longer count. Kept until segments written
    /// meanwhile are compared; those of the round before are still looked at.
    pub parts: BTreeSet<TraceKey>,
    pub earlier_parts: BTreeSet<TraceKey>,
    pub recent_logs: RecentIds,
    pub recent_samples: RecentIds,
    pub recent_calls: RecentCalls,
    /// Bodies that need not be kept once more.
    pub known: KnownBodies,
    /// Segments whose file could not be read. They are not asked again, so that one bad file does not stop everything;
    /// queries that need them fail with their name.
    pub unreadable: HashSet<u64>,
    /// What is damaged, for people: the file and what is wrong with it. At most [`DAMAGE_NAMED`].
    pub damage: BTreeMap<String, String>,
    /// Environments that have a directory of their own.
    pub environments: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Sequence number of the last request whose rows are here.
    pub applied: u64,
    /// Every request up to this number is in segments.
    pub flushed: u64,
    /// The position that committing the frozen rows reaches.
    pub frozen_through: u64,
    pub counters: Counters,
    /// What retention removed so far.
    pub dropped: DroppedByLayer,
}

impl State {
    /// A state without rows, all requests up to `flushed` being in segments.
    pub fn new(flushed: u64) -> Self {
        Self { applied: flushed, flushed, ..Self::default() }
    }

    /// A number for a project.
    pub fn project(&mut self, name: &Arc<str>) -> u32 {
        if let Some(number) = self.projects.get(name) {
            return *number;
        }
        let number = self.project_names.len() as u32;
        self.projects.insert(Arc::clone(name), number);
        self.project_names.push(Arc::clone(name));
        number
    }

    /// The number of a project that is known.
    pub fn known_project(&self, name: &str) -> Option<u32> {
        self.projects.get(name).copied()
    }

    /// The name of a project.
    pub fn project_name(&self, number: u32) -> &Arc<str> {
        &self.project_names[number as usize]
    }

    /// The names of all projects that there is something of.
    pub fn all_projects(&self) -> BTreeSet<Arc<str>> {
        let segments = self.segments.iter().flat_map(BTreeMap::values);
        self.project_names.iter().cloned().chain(segments.map(|segment| Arc::clone(&segment.meta.project))).collect()
    }

    /// Both generations of hot rows, the newer first.
    pub fn hot(&self) -> impl Iterator<Item = &Hot> {
        std::iter::once(&self.active).chain(&self.frozen)
    }

    /// Bytes of rows in memory.
    pub fn hot_bytes(&self) -> usize {
        self.hot().map(Hot::bytes).sum()
    }

    /// Rows of a table in memory.
    pub fn hot_rows(&self, table: Table) -> usize {
        self.hot().map(|hot| hot.rows(table)).sum()
    }

    /// Notes what is wrong with a file.
    pub fn note_damage(&mut self, file: String, wrong: String) {
        if self.damage.len() < DAMAGE_NAMED {
            self.damage.insert(file, wrong);
        }
    }

    /// Notes parts of the log that were set aside.
    pub fn note_log_damage(&mut self, copies: &[PathBuf]) {
        for copy in copies {
            let wrong = "a damaged part of the log, set aside at start; the requests in it are lost".into();
            self.note_damage(copy.display().to_string(), wrong);
        }
    }

    /// Notes that a trace's spans changed.
    pub fn mark_dirty(&mut self, key: TraceKey) {
        self.changes += 1;
        self.dirty.insert(key, self.changes);
    }

    /// Takes over the rows of a request that is durable.
    pub fn apply(
        &mut self,
        sequence: u64,
        received: Timestamp,
        rows: Rows,
        resolver: &dyn RunResolver,
    ) -> (Committed, Vec<Changed>) {
        let mut duplicates = 0;
        let mut changed: Vec<TraceKey> = Vec::new();
        let mut keys = KeyCache::default();
        if !rows.is_empty() {
            self.active_since.get_or_insert(received);
        }
        self.counters.body_bytes_seen += rows.body_bytes_seen;
        let mut marked: Option<TraceKey> = None;
        for mut row in rows.spans {
            let span = Arc::make_mut(&mut Arc::make_mut(&mut row).span);
            span.version = sequence;
            let key = keys.get(self, &span.tenant.project, span.trace_id);
            if changed.last() != Some(&key) {
                changed.push(key);
            }
            let call = row.span.response_id.is_some().then(|| Arc::clone(&row.span));
            let inserted = self.insert_span(key, row);
            if inserted != Inserted::New {
                duplicates += 1;
                self.counters.duplicate_spans += 1;
            }
            if inserted == Inserted::Refused {
                continue;
            }
            // Spans of a trace mostly come one after the other: one mark is enough for them.
            if marked.replace(key) != Some(key) {
                self.touched.insert(key);
                self.mark_dirty(key);
            }
            if let Some(told) = call.and_then(|span| self.recent_calls.note(key.project, &span, resolver)) {
                changed.extend(self.mark_told(key.project, &told));
            }
        }
        for mut row in rows.bodies {
            row.version = sequence;
            let key = keys.get(self, &row.tenant.project, row.trace_id);
            if self.has_body(key, &row, received) {
                continue;
            }
            let bytes = row.text.len() as u64;
            if self.active.insert_body(key, row) {
                self.counters.body_bytes_kept += bytes;
            }
        }
        for mut row in rows.logs {
            row.log.version = sequence;
            let project = self.project(&row.log.tenant.project);
            let hot = self.hot_rows(Table::Logs);
            if !self.recent_logs.insert((project, row.log.id), hot) {
                duplicates += 1;
                self.counters.duplicate_logs += 1;
                continue;
            }
            let key = row.log.trace_id.map(|trace| TraceKey { project, trace });
            changed.extend(key.filter(|key| changed.last() != Some(key)));
            self.active.insert_log(key, row);
        }
        for mut row in rows.samples {
            row.version = sequence;
            let project = self.project(&row.tenant.project);
            let hot = self.hot_rows(Table::Samples);
            if !self.recent_samples.insert((project, row.id()), hot) {
                duplicates += 1;
                self.counters.duplicate_samples += 1;
                continue;
            }
            self.active.samples.push(Arc::new(row));
        }
        self.applied = self.applied.max(sequence);
        self.counters.commits += 1;
        changed.sort_unstable();
        changed.dedup();
        let changed = changed.into_iter().map(|key| Changed {
            project: Arc::clone(self.project_name(key.project)),
            trace_id: key.trace,
            version: sequence,
        });
        (Committed { sequence, duplicates }, changed.collect())
    }

    /// Whether a body is in a segment already, or about to be, so that what refers to it may rely on that.
    fn has_body(&self, key: TraceKey, row: &BodyRow, received: Timestamp) -> bool {
        !self.known.is_shut()
            && (self.frozen.as_ref().is_some_and(|frozen| frozen.has_body(key, row.hash))
                || self.known.has(key, row.hash, row.started, received))
    }

    fn insert_span(&mut self, key: TraceKey, row: Arc<crate::rows::spans::SpanRow>) -> Inserted {
        let mut replaced = false;
        if let Some(frozen) = &mut self.frozen
            && let Some(old) = frozen.span(key, row.span.span_id)
        {
            if rank(&old.span) > rank(&row.span) {
                return Inserted::Refused;
            }
            // The flush that is under way still writes it; the new row then replaces it there.
            frozen.remove_span(key, row.span.span_id);
            replaced = true;
        }
        match self.active.insert_span(key, row) {
            Inserted::New if replaced => Inserted::Replaced,
            inserted => inserted,
        }
    }

    /// Marks the telling of a call that does not count. Where its row has left for a segment, the other telling, which has
    /// just come, is marked instead: either way the call counts once.
    fn mark_told(&mut self, project: u32, told: &Told) -> Option<TraceKey> {
        for (span, by) in [(&told.span, &told.by), (&told.by, &told.span)] {
            let key = TraceKey { project, trace: span.trace_id };
            if self.active.mark_told(key, span.span_id, by.trace_id) {
                self.mark_dirty(key);
                return Some(key);
            }
        }
        None
    }

    /// Puts a resolved run among the hot rows.
    pub fn insert_run(&mut self, key: TraceKey, run: model::Run, now: Timestamp, changes: Option<Timestamp>) {
        self.watch.note(key, &run, now, changes);
        self.parts.remove(&key);
        self.earlier_parts.remove(&key);
        if let Some(frozen) = &mut self.frozen {
            frozen.remove_run(key);
        }
        self.active_since.get_or_insert(now);
        self.active.insert_run(key, run);
        self.touched.insert(key);
    }

    /// Whether a row of a segment no longer counts.
    pub fn is_deleted(&self, table: Table, segment: u64, row: u32) -> bool {
        let sealed = self.segments[table as usize].get(&segment);
        sealed.is_none_or(|segment| segment.deleted.binary_search(&row).is_ok())
            || self.hot().any(|hot| hot.replaces.get(&segment).is_some_and(|rows| rows.contains(&row)))
    }

    /// Rows of a segment that no longer count: those of the catalog and those hot rows replace.
    pub fn deleted_rows(&self, segment: &Segment) -> Arc<Vec<u32>> {
        let hot: Vec<&BTreeSet<u32>> = self.hot().filter_map(|hot| hot.replaces.get(&segment.meta.id)).collect();
        if hot.is_empty() {
            return Arc::clone(&segment.deleted);
        }
        let mut rows: Vec<u32> = segment.deleted.iter().copied().chain(hot.into_iter().flatten().copied()).collect();
        // Two or three stretches that are sorted already, which a stable sort merges; every reader asks for this.
        rows.sort();
        rows.dedup();
        Arc::new(rows)
    }

    /// Adds segments to the list: hot traces have to be looked up in them.
    pub fn add_segments(&mut self, segments: impl IntoIterator<Item = (Arc<SegmentMeta>, Vec<u32>)>) {
        self.generation += 1;
        for (meta, deleted) in segments {
            let project = Arc::clone(&meta.project);
            self.project(&project);
            if let Some(environment) = &meta.environment {
                self.environments.entry(project).or_default().insert(Arc::clone(environment));
            }
            let segment = Segment { generation: self.generation, deleted: Arc::new(deleted), meta };
            self.segments[segment.meta.table as usize].insert(segment.meta.id, segment);
        }
        let State { active, frozen, touched, parts, earlier_parts, .. } = self;
        touched.extend(parts.iter().chain(earlier_parts.iter()));
        if frozen.is_none() {
            *earlier_parts = std::mem::take(parts);
        }
        for hot in std::iter::once(&*active).chain(frozen.as_ref()) {
            touched.extend(hot.traces.iter().filter(|(_, trace)| trace.has_work()).map(|(key, _)| *key));
        }
    }

    /// Takes segments off the list, and with them all that is known of their rows.
    pub fn remove_segments(&mut self, ids: &HashSet<u64>) {
        for table in &mut self.segments {
            table.retain(|id, _| !ids.contains(id));
        }
        self.unreadable.retain(|id| !ids.contains(id));
        for sealed in self.sealed.values_mut() {
            sealed.spans.retain(|span| !ids.contains(&span.segment));
            sealed.runs.retain(|(segment, _)| !ids.contains(segment));
        }
        for hot in std::iter::once(&mut self.active).chain(&mut self.frozen) {
            hot.replaces.retain(|segment, _| !ids.contains(segment));
        }
    }

    /// Forgets what was known of traces that left memory.
    pub fn forget_cold_traces(&mut self) {
        let State { sealed, active, frozen, dirty, touched, refresh, .. } = self;
        sealed.retain(|key, _| {
            active.traces.contains_key(key)
                || frozen.as_ref().is_some_and(|frozen| frozen.traces.contains_key(key))
                || refresh.contains(key)
                || dirty.contains_key(key)
                || touched.contains(key)
        });
    }
}

/// Spans of a request are mostly of one project: its number is looked up once.
#[derive(Default)]
struct KeyCache {
    last: Option<(Arc<str>, u32)>,
}

impl KeyCache {
    fn get(&mut self, state: &mut State, project: &Arc<str>, trace: model::TraceId) -> TraceKey {
        if let Some((name, number)) = &self.last
            && (Arc::ptr_eq(name, project) || name == project)
        {
            return TraceKey { project: *number, trace };
        }
        let number = state.project(project);
        self.last = Some((Arc::clone(project), number));
        TraceKey { project: number, trace }
    }
}
