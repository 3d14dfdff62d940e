//! Every route in one table: what answers where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tower::util::option_layer;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wire::Signal;

use crate::api::{
    agents, aggregate, alert_receivers, alerts, audit, backtest, brakes, budgets, changes, checklist, costs,
    dashboards, doctor, export, findings, incidents, investigate, judged, keeping, keys, live, logs, openapi, policy,
    prices, promql, rules, run, run_costs, runs, search, session, sessions, setup, signals, silences, sla, sql, status,
    store, summary, users,
};
use crate::app::App;
use crate::doors;
use crate::problem::{self, Problem};
use crate::receivers::{datadog, langfuse, langsmith, openai_agents, phoenix};
use crate::{alerting, grafana, health, log_lines, metrics_text, otlp_grpc, otlp_http, series, ui};

/// Routes of the API, described by the OpenAPI document. Resources of later issues are added here.
pub fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(runs::list))
        .routes(routes!(run::get))
        .routes(routes!(run::tree))
        .routes(routes!(run::step))
        .routes(routes!(run::logs))
        .routes(routes!(run::raw))
        .routes(routes!(run_costs::get))
        .routes(routes!(investigate::investigate))
        .routes(routes!(investigate::diff))
        .routes(routes!(sessions::list))
        .routes(routes!(judged::suspects))
        .routes(routes!(judged::mark))
        .routes(routes!(findings::list))
        .routes(routes!(findings::issues))
        .routes(routes!(findings::issue, findings::decide))
        .routes(routes!(findings::detectors))
        .routes(routes!(findings::test))
        .routes(routes!(summary::get))
        .routes(routes!(logs::list, log_lines::lines))
        .routes(routes!(logs::counts))
        .routes(routes!(checklist::get))
        .routes(routes!(search::search))
        .routes(routes!(signals::get))
        .routes(routes!(signals::families))
        .routes(routes!(promql::words))
        .routes(routes!(aggregate::get))
        .routes(routes!(agents::list))
        .routes(routes!(dashboards::list, dashboards::create))
        .routes(routes!(dashboards::get, dashboards::put, dashboards::delete))
        .routes(routes!(costs::get))
        .routes(routes!(costs::csv))
        .routes(routes!(costs::forecast))
        .routes(routes!(costs::unpriced))
        .routes(routes!(costs::what_if))
        .routes(routes!(costs::reprice))
        .routes(routes!(prices::get, prices::put))
        .routes(routes!(prices::of))
        .routes(routes!(budgets::get, budgets::put))
        .routes(routes!(budgets::check))
        .routes(routes!(budgets::settle))
        .routes(routes!(budgets::release))
        .routes(routes!(changes::list, changes::tell))
        .routes(routes!(brakes::list, brakes::put_on))
        .routes(routes!(brakes::take_off))
        .routes(routes!(incidents::get))
        .routes(routes!(incidents::runs))
        .routes(routes!(sla::get))
        .routes(routes!(sql::run))
        .routes(routes!(sql::schema))
        .routes(routes!(export::export))
        .routes(routes!(live::watch))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::history))
        .routes(routes!(alerts::review))
        .routes(routes!(alerts::get))
        .routes(routes!(alerts::ack))
        .routes(routes!(rules::list))
        .routes(routes!(rules::distances))
        .routes(routes!(rules::explain))
        .routes(routes!(backtest::run))
        .routes(routes!(alert_receivers::list))
        .routes(routes!(alert_receivers::test))
        .routes(routes!(rules::runbook))
        .routes(routes!(silences::list, silences::create))
        .routes(routes!(silences::expire))
        .routes(routes!(status::get))
        .routes(routes!(doctor::get))
        .routes(routes!(setup::get))
        .routes(routes!(store::get))
        .routes(routes!(store::check))
        .routes(routes!(store::backup))
        .routes(routes!(session::ways, session::log_in))
        .routes(routes!(session::log_out))
        .routes(routes!(session::oidc_begin))
        .routes(routes!(session::oidc_finish))
        .routes(routes!(session::me))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::edit, users::remove))
        .routes(routes!(keeping::retention))
        .routes(routes!(keeping::list_holds, keeping::hold))
        .routes(routes!(keeping::end_hold))
        .routes(routes!(keeping::erasures, keeping::erase))
        .routes(routes!(keeping::try_sampling))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(policy::get))
        .routes(routes!(openapi::get))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::get_health))
        .routes(routes!(metrics_text::get))
}

