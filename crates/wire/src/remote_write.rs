//! Prometheus' remote write, 1.0 and 2.0.
//!
//! Sources: <https://prometheus.io/docs/specs/prw/remote_write_spec/>, <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>, and the
//! messages `prometheus.WriteRequest` (`prompb/remote.proto`, `types.proto`) and `io.prometheus.write.v2.Request`. Bodies are protobuf in
//! snappy's block format. A series that cannot be read costs its neighbours nothing.

mod encode;

use std::borrow::Cow;

use model::raw::Rejected;

pub use self::encode::{SAMPLES_MAX, encode};

use crate::limits::MAX_BUCKETS;
use crate::protobuf::reader::{Field, Problem, Reader, WRONG_TYPE, each_fixed64, each_varint, zigzag32};
use crate::{DecodeError, DecompressError};

/// Which message a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

impl Version {
    /// From a `Content-Type`; `None` where it names another message or is no protobuf.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("proto=")).map(|name| name.trim_matches('"')) {
            None | Some("prometheus.WriteRequest") => Some(Self::V1),
            Some("io.prometheus.write.v2.Request") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// Unpacks a body; never more than `limit` bytes.
///
/// # Errors
/// When it is larger, or no snappy block.
pub fn unsnap(body: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |error: snap::Error| DecompressError::Corrupt { compression: "snappy", problem: error.to_string() };
    if snap::raw::decompress_len(body).map_err(corrupt)? > limit {
        return Err(DecompressError::TooLarge { limit });
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(corrupt)
}

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// Value; the stale marker where the series has ended.
    pub value: f64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// When the counter began, in milliseconds; 0 where not told (2.0 only).
    pub start: i64,
}

/// A native histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Resolution; −53 for custom bounds.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in it.
    pub zero_count: f64,
    /// Index and count of negative buckets.
    pub negative: Vec<(i32, f64)>,
    /// Index and count of positive buckets.
    pub positive: Vec<(i32, f64)>,
    /// 0 unknown, 1 reset, 2 no reset, 3 gauge.
    pub reset_hint: u64,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Upper bounds of custom buckets.
    pub custom_values: Vec<f64>,
    /// When it began to count, in milliseconds; 0 where not told (2.0 only).
    pub start: i64,
}

/// A label: name and value.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// An observation with labels of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exemplar<'a> {
    /// Labels, `trace_id` among them.
    pub labels: Vec<Pair<'a>>,
    /// Observed value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub time: i64,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata<'a> {
    /// Sort, by the number of the message's enumeration.
    pub kind: u64,
    /// Metric family; in 2.0 empty, the series names it.
    pub family: Cow<'a, str>,
    /// What it means.
    pub help: Cow<'a, str>,
    /// Its unit.
    pub unit: Cow<'a, str>,
}

/// A series with what came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series<'a> {
    /// Labels in the order sent, `__name__` among them.
    pub labels: Vec<Pair<'a>>,
    /// Floats.
    pub samples: Vec<Sample>,
    /// Native histograms.
    pub histograms: Vec<Histogram>,
    /// Observations with traces.
    pub exemplars: Vec<Exemplar<'a>>,
    /// What is known of its metric (2.0).
    pub metadata: Option<Metadata<'a>>,
}

/// A request.
#[derive(Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// Its series.
    pub series: Vec<Series<'a>>,
    /// What is known of metrics (1.0).
    pub metadata: Vec<Metadata<'a>>,
    /// Series that cannot be read.
    pub rejected: Rejected,
}

/// Reads a request after [`unsnap`].
///
/// # Errors
/// When it is no such message.
pub fn decode(version: Version, body: &[u8]) -> Result<Request<'_>, DecodeError> {
    let mut reader = Reader::new(body);
    read(version, &mut reader).map_err(|problem| DecodeError::Protobuf {
        problem,
        offset: body.len() - reader.remaining(),
        hint: "; expected remote write",
    })
}

