//! Rules over the past: how often each would have fired on stored history, for how long, and for which series.
//!
//! A rule is evaluated as a range query over a stretch of time, and the answer is walked step by step through the same code that
//! moves alerts at night ([`crate::evaluate`]), so that `for`, `keep_firing_for`, limits and the hold of alerts without data mean the same.
//! Series the rules record are made anew ([`Made`]) and hide those of the same name that are stored. Rules begin early enough that a
//! `for` is over, and a baseline known, where the asked-for time begins.

mod plan;
mod replay;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use promql::{Labels, METRIC_NAME, Params, Query, SelectorNeed, Series, Value};

use self::plan::Plan;
use self::replay::Replay;
use crate::evaluate::Settings;
use crate::memory::Memory;
use crate::rules::{Group, Rule};
use crate::yaml::Place;

/// Steps of one range query; a longer time is asked for in several.
const WINDOW_STEPS: i64 = 1000;
/// Steps at which a rule may fail before it is given up.
const FAILURES_MAX: usize = 90;
/// Names of the series alerts make.
const ALERT_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Stored series.
pub trait History {
    /// The value of a query over stored series, with those of `made` in the place of what it hides.
    ///
    /// # Errors
    /// When the query cannot be computed, or within no limit.
    fn value(&mut self, query: &Query, params: &Params, made: &Made) -> Result<Value, String>;
}

/// Which time, and how finely. Milliseconds, times since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First moment that counts.
    pub from: i64,
    /// Last moment.
    pub to: i64,
    /// Between evaluations; without it each group's own interval, made longer where that gives more than `steps_max` steps.
    pub step: Option<i64>,
}

/// Bounds of one backtest.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Steps of a group from the beginning to the end of the span, where no step is asked for.
    pub steps_max: i64,
    /// Times of firing told of one rule, the latest.
    pub intervals_max: usize,
    /// Samples of recorded series held in memory.
    pub samples_max: usize,
}

/// Series made by the rules under test.
#[derive(Debug, Default)]
pub struct Made {
    memory: Memory,
    /// Names of recorded series.
    names: BTreeSet<String>,
    /// Names of alerts whose series are made.
    alerts: BTreeSet<String>,
}

impl Made {
    /// Whether stored series with these labels are those of a rule under test, and not to be looked at.
    pub fn hides(&self, labels: &Labels) -> bool {
        let name = labels.get(METRIC_NAME);
        self.names.contains(name) || ALERT_SERIES.contains(&name) && self.alerts.contains(labels.get("alertname"))
    }

    /// Series made so far that fulfil a need.
    pub fn select(&self, need: &SelectorNeed) -> Vec<std::sync::Arc<Series>> {
        self.memory.select(need)
    }
}

/// One time a rule would have fired. Milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Labels of the alert.
    pub labels: Labels,
    /// When it began to fire; the beginning of the span where it was before.
    pub from: i64,
    /// When it ended; `None` where it fired to the end of the span.
    pub to: Option<i64>,
    /// Value of the expression as it fired.
    pub value: f64,
}

/// What came of one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleReport {
    /// Its group.
    pub group: String,
    /// Where in its file.
    pub place: Option<Place>,
    /// Between evaluations, in milliseconds.
    pub step: i64,
    /// Times it fired, each alert counted on its own.
    pub fired: u64,
    /// Alerts by labels that fired.
    pub series: BTreeSet<Labels>,
    /// Milliseconds during which at least one alert fired.
    pub firing: i64,
    /// Milliseconds all alerts fired, added up.
    pub total: i64,
    /// The longest of them.
    pub longest: i64,
    /// When it fired, in order of beginning; the latest where there are more than are told.
    pub intervals: VecDeque<Interval>,
    /// Samples a recording rule gave.
    pub recorded: u64,
    /// What went wrong, with the time; the rule was not evaluated there.
    pub errors: Vec<(i64, String)>,
    /// It failed so often that it was given up.
    pub given_up: bool,
}

/// A rule with what came of it.
#[derive(Debug, Clone)]
pub struct Tested<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Milliseconds between evaluations as its group has it.
    pub interval: i64,
    /// What came of it.
    pub report: RuleReport,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BacktestError {
    /// The time does not go forward.
    #[error("the end of a backtest must lie after its beginning")]
    Empty,
    /// The step cannot be used.
    #[error("a step of {0} ms is too short; at least one second")]
    Step(i64),
    /// The rules record too much.
    #[error(
        "recording rules make more than {limit} samples (backtest_samples_max), {rule:?} the last of them; choose a larger step, a shorter time or fewer rules"
    )]
    Samples {
        /// The limit.
        limit: usize,
        /// The rule at which it was reached.
        rule: String,
    },
    /// The caller asked to stop.
    #[error("the backtest was stopped")]
    Stopped,
}

/// Runs the rules of `groups` that are `wanted`, and those they need, over history. `stop` is asked before each piece of work.
///
/// # Errors
/// When the span cannot be used, a limit is reached or `stop` says so. A rule that fails is told in its report; the others go on.
pub fn run<'a>(
    groups: &[&'a Group],
    wanted: &dyn Fn(&Rule) -> bool,
    span: Span,
    bounds: Bounds,
    settings: &Settings,
    history: &mut dyn History,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Tested<'a>>, BacktestError> {
    if span.to <= span.from {
        return Err(BacktestError::Empty);
    }
    if let Some(step) = span.step.filter(|step| *step < 1000) {
        return Err(BacktestError::Step(step));
    }
    let plan = Plan::new(groups, wanted, span, bounds);
    let mut made = Made::default();
    for task in &plan.tasks {
        if !task.rule.is_alert() {
            made.names.insert(task.rule.name.clone());
        } else if plan.alerts_are_read {
            made.alerts.insert(task.rule.name.clone());
        }
    }
    let mut replays: Vec<Replay<'_, 'a>> = plan.tasks.iter().map(|task| Replay::new(task, span, bounds)).collect();
    let window = plan.tasks.iter().map(|task| task.step).max().unwrap_or(1000) * WINDOW_STEPS;
    let mut at = plan.tasks.iter().map(|task| task.from).min().unwrap_or(span.from);
    while at <= span.to {
        let end = at.saturating_add(window).min(span.to.saturating_add(1));
        for replay in &mut replays {
            if stop() {
                return Err(BacktestError::Stopped);
            }
            replay.advance(end, history, &mut made, settings);
            if made.memory.samples() > bounds.samples_max {
                let rule = replay.task.rule.name.clone();
                return Err(BacktestError::Samples { limit: bounds.samples_max, rule });
            }
        }
        at = end;
    }
    let mut found: BTreeMap<usize, Tested<'a>> = BTreeMap::new();
    for replay in replays {
        let task = replay.task;
        if wanted(task.rule) {
            let report = replay.finish(span.to);
            found.insert(task.place, Tested { rule: task.rule, interval: task.interval, report });
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests;
