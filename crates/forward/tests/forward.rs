//! Passing on to backends that are up, down, slow, busy or of another opinion.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use forward::config::{Surroundings, read};
use forward::{DestinationStatus, Form, Forwarder, Record, Setup, StartError};
use model::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wire::{Compression, Encoding, Signal};

struct Nothing;

impl Surroundings for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, _: &Path, _: u64) -> std::io::Result<String> {
        Err(std::io::Error::other("no files here"))
    }
}

/// A request a backend got.
#[derive(Clone, Debug)]
struct Got {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = Box<dyn FnMut(usize, &Got) -> (StatusCode, Vec<(&'static str, String)>, Vec<u8>, Duration) + Send>;

/// A backend that answers as it is told, by the number of the request.
#[derive(Clone)]
struct Backend {
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Backend {
    async fn listen(at: SocketAddr, answer: Answer) -> (Self, SocketAddr) {
        let backend = Self { got: Arc::default(), answer: Arc::new(Mutex::new(answer)) };
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(backend.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (backend, address)
    }

    async fn up() -> (Self, SocketAddr) {
        Self::listen(anywhere(), Box::new(|_, _| ok())).await
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn ok() -> (StatusCode, Vec<(&'static str, String)>, Vec<u8>, Duration) {
    (StatusCode::OK, Vec::new(), Vec::new(), Duration::ZERO)
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn take(State(backend): State<Backend>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let got = Got { path: uri.path().to_owned(), headers, body };
    let number = backend.got.lock().unwrap().len();
    let (status, headers, body, wait) = (backend.answer.lock().unwrap())(number, &got);
    backend.got.lock().unwrap().push(got);
    tokio::time::sleep(wait).await;
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

#[allow(clippy::disallowed_methods, reason = "a test runs in real time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(since.as_nanos() as i64)
}

fn open(dir: &Path, config: &str, own: &[SocketAddr]) -> Result<Forwarder, StartError> {
    let destinations = read("test.toml", config, &Nothing).unwrap();
    Forwarder::open(destinations, &Setup { dir, own, sync: true, clock: Arc::new(now), seed: 7 })
}

/// A forwarder at work.
struct Running {
    forwarder: Forwarder,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(dir: &Path, config: &str) -> Self {
        let forwarder = open(dir, config, &[]).unwrap();
        let mut tasks = JoinSet::new();
        forwarder.spawn(&mut tasks);
        Self { forwarder, tasks }
    }

    /// Stops in order: a queue is for one forwarder at a time.
    async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn status(&self) -> DestinationStatus {
        self.forwarder.status().remove(0)
    }

    async fn until(&self, what: &str, done: impl Fn(&DestinationStatus) -> bool) -> DestinationStatus {
        for _ in 0..2000 {
            let status = self.status();
            if done(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come about: {:?}", self.status());
    }
}

fn to(address: SocketAddr, more: &str) -> String {
    format!("[[destination]]\nname = \"d\"\nurl = \"http://{address}\"\n{more}")
}

fn record(encoding: Encoding, compression: Compression, payload: Vec<u8>) -> Record {
    Record {
        received: now(),
        signal: Signal::Traces,
        encoding,
        compression,
        items: 2,
        project: "default".into(),
        via: String::new(),
        form: Form::Otlp,
        payload: payload.into(),
    }
}

fn json(services: &[&str]) -> String {
    let resource = |service: &&str| {
        format!(
            r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[
            {{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"of {service}",
              "attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"invoke_agent"}}}},{{"key":"gen_ai.agent.name","value":{{"stringValue":"agent of {service}"}}}}]}},
            {{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8","name":"health",
              "attributes":[{{"key":"http.route","value":{{"stringValue":"/healthz"}}}}]}}]}}]}}"#
        )
    };
    format!("{{\"resourceSpans\":[{}]}}", services.iter().map(resource).collect::<Vec<_>>().join(","))
}

fn protobuf(services: &[&str]) -> Vec<u8> {
    wire::json_to_protobuf(Signal::Traces, json(services).as_bytes()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Names of the spans in a request.
fn names(got: &Got) -> Vec<String> {
    let compression = Compression::from_header(got.header("content-encoding")).unwrap();
    let text = wire::decompress(compression, &got.body, 1 << 30).unwrap();
    let encoding = Encoding::from_content_type(got.header("content-type")).unwrap();
    let batch = wire::decode(Signal::Traces, encoding, &text).unwrap();
    batch.spans.iter().flat_map(|group| &group.items).map(|span| span.name.to_string()).collect()
}

#[tokio::test]
async fn what_arrives_is_byte_for_byte_what_came() {
    let (backend, address) = Backend::up().await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, "headers = { x-scope = \"tenant\" }"));
    let (proto, text) = (protobuf(&["a"]), json(&["a"]).into_bytes());
    let zstd = zstd::bulk::compress(&proto, 3).unwrap();
    let sent = [
        (Encoding::Protobuf, Compression::None, proto.clone(), ""),
        (Encoding::Json, Compression::None, text.clone(), ""),
        (Encoding::Protobuf, Compression::Gzip, gzip(&proto), "gzip"),
        (Encoding::Json, Compression::Gzip, gzip(&text), "gzip"),
        (Encoding::Protobuf, Compression::Zstd, zstd, "zstd"),
    ];
    for (encoding, compression, payload, _) in &sent {
        running.forwarder.offer(record(*encoding, *compression, payload.clone())).await;
    }
    let status = running.until("all sent", |status| status.counts.sent_requests == 5).await;
    assert_eq!((status.counts.sent_items, status.backlog.requests, status.counts.retries), (10, 0, 0));
    for (got, (encoding, _, payload, header)) in backend.got().iter().zip(&sent) {
        assert_eq!((got.path.as_str(), got.header("content-encoding")), ("/v1/traces", *header));
        assert_eq!(got.header("content-type"), encoding.content_type());
        assert_eq!((&got.body[..], got.header("x-scope")), (&payload[..], "tenant"));
        assert_eq!(got.header("tawny-forwarded").len(), 16);
    }
}

#[tokio::test]
async fn a_backend_that_is_down_gets_everything_when_it_is_back_also_after_a_restart() {
    let (_, address) = Backend::up().await;
    let free = { TcpListener::bind(anywhere()).await.unwrap().local_addr().unwrap() };
    assert_ne!(free, address);
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(free, ""));
    for service in ["a", "b"] {
        running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&[service]))).await;
    }
    let status = running.until("a retry", |status| status.counts.retries >= 2).await;
    assert!(status.counts.last_error.unwrap().1.contains("no connection"));
    assert_eq!((status.backlog.requests, status.state), (2, forward::State::Retrying));
    running.stop().await;
    let running = Running::start(dir.path(), &to(free, ""));
    assert_eq!(running.status().backlog.requests, 2, "what waits is on disk");
    running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["c"]))).await;
    let (backend, _) = Backend::listen(free, Box::new(|_, _| ok())).await;
    running.until("all sent", |status| status.backlog.requests == 0).await;
    let got: Vec<String> = backend.got().iter().map(|got| names(got)[0].clone()).collect();
    assert_eq!(got, ["of a", "of b", "of c"]);
    running.stop().await;
    let running = Running::start(dir.path(), &to(free, ""));
    assert_eq!(running.status().backlog.requests, 0, "nothing is sent twice after an orderly stop");
}

#[tokio::test]
async fn a_busy_backend_is_asked_again_when_it_says() {
    let asked_to_wait: Answer = Box::new(|number, _| match number {
        0 => (StatusCode::TOO_MANY_REQUESTS, vec![("retry-after", "1".into())], b"busy".to_vec(), Duration::ZERO),
        1 => (StatusCode::SERVICE_UNAVAILABLE, Vec::new(), Vec::new(), Duration::ZERO),
        _ => ok(),
    });
    let (backend, address) = Backend::listen(anywhere(), asked_to_wait).await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, ""));
    let begun = now();
    running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["a"]))).await;
    let status = running.until("it is sent", |status| status.counts.sent_requests == 1).await;
    assert!(now().millis_since(begun) >= 1000.0, "Retry-After is honoured");
    assert_eq!((status.counts.retries, backend.got().len()), (2, 3));
    assert!(status.counts.failing_since.is_none() && status.counts.next_try_at.is_none());
}

