//! Which notifications are due: groups and their timers, what is muted, what was already told.
//!
//! A step function: [`Dispatcher::accept`] takes alerts, [`Dispatcher::step`] gives what is to be sent now, [`Dispatcher::sent`]
//! records what was. The rules are Alertmanager's: a new group waits `group_wait`, then tells of changes every
//! `group_interval`, and of what is still true every `repeat_interval`.

use std::collections::{BTreeMap, BTreeSet};

use promql::Labels;
use serde::{Deserialize, Serialize};

use super::inhibit::Inhibitor;
use super::{Config, Route, Silence, fingerprint};

/// How long what was told is remembered, in milliseconds: five days, as in Alertmanager.
pub const LOG_RETENTION_MS: i64 = 5 * 24 * 3_600_000;

/// An alert as handed to the manager. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenAlert {
    /// What identifies it.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// Since when it fires.
    pub starts_at: i64,
    /// When it ended or will count as ended; `None` while it fires and its source will say when it ends.
    pub ends_at: Option<i64>,
    /// Where the expression can be seen.
    pub generator_url: String,
    /// When its source last told of it.
    pub updated_at: i64,
}

impl GivenAlert {
    /// Whether it is over at `now`.
    pub fn is_resolved(&self, now: i64) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Route and labels of the group; with receiver and integration it says which message this one replaces.
    pub group_key: String,
    /// Labels its alerts share by `group_by`.
    pub group_labels: Labels,
    /// Receiver.
    pub receiver: String,
    /// Position of the integration within the receiver.
    pub integration: usize,
    /// Alerts, firing ones first, then by labels.
    pub alerts: Vec<GivenAlert>,
    /// When it was decided.
    pub at: i64,
    firing: BTreeSet<u64>,
    resolved: BTreeSet<u64>,
}

impl Notification {
    /// A message about one alert that no route leads to: for trying a receiver out.
    pub fn about(alert: GivenAlert, receiver: &str, integration: usize, now: i64) -> Self {
        let print = BTreeSet::from([fingerprint(&alert.labels)]);
        let over = alert.is_resolved(now);
        let (firing, resolved) = if over { (BTreeSet::new(), print) } else { (print, BTreeSet::new()) };
        Self {
            group_key: format!("test/{receiver}"),
            group_labels: alert.labels.only(&["alertname"]),
            receiver: receiver.to_owned(),
            integration,
            alerts: vec![alert],
            at: now,
            firing,
            resolved,
        }
    }

    /// Whether any of its alerts fires; else all have ended.
    pub fn is_firing(&self) -> bool {
        !self.firing.is_empty()
    }

    /// Whether there is nothing to send and only to record: the end of alerts, for an integration that is not told of ends.
    pub fn is_silent(&self) -> bool {
        self.alerts.is_empty()
    }
}

/// Identifies what was told to whom: group key, receiver, integration.
pub type LogKey = (String, String, usize);

/// What was last told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Fingerprints of alerts told as firing.
    pub firing: BTreeSet<u64>,
    /// Fingerprints of alerts told as resolved.
    pub resolved: BTreeSet<u64>,
    /// When.
    pub at: i64,
}

/// Why an alert is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Muted {
    /// By a silence with this id.
    Silenced(String),
    /// By an alert with this fingerprint.
    Inhibited(u64),
    /// By the hours of every route it takes; says which.
    ByTime(String),
}

/// What mutes alerts at one time: made once and asked for each of them, since inhibition looks through all that fire.
#[derive(Debug)]
pub struct Mutes<'a> {
    inhibitor: Inhibitor<'a>,
    config: &'a Config,
    silences: &'a [Silence],
    now: i64,
}

