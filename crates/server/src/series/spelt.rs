//! The other names of families, in queries: what Tawny derives is kept under one name, and who asks for another is answered from it, with that
//! name's words, bounds and units (`signals::metrics::Spelling`).
//!
//! `/metrics` and remote write say every name, because whoever keeps samples elsewhere has no such rewriting.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use ::series::{Db, DbError, Exemplar, Fill, Found, Metadata, MetricType, SampleValue, SelectLimits, Taken};
use promql::{BUCKET, Label, Labels, METRIC_NAME, MatchOp, Matcher, Series, is_stale};
use signals::metrics::{FAMILIES, Kind, SOURCE, Spelling, bound};

/// Another name of series that are kept.
#[derive(Debug)]
struct Spelt {
    name: Arc<str>,
    /// The name they are kept under.
    kept: String,
    spelling: &'static Spelling,
    /// Values are this many times as large as those that are kept.
    scale: f64,
    /// Bounds of buckets likewise.
    bounds: f64,
}

/// All of them, by name.
static SPELT: LazyLock<Vec<Spelt>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for family in FAMILIES {
        for spelling in family.spellings {
            let scale = spelling.scale;
            // Suffixes here and there, and what is multiplied: values, bounds.
            let parts = match family.kind {
                Kind::Histogram if spelling.sum => vec![("", "_sum", scale, 1.0)],
                Kind::Histogram => vec![
                    ("_bucket", "_bucket", 1.0, scale),
                    ("_sum", "_sum", scale, 1.0),
                    ("_count", "_count", 1.0, 1.0),
                ],
                Kind::Counter | Kind::Gauge => vec![("", "", scale, 1.0)],
            };
            all.extend(parts.into_iter().map(|(here, there, scale, bounds)| Spelt {
                name: format!("{}{here}", spelling.name).into(),
                kept: format!("{}{there}", family.name),
                spelling,
                scale,
                bounds,
            }));
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
});

/// The other names of what is kept under a name.
static BY_KEPT: LazyLock<HashMap<&'static str, Vec<&'static Spelt>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<&'static Spelt>> = HashMap::new();
    for spelt in SPELT.iter() {
        all.entry(&*spelt.kept).or_default().push(spelt);
    }
    all
});

/// The other names of a series that is kept.
fn named(kept: &Labels) -> impl Iterator<Item = &'static Spelt> {
    let all = BY_KEPT.get(kept.metric_name()).into_iter().flatten().copied();
    all.filter(move |spelt| spelt.names(kept))
}

/// The other names that fulfil the conditions on the name.
fn asked(matchers: &[Matcher]) -> Vec<&'static Spelt> {
    let names: Vec<&Matcher> = matchers.iter().filter(|matcher| &*matcher.name == METRIC_NAME).collect();
    let fits = |spelt: &&'static Spelt| names.iter().all(|name| name.is_match(&spelt.name));
    // Nearly every query names a metric.
    if let Some(name) = names.iter().find(|name| name.op == MatchOp::Equal) {
        let at = SPELT.binary_search_by(|spelt| (*spelt.name).cmp(&*name.value));
        return at.ok().map(|at| &SPELT[at]).filter(fits).into_iter().collect();
    }
    SPELT.iter().filter(fits).collect()
}

