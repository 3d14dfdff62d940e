//! The counters: series by family and labels, what runs gave them, and which runs are running.
//!
//! A run's share ([`Registry::share`]) is compared with what it gave before ([`Counted::since`]); the difference is staged,
//! kept durably by the caller together with the run's new share, and then takes effect ([`Registry::commit`]). Counters
//! cannot go down: where a run turns out to have given less than was counted, the difference goes to a counter of
//! corrections by family.
//!
//! Labels are bounded: a family that has [`Limits::label_sets`] of them gives further ones as `other`, and counts that.

mod rows;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{ResolvedStep, Run, RunStatus, SpanId, Tenant, Timestamp, TraceId};

use super::FastMap;
use super::counted::{CELL_BITS, Cell, Counted};
use super::family::{Family, Kind};
use super::id::Id;
use super::observe::{LABELS_MAX, Observation, Score, UNKNOWN, observe};
use super::recent::Recent;
use super::sheet::Sheet;
use super::table::FAMILIES;
use super::texts::{Near, Texts};

/// The value that stands for all values past the bound.
pub const OTHER: &str = "other";
/// Characters of a label's value; the rest is cut.
pub const LABEL_CHARS: usize = 120;
/// Labels every series has before its family's own: project, environment.
pub(super) const TENANT_LABELS: usize = 2;

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

/// Labels as numbers; unused ones are 0.
type Numbers = [u32; TENANT_LABELS + LABELS_MAX];

/// What a series is found by: its family, and its labels.
type Key = (Id, Numbers);

