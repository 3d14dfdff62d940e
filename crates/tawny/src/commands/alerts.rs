//! `tawny alerts`: what fires, silences, acknowledgements, history, the week in review.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use server::api::types::{
    AlertAck, AlertDetail, AlertEvidence, AlertHistory, AlertReview, AlertsAnswer, SilenceAnswer, SilencesAnswer,
};

use crate::cli::{self, Reading};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, clip};

/// Does what was asked for.
pub fn run(args: &cli::Alerts) -> Result<ExitCode> {
    match &args.command {
        None => list(&[], &args.reading)?,
        Some(cli::AlertsCommand::List(args)) => list(&args.state, &args.reading)?,
        Some(cli::AlertsCommand::Show(args)) => one(args)?,
        Some(cli::AlertsCommand::Silence(args)) => silence(args)?,
        Some(cli::AlertsCommand::Ack(args)) => ack(args)?,
        Some(cli::AlertsCommand::History(args)) => history(args)?,
        Some(cli::AlertsCommand::Review(args)) => review(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `2026-01-31T12:00:00Z` without what a table has no room for.
fn short(time: &str) -> String {
    time.split('.').next().unwrap_or(time).trim_end_matches('Z').replace('T', " ")
}

fn list(states: &[String], reading: &Reading) -> Result<()> {
    let client = Client::new(&reading.url)?;
    let mut query = Query::new();
    for state in states {
        query = query.with("state", Some(state));
    }
    let text = client.text(&query.after("/api/v1/alerts"))?;
    if reading.json {
        return show::out(&text);
    }
    let answer: AlertsAnswer = parse(&text)?;
    for problem in &answer.problems {
        show::out(&style::bad(problem))?;
    }
    if answer.alerts.is_empty() {
        show::out("No alerts.")?;
    } else {
        let mut table = show::table(&["STATE", "SEVERITY", "ALERT", "SINCE", "WHAT", "LABELS", "FINGERPRINT"]);
        for alert in &answer.alerts {
            let state = match (&alert.silenced_by, &alert.inhibited_by, &alert.muted_by_time, &alert.ack) {
                (Some(_), ..) => format!("{} (silenced)", alert.state),
                (_, Some(_), ..) => format!("{} (inhibited)", alert.state),
                (.., Some(_), _) => format!("{} (muted at this hour)", alert.state),
                (.., Some(ack)) => format!("{} ({})", alert.state, ack.by),
                _ => alert.state.clone(),
            };
            let hidden = ["alertname", "severity"];
            let labels: Vec<String> = alert
                .labels
                .iter()
                .filter(|(name, _)| !hidden.contains(&name.as_str()))
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            table.add_row(vec![
                show::cell(state),
                show::cell(alert.severity.as_deref().unwrap_or("")),
                show::cell(clip(&alert.name, 32)),
                show::cell(short(alert.fired_at.as_deref().unwrap_or(&alert.active_at))),
                show::cell(clip(
                    alert
                        .annotations
                        .get("description")
                        .or(alert.annotations.get("summary"))
                        .map_or("", String::as_str),
                    60,
                )),
                show::cell(clip(&labels.join(" "), 40)),
                show::cell(&alert.fingerprint),
            ]);
        }
        show::out(&show::render(&mut table))?;
    }
    for waiting in answer.waiting.iter().filter(|waiting| !waiting.error.is_empty()) {
        show::out(&style::bad(&format!(
            "a message to {} is not accepted ({} attempts): {}",
            waiting.receiver, waiting.attempts, waiting.error
        )))?;
    }
    Ok(())
}

fn one(args: &cli::AlertsShow) -> Result<()> {
    let client = Client::new(&args.reading.url)?;
    let print: String = args.fingerprint.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = client.text(&format!("/api/v1/alerts/{print}"))?;
    if args.reading.json {
        return show::out(&text);
    }
    let answer: AlertDetail = parse(&text)?;
    let mut words = String::new();
    if let Some(alert) = &answer.alert {
        words += &format!("{} is {}\n", alert.name, alert.state);
        if let Some(why) = &alert.muted_by_time {
            words += &format!("  nobody is told at this hour: {why}\n");
        }
        alert.annotations.iter().for_each(|(name, text)| words += &format!("  {name}: {text}\n"));
    }
    answer.evidence.iter().for_each(|evidence| words += &shown(evidence));
    words += "What happened:\n";
    answer
        .events
        .iter()
        .for_each(|event| words += &format!("  {} {} {}\n", short(&event.at), event.kind, event.detail));
    show::out(&words)
}

fn shown(evidence: &AlertEvidence) -> String {
    let end = evidence.ended_at.as_deref().map_or("now".to_owned(), short);
    // An alert of another system has no rule here.
    let query = if evidence.query.is_empty() { String::new() } else { format!(": {}", evidence.query) };
    let mut words = format!("Fired from {} to {end}{query}\n", short(&evidence.fired_at));
    let values = || evidence.points.iter().map(|point| point.value);
    if let Some(last) = values().next_back() {
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let limit = evidence.threshold.map_or_else(String::new, |limit| format!(", threshold {limit}"));
        words += &format!("  from {least} to {most}, last {last}{limit}\n");
    }
    for run in &evidence.runs {
        let agent = run.agent.as_deref().unwrap_or(&run.name);
        words += &format!("  run {} {agent} {} {}\n", run.trace_id, run.status, style::duration(run.duration_ms));
    }
    for finding in &evidence.findings {
        words += &format!("  {} {}: {}\n", finding.severity, finding.detector, finding.message);
    }
    words
}

fn silence(args: &cli::AlertsSilence) -> Result<()> {
    let client = Client::new(&args.reading.url)?;
    if let Some(id) = &args.expire {
        let text = client.delete(&format!("/api/v1/silences/{id}"))?;
        return if args.reading.json { show::out(&text) } else { show::out(&format!("The silence {id} is over.")) };
    }
    if args.matchers.is_empty() {
        return silences(&client, args.reading.json);
    }
    if args.by.is_empty() {
        bail!("say who you are with --by, so that others know whom to ask about the silence");
    }
    let request = json!({"matchers": args.matchers.join(","), "duration": args.length, "created_by": args.by, "comment": args.comment});
    let text = client.post_json("/api/v1/silences", &request)?;
    if args.reading.json {
        return show::out(&text);
    }
    let silence: SilenceAnswer = parse(&text)?;
    show::out(&format!("{} is silenced until {} UTC ({})", silence.matchers, short(&silence.ends_at), silence.id))
}

fn silences(client: &Client, json: bool) -> Result<()> {
    let text = client.text("/api/v1/silences")?;
    if json {
        return show::out(&text);
    }
    let answer: SilencesAnswer = parse(&text)?;
    if answer.silences.is_empty() {
        return show::out("No silences.");
    }
    let mut table = show::table(&["STATE", "MATCHERS", "UNTIL", "BY", "COMMENT", "ID"]);
    for silence in &answer.silences {
        table.add_row(vec![
            show::cell(&silence.state),
            show::cell(clip(&silence.matchers, 60)),
            show::cell(short(&silence.ends_at)),
            show::cell(&silence.created_by),
            show::cell(clip(&silence.comment, 40)),
            show::cell(&silence.id),
        ]);
    }
    show::out(&show::render(&mut table))
}

fn ack(args: &cli::AlertsAck) -> Result<()> {
    if args.by.is_empty() {
        bail!("say who you are with --by, so that others know who takes care");
    }
    let client = Client::new(&args.reading.url)?;
    let text = client.post_json(
        &format!("/api/v1/alerts/{}/ack", args.fingerprint),
        &json!({"by": args.by, "comment": args.comment}),
    )?;
    if args.reading.json {
        return show::out(&text);
    }
    let ack: AlertAck = parse(&text)?;
    show::out(&format!("{} takes care of it; messages are not repeated while it fires.", ack.by))
}

fn history(args: &cli::AlertsHistory) -> Result<()> {
    let client = Client::new(&args.reading.url)?;
    let query =
        Query::new().with("from", Some(&args.since)).with("name", args.name.as_ref()).with("limit", Some(args.limit));
    let text = client.text(&query.after("/api/v1/alerts/history"))?;
    if args.reading.json {
        return show::out(&text);
    }
    let answer: AlertHistory = parse(&text)?;
    if answer.events.is_empty() {
        return show::out("Nothing happened.");
    }
    let mut table = show::table(&["WHEN", "WHAT", "ALERT", "LABELS", "DETAIL"]);
    for event in &answer.events {
        let labels: Vec<String> = event
            .labels
            .iter()
            .filter(|(name, _)| *name != "alertname")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        table.add_row(vec![
            show::cell(short(&event.at)),
            show::cell(&event.kind),
            show::cell(clip(&event.name, 32)),
            show::cell(clip(&labels.join(" "), 50)),
            show::cell(clip(&event.detail, 60)),
        ]);
    }
    show::out(&show::render(&mut table))
}

fn review(args: &cli::AlertsReview) -> Result<()> {
    let client = Client::new(&args.reading.url)?;
    let text = client.text(&Query::new().with("from", Some(&args.since)).after("/api/v1/alerts/review"))?;
    if args.reading.json {
        return show::out(&text);
    }
    let answer: AlertReview = parse(&text)?;
    let mut table = show::table(&["RULE", "VERDICT", "FIRED", "ACTED ON", "MESSAGES", "LONGEST", "PROPOSAL"]);
    for rule in &answer.rules {
        table.add_row(vec![
            show::cell(clip(&rule.name, 32)),
            show::cell(&rule.verdict),
            show::figure(rule.fired),
            show::figure(rule.acknowledged),
            show::figure(rule.sent),
            show::figure(style::duration(rule.longest_seconds * 1000.0)),
            show::cell(&rule.proposal),
        ]);
    }
    show::out(&show::render(&mut table))
}
