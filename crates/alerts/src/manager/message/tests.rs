//! What each service gets, field by field.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::manager::Dispatcher;

const CONFIG: &str = r##"
global: {smtp_smarthost: 'mail.example:25', smtp_from: 'tawny@example.org', smtp_require_tls: false}
route: {receiver: all, group_by: [alertname, severity], group_wait: 0s}
receivers:
  - name: all
    webhook_configs: [{url: 'http://hook.example/', max_alerts: 1}]
    slack_configs:
      - api_url: 'http://slack.example/'
        channel: '#night'
        send_resolved: true
        text: '<!channel> {{ .CommonAnnotations.summary }}'
        fields: [{title: Agent, value: '{{ .CommonLabels.agent_id }}', short: 'true'}]
    pagerduty_configs: [{routing_key: k, details: {agent: '{{ .CommonLabels.agent_id }}'}}]
    email_configs: [{to: 'a@example.org, b@example.org', send_resolved: true}]
    opsgenie_configs: [{api_key: k, priority: P1, tags: 'a, b'}]
    msteams_configs: [{webhook_url: 'http://teams.example/'}]
    feishu_configs: [{webhook_url: 'http://feishu.example/'}]
"##;

/// Messages of every integration for two alerts, by type.
fn messages(resolved: bool) -> BTreeMap<&'static str, Outgoing> {
    let config = Config::parse(CONFIG).unwrap();
    let mut dispatcher = Dispatcher::default();
    let alert = |agent: &str, ends_at| GivenAlert {
        labels: Labels::new([("alertname", "AgentErrorRateSpike"), ("severity", "P1"), ("agent_id", agent)]),
        annotations: Labels::new([
            ("summary", "Agent error rate exceeds 5%"),
            ("runbook_url", "http://tawny.example/runbooks/AgentErrorRateSpike"),
            ("traces", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ]),
        starts_at: 1_600_000_000_000,
        ends_at,
        generator_url: "http://tawny.example/graph?g0.expr=x".into(),
        updated_at: 1_600_000_000_000,
    };
    let mut now = 1_600_000_060_000;
    for agent in ["support", "refunds"] {
        dispatcher.accept(alert(agent, None), &config, now);
    }
    let mut notifications = dispatcher.step(&config, &[], now);
    if resolved {
        for notification in &notifications {
            dispatcher.sent(notification, now);
        }
        now += 600_000;
        for agent in ["support", "refunds"] {
            dispatcher.accept(alert(agent, Some(now)), &config, now);
        }
        notifications = dispatcher.step(&config, &[], now);
    }
    let library = library(&[]).unwrap();
    let receiver = config.receiver("all").unwrap();
    let write = |notification: &Notification| {
        let integration = &receiver.integrations[notification.integration];
        let secrets = ["url", "api_url", "webhook_url"]
            .map(|name| (name.to_owned(), format!("http://{}.example/", integration.kind.as_str())));
        let keys = ["routing_key", "api_key"].map(|name| (name.to_owned(), "k".to_owned()));
        let secrets = secrets.into_iter().chain(keys).collect();
        let sender =
            Sender { config: &config, library: &library, external_url: "http://tawny.example", secrets, now_ms: now };
        (integration.kind.as_str(), sender.write(integration, notification).unwrap())
    };
    notifications.iter().map(write).collect()
}

fn body(messages: &BTreeMap<&'static str, Outgoing>, kind: &str) -> serde_json::Value {
    match &messages[kind] {
        Outgoing::Http(request) => request.body.clone(),
        Outgoing::Mail(_) => panic!("a mail"),
    }
}

#[test]
fn webhooks_get_alertmanagers_payload() {
    let body = body(&messages(false), "webhook");
    let labels = json!({"alertname": "AgentErrorRateSpike", "severity": "P1"});
    assert_eq!(body["version"], "4");
    assert_eq!(body["groupKey"], "{}:{alertname=\"AgentErrorRateSpike\", severity=\"P1\"}");
    assert_eq!((&body["groupLabels"], &body["commonLabels"]), (&labels, &labels));
    assert_eq!(
        (&body["status"], &body["receiver"], &body["truncatedAlerts"]),
        (&json!("firing"), &json!("all"), &json!(1))
    );
    assert_eq!(body["externalURL"], "http://tawny.example");
    assert_eq!(
        body["alerts"][0],
        json!({
            "status": "firing",
            "labels": {"alertname": "AgentErrorRateSpike", "severity": "P1", "agent_id": "refunds"},
            "annotations": body["commonAnnotations"],
            "startsAt": "2020-09-13T12:26:40Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://tawny.example/graph?g0.expr=x",
            "fingerprint": body["alerts"][0]["fingerprint"],
        })
    );
}

