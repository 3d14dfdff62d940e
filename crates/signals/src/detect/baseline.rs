//! What runs of one kind usually are, learned from good ones: small, mergeable, robust against outliers.
//!
//! The checks are those of the behavioural baselines that the observability chapter Tawny follows gives: model calls over 1.5 times
//! the 95th percentile, tokens over 3 times the median, latency over 2 times the 95th percentile. Quantiles do not move for a
//! few outliers, and counts are halved when they grow large, so that a baseline follows slow change.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use model::{Finding, Run, RunStatus, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::features::{self, Features, Value};
use super::sketch::{self, Sketch};

/// Runs a baseline must have seen before anything is compared with it.
pub const ENOUGH: u32 = 30;
/// Runs after which all counts are halved.
const HALVED_AT: u32 = 4_096;
/// Tools, transitions and argument forms remembered of one kind of run; further ones are not learned.
const MOST_NAMES: usize = 256;

/// Numbers that are learned by the hour of the day too: those that move with the load of the day.
const SEASONAL: &[&str] = &["duration_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd"];
/// Categories that are learned: why models stop, what retrieval finds, how answers are built.
const CATEGORIES: &[&str] = &["finish_reason", "retrieval", "form"];
/// Values an hour must have seen before its quantiles are used instead of those of all hours.
const HOUR_ENOUGH: u32 = 100;
/// The name under which what was learned from runs marked as good is kept, beside versions.
const GOOD: &str = "\u{1}good";

/// Which runs are compared with one another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind {
    /// Project.
    pub project: String,
    /// Environment.
    pub environment: String,
    /// Agent, else service.
    pub agent: String,
    /// Task type, else workflow, else name of the root.
    pub query_type: String,
}

impl Kind {
    /// Of a run.
    pub fn of(run: &Run) -> Self {
        let query_type = run.query_type.as_deref().or(run.workflow.as_deref()).unwrap_or(&run.name);
        Self {
            project: run.tenant.project.to_string(),
            environment: run.tenant.environment.to_string(),
            agent: Self::agent_of(run).to_string(),
            query_type: query_type.to_string(),
        }
    }

    /// Whom a run is of: its agent, else its service.
    pub fn agent_of(run: &Run) -> &str {
        run.agent_or_service().unwrap_or("agent")
    }

    /// One text that is the same for the same kind.
    pub fn key(&self) -> String {
        [&*self.project, &*self.environment, &*self.agent, &*self.query_type].join("\u{1f}")
    }
}

/// How a tool is usually used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Habit {
    /// Runs that used it.
    pub runs: u32,
    /// Milliseconds of a call.
    pub ms: Sketch,
    /// Forms of its arguments, with counts.
    pub shapes: BTreeMap<String, u32>,
}

/// What runs of one kind usually are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Runs learned.
    pub runs: u32,
    /// Numbers by feature.
    pub numbers: BTreeMap<String, Sketch>,
    /// Tools.
    pub tools: BTreeMap<String, Habit>,
    /// Tool after tool (`a>b`, `>a` at the start, `a>` at the end), with counts.
    pub next: BTreeMap<String, u32>,
    /// Categories by feature, with counts.
    #[serde(default)]
    pub categories: BTreeMap<String, BTreeMap<String, u32>>,
    /// Runs whose answer was JSON.
    pub json_answers: u32,
    /// Runs that ended while the model still asked for a tool.
    pub ended_asking: u32,
    /// Numbers by hour of the day (UTC), of those that move with the load.
    #[serde(default)]
    hours: BTreeMap<u8, BTreeMap<String, Sketch>>,
    /// When the last run arrived that it learned.
    #[serde(default)]
    last: Timestamp,
}

/// Hours after which what was learned makes room for others: of what too little is known of to compare with, and of all else.
const FORGOTTEN_HOURS: [f64; 2] = [1.0, 168.0];

/// Of what was learned, each by its name, when it last heard of a run and whether enough is known of it: what makes room for others, the
/// one of which nothing was heard for longest; `None` where nothing is forgotten yet.
pub(super) fn stalest<'a>(
    learned: impl Iterator<Item = (&'a String, Timestamp, bool)>,
    now: Timestamp,
) -> Option<String> {
    let is_forgotten =
        |last: Timestamp, is_mature: bool| now.millis_since(last) / 3.6e6 > FORGOTTEN_HOURS[usize::from(is_mature)];
    let forgotten = learned.filter(|(_, last, is_mature)| is_forgotten(*last, *is_mature));
    forgotten.min_by_key(|(_, last, _)| *last).map(|(name, ..)| name.clone())
}