fn fulfils(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

impl Spelt {
    /// What to ask of the series that are kept where `matchers` are asked of this name. Conditions on labels that read otherwise under it are
    /// left to [`fulfils`].
    fn conditions(&self, matchers: &[Matcher]) -> Vec<Matcher> {
        let own = [Matcher::equal(METRIC_NAME, &self.kept), Matcher::equal(SOURCE.0, SOURCE.1)];
        let only = self.spelling.only.iter().map(|(label, value)| Matcher::equal(label.names()[0], value));
        let same = matchers.iter().filter(|matcher| !self.changes(&matcher.name)).cloned();
        own.into_iter().chain(only).chain(same).collect()
    }

    /// Whether a label reads otherwise under this name.
    fn changes(&self, label: &str) -> bool {
        label == METRIC_NAME
            || (label == BUCKET && self.bounds != 1.0)
            || self.spelling.words.iter().any(|(changed, ..)| changed.names().contains(&label))
            || self.spelling.more.iter().any(|(more, _)| *more == label)
    }

    /// Whether a series that is kept has this name as well.
    fn names(&self, kept: &Labels) -> bool {
        kept.metric_name() == self.kept
            && kept.get(SOURCE.0) == SOURCE.1
            && self.spelling.only.iter().all(|(label, value)| kept.get(label.names()[0]) == *value)
    }

    /// The labels, under this name, of a series that is kept.
    fn labels(&self, kept: &Labels) -> Labels {
        let word = |label: &Label| {
            let mut words = self.spelling.words.iter();
            let word =
                words.find(|(changed, here, _)| changed.names().contains(&&*label.name) && **here == *label.value);
            word.map(|(.., there)| Arc::<str>::from(*there))
        };
        let value = |label: &Label| match &*label.name {
            METRIC_NAME => Arc::clone(&self.name),
            BUCKET if self.bounds != 1.0 => match label.value.parse::<f64>() {
                Ok(le) => Arc::<str>::from(bound(le * self.bounds)),
                Err(_) => Arc::clone(&label.value),
            },
            _ => word(label).unwrap_or_else(|| Arc::clone(&label.value)),
        };
        let mut labels: Vec<(Arc<str>, Arc<str>)> =
            kept.iter().map(|label| (Arc::clone(&label.name), value(label))).collect();
        let more = self.spelling.more.iter();
        labels.extend(more.map(|&(name, value)| (Arc::<str>::from(name), Arc::<str>::from(value))));
        Labels::new(labels)
    }

    fn value(&self, kept: f64) -> f64 {
        scaled(kept, self.scale)
    }

    /// An exemplar of a series that is kept, as one of this name's: what it measured is in the unit of bounds, whichever part of a histogram
    /// it is at.
    fn exemplar(&self, kept: &Exemplar) -> Exemplar {
        let value = kept.value * self.spelling.scale;
        Exemplar { series: self.labels(&kept.series), value, ..kept.clone() }
    }
}

fn scaled(value: f64, scale: f64) -> f64 {
    if is_stale(value) { value } else { value * scale }
}

/// A series under the name it was asked by.
#[derive(Debug)]
pub struct Named {
    /// Its labels under that name; its chunks as they are kept.
    pub found: Found,
    /// Its values are this many times as large as those of the chunks.
    scale: f64,
    /// Hours of which only the summary is left.
    pub fill: Option<Fill>,
}

impl Named {
    /// A series under the name it is kept by.
    fn kept(found: Found) -> Self {
        Self { found, scale: 1.0, fill: None }
    }

    /// Its samples. Those of a damaged chunk are left out.
    pub fn unpack(&self) -> Series {
        let (mut series, _) = self.found.unpack();
        if self.scale != 1.0 {
            series.values.iter_mut().for_each(|value| *value = scaled(*value, self.scale));
        }
        if let Some(fill) = &self.fill {
            fill.apply(&mut series);
        }
        series
    }
}

/// As [`Db::select`], under every name.
///
/// # Errors
/// As there.
pub fn select(
    db: &Db,
    matchers: &[Matcher],
    (from, to): (i64, i64),
    limits: SelectLimits,
) -> Result<Vec<Named>, DbError> {
    let kept = db.select(matchers, from, to, limits)?;
    let asked = asked(matchers);
    if asked.is_empty() {
        return Ok(kept.into_iter().map(Named::kept).collect());
    }
    let read = |found: &[Found]| found.iter().map(Found::samples).sum::<u64>();
    let mut left = SelectLimits { samples_max: limits.samples_max.saturating_sub(read(&kept)), ..limits };
    let mut all = Vec::new();
    for spelt in asked {
        let found = db.select(&spelt.conditions(matchers), from, to, left)?;
        left.samples_max = left.samples_max.saturating_sub(read(&found));
        let named = found.into_iter().map(|Found { labels, chunks }| Named {
            found: Found { labels: spelt.labels(&labels), chunks },
            scale: spelt.scale,
            fill: None,
        });
        all.extend(named.filter(|named| fulfils(matchers, &named.found.labels)));
    }
    // What earlier versions kept under the other name as well comes second, and goes.
    all.extend(kept.into_iter().map(Named::kept));
    all.sort_by(|a, b| a.found.labels.cmp(&b.found.labels));
    all.dedup_by(|later, first| later.found.labels == first.found.labels);
    if all.len() > limits.series_max {
        return Err(DbError::TooManySeries { limit: limits.series_max });
    }
    Ok(all)
}

/// As [`Db::labels`], under every name.
///
/// # Errors
/// As there.
pub fn labels(
    db: &Db,
    sets: &[Vec<Matcher>],
    (from, to): (i64, i64),
    series_max: usize,
) -> Result<Vec<Labels>, DbError> {
    let mut all = db.labels(sets, from, to, series_max)?;
    let every = [Vec::new()];
    let sets = if sets.is_empty() { &every[..] } else { sets };
    let mut more = Vec::new();
    for matchers in sets {
        let asked = asked(matchers);
        if asked.is_empty() {
            continue;
        }
        // Conditions that hold under any name alike have found the series already.
        let is_alike = |matcher: &Matcher| !asked.iter().any(|spelt| spelt.changes(&matcher.name));
        let kept = if matchers.iter().all(is_alike) {
            None
        } else {
            let conditions: Vec<Vec<Matcher>> = asked.iter().map(|spelt| spelt.conditions(matchers)).collect();
            Some(db.labels(&conditions, from, to, series_max)?)
        };
        for kept in kept.as_ref().unwrap_or(&all) {
            let asked = named(kept).filter(|spelt| asked.iter().any(|asked| std::ptr::eq(*asked, *spelt)));
            more.extend(asked.map(|spelt| spelt.labels(kept)).filter(|labels| fulfils(matchers, labels)));
        }
    }
    // Two runs in order, which a stable sort merges.
    more.sort_unstable();
    all.append(&mut more);
    all.sort();
    all.dedup();
    if all.len() > series_max {
        return Err(DbError::TooManySeries { limit: series_max });
    }
    Ok(all)
}

/// What is asked of the labels of series.
#[derive(Debug, Clone)]
pub enum Told {
    /// Their names.
    Names,
    /// The values of one.
    Values(String),
}

impl Told {
    /// Whether a series tells something under this other name that it does not under the one it is kept by.
    fn more_by(&self, spelt: &Spelt) -> bool {
        match self {
            Self::Names => !spelt.spelling.more.is_empty(),
            Self::Values(label) => spelt.changes(label),
        }
    }

    /// Whether the first series that has another name tells all there is by it: the name itself; or the names of its labels, where those of
    /// the series as it is kept are told already.
    fn once(&self, untold: bool) -> bool {
        match self {
            Self::Names => !untold,
            Self::Values(label) => label == METRIC_NAME,
        }
    }
}

/// As [`Db::each_labels`], under every name that tells more of what is asked. `take` says whether it has taken them.
///
/// # Errors
/// As there.
pub fn each_labels(
    db: &Db,
    sets: &[Vec<Matcher>],
    (from, to): (i64, i64),
    told: &Told,
    take: &mut dyn FnMut(&Labels) -> bool,
) -> Result<(), DbError> {
    db.each_labels(sets, from, to, &mut |labels| _ = take(labels))?;
    let every = [Vec::new()];
    let sets = if sets.is_empty() { &every[..] } else { sets };
    for matchers in sets {
        let mut asked = asked(matchers);
        // Conditions on what reads otherwise have not found the series under the name they are kept by.
        let changed = matchers.iter().any(|matcher| asked.iter().any(|spelt| spelt.changes(&matcher.name)));
        if !changed {
            asked.retain(|spelt| told.more_by(spelt));
        }
        if asked.is_empty() {
            continue;
        }
        let once = told.once(changed);
        let conditions: Vec<Vec<Matcher>> = if changed {
            asked.iter().map(|spelt| spelt.conditions(matchers)).collect()
        } else {
            vec![matchers.clone()]
        };
        db.each_labels(&conditions, from, to, &mut |kept| {
            let mut done = Vec::new();
            for spelt in named(kept).filter(|spelt| asked.iter().any(|asked| std::ptr::eq(*asked, *spelt))) {
                let labels = spelt.labels(kept);
                if fulfils(matchers, &labels) && take(&labels) && once {
                    done.push(spelt);
                }
            }
            asked.retain(|spelt| !done.iter().any(|done| std::ptr::eq(*done, *spelt)));
        })?;
    }
    Ok(())
}

/// As [`Db::exemplars`], under every name.
pub fn exemplars(db: &Db, sets: &[Vec<Matcher>], (from, to): (i64, i64)) -> Vec<Exemplar> {
    let asked: BTreeMap<&str, &Spelt> =
        sets.iter().flat_map(|set| asked(set)).map(|spelt| (&*spelt.name, spelt)).collect();
    let mut all = Vec::new();
    for spelt in asked.into_values() {
        let conditions: Vec<Vec<Matcher>> = sets.iter().map(|set| spelt.conditions(set)).collect();
        let kept = db.exemplars(&conditions, from, to);
        let named = kept.iter().map(|exemplar| spelt.exemplar(exemplar));
        all.extend(named.filter(|exemplar| sets.iter().any(|set| fulfils(set, &exemplar.series))));
    }
    let told: BTreeSet<Labels> = all.iter().map(|exemplar: &Exemplar| exemplar.series.clone()).collect();
    let kept = db.exemplars(sets, from, to);
    all.extend(kept.into_iter().filter(|exemplar| !told.contains(&exemplar.series)));
    all.sort_by_key(|exemplar| exemplar.time);
    all
}

/// What is known of metrics, under every name.
pub fn metadata(mut known: BTreeMap<String, Metadata>) -> BTreeMap<String, Metadata> {
    for family in FAMILIES {
        let Some(kept) = known.get(family.name).cloned() else { continue };
        for spelling in family.spellings {
            let kind = if spelling.sum { MetricType::Counter } else { kept.kind };
            let unit = if spelling.scale == 1.0 { kept.unit.clone() } else { String::new() };
            known.entry(spelling.name.into()).or_insert(Metadata { kind, help: kept.help.clone(), unit });
        }
    }
    known
}

/// Adds to what a scrape of Tawny added to series the same under every other name, for whoever it is passed on to.
pub fn add_other_names(taken: &mut Taken) {
    let mut samples = Vec::new();
    for (labels, time, value) in &taken.samples {
        let SampleValue::Float(value) = value else { continue };
        let more = named(labels).map(|spelt| (spelt.labels(labels), *time, SampleValue::Float(spelt.value(*value))));
        samples.extend(more);
    }
    taken.samples.append(&mut samples);
    let mut exemplars = Vec::new();
    for exemplar in &taken.exemplars {
        exemplars.extend(named(&exemplar.series).map(|spelt| spelt.exemplar(exemplar)));
    }
    taken.exemplars.append(&mut exemplars);
    taken.metadata = metadata(taken.metadata.drain(..).collect()).into_iter().collect();
}

#[cfg(test)]
mod tests;
