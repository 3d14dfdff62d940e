//! Making requests: one message, an alert for another Alertmanager, a heartbeat.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alerts::manager::config::{Integration, Secret};
use alerts::manager::dispatch::GivenAlert;
use alerts::manager::message::{Outgoing, Request, Sender, Taken};
use alerts::manager::{Config, Notification};
use alerts::template::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::{limits, present, smtp};
use crate::app::App;

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 16 << 10;
/// An alert told to another Alertmanager ends by itself after so many times the pause between tellings.
const ENDS_AFTER_RESENDS: i64 = 4;

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// Trying again may help.
    Later(String),
    /// It does not.
    Never(String),
}

/// The client that speaks to other machines.
///
/// # Errors
/// Why it cannot be set up.
pub fn http_client() -> Result<&'static Client, String> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let build = || {
        let builder = Client::builder()
            .user_agent(concat!("tawny/", env!("CARGO_PKG_VERSION")))
            .timeout(limits::SEND_TIME)
            // Credentials belong to the address that was configured.
            .redirect(reqwest::redirect::Policy::none());
        builder.build().map_err(|error| format!("cannot set up HTTP: {error}"))
    };
    CLIENT.get_or_init(build).as_ref().map_err(Clone::clone)
}

fn client() -> Result<&'static Client, SendError> {
    http_client().map_err(SendError::Never)
}

/// Writes and sends one notification.
pub async fn notification(
    app: &App,
    config: &Config,
    library: &[Template],
    integration: &Integration,
    notification: &Notification,
) -> Result<(), SendError> {
    let external_url = super::evaluate::external_url(app);
    let secrets = secrets(config, integration).map_err(SendError::Later)?;
    let sender =
        Sender { config, library, external_url: &external_url, secrets, now_ms: crate::series::millis(app.now()) };
    match sender.write(integration, notification).map_err(SendError::Never)? {
        Outgoing::Http(request) => post(&request).await,
        Outgoing::Mail(mail) => match tokio::time::timeout(limits::SEND_TIME * 3, smtp::send(&mail, app.now())).await {
            Ok(done) => done,
            Err(_) => Err(SendError::Later("the mail server did not answer in time".into())),
        },
    }
}

/// Secrets of an integration; those in files are read now, so that a changed file counts.
fn secrets(config: &Config, integration: &Integration) -> Result<BTreeMap<String, String>, String> {
    let read = |secret: &Secret| match secret {
        Secret::Text(text) => Ok(text.clone()),
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| format!("cannot read {path}: {error}")),
    };
    let mut found = BTreeMap::new();
    for (name, secret) in &integration.secrets {
        found.insert((*name).to_owned(), read(secret)?);
    }
    if let Some(password) = &config.smtp.password {
        found.insert("smtp_password".into(), read(password)?);
    }
    if let Some((scheme, secret)) = &integration.http.authorization {
        let secret = read(secret)?;
        let value = if scheme == "Basic" { STANDARD.encode(secret) } else { secret };
        found.insert("authorization".into(), format!("{scheme} {value}"));
    }
    Ok(found)
}

async fn post(request: &Request) -> Result<(), SendError> {
    let mut post = client()?.post(&request.url).header("Content-Type", "application/json");
    for (name, value) in &request.headers {
        post = post.header(*name, value);
    }
    let answer = post.body(request.body.to_string()).send().await;
    let mut answer = answer.map_err(|error| explain(&error))?;
    let status = answer.status();
    let mut body = Vec::new();
    // The status has come and decides; the words only help.
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX - body.len())]);
        if body.len() >= ANSWER_MAX {
            break;
        }
    }
    let words = String::from_utf8_lossy(&body).trim().chars().take(300).collect::<String>();
    if status.is_success() {
        return taken(request.taken, &body, &words);
    }
    let reason = format!("{status}: {words}");
    let later =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    Err(if later { SendError::Later(reason) } else { SendError::Never(reason) })
}

/// Whether an answer with a status of success means that the message was taken.
fn taken(how: Taken, body: &[u8], words: &str) -> Result<(), SendError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let passes = match how {
        Taken::Status => return Ok(()),
        Taken::Zero(field, passing) => match answer[field].as_i64().unwrap_or(0) {
            0 => return Ok(()),
            code => passing.contains(&code),
        },
        Taken::Ok(passing) => match (&answer["ok"], &answer["error"]) {
            (Value::Bool(false), why) => why.as_str().is_some_and(|why| passing.contains(&why)),
            _ => return Ok(()),
        },
    };
    let refused = format!("refused: {words}");
    Err(if passes { SendError::Later(refused) } else { SendError::Never(refused) })
}