#[tokio::test]
async fn what_a_backend_refuses_is_counted_and_not_tried_again() {
    let answers: Answer = Box::new(|number, _| match number {
        0 => (StatusCode::BAD_REQUEST, Vec::new(), b"cannot read this".to_vec(), Duration::ZERO),
        1 => (StatusCode::NOT_FOUND, Vec::new(), Vec::new(), Duration::ZERO),
        2 => {
            let answer = br#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#.to_vec();
            (StatusCode::OK, vec![("content-type", "application/json".into())], answer, Duration::ZERO)
        }
        _ => ok(),
    });
    let (backend, address) = Backend::listen(anywhere(), answers).await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, ""));
    for _ in 0..4 {
        running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["a"]))).await;
    }
    let status = running.until("all are dealt with", |status| status.backlog.requests == 0).await;
    assert_eq!((status.counts.refused_requests, status.counts.refused_items, status.counts.rejected_items), (2, 4, 1));
    assert_eq!((status.counts.sent_requests, status.counts.sent_items, backend.got().len()), (2, 3, 4));
    assert!(status.counts.last_error.unwrap().1.contains("too old"));
}

#[tokio::test]
async fn a_request_too_large_for_the_backend_arrives_in_pieces() {
    let small: Answer = Box::new(|_, got| {
        let status = if names(got).len() > 2 { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::OK };
        (status, Vec::new(), Vec::new(), Duration::ZERO)
    });
    let (backend, address) = Backend::listen(anywhere(), small).await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, ""));
    let body = gzip(json(&["a", "b", "c"]).as_bytes());
    running.forwarder.offer(record(Encoding::Json, Compression::Gzip, body)).await;
    let status = running.until("all are dealt with", |status| status.backlog.requests == 0).await;
    let taken: Vec<String> = backend.got().iter().map(names).filter(|names| names.len() <= 2).flatten().collect();
    assert_eq!(taken, ["of a", "health", "of b", "health", "of c", "health"]);
    assert_eq!((status.counts.refused_requests, status.counts.sent_requests), (0, 3));
}

