//! What LangSmith's SDKs read: the server's abilities, projects, runs.

use std::sync::Arc;

use ::receivers::DecodeError;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::TraceId;
use query::{Page, RunFilter, Sort};
use serde_json::{Value as Json, json};

use crate::app::App;
use crate::ingest::Refusal;
use crate::receivers::{self, datadog, read_back, refuse};

/// Runs of one answer.
const RUNS_MAX: usize = 100;

/// LangSmith's error object.
pub fn error_body(_: StatusCode, message: &str) -> Json {
    json!({ "detail": message })
}

/// What the SDK asks before it sends. Only with these flags Python compresses with zstd and JavaScript with gzip; a
/// `batch_ingest_config` must have all of its keys.
pub async fn info() -> Response {
    receivers::json(
        StatusCode::OK,
        &json!({
            "version": "0.13.0",
            "license_expiration_time": null,
            // Datadog's tracers ask their agent at the same path.
            "endpoints": datadog::ENDPOINTS, "client_drop_p0s": false, "span_meta_structs": true,
            "instance_flags": {
                "zstd_compression_enabled": true, "gzip_body_enabled": true, "dataset_examples_multipart_enabled": false,
            },
            "batch_ingest_config": {
                "use_multipart_endpoint": true, "scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4, "size_limit": 100, "size_limit_bytes": 20_971_520,
            },
        }),
    )
}

/// A project (a "session" in this protocol). Tawny does not keep them apart: every name is one.
fn project(name: &str, id: Option<String>, app: &App) -> Json {
    json!({
        "id": id.unwrap_or_else(|| read_back::project_id(name)),
        "tenant_id": read_back::uuid(&[0x11; 16]),
        "name": name,
        "start_time": app.started.to_string(),
        "end_time": null,
        "description": null,
        "extra": null,
        "reference_dataset_id": null,
    })
}

/// `POST /sessions`: creates a project, which needs no creating.
pub async fn create_session(State(app): State<Arc<App>>, request: Request) -> Response {
    let read = receivers::read(&app, request, |_, body, _| {
        serde_json::from_slice::<Json>(body).map_err(|error| DecodeError::Json(error.to_string()))
    });
    match read.await {
        Err(refusal) => refuse(&refusal, error_body),
        Ok(read) => {
            let text = |key: &str| read.value.get(key).and_then(Json::as_str).map(str::to_owned);
            let name = text("name").unwrap_or_else(|| "default".into());
            receivers::json(StatusCode::OK, &project(&name, text("id"), &app))
        }
    }
}

/// `PATCH /sessions/{id}`, with which evaluations end: what is told is told back.
pub async fn update_session(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Response {
    let read = receivers::read(&app, request, |_, body, _| {
        serde_json::from_slice::<Json>(body).map_err(|error| DecodeError::Json(error.to_string()))
    });
    match read.await {
        Err(refusal) => refuse(&refusal, error_body),
        Ok(read) => {
            let name = read.value.get("name").and_then(Json::as_str).unwrap_or("default");
            let mut changed = project(name, Some(id), &app);
            for key in ["end_time", "description", "extra"] {
                if let Some(value) = read.value.get(key) {
                    changed[key] = value.clone();
                }
            }
            receivers::json(StatusCode::OK, &changed)
        }
    }
}

/// `GET /sessions?name=…`.
pub async fn sessions(State(app): State<Arc<App>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    list_sessions(&app, &headers, query.as_deref().unwrap_or_default())
}

/// Lists the project asked for.
pub fn list_sessions(app: &App, headers: &HeaderMap, query: &str) -> Response {
    if let Err(refusal) = app.admit(headers) {
        return refuse(&refusal, error_body);
    }
    let name =
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name").map(|(_, name)| name.into_owned());
    receivers::json(StatusCode::OK, &json!([project(name.as_deref().unwrap_or("default"), None, app)]))
}

/// `GET /sessions/{id}`.
pub async fn session(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match app.admit(&headers) {
        Err(refusal) => refuse(&refusal, error_body),
        Ok(_) => receivers::json(StatusCode::OK, &project("default", Some(id), &app)),
    }
}

/// `GET /runs/{id}`.
pub async fn run(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&app, &headers, &id).await {
        Err(refusal) => refuse(&refusal, error_body),
        Ok(Some(run)) => receivers::json(StatusCode::OK, &run),
        Ok(None) => {
            receivers::json(StatusCode::NOT_FOUND, &error_body(StatusCode::NOT_FOUND, &format!("Run {id} not found")))
        }
    }
}

