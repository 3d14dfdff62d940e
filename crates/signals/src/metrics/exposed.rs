//! Series as they are shown to the outside: by name, with every label and every spelling.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::Timestamp;

use super::family::{Family, Kind, Label, Spelling};
use super::id::Id;
use super::rates::rates;
use super::registry::{Exemplar, OTHER, Registry, Series, TENANT_LABELS};
use super::table::FAMILIES;

/// A new series is shown as zero for so long, so that whoever scrapes at the usual 15 seconds sees it rise.
pub const ZERO_NANOS: i64 = 15 * 1_000_000_000;

/// Marks series that Tawny derived, apart from what a client sends under the same name.
pub const SOURCE: (&str, &str) = ("source", "tawny");

/// Labels of a point, sorted by name.
pub type Labels = Vec<(Cow<'static, str>, Arc<str>)>;

/// What is shown under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What its numbers are.
    pub kind: Kind,
    /// In what; empty for counts.
    pub unit: &'static str,
    /// What it says.
    pub help: Cow<'static, str>,
    /// The numbers.
    pub points: Vec<Point>,
}

/// One series of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Labels.
    pub labels: Labels,
    /// Value.
    pub value: Value,
}

/// Value of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Upper bound, observations up to it, and a trace of the bucket; the last has no bound (infinity).
        buckets: Vec<(f64, f64, Option<Exemplar>)>,
        /// Sum of the observations.
        sum: f64,
    },
}

/// One sample as Prometheus stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name, with `_bucket`, `_sum` or `_count` for parts of a histogram.
    pub name: String,
    /// Labels, sorted by name, `le` among them for a bucket.
    pub labels: Vec<(String, String)>,
    /// Value.
    pub value: f64,
    /// A trace that explains it.
    pub exemplar: Option<Exemplar>,
}

impl Exposed {
    /// A family of one's own, without points.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: Kind, help: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), kind, unit: "", help: help.into(), points: Vec::new() }
    }

    /// Adds a number.
    pub fn number(&mut self, labels: &[(&'static str, &str)], value: f64) {
        let mut labels: Labels = labels.iter().map(|(name, value)| (Cow::Borrowed(*name), Arc::from(*value))).collect();
        labels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.points.push(Point { labels, value: Value::Number(value) });
    }

    /// Every sample of it.
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for point in &self.points {
            let labels = || point.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            let mut add = |part: &str, le: Option<f64>, value, exemplar| {
                let mut labels: Vec<(String, String)> = labels().collect();
                if let Some(le) = le {
                    let at = labels.partition_point(|(name, _)| name.as_str() < "le");
                    labels.insert(at, ("le".into(), bound(le)));
                }
                samples.push(Sample { name: format!("{}{part}", self.name), labels, value, exemplar });
            };
            match &point.value {
                Value::Number(value) => add("", None, *value, None),
                Value::Histogram { buckets, sum } => {
                    for (le, count, exemplar) in buckets {
                        add("_bucket", Some(*le), *count, *exemplar);
                    }
                    add("_sum", None, *sum, None);
                    add("_count", None, buckets.last().map_or(0.0, |(_, count, _)| *count), None);
                }
            }
        }
        samples
    }
}

/// A bucket's bound as Prometheus writes it.
pub fn bound(le: f64) -> String {
    if le == f64::INFINITY { "+Inf".into() } else { format!("{le:?}").trim_end_matches(".0").to_owned() }
}

/// What of a registry is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Show {
    /// Also under the other names of families.
    pub spellings: bool,
    /// New series as zero at first ([`ZERO_NANOS`]). A reader that notices new series itself does not need it.
    pub zero_first: bool,
}

impl Registry {
    /// Every sample, under one name each: for a reader that keeps them itself, notices new series and rewrites names.
    pub fn samples(&self, now: Timestamp) -> Vec<Sample> {
        let show = Show { spellings: false, zero_first: false };
        self.exposed(now, show).iter().flat_map(Exposed::samples).collect()
    }

