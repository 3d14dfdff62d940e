//! Chunks: some samples of one series, compressed.
//!
//! Times are differences of differences, as in Facebook's Gorilla (Pelkonen et al., VLDB 2015). Values are differences of whole
//! numbers as long as all are whole, which counters of calls and tokens are, else Gorilla's XOR of bits. Our own code because the crates
//! there are for it (`tsz`, `gorilla-tsc`) have been without a release for years and know neither whole numbers nor stale markers.
//! What it costs and gives stands in decision 0022.

use std::sync::Arc;

use bytes::Bytes;
use promql::histogram::Histogram;
use promql::is_stale;

use crate::bits::{BitReader, BitWriter, unzigzag, zigzag};
use crate::histogram;

/// Samples a chunk holds at most. One look at a series unpacks whole chunks, so that large ones cost instant queries; at 15 s this is
/// half an hour.
pub const CHUNK_SAMPLES: u32 = 120;

/// The largest whole number kept as one: above, floats have gaps.
const MAX_WHOLE: f64 = (1u64 << 53) as f64;

/// Classes of time differences: bits, after so many leading ones. As Prometheus has them, made for milliseconds.
const TIME_CLASSES: [u32; 5] = [0, 14, 17, 20, 64];
/// Classes of differences of whole numbers.
const WHOLE_CLASSES: [u32; 6] = [0, 4, 8, 14, 24, 64];
/// Stands for the stale marker among differences of whole numbers; no two whole numbers are so far apart.
const STALE_DIFFERENCE: i64 = i64::MIN;

/// How the samples of a chunk are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Floats that are all whole numbers or stale markers.
    Whole,
    /// Any floats.
    Xor,
    /// Native histograms.
    Histograms,
}

impl Encoding {
    /// The number files use.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Whole => 0,
            Self::Xor => 1,
            Self::Histograms => 2,
        }
    }

    /// Reads it back.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::Whole, Self::Xor, Self::Histograms].into_iter().find(|it| it.number() == number)
    }
}

/// Compressed samples of one series, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Time of the first sample, in milliseconds since 1970.
    pub min: i64,
    /// Time of the last.
    pub max: i64,
    /// Number of samples.
    pub count: u32,
    /// How they are written.
    pub encoding: Encoding,
    /// The bytes.
    pub data: Bytes,
}

/// A chunk's bytes do not hold what they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunk of samples is damaged")]
pub struct Damaged;

impl Chunk {
    /// A chunk of native histograms that are in order of time; `None` for none.
    pub(crate) fn of_histograms(samples: &[(i64, Arc<Histogram>)]) -> Option<Self> {
        let (min, max) = (samples.first()?.0, samples.last()?.0);
        let mut data = Vec::new();
        let mut last = min;
        for (time, histogram) in samples {
            histogram::push(&mut data, time - last, histogram);
            last = *time;
        }
        Some(Self { min, max, count: samples.len() as u32, encoding: Encoding::Histograms, data: data.into() })
    }

    /// Appends the samples to `times` and `values`, or to `histograms`.
    pub fn unpack(
        &self,
        times: &mut Vec<i64>,
        values: &mut Vec<f64>,
        histograms: &mut Vec<(i64, Arc<Histogram>)>,
    ) -> Result<(), Damaged> {
        match self.encoding {
            Encoding::Histograms => histogram::unpack(&self.data, self.min, self.count, histograms).ok_or(Damaged),
            encoding => {
                times.reserve(self.count as usize);
                values.reserve(self.count as usize);
                let mut reader = FloatReader::new(&self.data, self.min, encoding);
                for _ in 0..self.count {
                    let (time, value) = reader.next().ok_or(Damaged)?;
                    times.push(time);
                    values.push(value);
                }
                Ok(())
            }
        }
    }

    /// Whether a sample may lie after `from` and at or before `to`.
    pub fn overlaps(&self, from: i64, to: i64) -> bool {
        self.max > from && self.min <= to
    }
}

/// Whether a value can stand in a chunk of whole numbers.
fn is_whole(value: f64) -> bool {
    (value.trunc() == value && value.abs() <= MAX_WHOLE && !(value == 0.0 && value.is_sign_negative()))
        || is_stale(value)
}

/// Builds chunks of floats, sample by sample.
#[derive(Debug, Clone)]
pub(crate) struct FloatWriter {
    bits: BitWriter,
    encoding: Encoding,
    min: i64,
    last: i64,
    step: i64,
    count: u32,
    /// The last value; of whole numbers the last that was no stale marker.
    value: f64,
    leading: u32,
    trailing: u32,
}

impl FloatWriter {
    /// A chunk that begins with a sample. `xor` says that values are not worth a try as whole numbers.
    pub fn new(time: i64, value: f64, xor: bool) -> Self {
        let encoding = if !xor && is_whole(value) { Encoding::Whole } else { Encoding::Xor };
        let mut writer = Self {
            bits: BitWriter::default(),
            encoding,
            min: time,
            last: time,
            step: 0,
            count: 1,
            value,
            // No window yet.
            leading: u32::MAX,
            trailing: 0,
        };
        match encoding {
            Encoding::Xor | Encoding::Histograms => writer.bits.put(value.to_bits(), 64),
            Encoding::Whole => {
                writer.value = 0.0;
                writer.put_whole(value);
            }
        }
        writer
    }

    /// Appends a sample that comes later than all before. False where the chunk is full or cannot hold it: then a new one begins.
    pub fn push(&mut self, time: i64, value: f64) -> bool {
        if self.count >= CHUNK_SAMPLES || (self.encoding == Encoding::Whole && !is_whole(value)) {
            return false;
        }
        let step = time.wrapping_sub(self.last);
        put_classed(&mut self.bits, step.wrapping_sub(self.step), &TIME_CLASSES);
        (self.last, self.step) = (time, step);
        self.count += 1;
        match self.encoding {
            Encoding::Whole => self.put_whole(value),
            _ => self.put_xor(value),
        }
        true
    }

