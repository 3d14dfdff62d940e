//! A server on ports of its own with a directory of its own, and short ways to talk to it.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::Value;
use server::{Limits, Running, Settings, SystemClock};
use tempfile::TempDir;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;

pub struct Server {
    pub runtime: tokio::runtime::Runtime,
    running: Option<Running>,
    pub http: String,
    pub otlp_http: String,
    pub otlp_grpc: String,
    agent: ureq::Agent,
    dir: Option<TempDir>,
}

pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails unless it succeeded without anything to say.
    #[track_caller]
    pub fn no_content(self) {
        assert_eq!(self.status, 204, "{}", self.text());
    }

    /// The answer if it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }
}

impl Server {
    pub fn start() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self::open(TempDir::new().unwrap(), limits)
    }

    pub fn open(dir: TempDir, limits: Limits) -> Self {
        Self::configured(dir, |settings| settings.limits = limits)
    }

    /// A server with settings changed.
    pub fn configured(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let any_port = || "127.0.0.1:0".to_owned();
        let mut settings = Settings {
            data: dir.path().join("data"),
            http: any_port(),
            otlp_http: any_port(),
            otlp_grpc: any_port(),
            ..Settings::default()
        };
        change(&mut settings);
        let mut running = runtime.block_on(server::start(settings)).unwrap();
        runtime.block_on(running.ready()).unwrap();
        let endpoints = running.endpoints().clone();
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60)));
        Self {
            runtime,
            running: Some(running),
            http: endpoints.http,
            otlp_http: endpoints.otlp_http,
            otlp_grpc: endpoints.otlp_grpc,
            agent: config.build().into(),
            dir: Some(dir),
        }
    }

    /// Stops in order and gives the directory back.
    pub fn stop(mut self) -> TempDir {
        self.runtime.block_on(self.running.take().unwrap().stop());
        self.dir.take().unwrap()
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.dir.as_ref().unwrap().path().join("data")
    }

    pub fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(format!("{}{path}", self.http)).call().unwrap())
    }

    /// Asks until the answer is as wanted.
    pub fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.get(path).ok().json();
            if wanted(&last) {
                return last;
            }
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(25)).await });
        }
        panic!("{path} did not come to what was wanted: {last:#}");
    }

    /// A request of any method to any address.
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(match method {
            "GET" | "DELETE" => self.agent.run(request.body(()).unwrap()).unwrap(),
            _ => self.agent.run(request.body(body.to_vec()).unwrap()).unwrap(),
        })
    }

    pub fn post_to(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body).unwrap())
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.post_to(&format!("{}{path}", self.otlp_http), headers, body)
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    pub fn post_proto(&self, path: &str, body: &[u8]) -> Answer {
        self.post(path, &[("content-type", "application/x-protobuf")], body)
    }

    /// The counts of a signal in `/api/v1/status`.
    pub fn counts(&self, signal: &str) -> Value {
        self.get("/api/v1/status").ok().json()["ingest"]["signals"][signal].clone()
    }

    /// A unary gRPC call that hands raw bytes over.
    pub fn grpc(
        &self,
        method: &str,
        compression: Option<CompressionEncoding>,
        body: &[u8],
    ) -> Result<Bytes, tonic::Status> {
        self.grpc_with(method, compression, &[], body)
    }

    pub fn grpc_with(
        &self,
        method: &str,
        compression: Option<CompressionEncoding>,
        metadata: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Bytes, tonic::Status> {
        let (url, path) = (self.otlp_grpc.clone(), method.parse::<ureq::http::uri::PathAndQuery>().unwrap());
        let mut request = tonic::Request::new(Bytes::copy_from_slice(body));
        for (name, value) in metadata {
            let name = tonic::metadata::MetadataKey::from_bytes(name.as_bytes()).unwrap();
            request.metadata_mut().insert(name, MetadataValue::try_from(*value).unwrap());
        }
        self.runtime.block_on(async move {
            let channel = tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap();
            let mut client = tonic::client::Grpc::new(channel);
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            client.ready().await.unwrap();
            client.unary(request, path, Raw).await.map(tonic::Response::into_inner)
        })
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.into_with_config().limit(1 << 30).read_to_vec().unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
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
    type Error = tonic::Status;
    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        let all = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, all)))
    }
}

pub const TRACE_EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub const LOGS_EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub const METRICS_EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Nanoseconds since 1970, now.
pub fn now() -> u64 {
    SystemClock::time().as_nanos() as u64
}

pub fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Any::StringValue(value.into())) }),
        ..KeyValue::default()
    }
}

pub fn count(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(Any::IntValue(value)) }), ..KeyValue::default() }
}

/// A span of a trace that ended just now and took a second. Ids are told apart by one byte.
pub fn span(trace: u8, id: u8, parent: u8, name: &str, attributes: Vec<KeyValue>) -> Span {
    let end = now();
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: name.into(),
        start_time_unix_nano: end - 1_000_000_000 + u64::from(id) * 1_000_000,
        end_time_unix_nano: end - u64::from(id) * 1_000_000,
        attributes,
        ..Span::default()
    }
}

pub fn request(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }],
    }
    .encode_to_vec()
}

/// An agent that asks a model twice and runs a tool in between.
pub fn agent_run(trace: u8) -> Vec<u8> {
    let llm = |id, input, output| {
        let attributes = vec![
            attribute("gen_ai.operation.name", "chat"),
            attribute("gen_ai.provider.name", "openai"),
            attribute("gen_ai.request.model", "gpt-4o"),
            count("gen_ai.usage.input_tokens", input),
            count("gen_ai.usage.output_tokens", output),
        ];
        span(trace, id, 1, "chat gpt-4o", attributes)
    };
    let spans = vec![
        span(
            trace,
            1,
            0,
            "invoke_agent planner",
            vec![
                attribute("gen_ai.operation.name", "invoke_agent"),
                attribute("gen_ai.agent.name", "planner"),
                attribute("gen_ai.conversation.id", "conversation-1"),
            ],
        ),
        llm(2, 100, 20),
        span(
            trace,
            3,
            1,
            "execute_tool search",
            vec![
                attribute("gen_ai.operation.name", "execute_tool"),
                attribute("gen_ai.tool.name", "search"),
                attribute("gen_ai.tool.call.arguments", "{\"q\":\"owls\"}"),
            ],
        ),
        llm(4, 150, 30),
    ];
    request("planner-service", spans)
}

pub fn trace_id(trace: u8) -> String {
    format!("{trace:02x}").repeat(16)
}
