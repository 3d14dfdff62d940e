//! What a backtest tells of rules over series in memory.

use std::sync::Arc;

use promql::{Limits, Point};

use super::*;
use crate::rules::{RuleFile, parse};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Stored series; those made by rules take the place of what they hide.
#[derive(Default)]
struct Stored {
    memory: Memory,
    asked: usize,
}

impl Stored {
    /// A gauge with a value for each minute.
    fn gauge(labels: &[(&str, &str)], value: impl Fn(i64) -> f64, minutes: i64) -> Self {
        let mut stored = Self::default();
        stored.add(labels, value, minutes);
        stored
    }

    fn add(&mut self, labels: &[(&str, &str)], value: impl Fn(i64) -> f64, minutes: i64) {
        let labels = Labels::new(labels.iter().copied());
        for minute in 0..=minutes {
            self.memory.push(&labels, minute * MINUTE, Point::Float(value(minute)));
        }
    }
}

impl History for Stored {
    fn value(&mut self, query: &Query, params: &Params, made: &Made) -> Result<Value, String> {
        // Single moments are asked for to tell the end of data from the end of trouble.
        self.asked += usize::from(!params.is_instant());
        let needs = query.selectors(params).map_err(|error| error.to_string())?;
        let fetched: Vec<Vec<Arc<Series>>> = needs
            .iter()
            .map(|need| {
                let mut found = self.memory.select(need);
                found.retain(|series| !made.hides(&series.labels));
                found.extend(made.select(need));
                found
            })
            .collect();
        let answer =
            promql::evaluate(query, &fetched, params, &Limits::default()).map_err(|error| error.to_string())?;
        Ok(answer.value)
    }
}

const BOUNDS: Bounds = Bounds { steps_max: 11_000, intervals_max: 3, samples_max: 100_000 };

fn span(from: i64, to: i64) -> Span {
    Span { from, to, step: None }
}

fn tested<'a>(file: &'a RuleFile, span: Span, stored: &mut Stored) -> Vec<Tested<'a>> {
    let groups: Vec<&Group> = file.groups.iter().collect();
    run(&groups, &|_| true, span, BOUNDS, &Settings::default(), stored, &|| false).unwrap()
}

fn rules(text: &str) -> RuleFile {
    parse(text).unwrap()
}

/// High for the second quarter of each hour.
fn hourly(minute: i64) -> f64 {
    if (15..30).contains(&(minute % 60)) { 20.0 } else { 1.0 }
}

