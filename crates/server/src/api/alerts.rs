//! Alerts: what fires, what happened, who takes care.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};

use super::body;
use super::params::Params;
use super::types::{
    AckRequest, Alert, AlertAck, AlertDetail, AlertEvent, AlertHistory, AlertReview, AlertsAnswer, Problem,
    WaitingMessage,
};
use crate::alerting::keep::{self, Ack, EventKind, Wanted};
use crate::alerting::{Inner, review};
use crate::app::App;
use crate::series::{Sees, millis};
use ::alerts::evaluate::{ActiveAlert, State as AlertState};
use ::alerts::manager::dispatch::{GivenAlert, Muted, Mutes};
use ::alerts::manager::fingerprint;
use promql::Labels;

/// Events of one answer at most.
const EVENTS_MAX: i64 = 1000;
/// Events shown with one alert.
const DETAIL_EVENTS_MAX: i64 = 100;
/// Times of firing whose evidence is shown with one alert.
const DETAIL_EVIDENCE_MAX: usize = 10;
/// Time a review looks back where nothing is said: a week.
const REVIEW_NANOS: i64 = 7 * 86_400 * 1_000_000_000;

pub(super) fn time(millis: i64) -> String {
    crate::alerting::time_text(millis)
}

pub(super) fn map(labels: &Labels) -> BTreeMap<String, String> {
    ::alerts::evaluate::pairs(labels).into_iter().collect()
}

/// Whether an alert may be seen: who has no rights in every project sees those that name the one they ask about.
fn shows(seen: &Sees, labels: &Labels) -> bool {
    match seen {
        Sees::Everything => true,
        Sees::Of(project) | Sees::TawnysOf(project) => *labels.get("project") == **project,
    }
}

