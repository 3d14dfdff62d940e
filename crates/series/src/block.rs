//! Blocks: chunks of all series over a stretch of time, as one immutable file. Pure; `disk` reads and writes the bytes.
//!
//! The format is described in `docs/formats/series.md`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use promql::{Labels, METRIC_NAME, Matcher};

use crate::chunk::{Chunk, Encoding};
use crate::found::Found;
use crate::varint::{Put, Take};

/// First and last bytes of a block.
pub(crate) const MAGIC: &[u8; 8] = b"TAWNYSR1";
/// Bytes after the footer: its length, its checksum, the magic.
pub(crate) const TAIL: usize = 16;

/// What a block is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Footer {
    /// Start of the stretch, in milliseconds.
    pub start: i64,
    /// End of the stretch, exclusive.
    pub end: i64,
    /// Whether only what hourly summaries need is kept.
    pub thin: bool,
    /// One a metric name, ordered.
    pub sections: Vec<Section>,
}

/// Where the series of one metric are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub metric: Arc<str>,
    /// Place of the index in the file; the data follows it.
    pub offset: u64,
    pub index_bytes: u64,
    pub index_crc: u32,
    pub data_bytes: u64,
    pub series: u64,
    pub samples: u64,
}

/// A series of a section's index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub labels: Labels,
    /// Place of its chunks in the section's data.
    pub offset: u64,
    pub bytes: u64,
    pub crc: u32,
    /// Its chunks without data, and their lengths.
    pub chunks: Vec<(Chunk, usize)>,
}

impl Footer {
    /// Bytes of the footer with what follows it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_i64(self.start);
        bytes.put_i64(self.end);
        bytes.push(u8::from(self.thin));
        bytes.put_u64(self.sections.len() as u64);
        for section in &self.sections {
            bytes.put_text(&section.metric);
            bytes.put_u64(section.offset);
            bytes.put_u64(section.index_bytes);
            bytes.put_u64(u64::from(section.index_crc));
            bytes.put_u64(section.data_bytes);
            bytes.put_u64(section.series);
            bytes.put_u64(section.samples);
        }
        let crc = crc32fast::hash(&bytes);
        let length = bytes.len() as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        bytes
    }

    /// Length of the footer as the last bytes of a file tell it; `None` where they are not those of a block.
    pub fn length(tail: &[u8; TAIL]) -> Option<usize> {
        let (length, rest) = tail.split_first_chunk::<4>()?;
        (&rest[4..] == MAGIC).then_some(u32::from_le_bytes(*length) as usize)
    }

    /// Reads the footer; `bytes` are those of the footer without the tail.
    pub fn decode(bytes: &[u8], tail: &[u8; TAIL]) -> Option<Self> {
        let crc = u32::from_le_bytes(tail[4..8].try_into().ok()?);
        if crc32fast::hash(bytes) != crc {
            return None;
        }
        let mut take = Take(bytes);
        let (start, end, thin) = (take.i64()?, take.i64()?, take.byte()? == 1);
        let count = take.count()?;
        let section = |take: &mut Take<'_>| {
            Some(Section {
                metric: take.text()?.into(),
                offset: take.u64()?,
                index_bytes: take.u64()?,
                index_crc: u32::try_from(take.u64()?).ok()?,
                data_bytes: take.u64()?,
                series: take.u64()?,
                samples: take.u64()?,
            })
        };
        let sections = (0..count).map(|_| section(&mut take)).collect::<Option<_>>()?;
        Some(Self { start, end, thin, sections })
    }

    /// Sections that may have series that fulfil the matchers.
    pub fn matching<'f>(&'f self, matchers: &'f [Matcher]) -> impl Iterator<Item = &'f Section> {
        self.sections.iter().filter(move |section| {
            matchers.iter().filter(|matcher| &*matcher.name == METRIC_NAME).all(|it| it.is_match(&section.metric))
        })
    }
}

