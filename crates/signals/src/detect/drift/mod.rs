//! Drift: a change in what runs of one kind do, found while every single run looks well.
//!
//! A [`Watch`] follows the runs of one kind. Everything a run is measured by ([`super::features`]) is a stream of categories: the tool was
//! used or not, what came after it, which outcome, which part of the usual range a number falls into. After each run the last 8, 12, 16, … runs
//! are compared with all before them by the likelihood ratio of two multinomials ([`test`]), so one test serves mixes, rates and lengths alike,
//! and a change is found as soon as enough runs show it, sudden or gradual.
//!
//! The false-alarm rate is set for the whole watch and divided by its streams and by the windows looked at. When something moved,
//! the finding names the onset (the split that explains the runs best), the stream nearest to a cause, what it was before and is after, what else
//! moved, and how much of it each attribute of the runs (version, model, user, tags, agents below, tools used) explains. Then the time
//! after the onset is the new normal.

mod explained;
mod stream;
mod test;

use std::collections::{BTreeMap, HashMap, VecDeque};

use model::{Run, Severity, Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::explained::Cause;
use self::stream::{Side, Stream, Told};
use super::features::{self, Features};
use super::{Draft, text};

/// Runs remembered of one kind.
pub const REMEMBERED: usize = 1_024;
/// Runs before a window that it is compared with, at least.
pub const REFERENCE: usize = 30;
/// Sizes of windows. A window is looked at every eighth of its size.
const WINDOWS: &[usize] = &[8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
/// Looks at windows of one stream per run, on average: the sum of one over each window's stride.
const LOOKS: f64 = 3.5;
/// Streams of one kind of run; further features are not followed.
const MOST_STREAMS: usize = 144;
/// Streams of these that follow details of a tool (its arguments, failures, time, what comes after it): an agent with many tools has five
/// streams of each, and which tools it calls tells more.
const MOST_DETAILS: usize = 72;
/// Features that are learned and not watched: it depends on what was learned, and so changes while more is learned. What comes after what is
/// watched by itself.
const NOT_WATCHED: &[&str] = &["surprise"];
/// Streams named beside the one that leads.
const ALSO: usize = 6;
/// The statistic of two categories that one in a hundred exceeds without a change: what is asked of a tool where a change is certain already.
const ONE_PERCENT: f64 = 6.63;
/// Places in a conversation that are told apart: the first run of it, the second, the third and fourth, up to the eighth, all later ones.
const PLACES: usize = 5;
/// Chance below which a stream counts as moved too, once another one has raised the alarm, and a change as one among runs at the same place of
/// their conversations.
const MOVED_TOO: f64 = 1e-4;

/// How watchful drift is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// False alarms per run of one kind, all streams together, as the chances of all looks add up: looks at nearly the same runs are counted each,
    /// so fewer come. Default: one in 10,000 runs.
    pub false_alarms: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { false_alarms: 1.0 / 10_000.0 }
    }
}

/// A run as drift remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mark {
    trace_id: TraceId,
    at: Timestamp,
    groups: BTreeMap<String, String>,
}

/// Follows the runs of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    marks: VecDeque<Mark>,
    streams: BTreeMap<String, Stream>,
    /// Runs seen since the start.
    seen: u64,
    /// When the last of them arrived.
    #[serde(default)]
    last: Timestamp,
}

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The stream nearest to a cause.
    pub feature: String,
    /// What changed in it: a category, or `median` (`10th percentile`, `90th percentile`) of a number.
    pub what: String,
    /// Share of runs in that category, or that quantile, before.
    pub before: f64,
    /// And after.
    pub after: f64,
    /// The category that took its place, or whose place it took.
    pub instead: Option<String>,
    /// First run after the change.
    pub onset: TraceId,
    /// When it began.
    pub onset_at: Timestamp,
    /// Runs it was compared with.
    pub runs_before: usize,
    /// Runs since.
    pub runs_after: usize,
    /// Chance of such a difference without a change, in one look.
    pub chance: f64,
    /// What else moved.
    pub also: Vec<String>,
    /// What explains it, most first.
    pub explained: Vec<Cause>,
    /// Last runs before the change, newest first.
    pub good: Vec<TraceId>,
}

impl Watch {
    /// Takes in a run; gives the change that it makes certain.
    pub fn push(&mut self, run: &Run, features: &Features, settings: &Settings) -> Option<Shift> {
        if self.marks.len() == REMEMBERED {
            self.marks.pop_front();
            self.streams.values_mut().for_each(Stream::pop);
        }
        let groups = features.groups.iter().map(|(name, value)| ((*name).to_string(), kept(name, value))).collect();
        self.marks.push_back(Mark { trace_id: run.trace_id, at: run.start, groups });
        self.seen += 1;
        self.last = self.last.max(run.start).max(run.last_received);
        self.take_in(features);
        let alarm = settings.false_alarms / (LOOKS * self.streams.len().max(1) as f64);
        let (name, split) = self.look(alarm)?;
        let stream = self.streams.get_mut(&name)?;
        if !stream.matters(split) {
            stream.settle(split);
            return None;
        }
        Some(self.shift(&name, split, alarm))
    }

