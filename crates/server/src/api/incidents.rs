//! `/api/v1/incidents/{fingerprint}`: an issue with what came before it and whom it hit.

use std::fmt::Write;
use std::sync::Arc;

use access::{Caller, Need};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use model::{RunStatus, Timestamp, TraceId};
use query::{Page, RunFilter};
use utoipa::IntoParams;

use super::alerts::event;
use super::body::csv_field;
use super::params::Params;
use super::types::{AlertEvent, Change, HitUser, IncidentAnswer, IncidentHit, Issue, Problem, RelatedIssue, Run};
use super::{brakes, complete, findings, joined};
use crate::alerting::keep;
use crate::app::App;
use crate::findings::ask::{self, Filter, IssueSort};
use crate::incident::around::{self, Hit, Sums};
use crate::incident::{brakes as kept_brakes, changes};
use crate::series::millis;

const HOUR: i64 = 3_600 * 1_000_000_000;
/// How long before the onset changes are looked for, where nothing is said.
const BEFORE: i64 = 24 * HOUR;
/// Changes shown.
const CHANGES: usize = 100;
/// Users named.
const USERS: usize = 20;
/// Runs that ended well among which one without findings is looked for.
const GOOD_RUNS: usize = 50;
/// Events of alerts looked through.
const EVENTS: i64 = 1_000;

/// Where an incident begins.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct IncidentParams {
    /// Take this as the onset: RFC 3339, a day, or a distance from now.
    pub onset: Option<String>,
    /// Show changes since this time; 24 hours before the onset where not given.
    pub before: Option<String>,
}

/// What is read of the state at once.
struct Found {
    issue: ask::Issue,
    onset: Timestamp,
    first: Option<TraceId>,
    hit: Vec<Hit>,
    related: Vec<(ask::Issue, u64)>,
    changes: Vec<changes::Change>,
    brakes: Vec<kept_brakes::Brake>,
    events: Vec<keep::Event>,
}