impl Mutes<'_> {
    /// What mutes an alert.
    pub fn of(&self, labels: &Labels) -> Option<Muted> {
        muted(labels, &self.inhibitor, self.silences, self.now).or_else(|| self.by_time(labels))
    }

    /// An alert that one of its routes would tell of is not muted.
    fn by_time(&self, labels: &Labels) -> Option<Muted> {
        let mut why = None;
        for route in self.config.route.of(labels) {
            why = Some(self.config.muted_by_time(route, self.now)?);
        }
        why.map(Muted::ByTime)
    }
}

#[derive(Debug)]
struct Group {
    labels: Labels,
    route: String,
    alerts: BTreeSet<Labels>,
    next_flush: i64,
    flushed: bool,
}

/// Groups, alerts and what was told.
#[derive(Debug, Default)]
pub struct Dispatcher {
    alerts: BTreeMap<Labels, GivenAlert>,
    groups: BTreeMap<String, Group>,
    log: BTreeMap<LogKey, LogEntry>,
    /// Fingerprints of alerts somebody takes care of: they are not repeated. Ends and further alerts are told.
    pub acknowledged: BTreeSet<u64>,
}

impl Dispatcher {
    /// With what was told before a restart.
    pub fn with_log(log: BTreeMap<LogKey, LogEntry>) -> Self {
        Self { log, ..Self::default() }
    }

    /// The alert with these labels.
    pub fn alert(&self, labels: &Labels) -> Option<&GivenAlert> {
        self.alerts.get(labels)
    }

