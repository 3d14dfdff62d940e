//! `POST /api/v1/rules/backtest`: how rules would have fired on stored history.

use std::sync::Arc;

use ::alerts::backtest::{Interval, Span};
use ::alerts::rules::{self, Group};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::alerts::{map, time};
use super::body;
use super::params::parse_time;
use super::types::{BacktestAnswer, BacktestInterval, BacktestRequest, BacktestRule, Problem};
use crate::alerting::backtest::{self, Backtest, Tested};
use crate::alerting::limits;
use crate::app::App;
use crate::limits::LimitName;
use crate::series::millis;

/// How far back a backtest looks where nothing is said.
const SINCE: &str = "30d";

/// Runs rules over the past.
#[utoipa::path(post, path = "/api/v1/rules/backtest", operation_id = "backtestRules", tag = "alerts", summary = "How often rules would have fired on stored history",
    description = "Recording rules are evaluated first and kept in memory. Nothing is stored and nobody is told.",
    request_body = BacktestRequest,
    responses((status = 200, body = BacktestAnswer, description = "Rules with the times they would have fired"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The rules or the time cannot be read; the detail says where"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such rule"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "A limit was reached"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Another backtest is running")))]
pub async fn run(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BacktestAnswer>, Problem> {
    let request: BacktestRequest =
        body::json(&body, r#"{"rules": "groups: …", "from": "30d"}, or {"rule": "NAME"} for a rule of the server"#)?;
    let began = app.now();
    let read = |text: &str| {
        parse_time(text, began).ok_or_else(|| {
            Problem::bad_request(format!(
                "`{text}` is no time: write 2026-01-31T12:00:00Z, 2026-01-31, or a distance from now such as 30d"
            ))
        })
    };
    let from = millis(read(request.from.as_deref().unwrap_or(SINCE))?);
    let to = millis(read(request.to.as_deref().unwrap_or("now"))?).min(millis(began));
    let step = request.step.as_deref().map(|text| {
        promql::parse_duration(text)
            .ok_or_else(|| Problem::bad_request(format!("`{text}` is no duration: write the step as 30s or 1m")))
    });
    let span = Span { from, to, step: step.transpose()? };
    let groups = groups(&app, &request)?;
    let named = request
        .rule
        .as_ref()
        .filter(|name| !groups.iter().flat_map(|group| &group.rules).any(|rule| rule.name == **name));
    if let Some(name) = named {
        return Err(Problem::not_found(format!(
            "there is no rule `{name}` to test; GET /api/v1/rules lists those of the server"
        )));
    }
    let done = backtest::run(&app, groups, request.rule, span).await?;
    let notes = notes(&done, span);
    let rules = done.rules.into_iter().map(|tested| rule(tested, span)).collect();
    let took_ms = app.now().nanos_since(began) as f64 / 1e6;
    Ok(Json(BacktestAnswer { from: time(from), to: time(to), rules, notes, took_ms }))
}

/// The groups of the request, or those of the server.
fn groups(app: &App, request: &BacktestRequest) -> Result<Vec<Arc<Group>>, Problem> {
    let Some(text) = &request.rules else {
        if request.rule.is_none() {
            return Err(Problem::bad_request("give `rules`, a rule file, or `rule`, the name of a rule of the server"));
        }
        let inner = app.alerting()?.lock();
        return Ok(inner.groups.iter().map(|running| Arc::clone(&running.group)).collect());
    };
    if text.len() > limits::BACKTEST_BYTES_MAX {
        app.counters.limit_reached(LimitName::BacktestBytesMax);
        return Err(Problem::bad_request(format!(
            "the rules have {} bytes; at most {} are tested at once (backtest_bytes_max)",
            text.len(),
            limits::BACKTEST_BYTES_MAX
        )));
    }
    let file = rules::parse(text).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("rules:{problem}")).collect();
        Problem::bad_request(lines.join("\n"))
    })?;
    let bounded = |mut group: Group| {
        if group.limit == 0 {
            group.limit = limits::RULE_ALERTS_MAX;
        }
        Arc::new(group)
    };
    Ok(file.groups.into_iter().map(bounded).collect())
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn rule(tested: Tested, span: Span) -> BacktestRule {
    let Tested { rule, interval_ms, report } = tested;
    let interval = |interval: &Interval| BacktestInterval {
        labels: map(&interval.labels),
        from: time(interval.from),
        to: interval.to.map(time),
        seconds: seconds(interval.to.unwrap_or(span.to) - interval.from),
        value: Some(interval.value).filter(|value| value.is_finite()),
    };
    let mut errors: Vec<String> = report.errors.iter().map(|(at, error)| format!("{}: {error}", time(*at))).collect();
    if report.given_up {
        errors.push("the rule failed so often that it was given up".to_owned());
    }
    let long = |millis: i64| promql::format_duration(millis / 1000 * 1000);
    let says = match (rule.is_alert(), report.fired) {
        _ if report.given_up => "could not be evaluated".to_owned(),
        (false, _) => format!("would have recorded {} samples", report.recorded),
        (true, 0) => "would not have fired".to_owned(),
        (true, fired) => format!(
            "would have fired {} for {}, {} in all ({:.1}% of the time), the longest {}",
            counted(fired, "time"),
            counted(report.series.len() as u64, "alert"),
            long(report.firing),
            100.0 * report.firing as f64 / (span.to - span.from) as f64,
            long(report.longest),
        ),
    };
    BacktestRule {
        kind: if rule.is_alert() { "alert" } else { "record" }.to_owned(),
        group: report.group,
        name: rule.name,
        query: rule.query.text.trim().to_owned(),
        interval_seconds: seconds(interval_ms),
        step_seconds: seconds(report.step),
        fired: report.fired,
        series: report.series.len() as u64,
        firing_seconds: seconds(report.firing),
        total_seconds: seconds(report.total),
        longest_seconds: seconds(report.longest),
        left_out: report.fired - report.intervals.len() as u64,
        intervals: report.intervals.iter().map(interval).collect(),
        recorded: report.recorded,
        errors,
        says,
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What limits how far the answer can be trusted.
fn notes(done: &Backtest, span: Span) -> Vec<String> {
    let mut notes = Vec::new();
    let coarse = done.rules.iter().filter(|tested| tested.report.step > tested.interval_ms);
    if let Some(most) = coarse.map(|tested| tested.report.step).max() {
        notes.push(format!(
            "rules were evaluated every {} at most, which is less often than their groups say; a `for` is rounded up to that, and what is over sooner may be missed (a `step` sets another)",
            promql::format_duration(most)
        ));
    }
    if let Some(thin) = done.thin_before.filter(|thin| *thin > span.from) {
        notes.push(format!(
            "before {} a few samples an hour are left of each series: what looks at less than two hours may find nothing there",
            time(thin)
        ));
    }
    notes
}