    /// Puts the values of the newest run into their streams, and begins those of features that are new, where there is room for more.
    fn take_in(&mut self, features: &Features) {
        let mut new = features::matched(&mut self.streams, features.values.iter(), Stream::push);
        new.retain(|(name, _)| !NOT_WATCHED.contains(&name.as_str()));
        if new.is_empty() || self.streams.len() >= MOST_STREAMS {
            return;
        }
        let is_detail = |name: &str| name.contains(':') && !name.starts_with("tool:");
        let mut details = self.streams.keys().filter(|name| is_detail(name)).count();
        for (name, value) in new {
            if self.streams.len() < MOST_STREAMS && (!is_detail(name) || details < MOST_DETAILS) {
                details += usize::from(is_detail(name));
                let mut stream = Stream::new(name, self.marks.len() - 1);
                stream.push(Some(value));
                self.streams.insert(name.clone(), stream);
            }
        }
    }

    /// When the last run arrived.
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// Whether enough runs were seen to tell a change.
    pub fn is_mature(&self) -> bool {
        self.seen > REFERENCE as u64
    }

    /// The most certain change of any stream, if one is certain enough: stream and position of its first run.
    fn look(&self, alarm: f64) -> Option<(String, usize)> {
        let mut best: Option<(f64, &String, usize)> = None;
        let is_due = |window: &usize| self.seen.is_multiple_of((*window as u64 / 8).max(1));
        let due: Vec<usize> = WINDOWS.iter().copied().filter(is_due).collect();
        for (name, stream) in &self.streams {
            let alarm = alarm * weight(name);
            let mut spread = None;
            stream.each_window(&due, REFERENCE, |window, side| {
                let mut chance = stream.chance(side, 1.0);
                if chance < alarm {
                    chance = stream.chance(side, *spread.get_or_insert_with(|| self.spread(stream)));
                }
                let best_yet = chance < alarm && best.is_none_or(|(least, _, _)| chance < least);
                if best_yet && self.is_among_equals(stream, stream.start_of(window)) {
                    best = Some((chance, name, window));
                }
            });
        }
        best.map(|(_, name, window)| (name.clone(), self.streams[name].start_of(window)))
    }

    /// How much less the runs say than as many independent ones would: runs of one conversation are alike. The design effect of
    /// cluster samples: 1 + (runs of a conversation - 1) x how much more alike they are than any two runs.
    fn spread(&self, stream: &Stream) -> f64 {
        stream.design_effect(|at| self.marks[at].groups.get("session").map(String::as_str))
    }

    /// Whether a change at `split` is one among runs at the same place of their conversations too. Where an agent has just begun to work, all of
    /// them are new, and what grows with a conversation grows by itself; that conversations are longer than they were is nothing that it does.
    fn is_among_equals(&self, stream: &Stream, split: usize) -> bool {
        let mut runs: HashMap<&str, u32> = HashMap::new();
        let places: Vec<usize> = self
            .marks
            .iter()
            .map(|mark| {
                let Some(conversation) = mark.groups.get(explained::SESSION) else { return 0 };
                let before = runs.entry(conversation).or_default();
                *before += 1;
                // The first, the second, the third and fourth, and so on.
                (before.next_power_of_two().ilog2() as usize).min(PLACES - 1)
            })
            .collect();
        let mut sides = [Side::default(); PLACES];
        stream.present().for_each(|(at, category)| sides[places[at]].count(category, at >= split));
        test::chance_within(&sides, self.spread(stream)) < MOVED_TOO
    }

    /// Where another tool follows than did: the tool that is called no more, or the one that is now, if its use changed with it. What follows
    /// what is certain sooner, and the tool is what somebody asks about.
    fn tool_behind(&self, feature: &str, split: usize, next: &Told) -> Option<(String, Told)> {
        if weight(feature) >= 1.0 {
            return None;
        }
        let has_risen = next.after > next.before;
        let mut tools = [(Some(&next.what), has_risen), (next.instead.as_ref(), !has_risen)];
        // The one that is missed first.
        tools.sort_by_key(|(_, has_risen)| *has_risen);
        tools.into_iter().find_map(|(tool, has_risen)| {
            let name = format!("tool:{}", tool?);
            let stream = self.streams.get(&name)?;
            let side = stream.side(split)?;
            let told = stream.describe(split, &side);
            let same_way = told.after != told.before && (told.after > told.before) == has_risen;
            (same_way && told.what == "used" && test::plain(&side) > ONE_PERCENT).then_some((name, told))
        })
    }

