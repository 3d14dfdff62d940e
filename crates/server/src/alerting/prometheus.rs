//! Prometheus' view of rules and alerts: `/prometheus/api/v1/rules` and `/alerts`, as the alert generator's specification has them.

use std::sync::Arc;

use alerts::evaluate::{ActiveAlert, Health, State as AlertState};
use alerts::rules::RuleKind;
use axum::Json;
use axum::extract::State;
use promql::Labels;
use serde_json::{Value, json};

use super::{Running, time_text};
use crate::app::App;
use crate::problem::Problem;

/// Go's zero time stands for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

fn texts(labels: &Labels) -> Value {
    labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect()
}

fn alert(alert: &ActiveAlert) -> Value {
    json!({
        "labels": texts(&alert.labels),
        "annotations": alert.annotations.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect::<Value>(),
        "state": alert.state.as_str(),
        "activeAt": time_text(alert.active_at),
        "value": promql::short_float(alert.value),
    })
}

fn group(running: &Running) -> Value {
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let when = |time: Option<i64>| time.map_or(NEVER.to_owned(), time_text);
    let rules = running.group.rules.iter().zip(&running.state.rules).map(|(rule, state)| {
        let written = |pairs: &[(String, alerts::template::Template)]| -> Value {
            pairs.iter().map(|(name, text)| (name.clone(), Value::from(text.text()))).collect()
        };
        let health = match state.health {
            Health::Unknown => "unknown",
            Health::Ok => "ok",
            Health::Err => "err",
        };
        let mut answer = json!({
            "name": rule.name,
            "query": rule.query.text.trim(),
            "labels": written(&rule.labels),
            "health": health,
            "lastError": state.last_error,
            "lastEvaluation": when(state.evaluated_at),
            "evaluationTime": running.took_ms / 1000.0,
            "type": "recording",
        });
        if let RuleKind::Alert { hold_ms, keep_firing_ms, annotations } = &rule.kind {
            let active = || state.alerts.values().filter(|alert| alert.is_active());
            answer["type"] = "alerting".into();
            answer["duration"] = seconds(*hold_ms).into();
            answer["keepFiringFor"] = seconds(*keep_firing_ms).into();
            answer["annotations"] = written(annotations);
            answer["state"] = active().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive).as_str().into();
            answer["alerts"] = active().map(alert).collect();
        }
        answer
    });
    json!({
        "name": running.group.name,
        "file": running.file,
        "interval": seconds(running.group.interval()),
        "limit": running.group.limit,
        "lastEvaluation": when(running.state.evaluated_at),
        "evaluationTime": running.took_ms / 1000.0,
        "rules": rules.collect::<Vec<_>>(),
    })
}

/// `GET /prometheus/api/v1/rules`
pub async fn rules(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let inner = app.alerting()?.lock();
    let groups: Vec<Value> = inner.groups.iter().map(group).collect();
    Ok(Json(json!({"status": "success", "data": {"groups": groups}})))
}

/// `GET /prometheus/api/v1/alerts`
pub async fn alerts(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let inner = app.alerting()?.lock();
    let all = inner.groups.iter().flat_map(|running| &running.state.rules).flat_map(|rule| rule.alerts.values());
    let alerts: Vec<Value> = all.filter(|it| it.is_active()).map(alert).collect();
    Ok(Json(json!({"status": "success", "data": {"alerts": alerts}})))
}
