//! Where the OpenAI Agents SDK's own exporter sends: `POST /v1/traces/ingest`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value as Json, json};

use super::{refuse, refused_items};
use crate::app::App;
use crate::ingest::Refusal;

/// The route.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/traces/ingest", post(ingest))
}

async fn ingest(State(app): State<Arc<App>>, request: Request) -> Response {
    let taken = async {
        let read = super::read(&app, request, |_, body, now| ::receivers::openai_agents::ingest(body, now)).await?;
        let refused = refused_items(&read.value);
        super::keep(&app, read).await?;
        Ok::<_, Refusal>(refused)
    };
    match taken.await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        // The SDK writes the answer to its log and does not send again.
        Ok(Some(message)) => super::json(StatusCode::BAD_REQUEST, &error_body(StatusCode::BAD_REQUEST, &message)),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

/// OpenAI's error object.
pub(super) fn error_body(status: StatusCode, message: &str) -> Json {
    let sort = match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    json!({ "error": { "message": message, "type": sort, "param": null, "code": null } })
}
