//! OTLP over gRPC, without TLS. The message goes as the bytes it is; nothing is decoded on the way.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use reqwest::Url;
use reqwest::header::HeaderMap;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use wire::Signal;

use super::{Outcome, VIA, shown, via};
use crate::config::{Compression, Destination};
use crate::outgoing::Outgoing;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

/// Time to make a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A channel to one destination.
pub struct Grpc {
    channel: Channel,
    compression: Option<CompressionEncoding>,
    headers: HeaderMap,
    timeout: Duration,
    me: String,
}

impl Grpc {
    pub fn new(destination: &Destination, me: &str) -> Result<Self, String> {
        let base = |url: &Url| format!("{}://{}", url.scheme(), url.authority());
        let endpoint = Endpoint::from_shared(base(&destination.url)).map_err(|error| error.to_string())?;
        Ok(Self {
            channel: endpoint.connect_timeout(CONNECT.min(destination.timeout)).connect_lazy(),
            compression: match destination.compression {
                Compression::AsReceived | Compression::None => None,
                Compression::Gzip => Some(CompressionEncoding::Gzip),
                Compression::Zstd => Some(CompressionEncoding::Zstd),
            },
            headers: destination.headers.clone(),
            timeout: destination.timeout,
            me: me.to_owned(),
        })
    }

    pub async fn send(&self, request: &Outgoing) -> Outcome {
        let path = match request.signal {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        };
        let mut headers = self.headers.clone();
        if let Ok(value) = via(&request.via, &self.me).parse() {
            headers.insert(VIA, value);
        }
        let mut message = Request::new(request.body.clone());
        *message.metadata_mut() = MetadataMap::from_headers(headers);
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        if let Some(compression) = self.compression {
            client = client.send_compressed(compression);
        }
        let call = async {
            client.ready().await.map_err(|error| Status::unavailable(cause(&error)))?;
            client.unary(message, PathAndQuery::from_static(path), Raw).await
        };
        match tokio::time::timeout(self.timeout, call).await {
            Err(_) => Outcome::later("no answer in time"),
            Ok(Ok(answer)) => {
                let answer = ExportTraceServiceResponse::decode(answer.into_inner()).unwrap_or_default();
                let partial = answer.partial_success.unwrap_or_default();
                Outcome::Taken {
                    rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
                    message: shown(&partial.error_message),
                }
            }
            Ok(Err(status)) => judge(&status),
        }
    }
}

/// The innermost cause says most: "connection refused".
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn judge(status: &Status) -> Outcome {
    let code = status.code();
    let words = match std::error::Error::source(status) {
        Some(inner) => cause(inner),
        None => status.message().to_owned(),
    };
    let reason = format!("{code:?}: {}", shown(&words));
    let after = retry_delay(status.details());
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Later { reason, after, credentials: false },
        // With a delay the receiver is busy; without one the request is too large for it.
        Code::ResourceExhausted if after.is_some() => Outcome::Later { reason, after, credentials: false },
        Code::ResourceExhausted => Outcome::TooLarge(reason),
        Code::Unauthenticated | Code::PermissionDenied => Outcome::Later { reason, after: None, credentials: true },
        _ => Outcome::Refused(reason),
    }
}

/// The delay of a `google.rpc.RetryInfo` in the details of a status.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    #[derive(Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        delay: Option<Delay>,
    }
    #[derive(Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    let details = Details::decode(details).ok()?;
    let info = details.details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.delay?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?.min(999_999_999)))
}

/// A codec that leaves messages as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let all = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(all)))
    }
}