#[tokio::test]
async fn a_backend_that_hangs_slows_nobody_who_sends() {
    let hangs: Answer = Box::new(|_, _| (StatusCode::OK, Vec::new(), Vec::new(), Duration::from_secs(60)));
    let (_, address) = Backend::listen(anywhere(), hangs).await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, "timeout = \"200ms\""));
    let begun = now();
    for _ in 0..100 {
        running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["a"]))).await;
    }
    let each = now().millis_since(begun) / 100.0;
    println!("queueing a request took {each:.2} ms while the destination hung");
    assert!(each < 100.0, "{each} ms");
    let status = running.until("a timeout", |status| status.counts.retries >= 1).await;
    assert!(status.counts.last_error.unwrap().1.contains("no answer in time"));
    assert_eq!(status.backlog.requests, 100);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_counts_them() {
    let dir = tempfile::tempdir().unwrap();
    let free = { TcpListener::bind(anywhere()).await.unwrap().local_addr().unwrap() };
    let running = Running::start(dir.path(), &to(free, "queue = \"1MiB\""));
    let mut large = protobuf(&["a"]);
    let filler = protobuf(&[&"x".repeat(100_000)]);
    large.extend_from_slice(&filler);
    for _ in 0..40 {
        running.forwarder.offer(record(Encoding::Protobuf, Compression::None, large.clone())).await;
    }
    // The oldest go a moment after the newest came.
    let small = |status: &DestinationStatus| status.backlog.bytes <= 1 << 20 && status.backlog.dropped >= 25;
    let status = running.until("some are dropped", small).await;
    // One may be on its way, which is neither dropped nor waiting.
    assert!(status.backlog.requests + status.backlog.dropped >= 39, "{status:?}");
}

