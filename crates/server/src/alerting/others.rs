//! Alerts that other systems send: when they began and ended, for the history.
//!
//! They end when their sender says so, or when nothing is heard of them for long enough. What is taken is kept before the sender learns
//! that it was: an Alertmanager that calls the webhook does not send it again soon.

use std::collections::{BTreeMap, BTreeSet};

use alerts::manager::dispatch::GivenAlert;
use alerts::manager::fingerprint;
use promql::Labels;
use state::rusqlite::{self, Transaction};

use super::evidence::Begun;
use super::keep::{self, EventKind};
use super::present;
use crate::app::{App, Opened};

/// What the history says of a beginning.
const SENT: &str = "sent by another system";
/// What it says of an end that was told.
const TOLD: &str = "its sender said so";
/// What it says of an end that was not.
const UNHEARD: &str = "nothing more was heard of it";

/// Alerts of others that fire, each with when it ends unless something is heard of it.
#[derive(Debug, Default)]
pub struct Others(BTreeMap<Labels, i64>);

/// That an alert of others began or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    labels: Labels,
    kind: EventKind,
    at: i64,
    detail: &'static str,
}

impl Others {
    /// An alert that was known before a restart, with when it ends.
    pub fn known(&mut self, labels: Labels, ends_at: i64) {
        self.0.insert(labels, ends_at);
    }

    /// Takes what was sent, and says what began or ended by it.
    pub fn heard(&mut self, alert: &GivenAlert, now: i64) -> Vec<Turn> {
        let turn = |kind, at, detail| Turn { labels: alert.labels.clone(), kind, at, detail };
        let mut turns = Vec::new();
        let mut fires = self.0.get(&alert.labels).copied();
        if let Some(end) = fires.filter(|end| *end <= now) {
            turns.push(turn(EventKind::Resolved, end, UNHEARD));
            fires = None;
        }
        if alert.is_resolved(now) {
            if fires.is_some() {
                turns.push(turn(EventKind::Resolved, now, TOLD));
            }
            self.0.remove(&alert.labels);
            return turns;
        }
        if fires.is_none() {
            turns.push(turn(EventKind::Fired, now, SENT));
        }
        self.0.insert(alert.labels.clone(), alert.ends_at.unwrap_or(i64::MAX));
        turns
    }

    /// Those of which nothing was heard for long enough.
    pub fn over(&mut self, now: i64) -> Vec<Turn> {
        let mut turns = Vec::new();
        self.0.retain(|labels, end| {
            let over = *end <= now;
            if over {
                turns.push(Turn { labels: labels.clone(), kind: EventKind::Resolved, at: *end, detail: UNHEARD });
            }
            !over
        });
        turns
    }
}

/// Fingerprints of those that ended: what was said of them is not said of the next time.
pub fn ended(turns: &[Turn]) -> Vec<u64> {
    let ends = turns.iter().filter(|turn| turn.kind == EventKind::Resolved);
    ends.map(|turn| fingerprint(&turn.labels)).collect()
}

/// Of those that began the ones that something here may show.
pub fn begun(turns: &[Turn], taken: &[GivenAlert]) -> Vec<Begun> {
    let began: BTreeSet<&Labels> =
        turns.iter().filter(|turn| turn.kind == EventKind::Fired).map(|turn| &turn.labels).collect();
    let new = taken.iter().filter(|alert| began.contains(&alert.labels));
    let new = new.map(|alert| Begun { labels: alert.labels.clone(), since: alert.starts_at });
    new.filter(Begun::is_about_runs).collect()
}

/// An alert that is sent again while it fires goes on: it began when it began, as in Alertmanager, and keeps what was found of it here,
/// of which its sender does not know.
pub fn going_on(mut alert: GivenAlert, known: Option<&GivenAlert>, now: i64) -> GivenAlert {
    let Some(known) = known.filter(|known| !known.is_resolved(now)) else { return alert };
    alert.starts_at = alert.starts_at.min(known.starts_at);
    for name in [present::TRACES, present::WORST_RUNS] {
        let text = known.annotations.get(name);
        if !text.is_empty() && alert.annotations.get(name).is_empty() {
            alert.annotations = alert.annotations.with(name, text);
        }
    }
    alert
}