/// The project whose alerts alone are shown, where it is not all.
fn only_of(seen: &Sees) -> Option<String> {
    match seen {
        Sees::Everything => None,
        Sees::Of(project) | Sees::TawnysOf(project) => Some(project.to_string()),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Mutes, acknowledgement and traces of an alert.
fn completed(inner: &Inner, mutes: &Mutes<'_>, alert: &mut Alert, labels: &Labels) {
    match mutes.of(labels) {
        Some(Muted::Silenced(id)) => alert.silenced_by = Some(id),
        Some(Muted::Inhibited(print)) => alert.inhibited_by = Some(format!("{print:016x}")),
        Some(Muted::ByTime(why)) => alert.muted_by_time = Some(why),
        None => {}
    }
    alert.ack =
        inner.ack_of(labels).map(|ack| AlertAck { by: ack.by.clone(), comment: ack.comment.clone(), at: time(ack.at) });
    alert.traces = alert
        .annotations
        .get("traces")
        .map(|text| text.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
}

/// An alert of one of our rules.
pub(super) fn of_rule(inner: &Inner, mutes: &Mutes<'_>, group: &str, alert: &ActiveAlert) -> Alert {
    let state = match (alert.state, alert.no_data_since) {
        (AlertState::Pending, _) => "pending",
        (AlertState::Firing, None) => "firing",
        (AlertState::Inactive, None) => "resolved",
        (_, Some(_)) => "no_data",
    };
    let mut answer = Alert {
        fingerprint: format!("{:016x}", fingerprint(&alert.labels)),
        name: alert.labels.get("alertname").to_owned(),
        state: state.to_owned(),
        severity: some(alert.labels.get("severity")),
        labels: map(&alert.labels),
        annotations: alert.annotations.iter().cloned().collect(),
        value: Some(alert.value).filter(|value| value.is_finite()),
        active_at: time(alert.active_at),
        fired_at: alert.fired_at.map(time),
        resolved_at: alert.resolved_at.map(time),
        no_data_since: alert.no_data_since.map(time),
        silenced_by: None,
        inhibited_by: None,
        muted_by_time: None,
        ack: None,
        traces: Vec::new(),
        group: group.to_owned(),
    };
    completed(inner, mutes, &mut answer, &alert.labels);
    answer
}

/// An alert another system sent.
fn of_others(inner: &Inner, mutes: &Mutes<'_>, alert: &GivenAlert, now: i64) -> Alert {
    let resolved = alert.is_resolved(now);
    let mut answer = Alert {
        fingerprint: format!("{:016x}", fingerprint(&alert.labels)),
        name: alert.labels.get("alertname").to_owned(),
        state: if resolved { "resolved" } else { "firing" }.to_owned(),
        severity: some(alert.labels.get("severity")),
        labels: map(&alert.labels),
        annotations: map(&alert.annotations),
        value: None,
        active_at: time(alert.starts_at),
        fired_at: Some(time(alert.starts_at)),
        resolved_at: alert.ends_at.filter(|_| resolved).map(time),
        no_data_since: None,
        silenced_by: None,
        inhibited_by: None,
        muted_by_time: None,
        ack: None,
        traces: Vec::new(),
        group: "external".to_owned(),
    };
    completed(inner, mutes, &mut answer, &alert.labels);
    answer
}

fn rank(state: &str) -> usize {
    ["firing", "no_data", "pending", "resolved"].iter().position(|known| *known == state).unwrap_or(9)
}

/// Lists alerts.
#[utoipa::path(get, path = "/api/v1/alerts", operation_id = "listAlerts", tag = "alerts", summary = "Alerts that fire, are pending, or ended lately",
    description = "Who has no rights in every project is shown the alerts whose label `project` names theirs.",
    params(("state" = Option<String>, Query, description = "Only alerts in this state: firing, pending, resolved or no_data; may be given more than once")),
    responses((status = 200, body = AlertsAnswer, description = "Alerts"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AlertsAnswer>, Problem> {
    let states = params.all("state");
    params.end()?;
    if let Some(unknown) = states.iter().find(|state| rank(state) == 9) {
        return Err(Problem::bad_request(format!(
            "there is no state `{unknown}`: firing, pending, resolved or no_data"
        )));
    }
    let alerting = app.alerting()?;
    let (now, seen) = (millis(app.now()), app.sees());
    let inner = alerting.lock();
    let mutes = inner.dispatcher.mutes(&inner.config, &inner.silences, now);
    let mut found = Vec::new();
    let mut ours = std::collections::HashSet::new();
    for running in &inner.groups {
        let alerts = running.state.rules.iter().flat_map(|rule| rule.alerts.values());
        for alert in alerts.filter(|alert| shows(&seen, &alert.labels)) {
            ours.insert(alert.labels.clone());
            found.push(of_rule(&inner, &mutes, &running.group.name, alert));
        }
    }
    found.extend(
        inner
            .dispatcher
            .alerts()
            .filter(|alert| !ours.contains(&alert.labels) && shows(&seen, &alert.labels))
            .map(|alert| of_others(&inner, &mutes, alert, now)),
    );
    found.retain(|alert| states.is_empty() || states.contains(&alert.state));
    found.sort_by(|a, b| (rank(&a.state), &a.active_at, &a.labels).cmp(&(rank(&b.state), &b.active_at, &b.labels)));
    if !matches!(seen, Sees::Everything) {
        // Files of rules and messages to receivers are the whole server's.
        return Ok(Json(AlertsAnswer { alerts: found, problems: Vec::new(), waiting: Vec::new() }));
    }
    let waiting = inner.pending.iter().map(|(key, pending)| WaitingMessage {
        receiver: key.1.clone(),
        group_key: key.0.clone(),
        attempts: pending.attempts,
        error: pending.error.clone(),
    });
    Ok(Json(AlertsAnswer {
        alerts: found,
        problems: inner.file_problems.values().cloned().collect(),
        waiting: waiting.collect(),
    }))
}

/// What happened.
#[utoipa::path(get, path = "/api/v1/alerts/history", operation_id = "getAlertHistory", tag = "alerts", summary = "What happened to alerts, newest first",
    params(("from" = Option<String>, Query, description = "Not before this time"),
        ("name" = Option<String>, Query, description = "Only of this alert"),
        ("limit" = Option<i64>, Query, description = "Events at most, up to 1000")),
    responses((status = 200, body = AlertHistory, description = "Events"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn history(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AlertHistory>, Problem> {
    let from = params.time("from", app.now())?;
    let alertname = params.one("name")?;
    let limit = params.read::<i64>("limit", "a number")?.unwrap_or(100).clamp(1, EVENTS_MAX);
    params.end()?;
    let project = only_of(&app.sees());
    let wanted = Wanted { from: from.map_or(0, millis), alertname, project, limit, ..Wanted::default() };
    let events = app.with_state(move |state| state.read(|connection| keep::events(connection, &wanted))).await?;
    Ok(Json(AlertHistory { events: events.into_iter().map(event).collect() }))
}

pub(super) fn event(event: keep::Event) -> AlertEvent {
    AlertEvent {
        at: time(event.at),
        kind: event.kind,
        name: event.labels.get("alertname").to_owned(),
        labels: map(&event.labels),
        detail: event.detail,
    }
}

/// One alert.
#[utoipa::path(get, path = "/api/v1/alerts/{fingerprint}", operation_id = "getAlert", tag = "alerts", summary = "An alert with its history and what shows it",
    params(("fingerprint" = String, Path, description = "Which alert")),
    responses((status = 200, body = AlertDetail, description = "The alert, its evidence and events"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "That is no fingerprint"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Nothing is known of such an alert")))]
pub async fn get(State(app): State<Arc<App>>, Path(text): Path<String>) -> Result<Json<AlertDetail>, Problem> {
    let print = print_of(&text)?;
    let (now, seen) = (millis(app.now()), app.sees());
    let asked = |labels: &Labels| fingerprint(labels) == print && shows(&seen, labels);
    let alert = {
        let inner = app.alerting()?.lock();
        let mutes = inner.dispatcher.mutes(&inner.config, &inner.silences, now);
        let of_rules = inner.groups.iter().find_map(|running| {
            let mut alerts = running.state.rules.iter().flat_map(|rule| rule.alerts.values());
            let found = alerts.find(|alert| asked(&alert.labels))?;
            Some(of_rule(&inner, &mutes, &running.group.name, found))
        });
        of_rules.or_else(|| {
            let found = inner.dispatcher.alerts().find(|alert| asked(&alert.labels))?;
            Some(of_others(&inner, &mutes, found, now))
        })
    };
    let project = only_of(&seen);
    let wanted = Wanted { fingerprint: Some(print), project, limit: DETAIL_EVENTS_MAX, ..Wanted::default() };
    let read = move |state: &state::State| {
        state.read(|connection| {
            Ok((keep::events(connection, &wanted)?, keep::evidence(connection, print, DETAIL_EVIDENCE_MAX)?))
        })
    };
    let (events, evidence) = app.with_state(read).await?;
    // Evidence says of no project: it is that of the alert or the events, which have the same labels.
    let any_evidence = matches!(seen, Sees::Everything) && !evidence.is_empty();
    if alert.is_none() && events.is_empty() && !any_evidence {
        return Err(Problem::not_found(format!("nothing is known of an alert with the fingerprint {text}")));
    }
    Ok(Json(AlertDetail { alert, evidence, events: events.into_iter().map(event).collect() }))
}

/// The week in review.
#[utoipa::path(get, path = "/api/v1/alerts/review", operation_id = "reviewAlerts", tag = "alerts", summary = "Which rules earned their place, and what to change",
    params(("from" = Option<String>, Query, description = "Since when; a week where nothing is said")),
    responses((status = 200, body = AlertReview, description = "Rules, those that need a change first"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn review(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<AlertReview>, Problem> {
    let now = app.now();
    let from = millis(params.time("from", now)?.unwrap_or(now.plus_nanos(-REVIEW_NANOS)));
    params.end()?;
    let wanted = Wanted { from, limit: crate::alerting::limits::HISTORY_MAX, ..Wanted::default() };
    let events = app.with_state(move |state| state.read(|connection| keep::events(connection, &wanted))).await?;
    let (names, firing) = {
        let inner = app.alerting()?.lock();
        let rules = inner.groups.iter().flat_map(|running| &running.group.rules);
        let names: Vec<String> = rules.filter(|rule| rule.is_alert()).map(|rule| rule.name.clone()).collect();
        let states = inner.groups.iter().flat_map(|running| &running.state.rules);
        let firing = states.flat_map(|rule| rule.alerts.values()).filter(|alert| alert.state == AlertState::Firing);
        let since = |alert: &ActiveAlert| (alert.labels.clone(), alert.fired_at.unwrap_or(alert.active_at));
        (names, firing.map(since).collect::<Vec<(Labels, i64)>>())
    };
    let rules = review::review(&names, &events, &firing, from, millis(now));
    Ok(Json(AlertReview { from: time(from), rules }))
}

fn print_of(text: &str) -> Result<u64, Problem> {
    u64::from_str_radix(text, 16).map_err(|_| {
        Problem::bad_request(format!("`{text}` is no fingerprint: give the 16 hexadecimal digits of the list"))
    })
}

/// Somebody takes care.
#[utoipa::path(post, path = "/api/v1/alerts/{fingerprint}/ack", operation_id = "ackAlert", tag = "alerts", summary = "Take care of an alert",
    description = "While it fires, messages about it are not repeated. Its end, and other alerts of its group, are told.",
    params(("fingerprint" = String, Path, description = "Which alert")), request_body = AckRequest,
    responses((status = 200, body = AlertAck, description = "Noted"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such alert fires")))]
pub async fn ack(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    body: Bytes,
) -> Result<Json<AlertAck>, Problem> {
    let print = print_of(&text)?;
    let request: AckRequest = body::json(&body, r#"{"by": "…", "comment": "…"}"#)?;
    let (now, seen) = (millis(app.now()), app.sees());
    let alerting = app.alerting()?;
    let ack = Ack { by: request.by, comment: app.told("ack.comment", request.comment), at: now };
    let labels = {
        let mut inner = alerting.lock();
        let labels = inner
            .dispatcher
            .alerts()
            .find(|alert| fingerprint(&alert.labels) == print && !alert.is_resolved(now) && shows(&seen, &alert.labels))
            .map(|alert| alert.labels.clone());
        let labels = labels.ok_or_else(|| Problem::not_found(format!("no alert with the fingerprint {text} fires")))?;
        inner.acks.insert(print, ack.clone());
        inner.dispatcher.acknowledged = inner.acknowledged();
        labels
    };
    let kept = ack.clone();
    app.with_state(move |state| {
        state.write(|transaction| {
            keep::put_ack(transaction, print, Some(&kept))?;
            keep::add_event(transaction, now, EventKind::Acknowledged, &labels, &kept.by)
        })
    })
    .await?;
    Ok(Json(AlertAck { by: ack.by, comment: ack.comment, at: time(ack.at) }))
}
