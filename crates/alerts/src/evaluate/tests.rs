//! States over time, as the alert generator's specification wants them, and what goes beyond it.

use std::path::PathBuf;

use promql::{Labels, Point, Value};

use super::*;
use crate::memory::Memory;
use crate::rules::{self, Group};

const STEP: i64 = 30_000;

/// A group with its state over series in memory.
struct Bench {
    group: Group,
    state: GroupState,
    memory: Memory,
    settings: Settings,
    now: i64,
}

impl Bench {
    fn new(group: &Group) -> Self {
        let settings = Settings { external_url: "http://tawny.example".into(), ..Settings::default() };
        Self { group: group.clone(), state: GroupState::default(), memory: Memory::new(STEP), settings, now: 0 }
    }

    fn of(text: &str) -> Self {
        Self::new(&rules::parse(text).unwrap().groups[0])
    }

    fn set(&mut self, labels: &Labels, value: f64) {
        self.memory.push(labels, self.now, Point::Float(value));
    }

    fn evaluate(&mut self) -> Vec<Outcome> {
        evaluate(&self.group, &mut self.state, self.now, &mut self.memory, &self.settings)
    }

    fn step(&mut self, series: &[(&Labels, f64)]) -> Vec<Outcome> {
        for (labels, value) in series {
            self.set(labels, *value);
        }
        let outcomes = self.evaluate();
        self.now += STEP;
        outcomes
    }

    fn states(&self, rule: usize) -> Vec<State> {
        self.state.rules[rule].alerts.values().map(|alert| alert.state).collect()
    }

    fn count(&self, query: &str) -> usize {
        match self.memory.value(&promql::parse(query).unwrap(), self.now - STEP).unwrap() {
            Value::Vector(samples) => samples.len(),
            other => panic!("{other:?}"),
        }
    }
}

fn specification() -> Option<Vec<Group>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rules/rules.yaml");
    match std::fs::read_to_string(path) {
        Ok(text) => Some(rules::parse(&text).unwrap().groups),
        Err(_) => {
            println!("skipped: ../shared/rules/rules.yaml is not here");
            None
        }
    }
}

fn bench(name: &str) -> Option<Bench> {
    let groups = specification()?;
    Some(Bench::new(groups.iter().find(|group| group.name == name).unwrap()))
}

fn input(group: &str, rule: &str, variant: &str) -> Labels {
    Labels::new([
        ("__name__", "alert_generator_test_suite"),
        ("alertname", rule),
        ("rulegroup", group),
        ("variant", variant),
    ])
}

#[test]
fn pending_then_firing_then_resolved() {
    let Some(mut bench) = bench("PendingAndFiringAndResolved") else { return };
    let series = input("PendingAndFiringAndResolved", "PendingAndFiringAndResolved_SimpleAlert", "");
    for _ in 0..12 {
        assert_eq!(bench.step(&[(&series, 11.0)])[0], Outcome::default());
        assert_eq!(bench.states(0), [State::Pending]);
        assert_eq!(bench.count("ALERTS{alertstate=\"pending\",foo=\"bar\"}"), 1);
    }
    let outcome = &bench.step(&[(&series, 15.0)])[0];
    assert_eq!(outcome.fired.len(), 1);
    assert_eq!(outcome.fired[0].annotation("summary"), "The value is 15 15");
    assert_eq!((outcome.fired[0].active_at, outcome.fired[0].fired_at), (0, Some(360_000)));
    assert_eq!(bench.count("ALERTS{alertstate=\"firing\"}"), 1);
    assert_eq!(bench.count("ALERTS{alertstate=\"pending\"}"), 0, "the pending series has ended");
    // Annotations follow the value.
    bench.step(&[(&series, 19.0)]);
    assert_eq!(bench.state.rules[0].alerts.values().next().unwrap().annotation("summary"), "The value is 19 19");
    let outcome = &bench.step(&[(&series, 5.0)])[0];
    assert_eq!(outcome.resolved[0].resolved_at, Some(14 * STEP));
    assert_eq!(outcome.resolved[0].no_data_since, None, "it has data");
    assert_eq!(bench.count("ALERTS"), 0);
    // Remembered for 15 minutes, then forgotten; a new alert begins from the start.
    assert_eq!(bench.states(0), [State::Inactive]);
    bench.step(&[(&series, 11.0)]);
    let alert = bench.state.rules[0].alerts.values().next().unwrap().clone();
    assert_eq!((alert.state, alert.active_at, alert.resolved_at), (State::Pending, 15 * STEP, None));
}

