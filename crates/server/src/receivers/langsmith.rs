//! LangSmith's API, as far as its SDKs need it to send runs and feedback, to read them back and to go on without the rest.
//!
//! Users set `LANGSMITH_ENDPOINT` to the host, or to it with `/api`, `/api/v1` or `/langsmith`, and the SDK appends its paths.
//! Where such a path is Tawny's own (`GET /runs` and `/sessions` of the pages and of `/api/v1`), Tawny's own answers; below `/langsmith`
//! nothing is in the way.

mod answers;
mod feedback;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ::receivers::langsmith::{self, Runs, Verb};
use ::receivers::{DecodeError, Told};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, patch, post};
use model::{SpanId, TraceId};
use serde_json::json;
use wire::Signal;

use super::{refuse, refused_items};
use crate::app::App;
use crate::ingest::Refusal;
use crate::routes;
use answers::error_body;

/// Prefixes under which the SDK's paths are answered, and whether paths that read are too.
const PREFIXES: &[(&str, Reads)] = &[
    ("", Reads::OnTelemetryPorts),
    ("/api", Reads::Always),
    ("/api/v1", Reads::OnTelemetryPorts),
    ("/langsmith", Reads::Always),
    ("/langsmith/api", Reads::Always),
    ("/langsmith/api/v1", Reads::Always),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Nothing of Tawny's has these paths.
    Always,
    /// The port for everything has pages or resources there.
    OnTelemetryPorts,
}

/// The routes. `telemetry_only`: for a port without pages and API.
pub fn routes(telemetry_only: bool) -> Router<Arc<App>> {
    let mut router = Router::new();
    for (prefix, reads) in PREFIXES {
        // At the root of the port for everything the pages have such addresses: what is not sent there is theirs.
        let pages = prefix.is_empty() && !telemetry_only;
        let or_page = |sent: MethodRouter<Arc<App>>| if pages { sent.fallback(routes::page_or_receiver) } else { sent };
        let path = |tail: &str| format!("{prefix}{tail}");
        router = router
            .route(&path("/info"), get(answers::info))
            .route(&path("/runs"), or_page(post(post_run)))
            .route(&path("/runs/batch"), or_page(post(batch)))
            .route(&path("/runs/multipart"), or_page(post(multipart)))
            .route(&path("/runs/query"), or_page(post(answers::query)))
            .route(&path("/v2/runs/query"), post(answers::query))
            .route(&path("/v2/runs/{id}"), get(answers::run))
            // The parameter's name is that of the API's own route at `/api/v1/runs/{trace_id}`: one router holds both.
            .route(&path("/runs/{trace_id}"), or_page(patch(patch_run)))
            .route(&path("/feedback"), post(feedback).get(feedback::list))
            .route(&path("/feedback/{id}"), get(feedback::one).patch(feedback::change))
            .route(&path("/sessions"), or_page(post(answers::create_session)))
            .route(&path("/sessions/{id}"), or_page(patch(answers::update_session)));
        if telemetry_only || *reads == Reads::Always {
            router = router
                .route(&path("/runs/{trace_id}"), get(answers::run))
                .route(&path("/sessions"), get(answers::sessions))
                .route(&path("/sessions/{id}"), get(answers::session));
        }
    }
    router.route("/langsmith/{*rest}", any(missing))
}

/// A page's address that a LangSmith client asks for: `GET /sessions` and `/runs/{id}` at the root. Browsers send no such header.
pub fn is_client(headers: &HeaderMap) -> bool {
    headers.contains_key("x-api-key")
        || headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"langsmith"))
}

/// Answers what [`is_client`] found.
pub async fn at_root(app: Arc<App>, request: Request) -> Response {
    let headers = request.headers().clone();
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    match path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or((path.trim_start_matches('/'), "")) {
        ("sessions", "") => answers::list_sessions(&app, &headers, &query),
        ("sessions", id) => answers::session(State(app), Path(id.to_owned()), headers).await,
        ("runs", id) if !id.is_empty() => answers::run(State(app), Path(id.to_owned()), headers).await,
        _ => missing(State(app), request).await,
    }
}

