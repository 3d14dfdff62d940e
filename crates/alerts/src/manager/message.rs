//! From a notification to what goes over the wire: a request for an HTTP service, or a mail.
//!
//! Pure: secrets come in resolved, requests go out. What each service's request looks like stands in a file of its own.

mod chat;
mod opsgenie;
mod pagerduty;
mod slack;
mod webhook;

use std::collections::BTreeMap;

use promql::Labels;

use super::config::{Integration, Kind};
use super::dispatch::{GivenAlert, Notification};
use super::{Config, fingerprint};
use crate::template::{StillWorld, Template, Value};

/// Templates every message may use; a file of the configuration may define them anew.
const DEFAULTS: &str = include_str!("message/defaults.tmpl");

/// Bytes of a text in a chat or page; longer ones are cut, with a mark.
const MAX_TEXT_BYTES: usize = 12_000;

/// Something to be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A request.
    Http(Request),
    /// A mail.
    Mail(Mail),
}

/// A request to an HTTP service, answered with 2xx when it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `POST` in all cases but updates.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// Headers besides `Content-Type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: serde_json::Value,
    /// How the answer tells that the message was taken.
    pub taken: Taken,
}

/// By what a service tells that it took a message, besides a status of success: some answer 200 to mistakes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The status says it.
    Status,
    /// This field of the answer is zero. The other numbers stand for refusals that pass, such as too many messages at once.
    Zero(&'static str, &'static [i64]),
    /// The field `ok` of the answer is not false. The texts are what `error` says of refusals that pass.
    Ok(&'static [&'static str]),
}

/// A mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Host and port of the server.
    pub smarthost: String,
    /// Name told in `EHLO`.
    pub hello: String,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Headers, `Subject` included.
    pub headers: Vec<(String, String)>,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// User and password, if the server wants them.
    pub login: Option<(String, String)>,
    /// For whom the user signs in; empty for themselves.
    pub identity: String,
    /// Whether it must not be sent without TLS.
    pub require_tls: bool,
}

/// What messages need to know besides the notification.
#[derive(Debug, Clone)]
pub struct Sender<'a> {
    /// Configuration.
    pub config: &'a Config,
    /// Templates of the configuration's files.
    pub library: &'a [Template],
    /// Where people reach this server.
    pub external_url: &'a str,
    /// Secrets of the integration, resolved, and under `authorization` the header's value, under `smtp_password` that of mail.
    pub secrets: BTreeMap<String, String>,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Templates every message may use, with those of the configuration's files after them.
pub fn library(files: &[String]) -> Result<Vec<Template>, String> {
    let mut found = vec![Template::parse(DEFAULTS).map_err(|error| error.to_string())?];
    for file in files {
        found.push(Template::parse(file).map_err(|error| error.to_string())?);
    }
    Ok(found)
}

impl Sender<'_> {
    /// What is to be sent for a notification; an error where a template or setting does not allow it.
    pub fn write(&self, integration: &Integration, notification: &Notification) -> Result<Outgoing, String> {
        let writer = Writer { sender: self, integration, notification, data: self.data(notification) };
        let mut request = match integration.kind {
            Kind::Webhook => webhook::write(&writer)?,
            Kind::Slack => slack::write(&writer)?,
            Kind::PagerDuty => pagerduty::write(&writer)?,
            Kind::Opsgenie => opsgenie::write(&writer)?,
            Kind::Teams => chat::teams(&writer)?,
            Kind::TeamsV2 => chat::teams_v2(&writer)?,
            Kind::Feishu => chat::feishu(&writer)?,
            Kind::Email => return writer.mail().map(Outgoing::Mail),
        };
        if let Some(value) = self.secrets.get("authorization") {
            request.headers.push(("Authorization", value.clone()));
        }
        Ok(Outgoing::Http(request))
    }

    /// What templates see.
    fn data(&self, notification: &Notification) -> Value {
        let now = notification.at;
        let alerts = notification.alerts.iter().map(|alert| {
            let status = if alert.is_resolved(now) { "resolved" } else { "firing" };
            Value::structure(
                "Alert",
                [
                    ("Status", Value::text(status)),
                    ("Labels", Value::labels(&alert.labels)),
                    ("Annotations", Value::labels(&alert.annotations)),
                    ("StartsAt", Value::Time(alert.starts_at)),
                    ("EndsAt", Value::Time(alert.ends_at.unwrap_or(0))),
                    ("GeneratorURL", Value::text(&alert.generator_url)),
                    ("Fingerprint", Value::text(format!("{:016x}", fingerprint(&alert.labels)))),
                ],
            )
        });
        Value::structure(
            "Data",
            [
                ("Receiver", Value::text(&notification.receiver)),
                ("Status", Value::text(if notification.is_firing() { "firing" } else { "resolved" })),
                ("Alerts", Value::list(alerts)),
                ("GroupLabels", Value::labels(&notification.group_labels)),
                ("CommonLabels", Value::labels(&common(&notification.alerts, |alert| &alert.labels))),
                ("CommonAnnotations", Value::labels(&common(&notification.alerts, |alert| &alert.annotations))),
                ("ExternalURL", Value::text(self.external_url)),
            ],
        )
    }
}