#[test]
fn a_pending_alert_that_ends_was_never_one() {
    let Some(mut bench) = bench("PendingAndResolved_AlwaysInactive") else { return };
    let one = input("PendingAndResolved_AlwaysInactive", "PendingAndResolved_AlwaysInactive_PendingAlert", "");
    let other = input("PendingAndResolved_AlwaysInactive", "PendingAndResolved_AlwaysInactive_InactiveAlert", "");
    for _ in 0..5 {
        bench.step(&[(&one, 11.0), (&other, 12.0)]);
    }
    assert_eq!((bench.states(0), bench.states(1)), (vec![State::Pending], vec![]));
    assert_eq!(bench.step(&[(&one, 1.0), (&other, 12.0)]), [Outcome::default(), Outcome::default()]);
    assert_eq!(bench.states(0), []);
}

#[test]
fn without_for_it_fires_at_once_and_a_short_for_waits_for_the_next_evaluation() {
    let Some(mut bench) = bench("ZeroFor_SmallFor") else { return };
    let one = input("ZeroFor_SmallFor", "ZeroFor_SmallFor_ZeroFor", "");
    let other = input("ZeroFor_SmallFor", "ZeroFor_SmallFor_SmallFor", "");
    for (id, value) in [("2", 20.0), ("1", 10.0)] {
        let labels = Labels::new([
            ("__name__", "alert_generator_test_suite"),
            ("rulegroup", "ZeroFor_SmallFor"),
            ("for", "template"),
            ("id", id),
        ]);
        bench.set(&labels, value);
    }
    let outcomes = bench.step(&[(&one, 11.0), (&other, 14.0)]);
    assert_eq!(outcomes[0].fired[0].annotation("template_query_test"), "Args are: foo bar 99. first_id:1,1:10,2:20,");
    assert_eq!(
        outcomes[0].fired[0].annotation("template_test"),
        "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC"
    );
    assert_eq!((outcomes[1].fired.len(), bench.states(1)), (0, vec![State::Pending]));
    assert_eq!(bench.step(&[(&one, 11.0), (&other, 14.0)])[1].fired.len(), 1);
}

#[test]
fn later_rules_see_the_alerts_of_earlier_ones_in_the_same_turn() {
    let Some(mut bench) = bench("NewAlerts_OrderCheck") else { return };
    let input = |variant| input("NewAlerts_OrderCheck", "NewAlerts_OrderCheck_Rule1", variant);
    let (one, two) = (input("one"), input("two"));
    for _ in 0..6 {
        bench.step(&[(&one, 11.0), (&two, 11.0)]);
    }
    let outcomes = bench.step(&[(&one, 11.0), (&two, 11.0)]);
    assert_eq!((outcomes[0].fired.len(), outcomes[1].fired.len()), (2, 1));
    assert_eq!(
        outcomes[1].fired[0].annotation("description"),
        "Based on ALERTS. Old alertname was NewAlerts_OrderCheck_Rule1. foo was bar."
    );
}

const SIMPLE: &str = "groups: [{name: g, interval: 30s, rules: [{alert: A, expr: 'load > 5', for: 10m}]}]";

fn load(host: &str) -> Labels {
    Labels::new([("__name__", "load"), ("host", host)])
}

