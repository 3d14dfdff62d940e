//! The loop that evaluates rules.
//!
//! Groups are evaluated beside each other: one that takes long, or whose alerts are being looked into, holds up no other. A group is
//! never evaluated twice at the same time.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::series::{Batch, Mode, SampleValue, Write};
use alerts::evaluate::{self as engine, ActiveAlert, GroupState, Outcome, Sample, Settings, Source};
use alerts::rules::Group;
use model::Timestamp;
use promql::{Params, Point, Query, ResultSample};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::evidence::{self, Gathered};
use super::keep::{self, EventKind};
use super::{Alerting, limits, others, present, send};
use crate::app::{App, Opened};
use crate::limits::LimitName;
use crate::series::{Sees, SeriesStore, millis};

/// How often the loop looks whether a group is due.
const TICK: Duration = Duration::from_millis(250);
/// How long one query of a rule may take.
const QUERY_TIME: Duration = Duration::from_secs(20);
/// How often the outside monitor is told that rules are evaluated, and old events are removed.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// How late, beyond two of its intervals, the evaluation of a group may be for a machine that is busy.
const LATE: Duration = Duration::from_secs(180);

/// Evaluates rules until the server stops.
pub async fn evaluate(app: Arc<App>) {
    let Ok(opened) = app.opened() else { return };
    let alerting = Arc::clone(&opened.alerting);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last_beat = None;
    // Dropped with this loop, which ends those that are under way.
    let (mut turns, under_way) = (JoinSet::new(), UnderWay::default());
    loop {
        ticks.tick().await;
        if alerting.taken_over.load(Ordering::Relaxed) {
            continue;
        }
        while let Some(done) = turns.try_join_next() {
            if let Err(error) = done {
                tracing::error!(%error, "the evaluation of a group stopped at a fault");
            }
        }
        let now = millis(app.now());
        for job in due(&alerting, now, &under_way, limits::GROUPS_AT_ONCE - turns.len()) {
            let app = Arc::clone(&app);
            turns.spawn(async move {
                if let Ok(opened) = app.opened() {
                    turn(&app, opened, job).await;
                }
            });
        }
        others::end(&app, opened, now).await;
        if last_beat.is_none_or(|last: i64| now - last >= HEARTBEAT.as_millis() as i64 || now < last) {
            last_beat = Some(now);
            beat(&app, opened, now).await;
        }
    }
}

/// An evaluation to be done.
struct Job {
    key: String,
    group: Arc<Group>,
    state: GroupState,
    at: i64,
    /// Goes with the job, however that ends.
    token: Token,
}

/// Groups whose evaluation is under way, by their keys.
#[derive(Debug, Default, Clone)]
struct UnderWay(Arc<Mutex<BTreeSet<String>>>);

impl UnderWay {
    fn keys(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, key: &str) -> Token {
        self.keys().insert(key.to_owned());
        Token { groups: self.clone(), key: key.to_owned() }
    }
}

/// Until it is dropped its group is not evaluated anew.
#[derive(Debug)]
struct Token {
    groups: UnderWay,
    key: String,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.groups.keys().remove(&self.key);
    }
}

/// Groups whose turn it is and that are not under way, `most` at most; the others have theirs as soon as there is room.
fn due(alerting: &Alerting, now: i64, under_way: &UnderWay, most: usize) -> Vec<Job> {
    let mut inner = alerting.lock();
    let mut jobs = Vec::new();
    let busy = under_way.keys().clone();
    for running in &mut inner.groups {
        let (interval, key) = (running.group.interval(), running.key());
        if jobs.len() == most {
            break;
        }
        if busy.contains(&key) {
            continue;
        }
        let Some(due) = engine::due(now, running.state.evaluated_at, interval, engine::offset_of(&key, interval))
        else {
            continue;
        };
        running.missed += due.missed;
        if due.missed > 0 || due.clock_went_back {
            engine::restore(&Arc::clone(&running.group), &mut running.state, due.at_ms);
        }
        let token = under_way.begin(&key);
        jobs.push(Job { key, group: Arc::clone(&running.group), state: running.state.clone(), at: due.at_ms, token });
    }
    jobs
}

