//! From a rule to what a receiver gets, over restarts, silences and receivers that fail.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use server::{AlertSettings, SystemClock};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::Server;

pub const RULES: &str = r#"
groups:
  - name: test
    interval: 1s
    rules:
      - record: load:doubled
        expr: load * 2
      - alert: HighLoad
        expr: load:doubled > 10
        labels: {severity: P1, agent_id: support}
        annotations:
          summary: "Load of {{ $labels.host }} is {{ $value }}"
          runbook_url: "{{ $externalURL }}/runbooks/AgentQuiet"
"#;

/// Requests a loopback service got: path and query, headers, body.
type Got = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

/// A service that records what it gets, and answers 500 while `failing`.
pub struct Service {
    pub url: String,
    got: Got,
    pub failing: Arc<Mutex<bool>>,
    runtime: tokio::runtime::Runtime,
}

impl Service {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (got, failing) = (Got::default(), Arc::new(Mutex::new(false)));
        let (seen, fails) = (Arc::clone(&got), Arc::clone(&failing));
        let take = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            if *fails.lock().unwrap() {
                return (StatusCode::INTERNAL_SERVER_ERROR, "not now".to_owned());
            }
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            seen.lock().unwrap().push((uri.to_string(), headers, body));
            (StatusCode::OK, r#"{"code": 0}"#.to_owned())
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        Self { url, got, failing, runtime }
    }

    pub fn at(&self, path: &str) -> Vec<Value> {
        self.got
            .lock()
            .unwrap()
            .iter()
            .filter(|(uri, ..)| uri.starts_with(path))
            .map(|(.., body)| body.clone())
            .collect()
    }

    /// A mail server without TLS; what it is told, line by line.
    fn mail(&self) -> (String, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let told = Arc::clone(&lines);
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut read = BufReader::new(read).lines();
                    let mut data = false;
                    let _ = write.write_all(b"220 hello\r\n").await;
                    while let Ok(Some(line)) = read.next_line().await {
                        told.lock().unwrap().push(line.clone());
                        let answer = match (&*line, data) {
                            (".", true) => {
                                data = false;
                                "250 taken"
                            }
                            (_, true) => continue,
                            ("DATA", _) => {
                                data = true;
                                "354 go on"
                            }
                            ("QUIT", _) => "221 bye",
                            (line, _) if line.starts_with("EHLO") => "250-me\r\n250 AUTH PLAIN",
                            (line, _) if line.starts_with("AUTH") => "235 good",
                            _ => "250 ok",
                        };
                        let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
                    }
                });
            }
        });
        (address, lines)
    }
}

pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub fn settings(rules: &Path, config: Option<&Path>) -> AlertSettings {
    AlertSettings {
        rules: vec![rules.to_owned()],
        packs: Some(vec!["none".into()]),
        config: config.map(Path::to_owned),
        external_url: Some("http://tawny.example".into()),
        ..AlertSettings::default()
    }
}

pub fn start(dir: TempDir, alerts: &AlertSettings) -> Server {
    Server::configured(dir, |settings| settings.alerts = alerts.clone())
}

/// Sends a gauge.
pub fn load(server: &Server, value: f64) {
    let now = SystemClock::time().as_nanos().to_string();
    let body = json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [{"name": "load", "gauge": {"dataPoints": [
        {"timeUnixNano": now, "asDouble": value, "attributes": [{"key": "host", "value": {"stringValue": "h1"}}]}
    ]}}]}]}]});
    server.post_json("/v1/metrics", &body).ok();
}

fn states(server: &Server) -> Vec<(String, String)> {
    let answer = server.get("/api/v1/alerts").ok().json();
    let alerts = answer["alerts"].as_array().unwrap();
    alerts
        .iter()
        .map(|alert| (alert["name"].as_str().unwrap().to_owned(), alert["state"].as_str().unwrap().to_owned()))
        .collect()
}

fn one(state: &str) -> Vec<(String, String)> {
    vec![("HighLoad".to_owned(), state.to_owned())]
}

pub fn webhook_config(url: &str) -> String {
    format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\nreceivers:\n  - name: hook\n    webhook_configs: [{{url: '{url}/hook'}}]\n"
    )
}