    /// Says what changed at `split`, and takes what came after as the new normal.
    fn shift(&mut self, alarming: &str, split: usize, alarm: f64) -> Shift {
        let split = self.streams[alarming].onset(split);
        let mut moved: Vec<(&String, f64, Side)> = Vec::new();
        for (name, stream) in &self.streams {
            let Some(side) = stream.side(split) else { continue };
            let chance = stream.chance(&side, self.spread(stream));
            let moved_too = chance < MOVED_TOO && stream.matters(split) && self.is_among_equals(stream, split);
            if moved_too || name == alarming {
                moved.push((name, chance, side));
            }
        }
        // Nearest to a cause among those that are nearly as certain as the one that raised the alarm.
        moved.sort_by(|a, b| features::rank(a.0).cmp(&features::rank(b.0)).then(a.1.total_cmp(&b.1)));
        let lead = moved.iter().position(|(name, chance, _)| *chance < alarm * 100.0 || *name == alarming).unwrap_or(0);
        let (feature, chance, side) = &moved[lead];
        let mut told = self.streams[*feature].describe(split, side);
        let mut feature = (*feature).clone();
        if let Some((tool, of_tool)) = self.tool_behind(&feature, split, &told) {
            (feature, told) = (tool, of_tool);
        }
        let also = moved.iter().map(|(name, _, _)| (*name).clone()).filter(|name| *name != feature);
        let onset = &self.marks[split];
        let shift = Shift {
            what: told.what,
            before: told.before,
            after: told.after,
            instead: told.instead,
            onset: onset.trace_id,
            onset_at: onset.at,
            runs_before: split,
            runs_after: self.marks.len() - split,
            chance: *chance,
            also: also.take(ALSO).collect(),
            explained: explained::explained(&self.marks, &self.streams, &feature, split),
            good: self.marks.range(..split).rev().take(3).map(|mark| mark.trace_id).collect(),
            feature,
        };
        self.marks.drain(..split);
        self.streams.values_mut().for_each(|stream| stream.forget(split));
        shift
    }
}

impl Shift {
    /// The change as a finding of the run that made it certain. `risky` says whether a tool changes something in the world: a
    /// shift in the use of such a tool, or in outcomes, is critical.
    pub fn draft(&self, risky: impl Fn(&str) -> bool) -> Draft {
        // What is called no more, what is called for it, and what else moved with them: a tool that changes something is among them or not.
        let of_tools = self.feature.starts_with("tool:") || weight(&self.feature) < 1.0;
        let tools = self.also.iter().chain([&self.feature]).filter_map(|name| name.strip_prefix("tool:"));
        let followers = [Some(&self.what), self.instead.as_ref()].into_iter().flatten().map(String::as_str);
        let is_risky = of_tools && tools.chain(followers).any(risky);
        let severity = match self.feature.as_str() {
            _ if is_risky => Severity::Critical,
            // Other words alone are no failure; where they are one, something else moves too.
            super::vocabulary::FEATURE => Severity::Info,
            "outcome" | "failed" | "retrieval" | "document" | "document_version" | "decision" | "refused" => {
                Severity::Critical
            }
            _ => Severity::Warning,
        };
        let said = if stream::QUANTILES.contains(&self.what.as_str()) {
            let of = |value| features::written(&self.feature, value);
            format!("{} {} before, {} after", self.what, of(self.before), of(self.after))
        } else {
            let instead = match &self.instead {
                Some(other) if self.after > self.before => format!(", instead of {other}"),
                Some(other) => format!(", {other} instead"),
                None => String::new(),
            };
            format!("{} {:.0} % before, {:.0} % after{instead}", self.what, self.before * 100.0, self.after * 100.0)
        };
        let mut message = format!(
            "{} changed over the last {} runs: {said}, beginning {}",
            features::title(&self.feature),
            self.runs_after,
            self.onset_at
        );
        if let Some(cause) = self.explained.first() {
            message.push_str(&format!("; {} explains {:.0} % of it", cause.words(), cause.share * 100.0));
        }
        let explained: serde_json::Map<_, _> =
            self.explained.iter().map(|cause| (cause.name.clone(), json!(cause.share))).collect();
        let value = |cause: &Cause| Some((cause.name.clone(), json!(cause.value.as_ref()?)));
        let values: serde_json::Map<_, _> = self.explained.iter().filter_map(value).collect();
        Draft::new(severity, self.feature.clone(), message)
            .with("dimension", self.feature.clone())
            .with("what", self.what.clone())
            .with("before", self.before)
            .with("after", self.after)
            .with("instead", json!(self.instead))
            .with("onset_trace_id", self.onset.to_string())
            .with("onset_at", self.onset_at.to_string())
            .with("runs_before", self.runs_before)
            .with("runs_after", self.runs_after)
            .with("chance", self.chance)
            .with("also", json!(self.also))
            .with("explained", explained)
            .with("explained_by", values)
            .with("last_good", json!(self.good.iter().map(ToString::to_string).collect::<Vec<_>>()))
    }
}

/// A stream's part of the chance. Which tool comes next follows from which tools are called: it is told where it is certain by itself, and
/// leaves the first word to the tool.
fn weight(stream: &str) -> f64 {
    if stream.starts_with("next:") || stream == "first_tool" { 0.01 } else { 1.0 }
}

/// The value of an attribute as it is remembered. Of users and conversations only whether two runs share one is asked: what is remembered
/// outlives the runs, and must not say whose they were.
fn kept(name: &str, value: &str) -> String {
    match name {
        explained::USER | explained::SESSION => text::fingerprint(&[value])[..12].to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests;
