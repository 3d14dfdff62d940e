//! The counters: series by family and labels, what runs gave them, and which runs are running.
//!
//! A run's share ([`Registry::share`]) is compared with what it gave before ([`Counted::since`]); the difference is staged,
//! kept durably by the caller together with the run's new share, and then takes effect ([`Registry::commit`]). Counters
//! cannot go down: where a run turns out to have given less than was counted, the difference goes to a counter of
//! corrections by family.
//!
//! Labels are bounded: a family that has [`Limits::label_sets`] of them gives further ones as `other`, and counts that.

mod rows;
mod share;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{ResolvedStep, Run, RunStatus, SpanId, Tenant, Timestamp, TraceId};

use super::FastMap;
use super::counted::{CELL_BITS, Cell, Counted};
use super::family::Kind;
use super::id::Id;
use super::observe::UNKNOWN;
use super::recent::Recent;
use super::sheet::{Places, Sheet};
use super::subject::Subjects;
use super::table::FAMILIES;
use super::texts::{Texts, cut};

/// The value that stands for all values past the bound.
pub const OTHER: &str = "other";
/// Labels every series has before its family's own: project, environment.
pub(super) const TENANT_LABELS: usize = 2;
/// Labels a series has at most, those two included.
const LABELS_MAX: usize = TENANT_LABELS + 5;

/// Bounds of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sets of labels of one family. A set of a histogram takes about 400 bytes, of a counter 200. Those for what does not fit come on top: one for
    /// each project, environment and combination of our own words, and none for further environments past twice as many.
    pub label_sets: usize,
    /// Runs that are watched as running; further ones do not show in the gauges.
    pub active_runs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { label_sets: 2_000, active_runs: 100_000 }
    }
}

/// A trace that explains a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// Trace.
    pub trace_id: TraceId,
    /// The step, where it is one step's observation.
    pub span_id: Option<SpanId>,
    /// What was observed.
    pub value: f64,
    /// When it was counted.
    pub at: Timestamp,
}

/// A series.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub family: Id,
    /// Project, environment, then the family's.
    pub labels: Box<[Arc<str>]>,
    pub cells: Box<[f64]>,
    /// Of the buckets; empty for others.
    pub exemplars: Box<[Option<Exemplar>]>,
    /// When it began.
    pub created: Timestamp,
}

/// A series as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    /// Its number: what [`Counted`] refers to.
    pub id: u32,
    /// Name of its family.
    pub family: String,
    /// Shape of the family: numbers of another shape are not continued.
    pub shape: Cow<'static, str>,
    /// Values of its labels.
    pub labels: Vec<String>,
    /// Its numbers.
    pub cells: Vec<f64>,
}

/// What a run gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Share {
    /// To which numbers.
    pub counted: Counted,
    /// A trace for each bucket it falls into.
    pub exemplars: Vec<(Cell, Exemplar)>,
}

/// Who sends metrics of the conventions themselves: by project, then by service, which families. For these services they are not
/// derived as well.
pub type Sent = HashMap<Arc<str>, Arc<HashMap<String, Vec<Id>>>>;

/// What a series is found by: its family, and its labels as numbers; unused ones are 0.
type Key = (Id, [u32; LABELS_MAX]);

/// A run that is running.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub tenant: Tenant,
    pub agent: Arc<str>,
    pub workflow: Arc<str>,
    pub session: Option<Arc<str>>,
    pub last_step: Timestamp,
}

/// All counters.
#[derive(Debug)]
pub struct Registry {
    limits: Limits,
    pub(super) series: Vec<Option<Series>>,
    places: Places,
    texts: Texts,
    by_key: FastMap<Key, u32>,
    subjects: Subjects,
    label_sets: [usize; FAMILIES.len()],
    /// Observations that went to `other`, by family.
    pub(super) folded: [f64; FAMILIES.len()],
    /// What was counted too much, by family.
    pub(super) corrections: [f64; FAMILIES.len()],
    pub(super) active: HashMap<(Arc<str>, TraceId), Active>,
    pub(super) recent: Recent,
    sent: Sent,
    /// What a run gives, while it is added up.
    sheet: Sheet,
    staged: Sheet,
    staged_corrections: BTreeMap<usize, f64>,
    staged_exemplars: Vec<(Cell, Exemplar)>,
    unsaved: BTreeSet<u32>,
}

