//! Rules: which there are, how they do, and how far each is from firing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

use super::alerts::{map, of_rule, time};
use super::params::Params;
use super::types::{Problem, Rule, RuleDistance, RuleDistances, RuleExplanation, RuleGroup, RuleValue, RulesAnswer};
use crate::alerting::{self, Threshold, threshold, watched_or_all};
use crate::app::App;
use crate::series::{AskError, ask, limits, millis};
use ::alerts::evaluate::{ActiveAlert, Health, RuleState, State as AlertState, limits as limits_of};
use ::alerts::rules::RuleKind;
use promql::{Labels, Params as QueryParams};

/// Series of one explanation at most.
const VALUES_MAX: usize = 100;
/// Rules whose values are asked for at a time.
const AT_A_TIME: usize = 2;
/// Longest time for the value of one of many rules.
const VALUE_TIME: Duration = Duration::from_secs(5);

fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Ok => "ok",
        Health::Err => "err",
    }
}

fn state(state: &RuleState) -> (&'static str, u64) {
    let active = || state.alerts.values().filter(|alert| alert.is_active());
    let highest = active().map(|alert| alert.state).max().unwrap_or(AlertState::Inactive);
    (highest.as_str(), active().count() as u64)
}

/// Lists rules.
#[utoipa::path(get, path = "/api/v1/rules", operation_id = "listRules", tag = "alerts", summary = "Rules with their state",
    responses((status = 200, body = RulesAnswer, description = "Groups of rules")))]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<RulesAnswer>, Problem> {
    let inner = app.alerting()?.lock();
    let groups = inner.groups.iter().map(|running| {
        let rules = running.group.rules.iter().zip(&running.state.rules).map(|(rule, known)| {
            let hold_ms = match rule.kind {
                RuleKind::Alert { hold_ms, .. } => hold_ms,
                RuleKind::Record => 0,
            };
            let (state, alerts) = state(known);
            Rule {
                name: rule.name.clone(),
                kind: if rule.is_alert() { "alert" } else { "record" }.to_owned(),
                query: rule.query.text.trim().to_owned(),
                for_seconds: hold_ms as f64 / 1000.0,
                labels: rule.labels.iter().map(|(name, value)| (name.clone(), value.text().to_owned())).collect(),
                annotations: rule
                    .annotations()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.text().to_owned()))
                    .collect(),
                health: health(known.health).to_owned(),
                error: Some(known.last_error.clone()).filter(|error| !error.is_empty()),
                state: state.to_owned(),
                alerts,
            }
        });
        RuleGroup {
            name: running.group.name.clone(),
            file: running.file.clone(),
            interval_seconds: running.group.interval() as f64 / 1000.0,
            evaluated_at: running.state.evaluated_at.map(time),
            took_ms: running.took_ms,
            missed: running.missed,
            rules: rules.collect(),
        }
    });
    Ok(Json(RulesAnswer { groups: groups.collect(), problems: inner.file_problems.values().cloned().collect() }))
}

/// What a rule looks at, as it is now, the nearest to firing first.
async fn values(app: &App, rule: &::alerts::rules::Rule, now: i64, time: Duration) -> Result<Vec<RuleValue>, AskError> {
    let query = watched_or_all(&rule.query);
    // What the rule itself sees, whatever project is looked at.
    let value = ask(app, &alerting::project(), query, QueryParams::instant(now), time).await?.value;
    let samples = ::alerts::evaluate::samples(value, now).map_err(AskError::Internal)?;
    let number = threshold(&rule.query.root);
    let others = if number.is_none() { compared_with(app, rule, now, time).await? } else { Vec::new() };
    let valued = |sample: &promql::ResultSample| {
        let value = sample.point.float().filter(|value| value.is_finite())?;
        let other = || others.iter().find(|(labels, _)| agree(labels, &sample.labels)).map(|(_, threshold)| *threshold);
        let threshold = number.or_else(other);
        Some(RuleValue {
            labels: map(&sample.labels),
            value,
            threshold: threshold.map(|threshold| threshold.limit),
            of_threshold: threshold.and_then(|threshold| threshold.nearness(value)),
        })
    };
    let mut values: Vec<RuleValue> = samples.iter().filter_map(valued).collect();
    values.sort_by(|a, b| {
        // A share of a threshold and a bare value are not compared: what has a threshold comes first.
        let near = |value: &RuleValue| value.of_threshold.unwrap_or(value.value);
        let known = b.of_threshold.is_some().cmp(&a.of_threshold.is_some());
        known.then_with(|| near(b).total_cmp(&near(a))).then_with(|| a.labels.cmp(&b.labels))
    });
    Ok(values)
}

