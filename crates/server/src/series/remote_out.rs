//! Series on their way out by remote write: what was written becomes requests for the forward queue, which keeps and sends them.

use std::borrow::Cow;
use std::collections::HashMap;

use ::series::{MetricType, SampleValue, Taken};
use forward::{Form, Record};
use model::Timestamp;
use promql::Labels;
use promql::histogram::{Histogram, ResetHint};
use wire::remote_write::{self, Pair, Request, SAMPLES_MAX, Sample, Series};
use wire::{Compression, Encoding, Signal};

/// Requests of remote write for what was added to the series of a project, in order of time within each series.
pub fn records(project: &str, taken: &Taken, now: Timestamp) -> Vec<Record> {
    let parts = taken.samples.chunks(SAMPLES_MAX).map(|samples| (request(samples), samples.len()));
    let mut requests: Vec<(Request<'_>, usize)> = parts.collect();
    if requests.is_empty() && !(taken.metadata.is_empty() && taken.exemplars.is_empty()) {
        requests.push((Request::default(), 0));
    }
    // What is not samples goes with the last of them: a receiver wants an exemplar's series first.
    if let Some((last, _)) = requests.last_mut() {
        last.series.extend(taken.exemplars.iter().map(|exemplar| Series {
            labels: pairs(&exemplar.series),
            exemplars: vec![remote_write::Exemplar {
                labels: pairs(&exemplar.labels),
                value: exemplar.value,
                time: exemplar.time,
            }],
            ..Series::default()
        }));
        last.metadata = taken.metadata.iter().map(|(family, known)| metadata(family, known)).collect();
    }
    let record = |(request, samples): (Request<'_>, usize)| {
        let payload = remote_write::encode(&request);
        let payload = payload.inspect_err(|error| tracing::error!(%error, "series cannot be passed on")).ok()?;
        Some(Record {
            received: now,
            signal: Signal::Metrics,
            encoding: Encoding::Protobuf,
            compression: Compression::None,
            items: samples as u32,
            project: project.into(),
            via: String::new(),
            form: Form::Series,
            payload: payload.into(),
        })
    };
    requests.into_iter().filter_map(record).collect()
}

/// A request with each series once.
fn request(samples: &[(Labels, i64, SampleValue)]) -> Request<'_> {
    let mut places: HashMap<&Labels, usize> = HashMap::with_capacity(samples.len());
    let mut series: Vec<Series<'_>> = Vec::with_capacity(samples.len());
    for (labels, time, value) in samples {
        let at = *places.entry(labels).or_insert_with(|| {
            series.push(Series { labels: pairs(labels), ..Series::default() });
            series.len() - 1
        });
        match value {
            SampleValue::Float(value) => series[at].samples.push(Sample { value: *value, time: *time, start: 0 }),
            SampleValue::Histogram(histogram) => series[at].histograms.push(native(histogram, *time)),
        }
    }
    Request { series, ..Request::default() }
}

/// Labels are ordered by name here, as remote write wants them.
fn pairs(labels: &Labels) -> Vec<Pair<'_>> {
    labels.iter().map(|label| (Cow::Borrowed(&*label.name), Cow::Borrowed(&*label.value))).collect()
}

fn native(histogram: &Histogram, time: i64) -> remote_write::Histogram {
    remote_write::Histogram {
        count: histogram.count,
        sum: histogram.sum,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        zero_count: histogram.zero_count,
        negative: histogram.negative.clone(),
        positive: histogram.positive.clone(),
        reset_hint: match histogram.hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NotReset => 2,
            ResetHint::Gauge => 3,
        },
        time,
        custom_values: histogram.custom_values.to_vec(),
        start: 0,
    }
}

/// Both number the sorts of metrics in the order of [`MetricType::ALL`].
fn metadata<'m>(family: &'m str, known: &'m ::series::Metadata) -> remote_write::Metadata<'m> {
    remote_write::Metadata {
        kind: MetricType::ALL.iter().position(|kind| *kind == known.kind).unwrap_or(0) as u64,
        family: family.into(),
        help: known.help.as_str().into(),
        unit: known.unit.as_str().into(),
    }
}