    /// Every family that has series.
    pub fn exposed(&self, now: Timestamp, show: Show) -> Vec<Exposed> {
        let mut by_family: BTreeMap<Id, Vec<&Series>> = BTreeMap::new();
        for series in self.series.iter().flatten() {
            by_family.entry(series.family).or_default().push(series);
        }
        let mut all = Vec::new();
        for family in FAMILIES {
            let mut exposed = Exposed { unit: family.unit, ..Exposed::new(family.name, family.kind, family.help) };
            exposed.points = match by_family.get(&family.id) {
                Some(series) => series.iter().map(|series| point(family, series, now, show.zero_first)).collect(),
                None => Vec::new(),
            };
            self.gauges(family.id, &mut exposed);
            if exposed.points.is_empty() {
                continue;
            }
            if show.spellings {
                all.extend(family.spellings.iter().map(|spelling| spelt(&exposed, spelling)));
            }
            all.push(exposed);
        }
        all.extend(rates(self, now));
        all.extend(self.accounting());
        all
    }

    /// Sets of labels that each family, and each rate, shows now.
    pub fn sets(&self, now: Timestamp) -> HashMap<Cow<'static, str>, usize> {
        let gauge = |family: &Family| {
            let mut exposed = Exposed::new(family.name, family.kind, "");
            self.gauges(family.id, &mut exposed);
            exposed.points.len()
        };
        let of = |family: &Family| match family.kind {
            Kind::Gauge => gauge(family),
            _ => self.label_sets(family.id),
        };
        let rates = rates(self, now).into_iter().map(|rate| (rate.name, rate.points.len()));
        FAMILIES.iter().map(|family| (Cow::Borrowed(family.name), of(family))).chain(rates).collect()
    }

    /// What is so right now.
    fn gauges(&self, id: Id, exposed: &mut Exposed) {
        let mut values: BTreeMap<Vec<Arc<str>>, (f64, HashSet<Arc<str>>)> = BTreeMap::new();
        for active in self.active.values() {
            let tenant = [&active.tenant.project, &active.tenant.environment].into_iter().cloned();
            let key =
                |labels: &[&Arc<str>]| tenant.clone().chain(labels.iter().map(|label| Arc::clone(label))).collect();
            match id {
                Id::Active => values.entry(key(&[&active.agent, &active.workflow])).or_default().0 += 1.0,
                Id::LastStep => {
                    let seconds = active.last_step.as_nanos() as f64 / 1e9;
                    let (earliest, _) = values
                        .entry(key(&[&active.agent, &active.workflow]))
                        .or_insert((f64::INFINITY, HashSet::new()));
                    *earliest = earliest.min(seconds);
                }
                Id::ActiveSessions => {
                    if let Some(session) = &active.session {
                        let (count, sessions) = values.entry(key(&[&active.agent])).or_default();
                        *count += f64::from(u8::from(sessions.insert(Arc::clone(session))));
                    }
                }
                _ => return,
            }
        }
        // Gauges have no series that are kept: what does not fit is put together each time.
        let mut rest: BTreeMap<Vec<Arc<str>>, f64> = BTreeMap::new();
        let mut push = |labels: &[Arc<str>], value: f64| {
            exposed.points.push(Point { labels: names(id.family(), labels), value: Value::Number(value) });
        };
        for (at, (mut labels, (value, _))) in values.into_iter().enumerate() {
            if at + 1 < self.limits().label_sets {
                push(&labels, value);
                continue;
            }
            labels[TENANT_LABELS..].fill(Arc::from(OTHER));
            let join: fn(f64, f64) -> f64 = if id == Id::LastStep { f64::min } else { |a, b| a + b };
            rest.entry(labels).and_modify(|sum| *sum = join(*sum, value)).or_insert(value);
        }
        rest.iter().for_each(|(labels, value)| push(labels, *value));
    }

    /// How far the numbers can be trusted.
    fn accounting(&self) -> [Exposed; 4] {
        let mut corrections = Exposed::new(
            "tawny_signal_corrections_total",
            Kind::Counter,
            "What was counted of runs and turned out to be too much, by family: counters cannot go down.",
        );
        let mut folded = Exposed::new(
            "tawny_signal_folded_total",
            Kind::Counter,
            "Observations counted under the label value other, because the family has too many sets of labels.",
        );
        let mut sets = Exposed::new("tawny_signal_label_sets", Kind::Gauge, "Sets of labels of a family.");
        let mut most = Exposed::new("tawny_signal_label_sets_max", Kind::Gauge, "Sets of labels a family may have.");
        most.number(&[], self.limits().label_sets as f64);
        for family in FAMILIES {
            let labels = [("family", family.name)];
            if self.label_sets(family.id) > 0 {
                sets.number(&labels, self.label_sets(family.id) as f64);
                corrections.number(&labels, self.corrections[family.id as usize]);
                folded.number(&labels, self.folded[family.id as usize]);
            }
        }
        [corrections, folded, sets, most]
    }
}

