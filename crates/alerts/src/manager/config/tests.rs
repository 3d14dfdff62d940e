//! Configurations as people have them, and that routes are those of the real Alertmanager.

use std::process::Command;

use super::*;

const CONFIG: &str = r#"
global:
  resolve_timeout: 3m
  smtp_smarthost: 'mail.example:587'
  smtp_from: 'tawny@example.org'
  smtp_auth_username: tawny
  smtp_auth_password: secret
  slack_api_url: https://hooks.slack.example/T
templates: ['*.tmpl']
time_intervals:
  - name: offhours
    time_intervals: [{times: [{start_time: '18:00', end_time: '24:00'}]}]
route:
  receiver: default
  group_by: [alertname, severity]
  group_wait: 10s
  group_interval: 2m
  repeat_interval: 3h
  routes:
    - matchers: [severity="P1"]
      receiver: page
      group_by: ['...']
      continue: true
      routes:
        - match: {team: night}
          receiver: night
          group_wait: 0s
    - matchers: ['severity=~"P1|P2"', 'team!="test"']
      receiver: here
      mute_time_intervals: [offhours]
    - match_re: {service: 'a|b.*'}
      receiver: ab
inhibit_rules:
  - source_matchers: [severity="P1"]
    target_matchers: [severity=~"P2|P3"]
    equal: [agent_id]
receivers:
  - name: default
  - name: page
    pagerduty_configs: [{routing_key: k, details: {team: '{{ .CommonLabels.team }}'}}]
    slack_configs: [{channel: '#a', send_resolved: true}]
  - name: night
    webhook_configs: [{url: 'http://127.0.0.1:1/', http_config: {basic_auth: {username: u, password: p}}}]
  - name: here
    email_configs: [{to: 'a@example.org'}]
  - name: ab
    opsgenie_configs: [{api_key_file: /run/key, responders: [{name: team, type: team}]}]
    msteams_configs: [{webhook_url: 'https://teams.example/w'}]
    feishu_configs: [{webhook_url: 'https://feishu.example/w'}]
    telegram_configs: [{bot_token: x, chat_id: 1}]
"#;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied())
}

fn receivers(config: &Config, pairs: &[(&str, &str)]) -> Vec<String> {
    config.route.of(&labels(pairs)).iter().map(|route| route.receiver.clone()).collect()
}

#[test]
fn a_configuration_is_read_as_it_stands() {
    let config = Config::parse(CONFIG).unwrap();
    assert_eq!(config.resolve_timeout_ms, 180_000);
    let page = &config.route.routes[0];
    assert_eq!((page.group_wait_ms, page.group_interval_ms, page.repeat_interval_ms), (10_000, 120_000, 10_800_000));
    assert_eq!((&page.group_by, page.goes_on), (&GroupBy::All, true));
    assert_eq!((page.routes[0].group_wait_ms, &page.routes[0].group_by), (0, &GroupBy::All));
    assert_eq!(page.routes[0].key, "{}/{severity=\"P1\"}/{team=\"night\"}");
    let kinds: Vec<Kind> =
        config.receivers.iter().flat_map(|receiver| &receiver.integrations).map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Slack, Kind::PagerDuty, Kind::Webhook, Kind::Email, Kind::Opsgenie, Kind::Teams, Kind::Feishu]
    );
    let slack = &config.receiver("page").unwrap().integrations[0];
    assert_eq!(slack.secrets["api_url"], Secret::Text("https://hooks.slack.example/T".into()));
    let webhook = &config.receiver("night").unwrap().integrations[0];
    assert_eq!(webhook.http.authorization, Some(("Basic".into(), Secret::Text("u:p".into()))));
    assert!(config.warnings[0].message.contains("`telegram_configs` is not supported"));
}

#[test]
fn what_is_known_and_not_done_is_said() {
    let text = r#"
global: {pagerduty_url: 'http://pd.example/', opsgenie_api_url: 'http://og.example/', slack_app_token: x}
tracing: {endpoint: x}
route: {receiver: a}
receivers:
  - name: a
    slack_configs: [{api_url: 'http://s/', app_token: t, timeout: 3s, mrkdwn_in: [text, fields]}]
    pagerduty_configs: [{routing_key: k}]
    opsgenie_configs: [{api_key: k, update_alerts: true}]
"#;
    let config = Config::parse(text).unwrap();
    let warnings: Vec<&str> = config.warnings.iter().map(|warning| warning.message.as_str()).collect();
    for part in [
        "`slack_app_token` of global is not done",
        "`tracing` is not done",
        "receiver \"a\": `app_token` of slack_configs is not done",
        "`timeout` of slack_configs is not done",
        "`update_alerts` of opsgenie_configs is not done",
    ] {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part}: {warnings:?}");
    }
    assert_eq!(warnings.len(), 5);
    let [slack, pagerduty, opsgenie] = &config.receivers[0].integrations[..] else { panic!("three integrations") };
    assert_eq!(slack.plain["mrkdwn_in"], "text,fields");
    assert_eq!(pagerduty.texts["url"].text(), "http://pd.example/");
    assert_eq!(opsgenie.texts["api_url"].text(), "http://og.example/");
}