fn read<'a>(version: Version, reader: &mut Reader<'a>) -> Result<Request<'a>, Problem> {
    let mut request = Request::default();
    let mut symbols: Vec<Cow<'a, str>> = Vec::new();
    let mut series: Vec<&'a [u8]> = Vec::new();
    while let Some((number, field)) = reader.next()? {
        match (version, number, field) {
            (Version::V1, 1, Field::Bytes(bytes)) | (Version::V2, 5, Field::Bytes(bytes)) => series.push(bytes),
            (Version::V1, 3, Field::Bytes(bytes)) => request.metadata.push(metadata(bytes, None)?),
            (Version::V2, 4, Field::Bytes(bytes)) => symbols.push(text(bytes)),
            (Version::V1, 1 | 3, _) | (Version::V2, 4 | 5, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    let symbols = (version == Version::V2).then_some(&symbols[..]);
    for bytes in series {
        match one_series(bytes, symbols) {
            Ok(series) => request.series.push(series),
            Err(problem) => request.rejected.add(format!("series rejected: {problem}")),
        }
    }
    Ok(request)
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn one_series<'a>(bytes: &'a [u8], symbols: Option<&[Cow<'a, str>]>) -> Result<Series<'a>, Problem> {
    let mut series = Series::default();
    let mut created = 0;
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (symbols, number, field) {
            (None, 1, Field::Bytes(bytes)) => series.labels.push(label(bytes)?),
            (Some(symbols), 1, field) => refs(field, symbols, &mut series.labels)?,
            (_, 2, Field::Bytes(bytes)) => series.samples.push(sample(bytes)?),
            (None, 3, Field::Bytes(bytes)) | (Some(_), 4, Field::Bytes(bytes)) => {
                series.exemplars.push(exemplar(bytes, symbols)?);
            }
            (None, 4, Field::Bytes(bytes)) | (Some(_), 3, Field::Bytes(bytes)) => {
                series.histograms.push(histogram(bytes)?);
            }
            (Some(symbols), 5, Field::Bytes(bytes)) => series.metadata = Some(metadata(bytes, Some(symbols))?),
            (Some(_), 6, Field::Varint(time)) => created = time as i64,
            (_, 1..=4, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    // Before it stood at each sample, 2.0 had it once a series.
    series.samples.iter_mut().filter(|sample| sample.start == 0).for_each(|sample| sample.start = created);
    series.histograms.iter_mut().filter(|it| it.start == 0).for_each(|it| it.start = created);
    Ok(series)
}

fn label(bytes: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), Problem> {
    let (mut name, mut value) = (Cow::Borrowed(""), Cow::Borrowed(""));
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = text(bytes),
            (2, Field::Bytes(bytes)) => value = text(bytes),
            _ => {}
        }
    }
    Ok((name, value))
}

/// Labels as pairs of places in the list of texts.
fn refs<'a>(field: Field<'_>, symbols: &[Cow<'a, str>], labels: &mut Vec<Pair<'a>>) -> Result<(), Problem> {
    let mut texts = Vec::new();
    each_varint(field, |place| texts.push(symbol(place, symbols)))?;
    let (pairs, rest) = texts.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a label has a name and no value");
    }
    for [name, value] in pairs {
        match (name, value) {
            (Some(name), Some(value)) => labels.push((name.clone(), value.clone())),
            _ => return Err("a label refers to a text that is not there"),
        }
    }
    Ok(())
}

fn symbol<'a>(place: u64, symbols: &[Cow<'a, str>]) -> Option<Cow<'a, str>> {
    usize::try_from(place).ok().and_then(|place| symbols.get(place)).cloned()
}

fn sample(bytes: &[u8]) -> Result<Sample, Problem> {
    let mut sample = Sample::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Fixed64(bits)) => sample.value = f64::from_bits(bits),
            (2, Field::Varint(time)) => sample.time = time as i64,
            (3, Field::Varint(time)) => sample.start = time as i64,
            (1..=3, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(sample)
}