/// Whether a run is good enough to learn from: it ended well, settled, and no detector saw more than something to know.
pub fn learns_from(run: &Run, findings: &[Finding]) -> bool {
    run.status == RunStatus::Ok && findings.iter().all(|finding| finding.severity < Severity::Warning)
}

impl Baseline {
    /// Learns a run, whose [`numbers`] these are.
    fn learn(&mut self, evidence: &Evidence<'_>, features: &Features, numbers: &[Number<'_>]) {
        self.runs += 1;
        self.last = self.last.max(evidence.run.start).max(evidence.run.last_received);
        add(&mut self.numbers, numbers);
        let is_seasonal = |name: &str| SEASONAL.contains(&name) && self.numbers.contains_key(name);
        let seasonal: Vec<Number<'_>> = numbers.iter().copied().filter(|(name, _)| is_seasonal(name)).collect();
        if !seasonal.is_empty() {
            add(self.hours.entry(features::hour(evidence.run)).or_default(), &seasonal);
        }
        for name in CATEGORIES {
            let Some(Value::Category(value)) = features.values.get(*name) else { continue };
            let counts = self.categories.entry((*name).to_string()).or_default();
            if let Some(count) = room(counts, value, MOST_NAMES) {
                *count += 1;
            }
        }
        for name in super::evidence::names(&evidence.calls) {
            if let Some(habit) = room(&mut self.tools, name, MOST_NAMES) {
                habit.runs += 1;
            }
        }
        for (at, call) in evidence.calls.iter().enumerate() {
            let Some(habit) = self.tools.get_mut(call.name) else { continue };
            if let Some(ms) = call.ms.filter(|_| !call.state.is_failure()) {
                habit.ms.add(ms);
            }
            if let Some(shape) = evidence.shape(at)
                && let Some(count) = room(&mut habit.shapes, shape, MOST_NAMES)
            {
                *count += 1;
            }
        }
        for step in evidence.transitions() {
            if let Some(count) = room(&mut self.next, step, MOST_NAMES) {
                *count += 1;
            }
        }
        self.json_answers += u32::from(evidence.answer.as_ref().is_some_and(|answer| is_json(&answer.text)));
        self.ended_asking += u32::from(evidence.rounds.last().is_some_and(|round| !round.asked.is_empty()));
        if self.runs >= HALVED_AT {
            self.halve();
        }
    }

    /// Adds what another one learned.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.last = self.last.max(other.last);
        self.json_answers += other.json_answers;
        self.ended_asking += other.ended_asking;
        for (name, sketch) in &other.numbers {
            self.numbers.entry(name.clone()).or_default().merge(sketch);
        }
        for (name, habit) in &other.tools {
            let mine = self.tools.entry(name.clone()).or_default();
            mine.runs += habit.runs;
            mine.ms.merge(&habit.ms);
            habit.shapes.iter().for_each(|(shape, count)| *mine.shapes.entry(shape.clone()).or_default() += count);
        }
        other.next.iter().for_each(|(step, count)| *self.next.entry(step.clone()).or_default() += count);
        for (name, counts) in &other.categories {
            let mine = self.categories.entry(name.clone()).or_default();
            counts.iter().for_each(|(value, count)| *mine.entry(value.clone()).or_default() += count);
        }
        for (hour, numbers) in &other.hours {
            let mine = self.hours.entry(*hour).or_default();
            numbers.iter().for_each(|(name, sketch)| mine.entry(name.clone()).or_default().merge(sketch));
        }
    }

    fn halve(&mut self) {
        self.runs /= 2;
        self.json_answers /= 2;
        self.ended_asking /= 2;
        self.numbers.values_mut().for_each(Sketch::halve);
        self.hours.values_mut().flat_map(BTreeMap::values_mut).for_each(Sketch::halve);
        for habit in self.tools.values_mut() {
            habit.runs /= 2;
            habit.ms.halve();
            halve_counts(&mut habit.shapes);
        }
        self.tools.retain(|_, habit| habit.runs > 0);
        halve_counts(&mut self.next);
        self.categories.values_mut().for_each(halve_counts);
    }

    /// Share of good runs of which a feature was `value`, once enough are known.
    pub fn share(&self, feature: &str, value: &str) -> Option<f64> {
        let counts = self.categories.get(feature)?;
        let all: u32 = counts.values().sum();
        let seen = counts.get(value).copied().unwrap_or(0);
        (all >= ENOUGH).then(|| f64::from(seen) / f64::from(all))
    }

    /// Whether enough is known to compare with.
    pub fn is_mature(&self) -> bool {
        self.runs >= ENOUGH
    }

    /// A quantile of a number, once enough values are known.
    pub fn quantile(&self, feature: &str, q: f64) -> Option<f64> {
        let sketch = self.numbers.get(feature).filter(|sketch| sketch.count() >= ENOUGH)?;
        sketch.quantile(q)
    }

    /// The same at an hour of the day, where enough values of that hour are known.
    pub fn quantile_at(&self, hour: u8, feature: &str, q: f64) -> Option<f64> {
        let own = self.hours.get(&hour).and_then(|numbers| numbers.get(feature));
        match own.filter(|sketch| sketch.count() >= HOUR_ENOUGH) {
            Some(sketch) => sketch.quantile(q),
            None => self.quantile(feature, q),
        }
    }

    /// Share of good runs in which `to` follows `from`, of those in which anything follows it; empty names stand for start and end.
    pub fn follows(&self, from: &str, to: &str) -> f64 {
        let prefix = format!("{from}>");
        let from_here = self.next.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        let all: u32 = from_here.map(|(_, count)| count).sum();
        let seen = self.next.get(&format!("{from}>{to}")).copied().unwrap_or(0);
        if all == 0 { 0.0 } else { f64::from(seen) / f64::from(all) }
    }

    /// How surprising a run's order of tools is: the mean of the negative logarithms (base 2) of what follows what, with one
    /// imagined observation for what was never seen. `None` while too little is known or no tool was called.
    pub fn surprise(&self, evidence: &Evidence<'_>) -> Option<f64> {
        if !self.is_mature() || evidence.calls.is_empty() {
            return None;
        }
        let steps = evidence.transitions();
        let bits: f64 = steps
            .iter()
            .map(|step| {
                let prefix = &step[..step.find('>').map_or(0, |at| at + 1)];
                let from = self.next.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
                let all: u32 = from.take_while(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum();
                let kinds = self.tools.len() as f64 + 1.0;
                let seen = f64::from(self.next.get(step).copied().unwrap_or(0));
                -((seen + 1.0) / (f64::from(all) + kinds)).log2()
            })
            .sum();
        Some(bits / steps.len() as f64)
    }
}

