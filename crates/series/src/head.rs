//! The head: the last hours of every series, compressed, with an index of their labels.

use std::collections::HashMap;
use std::sync::Arc;

use promql::{Label, Labels, MatchOp, Matcher};

use crate::chunk::Chunk;
use crate::found::Found;
use crate::memory::Memory;
use crate::texts::Texts;
use crate::write::{Mode, Refused, SampleValue, Write};

/// Labels a series may have.
pub const LABELS_MAX: usize = 64;
/// Bytes of a label's name or value.
pub const LABEL_BYTES_MAX: usize = 4 << 10;
/// How far ahead of the clock a sample may be, in milliseconds.
pub const AHEAD_MAX: i64 = 600_000;

/// Bounds of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Length of a block in milliseconds; chunks end at its ends.
    pub block: i64,
    /// Series it may hold.
    pub series_max: usize,
}

/// A sample as it was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Applied {
    pub series: u32,
    pub time: i64,
    pub value: SampleValue,
}

/// Series in memory.
#[derive(Debug)]
pub struct Head {
    bounds: Bounds,
    /// Samples before this time are no longer taken.
    min: i64,
    series: Vec<Option<Memory>>,
    free: Vec<u32>,
    by_labels: HashMap<Labels, u32>,
    postings: HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>>,
    texts: Texts,
}

impl Head {
    /// An empty head that takes samples from `min` on.
    pub fn new(bounds: Bounds, min: i64) -> Self {
        Self {
            bounds,
            min,
            series: Vec::new(),
            free: Vec::new(),
            by_labels: HashMap::new(),
            postings: HashMap::new(),
            texts: Texts::default(),
        }
    }

    /// Samples before this time are no longer taken, in milliseconds.
    pub fn min(&self) -> i64 {
        self.min
    }

    /// Sets the time before which samples are no longer taken.
    pub fn set_min(&mut self, min: i64) {
        self.min = min;
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.by_labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_labels.is_empty()
    }

    /// Takes a sample, and notes in `applied` what the series has now.
    pub(crate) fn write(&mut self, write: Write, now: i64, applied: &mut Vec<Applied>) -> Result<(), Refused> {
        let Write { labels, time, value, mode, start } = write;
        if time < self.min {
            return Err(Refused::TooOld);
        }
        if time > now.saturating_add(AHEAD_MAX) {
            return Err(Refused::TooNew);
        }
        let id = self.id(labels)?;
        let (block, min) = (self.bounds.block, self.min);
        let Some(Some(memory)) = self.series.get_mut(id as usize) else { return Err(Refused::BadLabels) };
        if let (Some(began), SampleValue::Float(_)) = (zero_before(memory, time, mode, start, min), &value)
            && let Ok(Some(value)) = memory.write(began, SampleValue::Float(0.0), Mode::Set, block)
        {
            applied.push(Applied { series: id, time: began, value });
        }
        if let Some(value) = memory.write(time, value, mode, block)? {
            applied.push(Applied { series: id, time, value });
        }
        Ok(())
    }

    /// Writes a sample read back from the log; it was taken before.
    pub(crate) fn replay(&mut self, labels: &Labels, time: i64, value: SampleValue) {
        if time < self.min {
            return;
        }
        if let Ok(id) = self.id(labels.clone())
            && let Some(Some(memory)) = self.series.get_mut(id as usize)
        {
            // It was taken when it came; what is refused now is there already.
            let _ = memory.write(time, value, Mode::Set, self.bounds.block);
        }
    }

    /// Takes chunks read from a checkpoint.
    pub(crate) fn restore(&mut self, labels: Labels, chunks: Vec<Chunk>) {
        if let Ok(id) = self.id(labels)
            && let Some(Some(memory)) = self.series.get_mut(id as usize)
        {
            memory.restore(chunks);
        }
    }

    /// The number of a series; a new one where it is not known yet.
    fn id(&mut self, labels: Labels) -> Result<u32, Refused> {
        if let Some(&id) = self.by_labels.get(&labels) {
            return Ok(id);
        }
        let too_long = |label: &Label| label.name.len() > LABEL_BYTES_MAX || label.value.len() > LABEL_BYTES_MAX;
        if labels.metric_name().is_empty() || labels.len() > LABELS_MAX || labels.iter().any(too_long) {
            return Err(Refused::BadLabels);
        }
        if self.by_labels.len() >= self.bounds.series_max {
            return Err(Refused::TooManySeries);
        }
        let texts = &mut self.texts;
        let labels = Labels::new(labels.iter().map(|label| (texts.of(&label.name), texts.of(&label.value))));
        let id = self.free.pop().unwrap_or_else(|| {
            self.series.push(None);
            self.series.len() as u32 - 1
        });
        index(&mut self.postings, &labels, id);
        self.series[id as usize] = Some(Memory::new(labels.clone()));
        self.by_labels.insert(labels, id);
        Ok(id)
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, id: u32) -> Option<&Labels> {
        self.series.get(id as usize)?.as_ref().map(|memory| &memory.labels)
    }

    /// Series that fulfil all `matchers`, with the chunks that may have samples after `from` up to `to`; those without any are
    /// left out. In no particular order.
    pub fn select(&self, matchers: &[Matcher], from: i64, to: i64) -> Vec<Found> {
        let mut found = Vec::new();
        self.each_match(matchers, |memory| {
            let chunks = memory.chunks(from, to, self.bounds.block);
            if !chunks.is_empty() {
                found.push(Found { labels: memory.labels.clone(), chunks });
            }
        });
        found
    }

