//! The log: what was written since the last checkpoint, record by record. `disk` opens, reads and writes the files.
//!
//! The format is described in `docs/formats/series.md`.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use promql::Labels;

use crate::head::{Applied, Head};
use crate::histogram;
use crate::varint::{Put, Take};
use crate::write::{Exemplar, Metadata, MetricType, SampleValue};

/// First bytes of a log file.
pub(crate) const MAGIC: &[u8; 8] = b"TAWNYSL1";
/// Bytes of one record at most; longer ones can only come from damage.
const RECORD_BYTES_MAX: usize = 1 << 30;

const SAMPLES: u8 = 1;
const METADATA: u8 = 2;
const EXEMPLARS: u8 = 3;

/// What a record holds, read back.
#[derive(Debug, PartialEq)]
pub(crate) enum Record {
    Samples { series: Vec<(u32, Labels)>, samples: Vec<Applied> },
    Metadata(Vec<(String, Metadata)>),
    Exemplars(Vec<Exemplar>),
}

/// Adds a length and a checksum.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(payload.len() + 8);
    record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    record.extend_from_slice(payload);
    record
}

fn put_labels(bytes: &mut Vec<u8>, labels: &Labels) {
    bytes.put_u64(labels.len() as u64);
    for label in labels.iter() {
        bytes.put_text(&label.name);
        bytes.put_text(&label.value);
    }
}

fn take_labels(take: &mut Take<'_>) -> Option<Labels> {
    let count = take.count()?;
    let pairs: Vec<(&str, &str)> = (0..count).map(|_| Some((take.text()?, take.text()?))).collect::<Option<_>>()?;
    Some(Labels::new(pairs))
}

/// A record of samples. Series that the file does not know yet (`defined`) are described first.
pub(crate) fn samples(samples: &[Applied], head: &Head, defined: &mut HashSet<u32>) -> Vec<u8> {
    let mut bytes = vec![SAMPLES];
    let mut series = Vec::new();
    let mut new = 0;
    for sample in samples {
        if let Some(labels) = head.labels(sample.series).filter(|_| defined.insert(sample.series)) {
            series.put_u64(u64::from(sample.series));
            put_labels(&mut series, labels);
            new += 1;
        }
    }
    bytes.put_u64(new);
    bytes.append(&mut series);
    bytes.put_u64(samples.len() as u64);
    let (mut id, mut time) = (0, 0);
    for sample in samples {
        bytes.put_i64(i64::from(sample.series) - id);
        bytes.put_i64(sample.time.wrapping_sub(time));
        (id, time) = (i64::from(sample.series), sample.time);
        match &sample.value {
            SampleValue::Float(value) => {
                bytes.push(0);
                bytes.put_number(*value);
            }
            SampleValue::Histogram(value) => {
                bytes.push(1);
                histogram::put(&mut bytes, value);
            }
        }
    }
    framed(&bytes)
}

/// A record of what is known of metrics.
pub(crate) fn metadata<'m>(entries: impl ExactSizeIterator<Item = (&'m String, &'m Metadata)>) -> Vec<u8> {
    let mut bytes = vec![METADATA];
    bytes.put_u64(entries.len() as u64);
    for (name, metadata) in entries {
        bytes.put_text(name);
        bytes.push(MetricType::ALL.iter().position(|&kind| kind == metadata.kind).unwrap_or(0) as u8);
        bytes.put_text(&metadata.help);
        bytes.put_text(&metadata.unit);
    }
    framed(&bytes)
}

/// A record of exemplars.
pub(crate) fn exemplars<'e>(exemplars: impl ExactSizeIterator<Item = &'e Exemplar>) -> Vec<u8> {
    let mut bytes = vec![EXEMPLARS];
    bytes.put_u64(exemplars.len() as u64);
    for exemplar in exemplars {
        put_labels(&mut bytes, &exemplar.series);
        put_labels(&mut bytes, &exemplar.labels);
        bytes.put_f64(exemplar.value);
        bytes.put_i64(exemplar.time);
    }
    framed(&bytes)
}

fn record(payload: &[u8]) -> Option<Record> {
    let mut take = Take(payload);
    match take.byte()? {
        SAMPLES => {
            let count = take.count()?;
            let series = (0..count)
                .map(|_| Some((u32::try_from(take.u64()?).ok()?, take_labels(&mut take)?)))
                .collect::<Option<_>>()?;
            let count = take.count()?;
            let (mut id, mut time) = (0i64, 0i64);
            let samples = (0..count)
                .map(|_| {
                    id = id.checked_add(take.i64()?)?;
                    time = time.wrapping_add(take.i64()?);
                    let value = match take.byte()? {
                        0 => SampleValue::Float(take.number()?),
                        1 => SampleValue::Histogram(histogram::take(&mut take)?.into()),
                        _ => return None,
                    };
                    Some(Applied { series: u32::try_from(id).ok()?, time, value })
                })
                .collect::<Option<_>>()?;
            Some(Record::Samples { series, samples })
        }
        METADATA => {
            let count = take.count()?;
            let entry = |take: &mut Take<'_>| {
                let name = take.text()?.to_owned();
                let kind = MetricType::from_number(u64::from(take.byte()?));
                Some((name, Metadata { kind, help: take.text()?.to_owned(), unit: take.text()?.to_owned() }))
            };
            (0..count).map(|_| entry(&mut take)).collect::<Option<_>>().map(Record::Metadata)
        }
        EXEMPLARS => {
            let count = take.count()?;
            let exemplar = |take: &mut Take<'_>| {
                let (series, labels) = (take_labels(take)?, take_labels(take)?);
                Some(Exemplar { series, labels, value: take.f64()?, time: take.i64()? })
            };
            (0..count).map(|_| exemplar(&mut take)).collect::<Option<_>>().map(Record::Exemplars)
        }
        _ => None,
    }
}