#[test]
fn every_service_is_told_the_beginning_and_the_end() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let (mail, lines) = service.mail();
    let url = &service.url;
    let config = format!(
        r##"
global: {{smtp_smarthost: '{mail}', smtp_from: 'Tawny <tawny@example.org>', smtp_require_tls: false, smtp_auth_username: me, smtp_auth_password: secret}}
route: {{receiver: all, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: all
    webhook_configs: [{{url: '{url}/hook', http_config: {{authorization: {{credentials: token}}}}}}]
    slack_configs: [{{api_url: '{url}/slack', channel: '#night', send_resolved: true}}]
    pagerduty_configs: [{{routing_key: key, url: '{url}/pagerduty'}}]
    opsgenie_configs: [{{api_key: key, api_url: '{url}/opsgenie'}}]
    msteams_configs: [{{webhook_url: '{url}/teams'}}]
    msteamsv2_configs: [{{webhook_url: '{url}/flow'}}]
    feishu_configs: [{{webhook_url: '{url}/feishu'}}]
    email_configs: [{{to: 'a@example.org', send_resolved: true}}]
"##
    );
    let (rules, config) = (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &config));
    let server = start(dir, &settings(&rules, Some(&config)));
    load(&server, 9.0);
    let hook = eventually("the webhook", || service.at("/hook").first().cloned());
    assert_eq!((&hook["status"], &hook["groupLabels"]), (&json!("firing"), &json!({"alertname": "HighLoad"})));
    assert_eq!(
        hook["alerts"][0]["labels"],
        json!({"alertname": "HighLoad", "severity": "P1", "agent_id": "support", "host": "h1"})
    );
    assert_eq!(hook["alerts"][0]["annotations"]["summary"], "Load of h1 is 18");
    assert_eq!(hook["alerts"][0]["annotations"]["value"], "18 (threshold 10, 1.8×)");
    assert_eq!(hook["externalURL"], "http://tawny.example");
    // Whoever may ask for the configuration sees no address and no password of it.
    let status = server.get("/alertmanager/api/v2/status").ok().json();
    let shown = status["config"]["original"].as_str().unwrap();
    for secret in ["password: secret", "credentials: token", "routing_key: key", "api_key: key", url] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("smtp_auth_password: <secret>") && shown.contains("receiver: all"), "{shown}");
    assert!(
        hook["alerts"][0]["generatorURL"]
            .as_str()
            .unwrap()
            .starts_with("http://tawny.example/graph?g0.expr=load%3Adoubled")
    );
    for path in ["/slack", "/pagerduty", "/opsgenie/v2/alerts", "/teams", "/flow", "/feishu"] {
        eventually(path, || service.at(path).first().cloned());
    }
    assert_eq!(service.at("/slack")[0]["channel"], "#night");
    assert_eq!(
        (&service.at("/pagerduty")[0]["event_action"], &service.at("/pagerduty")[0]["routing_key"]),
        (&json!("trigger"), &json!("key"))
    );
    let token = service
        .got
        .lock()
        .unwrap()
        .iter()
        .find(|(uri, ..)| uri == "/hook")
        .map(|(_, headers, _)| headers["authorization"].clone());
    assert_eq!(token.unwrap(), "Bearer token");
    let said = |text: &str| lines.lock().unwrap().iter().any(|line| line.contains(text));
    eventually("the mail", || said("QUIT").then_some(()));
    for text in [
        "MAIL FROM:<tawny@example.org>",
        "RCPT TO:<a@example.org>",
        "Subject: [FIRING:1] HighLoad",
        "AUTH PLAIN AG1lAHNlY3JldA==",
    ] {
        assert!(said(text), "{text}: {:?}", lines.lock().unwrap());
    }
    load(&server, 1.0);
    let resolved = |path: &str, field: &str, word: &str| {
        eventually(word, || service.at(path).into_iter().find(|body| body[field] == word));
    };
    resolved("/hook", "status", "resolved");
    resolved("/pagerduty", "event_action", "resolve");
    eventually("the closing", || service.at("/opsgenie/v2/alerts/tawny-").first().cloned());
    let keys: Vec<Value> = service.at("/pagerduty").iter().map(|body| body["dedup_key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    let history = server.get("/api/v1/alerts/history?name=HighLoad").ok().json();
    let kinds: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(["fired", "resolved", "sent"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[test]
fn a_restart_pages_nobody_twice_and_loses_no_page() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let (rules, config) =
        (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &webhook_config(&service.url)));
    let settings = settings(&rules, Some(&config));
    let server = start(dir, &settings);
    *service.failing.lock().unwrap() = true;
    load(&server, 9.0);
    let waiting = eventually("a failed attempt", || {
        let answer = server.get("/api/v1/alerts").ok().json();
        answer["waiting"].as_array()?.iter().find(|waiting| waiting["attempts"].as_u64() > Some(0)).cloned()
    });
    assert!(waiting["error"].as_str().unwrap().contains("500"), "{waiting}");
    assert!(server.get("/health").json()["reasons"].to_string().contains("hook"));
    // Stopped before anybody heard of it: the page comes after the restart.
    let server = start(server.stop(), &settings);
    *service.failing.lock().unwrap() = false;
    eventually("the page", || service.at("/hook").first().cloned());
    assert_eq!(states(&server), one("firing"));
    // Stopped after it was recorded: no second one.
    let server = start(server.stop(), &settings);
    load(&server, 9.0);
    eventually("an evaluation", || (states(&server) == one("firing")).then_some(()));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(service.at("/hook").len(), 1);
    load(&server, 1.0);
    let end = eventually("the end", || service.at("/hook").get(1).cloned());
    assert_eq!(end["status"], "resolved");
}

#[test]
fn an_alert_ends_with_its_rule_and_what_was_said_of_it_is_not_said_of_the_next() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let (rules, config) =
        (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &webhook_config(&service.url)));
    let settings = settings(&rules, Some(&config));
    let server = start(dir, &settings);
    let told = |which: usize| eventually("a message", || service.at("/hook").get(which).cloned());
    load(&server, 9.0);
    assert_eq!(told(0)["status"], "firing");
    let print = server.get("/api/v1/alerts").ok().json()["alerts"][0]["fingerprint"].as_str().unwrap().to_owned();
    let ack = format!("{}/api/v1/alerts/{print}/ack", server.http);
    assert_eq!(server.post_to(&ack, &[], br#"{"by": "ana", "comment": "mine"}"#).status, 200);
    // The rule is taken out of its file while the server runs.
    std::fs::write(&rules, "groups: []").unwrap();
    assert_eq!(told(1)["status"], "resolved");
    // It is put back: another incident, of which nobody takes care yet.
    std::fs::write(&rules, RULES).unwrap();
    load(&server, 9.0);
    assert_eq!(told(2)["status"], "firing");
    assert_eq!(server.get("/api/v1/alerts").ok().json()["alerts"][0]["ack"], Value::Null);
    // And it goes while the server is down.
    let dir = server.stop();
    std::fs::write(&rules, RULES.replace("> 10", "> 1000")).unwrap();
    let server = start(dir, &settings);
    assert_eq!(told(3)["status"], "resolved");
    let history = server.get("/api/v1/alerts/history").ok().text();
    assert_eq!(history.matches("its rule is gone or was changed").count(), 2, "{history}");
}

#[test]
fn silences_mute_and_an_acknowledgement_is_seen() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let twice =
        format!("{RULES}      - alert: TwiceTheUsual\n        expr: load > on (host) (2 * max by (host) (load))\n");
    let (rules, config) =
        (write(&dir, "rules.yml", &twice), write(&dir, "alertmanager.yml", &webhook_config(&service.url)));
    let server = start(dir, &settings(&rules, Some(&config)));
    let post =
        |path: &str, body: &Value| server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes());
    let silence = post(
        "/api/v1/silences",
        &json!({"matchers": "alertname=HighLoad", "duration": "1h", "created_by": "me", "comment": "known"}),
    )
    .ok()
    .json();
    load(&server, 9.0);
    let alert = eventually("the alert", || {
        server.get("/api/v1/alerts?state=firing").ok().json()["alerts"].as_array()?.first().cloned()
    });
    assert_eq!(alert["silenced_by"], silence["id"]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(service.at("/hook").len(), 0);
    let id = silence["id"].as_str().unwrap();
    server.send("DELETE", &format!("{}/api/v1/silences/{id}", server.http), &[], b"").ok();
    eventually("the message after the silence", || service.at("/hook").first().cloned());
    let print = alert["fingerprint"].as_str().unwrap();
    post(&format!("/api/v1/alerts/{print}/ack"), &json!({"by": "me", "comment": "on it"})).ok();
    assert_eq!(server.get("/api/v1/alerts").ok().json()["alerts"][0]["ack"]["by"], "me");
    let explained = server.get("/api/v1/rules/HighLoad/explain").ok().json();
    assert_eq!((&explained["threshold"], &explained["values"][0]["value"]), (&json!(10.0), &json!(18.0)));
    let near = server.get("/api/v1/rules/values").ok().json()["rules"][0].clone();
    assert_eq!((&near["name"], &near["nearest"]["of_threshold"]), (&json!("HighLoad"), &json!(1.8)));
    // Compared with another series, it has a distance too: 9 of twice 9.
    let twice = server.get("/api/v1/rules/values").ok().json()["rules"][1].clone();
    let share = &twice["nearest"]["of_threshold"];
    assert_eq!((&twice["name"], &twice["threshold"], share), (&json!("TwiceTheUsual"), &json!(18.0), &json!(0.5)));
    let limits = server.get("/api/v1/rules/TwiceTheUsual/explain").ok().json()["limits"].clone();
    assert!(limits.as_str().is_some_and(|query| query.contains("* 0 +")), "{limits}");
    assert!(explained["limits"].is_null());
    for (body, says) in [
        (json!({"matchers": "x=~\"(\"", "duration": "1h", "created_by": "a", "comment": ""}), "bad matcher"),
        (json!({"matchers": "x=~\".*\"", "duration": "1h", "created_by": "a", "comment": ""}), "would mute everything"),
        (json!({"matchers": "x=y", "created_by": "a", "comment": ""}), "`ends_at` or `duration`"),
    ] {
        let answer = post("/api/v1/silences", &body);
        assert!(answer.status == 400 && answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(server.get("/runbooks/AgentQuiet").ok().text().lines().next(), Some("# AgentQuiet"));
    assert_eq!(server.get("/runbooks/nope").status, 404);
}

#[test]
fn a_file_with_a_mistake_does_not_start_and_does_not_replace() {
    let dir = TempDir::new().unwrap();
    let rules = write(&dir, "rules.yml", RULES);
    let server = start(dir, &settings(&rules, None));
    std::fs::write(&rules, RULES.replace("load * 2", "load *")).unwrap();
    let problems = eventually("the problem", || {
        let answer = server.get("/api/v1/rules").ok().json();
        answer["problems"].as_array()?.first().cloned().map(|problem| (problem, answer))
    });
    assert!(
        problems
            .0
            .as_str()
            .unwrap()
            .contains("rules.yml:7:15: group \"test\", rule 1, \"load:doubled\": could not parse expression"),
        "{}",
        problems.0
    );
    assert_eq!(problems.1["groups"][0]["rules"].as_array().unwrap().len(), 2, "those before stay");
    let reasons = || server.get("/health").json()["reasons"].to_string();
    eventually("a word in /health", || reasons().contains("rules.yml:7:15").then_some(()));
    std::fs::write(&rules, RULES.replace("HighLoad", "OtherName")).unwrap();
    eventually("the new rule", || {
        (server.get("/api/v1/rules").ok().json()["groups"][0]["rules"][1]["name"] == "OtherName").then_some(())
    });
    eventually("health", || (!reasons().contains("rules.yml")).then_some(()));
}

#[test]
fn prometheus_sees_rules_and_alerts_and_the_series_they_make() {
    let dir = TempDir::new().unwrap();
    let rules = write(&dir, "rules.yml", RULES);
    let server = start(dir, &settings(&rules, None));
    load(&server, 9.0);
    let alert = eventually("the alert", || {
        server.get("/prometheus/api/v1/alerts").ok().json()["data"]["alerts"].as_array()?.first().cloned()
    });
    assert_eq!((&alert["state"], &alert["value"]), (&json!("firing"), &json!("18")));
    let group = server.get("/prometheus/api/v1/rules").ok().json()["data"]["groups"][0].clone();
    assert_eq!((&group["name"], &group["interval"]), (&json!("test"), &json!(1.0)));
    assert_eq!((&group["rules"][0]["type"], &group["rules"][1]["type"]), (&json!("recording"), &json!("alerting")));
    assert_eq!((&group["rules"][1]["health"], &group["rules"][1]["state"]), (&json!("ok"), &json!("firing")));
    let series = server.get("/prometheus/api/v1/query?query=ALERTS%7Balertname%3D%22HighLoad%22%7D").ok().json();
    assert_eq!(series["data"]["result"][0]["metric"]["alertstate"], "firing");
}

#[test]
fn other_systems_send_alerts_and_amtool_works() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let (rules, config) =
        (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &webhook_config(&service.url)));
    let server = start(dir, &settings(&rules, Some(&config)));
    let post =
        |path: &str, body: &Value| server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes());
    let alert =
        |name: &str| json!({"labels": {"alertname": name, "severity": "P2"}, "annotations": {"summary": "from afar"}});
    assert_eq!(post("/alertmanager/api/v2/alerts", &json!([alert("Far")])).status, 200);
    assert_eq!(post("/alertmanager/webhook", &json!({"version": "4", "alerts": [alert("Hooked")]})).status, 200);
    for name in ["Far", "Hooked"] {
        eventually(name, || service.at("/hook").into_iter().find(|body| body["commonLabels"]["alertname"] == name));
    }
    let odd = post("/alertmanager/api/v2/alerts", &json!([{"labels": {"alertname": "Odd", "0x": "y"}}]));
    assert!(odd.status == 400 && odd.text().contains("no name of a label"), "{}", odd.text());
    let big = json!([{"labels": {"alertname": "Big", "x": "y".repeat(70_000)}}, alert("Beside")]);
    let answer = post("/alertmanager/api/v2/alerts", &big);
    assert!(answer.status == 400 && answer.text().contains("alert_bytes_max"), "{}", answer.text());
    eventually("the neighbour", || {
        service.at("/hook").into_iter().find(|body| body["commonLabels"]["alertname"] == "Beside")
    });
    if Command::new("amtool").arg("--version").output().is_err() {
        println!("skipped: amtool is not installed (Debian's package is `prometheus-alertmanager`)");
        return;
    }
    let amtool = |args: &[&str]| {
        let url = format!("--alertmanager.url={}/alertmanager", server.http);
        let output = Command::new("amtool").arg(url).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let list = amtool(&["alert", "query", "-o", "json", "severity=P2"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 3);
    let id = amtool(&["silence", "add", "--author=me", "--comment=x", "--duration=1h", "alertname=Far"]);
    assert_eq!(amtool(&["silence", "query", "-q"]), id);
    let active = amtool(&["alert", "query", "-o", "json", "alertname=Far"]);
    assert_eq!(serde_json::from_str::<Value>(&active).unwrap().as_array().map(Vec::len), Some(0), "silenced");
    amtool(&["silence", "expire", &id]);
    assert_eq!(amtool(&["silence", "query", "-q"]), "");
}

#[test]
fn a_receiver_that_fails_is_tried_ever_less_often_while_its_group_goes_on_changing() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let (rules, config) =
        (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &webhook_config(&service.url)));
    *service.failing.lock().unwrap() = true;
    let server = start(dir, &settings(&rules, Some(&config)));
    let mut sent = 0;
    let mut another = || {
        sent += 1;
        let alert = json!([{"labels": {"alertname": "Far", "host": format!("h{sent}")}}]);
        let path = format!("{}/alertmanager/api/v2/alerts", server.http);
        assert_eq!(server.post_to(&path, &[], alert.to_string().as_bytes()).status, 200);
    };
    let waiting = || server.get("/api/v1/alerts").ok().json()["waiting"][0].clone();
    let seen = eventually("a third attempt", || {
        another();
        std::thread::sleep(Duration::from_millis(400));
        Some(waiting()).filter(|waiting| waiting["attempts"].as_u64() >= Some(3))
    });
    assert!(seen["error"].as_str().unwrap().contains("500"), "{seen}");
    // What is accepted in the end is the newest message: it names every alert.
    *service.failing.lock().unwrap() = false;
    eventually("the newest message", || {
        service.at("/hook").into_iter().find(|body| body["alerts"].as_array().map(Vec::len) == Some(sent))
    });
}
