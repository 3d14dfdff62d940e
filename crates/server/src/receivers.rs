//! The addresses that SDKs of other vendors send to, each answered in its protocol's own form.
//!
//! The protocols are read by the crate `receivers`; what they say in pieces is put together by `ingest::merge`. Here is what all of
//! them share: keys, limits and decompression, as for OTLP, and finding the trace of a span that is named alone.

pub mod datadog;
pub mod langfuse;
pub mod langsmith;
pub mod openai_agents;
pub mod phoenix;
mod read_back;
pub mod waiting;

use std::sync::Arc;

use ::receivers::{DecodeError, Score, Told};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{SpanId, Timestamp, TraceId};
use store::Store;
use wire::{DecompressError, Signal};

use crate::app::App;
use crate::budget::Share;
use crate::incoming::Incoming;
use crate::ingest::merge::Reported;
use crate::ingest::{Ingest, Refusal};
use crate::otlp_http;

/// How far back a span that is named without its trace is looked for.
const LOOK_BACK_DAYS: u32 = 7;

/// A request that was read, on its way to be kept.
struct Read<T> {
    project: Arc<str>,
    value: T,
    received: Timestamp,
    bytes: usize,
    bytes_decompressed: usize,
    share: Share,
}

/// Who may come: the project for whoever may, by the headers.
type Admit = fn(&App, &HeaderMap) -> Result<Arc<str>, Refusal>;

/// Takes in a request and reads it with `decode`, which is given its headers and its decompressed body. A refusal is counted.
async fn read<T, D>(app: &App, request: Request, decode: D) -> Result<Read<T>, Refusal>
where
    T: Send + 'static,
    D: FnOnce(&HeaderMap, &[u8], Timestamp) -> Result<T, DecodeError> + Send + 'static,
{
    read_by(app, request, App::admit, decode).await
}

/// As [`read`], of a question that is asked by POST: it needs the right to read, and not the one to send.
async fn read_question<T, D>(app: &App, request: Request, decode: D) -> Result<Read<T>, Refusal>
where
    T: Send + 'static,
    D: FnOnce(&HeaderMap, &[u8], Timestamp) -> Result<T, DecodeError> + Send + 'static,
{
    read_by(app, request, App::admit_reader, decode).await
}

async fn read_by<T, D>(app: &App, request: Request, admit: Admit, decode: D) -> Result<Read<T>, Refusal>
where
    T: Send + 'static,
    D: FnOnce(&HeaderMap, &[u8], Timestamp) -> Result<T, DecodeError> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let mut body = Incoming::new(body, &head.headers, app.settings.limits.stalled);
    let read = collect_and_decode(app, head, &mut body, admit, decode).await;
    if let Err(refusal) = &read {
        body.discard().await;
        app.ingest.refused(Some(Signal::Traces), refusal, body.seen());
    }
    read
}

async fn collect_and_decode<T, D>(
    app: &App,
    head: Parts,
    body: &mut Incoming,
    admit: Admit,
    decode: D,
) -> Result<Read<T>, Refusal>
where
    T: Send + 'static,
    D: FnOnce(&HeaderMap, &[u8], Timestamp) -> Result<T, DecodeError> + Send + 'static,
{
    let project = admit(app, &head.headers)?;
    let compression = otlp_http::compression(&head.headers)?;
    app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
    let mut share = app.ingest.share();
    let limit = app.ingest.max_body_bytes();
    let bytes = body.collect(&mut share, limit).await?;
    let received = app.now();
    let decoded = tokio::task::spawn_blocking(move || {
        let text = wire::decompress(compression, &bytes, limit).map_err(|error| match error {
            DecompressError::TooLarge { limit } => Refusal::TooLarge { limit },
            DecompressError::Corrupt { .. } => Refusal::Malformed(error.to_string()),
        })?;
        // What is read of it holds about as much again until it is kept.
        Ingest::reserve(&mut share, text.len())?;
        let value = decode(&head.headers, &text, received).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok(Read { project, value, received, bytes: bytes.len(), bytes_decompressed: text.len(), share })
    });
    decoded.await.unwrap_or_else(|error| {
        tracing::error!(%error, "decoding a request panicked");
        Err(Refusal::Fault)
    })
}

