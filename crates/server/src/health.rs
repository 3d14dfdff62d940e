//! Liveness, readiness, and health with reasons.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::types::Health;
use crate::app::{App, Phase};

/// What is wrong right now, by who found it. Empty when all is well.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<&'static str, String>>);

impl Troubles {
    /// Reports trouble, or that it is over.
    pub fn set(&self, who: &'static str, trouble: Option<String>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(text) => _ = troubles.insert(who, text),
            None => _ = troubles.remove(who),
        }
    }

    /// A sentence for each.
    pub fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Share of a limit above which health says so.
const NEARLY_FULL: f64 = 0.9;

/// Health of the server: `ok`, or what is wrong.
pub fn health(app: &App) -> Health {
    let mut reasons = app.troubles.sentences();
    let phase = app.phase();
    let state = match phase {
        Phase::Replaying => {
            reasons.push("the log is being replayed; requests are refused until it is done".into());
            "replaying"
        }
        Phase::Stopping => {
            reasons.push("the server is stopping".into());
            "stopping"
        }
        Phase::Ready => {
            let (used, limit) = (app.ingest.inflight_bytes(), app.settings.limits.inflight_bytes);
            if used as f64 > limit as f64 * NEARLY_FULL {
                reasons.push(format!("requests in work hold {used} of {limit} bytes (limit `inflight_bytes`)"));
            }
            if let Ok(opened) = app.opened() {
                if !opened.store.takes_requests() && !opened.store.is_taken_over() {
                    reasons.push(
                        "nothing can be kept: what writes the log ended at a fault, which the server's log tells; restart the server"
                            .into(),
                    );
                }
                reasons.extend(damage(&opened.store));
            }
            reasons.extend(app.forwarder.iter().flat_map(|forwarder| forwarder.troubles()));
            if reasons.is_empty() { "ok" } else { "degraded" }
        }
    };
    Health { status: state.into(), reasons }
}

/// What the disk spoiled, by name, and how much more there is.
fn damage(store: &store::Store) -> Vec<String> {
    let stats = store.stats();
    let mut named = store.damage();
    let all = stats.unreadable_segments + stats.log_damaged;
    let missing = all.saturating_sub(named.len() as u64);
    if missing > 0 {
        named.push(format!("{missing} more files are damaged; the server's log names them"));
    }
    if stats.missing_segments > 0 {
        named.push(format!("{} segments were missing at start; what was only in them is lost", stats.missing_segments));
    }
    named
}

/// `GET /health`
#[utoipa::path(get, path = "/health", operation_id = "getHealth", tag = "server",
    summary = "Health in one word, with reasons",
    description = "200 while `ok` or `degraded`, 503 while `replaying` or `stopping`.",
    responses((status = 200, body = Health, description = "At work"), (status = 503, body = Health, description = "Starting or stopping")))]
pub async fn get_health(State(app): State<Arc<App>>) -> Response {
    let status = if app.phase() == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health(&app))).into_response()
}

/// `GET /healthz`: the process answers.
#[utoipa::path(get, path = "/healthz", operation_id = "isAlive", tag = "server", summary = "Liveness: the process answers",
    responses((status = 200, body = String, content_type = "text/plain", description = "`ok`")))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: requests are taken.
#[utoipa::path(get, path = "/readyz", operation_id = "isReady", tag = "server", summary = "Readiness: requests are taken",
    responses((status = 200, body = String, content_type = "text/plain", description = "`ready`"),
        (status = 503, body = String, content_type = "text/plain", description = "`replaying`, `stopping` or `broken`: `/health` says more")))]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let phase = app.phase();
    let broken = phase == Phase::Ready && app.opened().is_ok_and(|opened| !opened.store.takes_requests());
    let status = if phase == Phase::Ready && !broken { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", if broken { "broken" } else { phase.as_str() })).into_response()
}