#[test]
fn slack_gets_an_attachment() {
    let firing = body(&messages(false), "slack");
    let attachment = &firing["attachments"][0];
    assert_eq!(firing["channel"], "#night");
    assert_eq!(attachment["title"], "[FIRING:2] AgentErrorRateSpike P1");
    assert_eq!(attachment["text"], "<!channel> Agent error rate exceeds 5%");
    assert_eq!(
        (&attachment["color"], &attachment["title_link"]),
        (&json!("danger"), &json!("http://tawny.example/alerts"))
    );
    assert_eq!(attachment["fields"], json!([{"title": "Agent", "value": "", "short": true}]));
    let resolved = body(&messages(true), "slack");
    assert_eq!(resolved["attachments"][0]["title"], "[RESOLVED] AgentErrorRateSpike P1");
    assert_eq!(resolved["attachments"][0]["color"], "good");
}

#[test]
fn pagerduty_opens_and_closes_the_same_incident() {
    let (firing, resolved) = (body(&messages(false), "pagerduty"), body(&messages(true), "pagerduty"));
    assert_eq!((&firing["event_action"], &resolved["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!(firing["dedup_key"], resolved["dedup_key"]);
    assert_eq!(firing["routing_key"], "k");
    let payload = &firing["payload"];
    assert_eq!(payload["summary"], "[FIRING:2] AgentErrorRateSpike P1");
    assert_eq!((&payload["severity"], &payload["source"]), (&json!("critical"), &json!("Tawny")));
    assert_eq!(
        (&payload["custom_details"]["num_firing"], &payload["custom_details"]["num_resolved"]),
        (&json!("2"), &json!("0"))
    );
    let details = payload["custom_details"]["firing"].as_str().unwrap();
    for wanted in [
        "Agent error rate exceeds 5%",
        "Since: 2020-09-13 12:26:40 UTC",
        "agent_id=refunds",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "/runbooks/AgentErrorRateSpike",
    ] {
        assert!(details.contains(wanted), "{wanted:?} in {details}");
    }
}

#[test]
fn mail_has_a_subject_recipients_and_both_texts() {
    let messages = messages(true);
    let Outgoing::Mail(mail) = &messages["email"] else { panic!("no mail") };
    assert_eq!((mail.smarthost.as_str(), mail.from.as_str()), ("mail.example:25", "tawny@example.org"));
    assert_eq!(mail.to, ["a@example.org", "b@example.org"]);
    assert_eq!(mail.headers, [("Subject".to_owned(), "[RESOLVED] AgentErrorRateSpike P1".to_owned())]);
    assert!(mail.text.contains("Resolved 2020-09-13 12:37:40 UTC.") && mail.html.contains("<h3>AgentErrorRateSpike"));
    assert!(!mail.require_tls && mail.login.is_none());
}

#[test]
fn the_other_services_get_their_cards() {
    let (firing, resolved) = (messages(false), messages(true));
    let opsgenie = |messages: &BTreeMap<_, Outgoing>| match &messages["opsgenie"] {
        Outgoing::Http(request) => request.clone(),
        Outgoing::Mail(_) => panic!("a mail"),
    };
    let (open, close) = (opsgenie(&firing), opsgenie(&resolved));
    assert_eq!(open.url, "https://api.opsgenie.com/v2/alerts");
    assert_eq!(open.headers, [("Authorization", "GenieKey k".to_owned())]);
    assert_eq!((&open.body["priority"], &open.body["tags"]), (&json!("P1"), &json!(["a", "b"])));
    assert_eq!(open.body["details"], json!({"alertname": "AgentErrorRateSpike", "severity": "P1"}));
    assert!(open.body.get("responders").is_none() && open.body.get("actions").is_none(), "{}", open.body);
    let alias = open.body["alias"].as_str().unwrap();
    assert_eq!(close.url, format!("https://api.opsgenie.com/v2/alerts/{alias}/close?identifierType=alias"));
    let teams = body(&firing, "msteams");
    assert_eq!(
        (&teams["title"], &teams["themeColor"]),
        (&json!("[FIRING:2] AgentErrorRateSpike P1"), &json!("8C1A1A"))
    );
    let feishu = body(&resolved, "feishu");
    assert_eq!(
        feishu["card"]["header"],
        json!({"title": {"tag": "plain_text", "content": "[RESOLVED] AgentErrorRateSpike P1"}, "template": "green"})
    );
}

#[test]
fn an_alert_without_data_says_so() {
    let library = library(&[]).unwrap();
    let alert = Value::structure(
        "Alert",
        [
            ("Status", Value::text("resolved")),
            ("Labels", Value::texts([("alertname".into(), "A".into())])),
            ("Annotations", Value::texts([("no_data_since".into(), "12:00".into())])),
            ("StartsAt", Value::Time(0)),
            ("EndsAt", Value::Time(0)),
            ("GeneratorURL", Value::text("")),
        ],
    );
    let template = Template::parse("{{ template \"__one\" . }}").unwrap();
    let text = template.expand(&alert, &library, &mut StillWorld::default()).unwrap();
    assert!(
        text.contains("No data since 12:00: this is not the same as resolved.") && !text.contains("Resolved 1970"),
        "{text}"
    );
}

#[test]
fn long_texts_are_cut_and_say_so() {
    assert_eq!(cut("abcdef", 5), "ab…");
    assert_eq!(cut(&"ä".repeat(10), 8).len(), 7);
    assert_eq!(cut("abc", 5), "abc");
}