fn exemplar<'a>(bytes: &'a [u8], symbols: Option<&[Cow<'a, str>]>) -> Result<Exemplar<'a>, Problem> {
    let mut exemplar = Exemplar::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (symbols, number, field) {
            (None, 1, Field::Bytes(bytes)) => exemplar.labels.push(label(bytes)?),
            (Some(symbols), 1, field) => refs(field, symbols, &mut exemplar.labels)?,
            (_, 2, Field::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
            (_, 3, Field::Varint(time)) => exemplar.time = time as i64,
            (_, 1..=3, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(exemplar)
}

fn metadata<'a>(bytes: &'a [u8], symbols: Option<&[Cow<'a, str>]>) -> Result<Metadata<'a>, Problem> {
    let mut metadata = Metadata::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (symbols, number, field) {
            (_, 1, Field::Varint(kind)) => metadata.kind = kind,
            (None, 2, Field::Bytes(bytes)) => metadata.family = text(bytes),
            (None, 4, Field::Bytes(bytes)) => metadata.help = text(bytes),
            (None, 5, Field::Bytes(bytes)) => metadata.unit = text(bytes),
            (Some(symbols), 3, Field::Varint(place)) => metadata.help = symbol(place, symbols).unwrap_or_default(),
            (Some(symbols), 4, Field::Varint(place)) => metadata.unit = symbol(place, symbols).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(metadata)
}

/// Buckets as sent: stretches of indices, and counts either as differences of whole numbers or as floats.
#[derive(Default)]
struct BucketDraft {
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl BucketDraft {
    fn finish(self) -> Result<Vec<(i32, f64)>, Problem> {
        let mut sum = 0i64;
        let counts: Vec<f64> = if self.counts.is_empty() {
            let running = self.deltas.iter().map(|delta| {
                sum = sum.wrapping_add(*delta);
                sum as f64
            });
            running.collect()
        } else {
            self.counts
        };
        let length: u64 = self.spans.iter().map(|&(_, length)| u64::from(length)).sum();
        if length != counts.len() as u64 {
            return Err("the spans of a histogram do not fit its buckets");
        }
        let mut index = 0i32;
        let mut buckets = Vec::with_capacity(counts.len());
        let mut counts = counts.into_iter();
        for (at, (offset, length)) in self.spans.into_iter().enumerate() {
            // The first offset is an index, later ones are gaps.
            index = if at == 0 { offset } else { index.checked_add(offset).ok_or(OUT_OF_RANGE)? };
            for count in counts.by_ref().take(length as usize) {
                buckets.push((index, count));
                index = index.checked_add(1).ok_or(OUT_OF_RANGE)?;
            }
        }
        Ok(buckets)
    }
}

const OUT_OF_RANGE: Problem = "a bucket's index is out of range";

fn histogram(bytes: &[u8]) -> Result<Histogram, Problem> {
    let mut histogram = Histogram::default();
    let (mut negative, mut positive) = (BucketDraft::default(), BucketDraft::default());
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        let float = |field: Field<'_>| match field {
            Field::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(WRONG_TYPE),
        };
        let whole = |field: Field<'_>| match field {
            Field::Varint(number) => Ok(number),
            _ => Err(WRONG_TYPE),
        };
        match number {
            1 => histogram.count = whole(field)? as f64,
            2 => histogram.count = float(field)?,
            3 => histogram.sum = float(field)?,
            4 => histogram.schema = zigzag32(whole(field)?),
            5 => histogram.zero_threshold = float(field)?,
            6 => histogram.zero_count = whole(field)? as f64,
            7 => histogram.zero_count = float(field)?,
            8 => negative.spans.push(span(field)?),
            9 => each_varint(field, |number| negative.deltas.push(unzigzag(number)))?,
            10 => each_fixed64(field, |bits| negative.counts.push(f64::from_bits(bits)))?,
            11 => positive.spans.push(span(field)?),
            12 => each_varint(field, |number| positive.deltas.push(unzigzag(number)))?,
            13 => each_fixed64(field, |bits| positive.counts.push(f64::from_bits(bits)))?,
            14 => histogram.reset_hint = whole(field)?,
            15 => histogram.time = whole(field)? as i64,
            16 => each_fixed64(field, |bits| histogram.custom_values.push(f64::from_bits(bits)))?,
            17 => histogram.start = whole(field)? as i64,
            _ => {}
        }
    }
    if negative.deltas.len().max(negative.counts.len()) > MAX_BUCKETS
        || positive.deltas.len().max(positive.counts.len()) > MAX_BUCKETS
    {
        return Err("a histogram has more than 10,000 buckets (MAX_BUCKETS)");
    }
    let custom = histogram.schema == -53;
    if !custom && !(-4..=8).contains(&histogram.schema) {
        return Err("a histogram has a resolution that is not known");
    }
    histogram.negative = negative.finish()?;
    histogram.positive = positive.finish()?;
    let inside = |&(index, _): &(i32, f64)| (0..=histogram.custom_values.len() as i64).contains(&i64::from(index));
    if custom && !(histogram.positive.iter().all(inside) && histogram.negative.is_empty()) {
        return Err("a histogram has buckets without bounds");
    }
    Ok(histogram)
}

/// A `BucketSpan`: offset and length.
fn span(field: Field<'_>) -> Result<(i32, u32), Problem> {
    let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE) };
    let (mut offset, mut length) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.next()? {
        match (number, field) {
            (1, Field::Varint(number)) => offset = zigzag32(number),
            (2, Field::Varint(number)) => length = u32::try_from(number).map_err(|_| OUT_OF_RANGE)?,
            _ => return Err(WRONG_TYPE),
        }
    }
    Ok((offset, length))
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests;