    /// Alerts known now.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = &GivenAlert> {
        self.alerts.values()
    }

    /// Groups now: key, labels, and their alerts.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Labels, Vec<&GivenAlert>)> {
        self.groups.iter().map(|(key, group)| {
            (key.as_str(), &group.labels, group.alerts.iter().filter_map(|labels| self.alerts.get(labels)).collect())
        })
    }

    /// What was told.
    pub fn log(&self) -> &BTreeMap<LogKey, LogEntry> {
        &self.log
    }

    /// Takes an alert that fires or has ended.
    pub fn accept(&mut self, alert: GivenAlert, config: &Config, now: i64) {
        let known = self.alerts.get(&alert.labels);
        if known.is_none() && alert.is_resolved(now) && !self.was_told(&alert.labels) {
            return;
        }
        for route in config.route.of(&alert.labels) {
            let labels = route.group_by.of(&alert.labels);
            let group = self.groups.entry(format!("{}:{labels}", route.key)).or_insert_with(|| Group {
                labels,
                route: route.key.clone(),
                alerts: BTreeSet::new(),
                next_flush: now + route.group_wait_ms,
                flushed: false,
            });
            group.alerts.insert(alert.labels.clone());
            // An alert that has been firing for longer than a group waits, after a restart for example, waits no more.
            if !group.flushed && alert.starts_at + route.group_wait_ms < now {
                group.next_flush = now;
            }
        }
        self.alerts.insert(alert.labels.clone(), alert);
    }

    fn was_told(&self, labels: &Labels) -> bool {
        let print = fingerprint(labels);
        self.log.values().any(|entry| entry.firing.contains(&print))
    }

    /// Forgets groups made by routes that are gone, and puts every alert where the new configuration wants it.
    pub fn configure(&mut self, config: &Config, now: i64) {
        let old = std::mem::take(&mut self.groups);
        for alert in std::mem::take(&mut self.alerts).into_values() {
            self.alerts.insert(alert.labels.clone(), alert.clone());
            self.accept(alert, config, now);
        }
        for (key, group) in &mut self.groups {
            if let Some(old) = old.get(key) {
                (group.next_flush, group.flushed) = (old.next_flush, old.flushed);
            }
        }
    }

    /// What mutes alerts now.
    pub fn mutes<'a>(&'a self, config: &'a Config, silences: &'a [Silence], now: i64) -> Mutes<'a> {
        let firing = self.alerts.values().filter(move |alert| !alert.is_resolved(now)).map(|alert| &alert.labels);
        Mutes { inhibitor: Inhibitor::new(&config.inhibit_rules, firing), config, silences, now }
    }

    /// Adds to the texts of an alert, or changes them: what is learned of it after it was handed on. Nobody is told anew.
    pub fn annotate(&mut self, labels: &Labels, texts: impl IntoIterator<Item = (String, String)>) {
        let Some(alert) = self.alerts.get_mut(labels) else { return };
        for (name, text) in texts {
            alert.annotations = alert.annotations.with(&name, &text);
        }
    }

    /// When [`Dispatcher::step`] next has something to do.
    pub fn next_flush(&self) -> Option<i64> {
        self.groups.values().map(|group| group.next_flush).min()
    }

    /// What is to be sent at `now`.
    pub fn step(&mut self, config: &Config, silences: &[Silence], now: i64) -> Vec<Notification> {
        let due: Vec<String> =
            self.groups.iter().filter(|(_, group)| group.next_flush <= now).map(|(key, _)| key.clone()).collect();
        if due.is_empty() {
            return Vec::new();
        }
        let firing = self.alerts.values().filter(|alert| !alert.is_resolved(now)).map(|alert| &alert.labels);
        let inhibitor = Inhibitor::new(&config.inhibit_rules, firing);
        let routes = config.route.all();
        let mut found = Vec::new();
        for key in due {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            // A route that no longer exists has lost its groups in `configure`.
            let Some(route) = routes.iter().find(|route| route.key == group.route) else { continue };
            // On the group's own grid, as Alertmanager's timers are: a loop that looks late must not put off the next message as well.
            let next = group.next_flush + route.group_interval_ms;
            group.next_flush = if next > now { next } else { now + route.group_interval_ms };
            group.flushed = true;
            let alerts: Vec<&GivenAlert> = group.alerts.iter().filter_map(|labels| self.alerts.get(labels)).collect();
            let heard: Vec<&GivenAlert> =
                alerts.into_iter().filter(|alert| muted(&alert.labels, &inhibitor, silences, now).is_none()).collect();
            if config.muted_by_time(route, now).is_none() {
                let decided = Decision {
                    key: &key,
                    labels: &group.labels,
                    route,
                    now,
                    log: &self.log,
                    acknowledged: &self.acknowledged,
                };
                found.extend(decided.notifications(config, &heard));
            }
            let heard: BTreeSet<Labels> = heard.iter().map(|alert| alert.labels.clone()).collect();
            self.drop_told(&key, &heard, now);
        }
        self.forget(now);
        found
    }

    /// Records that a notification reached its receiver.
    pub fn sent(&mut self, notification: &Notification, now: i64) -> (LogKey, LogEntry) {
        let key = (notification.group_key.clone(), notification.receiver.clone(), notification.integration);
        let entry = LogEntry { firing: notification.firing.clone(), resolved: notification.resolved.clone(), at: now };
        self.log.insert(key.clone(), entry.clone());
        if let Some(group) = self.groups.get(&notification.group_key) {
            let heard = group.alerts.clone();
            self.drop_told(&notification.group_key, &heard, now);
        }
        // A group whose alerts have all ended and been told of is over: the next one waits anew.
        if self.groups.get(&notification.group_key).is_some_and(|group| group.alerts.is_empty()) {
            self.groups.remove(&notification.group_key);
            self.forget(now);
        }
        (key, entry)
    }

    /// Lets a group forget alerts that have ended and of which nobody was told, or was told the end too. Muted ones are not told later.
    fn drop_told(&mut self, key: &str, heard: &BTreeSet<Labels>, now: i64) {
        let Some(group) = self.groups.get_mut(key) else { return };
        let from = (key.to_owned(), String::new(), 0);
        let told: Vec<&LogEntry> =
            self.log.range(from..).take_while(|(other, _)| other.0 == key).map(|(_, entry)| entry).collect();
        let alerts = &self.alerts;
        group.alerts.retain(|labels| {
            let Some(alert) = alerts.get(labels) else { return false };
            if !alert.is_resolved(now) || !group.flushed {
                return true;
            }
            let print = fingerprint(labels);
            heard.contains(labels) && told.iter().any(|entry| entry.firing.contains(&print))
        });
    }

    /// Drops empty groups, alerts of no group, and old entries of the log.
    fn forget(&mut self, now: i64) {
        self.groups.retain(|_, group| !group.alerts.is_empty());
        let wanted: BTreeSet<&Labels> = self.groups.values().flat_map(|group| &group.alerts).collect();
        let gone: Vec<Labels> = self.alerts.keys().filter(|labels| !wanted.contains(labels)).cloned().collect();
        for labels in gone {
            self.alerts.remove(&labels);
        }
        self.log.retain(|_, entry| now - entry.at <= LOG_RETENTION_MS);
    }
}

