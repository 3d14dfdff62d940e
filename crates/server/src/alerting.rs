//! Alerting: rules evaluated on their grid, their alerts routed, grouped and sent.
//!
//! The crate `alerts` decides; this part owns the clock, the series, the state on disk and the network. Three loops:
//! [`evaluate`] asks series and moves alerts through their states, [`deliver`] sends what is due, [`reload`] follows the files.

pub mod alertmanager;
pub mod backtest;
pub mod deliver;
mod evaluate;
mod evidence;
pub mod keep;
mod others;
mod ours;
mod present;
pub mod prometheus;
pub mod reload;
pub mod review;
mod send;
pub mod settings;
mod smtp;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alerts::evaluate::GroupState;
use alerts::manager::config::Integration;
use alerts::manager::dispatch::{GivenAlert, LogKey};
use alerts::manager::{Config, Dispatcher, Matchers, Notification, Silence, fingerprint};
use alerts::rules::Group;
use alerts::template::Template;
use model::{Tenant, Timestamp};
use promql::{Labels, MatchOp};
use tokio::sync::{Notify, Semaphore};

use self::deliver::Pending;
pub use self::deliver::deliver;
pub use self::evaluate::evaluate;
pub use self::keep::{Ack, Event, EventKind};
pub use self::ours::follow;
pub use self::present::{Threshold, threshold, time_text};
pub use self::reload::reload;
pub use self::send::http_client;
pub use self::settings::AlertSettings;
use crate::app::App;
use crate::limits::LimitName;
use crate::problem::Problem;
use crate::series::millis;

/// Bounds of alerting. Reaching one is counted under its name.
pub mod limits {
    use std::time::Duration;

    /// Alerts known at once; further ones are refused until others end.
    pub const ALERTS_MAX: usize = 20_000;
    /// Alerts one rule may give where its group sets no limit.
    pub const RULE_ALERTS_MAX: usize = 10_000;
    /// Bytes of labels and annotations one alert may have when another system sends it.
    pub const ALERT_BYTES_MAX: usize = 64 << 10;
    /// How long one message may take to be accepted.
    pub const SEND_TIME: Duration = Duration::from_secs(10);
    /// Messages sent at the same time.
    pub const SENDS_MAX: usize = 8;
    /// The longest pause between attempts to send a message.
    pub const RETRY_MAX: Duration = Duration::from_secs(60);
    /// How long events are kept.
    pub const HISTORY_KEEP: Duration = Duration::from_secs(90 * 86_400);
    /// Events kept at most.
    pub const HISTORY_MAX: i64 = 200_000;
    /// Times of firing whose evidence is kept, the latest.
    pub const EVIDENCE_MAX: i64 = 20_000;
    /// Groups evaluated at the same time.
    pub const GROUPS_AT_ONCE: usize = 8;
    /// Alerts of one evaluation of a group that evidence is gathered for.
    pub const EVIDENCE_ALERTS_MAX: usize = 20;
    /// How long gathering it may hold up the messages of a group.
    pub const EVIDENCE_TIME: Duration = Duration::from_secs(5);
    /// How long what there was no time for is looked for after the message.
    pub const EVIDENCE_LATE_TIME: Duration = Duration::from_secs(120);
    /// Evaluations whose evidence is looked for so at the same time.
    pub const EVIDENCE_LATE_MAX: usize = 16;
    /// Silences that are not over.
    pub const SILENCES_MAX: usize = 10_000;
    /// How long an expired silence is shown.
    pub const SILENCE_KEEP: Duration = Duration::from_secs(5 * 86_400);
    /// How long an alert whose series are gone stays open, saying "no data since".
    pub const NO_DATA_HOLD: Duration = Duration::from_secs(15 * 60);
    /// How long one backtest may take.
    pub const BACKTEST_TIME: Duration = Duration::from_secs(300);
    /// Backtests at the same time; a further one is told to come back.
    pub const BACKTESTS_MAX: usize = 1;
    /// Bytes of the rules a backtest is given.
    pub const BACKTEST_BYTES_MAX: usize = 1 << 20;
    /// Samples that recording rules of one backtest hold in memory.
    pub const BACKTEST_SAMPLES_MAX: usize = 5_000_000;
    /// Steps of one backtest where none is asked for; a longer time is looked at in larger steps.
    pub const BACKTEST_STEPS_MAX: i64 = 11_000;
    /// How often a firing alert is handed on again, as in Prometheus.
    pub const RESEND: Duration = Duration::from_secs(60);
}