/// Keeps what began and ended.
///
/// # Errors
/// What SQLite says.
pub fn put(transaction: &Transaction<'_>, turns: &[Turn]) -> rusqlite::Result<()> {
    for turn in turns {
        keep::add_event(transaction, turn.at, turn.kind, &turn.labels, turn.detail)?;
        if turn.kind == EventKind::Resolved {
            keep::end_evidence(transaction, fingerprint(&turn.labels), turn.at)?;
        }
    }
    ended(turns).into_iter().try_for_each(|print| keep::put_ack(transaction, print, None))
}

/// Notes the end of those of which nothing is heard any more.
pub async fn end(app: &App, opened: &Opened, now: i64) {
    let turns = {
        let mut inner = opened.alerting.lock();
        let turns = inner.others.over(now);
        inner.forget_acks(&ended(&turns));
        turns
    };
    if turns.is_empty() {
        return;
    }
    let kept = opened.state.clone();
    let done = tokio::task::spawn_blocking(move || kept.write(|transaction| put(transaction, &turns)));
    super::evaluate::note(app, done.await);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(ends_at: i64) -> GivenAlert {
        GivenAlert {
            labels: Labels::new([("alertname", "Far")]),
            annotations: Labels::default(),
            starts_at: 0,
            ends_at: Some(ends_at),
            generator_url: String::new(),
            updated_at: 0,
        }
    }

    fn said(turns: &[Turn]) -> Vec<(&'static str, i64, &'static str)> {
        turns.iter().map(|turn| (turn.kind.as_str(), turn.at, turn.detail)).collect()
    }

    #[test]
    fn an_alert_of_others_begins_once_and_ends_once() {
        let mut others = Others::default();
        assert_eq!(said(&others.heard(&sent(100), 10)), [("fired", 10, SENT)]);
        assert!(others.heard(&sent(150), 60).is_empty(), "the same one goes on");
        assert!(others.over(149).is_empty());
        assert_eq!(said(&others.heard(&sent(90), 90)), [("resolved", 90, TOLD)]);
        assert!(others.heard(&sent(90), 95).is_empty(), "told twice");
        assert!(others.over(1000).is_empty());
    }

    #[test]
    fn only_what_began_and_is_about_runs_is_looked_for() {
        let mut others = Others::default();
        let about = |name: &str| GivenAlert { labels: Labels::new([("alertname", "Far"), (name, "x")]), ..sent(100) };
        let taken = [about("tool_name"), about("host")];
        let turns: Vec<Turn> = taken.iter().flat_map(|alert| others.heard(alert, 10)).collect();
        let found = begun(&turns, &taken);
        assert_eq!(found, [Begun { labels: taken[0].labels.clone(), since: 0 }]);
        let again: Vec<Turn> = taken.iter().flat_map(|alert| others.heard(alert, 20)).collect();
        assert!(begun(&again, &taken).is_empty());
    }

    #[test]
    fn an_alert_that_is_sent_again_goes_on() {
        let known = GivenAlert { annotations: Labels::new([("traces", "abc"), ("summary", "old")]), ..sent(100) };
        let new = GivenAlert { annotations: Labels::new([("summary", "new")]), starts_at: 40, ..sent(200) };
        let kept = going_on(new.clone(), Some(&known), 50);
        assert_eq!((kept.annotations.get("traces"), kept.annotations.get("summary")), ("abc", "new"));
        assert_eq!((kept.starts_at, kept.ends_at), (0, Some(200)));
        assert_eq!(going_on(new.clone(), Some(&known), 100), new, "that one was over: this one is another");
    }

    #[test]
    fn one_that_is_not_heard_of_ends_when_it_was_due_to() {
        let mut others = Others::default();
        others.heard(&sent(100), 10);
        assert_eq!(said(&others.over(120)), [("resolved", 100, UNHEARD)]);
        others.heard(&sent(200), 130);
        // Sent again before anybody looked: two incidents, not one.
        assert_eq!(said(&others.heard(&sent(400), 300)), [("resolved", 200, UNHEARD), ("fired", 300, SENT)]);
    }
}
