//! What makes a rule and its receivers worth trusting: backtests, evidence kept with an alert, test messages.

use access::Scope;
use serde_json::{Value, json};
use server::SystemClock;
use tempfile::TempDir;

use crate::alerts::{RULES, Service, eventually, load, settings, start, webhook_config, write};
use crate::support::{Answer, Server, agent_run, trace_id};

const MINUTE_NANOS: i64 = 60_000_000_000;

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.post_to(&format!("{}{path}", server.http), &[], body.to_string().as_bytes())
}

/// A gauge with a value for each of the last fifty minutes.
fn history(server: &Server, value: impl Fn(i64) -> f64) {
    let now = SystemClock::time().as_nanos();
    let points: Vec<Value> = (0..=50)
        .rev()
        .map(|ago| {
            let time = (now - ago * MINUTE_NANOS).to_string();
            json!({"timeUnixNano": time, "asDouble": value(ago), "attributes": [{"key": "host", "value": {"stringValue": "h1"}}]})
        })
        .collect();
    let body = json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [{"name": "load", "gauge": {"dataPoints": points}}]}]}]});
    server.post_json("/v1/metrics", &body).ok();
}

#[test]
fn a_backtest_says_how_often_rules_would_have_fired() {
    let server = Server::start();
    history(&server, |ago| if (20..30).contains(&ago) { 9.0 } else { 1.0 });
    let slow = RULES
        .replace("interval: 1s", "interval: 30s")
        .replace("expr: load:doubled > 10", "expr: load:doubled > 10\n        for: 2m");
    let answer = post(&server, "/api/v1/rules/backtest", &json!({"rules": slow, "from": "1h"})).ok().json();
    let rules = answer["rules"].as_array().unwrap();
    assert_eq!((&rules[0]["name"], &rules[0]["kind"]), (&json!("load:doubled"), &json!("record")));
    assert!(rules[0]["recorded"].as_u64().unwrap() > 90, "{answer}");
    let high = &rules[1];
    assert_eq!(
        (&high["name"], &high["fired"], &high["series"]),
        (&json!("HighLoad"), &json!(1), &json!(1)),
        "{answer}"
    );
    let interval = &high["intervals"][0];
    assert_eq!((&interval["labels"]["host"], &interval["value"]), (&json!("h1"), &json!(18.0)));
    // Ten minutes, of which the `for` takes two; a sample a minute is seen on a grid of half minutes.
    let seconds = interval["seconds"].as_f64().unwrap();
    assert!((420.0..=540.0).contains(&seconds), "{interval}");
    assert!(high["says"].as_str().unwrap().starts_with("would have fired 1 time for 1 alert"), "{high}");
    assert_eq!(answer["notes"], json!([]));
    // Nothing of it is kept.
    let series = server.get("/prometheus/api/v1/query?query=load%3Adoubled").ok().json();
    assert_eq!(series["data"]["result"], json!([]));
    let larger = post(
        &server,
        "/api/v1/rules/backtest",
        &json!({"rules": slow, "rule": "HighLoad", "from": "1h", "step": "5m"}),
    )
    .ok()
    .json();
    assert_eq!((larger["rules"].as_array().unwrap().len(), &larger["rules"][0]["step_seconds"]), (1, &json!(300.0)));
    assert!(larger["notes"][0].as_str().unwrap().contains("every 5m"), "{larger}");
}

