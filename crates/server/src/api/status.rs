//! `GET /api/v1/status`: state, counts and limits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::params::Params;
use super::types::{ForwardDestination, ForwardStatus, Limit, Problem, Status};
use crate::alerting::limits as alerting;
use crate::app::App;
use crate::series::limits as promql;

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
    let limits = &app.settings.limits;
    let stats = app.opened().ok().map(|opened| opened.store.stats());
    let (hot_reached, queue_reached) =
        stats.as_ref().map_or((0, 0), |stats| (stats.hot_limit_reached, stats.queue_limit_reached));
    let hot = stats.as_ref().map_or(limits.hot_bytes as u64, |stats| stats.hot_bytes_max);
    let queue = stats.as_ref().map_or(limits.queue_bytes as u64, |stats| stats.queue_bytes_max);
    let limit = |name: &str, value: usize, unit: &str| Limit {
        name: name.into(),
        value: value as u64,
        unit: unit.into(),
        reached: app.counters.limit_count(name),
    };
    let (label_sets, folded) = (limits.label_sets as u64, app.metrics.registry().folded());
    vec![
        limit("max_body_bytes", limits.max_body_bytes, "bytes"),
        limit("inflight_bytes", limits.inflight_bytes, "bytes"),
        limit("connections", limits.connections, "connections"),
        limit("open_files", limits.open_files, "files"),
        limit("watch_runs", crate::watch::WATCH_RUNS_MAX, "runs"),
        limit("watch_content_spans", crate::watch::WATCH_CONTENT_SPANS, "spans"),
        limit("run_content_bytes", limits.run_content_bytes, "bytes"),
        limit("full_steps_max", super::whole::FULL_STEPS_MAX, "steps"),
        limit("live_runs", crate::live::RUNS_PER_TICK, "runs"),
        Limit { name: "hot_bytes_max".into(), value: hot, unit: "bytes".into(), reached: hot_reached },
        Limit { name: "queue_bytes_max".into(), value: queue, unit: "bytes".into(), reached: queue_reached },
        limit("query_bytes", limits.query_bytes, "bytes"),
        limit("list_time", limits.list_time.as_secs() as usize, "seconds"),
        limit("search_time", limits.search_time.as_secs() as usize, "seconds"),
        limit("sql_time", limits.sql_time.as_secs() as usize, "seconds"),
        limit("sql_queries_max", crate::app::SQL_QUERIES_MAX, "queries"),
        limit("promql_time", promql::PROMQL_TIME.as_secs() as usize, "seconds"),
        limit("promql_samples_max", promql::PROMQL_SAMPLES_MAX as usize, "samples"),
        limit("promql_series_max", promql::PROMQL_SERIES_MAX, "series"),
        limit("promql_steps_max", promql::PROMQL_STEPS_MAX as usize, "points"),
        limit("promql_queries_max", promql::PROMQL_QUERIES_MAX, "queries"),
        limit("series_max", ::series::Settings::default().series_max, "series"),
        limit("alerts_max", alerting::ALERTS_MAX, "alerts"),
        limit("rule_alerts_max", alerting::RULE_ALERTS_MAX, "alerts"),
        limit("alert_bytes_max", alerting::ALERT_BYTES_MAX, "bytes"),
        limit("silences_max", alerting::SILENCES_MAX, "silences"),
        limit("evidence_alerts_max", alerting::EVIDENCE_ALERTS_MAX, "alerts"),
        limit("evidence_time", alerting::EVIDENCE_TIME.as_secs() as usize, "seconds"),
        limit("evidence_late_time", alerting::EVIDENCE_LATE_TIME.as_secs() as usize, "seconds"),
        limit("evidence_late_max", alerting::EVIDENCE_LATE_MAX, "evaluations"),
        limit("backtest_time", alerting::BACKTEST_TIME.as_secs() as usize, "seconds"),
        limit("backtests_max", alerting::BACKTESTS_MAX, "backtests"),
        limit("backtest_samples_max", alerting::BACKTEST_SAMPLES_MAX, "samples"),
        Limit { name: "label_sets".into(), value: label_sets, unit: "sets".into(), reached: folded },
        limit("cache_bytes", usize::try_from(limits.cache_bytes).unwrap_or(usize::MAX), "bytes"),
    ]
}