/// A group at work.
#[derive(Debug)]
pub struct Running {
    /// File it comes from, or the pack.
    pub file: String,
    /// The group.
    pub group: Arc<Group>,
    /// Its state.
    pub state: GroupState,
    /// How long the last evaluation took, in milliseconds.
    pub took_ms: f64,
    /// Evaluations that were due and did not happen.
    pub missed: u64,
}

impl Running {
    /// What identifies the group.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.group.name)
    }
}

/// Everything that changes.
#[derive(Debug)]
pub struct Inner {
    /// Groups at work.
    pub groups: Vec<Running>,
    /// Alerts, groups of them, and what was told.
    pub dispatcher: Dispatcher,
    /// Alerts on their way there: they are being written, and nobody is told of them before they are.
    pub coming: BTreeMap<Labels, GivenAlert>,
    /// The configuration in use.
    pub config: Arc<Config>,
    /// Its text, where it comes from a file.
    pub config_text: String,
    /// Templates for messages.
    pub library: Arc<Vec<Template>>,
    /// Silences, expired ones included for a while.
    pub silences: Vec<Silence>,
    /// Who takes care of which alert, by fingerprint.
    pub acks: BTreeMap<u64, Ack>,
    /// Alerts of others that fire.
    pub others: others::Others,
    /// Messages that are decided and not yet delivered.
    pub pending: BTreeMap<LogKey, Pending>,
    /// What is wrong with files, by file; the version before is at work.
    pub file_problems: BTreeMap<String, String>,
    /// Messages that were not accepted since the server started.
    pub failed_sends: u64,
    /// Messages that were.
    pub sent: u64,
}

/// Alerting of one server.
#[derive(Debug)]
pub struct Alerting {
    inner: Mutex<Inner>,
    /// What the files said when they were read first.
    files_read: blake3::Hash,
    /// Wakes the sending loop.
    pub wake: Notify,
    /// Backtests that may still run at the same time.
    pub backtests: Arc<Semaphore>,
    /// Evaluations whose evidence may still be looked for after their messages.
    pub late_evidence: Arc<Semaphore>,
    /// Another process has the data: here nothing is evaluated and nobody is told.
    pub taken_over: AtomicBool,
}

