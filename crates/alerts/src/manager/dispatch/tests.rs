//! When what is sent to whom.

use super::*;

const MINUTE: i64 = 60_000;

const CONFIG: &str = r#"
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: [quiet="yes"]
      receiver: firing-only
inhibit_rules:
  - {source_matchers: [severity="P1"], target_matchers: [severity="P3"], equal: [agent]}
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:1/'}]
  - name: firing-only
    webhook_configs: [{url: 'http://127.0.0.1:1/', send_resolved: false}]
"#;

struct Bench {
    config: Config,
    dispatcher: Dispatcher,
    silences: Vec<Silence>,
}

impl Bench {
    fn new() -> Self {
        Self { config: Config::parse(CONFIG).unwrap(), dispatcher: Dispatcher::default(), silences: Vec::new() }
    }

    fn fire(&mut self, labels: &[(&str, &str)], now: i64) {
        self.give(labels, now, None, now);
    }

    fn resolve(&mut self, labels: &[(&str, &str)], now: i64) {
        self.give(labels, 0, Some(now), now);
    }

    fn give(&mut self, labels: &[(&str, &str)], starts_at: i64, ends_at: Option<i64>, now: i64) {
        let labels = Labels::new(labels.iter().copied());
        let alert = GivenAlert {
            labels,
            annotations: Labels::default(),
            starts_at,
            ends_at,
            generator_url: String::new(),
            updated_at: now,
        };
        self.dispatcher.accept(alert, &self.config, now);
    }

    /// Runs the clock in steps of a second and says what was sent when: `seconds: firing names / resolved names`.
    fn run(&mut self, from: i64, to: i64, take: impl Fn(i64) -> bool) -> Vec<String> {
        let mut sent = Vec::new();
        for now in (from..=to).step_by(1000) {
            for notification in self.dispatcher.step(&self.config, &self.silences, now) {
                if !take(now) {
                    continue;
                }
                let name = |resolved: bool| {
                    let chosen = notification.alerts.iter().filter(|alert| alert.is_resolved(now) == resolved);
                    chosen.map(|alert| alert.labels.get("id").to_owned()).collect::<Vec<_>>().join("+")
                };
                if !notification.is_silent() {
                    sent.push(format!("{}: {}/{}", now / 1000, name(false), name(true)));
                }
                self.dispatcher.sent(&notification, now);
            }
        }
        sent
    }
}

#[test]
fn a_group_waits_then_tells_of_changes_then_repeats() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.fire(&[("alertname", "A"), ("id", "2")], 10_000);
    assert_eq!(bench.run(10_000, 2 * MINUTE, |_| true), ["30: 1+2/"]);
    bench.fire(&[("alertname", "A"), ("id", "3")], 2 * MINUTE);
    assert_eq!(bench.run(2 * MINUTE, 6 * MINUTE, |_| true), ["330: 1+2+3/"], "after the group's interval");
    assert_eq!(bench.run(6 * MINUTE, 240 * MINUTE, |_| true), Vec::<String>::new(), "nothing changes");
    assert_eq!(bench.run(240 * MINUTE, 260 * MINUTE, |_| true), ["14730: 1+2+3/"], "told again");
    bench.resolve(&[("alertname", "A"), ("id", "1")], 261 * MINUTE);
    assert_eq!(bench.run(261 * MINUTE, 270 * MINUTE, |_| true).len(), 1);
    for id in ["2", "3"] {
        bench.resolve(&[("alertname", "A"), ("id", id)], 271 * MINUTE);
    }
    let sent = bench.run(271 * MINUTE, 300 * MINUTE, |_| true);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].ends_with(": /2+3"), "{sent:?}");
    assert_eq!(
        (bench.dispatcher.groups().count(), bench.dispatcher.alerts().count()),
        (0, 0),
        "all told, all forgotten"
    );
}

#[test]
fn what_was_not_delivered_is_decided_again() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    let sent = bench.run(0, 20 * MINUTE, |now| now > 8 * MINUTE);
    assert_eq!(sent, ["630: 1/"], "the third turn of the group is the first that got through");
    bench.resolve(&[("alertname", "A"), ("id", "1")], 20 * MINUTE);
    let sent = bench.run(20 * MINUTE, 60 * MINUTE, |now| now > 30 * MINUTE);
    assert_eq!(sent, ["1830: /1"], "the end is kept until somebody heard of it");
}

#[test]
fn a_restart_repeats_nothing_that_was_recorded() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.run(0, MINUTE, |_| true);
    bench.dispatcher = Dispatcher::with_log(bench.dispatcher.log().clone());
    bench.give(&[("alertname", "A"), ("id", "1")], 0, None, 2 * MINUTE);
    assert_eq!(bench.run(2 * MINUTE, 20 * MINUTE, |_| true), Vec::<String>::new());
    // The end of an alert that was told before the restart is told after it.
    bench.dispatcher = Dispatcher::with_log(bench.dispatcher.log().clone());
    bench.resolve(&[("alertname", "A"), ("id", "1")], 21 * MINUTE);
    assert_eq!(bench.run(21 * MINUTE, 30 * MINUTE, |_| true), ["1260: /1"]);
}

#[test]
fn an_alert_that_ends_before_anybody_heard_of_it_is_not_told() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.resolve(&[("alertname", "A"), ("id", "1")], 10_000);
    assert_eq!(bench.run(10_000, 10 * MINUTE, |_| true), Vec::<String>::new());
    assert_eq!(bench.dispatcher.alerts().count(), 0);
}

#[test]
fn an_alert_without_news_ends_by_itself() {
    let mut bench = Bench::new();
    bench.give(&[("alertname", "A"), ("id", "1")], 0, Some(3 * MINUTE), 0);
    assert_eq!(bench.run(0, 10 * MINUTE, |_| true), ["30: 1/", "330: /1"]);
}