/// Labels under all their names.
fn names(family: &Family, values: &[Arc<str>]) -> Labels {
    let mut labels: Labels = vec![(Cow::Borrowed(SOURCE.0), Arc::from(SOURCE.1))];
    for (name, value) in ["project", "environment"].into_iter().zip(values) {
        labels.push((Cow::Borrowed(name), Arc::clone(value)));
    }
    for (label, value) in family.labels.iter().zip(&values[TENANT_LABELS..]) {
        labels.extend(label.names().iter().map(|name| (Cow::Borrowed(*name), Arc::clone(value))));
    }
    // An empty value is no label.
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    labels
}

fn point(family: &Family, series: &Series, now: Timestamp, zero_first: bool) -> Point {
    let zero = zero_first && now < series.created.plus_nanos(ZERO_NANOS);
    let cell = |at: usize| if zero { 0.0 } else { series.cells[at] };
    let value = match family.kind {
        Kind::Histogram => {
            let mut count = 0.0;
            let bounds = family.buckets.iter().copied().chain([f64::INFINITY]);
            let buckets = bounds.enumerate().map(|(at, le)| {
                count += cell(at);
                (le, count, series.exemplars[at].filter(|_| !zero))
            });
            Value::Histogram { buckets: buckets.collect(), sum: cell(family.cells() - 1) }
        }
        _ => Value::Number(cell(0)),
    };
    Point { labels: names(family, &series.labels), value }
}

/// The same under another name.
fn spelt(exposed: &Exposed, spelling: &Spelling) -> Exposed {
    let has = |point: &&Point, label: Label, value: &str| {
        point.labels.iter().any(|(name, other)| *name == label.names()[0] && **other == *value)
    };
    let points =
        exposed.points.iter().filter(|point| spelling.only.iter().all(|(label, value)| has(point, *label, value)));
    let points = points.map(|point| {
        let mut point = point.clone();
        for (name, value) in &mut point.labels {
            let word =
                spelling.words.iter().find(|(label, here, _)| label.names().contains(&&**name) && **here == **value);
            if let Some((.., there)) = word {
                *value = Arc::from(*there);
            }
        }
        point.labels.extend(spelling.more.iter().map(|(name, value)| (Cow::Borrowed(*name), Arc::from(*value))));
        point.labels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let Value::Histogram { sum, .. } = &point.value
            && spelling.sum
        {
            point.value = Value::Number(*sum);
        }
        match &mut point.value {
            Value::Number(value) => *value *= spelling.scale,
            Value::Histogram { buckets, sum } => {
                *sum *= spelling.scale;
                for (bound, _, exemplar) in buckets {
                    *bound *= spelling.scale;
                    if let Some(exemplar) = exemplar {
                        exemplar.value *= spelling.scale;
                    }
                }
            }
        }
        point
    });
    let points = points.collect();
    let unit = if spelling.scale == 1.0 { exposed.unit } else { "" };
    let kind = if spelling.sum { Kind::Counter } else { exposed.kind };
    Exposed { name: spelling.name.into(), kind, unit, help: exposed.help.clone(), points }
}