/// One incident.
#[utoipa::path(get, path = "/api/v1/incidents/{fingerprint}", operation_id = "getIncident", tag = "incidents",
    summary = "An issue with what is around it",
    description = "When it began this time, what changed just before, the last good run beside the first bad one, who was hit and what that \
        cost, alerts and other issues of the same time, brakes in force.",
    params(("fingerprint" = String, Path, description = "The issue's fingerprint"), IncidentParams),
    responses((status = 200, body = IncidentAnswer, description = "The incident"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such issue")))]
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
    mut params: Params,
) -> Result<Json<IncidentAnswer>, Problem> {
    let now = app.now();
    let (onset, before) = (params.time("onset", now)?, params.time("before", now)?);
    params.end()?;
    let (project, asked) = (app.project(), fingerprint.clone());
    let read = move |state: &state::State| state.read(|it| found(it, &project, &asked, onset, before));
    let found = app.with_state(read).await?.ok_or_else(|| findings::no_issue(&fingerprint))?;
    let first_bad = match found.first {
        Some(trace) => run(&app, trace).await?,
        None => None,
    };
    let last_good = last_good(&app, &found, first_bad.as_ref()).await?;
    let sees_alerts = caller.check_everywhere(Need::Read).is_ok();
    let sums = Sums::of(&found.hit, USERS);
    let until = millis(found.issue.last_seen.plus_nanos(HOUR));
    let project = app.project();
    let whose = (&*project, &*found.issue.agent);
    let alerts = found.events.into_iter().filter(|it| sees_alerts && concerns(it, whose, until));
    Ok(Json(IncidentAnswer {
        onset: found.onset,
        changes: found.changes.into_iter().map(Change::from).collect(),
        first_bad,
        last_good,
        hit: IncidentHit {
            runs: sums.runs,
            users: sums.users,
            sessions: sums.sessions,
            cost_usd: sums.cost.as_f64(),
            unpriced_runs: sums.unpriced_runs,
            by_user: sums
                .by_user
                .into_iter()
                .map(|(user, runs, cost)| HitUser { user, runs, cost_usd: cost.as_f64() })
                .collect(),
        },
        alerts: alerts.map(event).collect::<Vec<AlertEvent>>(),
        related: found.related.into_iter().map(|(issue, runs)| RelatedIssue { issue: issue.into(), runs }).collect(),
        brakes: found.brakes.iter().map(|brake| brakes::shown(brake, now)).filter(|brake| brake.in_force).collect(),
        issue: Issue::from(found.issue),
    }))
}

/// Reads an issue and what the state has around it; `None` where there is no such issue.
fn found(
    connection: &state::rusqlite::Connection,
    project: &str,
    fingerprint: &str,
    onset: Option<Timestamp>,
    before: Option<Timestamp>,
) -> state::rusqlite::Result<Option<Found>> {
    let filter = Filter { fingerprint: Some(fingerprint.to_owned()), ..Filter::default() };
    let Some(issue) = ask::issues(connection, project, &filter, IssueSort::default(), None, 1)?.into_iter().next()
    else {
        return Ok(None);
    };
    let began = around::onset(connection, project, fingerprint)?;
    let (asked, onset) = (onset, onset.or(began.map(|began| began.at)).unwrap_or(issue.first_seen));
    let hit = around::hit(connection, project, &issue, onset, began.is_some_and(|began| began.is_drift))?;
    let of_drift = began.filter(|began| began.is_drift && asked.is_none()).map(|began| began.first);
    let first = of_drift.or_else(|| hit.first().map(|hit| hit.trace));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let wanted = changes::Wanted {
        from: Some(before.unwrap_or(onset.plus_nanos(-BEFORE))),
        // What the first bad run itself shows began before its finding.
        to: Some(began.filter(|_| asked.is_none()).map_or(onset, |began| began.until).plus_nanos(1)),
        environments: some(&issue.environment).into_iter().collect(),
        limit: CHANGES,
        ..changes::Wanted::default()
    };
    let mut changes = changes::list(connection, project, &wanted)?;
    changes.truncate(CHANGES);
    let agent = some(&issue.agent);
    let of_agent = |change: &changes::Change| change.agent.is_none() || change.agent == agent;
    changes.sort_by_key(|change| !of_agent(change));
    let mut brakes = kept_brakes::all(connection, Some(project))?;
    brakes.retain(|brake| brake.agent.is_none() || brake.agent == agent);
    let first_event = millis(onset.plus_nanos(-HOUR));
    let events =
        keep::events(connection, &keep::Wanted { from: first_event, limit: EVENTS, ..keep::Wanted::default() })?;
    Ok(Some(Found {
        onset,
        first,
        related: around::related(connection, project, fingerprint, &hit)?,
        hit,
        changes,
        brakes,
        events,
        issue,
    }))
}

/// Whether an alert began to fire by `until` and is about the agent of the project, or about none in particular.
fn concerns(event: &keep::Event, (project, agent): (&str, &str), until: i64) -> bool {
    let fits = |label: &str, value: &str| ["", value].contains(&event.labels.get(label));
    event.kind == keep::EventKind::Fired.as_str()
        && event.at <= until
        && fits("project", project)
        && ["agent", "agent_id", "agent_name", "gen_ai_agent_name"].iter().all(|label| fits(label, agent))
}

/// A run as it stands; `None` where it is no longer kept.
async fn run(app: &App, trace: TraceId) -> Result<Option<Run>, Problem> {
    let spans = complete::priced(app, joined::narrow(app, trace).await?).await?;
    let resolved = joined::one(signals::runs::resolve_linked(&spans, app.now(), &app.run_settings), trace);
    let mut runs: Vec<Run> = resolved.iter().map(|resolved| Run::from(&resolved.run)).collect();
    complete::runs(app, &mut runs).await?;
    Ok(runs.pop())
}

/// The last run before the first bad one that ended well: without findings where there is one.
async fn last_good(app: &App, found: &Found, first_bad: Option<&Run>) -> Result<Option<Run>, Problem> {
    let agent = first_bad.map_or_else(|| Some(found.issue.agent.clone()), |run| run.agent.clone());
    let service = first_bad.and_then(|run| run.service.clone()).filter(|_| agent.is_none());
    let filter = RunFilter {
        to: Some(first_bad.map_or(found.onset, |run| run.started_at)),
        agent: agent.into_iter().collect(),
        service: service.into_iter().collect(),
        environment: vec![found.issue.environment.clone()],
        status: vec![RunStatus::Ok],
        ..RunFilter::default()
    };
    let page = Page { limit: GOOD_RUNS, total: false, ..Page::default() };
    let project = app.project();
    let page = app.ask(|engine| async move { engine.runs(&project, &filter, &page).await }).await?;
    let mut runs: Vec<Run> = page.runs.iter().map(Run::from).collect();
    complete::runs(app, &mut runs).await?;
    let at = runs.iter().position(|run| run.findings == 0).unwrap_or(0);
    Ok(runs.into_iter().nth(at))
}

/// The runs an incident hit, for spreadsheets.
#[utoipa::path(get, path = "/api/v1/incidents/{fingerprint}/runs.csv", operation_id = "getIncidentRuns", tag = "incidents",
    summary = "Who was hit: a line a run",
    params(("fingerprint" = String, Path, description = "The issue's fingerprint"),
        ("onset" = Option<String>, Query, description = "Runs hit at this time or later; since the issue began this time where not given")),
    responses((status = 200, body = String, content_type = "text/csv", description = "A line of names, then a line a run, oldest first; money in exact decimals"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such issue")))]
pub async fn runs(
    State(app): State<Arc<App>>,
    Path(fingerprint): Path<String>,
    mut params: Params,
) -> Result<Response, Problem> {
    let onset = params.time("onset", app.now())?;
    params.end()?;
    let (project, asked) = (app.project(), fingerprint.clone());
    let read = move |state: &state::State| {
        state.read(|it| {
            let filter = Filter { fingerprint: Some(asked.clone()), ..Filter::default() };
            let Some(issue) = ask::issues(it, &project, &filter, IssueSort::default(), None, 1)?.into_iter().next()
            else {
                return Ok(None);
            };
            let began = around::onset(it, &project, &asked)?;
            let from = onset.or(began.map(|began| began.at)).unwrap_or(issue.first_seen);
            around::hit(it, &project, &issue, from, began.is_some_and(|began| began.is_drift)).map(Some)
        })
    };
    let hit = app.with_state(read).await?.ok_or_else(|| findings::no_issue(&fingerprint))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"incident-runs.csv\""),
    ];
    Ok((headers, csv(&hit)).into_response())
}

fn csv(hit: &[Hit]) -> String {
    let mut text = String::from("time,trace_id,user,session,environment,agent,version,severity,cost_usd\n");
    for run in hit {
        let or_none = |text: &Option<String>| csv_field(text.as_deref().unwrap_or_default());
        let cost = run.cost.map(|cost| cost.to_string()).unwrap_or_default();
        let (user, session, version) = (or_none(&run.user), or_none(&run.session), or_none(&run.version));
        let (environment, agent) = (csv_field(&run.environment), csv_field(&run.agent));
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{},{},{user},{session},{environment},{agent},{version},{},{cost}",
            run.at, run.trace, run.severity
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_of_a_namesake_in_another_project_does_not_concern_an_incident() {
        let event = |project: &str, agent: &str| keep::Event {
            at: 10,
            kind: keep::EventKind::Fired.as_str().to_owned(),
            labels: promql::Labels::new([("alertname", "A"), ("project", project), ("agent_id", agent)]),
            detail: String::new(),
        };
        let concerns = |project: &str, agent: &str| concerns(&event(project, agent), ("shop", "refunds"), 20);
        assert!(concerns("shop", "refunds") && concerns("", "refunds") && concerns("shop", ""));
        assert!(!concerns("bank", "refunds") && !concerns("shop", "orders"));
        assert!(!super::concerns(&event("shop", "refunds"), ("shop", "refunds"), 5), "it fired later");
    }
}
