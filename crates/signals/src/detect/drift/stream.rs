//! One stream: what one feature was in each remembered run, as a category.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::features::Value;
use super::REFERENCE;

/// Categories told apart in one stream; the last holds all others.
pub(super) const CATEGORIES: usize = 32;
/// Nothing told of that run.
const ABSENT: u8 = u8::MAX;
/// Runs of one conversation belong together where no more runs than this lie between two of them: what lies further apart does not fall
/// into one window more often than by chance.
const NEARBY: usize = 24;
/// Quantiles that cut a number's usual range into categories.
const EDGES: [f64; 3] = [0.1, 0.5, 0.9];
/// A value that one run in so many has is a category of its own.
const LUMP: usize = 10;
/// What these quantiles are called.
pub(super) const QUANTILES: [&str; 3] = ["10th percentile", "median", "90th percentile"];
/// Part by which a number must have moved at one of these quantiles to matter to anybody.
const MATTERS: f32 = 0.05;

/// Counts by category on both sides of a split.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Side {
    pub(super) before: [u32; CATEGORIES],
    pub(super) after: [u32; CATEGORIES],
}

impl Side {
    /// Counts a run.
    pub(super) fn count(&mut self, category: u8, is_after: bool) {
        let counts = if is_after { &mut self.after } else { &mut self.before };
        counts[usize::from(category)] += 1;
    }

    /// Runs before and after.
    pub(super) fn runs(&self) -> [u32; 2] {
        [self.before.iter().sum(), self.after.iter().sum()]
    }

    /// Both together.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.before.iter_mut().zip(&other.before).for_each(|(one, other)| *one += other);
        self.after.iter_mut().zip(&other.after).for_each(|(one, other)| *one += other);
        self
    }

    /// What is left without some of the runs.
    pub(super) fn minus(mut self, some: &Self) -> Self {
        self.before.iter_mut().zip(&some.before).for_each(|(all, some)| *all -= some);
        self.after.iter_mut().zip(&some.after).for_each(|(all, some)| *all -= some);
        self
    }
}

/// What moved most in a stream.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// A category, or a quantile of a number.
    pub(super) what: String,
    /// Its share, or value, before.
    pub(super) before: f64,
    /// And after.
    pub(super) after: f64,
    /// The category that took its place, or whose place it took.
    pub(super) instead: Option<String>,
}

impl Told {
    fn new(what: &str, before: f64, after: f64) -> Self {
        Self { what: what.to_owned(), before, after, instead: None }
    }
}

/// Values of one feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stream {
    /// Category of each remembered run.
    values: VecDeque<u8>,
    /// Raw numbers, for numeric streams; NaN where absent.
    #[serde(with = "bits")]
    raw: VecDeque<f32>,
    /// Names of categories.
    names: Vec<String>,
    /// Borders between the categories of numbers, once enough were seen.
    edges: Vec<f32>,
    /// Values that are present, by category.
    counts: [u32; CATEGORIES],
    numeric: bool,
    /// Absence is a category: a tool that a run did not use.
    absent_counts: bool,
    /// Quantiles of a number before it began to move by less than matters: many small changes are a large one.
    #[serde(default)]
    anchor: Option<[f32; 3]>,
}

/// Whether a number is nothing in nearly all runs on both sides of a split.
fn is_rare(before: &[f32; 3], after: &[f32; 3]) -> bool {
    before.iter().chain(after).all(|quantile| *quantile == 0.0)
}

/// NaN has no JSON: numbers travel as their bits.
mod bits {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &VecDeque<f32>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| value.to_bits()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<f32>, D::Error> {
        Ok(Vec::<u32>::deserialize(deserializer)?.into_iter().map(f32::from_bits).collect())
    }
}

impl Stream {
    /// A stream that begins after `runs` runs said nothing of it.
    pub(super) fn new(name: &str, runs: usize) -> Self {
        let mut stream = Self { absent_counts: name.starts_with("tool:"), ..Self::default() };
        if stream.absent_counts {
            stream.names.push("not used".into());
        }
        (0..runs).for_each(|_| stream.push(None));
        stream
    }

    pub(super) fn push(&mut self, value: Option<&Value>) {
        let category = match value {
            None if self.absent_counts => 0,
            None => ABSENT,
            Some(Value::Category(name)) => self.category(name),
            Some(Value::Number(number)) => {
                self.numeric = true;
                if self.raw.is_empty() {
                    self.raw.extend(self.values.iter().map(|_| f32::NAN));
                }
                self.raw.push_back(*number as f32);
                self.bin(*number as f32)
            }
        };
        self.values.push_back(category);
        if self.numeric && self.raw.len() < self.values.len() {
            self.raw.push_back(f32::NAN);
        }
        if category != ABSENT {
            self.counts[usize::from(category)] += 1;
        }
        // Only one more number can make them enough.
        if self.edges.is_empty() && matches!(value, Some(Value::Number(_))) {
            self.learn_edges();
        }
    }

