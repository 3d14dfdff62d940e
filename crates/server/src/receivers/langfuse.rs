//! Langfuse's API at `/api/public`, as far as its SDKs need it to send and to check that they are connected.
//!
//! Telemetry over OTLP (`/api/public/otel/v1/traces`) goes the way of all OTLP. What Tawny has not (prompts, media, data sets) is
//! answered with 404 in Langfuse's form, after which the SDKs go on.

use std::sync::Arc;

use ::receivers::langfuse;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{any, get, post};
use serde_json::{Value as Json, json};

use super::{read_back, refuse};
use crate::app::App;
use crate::ingest::Refusal;
use crate::{otlp_http, routes};
use wire::Signal;

/// The version of Langfuse whose API this is like; SDKs ask for it and do not read it.
const LIKE_VERSION: &str = "3.100.0";

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/public/ingestion", post(ingestion))
        .route("/api/public/scores", post(scores))
        .route("/api/public/otel/v1/traces", post(otlp_http::traces))
        .route("/api/public/otel/v1/metrics", post(otlp_http::metrics))
        .route("/api/public/health", get(health))
        .route("/api/public/projects", get(projects))
        .route("/api/public/traces/{id}", get(trace))
        .route("/api/public/{*rest}", any(missing))
}

async fn ingestion(State(app): State<Arc<App>>, request: Request) -> Response {
    let taken = async {
        let read = super::read(&app, request, |_, body, now| langfuse::ingestion(body, now)).await?;
        let items = read.value.items.clone();
        super::keep(&app, read).await?;
        Ok::<_, Refusal>(items)
    };
    match taken.await {
        Ok(items) => {
            let (mut successes, mut errors) = (Vec::new(), Vec::new());
            for item in items {
                match item.error {
                    None => successes.push(json!({ "id": item.id, "status": 201 })),
                    Some(error) => errors.push(
                        json!({ "id": item.id, "status": 400, "message": "Invalid request data", "error": error }),
                    ),
                }
            }
            super::json(StatusCode::MULTI_STATUS, &json!({ "successes": successes, "errors": errors }))
        }
        Err(refusal) => refuse(&refusal, error_body),
    }
}

async fn scores(State(app): State<Arc<App>>, request: Request) -> Response {
    let taken = async {
        let read = super::read(&app, request, |_, body, now| {
            let list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
            Ok((langfuse::scores(body, now)?, list))
        })
        .await?;
        let super::Read { project, value: (told, list), received, bytes, bytes_decompressed, share } = read;
        let items = told.items.clone();
        super::keep(&app, super::Read { project, value: told, received, bytes, bytes_decompressed, share }).await?;
        Ok::<_, Refusal>((items, list))
    };
    match taken.await {
        Err(refusal) => refuse(&refusal, error_body),
        Ok((items, list)) => {
            let errors: Vec<&str> = items.iter().filter_map(|item| item.error.as_deref()).collect();
            match (list, errors.as_slice()) {
                (true, []) => super::json(StatusCode::ACCEPTED, &json!({ "message": "Accepted" })),
                (true, errors) => {
                    let told: Vec<Json> = errors.iter().map(|error| json!({ "message": error })).collect();
                    let accepted = items.len() - errors.len();
                    let body = json!({ "accepted": accepted, "rejected": errors.len(), "errors": told });
                    super::json(StatusCode::MULTI_STATUS, &body)
                }
                (false, []) => super::json(StatusCode::OK, &json!({ "id": items.first().map(|item| &item.id) })),
                (false, errors) => {
                    super::json(StatusCode::BAD_REQUEST, &error_body(StatusCode::BAD_REQUEST, errors[0]))
                }
            }
        }
    }
}

async fn health() -> Response {
    super::json(StatusCode::OK, &json!({ "status": "OK", "version": LIKE_VERSION }))
}

/// What `auth_check()` of the SDKs asks: a list that is not empty means the keys fit.
async fn projects(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.admit(&headers) {
        Err(refusal) => refuse(&refusal, error_body),
        Ok(project) => {
            let organization = json!({ "id": "tawny", "name": "Tawny" });
            let one = json!({ "id": &*project, "name": &*project, "organization": organization, "metadata": {} });
            super::json(StatusCode::OK, &json!({ "data": [one] }))
        }
    }
}

async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match read_back::trace(&app, &headers, ::receivers::trace_id(&id)).await {
        Err(refusal) => refuse(&refusal, error_body),
        Ok((spans, scores)) if !spans.is_empty() => {
            super::json(StatusCode::OK, &read_back::langfuse_trace(&id, &spans, &scores))
        }
        Ok(_) => super::json(
            StatusCode::NOT_FOUND,
            &json!({ "message": format!("Trace {id} not found"), "error": "LangfuseNotFoundError" }),
        ),
    }
}

/// Below `/api/public`: OTLP behind a longer prefix, or nothing.
async fn missing(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    if Signal::from_path(path).is_some() {
        return routes::receiver_only(State(app), request).await;
    }
    let message = if path == "/api/public/media" {
        "Tawny has no storage for media: set LANGFUSE_MEDIA_UPLOAD_ENABLED=false, and they stay in the messages and are kept".into()
    } else {
        format!(
            "Tawny has no {} {path}: it takes traces, observations and scores; prompts, data sets and evaluations stay with Langfuse",
            request.method()
        )
    };
    super::json(StatusCode::NOT_FOUND, &json!({ "message": message, "error": "LangfuseNotFoundError" }))
}

/// Langfuse's error object.
pub(super) fn error_body(status: StatusCode, message: &str) -> Json {
    let error = match status {
        StatusCode::UNAUTHORIZED => "UnauthorizedError",
        StatusCode::BAD_REQUEST => "InvalidRequestError",
        StatusCode::TOO_MANY_REQUESTS => "LangfuseRateLimitError",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    json!({ "message": message, "error": error })
}
