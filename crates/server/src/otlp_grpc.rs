//! OTLP over gRPC: the three `Export` methods.
//!
//! The frame is taken apart here instead of by generated code: the message stays bytes, still compressed, so that gRPC
//! takes the same way in as HTTP, with the same limits, and the log keeps what was sent. A unary call is one frame of five
//! bytes (compressed?, length) and the message, answered by one such frame and trailers (gRPC over HTTP/2, PROTOCOL-HTTP2).

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::{Code, Status};
use wire::{Compression, Encoding, Signal};

use crate::app::App;
use crate::incoming::{self, Incoming};
use crate::ingest::{Received, Refusal};

/// Bytes before each message: a flag and a length.
pub const FRAME_HEAD: usize = 5;
/// Compressions a client may use.
const ACCEPTED: &str = "identity,gzip,deflate,zstd";
const GRPC: &str = "application/grpc";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The three methods.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(traces))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", post(logs))
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", post(metrics))
}

async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    export(&app, Signal::Traces, request).await
}

async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    export(&app, Signal::Logs, request).await
}

async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    export(&app, Signal::Metrics, request).await
}

/// Whether a request is a gRPC call.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes()))
}

/// The answer to a gRPC call of a method that is not there.
pub fn unknown_method(path: &str) -> Response {
    fail(Status::unimplemented(format!(
        "Tawny has no method {path}; it takes Export of OpenTelemetry's TraceService, LogsService and MetricsService"
    )))
}

async fn export(app: &App, signal: Signal, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if !is_grpc(&head.headers) {
        return fail(Status::invalid_argument("the Content-Type of a gRPC call is application/grpc"));
    }
    let mut body = Incoming::new(body, &head.headers, app.settings.limits.stalled);
    let kept = async {
        let project = app.admit(&head.headers)?;
        let opened = app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?;
        let mut share = app.ingest.share();
        let limit = app.ingest.max_body_bytes();
        let framed = body.collect(&mut share, limit.saturating_add(FRAME_HEAD)).await;
        let (compression, message) =
            unframe(&head.headers, framed.map_err(|refusal| with_limit(refusal, limit))?, limit)?;
        let received = Received {
            signal: Some(signal),
            encoding: Encoding::Protobuf,
            compression,
            project,
            via: incoming::via(&head.headers),
            body: message,
            share,
        };
        app.receive(&opened.store, received).await
    }
    .await;
    match kept {
        Ok(kept) => succeed(&wire::response(signal, Encoding::Protobuf, &kept.rejected)),
        Err(refusal) => {
            body.discard().await;
            app.ingest.refused(Some(signal), &refusal, body.seen());
            fail(status(&refusal))
        }
    }
}

fn with_limit(refusal: Refusal, limit: usize) -> Refusal {
    match refusal {
        Refusal::TooLarge { .. } => Refusal::TooLarge { limit },
        other => other,
    }
}

