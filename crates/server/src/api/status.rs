//! `GET /api/v1/status`: state, counts and limits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::Params;
use super::types::{ForwardDestination, ForwardStatus, Limit, Problem, Status};
use crate::app::App;

/// The status.
#[utoipa::path(get, path = "/api/v1/status", operation_id = "getStatus", tag = "server", summary = "State, counts and limits",
    description = "Answers also while the log is replayed.",
    responses((status = 200, body = Status, description = "The status")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<Status>, Problem> {
    params.end()?;
    let now = app.now();
    let store = match app.opened() {
        Ok(opened) => serde_json::to_value(opened.store.stats()).unwrap_or_default(),
        Err(_) => serde_json::Value::Object(serde_json::Map::new()),
    };
    Ok(Json(Status {
        version: crate::VERSION.into(),
        started_at: app.started,
        uptime_seconds: now.millis_since(app.started) / 1e3,
        state: app.phase().as_str().into(),
        endpoints: app.endpoints.clone(),
        ingest: app.counters.ingest(&app.sees()),
        store,
        limits: limits(&app),
        forward: app.forwarder.as_deref().map(forward),
    }))
}

/// Passing on: every destination with what it does and did.
pub fn forward(forwarder: &forward::Forwarder) -> ForwardStatus {
    let destinations = forwarder.status().into_iter().map(|status| ForwardDestination {
        name: status.name,
        url: status.url,
        protocol: match status.protocol {
            forward::Protocol::Http => "http".into(),
            forward::Protocol::Grpc => "grpc".into(),
            forward::Protocol::RemoteWrite => "remote-write".into(),
        },
        signals: status.signals.iter().map(|signal| signal.name().to_owned()).collect(),
        state: match status.state {
            forward::State::Ok => "ok".into(),
            forward::State::Retrying => "retrying".into(),
        },
        queued_requests: status.backlog.requests,
        queued_bytes: status.backlog.bytes,
        queue_bytes_max: status.queue_bytes,
        sent_requests: status.counts.sent_requests,
        sent_items: status.counts.sent_items,
        sent_bytes: status.counts.sent_bytes,
        refused_requests: status.counts.refused_requests,
        refused_items: status.counts.refused_items,
        rejected_items: status.counts.rejected_items,
        filtered_items: status.counts.filtered_items,
        dropped_requests: status.backlog.dropped,
        expired_requests: status.counts.expired_requests,
        damaged_requests: status.backlog.damaged,
        retries: status.counts.retries,
        last_sent_at: status.counts.last_sent_at,
        last_error_at: status.counts.last_error.as_ref().map(|(at, _)| *at),
        last_error: status.counts.last_error.map(|(_, reason)| reason),
        failing_since: status.counts.failing_since,
        next_try_at: status.counts.next_try_at,
    });
    ForwardStatus { destinations: destinations.collect(), circles: forwarder.circles(), lost: forwarder.lost() }
}

/// Every limit with its value and how often it was reached.
pub fn limits(app: &App) -> Vec<Limit> {
    crate::limits::all(app).into_iter().map(|(_, limit)| limit).collect()
}
