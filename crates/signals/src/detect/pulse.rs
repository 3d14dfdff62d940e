//! How often an agent is heard of, so that its silence can be told from a quiet hour.
//!
//! Silence is far longer than any gap between two of its latest runs. Nights and weekends are learned: where an hour of the week
//! was seen in two weeks, or an hour of the day on three days, the fewest runs of that hour ever seen are what may be expected of it,
//! and an agent of which too few runs were to be expected is not silent. Hours are those of UTC; only their recurrence matters.

use std::collections::{BTreeMap, VecDeque};

use model::{Timestamp, TraceId};
use serde::{Deserialize, Serialize};

/// Gaps remembered.
const GAPS: usize = 512;
/// Gaps that must be known before a longer one says something: agents of rare traffic are never silent.
pub const GAPS_NEEDED: usize = 50;
/// A silence is this many times as long as the longest gap known, at least.
const TIMES: f64 = 4.0;
/// And this long, in seconds.
const LEAST_SECONDS: f64 = 600.0;
/// Runs that must have been expected during a silence, by the hours that are known.
const EXPECTED: f64 = 8.0;
/// Weeks remembered of each hour of the week.
const WEEKS: usize = 4;
/// Times an hour of the week must have been seen.
const WEEKS_NEEDED: usize = 2;
/// Times an hour of the day must have been seen where that of the week was not.
const DAYS_NEEDED: usize = 3;
const HOURS_OF_WEEK: i64 = 168;
const HOUR: i64 = 3_600 * 1_000_000_000;

/// When runs of one agent began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// The latest run.
    run: Option<TraceId>,
    /// When it began.
    latest: Timestamp,
    /// When the agent was last heard of: the end of a run, or a step of one that goes on.
    heard: Timestamp,
    /// Seconds between the starts of runs, newest last.
    gaps: VecDeque<f32>,
    /// Runs of whole hours by hour of the week, newest last.
    hours: BTreeMap<u8, VecDeque<u16>>,
    /// The hour that is being counted, since 1970, its runs, and whether it is seen whole.
    hour: Option<(i64, u16, bool)>,
}

impl Pulse {
    /// A run that began at `start` and was last heard of at `heard`.
    pub fn beat(&mut self, run: TraceId, start: Timestamp, heard: Timestamp) {
        self.heard(heard.max(start));
        self.count(start.as_nanos().div_euclid(HOUR));
        if self.latest > Timestamp::default() && start > self.latest {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back((start.millis_since(self.latest) / 1e3) as f32);
        }
        if start >= self.latest {
            (self.latest, self.run) = (start, Some(run));
        }
    }

    /// The latest run.
    pub fn run(&self) -> Option<TraceId> {
        self.run
    }

    /// The agent was heard of.
    pub fn heard(&mut self, at: Timestamp) {
        self.heard = self.heard.max(at);
    }

    /// When it was heard of last.
    pub fn last(&self) -> Timestamp {
        self.heard
    }

    /// Whether enough is known of it to tell its silence.
    pub fn is_known(&self) -> bool {
        self.gaps.len() >= GAPS_NEEDED
    }

    fn count(&mut self, hour: i64) {
        let Some((counted, runs, whole)) = &mut self.hour else {
            self.hour = Some((hour, 1, false));
            return;
        };
        if hour <= *counted {
            *runs = runs.saturating_add(1);
            return;
        }
        let (from, runs, whole) = (*counted, *runs, *whole);
        if whole {
            self.keep(from, runs);
        }
        // After weeks of silence its hours are learned anew.
        if hour - from > HOURS_OF_WEEK {
            self.hours.clear();
        } else {
            (from + 1..hour).for_each(|empty| self.keep(empty, 0));
        }
        self.hour = Some((hour, 1, true));
    }

    fn keep(&mut self, hour: i64, runs: u16) {
        let seen = self.hours.entry(hour.rem_euclid(HOURS_OF_WEEK) as u8).or_default();
        if seen.len() == WEEKS {
            seen.pop_front();
        }
        seen.push_back(runs);
    }