/// Takes the one message out of its frame.
fn unframe(headers: &HeaderMap, mut framed: Bytes, limit: usize) -> Result<(Compression, Bytes), Refusal> {
    if framed.len() < FRAME_HEAD {
        return Err(Refusal::Malformed(format!(
            "the call holds {} bytes, not even the five before a message",
            framed.len()
        )));
    }
    let head = framed.split_to(FRAME_HEAD);
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > limit {
        return Err(Refusal::TooLarge { limit });
    }
    if framed.len() != length {
        return Err(Refusal::Malformed(format!(
            "the frame announces a message of {length} bytes, but {} follow; Export takes exactly one message",
            framed.len()
        )));
    }
    let compression = match head[0] {
        0 => Compression::None,
        1 => {
            let name = headers.get(GRPC_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
            match Compression::from_header(name) {
                Ok(Compression::None) => {
                    return Err(Refusal::Malformed(
                        "the message is marked compressed, but grpc-encoding names no compression".into(),
                    ));
                }
                Ok(compression) => compression,
                Err(error) => return Err(Refusal::Unsupported(error.to_string())),
            }
        }
        flag => return Err(Refusal::Malformed(format!("the frame's flag is {flag}; only 0 and 1 have a meaning"))),
    };
    Ok((compression, framed))
}

/// The gRPC status of a refusal, with `RetryInfo` where the client should try again.
fn status(refusal: &Refusal) -> Status {
    let (code, message) = (refusal.grpc_code(), refusal.to_string());
    match refusal.retry_after() {
        None => Status::new(code, message),
        Some(delay) => {
            let mut details = wire::status(Encoding::Protobuf, code as i32, &message);
            append_retry_info(&mut details, delay);
            Status::with_details(code, message, details.into())
        }
    }
}

/// Appends a `google.rpc.RetryInfo` to an encoded `google.rpc.Status` (its field 3, `details`, a list of `Any`).
///
/// `RetryInfo` is one `Duration` in field 1: `seconds` in field 1, `nanos` in field 2. Every length here fits one byte.
fn append_retry_info(status: &mut Vec<u8>, delay: std::time::Duration) {
    let mut duration = Vec::new();
    for (key, value) in [(0x08, delay.as_secs()), (0x10, u64::from(delay.subsec_nanos()))] {
        if value > 0 {
            duration.push(key);
            varint(&mut duration, value);
        }
    }
    let field = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8], bytes].concat();
    let any = [field(0x0a, b"type.googleapis.com/google.rpc.RetryInfo"), field(0x12, &field(0x0a, &duration))].concat();
    status.extend(field(0x1a, &any));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One message, then `grpc-status: 0` as a trailer.
fn succeed(message: &[u8]) -> Response {
    let mut frame = BytesMut::with_capacity(FRAME_HEAD + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let frames = [Ok::<_, Infallible>(Frame::data(frame.freeze())), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(Body::new(StreamBody::new(futures::stream::iter(frames))));
    head(&mut response);
    response
}

/// No message: the status is among the headers.
fn fail(status: Status) -> Response {
    debug_assert_ne!(status.code(), Code::Ok);
    let mut response = status.into_http::<Body>();
    head(&mut response);
    response
}

fn head(response: &mut Response) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::limits::LimitName;

    fn framed(flag: u8, length: u32, message: &[u8]) -> Bytes {
        [&[flag], &length.to_be_bytes()[..], message].concat().into()
    }

    #[test]
    fn a_frame_gives_its_message_and_anything_else_is_explained() {
        let mut headers = HeaderMap::new();
        assert_eq!(unframe(&headers, framed(0, 3, b"abc"), 10), Ok((Compression::None, Bytes::from_static(b"abc"))));
        assert_eq!(unframe(&headers, framed(0, 30, b"abc"), 10), Err(Refusal::TooLarge { limit: 10 }));
        for bad in
            [framed(0, 4, b"abc"), framed(0, 2, b"abc"), framed(7, 3, b"abc"), framed(1, 3, b"abc"), Bytes::new()]
        {
            assert!(matches!(unframe(&headers, bad, 10), Err(Refusal::Malformed(_))));
        }
        headers.insert(GRPC_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(unframe(&headers, framed(1, 3, b"abc"), 10).unwrap().0, Compression::Gzip);
        headers.insert(GRPC_ENCODING, HeaderValue::from_static("snappy"));
        assert!(matches!(unframe(&headers, framed(1, 3, b"abc"), 10), Err(Refusal::Unsupported(_))));
    }

    #[test]
    fn back_pressure_tells_when_to_retry_and_a_large_message_does_not() {
        let busy = status(&Refusal::Busy { limit: LimitName::HotBytesMax, retry_after: Duration::from_millis(1500) });
        assert_eq!(busy.code(), Code::Unavailable);
        // google.rpc.RetryInfo { retry_delay { seconds: 1, nanos: 500000000 } }
        let retry_info = b"\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01";
        assert!(busy.details().ends_with(retry_info), "{:x?}", busy.details());
        let large = status(&Refusal::TooLarge { limit: 5 });
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert!(large.details().is_empty());
    }
}