/// A number of a run: its name, and its bucket.
type Number<'v> = (&'v String, Option<i16>);

/// The numbers of a run, by name. Baselines of several versions learn them.
fn numbers(features: &Features) -> Vec<Number<'_>> {
    let values = features.values.iter().filter_map(|(name, value)| match value {
        Value::Number(value) => Some((name, sketch::bucket_of(*value))),
        Value::Category(_) => None,
    });
    values.collect()
}

/// Adds a run's numbers to what is known of each, and begins those that are new, where there is room for more.
fn add(known: &mut BTreeMap<String, Sketch>, numbers: &[Number<'_>]) {
    let each = |sketch: &mut Sketch, bucket: Option<Option<i16>>| sketch.add_to(bucket.flatten());
    for (name, bucket) in features::matched(known, numbers.iter().copied(), each) {
        if known.len() < MOST_NAMES {
            known.entry(name.clone()).or_default().add_to(bucket);
        }
    }
}

/// The entry of a name, made where there is room for one more.
fn room<'m, T: Default>(map: &'m mut BTreeMap<String, T>, name: &str, most: usize) -> Option<&'m mut T> {
    if !map.contains_key(name) {
        if map.len() >= most {
            return None;
        }
        map.insert(name.to_string(), T::default());
    }
    map.get_mut(name)
}

fn halve_counts(counts: &mut BTreeMap<String, u32>) {
    counts.retain(|_, count| {
        *count /= 2;
        *count > 0
    });
}