/// Writes the series of one metric: index and data. `offset` is where in the file they will stand.
pub(crate) fn encode_section(metric: &str, offset: u64, series: &[Found]) -> (Section, Vec<u8>) {
    let mut texts: HashMap<&str, u64> = HashMap::new();
    let mut list: Vec<&str> = Vec::new();
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for found in series {
        entries.put_u64(found.labels.len() as u64);
        for text in found.labels.iter().flat_map(|label| [&*label.name, &*label.value]) {
            let place = *texts.entry(text).or_insert_with(|| {
                list.push(text);
                list.len() as u64 - 1
            });
            entries.put_u64(place);
        }
        let from = data.len();
        entries.put_u64(found.chunks.len() as u64);
        for chunk in &found.chunks {
            entries.put_i64(chunk.min);
            entries.put_i64(chunk.max.wrapping_sub(chunk.min));
            entries.put_u64(u64::from(chunk.count));
            entries.push(chunk.encoding.number());
            entries.put_u64(chunk.data.len() as u64);
            data.extend_from_slice(&chunk.data);
        }
        entries.put_u64(u64::from(crc32fast::hash(&data[from..])));
    }
    let mut bytes = Vec::with_capacity(entries.len() + data.len() + 64);
    bytes.put_u64(list.len() as u64);
    list.iter().for_each(|text| bytes.put_text(text));
    bytes.put_u64(series.len() as u64);
    bytes.append(&mut entries);
    let section = Section {
        metric: metric.into(),
        offset,
        index_bytes: bytes.len() as u64,
        index_crc: crc32fast::hash(&bytes),
        data_bytes: data.len() as u64,
        series: series.len() as u64,
        samples: series.iter().map(Found::samples).sum(),
    };
    bytes.append(&mut data);
    (section, bytes)
}

/// Reads a section's index; `None` where it is damaged. Series that do not fulfil the matchers are left out.
pub(crate) fn decode_index(section: &Section, bytes: &[u8], matchers: &[Matcher]) -> Option<Vec<Entry>> {
    if crc32fast::hash(bytes) != section.index_crc {
        return None;
    }
    let mut take = Take(bytes);
    let texts = take.count()?;
    let texts: Vec<Arc<str>> = (0..texts).map(|_| take.text().map(Into::into)).collect::<Option<_>>()?;
    let series = take.count()?;
    let mut entries = Vec::new();
    let mut offset = 0u64;
    for _ in 0..series {
        let count = take.count()?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let mut text = || take.usize().and_then(|place| texts.get(place)).cloned();
            pairs.push((text()?, text()?));
        }
        let labels = Labels::new(pairs);
        let wanted = matchers.iter().all(|matcher| matcher.matches(&labels));
        let count = take.count()?;
        let mut chunks = Vec::with_capacity(if wanted { count } else { 0 });
        let mut bytes = 0u64;
        for _ in 0..count {
            let min = take.i64()?;
            let max = min.wrapping_add(take.i64()?);
            let count = u32::try_from(take.u64()?).ok()?;
            let encoding = Encoding::from_number(take.byte()?)?;
            let length = take.usize()?;
            bytes = bytes.checked_add(length as u64)?;
            if wanted {
                chunks.push((Chunk { min, max, count, encoding, data: Bytes::new() }, length));
            }
        }
        let crc = u32::try_from(take.u64()?).ok()?;
        if wanted {
            entries.push(Entry { labels, offset, bytes, crc, chunks });
        }
        offset = offset.checked_add(bytes)?;
    }
    (offset == section.data_bytes).then_some(entries)
}

impl Entry {
    /// The series with its chunks; `data` are its bytes. `None` where they are damaged.
    pub fn found(self, data: &Bytes, from: i64, to: i64) -> Option<Found> {
        if data.len() as u64 != self.bytes || crc32fast::hash(data) != self.crc {
            return None;
        }
        let mut at = 0;
        let mut chunks = Vec::new();
        for (mut chunk, length) in self.chunks {
            if chunk.overlaps(from, to) {
                chunk.data = data.slice(at..at + length);
                chunks.push(chunk);
            }
            at += length;
        }
        Some(Found { labels: self.labels, chunks })
    }

    /// Whether a chunk may have samples after `from` up to `to`.
    pub fn overlaps(&self, from: i64, to: i64) -> bool {
        self.chunks.iter().any(|(chunk, _)| chunk.overlaps(from, to))
    }
}

/// Puts series in the order of a block: by metric name, then by labels.
pub(crate) fn by_metric(mut series: Vec<Found>) -> Vec<(Arc<str>, Vec<Found>)> {
    series.sort_by(|a, b| (a.labels.metric_name(), &a.labels).cmp(&(b.labels.metric_name(), &b.labels)));
    let mut metrics: Vec<(Arc<str>, Vec<Found>)> = Vec::new();
    for found in series {
        match metrics.last_mut() {
            Some((metric, list)) if **metric == *found.labels.metric_name() => list.push(found),
            _ => metrics.push((found.labels.metric_name().into(), vec![found])),
        }
    }
    metrics
}