async fn post_run(State(app): State<Arc<App>>, request: Request) -> Response {
    runs(&app, request, |_, body, now| langsmith::single(Verb::Post, None, body, now)).await
}

async fn patch_run(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Response {
    runs(&app, request, move |_, body, now| langsmith::single(Verb::Patch, Some(&id), body, now)).await
}

async fn batch(State(app): State<Arc<App>>, request: Request) -> Response {
    runs(&app, request, |_, body, now| langsmith::batch(body, now)).await
}

async fn multipart(State(app): State<Arc<App>>, request: Request) -> Response {
    runs(&app, request, |headers, body, now| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = langsmith::boundary(kind).ok_or_else(|| {
            DecodeError::Multipart(format!(
                "its Content-Type is {kind:?}; send multipart/form-data with a boundary of up to 70 characters"
            ))
        })?;
        langsmith::multipart(&boundary, body, now)
    })
    .await
}

async fn runs(
    app: &App,
    request: Request,
    decode: impl FnOnce(&HeaderMap, &[u8], model::Timestamp) -> Result<Runs, DecodeError> + Send + 'static,
) -> Response {
    let taken = async {
        let super::Read { project, value, received, bytes, bytes_decompressed, share } =
            super::read(app, request, decode).await?;
        let told = with_traces(app, &project, value).await?;
        let refused = refused_items(&told);
        super::keep(app, super::Read { project, value: told, received, bytes, bytes_decompressed, share }).await?;
        Ok::<_, Refusal>(refused)
    };
    match taken.await {
        Ok(None) => super::json(StatusCode::ACCEPTED, &json!({ "message": "Runs batch ingested" })),
        // Not one of the statuses the SDK tries again after.
        Ok(Some(message)) => super::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": message })),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

/// Finds the traces of changes that name none; those of unknown runs are refused.
async fn with_traces(app: &App, project: &Arc<str>, runs: Runs) -> Result<Told, Refusal> {
    let Runs { mut told, traceless } = runs;
    let store = &app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?.store;
    let mut lost = Vec::new();
    let unsure: BTreeSet<usize> = traceless.iter().map(|(span, _)| *span).collect();
    let sure = told.spans.iter().enumerate().filter(|(at, _)| !unsure.is_empty() && !unsure.contains(at));
    let sure: HashMap<SpanId, TraceId> = sure.map(|(_, span)| (span.span_id, span.trace_id)).collect();
    for (span, item) in traceless {
        let (id, guess) = (told.spans[span].span_id, told.spans[span].trace_id);
        let found = match sure.get(&id) {
            Some(trace) => Some(*trace),
            None => super::trace_of(app, store, project, id, Some(guess)).await,
        };
        match found {
            Some(trace) => told.spans[span].trace_id = trace,
            None => {
                told.items[item].error = Some(
                    "this change names no trace_id, and no such run has arrived; send the run first, or trace_id and dotted_order".into(),
                );
                lost.push(span);
            }
        }
    }
    for span in lost.into_iter().rev() {
        told.spans.remove(span);
    }
    Ok(told)
}

async fn feedback(State(app): State<Arc<App>>, request: Request) -> Response {
    let taken = async {
        let read = super::read(&app, request, |_, body, now| {
            let echo: serde_json::Value =
                serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
            let mut told = Told::default();
            told.scores.push(langsmith::feedback(body, now)?);
            Ok((told, echo))
        })
        .await?;
        let super::Read { project, value: (told, echo), received, bytes, bytes_decompressed, share } = read;
        super::keep(&app, super::Read { project, value: told, received, bytes, bytes_decompressed, share }).await?;
        Ok::<_, Refusal>(echo)
    };
    match taken.await {
        Ok(echo) => super::json(StatusCode::OK, &echo),
        Err(refusal) => refuse(&refusal, error_body),
    }
}

/// Below `/langsmith`: OTLP (`/otel/v1/traces`), or nothing.
async fn missing(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    if Signal::from_path(path).is_some() {
        return routes::receiver_only(State(app), request).await;
    }
    let detail = format!(
        "Tawny has no {} {path}: it takes runs and feedback; data sets, prompts and annotation queues stay with LangSmith",
        request.method()
    );
    super::json(StatusCode::NOT_FOUND, &json!({ "detail": detail }))
}