#[tokio::test]
async fn filters_choose_by_service_agent_environment_and_attribute() {
    let cases = [
        ("keep = [{ service = \"a\" }]", vec!["of a", "health"]),
        ("keep = [{ agent = \"agent of b\" }]", vec!["of b"]),
        ("drop = [{ attribute = { \"http.route\" = \"/healthz\" } }]", vec!["of a", "of b"]),
        ("keep = [{ service = [\"a\", \"b\"] }]\ndrop = [{ service = \"b\" }]", vec!["of a", "health"]),
        ("keep = [{ environment = \"default\" }]", vec!["of a", "health", "of b", "health"]),
        ("keep = [{ project = \"other\" }]", vec![]),
        ("keep = [{ signal = \"logs\" }]", vec![]),
        ("signals = [\"metrics\"]", vec![]),
    ];
    for (filter, expected) in cases {
        for (encoding, body) in
            [(Encoding::Json, json(&["a", "b"]).into_bytes()), (Encoding::Protobuf, protobuf(&["a", "b"]))]
        {
            let (backend, address) = Backend::up().await;
            let dir = tempfile::tempdir().unwrap();
            let running = Running::start(dir.path(), &to(address, filter));
            let mut whole = record(encoding, Compression::Gzip, gzip(&body));
            whole.items = 4;
            running.forwarder.offer(whole).await;
            let status = running.until("it is dealt with", |status| status.backlog.requests == 0).await;
            let got: Vec<String> = backend.got().iter().flat_map(names).collect();
            assert_eq!(got, expected, "{filter}");
            let possible = !filter.contains("other") && !filter.contains("logs") && !filter.contains("metrics");
            assert_eq!(status.counts.filtered_items, if possible { 4 - expected.len() as u64 } else { 0 }, "{filter}");
            if expected.len() == 4 {
                assert_eq!(&backend.got()[0].body[..], &gzip(&body)[..], "what passes whole is not touched");
            }
        }
    }
}

#[tokio::test]
async fn requests_that_wait_are_put_together_when_asked() {
    let free = { TcpListener::bind(anywhere()).await.unwrap().local_addr().unwrap() };
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(free, "batch = \"1MiB\"\ncompression = \"gzip\""));
    for service in ["a", "b", "c"] {
        running.forwarder.offer(record(Encoding::Json, Compression::None, json(&[service]).into_bytes())).await;
    }
    running.until("a retry", |status| status.counts.retries >= 1).await;
    let (backend, _) = Backend::listen(free, Box::new(|_, _| ok())).await;
    running.until("all sent", |status| status.backlog.requests == 0).await;
    let got = backend.got();
    assert!(got.len() <= 2, "the first may have been on its way alone");
    let all: Vec<String> = got.iter().flat_map(names).collect();
    assert_eq!(all, ["of a", "health", "of b", "health", "of c", "health"]);
    assert!(got.iter().all(|got| got.header("content-encoding") == "gzip"));
}

#[tokio::test]
async fn nothing_goes_round_in_circles() {
    let (backend, address) = Backend::up().await;
    let dir = tempfile::tempdir().unwrap();
    let itself = open(dir.path(), &to(address, ""), &[address]).map(|_| ()).unwrap_err();
    assert!(matches!(itself, StartError::Itself { .. }), "{itself}");
    let running = Running::start(dir.path(), &to(address, ""));
    running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["a"]))).await;
    running.until("it is sent", |status| status.counts.sent_requests == 1).await;
    let via = backend.got()[0].header("tawny-forwarded").to_owned();
    let back =
        Record { via: format!("other,{via}"), ..record(Encoding::Protobuf, Compression::None, protobuf(&["a"])) };
    running.forwarder.offer(back).await;
    assert_eq!((running.forwarder.circles(), running.status().backlog.requests), (1, 0));
    let other = Record { via: "other".into(), ..record(Encoding::Protobuf, Compression::None, protobuf(&["b"])) };
    running.forwarder.offer(other).await;
    running.until("it is sent", |status| status.counts.sent_requests == 2).await;
    assert_eq!(backend.got()[1].header("tawny-forwarded"), format!("other,{via}"));
}

