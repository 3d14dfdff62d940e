//! The loop that sends messages: what is decided waits here until it was accepted, with retries, and is then recorded.
//!
//! At least once: a message is recorded after it was accepted, so a crash in between sends it again, with the same key. What is not
//! yet accepted is decided again by the dispatcher after a restart, since the record does not have it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alerts::manager::Notification;
use alerts::manager::dispatch::LogKey;
use tokio::task::JoinSet;

use super::keep::{self, EventKind};
use super::send::{self, SendError};
use super::{Alerting, limits};
use crate::app::{App, Opened};
use crate::series::millis;

/// The loop looks at least so often, and at once when alerts change.
const TICK: Duration = Duration::from_millis(500);
/// The pause after the first attempt; each further one doubles it.
const FIRST_RETRY_MS: i64 = 1000;

/// A message that was decided and not yet accepted.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The message.
    pub notification: Arc<Notification>,
    /// Attempts made.
    pub attempts: u32,
    /// When the next is made, in milliseconds since 1970.
    pub next_at: i64,
    /// Why the last failed.
    pub error: String,
    /// It is being sent right now.
    under_way: bool,
}

impl Pending {
    fn new(notification: Arc<Notification>, now: i64) -> Self {
        Self { notification, attempts: 0, next_at: now, error: String::new(), under_way: false }
    }

    /// Says why an attempt failed, and when the next is made.
    fn later(&mut self, reason: &str, now: i64) {
        reason.clone_into(&mut self.error);
        self.attempts += 1;
        let most = limits::RETRY_MAX.as_millis() as i64;
        self.next_at = now + (FIRST_RETRY_MS << self.attempts.min(16).saturating_sub(1)).min(most);
    }
}

/// Sends messages until the server stops.
pub async fn deliver(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let alerting = Arc::clone(&opened.alerting);
    let mut sends: JoinSet<(LogKey, Arc<Notification>, Result<(), SendError>)> = JoinSet::new();
    loop {
        tokio::select! {
            () = alerting.wake.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            Some(done) = sends.join_next(), if !sends.is_empty() => {
                match done {
                    Ok((key, notification, result)) => finish(&app, opened, key, notification, result).await,
                    Err(error) => tracing::error!(%error, "sending a message stopped at a fault"),
                }
            }
        }
        if alerting.taken_over.load(Ordering::Relaxed) {
            continue;
        }
        let now = millis(app.now());
        decide(&alerting, now);
        while sends.len() < limits::SENDS_MAX {
            let Some((key, notification)) = next(&alerting, now) else { break };
            let app = Arc::clone(&app);
            let alerting = Arc::clone(&alerting);
            sends.spawn(async move {
                let result = send_one(&app, &alerting, &key, &notification).await;
                (key, notification, result)
            });
        }
    }
}

fn decide(alerting: &Alerting, now: i64) {
    let mut inner = alerting.lock();
    let (config, silences) = (Arc::clone(&inner.config), std::mem::take(&mut inner.silences));
    let notifications = inner.dispatcher.step(&config, &silences, now);
    inner.silences = silences;
    for notification in notifications {
        let key = (notification.group_key.clone(), notification.receiver.clone(), notification.integration);
        let notification = Arc::new(notification);
        match inner.pending.get_mut(&key) {
            // A newer message about the same group takes the place of one that still waits, not its turn: a receiver that
            // hangs is not tried more often, and its error stays visible, because the group goes on changing.
            Some(pending) => pending.notification = notification,
            None => drop(inner.pending.insert(key, Pending::new(notification, now))),
        }
    }
}

fn next(alerting: &Alerting, now: i64) -> Option<(LogKey, Arc<Notification>)> {
    let mut inner = alerting.lock();
    let found = inner.pending.iter_mut().find(|(_, pending)| !pending.under_way && pending.next_at <= now)?;
    found.1.under_way = true;
    Some((found.0.clone(), Arc::clone(&found.1.notification)))
}

