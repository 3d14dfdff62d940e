//! OTLP over HTTP (OpenTelemetry protocol 1.x): `/v1/traces`, `/v1/logs`, `/v1/metrics`, behind any prefix, and the bare base URL.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tonic::Code;
use wire::{Compression, Encoding, Signal};

use crate::app::App;
use crate::incoming::{self, Incoming};
use crate::ingest::{Kept, Received, Refusal};

/// Items kept of a request. OTLP's answer has no place for it; `tawny import` and people with curl want to know.
pub const ACCEPTED: HeaderName = HeaderName::from_static("tawny-accepted");
/// Items refused of a request.
pub const REJECTED: HeaderName = HeaderName::from_static("tawny-rejected");

/// Receives traces.
pub async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    receive(&app, Some(Signal::Traces), request).await
}

/// Receives log records.
pub async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    receive(&app, Some(Signal::Logs), request).await
}

/// Receives metrics.
pub async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    receive(&app, Some(Signal::Metrics), request).await
}

/// Receives whatever the content says it is: for exporters that were given the base URL as the full address.
pub async fn unknown(State(app): State<Arc<App>>, request: Request) -> Response {
    receive(&app, None, request).await
}

/// Takes in one request. The signal comes from the address, or from the content where the address does not name one.
pub async fn receive(app: &App, signal: Option<Signal>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = Incoming::new(body, &head.headers, app.settings.limits.stalled);
    let mut encoding = answer_encoding(&head.headers);
    let kept = async {
        let project = app.admit(&head.headers)?;
        let compression = compression(&head.headers)?;
        let opened = app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
        let mut share = app.ingest.share();
        let bytes = body.collect(&mut share, app.ingest.max_body_bytes()).await?;
        encoding = content_encoding(&head.headers, compression, &bytes)?;
        let via = incoming::via(&head.headers);
        let received = Received { signal, encoding, compression, project, via, body: bytes, share };
        app.receive(&opened.store, received).await
    }
    .await;
    match kept {
        Ok(Kept { signal, accepted, rejected }) => {
            let mut response = answer(StatusCode::OK, encoding, wire::response(signal, encoding, &rejected));
            response.headers_mut().insert(ACCEPTED, HeaderValue::from(accepted));
            response.headers_mut().insert(REJECTED, HeaderValue::from(rejected.count));
            response
        }
        Err(refusal) => {
            body.discard().await;
            app.ingest.refused(signal, &refusal, body.seen());
            refuse(encoding, &refusal)
        }
    }
}

fn refuse(encoding: Encoding, refusal: &Refusal) -> Response {
    let code = match refusal.grpc_code() {
        // In a body the code explains; over HTTP the status decides about retries.
        Code::Unimplemented => Code::InvalidArgument,
        code => code,
    };
    let mut response =
        answer(refusal.http_status(), encoding, wire::status(encoding, code as i32, &refusal.to_string()));
    if let Some(delay) = refusal.retry_after() {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    response
}

fn answer(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, encoding.content_type())], body).into_response()
}

/// How to answer before the body is known: as the content type says, else JSON, which people can read.
fn answer_encoding(headers: &HeaderMap) -> Encoding {
    content_type(headers).and_then(Encoding::from_content_type).unwrap_or(Encoding::Json)
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// How the body is written: as the content type says; without one, as the first byte looks.
fn content_encoding(headers: &HeaderMap, compression: Compression, body: &[u8]) -> Result<Encoding, Refusal> {
    if let Some(kind) = content_type(headers) {
        return Encoding::from_content_type(kind).ok_or_else(|| {
            Refusal::Unsupported(format!(
                "cannot read Content-Type {kind:?}: OTLP over HTTP is application/x-protobuf or application/json"
            ))
        });
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(if compression == Compression::None && first == Some(&b'{') { Encoding::Json } else { Encoding::Protobuf })
}

/// How a body is compressed, as its `Content-Encoding` says.
pub fn compression(headers: &HeaderMap) -> Result<Compression, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Compression::None) };
    let text = value.to_str().unwrap_or("(not text)");
    Compression::from_header(text).map_err(|error| Refusal::Unsupported(error.to_string()))
}