#[test]
fn two_alerts_with_the_same_labels_are_an_error_and_change_nothing() {
    let mut bench = Bench::of(
        "groups: [{name: g, rules: [{alert: A, expr: 'load > 5', labels: {host: same}}, {alert: B, expr: 'load > 5'}]}]",
    );
    bench.step(&[(&load("a"), 9.0)]);
    bench.step(&[(&load("a"), 9.0), (&load("b"), 9.0)]);
    assert_eq!(bench.state.rules[0].health, Health::Err);
    assert!(bench.state.rules[0].last_error.contains("same labelset"));
    assert_eq!(bench.states(0), [State::Firing], "an error resolves nothing");
    assert_eq!((bench.state.rules[1].health, bench.states(1).len()), (Health::Ok, 2), "the other rules go on");
}

#[test]
fn a_rule_with_too_many_alerts_is_stopped_by_its_groups_limit() {
    let mut bench = Bench::of("groups: [{name: g, limit: 2, rules: [{alert: A, expr: 'load > 5'}]}]");
    let hosts = ["a", "b", "c"].map(load);
    bench.step(&hosts.iter().map(|labels| (labels, 9.0)).collect::<Vec<_>>());
    assert_eq!(bench.state.rules[0].last_error, "exceeded limit of 2 with 3 alerts");
}

#[test]
fn vanished_series_are_told_from_better_ones() {
    for hold in [0, 120_000] {
        let mut bench = Bench::of("groups: [{name: g, interval: 30s, rules: [{alert: A, expr: 'load > 5'}]}]");
        bench.settings.hold_no_data_ms = hold;
        bench.step(&[(&load("a"), 9.0)]);
        // Nothing for longer than the look-back of five minutes.
        let mut resolved = Vec::new();
        for _ in 0..20 {
            resolved.extend(bench.step(&[]).remove(0).resolved);
        }
        assert_eq!(resolved.len(), 1);
        let gone = resolved[0].no_data_since.unwrap();
        assert_eq!(resolved[0].resolved_at, Some(gone + hold));
    }
}

#[test]
fn what_is_watched_is_the_part_before_the_comparison() {
    for (expr, part) in [
        ("a / b > 0.1", Some("a / b")),
        ("(a > 1) and b > 2", Some("a")),
        ("5 < a", Some("a")),
        ("a > b > c", Some("a")),
        ("a unless b", Some("a")),
        ("absent(a) == 1", None),
        ("vector(1) > 0", None),
        ("a", None),
        ("a or b > 1", None),
    ] {
        let found = watched(&promql::parse(expr).unwrap());
        assert_eq!(found.as_ref().map(|query| query.text.trim()), part, "{expr}");
    }
}

#[test]
fn state_survives_being_written_down() {
    let mut bench = Bench::of(SIMPLE);
    for _ in 0..3 {
        bench.step(&[(&load("a"), f64::INFINITY)]);
    }
    let text = serde_json::to_string(&bench.state).unwrap();
    let back: GroupState = serde_json::from_str(&text).unwrap();
    assert_eq!(back.rules[0].alerts, bench.state.rules[0].alerts);
    bench.state = back;
    // The end of a series is written after a restart too.
    bench.step(&[(&load("a"), 0.0)]);
    assert_eq!(bench.count("ALERTS"), 0);
}

#[test]
fn a_pause_is_no_time_in_which_the_condition_held() {
    let minute = 60_000;
    for (pause, remaining) in [
        // A short stop changes nothing: eight of ten minutes are left.
        (STEP, 8 * minute - STEP),
        // After a longer one there are ten minutes of grace.
        (30 * minute, 10 * minute),
    ] {
        let mut bench = Bench::of(SIMPLE);
        for _ in 0..5 {
            bench.step(&[(&load("a"), 9.0)]);
        }
        let last = bench.state.evaluated_at.unwrap();
        let now = last + pause;
        restore(&bench.group.clone(), &mut bench.state, now);
        let alert = bench.state.rules[0].alerts.values().next().unwrap();
        assert_eq!(alert.active_at + 10 * minute - now, remaining, "after a pause of {pause} ms");
    }
}

