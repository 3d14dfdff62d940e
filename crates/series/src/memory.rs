//! One series in memory: closed chunks, the ones being written, and samples that came late.

use std::sync::Arc;

use promql::histogram::{Histogram, ResetHint};
use promql::{Labels, is_stale};

use crate::chunk::{CHUNK_SAMPLES, Chunk, Encoding, FloatWriter, pack};
use crate::histogram;
use crate::write::{Mode, Refused, SampleValue};

/// A chunk of native histograms being written.
#[derive(Debug)]
struct HistogramWriter {
    bytes: Vec<u8>,
    min: i64,
    last: i64,
    count: u32,
    value: Arc<Histogram>,
}

impl HistogramWriter {
    fn new(time: i64, value: Arc<Histogram>) -> Self {
        let mut bytes = Vec::new();
        histogram::push(&mut bytes, 0, &value);
        Self { bytes, min: time, last: time, count: 1, value }
    }

    fn push(&mut self, time: i64, value: Arc<Histogram>) {
        histogram::push(&mut self.bytes, time - self.last, &value);
        self.last = time;
        self.count += 1;
        self.value = value;
    }

    fn chunk(&self) -> Chunk {
        let data = bytes::Bytes::copy_from_slice(&self.bytes);
        Chunk { min: self.min, max: self.last, count: self.count, encoding: Encoding::Histograms, data }
    }
}

/// One series.
#[derive(Debug)]
pub(crate) struct Memory {
    pub labels: Labels,
    closed: Vec<Chunk>,
    open: Option<FloatWriter>,
    histograms: Option<Box<HistogramWriter>>,
    /// Floats that came after later ones, in order; fewer than a chunk holds.
    late: Vec<(i64, f64)>,
    /// Time and value of the newest float; the value is no stale marker unless there was no other.
    newest: Option<(i64, f64)>,
    /// Values were no whole numbers.
    xor: bool,
}

/// The block a time belongs to; chunks do not reach over its ends.
fn window(time: i64, block: i64) -> i64 {
    time.div_euclid(block)
}

impl Memory {
    pub fn new(labels: Labels) -> Self {
        Self { labels, closed: Vec::new(), open: None, histograms: None, late: Vec::new(), newest: None, xor: false }
    }