/// Receivers of telemetry. They answer on every port, so that no mix-up of ports loses data. `telemetry_only`: on a port without
/// pages and API, where nothing is in the way of what other vendors' SDKs read.
fn receivers(telemetry_only: bool) -> Router<Arc<App>> {
    Router::new()
        .route(Signal::Traces.path(), post(otlp_http::traces).fallback(wrong_method))
        .route(Signal::Logs.path(), post(otlp_http::logs).fallback(wrong_method))
        .route(Signal::Metrics.path(), post(otlp_http::metrics).fallback(wrong_method))
        .route(LOKI_PUSH, post(log_lines::loki).fallback(wrong_method))
        .merge(otlp_grpc::routes())
        .merge(datadog::routes())
        .merge(langfuse::routes())
        .merge(langsmith::routes(telemetry_only))
        .merge(openai_agents::routes())
        .merge(phoenix::routes())
}

/// Where Loki's clients push.
const LOKI_PUSH: &str = "/loki/api/v1/push";

/// The port for everything.
pub fn everything(app: Arc<App>) -> Router {
    let (api, _) = api().split_for_parts();
    let routes = receivers(false)
        .merge(
            api.layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
                .method_not_allowed_fallback(wrong_method),
        )
        .merge(series::prometheus::routes().layer(CompressionLayer::new().quality(CompressionLevel::Fastest)))
        .merge(grafana::routes().layer(CompressionLayer::new().quality(CompressionLevel::Fastest)))
        .merge(alerting::alertmanager::routes())
        .route("/api/{*rest}", any(below_api))
        .route("/", get(ui::index).post(otlp_http::unknown))
        .fallback(page_or_receiver)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), doors::guard))
        .layer(option_layer(cors(&app)))
        .with_state(app);
    outermost(routes).layer(middleware::map_response(doors::harden))
}

/// Around all routes: what is said of methods that fit nowhere, and of faults. A router names the methods that do fit (`Allow`) only
/// when all layers of a route have answered, so this is around the whole of it.
fn outermost(routes: Router) -> Router {
    Router::new()
        .fallback_service(routes)
        .layer(middleware::map_response(say_method))
        .layer(CatchPanicLayer::custom(problem::on_panic))
}

/// What browsers are told about pages of other origins, where any are allowed.
fn cors(app: &App) -> Option<CorsLayer> {
    let allowed: Vec<HeaderValue> =
        app.settings.allow_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    (!allowed.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                HeaderName::from_static(doors::credentials::PROJECT),
            ])
            .allow_credentials(true)
    })
}

/// The ports for telemetry only.
pub fn telemetry(app: Arc<App>) -> Router {
    let routes = receivers(true)
        .route("/api/v1/logs", post(log_lines::lines))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/", get(where_to_look).post(otlp_http::unknown))
        .fallback(receiver_only)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), doors::guard))
        .layer(option_layer(cors(&app)))
        .with_state(app);
    outermost(routes)
}

/// Anything without a route of its own: telemetry behind a prefix, gRPC of an unknown method, or a page of the UI.
pub async fn page_or_receiver(State(app): State<Arc<App>>, request: Request) -> Response {
    match *request.method() {
        Method::GET if langsmith::is_client(request.headers()) => langsmith::at_root(app, request).await,
        // Grafana would take a page for an answer.
        Method::GET | Method::HEAD if below_read_api(request.uri().path()) => {
            Problem::not_found(format!("there is no {} here", request.uri().path())).into_response()
        }
        Method::GET | Method::HEAD if !otlp_grpc::is_grpc(request.headers()) => {
            ui::page(&app, request.uri().path(), request.headers())
        }
        _ => receiver_only(State(app), request).await,
    }
}