impl Alerting {
    /// Reads files and state. Blocks.
    ///
    /// # Errors
    /// When a file or the state cannot be read: at start a mistake in a rule file is told at once, and not by alerts that never come.
    pub fn open(settings: &AlertSettings, state: &state::State, now: i64) -> Result<Self, OpenError> {
        // Before they are read: a change in between is then seen as one.
        let files_read = reload::fingerprint(settings);
        let rules = reload::read_rules(settings)?;
        let (config, config_text, library) = reload::read_config(settings)?;
        let kept = keep::load(state)?;
        let mut inner = Inner {
            groups: Vec::new(),
            dispatcher: Dispatcher::with_log(kept.log),
            coming: BTreeMap::new(),
            config: Arc::new(config),
            config_text,
            library: Arc::new(library),
            silences: kept.silences,
            acks: kept.acks,
            others: others::Others::default(),
            pending: BTreeMap::new(),
            file_problems: BTreeMap::new(),
            failed_sends: 0,
            sent: 0,
        };
        for (file, group) in rules {
            let key = format!("{file};{}", group.name);
            let known = kept.groups.get(&key);
            let old = known.map(|known| (&known.0, &known.1));
            let mut state = GroupState::carried_over(&group, old);
            alerts::evaluate::restore(&group, &mut state, now);
            inner.groups.push(Running { file, group: Arc::new(group), state, took_ms: 0.0, missed: 0 });
        }
        let ends: BTreeMap<Labels, Option<i64>> =
            kept.alerts.iter().map(|alert| (alert.labels.clone(), alert.ends_at)).collect();
        for alert in kept.alerts {
            let config = Arc::clone(&inner.config);
            inner.dispatcher.accept(alert, &config, now);
        }
        let ended = inner.end_orphans(now);
        if !ended.is_empty() {
            state.write(|transaction| keep::put_orphans(transaction, &ended, inner.dispatcher.alerts(), now))?;
        }
        inner.know_others(state.read(keep::unended)?, &ends, now);
        Ok(Self {
            inner: Mutex::new(inner),
            files_read,
            wake: Notify::new(),
            backtests: Arc::new(Semaphore::new(limits::BACKTESTS_MAX)),
            late_evidence: Arc::new(Semaphore::new(limits::EVIDENCE_LATE_MAX)),
            taken_over: AtomicBool::new(false),
        })
    }

    /// Alerts known now, those on their way to the dispatcher last. Asked within the transaction that keeps them: one that came since the
    /// last is then not taken for gone.
    pub fn known(&self) -> Vec<GivenAlert> {
        let inner = self.lock();
        inner.dispatcher.alerts().chain(inner.coming.values()).cloned().collect()
    }

    /// The state, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Fingerprints of alerts somebody takes care of.
    pub fn acknowledged(&self) -> BTreeSet<u64> {
        if self.acks.is_empty() {
            return BTreeSet::new();
        }
        let cared = self.dispatcher.alerts().filter(|alert| self.ack_of(&alert.labels).is_some());
        cared.map(|alert| fingerprint(&alert.labels)).collect()
    }

    /// Who takes care of an alert. What was said of an alert that ended is not said of one that fires anew.
    pub fn ack_of(&self, labels: &Labels) -> Option<&Ack> {
        let ack = self.acks.get(&fingerprint(labels))?;
        self.dispatcher.alert(labels).is_none_or(|alert| alert.starts_at <= ack.at).then_some(ack)
    }

    /// Forgets who takes care of alerts that ended.
    pub fn forget_acks(&mut self, ended: &[u64]) {
        let before = self.acks.len();
        ended.iter().for_each(|print| drop(self.acks.remove(print)));
        if self.acks.len() < before {
            self.dispatcher.acknowledged = self.acknowledged();
        }
    }

    /// After a restart: of the alerts that began and did not end, those no rule of ours has are others'. `ends` has when they end.
    fn know_others(&mut self, unended: Vec<Labels>, ends: &BTreeMap<Labels, Option<i64>>, now: i64) {
        let states = self.groups.iter().flat_map(|running| &running.state.rules);
        let ours: BTreeSet<&Labels> = states.flat_map(|rule| rule.alerts.values()).map(|alert| &alert.labels).collect();
        for labels in unended.into_iter().filter(|labels| !ours.contains(labels)) {
            let end = ends.get(&labels).copied().flatten().unwrap_or(now);
            self.others.known(labels, end);
        }
    }

    /// Ends alerts of rules that are gone or were changed: no evaluation will. Gives their labels, for the history.
    ///
    /// Alerts that others send are not touched: they say themselves when they end.
    pub fn end_orphans(&mut self, now: i64) -> Vec<Labels> {
        let states = self.groups.iter().flat_map(|running| &running.state.rules);
        let ours: BTreeSet<&Labels> = states.flat_map(|rule| rule.alerts.values()).map(|alert| &alert.labels).collect();
        let orphan = |alert: &&GivenAlert| alert.ends_at.is_none() && !ours.contains(&alert.labels);
        let gone: Vec<GivenAlert> = self.dispatcher.alerts().filter(orphan).cloned().collect();
        let config = Arc::clone(&self.config);
        for alert in &gone {
            self.acks.remove(&fingerprint(&alert.labels));
            let ended = GivenAlert { ends_at: Some(now), updated_at: now, ..alert.clone() };
            self.dispatcher.accept(ended, &config, now);
        }
        gone.into_iter().map(|alert| alert.labels).collect()
    }
}