#[test]
fn a_backtest_that_cannot_be_done_says_why() {
    let server = Server::start();
    let broken = RULES.replace("load * 2", "load *");
    for (body, status, says) in [
        (
            json!({"rules": broken}),
            400,
            "rules:7:15: group \"test\", rule 1, \"load:doubled\": could not parse expression",
        ),
        (json!({"rules": "groups: ["}), 400, "rules:"),
        (json!({}), 400, "give `rules`, a rule file, or `rule`"),
        (json!({"rule": "NoSuchRule"}), 404, "there is no rule `NoSuchRule`"),
        (json!({"rules": RULES, "from": "yesterdayish"}), 400, "`yesterdayish` is no time"),
        (json!({"rules": RULES, "from": "1h", "to": "2h"}), 400, "must lie after its beginning"),
        (json!({"rules": RULES, "step": "5"}), 400, "is no duration"),
        (json!({"rules": RULES, "step": "10ms"}), 400, "at least one second"),
        (json!({"rulez": RULES}), 400, "unknown field `rulez`"),
    ] {
        let answer = post(&server, "/api/v1/rules/backtest", &body);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status == status && detail.contains(says), "{body}: {detail}");
    }
    // A rule of the server, by name.
    let answer =
        post(&server, "/api/v1/rules/backtest", &json!({"rule": "CostHourlyBurnHigh", "from": "1h"})).ok().json();
    assert_eq!((&answer["rules"][0]["name"], &answer["rules"][0]["fired"]), (&json!("CostHourlyBurnHigh"), &json!(0)));
}