async fn send_one(app: &App, alerting: &Alerting, key: &LogKey, notification: &Notification) -> Result<(), SendError> {
    if notification.is_silent() {
        return Ok(());
    }
    let (config, library) = {
        let inner = alerting.lock();
        (Arc::clone(&inner.config), Arc::clone(&inner.library))
    };
    let integration = config.receiver(&key.1).and_then(|receiver| receiver.integrations.get(key.2));
    let Some(integration) = integration else {
        return Err(SendError::Never("the receiver is no longer configured".into()));
    };
    send::notification(app, &config, &library, integration, notification).await
}

async fn finish(
    app: &Arc<App>,
    opened: &Opened,
    key: LogKey,
    notification: Arc<Notification>,
    result: Result<(), SendError>,
) {
    let now = millis(app.now());
    let mut record = None;
    let mut failed = None;
    {
        let mut inner = opened.alerting.lock();
        let same = inner.pending.get(&key).is_some_and(|pending| Arc::ptr_eq(&pending.notification, &notification));
        match &result {
            Ok(()) => {
                record = Some(inner.dispatcher.sent(&notification, now));
                inner.sent += u64::from(!notification.is_silent());
                if same {
                    inner.pending.remove(&key);
                }
            }
            Err(error) => {
                inner.failed_sends += 1;
                if let (true, SendError::Never(reason)) = (same, error) {
                    inner.pending.remove(&key);
                    failed = Some(reason.clone());
                }
            }
        }
        if let Some(pending) = inner.pending.get_mut(&key) {
            pending.under_way = false;
            match &result {
                Err(SendError::Later(reason)) => pending.later(reason, now),
                // A newer message came meanwhile: a try of its own, at once.
                Ok(()) | Err(SendError::Never(_)) => *pending = Pending::new(Arc::clone(&pending.notification), now),
            }
        }
    }
    if let Err(error) = &result {
        tracing::warn!(receiver = key.1, group = key.0, ?error, "a message was not accepted");
    }
    let text = match &result {
        Ok(()) => None,
        Err(SendError::Later(reason) | SendError::Never(reason)) => {
            Some(format!("messages to {:?} are not accepted: {reason}", key.1))
        }
    };
    app.troubles.set("alerts_send", text);
    keep_result(app, opened, record, &notification, failed, key, now).await;
    opened.alerting.wake.notify_one();
}

/// Records what was accepted, or refused for good.
async fn keep_result(
    app: &App,
    opened: &Opened,
    record: Option<(LogKey, alerts::manager::dispatch::LogEntry)>,
    notification: &Arc<Notification>,
    failed: Option<String>,
    key: LogKey,
    now: i64,
) {
    if record.is_none() && failed.is_none() {
        return;
    }
    let (state, alerting, notification) =
        (opened.state.clone(), Arc::clone(&opened.alerting), Arc::clone(notification));
    let kind = if failed.is_some() { EventKind::Failed } else { EventKind::Sent };
    let detail = failed.map_or_else(|| key.1.clone(), |reason| format!("{}: {reason}", key.1));
    let done = tokio::task::spawn_blocking(move || {
        state.write(|transaction| {
            if let Some((key, entry)) = &record {
                keep::put_log(transaction, key, entry)?;
            }
            keep::put_alerts(transaction, alerting.known().iter())?;
            // One row a message, not one an alert: a group of ten thousand is one message.
            match notification.alerts.first() {
                Some(first) => {
                    let more = notification.alerts.len() - 1;
                    let detail = if more > 0 { format!("{detail} (and {more} more alerts)") } else { detail };
                    keep::add_event(transaction, now, kind, &first.labels, &detail)
                }
                None => Ok(()),
            }
        })
    });
    if let Ok(Err(error)) = done.await {
        tracing::error!(%error, "what was sent cannot be recorded");
        app.troubles.set("alerts", Some(format!("what was sent cannot be recorded: {error}")));
    }
}