    fn put_whole(&mut self, value: f64) {
        if is_stale(value) {
            put_classed(&mut self.bits, STALE_DIFFERENCE, &WHOLE_CLASSES);
        } else {
            put_classed(&mut self.bits, value as i64 - self.value as i64, &WHOLE_CLASSES);
            self.value = value;
        }
    }

    fn put_xor(&mut self, value: f64) {
        let xor = value.to_bits() ^ self.value.to_bits();
        self.value = value;
        if xor == 0 {
            return self.bits.put(0, 1);
        }
        let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if self.leading != u32::MAX && leading >= self.leading && trailing >= self.trailing {
            self.bits.put(0b10, 2);
        } else {
            (self.leading, self.trailing) = (leading, trailing);
            self.bits.put(0b11, 2);
            self.bits.put(u64::from(leading), 5);
            // 64 meaningful bits are written as 0, which cannot occur otherwise.
            self.bits.put(u64::from(64 - leading - trailing) & 63, 6);
        }
        self.bits.put(xor >> self.trailing, 64 - self.leading - self.trailing);
    }

    /// Time of the first sample.
    pub fn min(&self) -> i64 {
        self.min
    }

    /// Time of the last sample.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Whether values needed XOR.
    pub fn is_xor(&self) -> bool {
        self.encoding == Encoding::Xor
    }

    /// Number of samples.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes it holds on to.
    pub fn capacity(&self) -> usize {
        self.bits.capacity()
    }

    /// The samples so far.
    pub fn snapshot(&self) -> Chunk {
        self.chunk(Bytes::copy_from_slice(self.bits.bytes()))
    }

    /// The finished chunk.
    pub fn finish(mut self) -> Chunk {
        let bytes = std::mem::take(&mut self.bits).into_bytes();
        self.chunk(bytes.into())
    }

    fn chunk(&self, data: Bytes) -> Chunk {
        Chunk { min: self.min, max: self.last, count: self.count, encoding: self.encoding, data }
    }
}

/// Writes a number in the smallest class that holds it: as many ones as the class's place, a zero unless it is the last, the bits.
fn put_classed(bits: &mut BitWriter, value: i64, classes: &[u32]) {
    let number = zigzag(value);
    let needed = 64 - number.leading_zeros();
    let last = classes.len() - 1;
    let class = classes[..last].iter().position(|&class| needed <= class).unwrap_or(last);
    if class == last {
        bits.put((1 << class) - 1, class as u32);
    } else {
        bits.put(((1 << class) - 1) << 1, class as u32 + 1);
    }
    bits.put(number, classes[class]);
}

#[inline]
fn take_classed(bits: &mut BitReader<'_>, classes: &[u32]) -> Option<i64> {
    let class = bits.ones(classes.len() as u32 - 1)?;
    Some(unzigzag(bits.take(classes[class as usize])?))
}

struct FloatReader<'a> {
    bits: BitReader<'a>,
    encoding: Encoding,
    first: bool,
    time: i64,
    step: i64,
    whole: i64,
    value: u64,
    leading: u32,
    trailing: u32,
}

impl<'a> FloatReader<'a> {
    fn new(data: &'a [u8], min: i64, encoding: Encoding) -> Self {
        Self {
            bits: BitReader::new(data),
            encoding,
            first: true,
            time: min,
            step: 0,
            whole: 0,
            value: 0,
            leading: 0,
            trailing: 0,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<(i64, f64)> {
        if !self.first {
            self.step = self.step.wrapping_add(take_classed(&mut self.bits, &TIME_CLASSES)?);
            self.time = self.time.wrapping_add(self.step);
        }
        let value = match self.encoding {
            Encoding::Whole => match take_classed(&mut self.bits, &WHOLE_CLASSES)? {
                STALE_DIFFERENCE => f64::from_bits(promql::STALE_NAN_BITS),
                difference => {
                    self.whole = self.whole.wrapping_add(difference);
                    self.whole as f64
                }
            },
            _ if self.first => {
                self.value = self.bits.take(64)?;
                f64::from_bits(self.value)
            }
            _ => self.next_xor()?,
        };
        self.first = false;
        Some((self.time, value))
    }

    #[inline]
    fn next_xor(&mut self) -> Option<f64> {
        if self.bits.bit()? {
            if self.bits.bit()? {
                self.leading = self.bits.take(5)? as u32;
                let meaningful = match self.bits.take(6)? as u32 {
                    0 => 64,
                    some => some,
                };
                self.trailing = 64u32.checked_sub(self.leading + meaningful)?;
            }
            let meaningful = 64 - self.leading - self.trailing;
            self.value ^= self.bits.take(meaningful)?.checked_shl(self.trailing)?;
        }
        Some(f64::from_bits(self.value))
    }
}

/// Chunks of samples that are in order.
pub(crate) fn pack(times: &[i64], values: &[f64]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut open: Option<FloatWriter> = None;
    for (&time, &value) in times.iter().zip(values) {
        if !open.as_mut().is_some_and(|writer| writer.push(time, value)) {
            let xor = open.as_ref().is_some_and(FloatWriter::is_xor);
            chunks.extend(open.replace(FloatWriter::new(time, value, xor)).map(FloatWriter::finish));
        }
    }
    chunks.extend(open.map(FloatWriter::finish));
    chunks
}

#[cfg(test)]
mod tests;
