//! Phoenix' API, as far as `arize-phoenix-otel` and the writing half of `arize-phoenix-client` need it. Spans come over OTLP at
//! `/v1/traces`; here are annotations, spans logged as JSON, and what the client asks before.

use std::sync::Arc;

use ::receivers::phoenix::{self, Judged};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::{refuse, refused_items};
use crate::app::App;
use crate::ingest::Refusal;

/// The version of Phoenix whose API this is like; its client compares it with what a call needs.
const LIKE_VERSION: &str = "12.0.0";

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/arize_phoenix_version", get(|| async { LIKE_VERSION }))
        .route("/v1/projects", get(projects))
        .route("/v1/projects/{project}", get(project))
        .route("/v1/projects/{project}/spans", post(spans))
        .route("/v1/span_annotations", post(span_annotations))
        .route("/v1/trace_annotations", post(trace_annotations))
}

async fn span_annotations(State(app): State<Arc<App>>, request: Request) -> Response {
    annotate(&app, Judged::Span, request).await
}

async fn trace_annotations(State(app): State<Arc<App>>, request: Request) -> Response {
    annotate(&app, Judged::Trace, request).await
}

async fn annotate(app: &App, judged: Judged, request: Request) -> Response {
    let taken = async {
        let mut read = super::read(app, request, move |_, body, now| phoenix::annotations(judged, body, now)).await?;
        let refused = refused_items(&read.value);
        let store = &app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?.store;
        for score in &mut read.value.scores {
            super::find_trace(app, store, &read.project, score).await;
        }
        let unknown: Vec<String> =
            read.value.scores.iter().filter(|score| score.trace_id.is_none()).map(shown).collect();
        read.value.scores.retain(|score| score.trace_id.is_some());
        let ids: Vec<_> = read.value.scores.iter().map(|score| json!({ "id": score.id })).collect();
        super::keep(app, read).await?;
        Ok::<_, Refusal>((ids, refused, unknown))
    };
    match taken.await {
        Err(refusal) => refuse(&refusal, |_, message| json!({ "detail": message })),
        Ok((_, Some(refused), _)) => super::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": refused })),
        Ok((ids, None, unknown)) if unknown.is_empty() => super::json(StatusCode::OK, &json!({ "data": ids })),
        Ok((_, None, unknown)) => {
            (StatusCode::NOT_FOUND, format!("Spans with IDs {} do not exist.", unknown.join(", "))).into_response()
        }
    }
}

fn shown(score: &::receivers::Score) -> String {
    score.span_id.map(|span| span.to_string()).unwrap_or_default()
}

async fn spans(State(app): State<Arc<App>>, Path(project): Path<String>, request: Request) -> Response {
    let taken = async {
        let read = super::read(&app, request, move |_, body, now| phoenix::spans(&project, body, now)).await?;
        let (count, refused) = (read.value.items.len(), refused_items(&read.value));
        super::keep(&app, read).await?;
        Ok::<_, Refusal>((count, refused))
    };
    match taken.await {
        Err(refusal) => refuse(&refusal, |_, message| json!({ "detail": message })),
        Ok((_, Some(refused))) => super::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": refused })),
        Ok((count, None)) => {
            super::json(StatusCode::ACCEPTED, &json!({ "total_received": count, "total_queued": count }))
        }
    }
}

/// Projects are not kept apart by their names in telemetry; the name is an attribute of each span.
async fn projects(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match app.admit(&headers) {
        Err(refusal) => refuse(&refusal, |_, message| json!({ "detail": message })),
        Ok(name) => super::json(StatusCode::OK, &json!({ "data": [described(&name)], "next_cursor": null })),
    }
}

async fn project(State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    match app.admit(&headers) {
        Err(refusal) => refuse(&refusal, |_, message| json!({ "detail": message })),
        Ok(_) => super::json(StatusCode::OK, &json!({ "data": described(&name) })),
    }
}

fn described(name: &str) -> serde_json::Value {
    json!({ "id": name, "name": name, "description": null })
}
