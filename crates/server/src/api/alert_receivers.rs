//! Who is told of alerts, and whether a message would arrive.

use std::sync::Arc;

use ::alerts::manager::Notification;
use ::alerts::manager::config::Integration;
use ::alerts::manager::dispatch::GivenAlert;
use axum::Json;
use axum::extract::{Path, State};
use promql::Labels;

use super::types::{AlertIntegration, AlertReceiver, AlertReceivers, Problem, ReceiverTest, ReceiverTestResult};
use crate::alerting::send_now;
use crate::app::App;
use crate::series::millis;

/// Name of the alert a test message is about.
const TEST: &str = "TawnyTest";

/// Lists receivers.
#[utoipa::path(get, path = "/api/v1/receivers", operation_id = "listReceivers", tag = "alerts", summary = "Who is told of alerts",
    description = "Addresses and keys are secrets and not shown.",
    responses((status = 200, body = AlertReceivers, description = "Receivers and the routes that lead to them")))]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<AlertReceivers>, Problem> {
    let inner = app.alerting()?.lock();
    let routes = inner.config.route.all();
    let receivers = inner.config.receivers.iter().map(|receiver| AlertReceiver {
        name: receiver.name.clone(),
        integrations: receiver
            .integrations
            .iter()
            .map(|it| AlertIntegration { kind: it.kind.name().to_owned(), send_resolved: it.send_resolved })
            .collect(),
        routes: routes.iter().filter(|route| route.receiver == receiver.name).map(|route| route.key.clone()).collect(),
        waiting: inner.pending.keys().filter(|key| key.1 == receiver.name).count() as u64,
    });
    let problems =
        inner.config.warnings.iter().map(ToString::to_string).chain(inner.file_problems.get("alertmanager").cloned());
    Ok(Json(AlertReceivers {
        file: app.settings.alerts.config.as_ref().map(|path| path.display().to_string()),
        receivers: receivers.collect(),
        problems: problems.collect(),
    }))
}

/// Tries a receiver out.
#[utoipa::path(post, path = "/api/v1/receivers/{name}/test", operation_id = "testReceiver", tag = "alerts", summary = "Send a test message",
    description = "Each integration of the receiver gets a message about an alert named TawnyTest, and its end where ends are told. Silences and routes do not count.",
    params(("name" = String, Path, description = "Which receiver")),
    responses((status = 200, body = ReceiverTest, description = "Who took it"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such receiver, or it has no integrations")))]
pub async fn test(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<ReceiverTest>, Problem> {
    let config = Arc::clone(&app.alerting()?.lock().config);
    let receiver = config.receiver(&name).filter(|receiver| !receiver.integrations.is_empty());
    let receiver = receiver.ok_or_else(|| {
        Problem::not_found(format!(
            "there is no receiver `{name}` that is told anything; GET /api/v1/receivers lists those there are"
        ))
    })?;
    let mut results = Vec::new();
    for (at, integration) in receiver.integrations.iter().enumerate() {
        let error = attempt(&app, &name, at, integration).await.err();
        results.push(ReceiverTestResult { kind: integration.kind.name().to_owned(), accepted: error.is_none(), error });
    }
    Ok(Json(ReceiverTest { results }))
}

/// Sends a test message and, where ends are told, its end.
async fn attempt(app: &App, name: &str, at: usize, integration: &Integration) -> Result<(), String> {
    let now = millis(app.now());
    let mut alert = GivenAlert {
        labels: Labels::new([("alertname", TEST), ("severity", "P3"), ("receiver", name)]),
        annotations: Labels::new([
            ("summary", "A test message"),
            ("description", "Somebody tries out whether messages arrive. Nothing is wrong."),
        ]),
        starts_at: now,
        ends_at: None,
        generator_url: String::new(),
        updated_at: now,
    };
    send_now(app, integration, &Notification::about(alert.clone(), name, at, now)).await?;
    if integration.send_resolved {
        alert.ends_at = Some(now);
        send_now(app, integration, &Notification::about(alert, name, at, now)).await?;
    }
    Ok(())
}
