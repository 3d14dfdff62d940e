//! What the server answers before its store is open.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

use super::*;
use crate::series::Sees;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: head.status, headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post(path: &str, kind: &str, body: &'static [u8]) -> Request<Body> {
    Request::post(path).header("content-type", kind).body(Body::from(body)).unwrap()
}

fn router() -> (Arc<App>, Router) {
    let url = || "http://127.0.0.1:1".to_owned();
    let endpoints = Endpoints { http: url(), otlp_http: url(), otlp_grpc: url() };
    let money = Arc::new(Money::new(&MoneyFiles::default()).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let state = state::State::open(dir.path(), app::STATE_PARTS).unwrap();
    let doors = Arc::new(access::Doors::open(state, Vec::new()).unwrap());
    let threads = [Handle::current(), Handle::current()];
    let doorway = Doorway { doors, tls: None, loopback: true };
    let app = app(Settings::default(), endpoints, threads, None, money, doorway);
    (Arc::clone(&app), routes::everything(app))
}

#[tokio::test]
async fn while_the_log_is_replayed_everybody_is_told_to_come_back() {
    let (app, router) = router();
    assert_eq!(ask(&router, get("/healthz")).await.status, StatusCode::OK);
    let answer = ask(&router, get("/readyz")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "replaying\n"));
    let answer = ask(&router, get("/health")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("replayed"), "{}", answer.body);

    let answer = ask(&router, get("/api/v1/runs")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(answer.header("content-type"), "application/problem+json");

    let answer = ask(&router, post("/v1/traces", "application/json", b"{}")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert!(answer.body.contains("replaying"), "{}", answer.body);

    let grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let answer = ask(&router, post(grpc, "application/grpc", b"\0\0\0\0\0")).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (StatusCode::OK, "14"), "UNAVAILABLE");
    assert!(!answer.header("grpc-status-details-bin").is_empty(), "RetryInfo");

    let answer = ask(&router, get("/api/v1/status")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("\"state\":\"replaying\""), "{}", answer.body);
    assert_eq!(app.counters.ingest(&Sees::Everything).signals["traces"].requests_rejected["not_ready"], 2);
}

#[tokio::test]
async fn a_panic_costs_its_request_and_nothing_else() {
    async fn broken() -> &'static str {
        panic!("a fault of our own")
    }
    let router = Router::new()
        .route("/broken", axum::routing::get(broken))
        .route("/fine", axum::routing::get(|| async { "fine" }))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(problem::on_panic));
    let answer = ask(&router, get("/broken")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(!answer.body.contains("a fault of our own"), "what went wrong inside belongs into the log");
    assert_eq!(ask(&router, get("/fine")).await.body, "fine");
}
