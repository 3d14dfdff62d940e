//! `GET /api/v1/openapi.json`: the description of the API, generated from the handlers.

use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as OpenApiResponse, ResponseBuilder};

use crate::doors::rules::{self, Rule};

/// What the document says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tawny",
        description = "Runs of AI agents: what each did, what it cost, why it went wrong.\n\nErrors are `application/problem+json` with \
            what was wrong and what to do. Times are RFC 3339 in UTC; time parameters also take a day (`2026-01-31`) or a distance from now \
            (`15m`, `1h`, `24h`, `7d`). Fields may be added; those that are there keep name and meaning.\n\nOpenTelemetry data is received at \
            `/v1/traces`, `/v1/logs` and `/v1/metrics` as the OpenTelemetry protocol specifies.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "runs", description = "Runs, their steps, and sessions"),
        (name = "signals", description = "Numbers derived from runs"),
        (name = "money", description = "What runs cost, prices, budgets, service levels"),
        (name = "findings", description = "What detectors saw, issues, and comparisons of runs"),
        (name = "incidents", description = "What changed, incidents, and brakes on agents"),
        (name = "logs", description = "Log records"),
        (name = "alerts", description = "Rules, alerts and silences"),
        (name = "dashboards", description = "Dashboards of people's own"),
        (name = "sql", description = "Read-only SQL"),
        (name = "access", description = "Keys, sessions, the audit log, what is kept of content"),
        (name = "server", description = "The server itself")
    )
)]
pub struct Document;

/// The document as it is committed and served.
pub fn text() -> String {
    let (_, mut document) = crate::routes::api().split_for_parts();
    refusals(&mut document);
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Adds what the doors and the reading of parameters answer before a handler is asked: said once, here, for every route of the API.
fn refusals(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/api/")) {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::PATCH, &mut item.patch),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let guarded = !matches!(rules::of(&method, path), Rule::Open);
            for (status, guard, why) in REFUSALS {
                if guarded || !guard {
                    operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| problem(why));
                }
            }
        }
    }
}

/// Status, whether only guarded routes answer it, and what it means.
const REFUSALS: &[(&str, bool, &str)] = &[
    ("400", false, "A parameter or the body cannot be read, or there is no such parameter"),
    ("401", true, "No key or session was sent, or none that is known"),
    ("403", true, "The caller lacks the right"),
    ("429", true, "Too many requests with this key"),
];

fn problem(description: &str) -> RefOr<OpenApiResponse> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build().into()
}

/// Serves the document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "getOpenApi", tag = "server", summary = "This document",
    responses((status = 200, body = Object, description = "OpenAPI 3.1")))]
pub async fn get() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text()).into_response()
}