#[test]
fn it_tells_how_often_how_long_and_for_which_series() {
    let file = rules("groups: [{name: g, rules: [{alert: High, expr: load > 10, for: 5m, labels: {severity: P2}}]}]");
    let mut stored = Stored::gauge(&[("__name__", "load"), ("host", "a")], hourly, 600);
    stored.add(&[("__name__", "load"), ("host", "b")], |_| 1.0, 600);
    let found = tested(&file, span(0, 6 * HOUR), &mut stored);
    let report = &found[0].report;
    // It holds from :15 to :29 and fires from :20 until it is seen below at :30.
    assert_eq!((report.fired, report.firing, report.total, report.longest), (6, HOUR, HOUR, 10 * MINUTE));
    assert_eq!(
        report.series.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [r#"{alertname="High", host="a", severity="P2"}"#]
    );
    // The latest three of six are told.
    let times: Vec<_> =
        report.intervals.iter().map(|it| (it.from / MINUTE, it.to.map(|to| to / MINUTE), it.value)).collect();
    assert_eq!(times, [(200, Some(210), 20.0), (260, Some(270), 20.0), (320, Some(330), 20.0)]);
    assert!(report.errors.is_empty());
    // The whole of it is one range query, not one query a step.
    assert_eq!(stored.asked, 1);
}

#[test]
fn what_fired_before_the_span_or_after_it_is_cut_off() {
    let file = rules("groups: [{name: g, rules: [{alert: High, expr: load > 10, for: 30m}]}]");
    let mut stored = Stored::gauge(
        &[("__name__", "load")],
        |minute| f64::from(u8::from(!(150..=250).contains(&minute))) * 20.0,
        400,
    );
    let found = tested(&file, span(HOUR, 6 * HOUR), &mut stored);
    let times: Vec<_> =
        found[0].report.intervals.iter().map(|it| (it.from / MINUTE, it.to.map(|to| to / MINUTE))).collect();
    // The `for` was over before the span began, and the second time goes on beyond its end.
    assert_eq!(times, [(60, Some(150)), (281, None)]);
    assert_eq!(found[0].report.firing, (90 + 79) * MINUTE);
}

#[test]
fn recording_rules_come_first_wherever_they_stand_and_hide_what_is_stored() {
    let file = rules(
        "groups:
- name: alerts
  rules:
  - {alert: Twice, expr: doubled > 2 * usual}
- name: recorded
  rules:
  - {record: usual, expr: 'avg_over_time(doubled[2h])'}
  - {record: doubled, expr: load * 2}
",
    );
    let mut stored = Stored::gauge(&[("__name__", "load")], |minute| if minute == 300 { 100.0 } else { 1.0 }, 600);
    stored.add(&[("__name__", "doubled")], |_| 1_000_000.0, 600);
    let found = tested(&file, span(280 * MINUTE, 320 * MINUTE), &mut stored);
    assert_eq!(found.iter().map(|it| it.rule.name.as_str()).collect::<Vec<_>>(), ["Twice", "usual", "doubled"]);
    let times: Vec<_> =
        found[0].report.intervals.iter().map(|it| (it.from / MINUTE, it.to.map(|to| to / MINUTE), it.value)).collect();
    assert_eq!(times, [(300, Some(301), 200.0)]);
    assert_eq!(found[2].report.recorded, 41);
}

#[test]
fn a_rule_that_looks_at_its_own_past_goes_step_by_step() {
    let file = rules(
        "groups: [{name: g, rules: [{record: count, expr: '(count offset 1m or vector(0)) + 1'}, {alert: Ten, expr: count >= 10}]}]",
    );
    let found = tested(&file, span(0, 20 * MINUTE), &mut Stored::default());
    // It begins five minutes early, as far back as its reader may look.
    assert_eq!(found[1].report.intervals.iter().map(|it| it.from / MINUTE).collect::<Vec<_>>(), [4]);
}

#[test]
fn one_rule_brings_along_what_it_needs_and_nothing_else() {
    let file = rules(
        "groups: [{name: g, rules: [{record: a, expr: load}, {record: b, expr: load}, {alert: X, expr: a > 10}, {alert: Y, expr: b > 10}]}]",
    );
    let groups: Vec<&Group> = file.groups.iter().collect();
    let mut stored = Stored::gauge(&[("__name__", "load")], hourly, 600);
    let found =
        run(&groups, &|rule| rule.name == "X", span(0, HOUR), BOUNDS, &Settings::default(), &mut stored, &|| false)
            .unwrap();
    assert_eq!((found.len(), found[0].report.fired, stored.asked), (1, 1, 2));
}

#[test]
fn alerts_that_look_at_alerts_see_those_under_test() {
    let file = rules(
        "groups: [{name: g, rules: [{alert: Low, expr: load > 10}, {alert: Both, expr: 'ALERTS{alertname=\"Low\",alertstate=\"firing\"} == 1'}]}]",
    );
    let mut stored = Stored::gauge(&[("__name__", "load")], hourly, 600);
    let found = tested(&file, span(0, 2 * HOUR), &mut stored);
    assert_eq!((found[0].report.fired, found[1].report.fired), (2, 2));
}

#[test]
fn keep_firing_for_and_a_long_time_mean_what_they_mean_at_night() {
    let file = rules("groups: [{name: g, rules: [{alert: High, expr: load > 10, keep_firing_for: 2h}]}]");
    let mut stored = Stored::gauge(&[("__name__", "load")], hourly, 3000);
    let found = tested(&file, span(0, 3000 * MINUTE), &mut stored);
    assert_eq!(found[0].report.fired, 1, "it never ends between two hours");
    assert!(found[0].report.intervals[0].to.is_none());
}

#[test]
fn a_rule_that_fails_is_named_and_the_others_go_on() {
    let file = rules(
        "groups: [{name: g, limit: 1, rules: [{alert: Many, expr: load > 0}, {alert: Bad, expr: 'load * on () load'}, {alert: Good, expr: 'max(load) > 10'}]}]",
    );
    let mut stored = Stored::gauge(&[("__name__", "load"), ("host", "a")], hourly, 600);
    stored.add(&[("__name__", "load"), ("host", "b")], hourly, 600);
    let found = tested(&file, span(0, 2 * HOUR), &mut stored);
    assert_eq!(found[0].report.errors, [(0, "exceeded limit of 1 with 2 alerts".to_owned())]);
    assert!(
        found[0].report.given_up && found[1].report.errors[0].1.contains("many-to-many"),
        "{:?}",
        found[1].report.errors
    );
    assert_eq!((found[2].report.fired, found[2].report.given_up), (2, false));
}

#[test]
fn a_long_time_is_looked_at_in_larger_steps_and_says_so() {
    let file = rules("groups: [{name: g, interval: 30s, rules: [{alert: High, expr: load > 10}]}]");
    let mut stored = Stored::gauge(&[("__name__", "load")], hourly, 600);
    let bounds = Bounds { steps_max: 100, ..BOUNDS };
    let groups: Vec<&Group> = file.groups.iter().collect();
    let found =
        run(&groups, &|_| true, span(0, 10 * HOUR), bounds, &Settings::default(), &mut stored, &|| false).unwrap();
    assert_eq!((found[0].interval, found[0].report.step), (30_000, 360_000));
    assert_eq!(found[0].report.fired, 10);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let file = rules("groups: [{name: g, rules: [{record: a, expr: load}]}]");
    let groups: Vec<&Group> = file.groups.iter().collect();
    let mut stored = Stored::gauge(&[("__name__", "load")], hourly, 600);
    let mut go = |span, bounds, stop: bool| {
        run(&groups, &|_| true, span, bounds, &Settings::default(), &mut stored, &|| stop).map(|_| ())
    };
    assert_eq!(go(span(10, 10), BOUNDS, false), Err(BacktestError::Empty));
    assert_eq!(go(Span { step: Some(10), ..span(0, HOUR) }, BOUNDS, false), Err(BacktestError::Step(10)));
    assert_eq!(go(span(0, HOUR), BOUNDS, true), Err(BacktestError::Stopped));
    let few = Bounds { samples_max: 10, ..BOUNDS };
    assert_eq!(go(span(0, HOUR), few, false), Err(BacktestError::Samples { limit: 10, rule: "a".into() }));
}