/// Stands for no series.
const NO_SERIES: u32 = u32::MAX;

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
    /// Where the numbers of each series begin in a [`Sheet`].
    places: Vec<u32>,
    places_end: u32,
    texts: Texts,
    by_key: FastMap<Key, u32>,
    /// The series of each family that was found last: the next observation mostly has the same labels.
    last: [(Numbers, u32); FAMILIES.len()],
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
            places: Vec::new(),
            places_end: 0,
            texts: Texts::default(),
            by_key: FastMap::default(),
            last: [(Numbers::default(), NO_SERIES); FAMILIES.len()],
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
        registry.places.resize(size, 0);
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

    /// What a run gives, whatever it gave before. Series it needs are made, at zero.
    pub fn share(&mut self, run: &Run, steps: &[ResolvedStep], scores: &[Score], now: Timestamp) -> Share {
        let mut near = Near::default();
        let mut sheet = std::mem::take(&mut self.sheet);
        let mut exemplars: Vec<(Cell, Exemplar)> = Vec::new();
        let sent = self.sent.get(&run.tenant.project).cloned();
        let is_sent = |observation: &Observation<'_>| {
            let (Some(sent), Some(at)) = (&sent, observation.step) else { return false };
            let service = steps[at].span.service.as_deref().or(run.service.as_deref());
            service.and_then(|service| sent.get(service)).is_some_and(|ids| ids.contains(&observation.family))
        };
        observe(run, steps, scores, &mut |observation| {
            if is_sent(&observation) {
                return;
            }
            let series = self.series_of(&mut near, &run.tenant, &observation, now);
            let place = self.places[series as usize];
            let family = observation.family.family();
            if family.kind != Kind::Histogram {
                sheet.add(Cell::new(series, 0), place, observation.value);
                return;
            }
            let (bucket, sum) = (family.bucket(observation.value), family.cells() - 1);
            let first = sheet.add(Cell::new(series, bucket), place + bucket as u32, 1.0);
            sheet.add(Cell::new(series, sum), place + sum as u32, observation.value);
            if first {
                let span_id = observation.step.map(|at| steps[at].span.span_id);
                let exemplar = Exemplar { trace_id: run.trace_id, span_id, value: observation.value, at: now };
                exemplars.push((Cell::new(series, bucket), exemplar));
            }
        });
        let counted = Counted::in_order(sheet.drain());
        self.sheet = sheet;
        Share { counted, exemplars }
    }

    /// Says who sends which families themselves ([`Sent`]); it holds for runs that are looked at from now on.
    pub fn set_sent(&mut self, sent: Sent) {
        self.sent = sent;
    }

    /// Stages an observation that is no run's share: of something that is over once and for all. It takes effect as what
    /// [`Registry::stage`] stages.
    pub fn add(&mut self, tenant: &Tenant, family: Id, labels: &[&str], value: f64, now: Timestamp) {
        let mut all = [""; LABELS_MAX];
        all[..labels.len()].copy_from_slice(labels);
        let observation = Observation { family, labels: all, value, step: None };
        let series = self.series_of(&mut Near::default(), tenant, &observation, now);
        let cells = match family.family() {
            Family { kind: Kind::Histogram, .. } => {
                vec![(family.family().bucket(value), 1.0), (family.family().cells() - 1, value)]
            }
            _ => vec![(0, value)],
        };
        for (at, more) in cells {
            self.staged.add(Cell::new(series, at), self.places[series as usize] + at as u32, more);
        }
    }

    /// The series of an observation.
    #[inline]
    fn series_of<'a>(
        &mut self,
        near: &mut Near<'a>,
        tenant: &Tenant,
        observation: &Observation<'a>,
        now: Timestamp,
    ) -> u32 {
        if near.tenant.is_none() {
            let known = |text: &str| self.texts.known(cut(text));
            near.tenant = known(&tenant.project).zip(known(&tenant.environment));
        }
        let Some((project, environment)) = near.tenant else { return self.new_series(tenant, observation, now) };
        let family = observation.family;
        let mut numbers = [0; TENANT_LABELS + LABELS_MAX];
        (numbers[0], numbers[1]) = (project, environment);
        let texts = observation.labels.into_iter().zip(family.family().labels);
        for (to, (text, label)) in numbers[TENANT_LABELS..].iter_mut().zip(texts) {
            match near.known(&self.texts, *label, cut(text)) {
                Some(number) => *to = number,
                None => return self.new_series(tenant, observation, now),
            }
        }
        let (last, series) = &self.last[family as usize];
        if *series != NO_SERIES && *last == numbers {
            return *series;
        }
        match self.by_key.get(&(family, numbers)) {
            Some(&known) => {
                self.last[family as usize] = (numbers, known);
                known
            }
            None => self.new_series(tenant, observation, now),
        }
    }

    /// Makes a series for an observation that has none, or finds the one for all that do not fit.
    #[cold]
    fn new_series(&mut self, tenant: &Tenant, observation: &Observation<'_>, now: Timestamp) -> u32 {
        let family = observation.family.family();
        let mut labels = [""; TENANT_LABELS + LABELS_MAX];
        (labels[0], labels[1]) = (cut(&tenant.project), cut(&tenant.environment));
        for (to, label) in labels[TENANT_LABELS..].iter_mut().zip(observation.labels) {
            *to = cut(label);
        }
        let count = TENANT_LABELS + family.labels.len();
        // The last set of a family is for all that do not fit; words of ours stay as they are.
        if self.label_sets[family.id as usize] + 1 >= self.limits.label_sets {
            self.folded[family.id as usize] += 1.0;
            for (to, label) in labels[TENANT_LABELS..].iter_mut().zip(family.labels) {
                if !label.is_bounded() {
                    *to = OTHER;
                }
            }
            // Environments are few as a rule; where somebody makes one up for each run, they go as well.
            if self.label_sets[family.id as usize] >= self.limits.label_sets.saturating_mul(2) {
                labels[1] = OTHER;
            }
            let mut key: Key = (family.id, [0; TENANT_LABELS + LABELS_MAX]);
            let numbers: Option<Vec<u32>> = labels[..count].iter().map(|label| self.texts.known(label)).collect();
            if let Some(numbers) = numbers {
                key.1[..count].copy_from_slice(&numbers);
                if let Some(&known) = self.by_key.get(&key) {
                    return known;
                }
            }
        }
        let id = self.series.len() as u32;
        debug_assert!(id < 1 << (32 - CELL_BITS), "bounded by the label sets of all families");
        self.places.push(0);
        let labels = self.place(id, family.id, &labels[..count]);
        self.unsaved.insert(id);
        self.series.push(Some(Series {
            family: family.id,
            labels,
            cells: vec![0.0; family.cells()].into(),
            exemplars: vec![None; exemplars(family.id)].into(),
            created: now,
        }));
        id
    }

    /// Makes a series known under its labels, and gives it places for its numbers.
    fn place(&mut self, id: u32, family: Id, labels: &[&str]) -> Box<[Arc<str>]> {
        let mut key: Key = (family, [0; TENANT_LABELS + LABELS_MAX]);
        let keep = |(to, label): (&mut u32, &&str)| {
            let (number, text) = self.texts.keep(label);
            *to = number;
            text
        };
        let labels = key.1.iter_mut().zip(labels).map(keep).collect();
        self.by_key.insert(key, id);
        self.label_sets[family as usize] += 1;
        self.places[id as usize] = self.places_end;
        self.places_end += family.family().cells() as u32;
        labels
    }

    /// Stages what has changed of a run's share.
    pub fn stage(&mut self, changes: &[(Cell, f64)], exemplars: Vec<(Cell, Exemplar)>) {
        for (cell, more) in changes {
            if *more >= 0.0 {
                let Some(place) = self.places.get(cell.series() as usize) else { continue };
                self.staged.add(*cell, place + cell.at() as u32, *more);
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
        for (cell, more) in self.staged.drain() {
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
        self.staged.drain();
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
            agent: run.agent.clone().or_else(|| run.service.clone()).unwrap_or_else(unknown),
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

fn cut(text: &str) -> &str {
    if text.len() <= LABEL_CHARS {
        return text;
    }
    text.char_indices().nth(LABEL_CHARS).map_or(text, |(end, _)| &text[..end])
}