    /// Labels of the series that fulfil all `matchers` and may have samples after `from` up to `to`.
    pub fn labels_of(&self, matchers: &[Matcher], from: i64, to: i64) -> Vec<Labels> {
        let mut found = Vec::new();
        self.each_labels(matchers, from, to, &mut |labels| found.push(labels.clone()));
        found
    }

    /// As [`Head::labels_of`], handed over one by one.
    pub fn each_labels(&self, matchers: &[Matcher], from: i64, to: i64, take: &mut dyn FnMut(&Labels)) {
        self.each_match(matchers, |memory| {
            if memory.overlaps(from, to) {
                take(&memory.labels);
            }
        });
    }

    fn each_match(&self, matchers: &[Matcher], mut take: impl FnMut(&Memory)) {
        let mut fits = |memory: &Memory| {
            if matchers.iter().all(|matcher| matcher.matches(&memory.labels)) {
                take(memory);
            }
        };
        match self.candidates(matchers) {
            Some(ids) => ids.iter().filter_map(|&id| self.series.get(id as usize)?.as_ref()).for_each(&mut fits),
            None => self.series.iter().flatten().for_each(&mut fits),
        }
    }

    /// The shortest list of series that has all that fulfil the matchers; `None` for all.
    fn candidates(&self, matchers: &[Matcher]) -> Option<&[u32]> {
        let exact = matchers.iter().filter(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty());
        let lists = exact.map(|matcher| {
            let values = self.postings.get(&matcher.name);
            values.and_then(|values| values.get(&matcher.value)).map_or(&[][..], Vec::as_slice)
        });
        lists.min_by_key(|list| list.len())
    }

    /// Newest sample of all series, in milliseconds.
    pub fn newest(&self) -> Option<i64> {
        self.series.iter().flatten().filter_map(Memory::last).max()
    }

    /// Takes no more samples before `boundary`, and gives all that is there.
    pub(crate) fn close_before(&mut self, boundary: i64) -> Vec<Found> {
        self.min = self.min.max(boundary);
        let block = self.bounds.block;
        let series = self.series.iter_mut().flatten();
        let of = |memory: &mut Memory| {
            memory.close_before(boundary, block);
            let chunks: Vec<Chunk> = memory.closed_before(boundary).cloned().collect();
            (!chunks.is_empty()).then(|| Found { labels: memory.labels.clone(), chunks })
        };
        series.filter_map(of).collect()
    }

    /// Everything from `from` on.
    pub(crate) fn everything(&self, from: i64) -> Vec<Found> {
        self.select(&[], from - 1, i64::MAX)
    }

    /// Drops what is before `boundary`, and series that have nothing after it.
    pub(crate) fn forget_before(&mut self, boundary: i64) {
        for place in 0..self.series.len() {
            let Some(memory) = &mut self.series[place] else { continue };
            memory.forget_before(boundary);
            if memory.is_empty() {
                self.by_labels.remove(&memory.labels);
                self.series[place] = None;
                self.free.push(place as u32);
            }
        }
        self.postings.clear();
        self.texts.forget_unused();
        for (id, memory) in self.series.iter().enumerate() {
            let Some(memory) = memory else { continue };
            index(&mut self.postings, &memory.labels, id as u32);
        }
    }

    /// Samples, and bytes of memory, about.
    pub fn size(&self) -> (u64, usize) {
        /// What a table's place costs beside key and value, with the room it keeps.
        const SLOT: usize = 16;
        let mut samples = 0;
        let mut bytes = self.series.capacity() * size_of::<Option<Memory>>();
        for memory in self.series.iter().flatten() {
            let (count, size) = memory.size();
            samples += count;
            // Labels: a fat pointer each for name and value; one place in the postings each; the entry by labels.
            bytes +=
                size - size_of::<Memory>() + memory.labels.len() * (32 + 4) + 16 + size_of::<(Labels, u32)>() + SLOT;
        }
        bytes += self.texts.iter().map(|text| text.len() + 16 + size_of::<Arc<str>>() + SLOT).sum::<usize>();
        bytes += self
            .postings
            .values()
            .map(|values| values.len() * (size_of::<(Arc<str>, Vec<u32>)>() + SLOT))
            .sum::<usize>();
        (samples, bytes)
    }
}

fn index(postings: &mut HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>>, labels: &Labels, id: u32) {
    for label in labels.iter() {
        postings.entry(Arc::clone(&label.name)).or_default().entry(Arc::clone(&label.value)).or_default().push(id);
    }
}

/// When a counter had the value zero that nobody told us: where it began since its last sample, so that what it has counted until its
/// first sample is an increase. A series that adds up deltas begins at zero in any case.
fn zero_before(memory: &Memory, time: i64, mode: Mode, start: Option<i64>, min: i64) -> Option<i64> {
    let last = memory.last();
    let start = start.filter(|&start| start < time && start >= min);
    match (mode, last) {
        (Mode::Set, None) => start,
        (Mode::Set, Some(last)) => start.filter(|&start| start > last),
        (Mode::Add, None) => Some(start.unwrap_or(time - 1).max(min)).filter(|&zero| zero < time),
        (Mode::Add, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests;
