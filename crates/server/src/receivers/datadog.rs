//! Where Datadog's tracers send when Tawny stands in for their agent (`DD_TRACE_AGENT_URL`): traces, LLM observability's spans and
//! evaluations. What else an agent takes (statistics, profiles, its own telemetry) is answered with 404, and tracers go on without.

use std::sync::Arc;

use ::receivers::{DecodeError, Told, datadog};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{post, put};
use model::Timestamp;
use serde_json::{Value as Json, json};

use super::{refuse, refused_items};
use crate::app::App;
use crate::ingest::Refusal;

/// Paths of an agent, for those who ask it what it can do (`GET /info`). The answer is LangSmith's as well.
pub const ENDPOINTS: [&str; 4] = ["/v0.3/traces", "/v0.4/traces", "/evp_proxy/v2/", "/evp_proxy/v4/"];

/// Where an agent passes on: tracers take whichever version it names. The empty one is the intake's own address.
const PROXIES: [&str; 3] = ["/evp_proxy/v2", "/evp_proxy/v4", ""];

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for path in &ENDPOINTS[..2] {
        router = router.route(path, put(traces).post(traces));
    }
    for proxy in PROXIES {
        router = router
            .route(&format!("{proxy}/api/v2/llmobs"), post(events))
            .route(&format!("{proxy}/api/intake/llm-obs/v1/eval-metric"), post(evaluations))
            .route(&format!("{proxy}/api/intake/llm-obs/v2/eval-metric"), post(evaluations));
    }
    router
}

async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    // Sampling stays with the tracer: no service has a rate.
    take(&app, request, datadog::traces, StatusCode::OK, json!({ "rate_by_service": {} })).await
}

async fn events(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, request, datadog::events, StatusCode::ACCEPTED, json!({})).await
}

async fn evaluations(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, request, datadog::evaluations, StatusCode::ACCEPTED, json!({})).await
}

async fn take(
    app: &App,
    request: Request,
    decode: fn(&[u8], Timestamp) -> Result<Told, DecodeError>,
    status: StatusCode,
    answer: Json,
) -> Response {
    let taken = async {
        let read = super::read(app, request, move |_, body, now| decode(body, now)).await?;
        let refused = refused_items(&read.value);
        super::keep(app, read).await?;
        Ok::<_, Refusal>(refused)
    };
    match taken.await {
        Ok(None) => super::json(status, &answer),
        // Written to the tracer's log; not sent again.
        Ok(Some(message)) => super::json(StatusCode::BAD_REQUEST, &error_body(StatusCode::BAD_REQUEST, &message)),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

/// The intake's error object.
fn error_body(status: StatusCode, message: &str) -> Json {
    json!({ "errors": [{ "status": status.as_str(), "title": status.canonical_reason(), "detail": message }] })
}