#[test]
fn a_clock_set_back_leaves_no_times_ahead() {
    let mut bench = Bench::of("groups: [{name: g, rules: [{alert: A, expr: 'load > 5'}]}]");
    bench.now = 3_600_000;
    bench.step(&[(&load("a"), 9.0)]);
    restore(&bench.group.clone(), &mut bench.state, 1_000);
    let alert = bench.state.rules[0].alerts.values().next().unwrap();
    assert_eq!((alert.active_at, alert.fired_at), (1_000, Some(1_000)));
}

#[test]
fn groups_are_due_on_their_grid_and_missed_turns_are_counted() {
    assert_eq!(due(100, None, 30, 10), Some(Due { at_ms: 100, missed: 0, clock_went_back: false }));
    assert_eq!(due(129, Some(100), 30, 10), None);
    assert_eq!(due(131, Some(100), 30, 10), Some(Due { at_ms: 130, missed: 0, clock_went_back: false }));
    assert_eq!(due(225, Some(100), 30, 10), Some(Due { at_ms: 220, missed: 3, clock_went_back: false }));
    assert_eq!(due(40, Some(100), 30, 10), Some(Due { at_ms: 40, missed: 0, clock_went_back: true }));
}

#[test]
fn alerts_are_handed_on_when_they_change_and_again_after_a_while() {
    let mut bench = Bench::of("groups: [{name: g, interval: 30s, rules: [{alert: A, expr: 'load > 5'}]}]");
    let mut sent = Vec::new();
    for turn in 0..8 {
        bench.step(&[(&load("a"), if turn < 5 { 9.0 } else { 1.0 })]);
        let now = bench.now - STEP;
        for alert in bench.state.rules[0].alerts.values_mut() {
            if alert.take_due(now, 60_000) {
                sent.push((turn, alert.state));
            }
        }
    }
    assert_eq!(
        sent,
        [(0, State::Firing), (2, State::Firing), (4, State::Firing), (5, State::Inactive), (7, State::Inactive)]
    );
}

#[test]
fn a_changed_file_keeps_what_is_known_of_rules_that_stay() {
    let mut bench = Bench::of(SIMPLE);
    bench.step(&[(&load("a"), 9.0)]);
    let new = rules::parse("groups: [{name: g, rules: [{record: x, expr: load}, {alert: A, expr: 'load > 5', for: 1m}, {alert: B, expr: 'load > 5'}]}]").unwrap();
    let state = GroupState::carried_over(&new.groups[0], Some((&bench.group, &bench.state)));
    let alerts: Vec<usize> = state.rules.iter().map(|rule| rule.alerts.len()).collect();
    assert_eq!(alerts, [0, 1, 0]);
}

#[test]
fn the_order_of_labels_does_not_make_another_rule() {
    let text =
        |labels: &str| format!("groups: [{{name: g, rules: [{{alert: A, expr: 'load > 5', labels: {{{labels}}}}}]}}]");
    let mut bench = Bench::of(&text("severity: P1, agent: a"));
    bench.step(&[(&load("a"), 9.0)]);
    for (labels, alerts) in [("agent: a, severity: P1", 1), ("agent: a, severity: P2", 0)] {
        let new = rules::parse(&text(labels)).unwrap();
        let state = GroupState::carried_over(&new.groups[0], Some((&bench.group, &bench.state)));
        assert_eq!(state.rules[0].alerts.len(), alerts, "{labels}");
    }
}

#[test]
fn a_broken_template_is_in_the_text_and_the_alert_still_fires() {
    let mut bench =
        Bench::of("groups: [{name: g, rules: [{alert: A, expr: 'load > 5', annotations: {text: '{{ .Nope }}'}}]}]");
    let outcome = bench.step(&[(&load("a"), 9.0)]).remove(0);
    assert!(outcome.fired[0].annotation("text").starts_with("<error expanding template: "));
    assert_eq!(outcome.template_errors.len(), 1);
}