#[test]
fn an_alert_keeps_what_shows_it() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let rules = write(&dir, "rules.yml", &RULES.replace("agent_id: support", "agent_id: planner"));
    let config = write(&dir, "alertmanager.yml", &webhook_config(&service.url));
    let settings = settings(&rules, Some(&config));
    let server = start(dir, &settings);
    server.post_proto("/v1/traces", &agent_run(7)).ok();
    eventually("the run", || (!server.get("/api/v1/runs").ok().json()["runs"].as_array()?.is_empty()).then_some(()));
    load(&server, 9.0);
    let hook = eventually("the page", || service.at("/hook").first().cloned());
    assert!(hook["alerts"][0]["annotations"]["traces"].as_str().unwrap().contains(&trace_id(7)), "{hook}");
    let line = hook["alerts"][0]["annotations"]["worst_runs"].as_str().unwrap();
    assert!(line.starts_with(&format!("http://tawny.example/runs/{} (planner, ok, ", trace_id(7))), "{line}");
    let alert = server.get("/api/v1/alerts").ok().json()["alerts"][0].clone();
    let page = hook["alerts"][0]["annotations"]["alert_url"].as_str().unwrap();
    assert_eq!(page, format!("http://tawny.example/alerts/{}", alert["fingerprint"].as_str().unwrap()));
    let path = format!("/api/v1/alerts/{}", alert["fingerprint"].as_str().unwrap());
    let detail = server.get(&path).ok().json();
    assert_eq!((&detail["alert"]["name"], &detail["alert"]["state"]), (&json!("HighLoad"), &json!("firing")));
    let evidence = &detail["evidence"][0];
    assert_eq!((&evidence["query"], &evidence["threshold"]), (&json!("load:doubled"), &json!(10.0)));
    assert_eq!(evidence["points"].as_array().unwrap().last().unwrap()["value"], 18.0, "{detail}");
    assert_eq!(evidence["runs"][0]["trace_id"], trace_id(7), "{detail}");
    assert_eq!(detail["events"].as_array().unwrap().last().unwrap()["kind"], "fired");
    // It survives a restart, and learns of the end.
    let server = start(server.stop(), &settings);
    load(&server, 1.0);
    let ended = eventually("the end", || {
        let detail = server.get(&path).ok().json();
        detail["evidence"][0]["ended_at"].is_string().then_some(detail)
    });
    assert_eq!(ended["evidence"][0]["runs"][0]["trace_id"], trace_id(7), "{ended}");
    assert_eq!(ended["evidence"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/api/v1/alerts/0123456789abcdef").status, 404);
    assert_eq!(server.get("/api/v1/alerts/nonsense").status, 400);
}

#[test]
fn a_receiver_can_be_tried_out() {
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let config = webhook_config(&service.url) + "  - name: nobody\n";
    let (rules, config) = (write(&dir, "rules.yml", RULES), write(&dir, "alertmanager.yml", &config));
    let server = start(dir, &settings(&rules, Some(&config)));
    let answer = server.get("/api/v1/receivers").ok();
    assert!(!answer.text().contains(&service.url), "addresses are secrets: {}", answer.text());
    let listed = answer.json();
    assert_eq!(listed["receivers"][0]["integrations"], json!([{"kind": "webhook", "send_resolved": true}]));
    assert_eq!((&listed["receivers"][1]["name"], &listed["receivers"][1]["routes"]), (&json!("nobody"), &json!([])));
    let tried = post(&server, "/api/v1/receivers/hook/test", &json!({})).ok().json();
    assert_eq!(tried["results"], json!([{"kind": "webhook", "accepted": true, "error": null}]));
    let got = service.at("/hook");
    let words: Vec<(&Value, &Value)> =
        got.iter().map(|body| (&body["status"], &body["groupLabels"]["alertname"])).collect();
    assert_eq!(words, [(&json!("firing"), &json!("TawnyTest")), (&json!("resolved"), &json!("TawnyTest"))]);
    *service.failing.lock().unwrap() = true;
    let tried = post(&server, "/api/v1/receivers/hook/test", &json!({})).ok().json();
    assert_eq!(tried["results"][0]["accepted"], false);
    assert!(tried["results"][0]["error"].as_str().unwrap().contains("500"), "{tried}");
    for name in ["nobody", "unknown"] {
        assert_eq!(post(&server, &format!("/api/v1/receivers/{name}/test"), &json!({})).status, 404);
    }
}

#[test]
fn the_history_knows_when_alerts_of_others_began_and_ended() {
    let dir = TempDir::new().unwrap();
    let rules = write(&dir, "rules.yml", RULES);
    let settings = settings(&rules, None);
    let server = start(dir, &settings);
    let events = |server: &Server| -> Vec<(String, String)> {
        let answer = server.get("/api/v1/alerts/history?name=Far").ok().json();
        let events = answer["events"].as_array().unwrap().iter();
        let said = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        let kept = events.filter(|event| event["kind"] != "sent");
        kept.map(|event| (said(event, "kind"), said(event, "detail"))).rev().collect()
    };
    let fired = ("fired".to_owned(), "sent by another system".to_owned());
    let alert = |end: Option<&str>| json!([{"labels": {"alertname": "Far", "severity": "P2"}, "endsAt": end}]);
    post(&server, "/alertmanager/api/v2/alerts", &alert(None)).ok();
    assert_eq!(events(&server), std::slice::from_ref(&fired), "it is kept when the sender learns that it was taken");
    post(&server, "/alertmanager/api/v2/alerts", &alert(None)).ok();
    let server = start(server.stop(), &settings);
    let listed = server.get("/api/v1/alerts").ok().json();
    assert_eq!((&listed["alerts"][0]["name"], &listed["alerts"][0]["state"]), (&json!("Far"), &json!("firing")));
    // Known over the restart: it goes on, and its end is one.
    post(&server, "/alertmanager/webhook", &json!({"version": "4", "alerts": alert(None)})).ok();
    assert_eq!(events(&server), std::slice::from_ref(&fired));
    let print = listed["alerts"][0]["fingerprint"].as_str().unwrap();
    post(&server, &format!("/api/v1/alerts/{print}/ack"), &json!({"by": "ana", "comment": ""})).ok();
    post(&server, "/alertmanager/api/v2/alerts", &alert(Some("2020-01-01T00:00:00Z"))).ok();
    assert_eq!(events(&server).last().unwrap(), &("resolved".to_owned(), "its sender said so".to_owned()));
    // A mistake in one alert leaves the others taken.
    let mixed = json!([alert(None)[0], {"labels": {"alertname": "Late"}, "startsAt": "yesterday"}]);
    let answer = post(&server, "/alertmanager/api/v2/alerts", &mixed);
    assert!(
        answer.status == 400
            && answer.json().as_str().is_some_and(|said| said.contains("Late: \"yesterday\" is no time")),
        "{}",
        answer.text()
    );
    assert_eq!(events(&server).last().unwrap(), &fired);
    assert_eq!(server.get("/api/v1/alerts").ok().json()["alerts"][0]["ack"], Value::Null);
}

#[test]
fn who_has_one_project_sees_its_alerts_and_no_others() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let scopes = [Scope::Read, Scope::Write];
    let all = crate::doors::key(&data, "*", &scopes, 1).1;
    let [shop, bank] = [("shop", 2), ("bank", 3)].map(|(name, byte)| crate::doors::key(&data, name, &scopes, byte).1);
    let rules = write(&dir, "rules.yml", RULES);
    let server = start(dir, &settings(&rules, None));
    let ask = |key: &str, method: &str, path: &str, body: &Value| {
        let bearer = format!("Bearer {key}");
        let url = format!("{}{path}", server.http);
        server.send(method, &url, &[("authorization", &bearer)], body.to_string().as_bytes())
    };
    let alerts = json!([
        {"labels": {"alertname": "Slow", "agent_id": "till", "project": "shop"}},
        {"labels": {"alertname": "Slow", "agent_id": "vault", "project": "bank"}},
        {"labels": {"alertname": "Disk", "words": "[\"project\",\"shop\"]"}},
    ]);
    ask(&all, "POST", "/alertmanager/api/v2/alerts", &alerts).ok();
    let names = |key: &str, path: &str, list: &str| -> Vec<String> {
        let answer = ask(key, "GET", path, &Value::Null).ok().json();
        let rows = answer[list].as_array().unwrap().iter();
        let mut names: Vec<String> =
            rows.map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["labels"]["agent_id"])).collect();
        names.sort();
        names.dedup();
        names
    };
    for (path, list) in [("/api/v1/alerts", "alerts"), ("/api/v1/alerts/history", "events")] {
        assert_eq!(names(&all, path, list).len(), 3, "{path}");
        assert_eq!(names(&shop, path, list), ["Slow \"till\""], "{path}");
        assert_eq!(names(&bank, path, list), ["Slow \"vault\""], "{path}");
    }
    let listed = ask(&bank, "GET", "/api/v1/alerts", &Value::Null).ok().json();
    let path = format!("/api/v1/alerts/{}", listed["alerts"][0]["fingerprint"].as_str().unwrap());
    let ack = json!({"by": "ana", "comment": ""});
    for key in [&bank, &all] {
        assert_eq!(ask(key, "GET", &path, &Value::Null).ok().json()["alert"]["labels"]["agent_id"], "vault");
    }
    assert_eq!(ask(&shop, "GET", &path, &Value::Null).status, 404);
    assert_eq!(ask(&shop, "POST", &format!("{path}/ack"), &ack).status, 404);
    ask(&bank, "POST", &format!("{path}/ack"), &ack).ok();
    // What is about the whole server stays with who may see all of it.
    for path in ["/api/v1/rules", "/api/v1/silences", "/api/v1/alerts/review"] {
        assert_eq!(ask(&shop, "GET", path, &Value::Null).status, 403, "{path}");
    }
    let everywhere = |key: &str| ask(key, "GET", "/api/v1/me", &Value::Null).ok().json()["everywhere"].clone();
    assert_eq!((everywhere(&shop), everywhere(&all)), (json!(false), json!(true)));
}

