//! Log records that are not OTLP: JSON lines at `POST /api/v1/logs`, and what Loki's clients push to `/loki/api/v1/push`.
//!
//! Both are written as OTLP and take the one way in from there, so that the log and its replay know one form.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::Timestamp;
use model::raw::{Batch, Group, RawLog, Rejected};
use wire::{Compression, DecompressError, Encoding, Signal};

use crate::api::types::{LinesAnswer, Problem};
use crate::app::App;
use crate::budget::Share;
use crate::incoming::{self, Incoming};
use crate::ingest::{Ingest, Received, Refusal};
use crate::otlp_http;

/// Records that become one entry of the log.
const RECORDS_AT_ONCE: usize = 4096;

/// What of a request was kept.
struct Kept {
    accepted: u64,
    rejected: Rejected,
}

/// Takes log records as JSON lines.
#[utoipa::path(post, path = "/api/v1/logs", operation_id = "sendLogs", tag = "logs", summary = "Take in log records as JSON lines",
    request_body(content = String, content_type = "application/x-ndjson",
        description = "One JSON object a line, or one array of objects; gzip, deflate and zstd by Content-Encoding. Found by their usual \
            names: time (`timestamp`, `time`, `ts`, `@timestamp`), severity (`level`, `severity`), `message` or `msg`, `event` or \
            `event_type`, `trace_id`, `span_id`, `service`; all else are attributes"),
    responses((status = 200, body = LinesAnswer, description = "What was kept; bad lines are counted and named, and cost the others nothing"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No line could be read")))]
pub async fn lines(State(app): State<Arc<App>>, request: Request) -> Response {
    let kept = receive(&app, request, |_, body, _, now| wire::decode_lines(&body, now).map_err(malformed)).await;
    match kept {
        Ok(Kept { accepted: 0, rejected }) if rejected.count > 0 => {
            Problem::bad_request(format!("no line could be read: {}", rejected.reasons.join("; "))).into_response()
        }
        Ok(Kept { accepted, rejected }) => {
            let headers = [(otlp_http::ACCEPTED, accepted), (otlp_http::REJECTED, rejected.count)];
            let headers = headers.map(|(name, number)| (name, HeaderValue::from(number)));
            (headers, Json(LinesAnswer { accepted, rejected: rejected.count, reasons: rejected.reasons }))
                .into_response()
        }
        Err(refusal) => {
            let problem =
                Problem::new(refusal.http_status(), refusal.reason(), "The records were not kept", refusal.to_string());
            with_retry(problem.into_response(), &refusal)
        }
    }
}

/// Takes what promtail, Grafana Alloy and other clients of Loki push. Answers as Loki does: 204, or a line of text.
pub async fn loki(State(app): State<Arc<App>>, request: Request) -> Response {
    let kept = receive(&app, request, |headers, body, limit, now| {
        if is_json(headers, &body) {
            return wire::decode_loki_json(&body, now).map_err(malformed);
        }
        let message = wire::unsnap(&body, limit).map_err(|error| unpacked(&error))?;
        wire::decode_loki_protobuf(&message, now).map_err(malformed)
    })
    .await;
    match kept {
        Ok(Kept { rejected, .. }) if rejected.count == 0 => StatusCode::NO_CONTENT.into_response(),
        Ok(Kept { accepted, rejected }) => {
            let reasons = rejected.reasons.join("; ");
            let text = format!("{accepted} entries kept, {} refused: {reasons}\n", rejected.count);
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        Err(refusal) => with_retry((refusal.http_status(), format!("{refusal}\n")).into_response(), &refusal),
    }
}

fn with_retry(mut response: Response, refusal: &Refusal) -> Response {
    if let Some(delay) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    response
}

fn malformed(error: wire::DecodeError) -> Refusal {
    Refusal::Malformed(error.to_string())
}

fn unpacked(error: &DecompressError) -> Refusal {
    match error {
        DecompressError::TooLarge { limit } => Refusal::TooLarge { limit: *limit },
        DecompressError::Corrupt { .. } => Refusal::Malformed(error.to_string()),
    }
}

/// As the content type says; without one, as the first byte looks.
fn is_json(headers: &HeaderMap, body: &[u8]) -> bool {
    match headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(Encoding::from_content_type)
    {
        Some(encoding) => encoding == Encoding::Json,
        None => body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
    }
}

/// Protobuf is one Snappy block, with the header or without.
fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let text = headers.get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("(not text)"));
    if text.eq_ignore_ascii_case("snappy") {
        return Ok(Compression::None);
    }
    Compression::from_header(text).map_err(|error| Refusal::Unsupported(error.to_string()))
}

async fn receive(
    app: &App,
    request: Request,
    decode: impl FnOnce(&HeaderMap, Vec<u8>, usize, Timestamp) -> Result<Batch<'static>, Refusal> + Send + 'static,
) -> Result<Kept, Refusal> {
    let (head, body) = request.into_parts();
    let mut body = Incoming::new(body, &head.headers, app.settings.limits.stalled);
    let kept = keep(app, head.headers, &mut body, decode).await;
    if let Err(refusal) = &kept {
        body.discard().await;
        app.ingest.refused(Some(Signal::Logs), refusal, body.seen());
    }
    kept
}

async fn keep(
    app: &App,
    headers: HeaderMap,
    body: &mut Incoming,
    decode: impl FnOnce(&HeaderMap, Vec<u8>, usize, Timestamp) -> Result<Batch<'static>, Refusal> + Send + 'static,
) -> Result<Kept, Refusal> {
    let project = app.admit(&headers)?;
    let via = incoming::via(&headers);
    let compression = compression(&headers)?;
    let opened = app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
    let (mut share, limit, now) = (app.ingest.share(), app.ingest.max_body_bytes(), app.now());
    let bytes = body.collect(&mut share, limit).await?;
    let read = tokio::task::spawn_blocking(move || {
        let text = wire::decompress(compression, &bytes, limit).map_err(|error| unpacked(&error))?.into_owned();
        Ingest::reserve(&mut share, text.len())?;
        let size = text.len();
        let batch = decode(&headers, text, limit, now)?;
        Ok::<_, Refusal>((requests(&batch.logs, size, limit), batch.rejected, share))
    });
    let (requests, rejected, share) = read.await.map_err(|_| Refusal::Fault)??;
    // What the counters keep is shown to readers; the sender is told what it sent.
    let mut kept = rejected.clone();
    app.ingest.policy().reasons(&project, &mut kept.reasons);
    app.ingest.items_refused(Signal::Logs, &project, &kept);
    let mut accepted = 0;
    for text in requests {
        let mut part: Share = app.ingest.share();
        Ingest::reserve(&mut part, text.len())?;
        let received = Received {
            signal: Some(Signal::Logs),
            encoding: Encoding::Json,
            compression: Compression::None,
            project: Arc::clone(&project),
            via: via.clone(),
            body: Bytes::from(text),
            share: part,
        };
        accepted += app.receive(&opened.store, received).await?.accepted;
    }
    drop(share);
    Ok(Kept { accepted, rejected })
}

/// The records as OTLP requests, each far below the limit.
fn requests(groups: &[Group<'static, RawLog<'static>>], size: usize, limit: usize) -> Vec<String> {
    let all: Vec<_> = wire::each(groups).collect();
    // OTLP/JSON takes a few times the bytes of a plain line.
    let fitting = all.len().saturating_mul(limit / 16) / size.max(1);
    all.chunks(fitting.clamp(1, RECORDS_AT_ONCE)).map(|part| wire::export_logs(part.iter().copied())).collect()
}