    fn category(&mut self, name: &str) -> u8 {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            if self.names.len() < CATEGORIES - 1 {
                self.names.push(name.to_string());
            }
            self.names.iter().position(|known| known == name).unwrap_or(CATEGORIES - 1)
        });
        at as u8
    }

    fn bin(&self, number: f32) -> u8 {
        if self.edges.is_empty() { ABSENT } else { self.edges.iter().filter(|edge| number > **edge).count() as u8 }
    }

    /// Cuts the range by quantiles of what was seen so far, once that is enough.
    fn learn_edges(&mut self) {
        let told = || self.raw.iter().copied().filter(|value| !value.is_nan());
        if told().count() < REFERENCE {
            return;
        }
        let mut seen: Vec<f32> = told().collect();
        seen.sort_by(f32::total_cmp);
        let mut edges: Vec<f32> = Vec::with_capacity(2 * EDGES.len());
        for q in EDGES {
            let edge = seen[((seen.len() - 1) as f64 * q) as usize];
            let same = seen.iter().filter(|value| **value == edge).count();
            // A value of many runs is a category of its own: less than it is told from it, not only more.
            if same * LUMP >= seen.len() {
                edges.push(edge.next_down());
            }
            edges.push(edge);
        }
        edges.dedup();
        self.edges = edges;
        self.values = self.raw.iter().map(|value| if value.is_nan() { ABSENT } else { self.bin(*value) }).collect();
        self.count_again();
    }

    fn count_again(&mut self) {
        self.counts = [0; CATEGORIES];
        for value in self.values.iter().filter(|value| **value != ABSENT) {
            self.counts[usize::from(*value)] += 1;
        }
    }

    /// Forgets the oldest run.
    pub(super) fn pop(&mut self) {
        if let Some(value) = self.values.pop_front().filter(|value| *value != ABSENT) {
            self.counts[usize::from(value)] -= 1;
        }
        if self.numeric {
            self.raw.pop_front();
        }
    }

    /// Forgets the first `runs` runs; the usual range of a number is learned anew.
    pub(super) fn forget(&mut self, runs: usize) {
        self.values.drain(..runs);
        self.anchor = None;
        if self.numeric {
            self.raw.drain(..runs);
            self.learn_again();
        }
        self.count_again();
    }

    fn learn_again(&mut self) {
        self.edges.clear();
        self.values.iter_mut().for_each(|value| *value = ABSENT);
        self.learn_edges();
    }

    /// Whether what changed at `split` matters to anybody: an answer that is a letter longer is certain soon, and says nothing.
    pub(super) fn matters(&self, split: usize) -> bool {
        if !self.numeric {
            return true;
        }
        let before = self.anchor.unwrap_or_else(|| self.quantiles(0, split));
        let after = self.quantiles(split, self.raw.len());
        let moved = |(one, other): (&f32, &f32)| (one - other).abs() > MATTERS * one.abs().max(other.abs());
        // Of what most runs have none of, the share that has any is what moved, and no quantile shows it.
        is_rare(&before, &after) || before.iter().zip(&after).any(moved)
    }

    /// Takes a change that does not matter as the new normal, and remembers what was before it.
    pub(super) fn settle(&mut self, split: usize) {
        self.anchor = Some(self.anchor.unwrap_or_else(|| self.quantiles(0, split)));
        self.raw.iter_mut().take(split).for_each(|value| *value = f32::NAN);
        self.learn_again();
        self.count_again();
    }

    fn quantiles(&self, from: usize, to: usize) -> [f32; 3] {
        let to = to.min(self.raw.len());
        let mut told: Vec<f32> = self.raw.range(from.min(to)..to).copied().filter(|value| !value.is_nan()).collect();
        told.sort_by(f32::total_cmp);
        EDGES.map(|q| told.get((told.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(0.0))
    }

    /// Shows the counts of every window that ends with the newest value and has `reference` values before it, of the sizes in `due`, which
    /// ascend. Nothing where the newest run says nothing of this feature: then nothing is new.
    pub(super) fn each_window(&self, due: &[usize], reference: usize, mut look: impl FnMut(usize, &Side)) {
        let one_kind = self.counts.iter().filter(|count| **count > 0).count() < 2;
        if one_kind || self.values.back() == Some(&ABSENT) {
            return;
        }
        let total = self.counts.iter().sum::<u32>() as usize;
        let mut newest = self.values.iter().rev().filter(|value| **value != ABSENT);
        let (mut side, mut taken) = (Side { before: self.counts, after: [0; CATEGORIES] }, 0);
        for size in due.iter().copied().take_while(|size| total >= size + reference) {
            for value in newest.by_ref().take(size - taken) {
                side.before[usize::from(*value)] -= 1;
                side.after[usize::from(*value)] += 1;
            }
            taken = size;
            look(size, &side);
        }
    }

    /// Position of the first run of the window that holds the last `size` values.
    pub(super) fn start_of(&self, size: usize) -> usize {
        let present = self.values.iter().enumerate().rev().filter(|(_, value)| **value != ABSENT);
        present.take(size).last().map_or(0, |(at, _)| at)
    }

    /// The split near `near` that explains the values best.
    pub(super) fn onset(&self, near: usize) -> usize {
        let length = self.values.len();
        let reach = (length - near).max(8);
        let from = near.saturating_sub(reach).max(REFERENCE.min(near));
        let to = (near + reach / 2).min(length.saturating_sub(4)).max(from);
        let best = (from..=to).filter_map(|split| self.side(split).map(|side| (split, super::test::statistic(&side))));
        best.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(near, |(split, _)| split)
    }

    /// Counts on both sides of a position; `None` where one side holds nothing.
    pub(super) fn side(&self, split: usize) -> Option<Side> {
        let mut side = Side::default();
        self.present().for_each(|(at, value)| side.count(value, at >= split));
        side.runs().iter().all(|runs| *runs > 0).then_some(side)
    }

    /// Every run that says something of this feature, oldest first: position and category.
    pub(super) fn present(&self) -> impl Iterator<Item = (usize, u8)> {
        self.values.iter().copied().enumerate().filter(|(_, value)| *value != ABSENT)
    }

    /// Whether a run used the tool that this stream is about.
    pub(super) fn is_used(&self, at: usize) -> bool {
        self.absent_counts && self.values.get(at).is_some_and(|value| *value != 0 && *value != ABSENT)
    }

    /// Chance of a difference such as that of both sides, without a change.
    pub(super) fn chance(&self, side: &Side, spread: f64) -> f64 {
        super::test::chance(side, self.numeric, spread)
    }

    /// The design effect of runs that come in groups: 1 where there are none, or where the runs of a group are not alike.
    pub(super) fn design_effect<'m>(&self, group: impl Fn(usize) -> Option<&'m str>) -> f64 {
        let mut last: std::collections::HashMap<&str, (u8, usize)> = std::collections::HashMap::new();
        let (mut runs, mut clusters, mut pairs, mut alike) = (0.0, 0.0, 0.0, 0.0);
        for (at, &value) in self.values.iter().enumerate().filter(|(_, value)| **value != ABSENT) {
            let Some(name) = group(at) else { continue };
            runs += 1.0;
            match last.insert(name, (value, at)) {
                Some((before, then)) if at - then <= NEARBY => {
                    pairs += 1.0;
                    alike += f64::from(u8::from(before == value));
                }
                _ => clusters += 1.0,
            }
        }
        let total: f64 = self.counts.iter().map(|count| f64::from(*count)).sum();
        let by_chance: f64 = self.counts.iter().map(|count| (f64::from(*count) / total).powi(2)).sum();
        if pairs < 5.0 || by_chance >= 1.0 {
            return 1.0;
        }
        let more_alike = (alike / pairs - by_chance) / (1.0 - by_chance);
        let size = runs / clusters;
        1.0 + (size - 1.0) * more_alike.clamp(0.0, 1.0)
    }

    /// What moved most, before and after: of a number its median, or another quantile where that one stayed; else the category whose share
    /// changed most.
    pub(super) fn describe(&self, split: usize, side: &Side) -> Told {
        if self.numeric {
            let before = self.anchor.unwrap_or_else(|| self.quantiles(0, split));
            let after = self.quantiles(split, self.raw.len());
            if is_rare(&before, &after) {
                let some = |from: usize, to: usize| {
                    let told = || self.raw.range(from..to).filter(|value| !value.is_nan());
                    told().filter(|value| **value != 0.0).count() as f64 / told().count().max(1) as f64
                };
                let split = split.min(self.raw.len());
                return Told::new("any", some(0, split), some(split, self.raw.len()));
            }
            let moved = |at: usize| {
                let (one, other) = (before[at], after[at]);
                (one - other).abs() / one.abs().max(other.abs()).max(f32::MIN_POSITIVE)
            };
            let other = if moved(2) >= moved(0) { 2 } else { 0 };
            let told = if moved(1) <= MATTERS && moved(other) > MATTERS { other } else { 1 };
            return Told::new(QUANTILES[told], f64::from(before[told]), f64::from(after[told]));
        }
        let share = |counts: &[u32; CATEGORIES], at: usize| {
            f64::from(counts[at]) / f64::from(counts.iter().sum::<u32>().max(1))
        };
        let change = |at: usize| share(&side.after, at) - share(&side.before, at);
        // A tool's use is told as use, never as the lack of it.
        let first = usize::from(self.absent_counts);
        let most = (first..CATEGORIES).max_by(|&a, &b| change(a).abs().total_cmp(&change(b).abs())).unwrap_or(0);
        if self.absent_counts && change(0).abs() + 1e-9 >= change(most).abs() {
            return Told::new("used", 1.0 - share(&side.before, 0), 1.0 - share(&side.after, 0));
        }
        let name = |at: usize| self.names.get(at).map_or("others", String::as_str);
        // Another one that took its place, or gave it up, for the greater part.
        let other = (first..CATEGORIES).filter(|&at| change(at) * change(most) < 0.0);
        let other = other.max_by(|&a, &b| change(a).abs().total_cmp(&change(b).abs()));
        let other = other.filter(|&at| change(at).abs() * 2.0 >= change(most).abs());
        let told = Told::new(name(most), share(&side.before, most), share(&side.after, most));
        Told { instead: other.map(|at| name(at).to_owned()), ..told }
    }
}