/// The innermost cause says most. Addresses of hooks are secrets and are not named.
fn explain(error: &reqwest::Error) -> SendError {
    if error.is_builder() {
        return SendError::Never("the URL cannot be used".into());
    }
    if error.is_timeout() {
        return SendError::Later("no answer in time".into());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    SendError::Later(format!("no connection: {cause}"))
}

/// Tells another Alertmanager. Firing alerts are told again each minute, so one that fails is told soon after.
///
/// `interval_ms` is that of the group: a group that is evaluated seldom tells of its alerts seldom, and they must not end in between.
pub async fn forward(app: Arc<App>, base: String, alerts: Vec<GivenAlert>, interval_ms: i64) {
    let pairs = |labels: &promql::Labels| -> Value {
        labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect()
    };
    let hold = (limits::RESEND.as_millis() as i64).max(interval_ms) * ENDS_AFTER_RESENDS;
    // As Prometheus does: what an alert says of itself stands.
    let external = &app.settings.alerts.external_labels;
    let labels = |alert: &GivenAlert| -> promql::Labels {
        let missing = external.iter().filter(|(name, _)| alert.labels.get(name).is_empty());
        missing.fold(alert.labels.clone(), |labels, (name, value)| labels.with(name, value))
    };
    let one = |alert: &GivenAlert| {
        json!({
            "labels": pairs(&labels(alert)),
            "annotations": pairs(&alert.annotations),
            "startsAt": present::time_text(alert.starts_at),
            "endsAt": present::time_text(alert.ends_at.unwrap_or(alert.updated_at + hold)),
            "generatorURL": alert.generator_url,
        })
    };
    let body: Value = alerts.iter().map(one).collect();
    let url = format!("{}/api/v2/alerts", base.trim_end_matches('/'));
    let request = Request { method: "POST", url, headers: Vec::new(), body, taken: Taken::Status };
    let trouble = match post(&request).await {
        Ok(()) => None,
        Err(SendError::Later(reason) | SendError::Never(reason)) => {
            Some(format!("the Alertmanager that alerts are forwarded to does not take them: {reason}"))
        }
    };
    if let Some(trouble) = &trouble {
        tracing::warn!(trouble, "alerts cannot be forwarded");
    }
    app.troubles.set("alerts_forward", trouble);
}

/// Tells the outside monitor that rules are evaluated.
pub async fn heartbeat(app: Arc<App>, url: String) {
    let sent = match client() {
        Ok(client) => client.get(&url).timeout(Duration::from_secs(10)).send().await.map_err(|error| explain(&error)),
        Err(error) => Err(error),
    };
    let trouble = match sent {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(format!("the heartbeat is answered with {}", answer.status())),
        Err(SendError::Later(reason) | SendError::Never(reason)) => {
            Some(format!("the heartbeat does not arrive: {reason}"))
        }
    };
    app.troubles.set("heartbeat", trouble);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_answer_200_to_mistakes_are_understood() {
        let told = |how: Taken, body: &str| taken(how, body.as_bytes(), body);
        let slack = Taken::Ok(&["ratelimited"]);
        for (how, body) in [
            (Taken::Status, "whatever"),
            // Incoming webhooks answer with a word, `chat.postMessage` with an object.
            (slack, "ok"),
            (slack, r#"{"ok":true,"ts":"1"}"#),
            (Taken::Zero("code", &[7]), r#"{"code":0}"#),
            (Taken::Zero("code", &[7]), "{}"),
        ] {
            assert_eq!(told(how, body), Ok(()), "{body}");
        }
        let never = |body: &str| Err(SendError::Never(format!("refused: {body}")));
        let later = |body: &str| Err(SendError::Later(format!("refused: {body}")));
        let (no_channel, too_many) =
            (r#"{"ok":false,"error":"channel_not_found"}"#, r#"{"ok":false,"error":"ratelimited"}"#);
        assert_eq!((told(slack, no_channel), told(slack, too_many)), (never(no_channel), later(too_many)));
        let (wrong, busy) = (r#"{"code":19024}"#, r#"{"code":7}"#);
        let feishu = Taken::Zero("code", &[7]);
        assert_eq!((told(feishu, wrong), told(feishu, busy)), (never(wrong), later(busy)));
    }
}