async fn find(app: &App, headers: &HeaderMap, id: &str) -> Result<Option<Json>, Refusal> {
    let project = app.admit_reader(headers)?;
    let store = &app.opened().map_err(|phase| Refusal::NotReady { state: phase.as_str() })?.store;
    let (span, guess) = (::receivers::span_id(id), ::receivers::trace_id(id));
    let Some(trace) = receivers::trace_of(app, store, &project, span, Some(guess)).await else { return Ok(None) };
    let (found, scores) = read_back::one(app, headers, trace, Some(span)).await?;
    Ok(found.map(|stored| read_back::langsmith_run(&stored, &scores)))
}

/// `POST /runs/query`: the runs with the ids, of the trace, or the latest roots. Other filters are not understood and say so.
pub async fn query(State(app): State<Arc<App>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let read = receivers::read_question(&app, request, |_, body, _| {
        serde_json::from_slice::<Json>(body).map_err(|error| DecodeError::Json(error.to_string()))
    });
    let answer = async {
        let asked = read.await?.value;
        runs(&app, &headers, &asked).await
    };
    match answer.await {
        Ok(runs) => {
            // The second version of this question has its answer under other names.
            let answer = json!({
                "items": runs, "next_cursor": null, "runs": runs, "cursors": { "next": null, "prev": null },
            });
            receivers::json(StatusCode::OK, &answer)
        }
        Err(refusal) => refuse(&refusal, error_body),
    }
}

async fn runs(app: &App, headers: &HeaderMap, asked: &Json) -> Result<Vec<Json>, Refusal> {
    let limit = asked["limit"].as_u64().or(asked["page_size"].as_u64());
    let limit = limit.map_or(RUNS_MAX, |limit| (limit as usize).clamp(1, RUNS_MAX));
    if let Some(filter) = ["filter", "tree_filter", "trace_filter"].iter().find(|key| asked[**key].is_string()) {
        return Err(Refusal::Malformed(format!(
            "Tawny does not read LangSmith's {filter:?} language; ask for \"id\" or \"trace\", or use Tawny's own API at /api/v1/runs"
        )));
    }
    if let Some(ids) = asked["id"].as_array().or(asked["ids"].as_array()) {
        let mut found = Vec::new();
        for id in ids.iter().filter_map(Json::as_str).take(limit) {
            found.extend(find(app, headers, id).await?);
        }
        return Ok(found);
    }
    if let Some(trace) = asked["trace"].as_str().or_else(|| asked["trace_id"].as_str()) {
        return of_trace(app, headers, ::receivers::trace_id(trace), asked, limit).await;
    }
    let project = app.admit_reader(headers)?;
    let page = Page { limit, sort: Sort::default(), cursor: None, facets: Vec::new(), total: false };
    let latest = app.ask(|engine| async move { engine.runs(&project, &RunFilter::default(), &page).await }).await;
    let latest = latest.map_err(|problem| Refusal::NotKept(format!("the runs cannot be read: {}", problem.detail)))?;
    let mut found = Vec::new();
    for run in latest.runs {
        let (root, scores) = read_back::one(app, headers, run.trace_id, None).await?;
        found.extend(root.map(|stored| read_back::langsmith_run(&stored, &scores)));
    }
    Ok(found)
}

async fn of_trace(
    app: &App,
    headers: &HeaderMap,
    trace: TraceId,
    asked: &Json,
    limit: usize,
) -> Result<Vec<Json>, Refusal> {
    let (spans, scores) = read_back::trace(app, headers, trace).await?;
    let parent = asked["parent_run"].as_str();
    let wanted = spans.iter().filter(|stored| match asked["is_root"].as_bool() {
        Some(root) => stored.raw.parent_span_id.is_none() == root,
        None => true,
    });
    let wanted = wanted
        .filter(|stored| parent.is_none_or(|parent| stored.raw.parent_span_id == Some(::receivers::span_id(parent))));
    Ok(wanted.take(limit).map(|stored| read_back::langsmith_run(stored, &scores)).collect())
}