#[test]
fn silenced_and_inhibited_alerts_are_not_told() {
    let mut bench = Bench::new();
    bench.silences.push(Silence {
        id: "s".into(),
        matchers: super::super::Matchers::parse("id=1").unwrap(),
        starts_at: 0,
        ends_at: 7 * MINUTE,
        created_by: "me".into(),
        comment: "known".into(),
        updated_at: 0,
    });
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.fire(&[("alertname", "B"), ("id", "cause"), ("severity", "P1"), ("agent", "x")], 0);
    bench.fire(&[("alertname", "C"), ("id", "effect"), ("severity", "P3"), ("agent", "x")], 0);
    bench.fire(&[("alertname", "D"), ("id", "other"), ("severity", "P3"), ("agent", "y")], 0);
    let labels = Labels::new([("alertname", "C"), ("severity", "P3"), ("agent", "x")]);
    assert!(matches!(bench.dispatcher.mutes(&bench.config, &bench.silences, 0).of(&labels), Some(Muted::Inhibited(_))));
    assert_eq!(bench.run(0, 6 * MINUTE, |_| true), ["30: cause/", "30: other/"]);
    assert_eq!(bench.run(6 * MINUTE, 20 * MINUTE, |_| true), ["630: 1/"], "once the silence is over");
}

#[test]
fn an_alert_of_which_no_route_tells_at_this_hour_is_muted_by_time() {
    let config = Config::parse(
        r#"
route:
  receiver: hook
  routes:
    - matchers: [night="yes"]
      mute_time_intervals: [evenings]
      continue: true
    - matchers: [team="b"]
time_intervals:
  - name: evenings
    time_intervals: [{times: [{start_time: '18:00', end_time: '24:00'}]}]
receivers: [{name: hook}]
"#,
    )
    .unwrap();
    let dispatcher = Dispatcher::default();
    let at = |hour: i64, labels: &[(&str, &str)]| {
        dispatcher.mutes(&config, &[], hour * 60 * MINUTE).of(&Labels::new(labels.iter().copied()))
    };
    let Some(Muted::ByTime(why)) = at(19, &[("night", "yes")]) else { panic!("not muted by time") };
    assert!(why.contains("evenings"), "{why}");
    assert_eq!(at(12, &[("night", "yes")]), None);
    assert_eq!(at(19, &[("night", "yes"), ("team", "b")]), None, "its other route tells");
    assert_eq!(at(19, &[]), None);
}

#[test]
fn what_is_learned_of_an_alert_later_is_in_its_next_message() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    assert_eq!(bench.run(0, MINUTE, |_| true), ["30: 1/"]);
    let labels = Labels::new([("alertname", "A"), ("id", "1")]);
    bench.dispatcher.annotate(&labels, [("traces".to_owned(), "abc".to_owned())]);
    bench.dispatcher.annotate(&Labels::default(), [("traces".to_owned(), "abc".to_owned())]);
    assert_eq!(bench.dispatcher.alert(&labels).unwrap().annotations.get("traces"), "abc");
    assert_eq!(bench.run(MINUTE, 20 * MINUTE, |_| true), Vec::<String>::new(), "nobody is told anew");
}

#[test]
fn who_is_not_told_of_ends_is_told_of_the_next_beginning() {
    let mut bench = Bench::new();
    let labels = [("alertname", "A"), ("id", "1"), ("quiet", "yes")];
    bench.fire(&labels, 0);
    assert_eq!(bench.run(0, MINUTE, |_| true), ["30: 1/"]);
    bench.resolve(&labels, 2 * MINUTE);
    assert_eq!(bench.run(2 * MINUTE, 10 * MINUTE, |_| true), Vec::<String>::new());
    bench.fire(&labels, 11 * MINUTE);
    assert_eq!(bench.run(11 * MINUTE, 20 * MINUTE, |_| true), ["690: 1/"]);
}

#[test]
fn an_acknowledged_alert_is_not_repeated_and_its_end_is_told() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.run(0, MINUTE, |_| true);
    bench.dispatcher.acknowledged = bench.dispatcher.alerts().map(|alert| fingerprint(&alert.labels)).collect();
    assert_eq!(bench.run(MINUTE, 300 * MINUTE, |_| true), Vec::<String>::new());
    bench.fire(&[("alertname", "A"), ("id", "2")], 300 * MINUTE);
    assert_eq!(bench.run(300 * MINUTE, 306 * MINUTE, |_| true), ["18030: 1+2/"], "another alert is news");
}

#[test]
fn ten_thousand_alerts_are_one_message_and_take_no_time() {
    let mut bench = Bench::new();
    let ids: Vec<String> = (0..10_000).map(|id| id.to_string()).collect();
    for id in &ids {
        bench.fire(&[("alertname", "A"), ("id", id), ("severity", "P3"), ("agent", id)], 0);
    }
    let notifications = bench.dispatcher.step(&bench.config, &[], MINUTE);
    assert_eq!(notifications.iter().map(|it| it.alerts.len()).collect::<Vec<_>>(), [10_000]);
}

#[test]
fn a_new_configuration_regroups_without_telling_again() {
    let mut bench = Bench::new();
    bench.fire(&[("alertname", "A"), ("id", "1")], 0);
    bench.run(0, MINUTE, |_| true);
    bench.dispatcher.configure(&bench.config, MINUTE);
    assert_eq!(bench.run(MINUTE, 20 * MINUTE, |_| true), Vec::<String>::new());
}

#[test]
fn fingerprints_are_prometheus() {
    // As `model.LabelSet.Fingerprint` of Prometheus gives it.
    assert_eq!(fingerprint(&Labels::default()), 0xcbf2_9ce4_8422_2325);
}