    /// Fewest runs ever seen in such an hour; `None` where too few were seen.
    fn usual(&self, hour: i64) -> Option<u16> {
        let of_week = self.hours.get(&(hour.rem_euclid(HOURS_OF_WEEK) as u8));
        if let Some(seen) = of_week.filter(|seen| seen.len() >= WEEKS_NEEDED) {
            return seen.iter().min().copied();
        }
        let of_day = hour.rem_euclid(24) as u8;
        let days = self.hours.iter().filter(|(at, _)| *at % 24 == of_day).flat_map(|(_, seen)| seen);
        let (count, least) = days.fold((0, u16::MAX), |(count, least), runs| (count + 1, least.min(*runs)));
        (count >= DAYS_NEEDED).then_some(least)
    }

    /// Seconds for which the agent has been silent at `now`, where that is far longer than usual. Nobody listened before `since`.
    pub fn silent(&self, now: Timestamp, since: Timestamp) -> Option<f64> {
        if !self.is_known() {
            return None;
        }
        let from = self.heard.max(since);
        let quiet = now.millis_since(from) / 1e3;
        let longest = self.gaps.iter().copied().fold(0.0, f32::max);
        if quiet <= (f64::from(longest) * TIMES).max(LEAST_SECONDS) {
            return None;
        }
        let (mut known, mut expected) = (false, 0.0);
        let (first, last) = (from.as_nanos().div_euclid(HOUR), now.as_nanos().div_euclid(HOUR));
        for hour in first..=last.min(first + HOURS_OF_WEEK) {
            let Some(usual) = self.usual(hour) else { continue };
            known = true;
            // Of the hour in which it went silent, what was still to come.
            let seen = self.hour.filter(|(counted, ..)| *counted == hour).map_or(0, |(_, runs, _)| runs);
            let begin = from.as_nanos().max(hour * HOUR);
            let (until, end) = (now.as_nanos().min((hour + 1) * HOUR), (hour + 1) * HOUR);
            let share = (until - begin) as f64 / (end - begin).max(1) as f64;
            expected += f64::from(usual.saturating_sub(seen)) * share;
        }
        (!known || expected >= EXPECTED).then_some(quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: TraceId = TraceId::from_array([7; 16]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(1_790_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    fn steady(runs: i64, every: i64) -> Pulse {
        let mut pulse = Pulse::default();
        (0..runs).for_each(|run| pulse.beat(RUN, at(run * every), at(run * every + 2)));
        pulse
    }

    #[test]
    fn silence_is_measured_against_the_agent_s_own_gaps() {
        let pulse = steady(100, 20);
        let last = 99 * 20 + 2;
        assert_eq!(pulse.silent(at(last + 590), at(0)), None);
        assert_eq!(pulse.silent(at(last + 700), at(0)), Some(700.0));
        // Two hours between runs: ten minutes say nothing, a day does.
        let slow = steady(100, 7_200);
        let last = 99 * 7_200 + 2;
        assert_eq!(slow.silent(at(last + 20_000), at(0)), None);
        assert!(slow.silent(at(last + 86_400), at(0)).is_some());
    }

    #[test]
    fn agents_of_rare_traffic_and_times_when_nobody_listened_are_not_silent() {
        assert_eq!(steady(40, 20).silent(at(1_000_000), at(0)), None);
        assert_eq!(steady(100, 20).silent(at(100_000), at(99_700)), None);
        let mut working = steady(100, 20);
        // A run that goes on is a sign of life.
        working.heard(at(5_000));
        assert_eq!(working.silent(at(5_100), at(0)), None);
    }

    #[test]
    fn nights_are_learned_and_a_quiet_day_is_not_a_night() {
        const DAY: i64 = 86_400;
        let mut pulse = Pulse::default();
        // A run a minute for ten hours of each day.
        for day in 0..5 {
            for minute in 0..600 {
                pulse.beat(RUN, at(day * DAY + minute * 60), at(day * DAY + minute * 60));
            }
        }
        // Only the gaps of the last day are remembered, none of which is a night.
        let evening = 4 * DAY + 599 * 60;
        for hour in 1..14 {
            assert_eq!(pulse.silent(at(evening + hour * 3_600), at(0)), None, "{hour} hours into the night");
        }
        // The next morning it does not come back.
        assert!(pulse.silent(at(5 * DAY + 3_600), at(0)).is_some());
    }

    #[test]
    fn what_is_kept_reads_back() {
        let pulse = steady(300, 60);
        let back: Pulse = serde_json::from_str(&serde_json::to_string(&pulse).unwrap()).unwrap();
        assert_eq!(pulse, back);
    }
}