async fn turn(app: &Arc<App>, opened: &Opened, job: Job) {
    let Job { key, group, state, at, token: _token } = job;
    let (store, project) = (Arc::clone(&opened.series), app.project());
    let settings = Settings {
        external_labels: app.settings.alerts.external_labels.clone(),
        external_url: external_url(app),
        hold_no_data_ms: limits::NO_DATA_HOLD.as_millis() as i64,
    };
    let began = app.now();
    let handle = Handle::current();
    let work_group = Arc::clone(&group);
    let work = tokio::task::spawn_blocking(move || {
        let mut state = state;
        let mut source = Series { store, project, handle };
        let outcomes = engine::evaluate(&work_group, &mut state, at, &mut source, &settings);
        (state, outcomes)
    });
    let (mut state, outcomes) = match work.await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(group = group.name, %error, "the evaluation of a group stopped at a fault");
            return;
        }
    };
    let took_ms = app.now().nanos_since(began) as f64 / 1e6;
    report(app, &group, &state, &outcomes);
    let (evidence, unfinished) = evidence::gather(app, &group, &outcomes, at).await;
    for rule in &mut state.rules {
        for alert in rule.alerts.values_mut() {
            let found = evidence.iter().find(|found| found.labels == alert.labels && found.fired_at == at);
            // Evidence of the beginning stays with the alert; the rule's own texts were expanded anew.
            let shown = match found {
                Some(found) => evidence::annotations(&found.labels, &found.evidence.runs, &external_url(app)),
                None => known_annotations(&opened.alerting, &alert.labels),
            };
            alert.annotations.retain(|(name, _)| ![present::TRACES, present::WORST_RUNS].contains(&name.as_str()));
            alert.annotations.extend(shown.into_iter().filter(|(_, text)| !text.is_empty()));
        }
    }
    hand_on(app, opened, Turned { key, group, state, outcomes, evidence, at, took_ms }).await;
    if let Some(wanted) = unfinished {
        tokio::spawn(evidence::later(Arc::clone(app), wanted));
    }
}

/// What came of an evaluation.
struct Turned {
    key: String,
    group: Arc<Group>,
    state: GroupState,
    outcomes: Vec<Outcome>,
    evidence: Vec<Gathered>,
    at: i64,
    took_ms: f64,
}

/// What messages say of the runs that show an alert that fired before.
fn known_annotations(alerting: &Alerting, labels: &promql::Labels) -> Vec<(String, String)> {
    let inner = alerting.lock();
    let Some(known) = inner.dispatcher.alert(labels) else { return Vec::new() };
    [present::TRACES, present::WORST_RUNS].map(|name| (name.to_owned(), known.annotations.get(name).to_owned())).into()
}

fn report(app: &App, group: &Group, state: &GroupState, outcomes: &[Outcome]) {
    for error in outcomes.iter().flat_map(|outcome| &outcome.template_errors) {
        tracing::warn!(group = group.name, error, "a template of a rule cannot be expanded");
    }
    for (rule, state) in group.rules.iter().zip(&state.rules).filter(|(_, state)| !state.last_error.is_empty()) {
        tracing::warn!(group = group.name, rule = rule.name, error = state.last_error, "a rule cannot be evaluated");
        if state.last_error.starts_with("exceeded limit") {
            app.counters.limit_reached(LimitName::RuleAlertsMax);
        }
    }
}

