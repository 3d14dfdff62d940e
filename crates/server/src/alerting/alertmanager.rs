//! Alertmanager's API, version 2, at `/alertmanager/api/v2`: for `amtool`, and for a Prometheus that sends its alerts here.
//! `/alertmanager/webhook` takes what an Alertmanager's webhook receiver sends.
//!
//! Source: the OpenAPI document of Alertmanager (`api/v2/openapi.yaml`).

use std::sync::Arc;

use alerts::manager::dispatch::{GivenAlert, Muted, Mutes};
use alerts::manager::{Matchers, Silence, fingerprint};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use model::Timestamp;
use promql::{Labels, MatchOp, Matcher};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Inner, evidence, expire_silence, keep, limits, new_id, others, put_silence, time_text};
use crate::app::App;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::millis;

/// Alerts one request may bring.
const POSTED_MAX: usize = 10_000;

/// Everything below `/alertmanager`.
pub fn routes() -> Router<Arc<App>> {
    let api = Router::new()
        .route("/status", get(status))
        .route("/receivers", get(receivers))
        .route("/alerts", get(list).post(take))
        .route("/alerts/groups", get(groups))
        .route("/silences", get(silences).post(make_silence))
        .route("/silence/{id}", get(silence).delete(end_silence));
    Router::new()
        .nest("/alertmanager/api/v2", api)
        .route("/alertmanager/webhook", post(webhook))
        .route("/alertmanager/-/ready", get(|| async { "OK" }))
        .route("/alertmanager/-/healthy", get(|| async { "OK" }))
}

/// Alertmanager answers mistakes with a JSON text.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(Value::from(self.1))).into_response()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem.detail)
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, text.into())
}

type Answered = Result<Json<Value>, Refusal>;

/// Whether matchers can name a label so.
fn is_label_name(name: &str) -> bool {
    let plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    !name.is_empty() && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit()
}

fn texts(labels: &Labels) -> Value {
    labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect()
}

async fn status(State(app): State<Arc<App>>) -> Answered {
    let config = app.alerting()?.lock().config_text.clone();
    Ok(Json(json!({
        "cluster": {"status": "disabled", "peers": []},
        "config": {"original": alerts::manager::shown(&config)},
        "uptime": time_text(millis(app.started)),
        "versionInfo": {"version": crate::VERSION, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "none: Tawny"},
    })))
}

async fn receivers(State(app): State<Arc<App>>) -> Answered {
    let inner = app.alerting()?.lock();
    Ok(Json(inner.config.receivers.iter().map(|receiver| json!({"name": receiver.name})).collect()))
}

/// What a request for alerts wants.
struct Wanted {
    filter: Matchers,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    receiver: Option<Matcher>,
}