    /// Whether it holds no sample.
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.is_none() && self.histograms.is_none() && self.late.is_empty()
    }

    /// Time of the newest sample.
    pub fn last(&self) -> Option<i64> {
        let histogram = self.histograms.as_ref().map(|writer| writer.last);
        let float = self.open.as_ref().map(FloatWriter::last);
        histogram.max(float).max(self.newest.map(|(time, _)| time))
    }

    /// Takes a sample at `time`. Gives what the series has there now; `None` where it had that already.
    pub fn write(
        &mut self,
        time: i64,
        value: SampleValue,
        mode: Mode,
        block: i64,
    ) -> Result<Option<SampleValue>, Refused> {
        match value {
            SampleValue::Float(value) => {
                let written = self.write_float(time, value, mode, block)?;
                Ok(written.map(SampleValue::Float))
            }
            SampleValue::Histogram(value) => {
                let written = self.write_histogram(time, value, mode, block)?;
                Ok(written.map(SampleValue::Histogram))
            }
        }
    }

    fn write_float(&mut self, time: i64, value: f64, mode: Mode, block: i64) -> Result<Option<f64>, Refused> {
        let value = match (mode, self.newest) {
            (Mode::Set, _) => value,
            (Mode::Add, Some((last, _))) if time <= last => return Err(Refused::OutOfOrder),
            (Mode::Add, newest) => {
                let before = newest.map_or(0.0, |(_, before)| before);
                if is_stale(value) || is_stale(before) { value } else { before + value }
            }
        };
        match self.newest {
            Some((last, _)) if time <= last => self.write_late(time, value, block),
            before => {
                self.append(time, value, block);
                // After a stale marker a delta goes on from what was before it.
                let kept = before.map(|(_, before)| before).filter(|_| is_stale(value)).unwrap_or(value);
                self.newest = Some((time, kept));
                Ok(Some(value))
            }
        }
    }

    fn append(&mut self, time: i64, value: f64, block: i64) {
        if let Some(open) = &mut self.open {
            let same_block = window(open.last(), block) == window(time, block);
            if same_block && open.push(time, value) {
                return;
            }
            if !same_block {
                self.xor = false;
            }
            self.xor |= open.is_xor() && same_block;
        }
        let next = FloatWriter::new(time, value, self.xor);
        self.closed.extend(self.open.replace(next).map(FloatWriter::finish));
    }

    fn write_late(&mut self, time: i64, value: f64, block: i64) -> Result<Option<f64>, Refused> {
        if let Some(existing) = self.at(time) {
            return if existing.to_bits() == value.to_bits() { Ok(None) } else { Err(Refused::Duplicate) };
        }
        let place = self.late.partition_point(|&(at, _)| at < time);
        self.late.insert(place, (time, value));
        if self.late.len() >= CHUNK_SAMPLES as usize {
            self.close_late(block);
        }
        Ok(Some(value))
    }

    /// The float at exactly `time`.
    fn at(&self, time: i64) -> Option<f64> {
        if let Ok(place) = self.late.binary_search_by_key(&time, |&(at, _)| at) {
            return Some(self.late[place].1);
        }
        let open = self.open.as_ref().map(FloatWriter::snapshot);
        let covers = |chunk: &&Chunk| chunk.min <= time && time <= chunk.max && chunk.encoding != Encoding::Histograms;
        self.closed.iter().chain(&open).filter(covers).find_map(|chunk| {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            chunk.unpack(&mut times, &mut values, &mut Vec::new()).ok()?;
            times.binary_search(&time).ok().map(|place| values[place])
        })
    }

    /// Makes chunks of late samples, one or more for each block.
    fn close_late(&mut self, block: i64) {
        let late = std::mem::take(&mut self.late);
        self.closed.extend(late_chunks(&late, block));
    }

    fn write_histogram(
        &mut self,
        time: i64,
        value: Arc<Histogram>,
        mode: Mode,
        block: i64,
    ) -> Result<Option<Arc<Histogram>>, Refused> {
        let Some(writer) = &mut self.histograms else {
            self.histograms = Some(Box::new(HistogramWriter::new(time, Arc::clone(&value))));
            return Ok(Some(value));
        };
        if time == writer.last && mode == Mode::Set && writer.value.equals(&value) {
            return Ok(None);
        }
        if time <= writer.last {
            return Err(Refused::OutOfOrder);
        }
        let value = match mode {
            Mode::Add if !value.is_stale() && !writer.value.is_stale() => {
                let mut sum = (*writer.value).clone();
                sum.add(&value).map_err(|_| Refused::Incompatible)?;
                sum.compact();
                sum.hint = ResetHint::Unknown;
                Arc::new(sum)
            }
            _ => value,
        };
        if writer.count >= CHUNK_SAMPLES || window(writer.last, block) != window(time, block) {
            self.closed.push(writer.chunk());
            **writer = HistogramWriter::new(time, Arc::clone(&value));
        } else {
            writer.push(time, Arc::clone(&value));
        }
        Ok(Some(value))
    }

    /// Chunks that may have samples after `from` up to `to`.
    pub fn chunks(&self, from: i64, to: i64, block: i64) -> Vec<Chunk> {
        let mut found: Vec<Chunk> = self.closed.iter().filter(|chunk| chunk.overlaps(from, to)).cloned().collect();
        if !self.late.is_empty() {
            found.extend(late_chunks(&self.late, block).filter(|chunk| chunk.overlaps(from, to)));
        }
        found.extend(self.histograms.as_ref().map(|writer| writer.chunk()).filter(|chunk| chunk.overlaps(from, to)));
        let open = self.open.as_ref().filter(|open| open.last() > from && open.min() <= to);
        found.extend(open.map(FloatWriter::snapshot));
        found
    }

    /// Whether it may have samples after `from` up to `to`.
    pub fn overlaps(&self, from: i64, to: i64) -> bool {
        let late = self.late.first().zip(self.late.last()).is_some_and(|(min, max)| max.0 > from && min.0 <= to);
        late || self.closed.iter().any(|chunk| chunk.overlaps(from, to))
            || self.histograms.as_ref().is_some_and(|writer| writer.last > from && writer.min <= to)
            || self.open.as_ref().is_some_and(|open| open.last() > from && open.min() <= to)
    }

    /// Closes what ends before `boundary`.
    pub fn close_before(&mut self, boundary: i64, block: i64) {
        if self.open.as_ref().is_some_and(|open| open.last() < boundary) {
            self.closed.extend(self.open.take().map(FloatWriter::finish));
        }
        if self.histograms.as_ref().is_some_and(|writer| writer.last < boundary) {
            self.closed.extend(self.histograms.take().map(|writer| writer.chunk()));
        }
        if self.late.first().is_some_and(|&(time, _)| time < boundary) {
            self.close_late(block);
        }
    }

    /// Closed chunks that end before `boundary`.
    pub fn closed_before(&self, boundary: i64) -> impl Iterator<Item = &Chunk> {
        self.closed.iter().filter(move |chunk| chunk.max < boundary)
    }

    /// Drops closed chunks that end before `boundary`.
    pub fn forget_before(&mut self, boundary: i64) {
        self.closed.retain(|chunk| chunk.max >= boundary);
        self.closed.shrink_to_fit();
    }

    /// Takes chunks read from a checkpoint: the newest sample is known again.
    pub fn restore(&mut self, chunks: Vec<Chunk>) {
        for chunk in &chunks {
            let (mut times, mut values, mut histograms) = (Vec::new(), Vec::new(), Vec::new());
            if chunk.unpack(&mut times, &mut values, &mut histograms).is_err() {
                continue;
            }
            let kept = values.iter().rposition(|value| !is_stale(*value)).or(values.len().checked_sub(1));
            if let (Some(place), Some(&time)) = (kept, times.last())
                && self.newest.is_none_or(|(newest, _)| newest < time)
            {
                self.newest = Some((time, values[place]));
            }
            if let Some((time, value)) = histograms.pop()
                && self.histograms.as_ref().is_none_or(|writer| writer.last < time)
            {
                // The newest one is needed as what the next is compared with; it is the last of its chunk.
                self.histograms = Some(Box::new(HistogramWriter::new(time, value)));
            }
        }
        self.closed.extend(chunks);
    }

    /// Number of samples and bytes of memory, about.
    pub fn size(&self) -> (u64, usize) {
        let closed: u64 = self.closed.iter().map(|chunk| u64::from(chunk.count)).sum();
        let open = self.open.as_ref().map_or(0, |open| u64::from(open.count()));
        let histograms = self.histograms.as_ref().map_or(0, |writer| u64::from(writer.count));
        // Bytes keep a count of those who share them beside the data.
        let data: usize = self.closed.iter().map(|chunk| chunk.data.len() + 24).sum();
        let writers = self.open.as_ref().map_or(0, FloatWriter::capacity)
            + self.histograms.as_ref().map_or(0, |writer| writer.bytes.capacity() + size_of::<HistogramWriter>());
        let lists = self.closed.capacity() * size_of::<Chunk>() + self.late.capacity() * size_of::<(i64, f64)>();
        (closed + open + histograms + self.late.len() as u64, size_of::<Self>() + data + writers + lists)
    }
}

fn late_chunks(late: &[(i64, f64)], block: i64) -> impl Iterator<Item = Chunk> {
    late.chunk_by(move |a, b| window(a.0, block) == window(b.0, block)).flat_map(|part| {
        let (times, values): (Vec<i64>, Vec<f64>) = part.iter().copied().unzip();
        pack(&times, &values)
    })
}