/// Keeps the state, and gives alerts to the dispatcher and to other Alertmanagers.
///
/// In this order: a message that is sent and recorded while the state of its rule is not on the disk would be sent again after a kill,
/// and its end too. A kill behind the write loses nothing: the alert is kept with the state, and is told after the restart.
async fn hand_on(app: &Arc<App>, opened: &Opened, turned: Turned) {
    let Turned { key, group, mut state, outcomes, evidence, at, took_ms } = turned;
    let resend = limits::RESEND.as_millis() as i64;
    let url = external_url(app);
    let mut given = Vec::new();
    for (rule, rule_state) in group.rules.iter().zip(&mut state.rules) {
        for alert in rule_state.alerts.values_mut() {
            if alert.take_due(at, resend) {
                given.push(present::given(rule, alert, at, &url));
            }
        }
    }
    let mut ended = Vec::new();
    let mut taken = Vec::new();
    {
        let mut inner = opened.alerting.lock();
        // Its rules were read again meanwhile: the group in its place goes on from the state of before, with its own rules.
        let is_this = |running: &&mut super::Running| running.key() == key && Arc::ptr_eq(&running.group, &group);
        let Some(running) = inner.groups.iter_mut().find(is_this) else { return };
        running.state = state.clone();
        running.took_ms = took_ms;
        for alert in outcomes.iter().flat_map(|outcome| &outcome.resolved) {
            let print = alerts::manager::fingerprint(&alert.labels);
            if inner.acks.contains_key(&print) {
                ended.push(print);
            }
        }
        let mut room = limits::ALERTS_MAX.saturating_sub(inner.dispatcher.alerts().len() + inner.coming.len());
        for alert in &given {
            if inner.dispatcher.alert(&alert.labels).is_none() {
                if room == 0 {
                    app.counters.limit_reached(LimitName::AlertsMax);
                    continue;
                }
                room -= 1;
            }
            inner.coming.insert(alert.labels.clone(), alert.clone());
            taken.push(alert.clone());
        }
    }
    let changed = outcomes.iter().any(|outcome| !outcome.fired.is_empty() || !outcome.resolved.is_empty());
    let events = events(&outcomes);
    let (kept, alerting, over) = (opened.state.clone(), Arc::clone(&opened.alerting), ended.clone());
    let interval = group.interval();
    let done = tokio::task::spawn_blocking(move || {
        kept.write(|transaction| {
            keep::put_group(transaction, &key, &group, &state)?;
            if changed {
                keep::put_alerts(transaction, alerting.known().iter())?;
            }
            for (kind, labels, detail) in &events {
                keep::add_event(transaction, at, *kind, labels, detail)?;
            }
            for found in &evidence {
                keep::put_evidence(transaction, found)?;
            }
            over.iter().try_for_each(|print| keep::put_ack(transaction, *print, None))
        })
    });
    // Also where the disk takes nothing: a page that may come twice is better than none.
    note(app, done.await);
    {
        let mut inner = opened.alerting.lock();
        let config = Arc::clone(&inner.config);
        inner.forget_acks(&ended);
        for alert in taken {
            inner.coming.remove(&alert.labels);
            inner.dispatcher.accept(alert, &config, at);
        }
        inner.dispatcher.acknowledged = inner.acknowledged();
    }
    if !given.is_empty() {
        opened.alerting.wake.notify_one();
        for url in &app.settings.alerts.forward {
            tokio::spawn(send::forward(Arc::clone(app), url.clone(), given.clone(), interval));
        }
    }
}

pub(super) fn note(app: &App, done: Result<Result<(), state::StateError>, tokio::task::JoinError>) {
    let trouble = match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(error) = &trouble {
        tracing::error!(error, "the state of alerts cannot be kept");
    }
    app.troubles.set("alerts", trouble.map(|error| format!("the state of alerts cannot be kept: {error}")));
}

fn events(outcomes: &[Outcome]) -> Vec<(EventKind, promql::Labels, String)> {
    let event = |kind, alert: &ActiveAlert| (kind, alert.labels.clone(), promql::short_float(alert.value));
    let fired = outcomes.iter().flat_map(|outcome| &outcome.fired).map(|alert| event(EventKind::Fired, alert));
    let resolved = outcomes
        .iter()
        .flat_map(|outcome| &outcome.resolved)
        .map(|alert| event(if alert.no_data_since.is_some() { EventKind::NoData } else { EventKind::Resolved }, alert));
    fired.chain(resolved).collect()
}

/// Where people reach this server.
pub fn external_url(app: &App) -> String {
    app.settings
        .alerts
        .external_url
        .clone()
        .unwrap_or_else(|| app.endpoints.http.clone())
        .trim_end_matches('/')
        .to_owned()
}

/// Ends alerts whose rule is gone or was changed, and keeps that they ended.
pub(super) async fn end_orphans(app: &App, opened: &Opened, now: i64) {
    let ended = opened.alerting.lock().end_orphans(now);
    if ended.is_empty() {
        return;
    }
    opened.alerting.wake.notify_one();
    let (kept, alerting) = (opened.state.clone(), Arc::clone(&opened.alerting));
    let done = tokio::task::spawn_blocking(move || {
        kept.write(|transaction| keep::put_orphans(transaction, &ended, alerting.known().iter(), now))
    });
    note(app, done.await);
}

