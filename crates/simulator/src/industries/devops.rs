//! Tech and software: an agent that looks at incidents and proposes what to do.

use serde_json::json;

use super::{Text, found, quoted};
use crate::card::{AgentCard, GPT_5, SONNET, ToolCard};
use crate::chat::Chat;
use crate::plan::{Failure, Severity};
use crate::random::Random;
use crate::scene::{Call, Scene, round};

static RESPONDER: AgentCard =
    AgentCard { name: "incident_responder", description: "Investigates alerts and proposes a remedy." };
static ANALYST: AgentCard =
    AgentCard { name: "root_cause_analyst", description: "Reads logs and traces of one service and names the cause." };

static TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "query_metrics",
        description: "Runs a PromQL query over a range and returns the series.",
        arguments: &["query", "range"],
        typical_ms: 240.0,
    },
    ToolCard {
        name: "recent_deploys",
        description: "Lists deployments of a service, newest first.",
        arguments: &["service", "hours#"],
        typical_ms: 130.0,
    },
    ToolCard {
        name: "ask_root_cause_analyst",
        description: "Hands the evidence to an analyst that names the cause.",
        arguments: &["task"],
        typical_ms: 50.0,
    },
    ToolCard {
        name: "rollback_deploy",
        description: "Rolls a service back to an earlier version. Needs an approved change.",
        arguments: &["service", "to_version"],
        typical_ms: 1800.0,
    },
    ToolCard {
        name: "scale_service",
        description: "Sets the number of replicas of a service.",
        arguments: &["service", "replicas#"],
        typical_ms: 900.0,
    },
    ToolCard {
        name: "open_ticket",
        description: "Opens a ticket for the owning team.",
        arguments: &["team", "title", "severity"],
        typical_ms: 210.0,
    },
];

static ANALYST_TOOLS: &[ToolCard] = &[
    ToolCard {
        name: "search_logs",
        description: "Searches log lines of a service and returns the most frequent patterns.",
        arguments: &["service", "pattern", "minutes#"],
        typical_ms: 420.0,
    },
    ToolCard {
        name: "get_trace",
        description: "Returns one slow trace as a list of spans with their durations.",
        arguments: &["trace_id"],
        typical_ms: 160.0,
    },
];

const SYSTEM: &str = "You are the on-call assistant of the platform team. You receive one alert at a time and work it to a conclusion.\n\n\
Method:\n1. Confirm the symptom with metrics before you believe it. Compare with the same hour yesterday.\n\
2. Look for what changed: deployments, configuration, traffic, dependencies. A change within thirty minutes before onset is the first suspect.\n\
3. Read the runbook that matches the alert. Follow its order. Do not skip the check for data loss.\n\
4. Ask the root cause analyst when metrics alone do not explain the symptom.\n\
5. Prefer the smallest remedy that can be undone. Rolling back is cheap, a restart that loses in-flight work is not.\n\n\
Write for a person who was asleep two minutes ago: what is broken, who is hit, since when, what you did, what is left to do. \
Never claim that something is fixed before a metric shows it. If the evidence is thin, say so and open a ticket instead of acting.";

const ANALYST_SYSTEM: &str = "You are a root cause analyst. You get the evidence that an incident responder has gathered about one service. \
Search its logs and open one slow trace. Separate the trigger from the cause. State your confidence as low, medium or high and name the line or span that made you sure. \
Answer in at most five sentences.";

static RUNBOOKS: &[Text] = &[
    Text {
        id: "rb-017",
        title: "Latency above objective",
        body: "When p99 latency of a user-facing service passes its objective for ten minutes: check saturation first (CPU throttling, connection pool wait, queue length). A pool wait above 200 ms with normal CPU means the database or a downstream service is slow, and more replicas make it worse. Compare with the last deployment. If the latency began within thirty minutes of a deployment, roll back before looking further, and attach the slow trace to the ticket.",
    },
    Text {
        id: "rb-022",
        title: "Error rate after a deployment",
        body: "A step in the error rate that coincides with a deployment is treated as caused by it until shown otherwise. Confirm that errors come only from pods of the new version. Roll back by the deploy tool, never by hand, so that the change log stays complete. Keep one pod of the bad version out of rotation for inspection. Error budget used up by a bad deployment is charged to the deploying team.",
    },
    Text {
        id: "rb-031",
        title: "Disk filling",
        body: "Volumes of stateful services alert at 80 percent and page at 90 percent. Find the growing directory first; write-ahead logs that are not removed usually mean a replica that fell behind or a stuck replication slot. Do not delete write-ahead log files by hand. Drop the stuck slot only after the replica's owner agreed. Growing the volume buys time and needs no approval up to twice its size.",
    },
    Text {
        id: "rb-040",
        title: "Certificate about to expire",
        body: "Certificates renew themselves thirty days before they expire. An alert at fourteen days means that renewal failed at least once. Look at the issuer's events, usually a failed DNS challenge after a zone was moved. Renewal may be triggered by hand as often as needed, the rate limit of the issuer is five failures an hour. After renewal check that the load balancer has loaded the new chain.",
    },
    Text {
        id: "rb-052",
        title: "Consumer lag",
        body: "Lag that grows while consumers are healthy means that producers are faster; scale consumers up to the number of partitions and no further. Lag that grows while consumers restart means a poison message: find the offset in the consumer's log, park the message in the dead letter topic and note its key in the ticket. Lag alone loses no data unless it passes the retention of the topic, seven days by default.",
    },
];

