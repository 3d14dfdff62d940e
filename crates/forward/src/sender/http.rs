//! OTLP over HTTP, and Prometheus' remote write 1.0.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use wire::{Compression, Encoding, Signal};

use super::{Outcome, VIA, no_such_address, shown, via};
use crate::config::Destination;
use crate::outgoing::Outgoing;
use crate::record::Form;

/// Time to make a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// A client for one destination.
pub struct Http {
    client: Client,
    addresses: [Url; 3],
    me: String,
}

impl Http {
    pub fn new(destination: &Destination, me: &str) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        headers.extend(destination.headers.clone());
        let mut builder = Client::builder()
            .user_agent(concat!("tawny/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT.min(destination.timeout))
            .timeout(destination.timeout)
            // Credentials belong to the address that was configured.
            .redirect(reqwest::redirect::Policy::none());
        let loopback = destination.url.host_str().is_some_and(|host| {
            host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        });
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| format!("cannot set up HTTP: {error}"))?;
        Ok(Self { client, addresses: Signal::ALL.map(|signal| destination.address(signal)), me: me.to_owned() })
    }

    pub async fn send(&self, request: &Outgoing) -> Outcome {
        let mut post = self
            .client
            .post(self.addresses[request.signal as usize].clone())
            .header(VIA, via(&request.via, &self.me))
            .body(request.body.clone());
        if request.form == Form::Series {
            post = post
                .header(CONTENT_TYPE, "application/x-protobuf")
                .header(CONTENT_ENCODING, "snappy")
                .header("x-prometheus-remote-write-version", "0.1.0");
        } else {
            post = post.header(CONTENT_TYPE, request.encoding.content_type());
            if let Some(encoding) = encoding(request.compression) {
                post = post.header(CONTENT_ENCODING, encoding);
            }
        }
        match post.send().await {
            Ok(response) => judge(request, response).await,
            Err(error) => Outcome::later(explain(&error)),
        }
    }
}

fn encoding(compression: Compression) -> Option<HeaderValue> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(HeaderValue::from_static("gzip")),
        Compression::Deflate => Some(HeaderValue::from_static("deflate")),
        Compression::Zstd => Some(HeaderValue::from_static("zstd")),
    }
}

/// The innermost cause says most: "connection refused".
fn explain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("no connection: {}", shown(&cause.to_string()))
}

async fn judge(request: &Outgoing, mut response: Response) -> Outcome {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let date = response.headers().get("date").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let json =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let body = match answer(&mut response).await {
        Ok(body) => body,
        // The status has come: it decides.
        Err(_) => Bytes::new(),
    };
    if status.is_success() && request.form == Form::Series {
        return Outcome::Taken { rejected: 0, message: String::new() };
    }
    if status.is_success() {
        let (rejected, message) = partial(&body, json || request.encoding == Encoding::Json);
        return Outcome::Taken { rejected, message };
    }
    let words = words(&body, json);
    let reason = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
    match status {
        // Remote write: any failure of the receiver is to be tried again.
        _ if request.form == Form::Series && status.is_server_error() => Outcome::Later {
            reason,
            after: after.and_then(|text| retry_after(&text, date.as_deref())),
            credentials: false,
        },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Later {
            reason,
            after: after.and_then(|text| retry_after(&text, date.as_deref())),
            credentials: false,
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Later { reason, after: None, credentials: true },
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge(reason),
        StatusCode::NOT_FOUND => Outcome::Refused(no_such_address(request.signal)),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Outcome::Refused(format!(
            "{reason} (sent as {}, compression {:?}; set `encoding = \"protobuf\"` or `compression = \"gzip\"`)",
            request.encoding.content_type(),
            request.compression
        )),
        _ => Outcome::Refused(reason),
    }
}

async fn answer(response: &mut Response) -> Result<Bytes, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_ANSWER - body.len())]);
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    Ok(body.freeze())
}

/// Items the receiver refused, and why. The answers of the three signals have one shape.
fn partial(body: &[u8], json: bool) -> (u64, String) {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Answer {
        partial_success: Option<Partial>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Partial {
        #[serde(alias = "rejectedLogRecords", alias = "rejectedDataPoints")]
        rejected_spans: serde_json::Value,
        error_message: String,
    }
    if json && body.trim_ascii_start().starts_with(b"{") {
        let Some(partial) = serde_json::from_slice::<Answer>(body).unwrap_or_default().partial_success else {
            return (0, String::new());
        };
        let number = match &partial.rejected_spans {
            serde_json::Value::String(text) => text.parse().unwrap_or(0),
            other => other.as_u64().unwrap_or(0),
        };
        return (number, shown(&partial.error_message));
    }
    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    (u64::try_from(partial.rejected_spans).unwrap_or(0), shown(&partial.error_message))
}

/// What the receiver says: the message of a `google.rpc.Status`, or the text as it is.
fn words(body: &[u8], json: bool) -> String {
    #[derive(Message)]
    struct Status {
        #[prost(string, tag = "2")]
        message: String,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(alias = "detail", alias = "error")]
        message: String,
    }
    if json && let Ok(said) = serde_json::from_slice::<Said>(body) {
        return shown(&said.message);
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => shown(text),
        _ => Status::decode(body).map(|status| shown(&status.message)).unwrap_or_default(),
    }
}

/// `Retry-After`: seconds, or a date, which counts from the receiver's own clock.
fn retry_after(text: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok().map(|time| time.timestamp().as_millisecond());
    let (until, now) = (time(text)?, time(date?)?);
    let wait = Timestamp::from_millis(until).millis_since(Timestamp::from_millis(now));
    Some(Duration::from_millis(wait.max(0.0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_date_counts_from_the_receivers_clock() {
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", date), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", date), None);
    }

    #[test]
    fn what_a_receiver_rejected_is_read_from_either_encoding() {
        let json = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
        assert_eq!(partial(json, true), (3, "too old".into()));
        assert_eq!(partial(b"{}", true), (0, String::new()));
        let protobuf = wire::response(
            Signal::Metrics,
            Encoding::Protobuf,
            &model::raw::Rejected { count: 2, reasons: vec!["no".into()] },
        );
        assert_eq!(partial(&protobuf, false), (2, "no".into()));
        assert_eq!(partial(b"", false), (0, String::new()));
    }
}