/// Whether a path is below an API of somebody else's that Tawny speaks a part of.
fn below_read_api(path: &str) -> bool {
    ["/jaeger/", "/loki/", "/tempo/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Anything without a route of its own on a port for telemetry: telemetry behind a prefix, or nothing.
pub async fn receiver_only(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    if otlp_grpc::is_grpc(request.headers()) {
        return otlp_grpc::unknown_method(path);
    }
    match Signal::from_path(path) {
        Some(signal) if request.method() == Method::POST => otlp_http::receive(&app, Some(signal), request).await,
        Some(_) => wrong_method(request).await,
        None => Problem::not_found(format!(
            "nothing answers {} {path} here: OTLP over HTTP is POST /v1/traces, /v1/logs or /v1/metrics; UI and API are at {}",
            request.method(),
            app.endpoints.http,
        ))
        .into_response(),
    }
}

async fn where_to_look(State(app): State<Arc<App>>) -> String {
    format!(
        "Tawny receives OpenTelemetry here (POST /v1/traces, /v1/logs, /v1/metrics). UI and API are at {}\n",
        app.endpoints.http
    )
}

/// Below `/api`: telemetry behind such a prefix (Langfuse's `/api/public/otel`), or nothing. Never a page of the UI, which a
/// script would take for an answer.
async fn below_api(State(app): State<Arc<App>>, request: Request) -> Response {
    if Signal::from_path(request.uri().path()).is_some() {
        return receiver_only(State(app), request).await;
    }
    Problem::not_found(format!("the API has no {}; GET /api/v1/openapi.json lists what there is", request.uri().path()))
        .into_response()
}

/// Says what a vendor's address takes, where the router answered a wrong method with nothing.
async fn say_method(method: Method, uri: Uri, response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED || response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let takes = allow.as_ref().and_then(|allow| allow.to_str().ok()).unwrap_or("another method").replace(',', ", ");
    let detail = format!("{} takes {takes}, not {method}", uri.path());
    let mut said = crate::receivers::wrong_method(uri.path(), &detail).unwrap_or_else(|| {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The method does not fit", detail).into_response()
    });
    said.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    said
}

async fn wrong_method(request: Request) -> Response {
    let path = request.uri().path();
    let (allow, detail) = match Signal::from_path(path) {
        Some(signal) => ("POST", format!("{path} takes OpenTelemetry {signal} by POST, not {}", request.method())),
        None if path == LOKI_PUSH => ("POST", format!("{path} takes log records by POST, not {}", request.method())),
        None if path == "/api/v1/store/check" => ("POST", format!("{path} is asked by POST, not {}", request.method())),
        None if path.starts_with("/api/v1/budgets/") || path == "/api/v1/costs/reprice" => {
            ("POST", format!("{path} is asked by POST, not {}", request.method()))
        }
        None if path == "/api/v1/budgets" || path == "/api/v1/prices" => {
            ("GET, HEAD, PUT", format!("{path} is read by GET and replaced by PUT, not {}", request.method()))
        }
        None if path.starts_with("/api/v1/dashboards/") => {
            ("GET, HEAD, PUT, DELETE", format!("{path} is read by GET, changed by PUT, not {}", request.method()))
        }
        None if path == "/api/v1/dashboards" => {
            ("GET, HEAD, POST", format!("{path} is read by GET and added to by POST, not {}", request.method()))
        }
        None if path == "/api/v1/sql" => ("POST", format!("{path} takes a query by POST, not {}", request.method())),
        None => ("GET, HEAD", format!("{path} is read by GET, not {}", request.method())),
    };
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The method does not fit", detail);
    ([(header::ALLOW, allow)], problem).into_response()
}