static SERVICES: &[(&str, &str)] = &[
    ("checkout-api", "payments"),
    ("search-gateway", "discovery"),
    ("session-store", "identity"),
    ("invoice-worker", "billing"),
    ("media-resizer", "content"),
    ("inventory-sync", "logistics"),
];

struct Incident {
    runbook: usize,
    alert: &'static str,
    query: &'static str,
    pattern: &'static str,
    cause: &'static str,
    remedy: &'static str,
}

static INCIDENTS: &[Incident] = &[
    Incident {
        runbook: 0,
        alert: "HighLatencyP99",
        query: "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service=\"$S\"}[5m])))",
        pattern: "timeout acquiring connection",
        cause: "the connection pool is exhausted since a new endpoint holds a transaction open while it calls the tax service",
        remedy: "rollback_deploy",
    },
    Incident {
        runbook: 1,
        alert: "ErrorRateHigh",
        query: "sum(rate(http_requests_total{service=\"$S\",code=~\"5..\"}[5m])) / sum(rate(http_requests_total{service=\"$S\"}[5m]))",
        pattern: "NullPointerException",
        cause: "the new version reads an optional field of the address that older clients do not send",
        remedy: "rollback_deploy",
    },
    Incident {
        runbook: 2,
        alert: "DiskWillFill",
        query: "predict_linear(node_filesystem_avail_bytes{service=\"$S\"}[6h], 4 * 3600)",
        pattern: "replication slot",
        cause: "a replica in the second zone was removed without dropping its replication slot, so the write-ahead log is kept",
        remedy: "open_ticket",
    },
    Incident {
        runbook: 3,
        alert: "CertificateExpiresSoon",
        query: "(probe_ssl_earliest_cert_expiry{service=\"$S\"} - time()) / 86400",
        pattern: "challenge failed",
        cause: "the DNS zone moved to another account and the issuer may no longer write the challenge record",
        remedy: "open_ticket",
    },
    Incident {
        runbook: 4,
        alert: "ConsumerLagGrowing",
        query: "sum(kafka_consumergroup_lag{group=\"$S\"})",
        pattern: "retrying offset",
        cause: "a campaign tripled the number of events while the consumer group still has two members for twelve partitions",
        remedy: "scale_service",
    },
];

/// Plays one incident.
pub(super) fn play(scene: &mut Scene) -> &'static str {
    let incident = scene.random.pick(INCIDENTS);
    let &(service, team) = scene.random.pick(SERVICES);
    let minutes = scene.random.between(6, 55);
    let value = round(scene.random.fraction(1.8, 9.5), 2);
    let alert = format!(
        "Alert {} fired for {service} {minutes} minutes ago. Current value {value}, threshold {}. Region eu-west-1, severity {}.",
        incident.alert,
        round(value / 2.4, 2),
        scene.random.pick(&["page", "ticket", "page"]),
    );
    let model = if scene.random.chance(0.6) { &GPT_5 } else { &SONNET };
    let _ = scene.agent(&RESPONDER, &alert, |scene| {
        let mut chat = Chat::new(model, SYSTEM, TOOLS);
        chat.user(alert.as_str());
        scene.log(Severity::Info, &format!("working on {} of {service}", incident.alert), vec![("service.affected", json!(service))]);
        let series = series(&scene.random, value);
        let deploys = deploys(&scene.random, service);
        scene.act(&mut chat, "I will confirm the symptom and look for a recent change at the same time.", vec![
            Call::new("query_metrics", json!({"query": incident.query.replace("$S", service), "range": "2h"}), series),
            Call::new("recent_deploys", json!({"service": service, "hours": 24}), deploys),
        ])?;
        let documents = found(&scene.random, RUNBOOKS, incident.runbook, 3);
        let documents = scene.retrieve("runbooks", &format!("{} {service}", incident.alert), documents);
        chat.user(format!("Runbooks that match:\n\n{}", quoted(&documents)));
        let task = format!("{service} has shown {} for {minutes} minutes. Find the cause.", incident.alert);
        let cause = scene.delegate(&mut chat, "ask_root_cause_analyst", &ANALYST, &task, |scene| analyse(scene, incident, service, &task))?;
        remedy(scene, &mut chat, incident, service, team)?;
        let hit = scene.random.between(40, 9_000);
        scene.answer(&mut chat, format!(
            "**{} on {service}**\n\nSince about {minutes} minutes, roughly {hit} requests were affected. {cause}\n\nDone: {}. \
            The metric has begun to recover but is not below its threshold yet, so I keep the alert open and look again in ten minutes. \
            Left to do for {team}: add a test for this case and review the alert's threshold.",
            incident.alert,
            incident.remedy.replace('_', " "),
        ))
    });
    "incident"
}