/// What all alerts have with the same value.
fn common<'a>(alerts: &'a [GivenAlert], of: impl Fn(&'a GivenAlert) -> &'a Labels) -> Labels {
    let Some((first, rest)) = alerts.split_first() else { return Labels::default() };
    let shared = of(first).iter().filter(|label| rest.iter().all(|alert| of(alert).get(&label.name) == &*label.value));
    Labels::new(shared.map(|label| (label.name.clone(), label.value.clone())))
}

/// One message being written.
struct Writer<'a> {
    sender: &'a Sender<'a>,
    integration: &'a Integration,
    notification: &'a Notification,
    data: Value,
}

impl Writer<'_> {
    fn expand(&self, template: &Template) -> Result<String, String> {
        let mut world = StillWorld { now_ms: self.sender.now_ms, external_url: self.sender.external_url.to_owned() };
        template.expand(&self.data, self.sender.library, &mut world).map_err(|error| error.to_string())
    }

    /// A text of the integration; empty where it has none.
    fn text(&self, name: &str) -> Result<String, String> {
        let template = self.integration.texts.get(name);
        let text = template.map_or(Ok(String::new()), |template| self.expand(template))?;
        Ok(cut(text.trim(), MAX_TEXT_BYTES))
    }

    fn secret(&self, name: &str) -> Result<String, String> {
        self.sender.secrets.get(name).cloned().ok_or_else(|| format!("`{name}` is not set"))
    }

    fn map(&self, name: &str) -> Result<Vec<(String, String)>, String> {
        let pairs = self.integration.maps.get(name).map_or(&[][..], Vec::as_slice);
        pairs.iter().map(|(key, template)| Ok((key.clone(), self.expand(template)?))).collect()
    }

    fn rows(&self, name: &str) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, String> {
        let rows = self.integration.rows.get(name).map_or(&[][..], Vec::as_slice);
        let row = |row: &BTreeMap<String, Template>| {
            let one = |(key, template): (&String, &Template)| {
                let text = self.expand(template)?;
                // Switches stay switches.
                let value = match text.as_str() {
                    "true" | "false" => serde_json::Value::Bool(text == "true"),
                    _ => text.into(),
                };
                Ok((key.clone(), value))
            };
            row.iter().map(one).collect::<Result<_, String>>()
        };
        rows.iter().map(row).collect()
    }

    /// A key by which a service knows that messages are about the same group, over restarts and machines.
    fn stable_key(&self) -> String {
        let hash = |seed: u64| {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
            for byte in self.notification.group_key.bytes().chain([0xff]).chain(self.notification.receiver.bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
            hash
        };
        format!("tawny-{:016x}{:016x}", hash(0), hash(0x9e37_79b9_7f4a_7c15))
    }

    fn mail(&self) -> Result<Mail, String> {
        let smtp = &self.sender.config.smtp;
        let or_global = |name: &str| {
            let own = self.text(name)?;
            Ok::<_, String>(if own.is_empty() { smtp.texts.get(name).cloned().unwrap_or_default() } else { own })
        };
        let (smarthost, from) = (or_global("smarthost")?, or_global("from")?);
        if smarthost.is_empty() || from.is_empty() {
            return Err(
                "mail needs `smarthost` and `from`, in the receiver or as `smtp_smarthost` and `smtp_from` of global"
                    .into(),
            );
        }
        let user = or_global("auth_username")?;
        let password = self.secret("auth_password").or_else(|_| self.secret("smtp_password"));
        let login = if user.is_empty() { None } else { Some((user, password?)) };
        let mut headers = self.map("headers")?;
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("subject")) {
            let subject =
                Template::parse("{{ template \"email.default.subject\" . }}").map_err(|error| error.to_string())?;
            headers.push(("Subject".into(), self.expand(&subject)?));
        }
        let to: Vec<String> =
            self.text("to")?.split(',').map(|to| to.trim().to_owned()).filter(|to| !to.is_empty()).collect();
        // A line break in an address or header would begin a header of its own.
        let broken = |text: &str| text.contains(['\r', '\n']);
        if broken(&from)
            || to.iter().any(|to| broken(to))
            || headers.iter().any(|(name, value)| broken(name) || broken(value))
        {
            return Err("a line break in an address or header of a mail".into());
        }
        let require_tls = self.integration.plain.get("require_tls").map_or(smtp.require_tls, |text| text == "true");
        Ok(Mail {
            smarthost,
            hello: or_global("hello")?,
            from,
            to,
            headers,
            text: self.text("text")?,
            html: self.text("html")?,
            login,
            identity: or_global("auth_identity")?,
            require_tls,
        })
    }
}

/// A text of at most `most` bytes.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most.saturating_sub(3))])
}

/// A time as JSON payloads have it.
fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