/// The project whose series rules look at: Tawny's own metrics are there, about all projects.
pub fn project() -> Arc<str> {
    Tenant::DEFAULT_PROJECT.into()
}

/// The compared part of an alert's expression, or the whole of it.
pub fn watched_or_all(query: &promql::Query) -> promql::Query {
    alerts::evaluate::watched(query).unwrap_or_else(|| query.clone())
}

/// Sends one message at once and once.
///
/// # Errors
/// With what the receiver says, where it does not take it.
pub async fn send_now(app: &App, integration: &Integration, notification: &Notification) -> Result<(), String> {
    let (config, library) = {
        let inner = app.alerting().map_err(|problem| problem.detail)?.lock();
        (Arc::clone(&inner.config), Arc::clone(&inner.library))
    };
    let sent = send::notification(app, &config, &library, integration, notification).await;
    sent.map_err(|error| match error {
        send::SendError::Later(reason) | send::SendError::Never(reason) => reason,
    })
}

/// An identifier in the form of a random UUID.
pub fn new_id(now: Timestamp) -> String {
    let random = || RandomState::new().hash_one(now.as_nanos());
    let (high, low) = (random(), random());
    let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// What the content policy leaves of conditions for one value: alerts have their labels as it leaves them. A pattern stays as it is.
pub fn left(app: &App, mut conditions: Matchers) -> Matchers {
    for matcher in &mut conditions.0 {
        if matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) {
            matcher.value = app.told("silence.matcher", matcher.value.to_string()).into();
        }
    }
    conditions
}

/// Makes a silence, or changes one with the same id.
pub async fn put_silence(app: &App, silence: Silence) -> Result<(), Problem> {
    silence.check().map_err(Problem::bad_request)?;
    let now = millis(app.now());
    let live = app.alerting()?.lock().silences.iter().filter(|silence| silence.ends_at > now).count();
    if live >= limits::SILENCES_MAX {
        app.counters.limit_reached(LimitName::SilencesMax);
        return Err(Problem::bad_request(format!("there are {live} silences already (silences_max); end some")));
    }
    let kept = silence.clone();
    app.with_state(move |state| state.write(|transaction| keep::put_silence(transaction, &kept))).await?;
    let alerting = app.alerting()?;
    {
        let mut inner = alerting.lock();
        let forgotten = i64::try_from(limits::SILENCE_KEEP.as_millis()).unwrap_or(i64::MAX);
        inner.silences.retain(|known| known.id != silence.id && now - known.ends_at < forgotten);
        inner.silences.push(silence);
    }
    alerting.wake.notify_one();
    Ok(())
}

/// Ends a silence now.
pub async fn expire_silence(app: &App, id: &str) -> Result<Silence, Problem> {
    let now = millis(app.now());
    let found = app.alerting()?.lock().silences.iter().find(|silence| silence.id == id).cloned();
    let mut silence = found.ok_or_else(|| Problem::not_found(format!("there is no silence {id}")))?;
    (silence.ends_at, silence.updated_at) = (silence.ends_at.min(now), now);
    let kept = silence.clone();
    app.with_state(move |state| state.write(|transaction| keep::put_silence(transaction, &kept))).await?;
    let alerting = app.alerting()?;
    if let Some(known) = alerting.lock().silences.iter_mut().find(|known| known.id == id) {
        known.clone_from(&silence);
    }
    alerting.wake.notify_one();
    Ok(silence)
}

/// Why alerting cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file has mistakes or cannot be read.
    #[error("{0}")]
    File(String),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] state::StateError),
}