/// What the value of each series is compared with, where the rule names no number.
async fn compared_with(
    app: &App,
    rule: &::alerts::rules::Rule,
    now: i64,
    time: Duration,
) -> Result<Vec<(Labels, Threshold)>, AskError> {
    let Some(found) = limits_of(&rule.query) else { return Ok(Vec::new()) };
    let value = ask(app, &alerting::project(), found.query, QueryParams::instant(now), time).await?.value;
    let samples = ::alerts::evaluate::samples(value, now).map_err(AskError::Internal)?;
    let limit = |sample: promql::ResultSample| {
        let limit = sample.point.float().filter(|limit| limit.is_finite())?;
        Some((sample.labels, Threshold { limit, below: found.below }))
    };
    Ok(samples.into_iter().filter_map(limit).collect())
}

/// Whether no label says that two series are not about the same: arithmetic may drop or copy some.
fn agree(one: &Labels, other: &Labels) -> bool {
    one.iter().all(|label| {
        let value = other.get(&label.name);
        value.is_empty() || value == &*label.value
    })
}

/// Whether a rule fires below what its value is compared with.
fn fires_below(rule: &::alerts::rules::Rule) -> bool {
    let number = threshold(&rule.query.root).map(|threshold| threshold.below);
    number.or_else(|| limits_of(&rule.query).map(|found| found.below)).unwrap_or_default()
}

/// How near each rule is.
#[utoipa::path(get, path = "/api/v1/rules/values", operation_id = "listRuleValues", tag = "alerts", summary = "What each rule looks at now, and how near it is to firing",
    responses((status = 200, body = RuleDistances, description = "Alert rules, in the order of their groups")))]
pub async fn distances(State(app): State<Arc<App>>) -> Result<Json<RuleDistances>, Problem> {
    let now = millis(app.now());
    let rules: Vec<_> = {
        let inner = app.alerting()?.lock();
        let groups = inner.groups.iter();
        groups
            .flat_map(|running| running.group.rules.iter().map(|rule| (running.group.name.clone(), Arc::clone(rule))))
            .filter(|(_, rule)| rule.is_alert())
            .collect()
    };
    let rules = stream::iter(rules).map(|(group, rule)| {
        let app = Arc::clone(&app);
        async move {
            let found = values(&app, &rule, now, VALUE_TIME).await;
            let threshold = threshold(&rule.query.root);
            let (series, nearest, error) = match found {
                Ok(values) => (values.len() as u64, values.into_iter().next(), None),
                Err(error) => (0, None, Some(error.to_string())),
            };
            RuleDistance {
                group,
                name: rule.name.clone(),
                threshold: threshold
                    .map(|threshold| threshold.limit)
                    .or_else(|| nearest.as_ref().and_then(|value| value.threshold)),
                below: fires_below(&rule),
                series,
                nearest,
                error,
            }
        }
    });
    Ok(Json(RuleDistances { rules: rules.buffered(AT_A_TIME).collect().await }))
}