async fn beat(app: &Arc<App>, opened: &Opened, now: i64) {
    // An evaluation that began under rules of before may have handed on what they gave.
    end_orphans(app, opened, now).await;
    let kept = opened.state.clone();
    let done = tokio::task::spawn_blocking(move || kept.write(|transaction| keep::expire(transaction, now)));
    note(app, done.await);
    let Some(url) = &app.settings.alerts.heartbeat else { return };
    if is_evaluating(&opened.alerting, millis(app.started), now) {
        tokio::spawn(send::heartbeat(Arc::clone(app), url.clone()));
    } else {
        // The monitor is to notice.
        let what = "no group of rules was evaluated lately: the outside monitor is not told that all is well";
        tracing::error!("{what}");
        app.troubles.set("heartbeat", Some(what.to_owned()));
    }
}

/// Whether any group, as far as there are some, was evaluated lately; a server that just started has some time for it.
fn is_evaluating(alerting: &Alerting, started: i64, now: i64) -> bool {
    let inner = alerting.lock();
    let is_late = |running: &super::Running| {
        let last = running.state.evaluated_at.unwrap_or(started).max(started);
        now - last > 2 * running.group.interval() + LATE.as_millis() as i64
    };
    inner.groups.is_empty() || !inner.groups.iter().all(is_late)
}

/// The series of a project, for rules. Lives on a thread for blocking work.
struct Series {
    store: Arc<SeriesStore>,
    project: Arc<str>,
    handle: Handle,
}

impl Source for Series {
    fn instant(&mut self, query: &Query, at_ms: i64) -> Result<Vec<ResultSample>, String> {
        let answer =
            self.store.evaluate((&self.project, &Sees::Everything), query, &Params::instant(at_ms), QUERY_TIME);
        engine::samples(answer.map_err(|error| error.to_string())?.value, at_ms)
    }

    fn write(&mut self, samples: Vec<Sample>) {
        let mut batch = Batch::default();
        for sample in samples {
            let value = match sample.point {
                Point::Float(value) => SampleValue::Float(value),
                Point::Histogram(histogram) => SampleValue::Histogram(histogram),
                Point::None => continue,
            };
            batch.writes.push(Write {
                labels: sample.labels,
                time: sample.time_ms,
                value,
                mode: Mode::Set,
                start: None,
            });
        }
        let now = Timestamp::from_nanos(crate::clock::SystemClock::time().as_nanos());
        if let Err(error) = self.handle.block_on(self.store.write(&self.project, batch, now)) {
            tracing::error!(error, "series made by rules cannot be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::AlertSettings;

    #[test]
    fn a_group_that_is_under_way_is_not_due_and_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.yml");
        let group = |name: &str| format!("{{name: {name}, interval: 1s, rules: [{{alert: A, expr: vector(1)}}]}}");
        std::fs::write(&path, format!("groups: [{}, {}]", group("slow"), group("quick"))).unwrap();
        let settings =
            AlertSettings { rules: vec![path], packs: Some(vec!["none".into()]), ..AlertSettings::default() };
        let state = state::State::open(dir.path(), &[keep::PART]).unwrap();
        let (began, under_way) = (1_700_000_000_000, UnderWay::default());
        let alerting = Alerting::open(&settings, &state, began).unwrap();
        let due = |most: usize| due(&alerting, began + 10_000, &under_way, most);
        let names = |jobs: &[Job]| jobs.iter().map(|job| job.group.name.to_string()).collect::<Vec<_>>();
        assert!(due(0).is_empty());
        let slow = due(1);
        assert_eq!(names(&slow), ["slow"]);
        assert_eq!(names(&due(8)), ["quick"]);
        drop(slow);
        assert_eq!(names(&due(8)), ["slow", "quick"], "also where it ended at a fault");
        // Nobody is told that all is well where nothing is evaluated.
        assert!(is_evaluating(&alerting, began, began + 180_000) && !is_evaluating(&alerting, began, began + 200_000));
        alerting.lock().groups[1].state.evaluated_at = Some(began + 190_000);
        assert!(is_evaluating(&alerting, began, began + 200_000), "one group is late, not all");
    }
}