/// Which tool follows which, from the start of the run to its end. `Evidence` keeps it.
pub(super) fn transitions(evidence: &Evidence<'_>) -> Vec<String> {
    let names = || evidence.calls.iter().map(|call| call.name).take(MOST_NAMES);
    let from = std::iter::once("").chain(names());
    let to = names().chain(std::iter::once(""));
    from.zip(to).map(|(from, to)| format!("{from}>{to}")).collect()
}

/// Whether a text is one JSON object or list.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Baselines by kind of run, and by version within it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Baselines {
    kinds: BTreeMap<String, BTreeMap<String, Arc<Baseline>>>,
    /// Kinds and versions that made room for others, since they were asked for.
    #[serde(skip)]
    gone: Vec<(String, String)>,
}

/// Of what is known of a kind of run, by name, what a run of a version is compared with.
pub fn choose<B: std::borrow::Borrow<Baseline>>(version: &str, known: impl Fn(&str) -> Option<B>) -> Option<B> {
    let mature = |name: &str| known(name).filter(|baseline| baseline.borrow().is_mature());
    mature(GOOD).or_else(|| mature(version)).or_else(|| known(""))
}

/// Kinds of runs remembered; where none of them is forgotten, runs of further kinds are compared with nothing.
const MOST_KINDS: usize = 512;
/// Versions remembered of one kind.
const MOST_VERSIONS: usize = 8;

impl Baselines {
    /// What is known of runs of this kind: of those marked as good, or of their version, once enough were seen, else of all versions. It
    /// may be little: whoever compares asks [`Baseline::is_mature`], or a quantile, which is unknown until then.
    pub fn of(&self, kind: &str, version: &str) -> Option<Arc<Baseline>> {
        let versions = self.kinds.get(kind)?;
        choose(version, |name| versions.get(name).cloned())
    }

    /// Learns a run that somebody marked as good.
    pub fn learn_good(&mut self, kind: &str, evidence: &Evidence<'_>, features: &Features) {
        let Some(versions) = room(&mut self.kinds, kind, MOST_KINDS) else { return };
        Arc::make_mut(versions.entry(GOOD.into()).or_default()).learn(evidence, features, &numbers(features));
    }

    /// Learns a run for its version and for all.
    pub fn learn(&mut self, kind: &str, version: &str, evidence: &Evidence<'_>, features: &Features) {
        self.make_room(kind, version, evidence.now);
        let Some(versions) = room(&mut self.kinds, kind, MOST_KINDS) else { return };
        let numbers = numbers(features);
        for name in ["", version] {
            if let Some(baseline) = room(versions, name, MOST_VERSIONS) {
                Arc::make_mut(baseline).learn(evidence, features, &numbers);
            }
            if version.is_empty() {
                break;
            }
        }
    }

    /// Forgets the kind, and the version of this one, of which nothing was heard for longest, where there is no room for another.
    fn make_room(&mut self, kind: &str, version: &str, now: Timestamp) {
        if self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(kind) {
            let of_all = self.kinds.iter().filter_map(|(kind, versions)| Some((kind, versions.get("")?)));
            let of_all = of_all.map(|(kind, known)| (kind, known.last, known.is_mature()));
            if let Some((kind, versions)) = stalest(of_all, now).and_then(|kind| self.kinds.remove_entry(&kind)) {
                self.gone.extend(versions.into_keys().map(|version| (kind.clone(), version)));
            }
        }
        let Some(versions) = self.kinds.get_mut(kind) else { return };
        if versions.len() >= MOST_VERSIONS && !versions.contains_key(version) {
            let released = versions.iter().filter(|(name, _)| !name.is_empty() && *name != GOOD);
            let released = released.map(|(name, known)| (name, known.last, known.is_mature()));
            if let Some(name) = stalest(released, now) {
                versions.remove(&name);
                self.gone.push((kind.to_owned(), name));
            }
        }
    }

    /// Kinds and versions that made room for others since this was asked last.
    pub fn take_gone(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.gone)
    }

    /// Kinds with their versions.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Baseline)> {
        self.kinds.iter().flat_map(|(kind, versions)| {
            versions.iter().map(move |(version, baseline)| (kind.as_str(), version.as_str(), &**baseline))
        })
    }

    /// Puts back what was kept.
    pub fn insert(&mut self, kind: String, version: String, baseline: Baseline) {
        self.kinds.entry(kind).or_default().insert(version, Arc::new(baseline));
    }
}