#[test]
fn alerts_take_the_routes_they_should() {
    let config = Config::parse(CONFIG).unwrap();
    assert_eq!(receivers(&config, &[("severity", "P1")]), ["page", "here"]);
    assert_eq!(receivers(&config, &[("severity", "P1"), ("team", "night")]), ["night", "here"]);
    assert_eq!(receivers(&config, &[("severity", "P2"), ("team", "test")]), ["default"]);
    assert_eq!(receivers(&config, &[("service", "bc")]), ["ab"]);
    let here = &config.route.routes[1];
    let evening = 19 * 3_600_000;
    assert!(config.muted_by_time(here, evening).is_some() && config.muted_by_time(here, 0).is_none());
}

#[test]
fn routes_agree_with_amtool() {
    if Command::new("amtool").arg("--version").output().is_err() {
        println!("skipped: amtool is not installed (Debian's package is `prometheus-alertmanager`)");
        return;
    }
    // What amtool does not know.
    let text: String = CONFIG
        .lines()
        .filter(|line| !line.contains("feishu") && !line.contains("msteams"))
        .map(|line| format!("{line}\n"))
        .collect();
    let path = std::env::temp_dir().join(format!("tawny-routes-{}.yml", std::process::id()));
    std::fs::write(&path, &text).unwrap();
    let config = Config::parse(&text).unwrap();
    let (mut compared, mut differing) = (0, Vec::new());
    for severity in ["", "P1", "P2", "P3"] {
        for team in ["", "night", "test", "day"] {
            for service in ["", "a", "ab", "bc"] {
                let pairs = [("severity", severity), ("team", team), ("service", service)];
                let args =
                    pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}"));
                let output = Command::new("amtool")
                    .args(["config", "routes", "test", "--config.file"])
                    .arg(&path)
                    .args(args.chain(["alertname=X".to_owned()]))
                    .output()
                    .unwrap();
                let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                let ours = receivers(&config, &[pairs[0], pairs[1], pairs[2], ("alertname", "X")]).join(",");
                compared += 1;
                if ours != theirs {
                    differing.push(format!(
                        "{pairs:?}: {ours} and not {theirs}: {}",
                        String::from_utf8_lossy(&output.stderr)
                    ));
                }
            }
        }
    }
    let _ = std::fs::remove_file(&path);
    assert_eq!((compared, differing), (64, Vec::<String>::new()));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "route:\n  receiver: a\n  bogus: 1\n  routes:\n    - receiver: b\n      matchers: [severity]\n      mute_time_intervals: [nope]\n      group_interval: 0s\nreceivers:\n  - name: a\n    slack_configs: [{channel: x}]\n  - name: a\n    pagerduty_configs: [{routing_key: k, description: '{{ nope }}'}]\n";
    let found: Vec<String> = Config::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "3:3: unknown field `bogus` in a route",
            "5:7: undefined receiver \"b\" used in route",
            "6:7: bad matcher \"severity\": an operator is missing: use =, !=, =~ or !~",
            "7:7: undefined time interval \"nope\" used in route",
            "8:7: `group_interval` cannot be zero",
            "11:21: receiver \"a\": `slack_configs` needs `api_url` or `api_url_file`",
            "12:5: the receiver \"a\" is there twice",
            "13:55: template error at 1:4: function \"nope\" not defined",
        ]
    );
}

#[test]
fn without_a_file_p1_wakes_p2_tells_and_p3_waits() {
    let config = Config::default_routing(Some("https://hooks.slack.example/x"), Some("key"));
    for (severity, receiver, kinds) in [
        ("P1", "page", vec![Kind::Slack, Kind::PagerDuty]),
        ("critical", "page", vec![Kind::Slack, Kind::PagerDuty]),
        ("P2", "here", vec![Kind::Slack]),
        ("warning", "here", vec![Kind::Slack]),
        ("P3", "trends", vec![Kind::Slack]),
    ] {
        assert_eq!(receivers(&config, &[("severity", severity)]), [receiver]);
        let found: Vec<Kind> = config.receiver(receiver).unwrap().integrations.iter().map(|it| it.kind).collect();
        assert_eq!(found, kinds);
    }
    let none = Config::default_routing(None, None);
    assert!(none.receivers.iter().all(|receiver| receiver.integrations.is_empty()));
    let related = |alertname: &str| labels(&[("alertname", alertname), ("agent_id", "a")]);
    let firing = [related("AgentErrorRateSpike")];
    let inhibitor = super::super::inhibit::Inhibitor::new(&none.inhibit_rules, firing.iter());
    assert!(inhibitor.muted_by(&related("high_failure_rate")).is_some(), "one failure is one page");
    assert!(inhibitor.muted_by(&related("AgentErrorRateSpike")).is_none());
    let elsewhere = labels(&[("alertname", "high_failure_rate"), ("agent_id", "a"), ("project", "shop")]);
    assert!(inhibitor.muted_by(&elsewhere).is_none(), "its namesake in another project");
}