impl Registry {
    /// An empty registry.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            series: Vec::new(),
            places: Places::default(),
            texts: Texts::default(),
            by_key: FastMap::default(),
            subjects: Subjects::default(),
            label_sets: [0; FAMILIES.len()],
            folded: [0.0; FAMILIES.len()],
            corrections: [0.0; FAMILIES.len()],
            active: HashMap::new(),
            recent: Recent::default(),
            sent: Sent::default(),
            sheet: Sheet::default(),
            staged: Sheet::default(),
            staged_corrections: BTreeMap::new(),
            staged_exemplars: Vec::new(),
            unsaved: BTreeSet::new(),
        }
    }

    /// A registry as it was kept: its series and the corrections by family name. Series of families that are no longer
    /// there, or changed their shape, are left out.
    pub fn restored(limits: Limits, rows: Vec<SeriesRow>, corrections: &[(String, f64)]) -> Self {
        let mut registry = Self::new(limits);
        let size = rows.iter().map(|row| row.id as usize + 1).max().unwrap_or(0);
        registry.series.resize_with(size, || None);
        for row in rows {
            let Some(family) = FAMILIES.iter().find(|family| family.name == row.family) else { continue };
            if family.shape() != row.shape
                || row.cells.len() != family.cells()
                || row.labels.len() != family.labels.len() + TENANT_LABELS
            {
                continue;
            }
            let labels: Vec<&str> = row.labels.iter().map(String::as_str).collect();
            let labels = registry.place(row.id, family.id, &labels);
            registry.series[row.id as usize] = Some(Series {
                family: family.id,
                labels,
                cells: row.cells.into(),
                exemplars: vec![None; exemplars(family.id)].into(),
                // They were seen before, so they need no zero.
                created: Timestamp::from_nanos(i64::MIN),
            });
        }
        for (name, amount) in corrections {
            if let Some(family) = FAMILIES.iter().find(|family| family.name == *name) {
                registry.corrections[family.id as usize] = *amount;
            }
        }
        registry
    }

    /// Says who sends which families themselves ([`Sent`]); it holds for runs that are looked at from now on.
    pub fn set_sent(&mut self, sent: Sent) {
        self.sent = sent;
    }

    /// Stages an observation that is no run's share: of something that is over once and for all. It takes effect as what
    /// [`Registry::stage`] stages.
    pub fn add(&mut self, tenant: &Tenant, family: Id, labels: &[&str], value: f64, now: Timestamp) {
        let labels: Vec<&str> =
            [&*tenant.project, &*tenant.environment].into_iter().chain(labels.iter().copied()).map(cut).collect();
        let (series, _) = self.series_of(family, &labels, now);
        let family = family.family();
        if family.kind == Kind::Histogram {
            self.staged.add(&self.places, Cell::new(series, family.bucket(value)), 1.0);
            self.staged.add(&self.places, Cell::new(series, family.cells() - 1), value);
        } else {
            self.staged.add(&self.places, Cell::new(series, 0), value);
        }
    }

    /// The series with these labels: project and environment, then the family's. Whether it is their own, and not the one for all that do
    /// not fit.
    fn series_of(&mut self, family: Id, labels: &[&str], now: Timestamp) -> (u32, bool) {
        if let Some(known) = self.known_series(family, labels) {
            return (known, true);
        }
        // The last set of a family is for all that do not fit; words of ours stay as they are.
        if self.label_sets[family as usize] + 1 < self.limits.label_sets {
            return (self.new_series(family, labels, now), true);
        }
        self.folded[family as usize] += 1.0;
        let mut folded = labels.to_vec();
        for (to, label) in folded[TENANT_LABELS..].iter_mut().zip(family.family().labels) {
            if !label.is_bounded() {
                *to = OTHER;
            }
        }
        // Environments are few as a rule; where somebody makes one up for each run, they go as well.
        if self.label_sets[family as usize] >= self.limits.label_sets.saturating_mul(2) {
            folded[1] = OTHER;
        }
        let known = self.known_series(family, &folded);
        (known.unwrap_or_else(|| self.new_series(family, &folded, now)), false)
    }

    fn known_series(&self, family: Id, labels: &[&str]) -> Option<u32> {
        let mut key: Key = (family, [0; LABELS_MAX]);
        for (to, label) in key.1.iter_mut().zip(labels) {
            *to = self.texts.known(label)?;
        }
        self.by_key.get(&key).copied()
    }

    fn new_series(&mut self, family: Id, labels: &[&str], now: Timestamp) -> u32 {
        let id = self.series.len() as u32;
        debug_assert!(id < 1 << (32 - CELL_BITS), "bounded by the label sets of all families");
        let labels = self.place(id, family, labels);
        self.unsaved.insert(id);
        self.series.push(Some(Series {
            family,
            labels,
            cells: vec![0.0; family.family().cells()].into(),
            exemplars: vec![None; exemplars(family)].into(),
            created: now,
        }));
        id
    }

    /// Makes a series known under its labels, and gives it places for its numbers.
    fn place(&mut self, id: u32, family: Id, labels: &[&str]) -> Box<[Arc<str>]> {
        let mut key: Key = (family, [0; LABELS_MAX]);
        let keep = |(to, label): (&mut u32, &&str)| {
            let (number, text) = self.texts.keep(label);
            *to = number;
            text
        };
        let labels = key.1.iter_mut().zip(labels).map(keep).collect();
        self.by_key.insert(key, id);
        self.label_sets[family as usize] += 1;
        self.places.give(id, family.family().cells());
        labels
    }

    /// Stages what has changed of a run's share.
    pub fn stage(&mut self, changes: &[(Cell, f64)], exemplars: Vec<(Cell, Exemplar)>) {
        for (cell, more) in changes {
            if *more >= 0.0 {
                self.staged.add(&self.places, *cell, *more);
                continue;
            }
            let Some(series) = self.series.get(cell.series() as usize).and_then(Option::as_ref) else { continue };
            let family = series.family.family();
            // Of a histogram, observations are corrected, not their sum.
            if cell.at() + 1 < family.cells() || family.kind == Kind::Counter {
                *self.staged_corrections.entry(series.family as usize).or_default() -= more;
            }
        }
        // A share that is shown again brings nothing new to explain. Changes come in the order of cells.
        let is_new =
            |cell: &Cell| changes.binary_search_by_key(cell, |(cell, _)| *cell).is_ok_and(|at| changes[at].1 > 0.0);
        self.staged_exemplars.extend(exemplars.into_iter().filter(|(cell, _)| is_new(cell)));
    }

    /// What was staged takes effect: it was kept.
    pub fn commit(&mut self, now: Timestamp) {
        for (cell, more) in self.staged.drain(&self.places) {
            if let Some(series) = self.series.get_mut(cell.series() as usize).and_then(Option::as_mut) {
                series.cells[cell.at()] += more;
                self.recent.add(cell, more, now);
            }
        }
        for (cell, exemplar) in std::mem::take(&mut self.staged_exemplars) {
            let series = self.series.get_mut(cell.series() as usize).and_then(Option::as_mut);
            if let Some(place) = series.and_then(|series| series.exemplars.get_mut(cell.at())) {
                *place = Some(exemplar);
            }
        }
        for (family, more) in std::mem::take(&mut self.staged_corrections) {
            self.corrections[family] += more;
        }
        self.unsaved.clear();
    }

    /// Forgets what was staged: it could not be kept.
    pub fn discard(&mut self) {
        self.staged.drain(&self.places);
        self.staged_exemplars.clear();
        self.staged_corrections.clear();
    }

    /// Notes how a run stands, for the gauges.
    pub fn note(&mut self, run: &Run, steps: &[ResolvedStep]) {
        let key = (Arc::clone(&run.tenant.project), run.trace_id);
        if run.status != RunStatus::Running {
            self.active.remove(&key);
            return;
        }
        if self.active.len() >= self.limits.active_runs && !self.active.contains_key(&key) {
            return;
        }
        let unknown = || Arc::from(UNKNOWN);
        let last_step = steps.iter().map(|step| step.span.end.max(step.span.start)).max().unwrap_or_default();
        let active = Active {
            tenant: run.tenant.clone(),
            agent: run.agent_or_service().map_or_else(unknown, Arc::from),
            workflow: run.workflow.clone().unwrap_or_else(|| Arc::clone(&run.name)),
            session: run.session_id.clone(),
            last_step,
        };
        self.active.insert(key, active);
    }

    /// Forgets a run that is none any more, for the gauges.
    pub fn forget(&mut self, project: &str, trace_id: TraceId) {
        self.active.remove(&(Arc::from(project), trace_id));
    }

    /// Sets of labels of a family.
    pub fn label_sets(&self, id: Id) -> usize {
        self.label_sets[id as usize]
    }

    /// Observations that went to [`OTHER`] since the registry was made, of all families.
    pub fn folded(&self) -> u64 {
        self.folded.iter().sum::<f64>() as u64
    }

    /// The bounds in use.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

/// Buckets have exemplars.
fn exemplars(id: Id) -> usize {
    let family = id.family();
    if family.kind == Kind::Histogram { family.buckets.len() + 1 } else { 0 }
}