#[tokio::test]
async fn what_is_too_old_is_dropped_and_counted() {
    let (backend, address) = Backend::up().await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &to(address, "max_age = \"1h\""));
    let old = now().plus_nanos(-7_200_000_000_000);
    let stale = Record { received: old, ..record(Encoding::Protobuf, Compression::None, protobuf(&["a"])) };
    running.forwarder.offer(stale).await;
    running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["b"]))).await;
    let status = running.until("both are dealt with", |status| status.backlog.requests == 0).await;
    assert_eq!((status.counts.expired_requests, status.counts.sent_requests, backend.got().len()), (1, 1, 1));
}

fn series(bytes: &'static [u8]) -> Record {
    let payload = Bytes::from_static(bytes);
    Record {
        form: Form::Series,
        signal: Signal::Metrics,
        items: 3,
        payload,
        ..record(Encoding::Protobuf, Compression::None, Vec::new())
    }
}

#[tokio::test]
async fn series_go_by_remote_write_and_nowhere_else() {
    let (prometheus, address) = Backend::up().await;
    let (collector, otlp) = Backend::up().await;
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "[[destination]]\nname = \"prometheus\"\nurl = \"http://{address}\"\nprotocol = \"remote-write\"\n\
         [[destination.drop]]\nproject = \"secret\"\n\
         [[destination]]\nname = \"collector\"\nurl = \"http://{otlp}\"\n"
    );
    let running = Running::start(dir.path(), &config);
    assert!(running.forwarder.wants_series());
    running.forwarder.offer(Record { project: "secret".into(), ..series(b"theirs") }).await;
    running.forwarder.offer(series(b"ours")).await;
    running.forwarder.offer(record(Encoding::Protobuf, Compression::None, protobuf(&["a"]))).await;
    let status = running.until("sending", |status| status.counts.sent_requests == 1).await;
    assert_eq!((status.counts.sent_items, status.counts.filtered_items), (3, 3));
    while collector.got().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let got = prometheus.got();
    assert_eq!((got.len(), got[0].path.as_str(), &got[0].body[..]), (1, "/api/v1/write", &b"ours"[..]));
    assert_eq!(
        (got[0].header("content-type"), got[0].header("content-encoding")),
        ("application/x-protobuf", "snappy")
    );
    assert_eq!(got[0].header("x-prometheus-remote-write-version"), "0.1.0");
    assert_eq!(collector.got().len(), 1);
    assert_eq!(collector.got()[0].path, "/v1/traces");
    running.stop().await;
}

#[tokio::test]
async fn a_receiver_of_series_that_fails_is_asked_again_and_one_that_refuses_is_not() {
    let answer: Answer = Box::new(|number, _| match number {
        0 => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new(), Vec::new(), Duration::ZERO),
        1 => (StatusCode::NO_CONTENT, Vec::new(), Vec::new(), Duration::ZERO),
        _ => (StatusCode::BAD_REQUEST, Vec::new(), b"out of order sample".to_vec(), Duration::ZERO),
    });
    let (prometheus, address) = Backend::listen(anywhere(), answer).await;
    let dir = tempfile::tempdir().unwrap();
    let config =
        format!("[[destination]]\nname = \"p\"\nurl = \"http://{address}/write\"\nprotocol = \"remote-write\"\n");
    let running = Running::start(dir.path(), &config);
    running.forwarder.offer(series(b"one")).await;
    running.forwarder.offer(series(b"two")).await;
    let status = running.until("an answer to both", |status| status.counts.refused_requests == 1).await;
    assert_eq!((status.counts.sent_requests, status.counts.retries), (1, 1));
    assert!(status.counts.last_error.unwrap().1.contains("out of order sample"));
    let bodies: Vec<Bytes> = prometheus.got().into_iter().map(|got| got.body).collect();
    assert_eq!(bodies, ["one", "one", "two"]);
    running.stop().await;
}