/// Keeps what was read. Returns when it is durable and visible. A refusal is counted.
async fn keep(app: &App, read: Read<Told>) -> Result<(), Refusal> {
    let Read { project, value: mut told, received, bytes, bytes_decompressed, share } = read;
    let kept = async {
        let store = &app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?.store;
        for score in &mut told.scores {
            find_trace(app, store, &project, score).await;
        }
        let reported = Reported { project, told, received, bytes, bytes_decompressed, share };
        let kept = app.ingest.receive_told(store, reported).await;
        app.note_log(kept.as_ref().err());
        kept
    }
    .await;
    if let Err(refusal) = &kept {
        app.ingest.refused(Some(Signal::Traces), refusal, bytes);
    }
    kept
}

/// Finds the run of a score that names a span only.
async fn find_trace(app: &App, store: &Store, project: &Arc<str>, score: &mut Score) {
    if score.trace_id.is_none()
        && let Some(span) = score.span_id
    {
        score.trace_id = trace_of(app, store, project, span, score.trace_if_unknown).await;
    }
}

/// The trace of a span: as it was told lately, as `guess` says where the span is there, or where it is found.
async fn trace_of(
    app: &App,
    store: &Store,
    project: &Arc<str>,
    span: SpanId,
    guess: Option<TraceId>,
) -> Option<TraceId> {
    if let Some(trace) = app.ingest.trace_of(project, span) {
        return Some(trace);
    }
    if let Some(guess) = guess
        && matches!(store.span(project, guess, span).await, Ok(Some(_)))
    {
        return Some(guess);
    }
    let (project, now) = (Arc::clone(project), app.now());
    let from = now.plus_nanos(-i64::from(LOOK_BACK_DAYS) * 86_400_000_000_000);
    // Ids are hexadecimal: nothing to escape.
    let question =
        format!("SELECT trace_id FROM spans WHERE span_id = '{span}' AND started_at >= TIMESTAMP '{from}' LIMIT 1");
    let found = app
        .ask_sql(|engine| async move {
            let limits = engine.limits().sql;
            engine.sql(&project, &question, limits).await
        })
        .await;
    match found {
        Ok(answer) => answer.rows.first()?.first()?.as_str()?.parse().ok(),
        Err(problem) => {
            tracing::warn!(%span, detail = problem.detail, "cannot look for the trace of a span");
            None
        }
    }
}

/// An answer in JSON.
fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// What is said of a method that an address does not take, in the protocol's own form; `None` where Tawny's own serves.
pub fn wrong_method(path: &str, message: &str) -> Option<Response> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let body = match path {
        "/v1/traces/ingest" => openai_agents::error_body(status, message),
        _ if path.starts_with("/api/public/") => langfuse::error_body(status, message),
        _ => return None,
    };
    Some(json(status, &body))
}

/// A refusal in JSON: `body` writes the protocol's own object around the message.
fn refuse(refusal: &Refusal, body: impl FnOnce(StatusCode, &str) -> serde_json::Value) -> Response {
    let status = match refusal.http_status() {
        // These protocols have no word for a type that cannot be read.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        status => status,
    };
    let mut response = json(status, &body(status, &refusal.to_string()));
    if let Some(delay) = refusal.retry_after() {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    response
}

/// What was refused of a request, a line for people: how many of how many, and the first few by name.
fn refused_items(told: &Told) -> Option<String> {
    const SHOWN: usize = 5;
    let refused = told.refused().count();
    if refused == 0 {
        return None;
    }
    let shown: Vec<String> = told
        .refused()
        .take(SHOWN)
        .map(|item| format!("{}: {}", item.id, item.error.as_deref().unwrap_or_default()))
        .collect();
    let more = if refused > SHOWN { format!("; and {} more", refused - SHOWN) } else { String::new() };
    let others = told.items.len() - refused;
    Some(format!("{refused} of {} items were refused, {others} are kept: {}{more}", told.items.len(), shown.join("; ")))
}