impl Wanted {
    fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let mut wanted = Self {
            filter: Matchers::default(),
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            receiver: None,
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "filter" => wanted.filter.0.extend(Matchers::parse(&value).map_err(bad)?.0),
                "active" => wanted.active = value == "true",
                "silenced" => wanted.silenced = value == "true",
                "inhibited" => wanted.inhibited = value == "true",
                "muted" => wanted.muted = value == "true",
                "receiver" => wanted.receiver = Some(Matcher::new("receiver", MatchOp::Matches, &value).map_err(bad)?),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn alert(&self, inner: &Inner, mutes: &Mutes<'_>, alert: &GivenAlert, now: i64) -> Option<Value> {
        let none = || json!([]);
        let (shown, state, [silenced, inhibited, muted]) = match mutes.of(&alert.labels) {
            None => (self.active, "active", [none(), none(), none()]),
            Some(Muted::Silenced(id)) => (self.silenced, "suppressed", [json!([id]), none(), none()]),
            Some(Muted::Inhibited(print)) => {
                (self.inhibited, "suppressed", [none(), json!([format!("{print:016x}")]), none()])
            }
            Some(Muted::ByTime(why)) => (self.muted, "suppressed", [none(), none(), json!([why])]),
        };
        let routes = inner.config.route.of(&alert.labels);
        let receivers: Vec<&str> = routes.iter().map(|route| route.receiver.as_str()).collect();
        let wanted = self.receiver.as_ref().is_none_or(|matcher| receivers.iter().any(|name| matcher.is_match(name)));
        if !shown || !wanted || alert.is_resolved(now) || !self.filter.matches(&alert.labels) {
            return None;
        }
        let resend = i64::try_from(limits::RESEND.as_millis()).unwrap_or(0);
        // One of a group that is evaluated seldom fires for longer than it was last told of.
        let until = (alert.updated_at + resend * 4).max(now + resend);
        Some(json!({
            "labels": texts(&alert.labels),
            "annotations": texts(&alert.annotations),
            "startsAt": time_text(alert.starts_at),
            "endsAt": time_text(alert.ends_at.unwrap_or(until)),
            "updatedAt": time_text(alert.updated_at),
            "generatorURL": alert.generator_url,
            "fingerprint": format!("{:016x}", fingerprint(&alert.labels)),
            "receivers": receivers.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "status": {"state": state, "silencedBy": silenced, "inhibitedBy": inhibited, "mutedBy": muted},
        }))
    }
}

async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answered {
    let wanted = Wanted::parse(query.as_deref())?;
    let inner = app.alerting()?.lock();
    let now = millis(app.now());
    let mutes = inner.dispatcher.mutes(&inner.config, &inner.silences, now);
    Ok(Json(inner.dispatcher.alerts().filter_map(|alert| wanted.alert(&inner, &mutes, alert, now)).collect()))
}

async fn groups(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answered {
    let wanted = Wanted::parse(query.as_deref())?;
    let inner = app.alerting()?.lock();
    let now = millis(app.now());
    let routes = inner.config.route.all();
    let mutes = inner.dispatcher.mutes(&inner.config, &inner.silences, now);
    let mut found = Vec::new();
    for (key, labels, alerts) in inner.dispatcher.groups() {
        let alerts: Vec<Value> =
            alerts.into_iter().filter_map(|alert| wanted.alert(&inner, &mutes, alert, now)).collect();
        let route = routes.iter().find(|route| key.strip_prefix(&route.key).is_some_and(|rest| rest.starts_with(':')));
        if !alerts.is_empty() {
            let receiver = route.map_or("", |route| route.receiver.as_str());
            found.push(json!({"labels": texts(labels), "receiver": {"name": receiver}, "alerts": alerts}));
        }
    }
    Ok(Json(found.into()))
}

/// An alert as other systems post it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// A time; Go's zero time and nothing count as none.
fn time_of(text: Option<&str>) -> Result<Option<i64>, Refusal> {
    match text {
        None | Some("") => Ok(None),
        Some(text) if text.starts_with("0001-01-01T") => Ok(None),
        Some(text) => Timestamp::parse_rfc3339(text)
            .map(|time| Some(millis(time)))
            .ok_or_else(|| bad(format!("{text:?} is no time"))),
    }
}

/// What the content policy leaves of an alert.
fn left(app: &App, posted: Posted) -> Posted {
    let each = |field: &str, texts: std::collections::BTreeMap<String, String>| {
        texts.into_iter().map(|(name, text)| (name, app.told(field, text))).collect()
    };
    Posted {
        labels: each("alert.label", posted.labels),
        annotations: each("alert.annotation", posted.annotations),
        generator_url: app.told("alert.generator_url", posted.generator_url),
        ..posted
    }
}

/// An alert as it is kept, or what is wrong with it.
fn read(posted: Posted, resolve_timeout_ms: i64, now: i64) -> Result<GivenAlert, String> {
    let bytes: usize =
        posted.labels.iter().chain(&posted.annotations).map(|(name, value)| name.len() + value.len()).sum();
    let labels = Labels::new(posted.labels);
    if labels.is_empty() {
        return Err("an alert needs at least one label".to_owned());
    }
    if let Some(wrong) = labels.iter().find(|label| !is_label_name(&label.name)) {
        let name = &wrong.name;
        return Err(format!("{name:?} is no name of a label: use letters, digits and _, and no digit in front"));
    }
    let name = labels.get("alertname");
    if bytes > limits::ALERT_BYTES_MAX {
        return Err(format!(
            "{name}: labels and annotations have {bytes} bytes, at most {} are taken (alert_bytes_max)",
            limits::ALERT_BYTES_MAX
        ));
    }
    let time = |text: Option<&str>| time_of(text).map_err(|refusal| format!("{name}: {}", refusal.1));
    let (starts_at, ends_at) = (time(posted.starts_at.as_deref())?, time(posted.ends_at.as_deref())?);
    Ok(GivenAlert {
        annotations: Labels::new(posted.annotations),
        starts_at: starts_at.or(ends_at).unwrap_or(now),
        ends_at: Some(ends_at.unwrap_or(now + resolve_timeout_ms)),
        generator_url: posted.generator_url,
        updated_at: now,
        labels,
    })
}

/// Takes alerts of others. The good ones are taken whatever the others are, and kept before this returns.
async fn accept(app: &Arc<App>, posted: Vec<Posted>) -> Result<(), Refusal> {
    if posted.len() > POSTED_MAX {
        return Err(bad(format!("{} alerts in one request; at most {POSTED_MAX} are taken", posted.len())));
    }
    let now = millis(app.now());
    let alerting = app.alerting()?;
    let posted: Vec<Posted> = posted.into_iter().map(|alert| left(app, alert)).collect();
    let (mut mistakes, mut taken, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    {
        let mut inner = alerting.lock();
        let config = Arc::clone(&inner.config);
        for alert in posted {
            let given = match read(alert, config.resolve_timeout_ms, now) {
                Ok(given) => given,
                Err(mistake) => {
                    if mistake.contains("alert_bytes_max") {
                        app.counters.limit_reached(LimitName::AlertBytesMax);
                    }
                    mistakes.push(mistake);
                    continue;
                }
            };
            let known = inner.dispatcher.alerts().len();
            if known >= limits::ALERTS_MAX && inner.dispatcher.alert(&given.labels).is_none() {
                app.counters.limit_reached(LimitName::AlertsMax);
                let name = given.labels.get("alertname");
                mistakes.push(format!("{name}: there are {} alerts already (alerts_max)", limits::ALERTS_MAX));
                continue;
            }
            let before = inner.dispatcher.alert(&given.labels);
            let given = others::going_on(given, before, now);
            turns.extend(inner.others.heard(&given, now));
            inner.dispatcher.accept(given.clone(), &config, now);
            taken.push(given);
        }
        inner.forget_acks(&others::ended(&turns));
    }
    alerting.wake.notify_one();
    let begun = others::begun(&turns, &taken);
    let kept = app.with_state(move |state| {
        state.write(|transaction| {
            keep::put_given(transaction, &taken)?;
            others::put(transaction, &turns)
        })
    });
    kept.await?;
    if !begun.is_empty() {
        tokio::spawn(evidence::of_others(Arc::clone(app), begun));
    }
    if mistakes.is_empty() { Ok(()) } else { Err(bad(mistakes.join("; "))) }
}

async fn take(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let posted: Vec<Posted> =
        serde_json::from_slice(&body).map_err(|error| bad(format!("cannot read the body: {error}")))?;
    accept(&app, posted).await?;
    Ok(StatusCode::OK)
}

/// What an Alertmanager sends to a webhook.
#[derive(Deserialize)]
struct Hook {
    alerts: Vec<Posted>,
}

async fn webhook(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let hook: Hook = serde_json::from_slice(&body).map_err(|error| bad(format!("cannot read the body: {error}")))?;
    accept(&app, hook.alerts).await?;
    Ok(StatusCode::OK)
}

fn silence_json(silence: &Silence, now: i64) -> Value {
    let matchers = silence.matchers.0.iter().map(|matcher| {
        json!({
            "name": &*matcher.name,
            "value": &*matcher.value,
            "isRegex": matches!(matcher.op, MatchOp::Matches | MatchOp::NotMatches),
            "isEqual": matches!(matcher.op, MatchOp::Equal | MatchOp::Matches),
        })
    });
    json!({
        "id": silence.id,
        "status": {"state": silence.state(now)},
        "updatedAt": time_text(silence.updated_at),
        "matchers": matchers.collect::<Vec<_>>(),
        "startsAt": time_text(silence.starts_at),
        "endsAt": time_text(silence.ends_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
}

async fn silences(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answered {
    let wanted = Wanted::parse(query.as_deref())?;
    let inner = app.alerting()?.lock();
    let now = millis(app.now());
    // A filter compares with what the silence's matchers say, as in Alertmanager.
    let fits = |silence: &&Silence| {
        let labels = Labels::new(silence.matchers.0.iter().map(|matcher| (&*matcher.name, &*matcher.value)));
        wanted.filter.matches(&labels)
    };
    Ok(Json(inner.silences.iter().filter(fits).map(|silence| silence_json(silence, now)).collect()))
}

async fn silence(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answered {
    let inner = app.alerting()?.lock();
    let found = inner.silences.iter().find(|silence| silence.id == id);
    found
        .map(|silence| Json(silence_json(silence, millis(app.now()))))
        .ok_or_else(|| Refusal(StatusCode::NOT_FOUND, format!("silence {id} not found")))
}

async fn end_silence(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    expire_silence(&app, &id).await?;
    Ok(StatusCode::OK)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedSilence {
    #[serde(default)]
    id: String,
    matchers: Vec<PostedMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

async fn make_silence(State(app): State<Arc<App>>, body: Bytes) -> Answered {
    let posted: PostedSilence =
        serde_json::from_slice(&body).map_err(|error| bad(format!("cannot read the body: {error}")))?;
    let mut matchers = Matchers::default();
    for matcher in &posted.matchers {
        let op = match (matcher.is_regex, matcher.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Matches,
            (true, false) => MatchOp::NotMatches,
        };
        matchers.0.push(Matcher::new(&matcher.name, op, &matcher.value).map_err(bad)?);
    }
    let time = |text: &str| time_of(Some(text))?.ok_or_else(|| bad("a time is missing"));
    let matchers = super::left(&app, matchers);
    let silence = Silence {
        id: if posted.id.is_empty() { new_id(app.now()) } else { posted.id },
        matchers,
        starts_at: time(&posted.starts_at)?,
        ends_at: time(&posted.ends_at)?,
        created_by: posted.created_by,
        comment: app.told("silence.comment", posted.comment),
        updated_at: millis(app.now()),
    };
    let id = silence.id.clone();
    put_silence(&app, silence).await?;
    Ok(Json(json!({"silenceID": id})))
}
