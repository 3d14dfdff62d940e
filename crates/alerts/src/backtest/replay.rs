//! One rule walked through time.

use std::collections::BTreeMap;

use promql::{Labels, Params, Point, Query, ResultSample, ResultSeries, Value};

use super::plan::Task;
use super::{Bounds, FAILURES_MAX, History, Interval, Made, RuleReport, Span};
use crate::evaluate::{self, GroupState, Outcome, Sample, Settings, Source};

pub(super) struct Replay<'t, 'a> {
    pub task: &'t Task<'a>,
    span: Span,
    bounds: Bounds,
    state: GroupState,
    /// The next evaluation.
    next: i64,
    /// Alerts that fire: since when, and with which value.
    open: BTreeMap<Labels, (i64, f64)>,
    report: RuleReport,
    /// Steps that failed.
    failures: usize,
}

impl<'t, 'a> Replay<'t, 'a> {
    pub fn new(task: &'t Task<'a>, span: Span, bounds: Bounds) -> Self {
        let report = RuleReport {
            group: task.alone.name.clone(),
            place: Some(task.rule.place),
            step: task.step,
            ..RuleReport::default()
        };
        let (state, open) = (GroupState::default(), BTreeMap::new());
        Self { task, span, bounds, state, next: task.from, open, report, failures: 0 }
    }

    /// Evaluates the rule at its next steps, up to and without `end`.
    pub fn advance(&mut self, end: i64, history: &mut dyn History, made: &mut Made, settings: &Settings) {
        while !self.report.given_up && self.next < end {
            let end = if self.task.reads_itself { self.next + 1 } else { end };
            self.stretch(end, history, made, settings);
        }
    }

    /// Evaluates it at steps that are asked for together.
    fn stretch(&mut self, end: i64, history: &mut dyn History, made: &mut Made, settings: &Settings) {
        let first = self.next;
        let last = (end - 1 - first).div_euclid(self.task.step) * self.task.step + first;
        self.next = last + self.task.step;
        let rule = &self.task.alone.rules[0];
        let offset = self.task.alone.query_offset_ms;
        let params = Params::range(first - offset, last - offset, self.task.step);
        let mut columns = match history.value(&rule.query, &params, made).and_then(Columns::new) {
            Ok(columns) => columns,
            Err(error) => {
                // A stretch that cannot be read weighs as much as a third of what is borne.
                self.failures += FAILURES_MAX / 3;
                return self.failed(first, error);
            }
        };
        // Nothing was found and nothing is known: no step can change that.
        if columns.series.is_empty() && self.is_still() {
            return;
        }
        let mut time = first;
        while time <= last {
            let samples = columns.at(time - offset);
            let mut source =
                Prepared { query: &rule.query, samples: Some(samples), history: &mut *history, made: &mut *made };
            let outcomes = evaluate::evaluate(&self.task.alone, &mut self.state, time, &mut source, settings);
            self.note(time, &outcomes);
            if self.report.given_up {
                return;
            }
            time += self.task.step;
        }
    }

    fn is_still(&self) -> bool {
        self.open.is_empty() && self.state.rules.iter().all(|rule| rule.alerts.is_empty() && rule.series_written() == 0)
    }

    fn failed(&mut self, at: i64, error: String) {
        self.failures += 1;
        self.report.given_up = self.failures >= FAILURES_MAX;
        // The same mistake is told once.
        if self.report.errors.iter().all(|(_, known)| *known != error) {
            self.report.errors.push((at, error));
        }
    }

    fn note(&mut self, now: i64, outcomes: &[Outcome]) {
        let Some((outcome, state)) = outcomes.first().zip(self.state.rules.first()) else { return };
        if !state.last_error.is_empty() {
            let error = state.last_error.clone();
            return self.failed(now, error);
        }
        let counts = now >= self.span.from;
        if !self.task.rule.is_alert() && counts {
            self.report.recorded += state.series_written() as u64;
        }
        // What fired at the step before has fired up to this one.
        if counts && !self.open.is_empty() {
            self.report.firing += (now - self.span.from).min(self.task.step);
        }
        for alert in &outcome.fired {
            self.open.insert(alert.labels.clone(), (now, alert.value));
        }
        for alert in &outcome.resolved {
            if let Some((from, value)) = self.open.remove(&alert.labels) {
                self.close(alert.labels.clone(), from, value, Some(now));
            }
        }
    }

    fn close(&mut self, labels: Labels, from: i64, value: f64, to: Option<i64>) {
        let (from, end) = (from.max(self.span.from), to.unwrap_or(self.span.to));
        if end <= self.span.from {
            return;
        }
        self.report.fired += 1;
        self.report.total += end - from;
        self.report.longest = self.report.longest.max(end - from);
        self.report.series.insert(labels.clone());
        let interval = Interval { labels, from, to, value };
        let place = self.report.intervals.partition_point(|other| other.from <= from);
        self.report.intervals.insert(place, interval);
        if self.report.intervals.len() > self.bounds.intervals_max {
            self.report.intervals.pop_front();
        }
    }

    /// What came of it, when time has reached `end`.
    pub fn finish(mut self, end: i64) -> RuleReport {
        let last = self.next - self.task.step;
        if !self.open.is_empty() && end > last {
            self.report.firing += end - last.max(self.span.from);
        }
        for (labels, (from, value)) in std::mem::take(&mut self.open) {
            self.close(labels, from, value, None);
        }
        self.report
    }
}

/// The answer of a range query, read step by step.
struct Columns {
    series: Vec<(ResultSeries, usize)>,
}

impl Columns {
    fn new(value: Value) -> Result<Self, String> {
        match value {
            Value::Matrix(series) => Ok(Self { series: series.into_iter().map(|series| (series, 0)).collect() }),
            _ => Err("rule result is not a vector or scalar".into()),
        }
    }

    fn at(&mut self, time: i64) -> Vec<ResultSample> {
        let mut found = Vec::new();
        for (series, next) in &mut self.series {
            while series.points.get(*next).is_some_and(|(at, _)| *at < time) {
                *next += 1;
            }
            if let Some((at, point)) = series.points.get_mut(*next)
                && *at == time
            {
                found.push(ResultSample {
                    labels: series.labels.clone(),
                    time,
                    point: std::mem::replace(point, Point::None),
                });
            }
        }
        found
    }
}

/// The series of one step: the rule's own answer is there already, others are asked for.
struct Prepared<'a> {
    query: &'a Query,
    samples: Option<Vec<ResultSample>>,
    history: &'a mut dyn History,
    made: &'a mut Made,
}

impl Source for Prepared<'_> {
    fn instant(&mut self, query: &Query, at_ms: i64) -> Result<Vec<ResultSample>, String> {
        if std::ptr::eq(query, self.query)
            && let Some(samples) = self.samples.take()
        {
            return Ok(samples);
        }
        evaluate::samples(self.history.value(query, &Params::instant(at_ms), self.made)?, at_ms)
    }

    fn write(&mut self, samples: Vec<Sample>) {
        for sample in samples {
            if self.made.hides(&sample.labels) {
                self.made.memory.push(&sample.labels, sample.time_ms, sample.point);
            }
        }
    }
}
