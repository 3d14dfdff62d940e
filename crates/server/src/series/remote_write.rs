//! Prometheus' remote write, 1.0 and 2.0, at `/prometheus/api/v1/write`.
//!
//! Samples that cannot be taken are counted and answered with 400 once the others are kept, so that a sender drops the request instead of
//! repeating it; what was there already is no reason to. Only what may be taken later (429, 503) makes a sender repeat it.

use std::sync::Arc;

use ::series::{Batch, Exemplar, Metadata, MetricType, Mode, SampleValue, Write, Written};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use promql::histogram::{Histogram, ResetHint};
use promql::{Labels, METRIC_NAME};
use wire::remote_write::{self, Version};
use wire::{DecompressError, Signal};

use crate::app::App;
use crate::incoming::Incoming;
use crate::ingest::{Ingest, Refusal};

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Takes in one request.
pub async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = Incoming::new(body, &head.headers, app.settings.limits.stalled);
    match keep(&app, &head.headers, &mut body).await {
        Ok((written, exemplars, unreadable)) => answer(&written, exemplars, unreadable),
        Err(refusal) => {
            body.discard().await;
            app.ingest.refused(Some(Signal::Metrics), &refusal, body.seen());
            refuse(&refusal)
        }
    }
}

/// What was written, how many exemplars came, and how many series could not be read.
async fn keep(app: &Arc<App>, headers: &HeaderMap, body: &mut Incoming) -> Result<(Written, usize, u64), Refusal> {
    let project = app.admit(headers)?;
    let version = version(headers)?;
    let opened = app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
    if opened.store.is_taken_over() {
        return Err(Refusal::TAKEN_OVER);
    }
    let mut share = app.ingest.share();
    let limit = app.ingest.max_body_bytes();
    let bytes = body.collect(&mut share, limit).await?;
    let (shared, of) = (Arc::clone(app), Arc::clone(&project));
    let decoded = tokio::task::spawn_blocking(move || {
        let plain = remote_write::unsnap(&bytes, limit).map_err(|error| match error {
            DecompressError::TooLarge { limit } => Refusal::TooLarge { limit },
            DecompressError::Corrupt { .. } => Refusal::Malformed(error.to_string()),
        })?;
        // Decoded, a request holds several times its bytes until it is written.
        Ingest::reserve(&mut share, plain.len().saturating_mul(2))?;
        let request = remote_write::decode(version, &plain).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let mut batch = batch(&request);
        shared.ingest.policy().series(&of, &mut batch);
        Ok((batch, request.rejected.count, share))
    });
    let (batch, unreadable, share) = decoded.await.unwrap_or(Err(Refusal::Fault))?;
    let exemplars = batch.exemplars.len();
    let written = opened.series.write(&project, batch, app.now()).await.map_err(Refusal::NotKept);
    app.note_log(written.as_ref().err());
    drop(share);
    Ok((written?, exemplars, unreadable))
}

fn version(headers: &HeaderMap) -> Result<Version, Refusal> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text(header::CONTENT_TYPE);
    let version = Version::from_content_type(kind).ok_or_else(|| {
        Refusal::Unsupported(format!(
            "cannot read Content-Type {kind:?}: remote write is application/x-protobuf, of prometheus.WriteRequest or io.prometheus.write.v2.Request"
        ))
    })?;
    match text(header::CONTENT_ENCODING) {
        "snappy" => Ok(version),
        other => Err(Refusal::Unsupported(format!("cannot read Content-Encoding {other:?}: remote write is snappy"))),
    }
}

fn batch(request: &remote_write::Request<'_>) -> Batch {
    let mut batch = Batch::default();
    for metadata in &request.metadata {
        batch.metadata.push((metadata.family.to_string(), known(metadata)));
    }
    for series in &request.series {
        let labels = Labels::new(series.labels.iter().map(|(name, value)| (&**name, &**value)));
        if let Some(metadata) = series.metadata.as_ref().filter(|metadata| metadata.kind != 0) {
            batch.metadata.push((labels.get(METRIC_NAME).to_owned(), known(metadata)));
        }
        let begun = |start: i64| (start > 0).then_some(start);
        for sample in &series.samples {
            let start = begun(sample.start);
            batch.writes.push(Write { start, ..Write::float(labels.clone(), sample.time, sample.value) });
        }
        for histogram in &series.histograms {
            batch.writes.push(Write {
                labels: labels.clone(),
                time: histogram.time,
                value: SampleValue::Histogram(Arc::new(native(histogram))),
                mode: Mode::Set,
                start: begun(histogram.start),
            });
        }
        for exemplar in &series.exemplars {
            batch.exemplars.push(Exemplar {
                series: labels.clone(),
                labels: Labels::new(exemplar.labels.iter().map(|(name, value)| (&**name, &**value))),
                value: exemplar.value,
                time: exemplar.time,
            });
        }
    }
    batch
}

/// Both versions number the sorts of metrics alike, in the order of [`MetricType::ALL`].
fn known(metadata: &remote_write::Metadata<'_>) -> Metadata {
    Metadata {
        kind: MetricType::from_number(metadata.kind),
        help: metadata.help.to_string(),
        unit: metadata.unit.to_string(),
    }
}

fn native(sent: &remote_write::Histogram) -> Histogram {
    let mut histogram = Histogram {
        hint: match sent.reset_hint {
            1 => ResetHint::Reset,
            3 => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        },
        schema: sent.schema,
        zero_threshold: sent.zero_threshold,
        zero_count: sent.zero_count,
        count: sent.count,
        sum: sent.sum,
        positive: sent.positive.clone(),
        negative: sent.negative.clone(),
        custom_values: sent.custom_values.clone().into(),
    };
    histogram.compact();
    histogram
}

fn answer(written: &Written, exemplars: usize, unreadable: u64) -> Response {
    let refused: u64 = written.refused.values().sum::<u64>() + unreadable;
    let mut response = if refused == 0 {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let mut text = format!("{refused} samples were not taken, the others are kept");
        for (reason, count) in &written.refused {
            text.push_str(&format!("; {count}: {reason}"));
        }
        if unreadable > 0 {
            text.push_str(&format!("; {unreadable} series could not be read"));
        }
        (StatusCode::BAD_REQUEST, text + "\n").into_response()
    };
    // What a sender repeats because it heard no answer is written too: it takes what these leave out as lost.
    let counts = [
        (SAMPLES_WRITTEN, written.kept_samples),
        (HISTOGRAMS_WRITTEN, written.kept_histograms),
        (EXEMPLARS_WRITTEN, exemplars as u64),
    ];
    for (name, count) in counts {
        response.headers_mut().insert(name, HeaderValue::from(count));
    }
    response
}

fn refuse(refusal: &Refusal) -> Response {
    let mut response = (refusal.http_status(), format!("{refusal}\n")).into_response();
    if let Some(delay) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    response
}