/// Explains a rule.
#[utoipa::path(get, path = "/api/v1/rules/{name}/explain", operation_id = "explainRule", tag = "alerts", summary = "How far a rule is from firing",
    params(("name" = String, Path, description = "Name of the alert"),
        ("group" = Option<String>, Query, description = "Its group, where several rules have the name")),
    responses((status = 200, body = RuleExplanation, description = "Value now, distance to the threshold, since when"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such rule")))]
pub async fn explain(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    mut params: Params,
) -> Result<Json<RuleExplanation>, Problem> {
    let group = params.one("group")?;
    params.end()?;
    let now = millis(app.now());
    let (rule, mut answer) = {
        let inner = app.alerting()?.lock();
        let asked = |name: &String| group.as_ref().is_none_or(|group| group == name);
        let found = inner.groups.iter().filter(|running| asked(&running.group.name)).find_map(|running| {
            let at = running.group.rules.iter().position(|rule| rule.name == name)?;
            Some((running, Arc::clone(&running.group.rules[at]), running.state.rules.get(at)))
        });
        let (running, rule, known) = found.ok_or_else(|| {
            Problem::not_found(format!("there is no rule `{name}`; GET /api/v1/rules lists those there are"))
        })?;
        let mutes = inner.dispatcher.mutes(&inner.config, &inner.silences, now);
        let shown = |alert: &ActiveAlert| of_rule(&inner, &mutes, &running.group.name, alert);
        let alerts = known.map(|known| known.alerts.values().map(shown).collect());
        let threshold = threshold(&rule.query.root);
        let answer = RuleExplanation {
            name: name.clone(),
            query: rule.query.text.trim().to_owned(),
            watched: ::alerts::evaluate::watched(&rule.query).map(|query| query.text.trim().to_owned()),
            threshold: threshold.map(|threshold| threshold.limit),
            limits: limits_of(&rule.query).map(|found| found.query.text.trim().to_owned()),
            below: fires_below(&rule),
            values: Vec::new(),
            alerts: alerts.unwrap_or_default(),
            evaluated_at: known.and_then(|known| known.evaluated_at).map(time),
            error: known.map(|known| known.last_error.clone()).filter(|error| !error.is_empty()),
            says: String::new(),
        };
        (rule, answer)
    };
    answer.values = values(&app, &rule, now, limits::PROMQL_TIME)
        .await
        .map_err(|error| Problem::unavailable(format!("the expression cannot be evaluated: {error}")))?;
    answer.values.truncate(VALUES_MAX);
    answer.says = sentence(&answer);
    Ok(Json(answer))
}

fn sentence(answer: &RuleExplanation) -> String {
    let firing = answer.alerts.iter().filter(|alert| alert.state == "firing").count();
    let since = answer.alerts.iter().filter_map(|alert| alert.fired_at.as_deref()).min();
    if let (true, Some(since)) = (firing > 0, since) {
        return format!("{firing} firing, the first since {since}");
    }
    if let Some(pending) = answer.alerts.iter().find(|alert| alert.state == "pending") {
        return format!("pending since {}", pending.active_at);
    }
    let nearest = answer.values.first();
    match (nearest, answer.threshold.or_else(|| nearest.and_then(|value| value.threshold))) {
        (None, _) => "quiet: there are no series it could fire for".to_owned(),
        (Some(nearest), Some(limit)) => format!(
            "quiet: the {} value is {}, the threshold {limit}; other conditions of the rule may hold it back too",
            if answer.below { "lowest" } else { "highest" },
            nearest.value
        ),
        (Some(most), None) => format!("quiet: the highest value is {}", most.value),
    }
}

/// A runbook.
#[utoipa::path(get, path = "/runbooks/{name}", operation_id = "getRunbook", tag = "alerts", summary = "What to do when an alert fires",
    params(("name" = String, Path, description = "Name of the alert")),
    responses((status = 200, body = String, content_type = "text/markdown", description = "The page"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such page")))]
pub async fn runbook(Path(name): Path<String>) -> Response {
    match ::alerts::packs::runbook(&name) {
        Some(text) => ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response(),
        None => Problem::not_found(format!("there is no runbook for `{name}`")).into_response(),
    }
}