/// Hands over the records of a file (magic included) up to the first that is cut off or damaged; gives the bytes that are good. One
/// record is in memory at a time: a log of two hours with many series is larger than all else a start needs.
pub(crate) fn read(mut file: impl Read, mut take: impl FnMut(Record)) -> io::Result<u64> {
    let mut bytes = Vec::new();
    if !filled(&mut file, MAGIC.len(), &mut bytes)? || bytes != MAGIC {
        return Ok(0);
    }
    let mut good = MAGIC.len() as u64;
    while filled(&mut file, 8, &mut bytes)?
        && let Some(&[a, b, c, d, e, f, g, h]) = bytes.first_chunk::<8>()
    {
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > RECORD_BYTES_MAX
            || !filled(&mut file, length, &mut bytes)?
            || crc32fast::hash(&bytes) != u32::from_le_bytes([e, f, g, h])
        {
            break;
        }
        let Some(record) = record(&bytes) else { break };
        take(record);
        good += 8 + length as u64;
    }
    Ok(good)
}

/// Reads so many bytes; says whether there were as many.
fn filled(file: &mut impl Read, length: usize, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    Ok(file.take(length as u64).read_to_end(bytes)? == length)
}

/// Whether a whole record stands somewhere behind the first of these bytes, which are no valid record: then they are damaged, and
/// not the torn end of what was being written.
pub(crate) fn goes_on(bytes: &[u8]) -> bool {
    /// Longer records are not looked for: nearly none is so long.
    const LOOKED_FOR_MAX: usize = 1 << 20;
    let whole = |bytes: &[u8]| {
        let Some((&[a, b, c, d, e, f, g, h], after)) = bytes.split_first_chunk::<8>() else { return false };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let payload = after.get(..length).filter(|payload| payload.len() <= LOOKED_FOR_MAX).unwrap_or_default();
        payload.first().is_some_and(|sort| (SAMPLES..=EXEMPLARS).contains(sort))
            && crc32fast::hash(payload) == u32::from_le_bytes([e, f, g, h])
    };
    (1..bytes.len()).any(|at| whole(&bytes[at..]))
}

/// Series by the numbers a log file gives them.
pub(crate) type Names = HashMap<u32, Labels>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Bounds;
    use crate::write::Write;

    #[test]
    fn records_come_back_and_a_torn_one_ends_the_file() {
        let mut head = Head::new(Bounds { block: 7_200_000, series_max: 10 }, 0);
        let mut applied = Vec::new();
        let labels = Labels::new([("__name__", "a"), ("b", "c")]);
        head.write(Write::float(labels.clone(), 5, -1.5), 10, &mut applied).unwrap();
        let mut defined = HashSet::new();
        let metric = ("a".to_owned(), Metadata { kind: MetricType::Gauge, help: "h".into(), unit: "s".into() });
        let exemplar = Exemplar { series: labels.clone(), labels: Labels::default(), value: 0.5, time: 7 };
        let mut file = MAGIC.to_vec();
        file.extend(samples(&applied, &head, &mut defined));
        file.extend(samples(&applied, &head, &mut defined));
        file.extend(metadata([(&metric.0, &metric.1)].into_iter()));
        file.extend(exemplars([&exemplar].into_iter()));
        let mut found = Vec::new();
        assert_eq!(read(&*file, |record| found.push(record)).unwrap(), file.len() as u64);
        assert_eq!(
            found,
            [
                Record::Samples { series: vec![(0, labels)], samples: applied.clone() },
                Record::Samples { series: vec![], samples: applied },
                Record::Metadata(vec![metric]),
                Record::Exemplars(vec![exemplar]),
            ]
        );
        let whole = file.len();
        let mut records = 0;
        assert!(read(&file[..whole - 1], |_| records += 1).unwrap() < whole as u64 - 1);
        assert_eq!(records, 3);
        assert!(!goes_on(&file[whole - 3..]), "a torn end");
        file[20] ^= 1;
        let good = read(&*file, |_| panic!("the first record is damaged")).unwrap();
        assert_eq!(good, MAGIC.len() as u64);
        assert!(goes_on(&file[MAGIC.len()..]), "damage with records after it");
    }
}