#[test]
fn an_alert_of_others_about_an_agent_of_ours_shows_its_runs() {
    let dir = TempDir::new().unwrap();
    let rules = write(&dir, "rules.yml", RULES);
    let server = start(dir, &settings(&rules, None));
    server.post_proto("/v1/traces", &agent_run(7)).ok();
    eventually("the run", || (!server.get("/api/v1/runs").ok().json()["runs"].as_array()?.is_empty()).then_some(()));
    let alert = |name: &str, agent: &str, end: Option<&str>| json!([{"labels": {"alertname": name, "agent_id": agent}, "endsAt": end}]);
    post(&server, "/alertmanager/api/v2/alerts", &alert("Far", "planner", None)).ok();
    post(&server, "/alertmanager/api/v2/alerts", &alert("Other", "nobody", None)).ok();
    let path = |name: &str| {
        let alerts = server.get("/api/v1/alerts").ok().json()["alerts"].as_array().unwrap().clone();
        let found = alerts.into_iter().find(|alert| alert["name"] == name).unwrap();
        format!("/api/v1/alerts/{}", found["fingerprint"].as_str().unwrap())
    };
    let far = path("Far");
    let detail = eventually("what shows it", || {
        Some(server.get(&far).ok().json()).filter(|detail| detail["evidence"][0]["runs"][0].is_object())
    });
    assert_eq!(detail["evidence"][0]["runs"][0]["trace_id"], trace_id(7), "{detail}");
    assert_eq!(detail["alert"]["traces"], json!([trace_id(7)]));
    // Its sender does not know of that, and sends it again without.
    post(&server, "/alertmanager/api/v2/alerts", &alert("Far", "planner", None)).ok();
    let again = server.get(&far).ok().json();
    assert_eq!((&again["alert"]["traces"], &again["evidence"].as_array().unwrap().len()), (&json!([trace_id(7)]), &1));
    assert_eq!(server.get(&path("Other")).ok().json()["evidence"], json!([]));
    post(&server, "/alertmanager/api/v2/alerts", &alert("Far", "planner", Some("2020-01-01T00:00:00Z"))).ok();
    assert!(server.get(&far).ok().json()["evidence"][0]["ended_at"].is_string());
}

