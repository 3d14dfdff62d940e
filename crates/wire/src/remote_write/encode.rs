//! Writing remote write 1.0: what every receiver of it understands, native histograms and exemplars included.

use super::{Exemplar, Histogram, Metadata, Request, Sample, Series};

/// Most samples of one request, as Prometheus sends them by default (`max_samples_per_send`).
pub const SAMPLES_MAX: usize = 2_000;

/// A `prometheus.WriteRequest` in snappy's block format.
///
/// # Errors
/// When it is larger than snappy can hold, which requests of [`SAMPLES_MAX`] samples are not.
pub fn encode(request: &Request<'_>) -> Result<Vec<u8>, snap::Error> {
    let mut out = Message::default();
    for series in &request.series {
        out.message(1, |out| self::series(out, series));
    }
    for metadata in &request.metadata {
        out.message(3, |out| self::metadata(out, metadata));
    }
    snap::raw::Encoder::new().compress_vec(&out.0)
}

fn series(out: &mut Message, series: &Series<'_>) {
    labels(out, &series.labels);
    for sample in &series.samples {
        out.message(2, |out| self::sample(out, sample));
    }
    for exemplar in &series.exemplars {
        out.message(3, |out| self::exemplar(out, exemplar));
    }
    for histogram in &series.histograms {
        out.message(4, |out| self::histogram(out, histogram));
    }
}

fn labels(out: &mut Message, labels: &[super::Pair<'_>]) {
    for (name, value) in labels {
        out.message(1, |out| {
            out.text(1, name);
            out.text(2, value);
        });
    }
}

fn sample(out: &mut Message, sample: &Sample) {
    out.double(1, sample.value);
    out.int(2, sample.time);
}

fn exemplar(out: &mut Message, exemplar: &Exemplar<'_>) {
    labels(out, &exemplar.labels);
    out.double(2, exemplar.value);
    out.int(3, exemplar.time);
}

fn metadata(out: &mut Message, metadata: &Metadata<'_>) {
    out.varint(1, metadata.kind);
    out.text(2, &metadata.family);
    out.text(4, &metadata.help);
    out.text(5, &metadata.unit);
}

/// As a histogram of floats, which any histogram can be written as.
fn histogram(out: &mut Message, histogram: &Histogram) {
    out.double(2, histogram.count);
    out.double(3, histogram.sum);
    out.varint(4, zigzag(i64::from(histogram.schema)));
    out.double(5, histogram.zero_threshold);
    out.double(7, histogram.zero_count);
    buckets(out, 8, &histogram.negative);
    buckets(out, 11, &histogram.positive);
    out.varint(14, histogram.reset_hint);
    out.int(15, histogram.time);
    out.doubles(16, histogram.custom_values.iter().copied());
}

/// Stretches of neighbouring buckets in field `spans`, their counts two fields behind.
fn buckets(out: &mut Message, spans: u64, buckets: &[(i32, f64)]) {
    let mut end = 0i64;
    for stretch in buckets.chunk_by(|a, b| i64::from(b.0) == i64::from(a.0) + 1) {
        let first = i64::from(stretch[0].0);
        out.message(spans, |out| {
            out.varint(1, zigzag(first - end));
            out.varint(2, stretch.len() as u64);
        });
        end = first + stretch.len() as i64;
    }
    out.doubles(spans + 2, buckets.iter().map(|(_, count)| *count));
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// A protobuf message being written; fields with their default value are left out.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn raw(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn varint(&mut self, field: u64, number: u64) {
        if number != 0 {
            self.raw(field << 3);
            self.raw(number);
        }
    }

    fn int(&mut self, field: u64, number: i64) {
        self.varint(field, number as u64);
    }

    fn double(&mut self, field: u64, number: f64) {
        if number.to_bits() != 0 {
            self.raw(field << 3 | 1);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn doubles(&mut self, field: u64, numbers: impl ExactSizeIterator<Item = f64>) {
        if numbers.len() > 0 {
            self.raw(field << 3 | 2);
            self.raw(numbers.len() as u64 * 8);
            numbers.for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
        }
    }

    fn text(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.raw(field << 3 | 2);
            self.raw(text.len() as u64);
            self.0.extend_from_slice(text.as_bytes());
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.raw(field << 3 | 2);
        self.raw(inner.0.len() as u64);
        self.0.extend_from_slice(&inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Version, decode, unsnap};
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let pair = |name: &'static str, value: &'static str| (name.into(), value.into());
        let native = Histogram {
            count: 12.0,
            sum: -3.5,
            schema: 3,
            zero_threshold: 1e-128,
            zero_count: 1.0,
            negative: vec![(-7, 1.0)],
            positive: vec![(-2, 1.0), (-1, 2.5), (4, 3.0), (5, 0.0), (9, 1.0)],
            reset_hint: 3,
            time: 1_790_000_000_123,
            ..Histogram::default()
        };
        let custom = Histogram {
            schema: -53,
            positive: vec![(0, 1.0), (2, 2.0)],
            count: 3.0,
            custom_values: vec![0.5, 5.0],
            ..Histogram::default()
        };
        let request = Request {
            series: vec![Series {
                labels: vec![pair("__name__", "a_total"), pair("job", "Zürich")],
                samples: vec![
                    Sample { value: 1.5, time: -1, start: 0 },
                    Sample { value: 0.0, time: 1_790_000_000_000, start: 0 },
                ],
                histograms: vec![native, custom],
                exemplars: vec![Exemplar { labels: vec![pair("trace_id", "0af7")], value: 0.25, time: 7 }],
                metadata: None,
            }],
            metadata: vec![Metadata { kind: 1, family: "a".into(), help: "What it says.".into(), unit: "s".into() }],
            ..Request::default()
        };
        let bytes = unsnap(&encode(&request).unwrap(), 1 << 20).unwrap();
        assert_eq!(decode(Version::V1, &bytes).unwrap(), request);
    }
}
