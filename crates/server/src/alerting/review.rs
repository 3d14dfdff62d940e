//! The week in review: which rules earned their place.

use std::collections::BTreeMap;

use promql::Labels;

use super::keep::Event;
use crate::api::types::ReviewedRule;

/// An alert that fires more often than this in the time looked at trains people to ignore it.
const OFTEN: u64 = 20;
/// An alert that ends within this time again and again only flaps, in milliseconds.
const FLAP_MS: i64 = 10 * 60_000;
/// One that fires for more than this share of the time says nothing new.
const ALWAYS: f64 = 0.8;

#[derive(Default)]
struct Tally {
    fired: u64,
    acknowledged: u64,
    sent: u64,
    short: u64,
    /// The longest of the short ones.
    longest_short_ms: i64,
    longest_ms: i64,
    total_ms: i64,
}

/// Judges each rule by what happened between `from` and `now`. `events` are ordered newest first; `firing` are the alerts that fire now, each
/// with since when: of one that fires all the time nothing happened.
pub fn review(names: &[String], events: &[Event], firing: &[(Labels, i64)], from: i64, now: i64) -> Vec<ReviewedRule> {
    let mut tallies: BTreeMap<&str, Tally> = names.iter().map(|name| (name.as_str(), Tally::default())).collect();
    let mut began = BTreeMap::new();
    for event in events.iter().rev() {
        let Some(tally) = tallies.get_mut(event.labels.get("alertname")) else { continue };
        match event.kind.as_str() {
            "fired" => {
                tally.fired += 1;
                began.insert(&event.labels, event.at);
            }
            "resolved" | "no_data" => tally.end(began.remove(&event.labels).unwrap_or(from), event.at),
            "sent" => tally.sent += 1,
            "acknowledged" => tally.acknowledged += 1,
            _ => {}
        }
    }
    for (labels, since) in firing {
        began.entry(labels).or_insert((*since).max(from));
    }
    for (labels, at) in began {
        if let Some(tally) = tallies.get_mut(labels.get("alertname")) {
            let length = now - at;
            tally.longest_ms = tally.longest_ms.max(length);
            tally.total_ms += length;
        }
    }
    let mut rules: Vec<ReviewedRule> = tallies.into_iter().map(|(name, tally)| tally.judge(name, now - from)).collect();
    let rank = |rule: &ReviewedRule| {
        ["always firing", "flapping", "nobody acts", "never fired", "acted on", "fine"]
            .iter()
            .position(|known| *known == rule.verdict)
    };
    rules.sort_by(|a, b| {
        (rank(a), std::cmp::Reverse(a.fired), &a.name).cmp(&(rank(b), std::cmp::Reverse(b.fired), &b.name))
    });
    rules
}

impl Tally {
    fn end(&mut self, began: i64, ended: i64) {
        let length = ended - began;
        if length < FLAP_MS {
            self.short += 1;
            self.longest_short_ms = self.longest_short_ms.max(length);
        }
        self.longest_ms = self.longest_ms.max(length);
        self.total_ms += length;
    }

    fn judge(self, name: &str, span_ms: i64) -> ReviewedRule {
        let long = |millis: i64| promql::format_duration((millis / 60_000 + 1) * 60_000);
        let (verdict, proposal) = if self.longest_ms as f64 > span_ms as f64 * ALWAYS {
            let share = self.longest_ms as f64 / span_ms as f64 * 100.0;
            (
                "always firing",
                format!(
                    "it fired {share:.0}% of the time: raise the threshold above what is normal here, or delete the rule"
                ),
            )
        } else if self.short >= 3 && self.short * 2 > self.fired {
            (
                "flapping",
                format!(
                    "lengthen its `for` by {}: {} of {} times were over within that; or set `keep_firing_for` so that it fires once for one trouble",
                    long(self.longest_short_ms),
                    self.short,
                    self.fired
                ),
            )
        } else if self.fired > OFTEN && self.acknowledged == 0 {
            (
                "nobody acts",
                format!(
                    "it fired {} times and nobody took care: raise the threshold, add a volume guard, or lower the severity",
                    self.fired
                ),
            )
        } else if self.fired == 0 {
            (
                "never fired",
                "check with `tawny rules explain` that its series exist; keep it if `tawny rules backtest` shows that it fires when it should".to_owned(),
            )
        } else if self.acknowledged > 0 {
            ("acted on", "keep it as it is".to_owned())
        } else {
            ("fine", "keep it; acknowledge what you act on, so that the next review can tell".to_owned())
        };
        ReviewedRule {
            name: name.to_owned(),
            fired: self.fired,
            acknowledged: self.acknowledged,
            sent: self.sent,
            longest_seconds: self.longest_ms as f64 / 1000.0,
            verdict: verdict.to_owned(),
            proposal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_gets_the_verdict_it_earned() {
        let event = |at: i64, kind: &str, name: &str| Event {
            at: at * 60_000,
            kind: kind.into(),
            labels: Labels::new([("alertname", name)]),
            detail: String::new(),
        };
        let mut events = vec![
            event(0, "fired", "Always"),
            event(100, "fired", "Good"),
            event(110, "acknowledged", "Good"),
            event(200, "resolved", "Good"),
        ];
        for at in 0..5 {
            events.extend([event(300 + at * 10, "fired", "Flaps"), event(302 + at * 10, "resolved", "Flaps")]);
        }
        for at in 0..21 {
            events.extend([event(1000 + at * 30, "fired", "Ignored"), event(1020 + at * 30, "resolved", "Ignored")]);
        }
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        let all = ["Always", "Good", "Flaps", "Ignored", "Never"].map(str::to_owned);
        let reviewed = review(&all, &events, &[], 0, 10_080 * 60_000);
        assert!(reviewed.iter().all(|rule| !rule.proposal.is_empty()), "{reviewed:?}");
        assert!(reviewed[1].proposal.contains("`for` by 3m: 5 of 5 times"), "{}", reviewed[1].proposal);
        let names = ["Always", "Good", "Flaps", "Ignored", "Never"].map(str::to_owned);
        let verdicts: Vec<(String, String)> = review(&names, &events, &[], 0, 10_080 * 60_000)
            .into_iter()
            .map(|rule| (rule.name, rule.verdict))
            .collect();
        let expected = [
            ("Always", "always firing"),
            ("Flaps", "flapping"),
            ("Ignored", "nobody acts"),
            ("Never", "never fired"),
            ("Good", "acted on"),
        ];
        assert_eq!(verdicts, expected.map(|(name, verdict)| (name.to_owned(), verdict.to_owned())));
    }

    #[test]
    fn what_fired_before_the_week_and_never_ended_is_always_firing() {
        let names = ["Always", "Lately"].map(str::to_owned);
        let of = |name: &str, since: i64| (Labels::new([("alertname", name)]), since);
        let reviewed = review(&names, &[], &[of("Always", -5_000), of("Lately", 9_000)], 0, 10_000);
        let said: Vec<(&str, &str, f64)> =
            reviewed.iter().map(|rule| (rule.name.as_str(), rule.verdict.as_str(), rule.longest_seconds)).collect();
        assert_eq!(said, [("Always", "always firing", 10.0), ("Lately", "never fired", 1.0)]);
    }
}