fn analyse(scene: &mut Scene, incident: &Incident, service: &str, task: &str) -> Result<String, Failure> {
    let mut chat = Chat::new(&SONNET, ANALYST_SYSTEM, ANALYST_TOOLS);
    chat.user(task);
    let patterns: Vec<_> = (0..scene.random.between(3, 7))
        .map(|at| json!({
            "count": scene.random.between(3, 4_000),
            "pattern": if at == 0 { incident.pattern.to_string() } else { format!("request finished status=<num> duration=<num> route=/v{at}/<id>") },
            "example": format!("{service}-{} level=error msg=\"{} after {} ms\"", scene.random.hex(5), incident.pattern, scene.random.between(200, 30_000)),
        }))
        .collect();
    scene.act(
        &mut chat,
        "",
        vec![Call::new(
            "search_logs",
            json!({"service": service, "pattern": incident.pattern, "minutes": 60}),
            json!({"lines": scene.random.between(900, 60_000), "patterns": patterns}),
        )],
    )?;
    if scene.random.chance(0.7) {
        let id = scene.random.hex(32);
        let spans: Vec<_> = ["gateway", service, "db.query", "tax-service"]
            .iter()
            .map(|name| json!({"name": name, "ms": scene.random.between(4, 2_900)}))
            .collect();
        scene.act(
            &mut chat,
            "The pattern is clear; I want to see one request that suffered from it.",
            vec![Call::new("get_trace", json!({"trace_id": id}), json!({"trace_id": id, "spans": spans}))],
        )?;
    }
    let confidence = *scene.random.pick(&["high", "high", "medium"]);
    scene.answer(&mut chat, format!(
        "The cause is most likely that {}. The log pattern \"{}\" begins at the same minute as the symptom and is absent before. Confidence: {confidence}.",
        incident.cause, incident.pattern
    ))
}

fn remedy(scene: &mut Scene, chat: &mut Chat, incident: &Incident, service: &str, team: &str) -> Result<(), Failure> {
    let call = match incident.remedy {
        "rollback_deploy" => Call::new(
            "rollback_deploy",
            json!({"service": service, "to_version": format!("v{}", scene.random.between(210, 260))}),
            json!({"status": "rolled back", "pods": scene.random.between(3, 24), "seconds": scene.random.between(20, 90)}),
        ),
        "scale_service" => Call::new(
            "scale_service",
            json!({"service": service, "replicas": 12}),
            json!({"status": "scaling", "from": 2, "to": 12}),
        ),
        _ => Call::new(
            "open_ticket",
            json!({"team": team, "title": format!("{} on {service}", incident.alert), "severity": "high"}),
            json!({"ticket": format!("OPS-{}", scene.random.between(4_000, 9_999)), "assigned": team}),
        ),
    };
    scene.act(chat, "The runbook's first remedy applies and can be undone.", vec![call])
}

fn series(random: &Random, value: f64) -> serde_json::Value {
    let points: Vec<_> = (0..24)
        .map(|at| {
            let level = if at > 17 { value } else { value / 3.0 };
            json!([at * 300, round(level * random.fraction(0.85, 1.15), 3)])
        })
        .collect();
    json!({"resultType": "matrix", "result": [{"metric": {}, "values": points}]})
}

fn deploys(random: &Random, service: &str) -> serde_json::Value {
    let list: Vec<_> = (0..random.between(1, 4))
        .map(|at| json!({
            "service": service,
            "version": format!("v{}", 264 - at),
            "minutes_ago": 20 + at * random.between(90, 400),
            "author": random.pick(&["k.lindqvist", "deploy-bot", "s.ahmadi", "w.zhou"]),
            "change": random.pick(&["Add address validation", "Raise pool size", "Move to new tax service", "Update dependencies"]),
        }))
        .collect();
    json!(list)
}