#[test]
fn a_rule_is_explained_by_what_it_sees_whatever_project_is_looked_at() {
    let dir = TempDir::new().unwrap();
    let rules = write(&dir, "rules.yml", RULES);
    let (_, key) = crate::doors::key(&dir.path().join("data"), "*", &[Scope::Ingest, Scope::Read], 1);
    let server = start(dir, &settings(&rules, None));
    let bearer = format!("Bearer {key}");
    let point = json!({"timeUnixNano": SystemClock::time().as_nanos().to_string(), "asDouble": 4.0});
    let body = json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [{"name": "load", "gauge": {"dataPoints": [point]}}]}]}]});
    let own = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    server.post("/v1/metrics", &own, body.to_string().as_bytes()).ok();
    let elsewhere = [("authorization", bearer.as_str()), ("tawny-project", "bank")];
    let explained = eventually("its value", || {
        let url = format!("{}/api/v1/rules/HighLoad/explain", server.http);
        let answer = server.send("GET", &url, &elsewhere, b"").ok().json();
        Some(answer).filter(|answer| answer["values"][0].is_object())
    });
    assert_eq!(explained["values"][0]["value"], 8.0, "{explained}");
}

/// The alert generator's specification: what is sent on, and the two addresses that tell of rules and alerts.
#[test]
fn alerts_are_forwarded_and_told_as_the_specification_has_them() {
    const SPEC: &str = r#"
groups:
  - name: quick
    interval: 1s
    rules:
      - alert: Now
        expr: load > 5
        labels: {severity: "{{ $labels.host }}-page"}
        annotations: {summary: "at {{ $value }}", where: "{{ $externalLabels.cluster }}"}
      - {alert: Later, expr: load > 5, for: 1h}
      - alert: Twice
        expr: label_replace(load, "host", "h2", "", "") > 5 or load > 5
        labels: {host: same}
      - {alert: Broken, expr: 'load * on (host) (load or label_replace(load, "more", "1", "", ""))'}
"#;
    let (service, dir) = (Service::start(), TempDir::new().unwrap());
    let rules = write(&dir, "rules.yml", SPEC);
    let settings = server::AlertSettings {
        forward: vec![service.url.clone()],
        external_labels: vec![("cluster".into(), "night".into()), ("host".into(), "not this one".into())],
        ..settings(&rules, None)
    };
    let server = start(dir, &settings);
    load(&server, 9.0);
    let sent = |name: &str, fits: &dyn Fn(&Value) -> bool| {
        let bodies = service.at("/api/v2/alerts").into_iter();
        let alerts: Vec<Value> = bodies.flat_map(|body| body.as_array().cloned().unwrap_or_default()).collect();
        alerts.into_iter().find(|alert| alert["labels"]["alertname"] == name && fits(alert))
    };
    let time = |value: &Value| -> i64 {
        let text = value.as_str().unwrap_or_default();
        model::Timestamp::parse_rfc3339(text).unwrap_or_else(|| panic!("{value} is no time")).as_nanos() / 1_000_000
    };
    let first = eventually("the alert", || sent("Now", &|_| true));
    let labels = json!({"alertname": "Now", "cluster": "night", "host": "h1", "severity": "h1-page"});
    assert_eq!(first["labels"], labels, "with the server's own where the alert has none");
    assert_eq!((&first["annotations"]["summary"], &first["annotations"]["where"]), (&json!("at 9"), &json!("night")));
    assert_eq!(time(&first["endsAt"]) - time(&first["startsAt"]), 4 * 60_000, "four times the delay of resending");
    assert!(first["generatorURL"].as_str().unwrap().contains("load"), "{first}");
    let rules_of = |group: usize| server.get("/prometheus/api/v1/rules").ok().json()["data"]["groups"][group].clone();
    let group = eventually("an evaluation", || Some(rules_of(0)).filter(|it| it["rules"][3]["health"] != "unknown"));
    assert_eq!((&group["name"], &group["interval"]), (&json!("quick"), &json!(1.0)));
    let now = &group["rules"][0];
    assert_eq!((&now["type"], &now["query"], &now["duration"]), (&json!("alerting"), &json!("load > 5"), &json!(0.0)));
    assert_eq!(now["labels"]["severity"], "{{ $labels.host }}-page", "as the file has it");
    assert_eq!(now["annotations"]["summary"], "at {{ $value }}");
    assert_eq!((&now["state"], &now["health"], &now["lastError"]), (&json!("firing"), &json!("ok"), &json!("")));
    assert!(now["evaluationTime"].is_f64() && time(&now["lastEvaluation"]) > 0, "{now}");
    assert_eq!((&now["alerts"][0]["state"], &now["alerts"][0]["value"]), (&json!("firing"), &json!("9")));
    assert_eq!((&group["rules"][1]["state"], &group["rules"][1]["duration"]), (&json!("pending"), &json!(3600.0)));
    for (rule, says) in [(2, "same labelset"), (3, "many-to-")] {
        let rule = &group["rules"][rule];
        assert_eq!((&rule["health"], &rule["state"]), (&json!("err"), &json!("inactive")), "{rule}");
        assert!(rule["lastError"].as_str().unwrap().contains(says), "{rule}");
    }
    let told = server.get("/prometheus/api/v1/alerts").ok().json()["data"]["alerts"].clone();
    let told: Vec<&str> =
        told.as_array().unwrap().iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect();
    assert!(told.contains(&"Now") && told.contains(&"Later") && !told.contains(&"Twice"), "{told:?}");
    load(&server, 1.0);
    let over = eventually("its end", || sent("Now", &|alert| time(&alert["endsAt"]) <= millis_now()));
    assert_eq!(over["startsAt"], first["startsAt"]);
    assert!(sent("Later", &|_| true).is_none(), "a pending alert is nobody's business");
    assert!(sent("Twice", &|_| true).is_none(), "of a rule with an error nothing is sent");
}

fn millis_now() -> i64 {
    SystemClock::time().as_nanos() / 1_000_000
}