fn muted(labels: &Labels, inhibitor: &Inhibitor<'_>, silences: &[Silence], now: i64) -> Option<Muted> {
    if let Some(source) = inhibitor.muted_by(labels) {
        return Some(Muted::Inhibited(fingerprint(source)));
    }
    silences.iter().find(|silence| silence.mutes(labels, now)).map(|silence| Muted::Silenced(silence.id.clone()))
}

struct Decision<'a> {
    key: &'a str,
    labels: &'a Labels,
    route: &'a Route,
    now: i64,
    log: &'a BTreeMap<LogKey, LogEntry>,
    acknowledged: &'a BTreeSet<u64>,
}

impl Decision<'_> {
    /// One notification for each integration that has something to be told.
    fn notifications(&self, config: &Config, heard: &[&GivenAlert]) -> Vec<Notification> {
        let (resolved, firing): (Vec<&GivenAlert>, Vec<&GivenAlert>) =
            heard.iter().partition(|alert| alert.is_resolved(self.now));
        let prints =
            |alerts: &[&GivenAlert]| alerts.iter().map(|alert| fingerprint(&alert.labels)).collect::<BTreeSet<u64>>();
        let (firing_prints, resolved_prints) = (prints(&firing), prints(&resolved));
        let Some(receiver) = config.receiver(&self.route.receiver) else { return Vec::new() };
        let mut found = Vec::new();
        for (at, integration) in receiver.integrations.iter().enumerate() {
            let told = self.log.get(&(self.key.to_owned(), receiver.name.clone(), at));
            if !self.is_needed(told, &firing_prints, &resolved_prints, integration.send_resolved) {
                continue;
            }
            let mut alerts: Vec<GivenAlert> = firing.iter().map(|alert| (*alert).clone()).collect();
            if integration.send_resolved {
                alerts.extend(resolved.iter().map(|alert| (*alert).clone()));
            }
            found.push(Notification {
                group_key: self.key.to_owned(),
                group_labels: self.labels.clone(),
                receiver: receiver.name.clone(),
                integration: at,
                alerts,
                at: self.now,
                firing: firing_prints.clone(),
                resolved: resolved_prints.clone(),
            });
        }
        found
    }

    fn is_needed(
        &self,
        told: Option<&LogEntry>,
        firing: &BTreeSet<u64>,
        resolved: &BTreeSet<u64>,
        send_resolved: bool,
    ) -> bool {
        let Some(told) = told else { return !firing.is_empty() };
        if !firing.is_subset(&told.firing) {
            return true;
        }
        // With nothing firing, the end is told once, to whom the beginning was told. Whom ends are not told gets an empty
        // notification, which sends nothing and is recorded, so that the next beginning is news.
        if firing.is_empty() {
            return !told.firing.is_empty() && (!resolved.is_empty() || !send_resolved);
        }
        if send_resolved && !resolved.is_subset(&told.resolved) {
            return true;
        }
        self.now - told.at >= self.route.repeat_interval_ms && !firing.is_subset(self.acknowledged)
    }
}

#[cfg(test)]
mod tests;
