//! `/api/v1/findings`, `/api/v1/issues` and `/api/v1/detectors`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use model::Timestamp;
use signals::detect::ALL;
use utoipa::IntoParams;

use super::body;
use super::investigate;
use super::joined;
use super::params::{self, Params};
use super::types::{
    Detector, DetectorSetting, DetectorsAnswer, DetectorsTest, Finding, FindingsAnswer, Issue, IssueDecision,
    IssuesAnswer, Problem,
};
use crate::app::App;
use crate::findings::ask::{self, After, AfterIssue, Filter, IssueSort, IssueSortKey};

/// States a person may give an issue.
const STATES: &[&str] = &["open", "acknowledged", "resolved", "muted"];
/// Longest name of an owner, in bytes.
const OWNER_MAX: usize = 200;

/// Which findings.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters for OpenAPI; `Params` reads them")]
pub struct FindingFilterParams {
    /// From this time: RFC 3339, a day, or a distance from now such as `15m`, `1h`, `24h`, `7d`.
    pub from: Option<String>,
    /// Before this time; as `from`.
    pub to: Option<String>,
    /// Detector; repeatable.
    pub detector: Option<Vec<String>>,
    /// Severity: `info`, `warning` or `critical`; repeatable.
    pub severity: Option<Vec<String>>,
    /// Agent; repeatable.
    pub agent: Option<Vec<String>>,
    /// Issue.
    pub fingerprint: Option<String>,
    /// Rows on a page, 1 to 500; 50 where not given.
    pub limit: Option<usize>,
    /// Cursor: `next` of the page before.
    pub cursor: Option<String>,
}

fn filter(params: &mut Params, now: Timestamp) -> Result<Filter, Problem> {
    let severities = params.all("severity");
    for word in &severities {
        word.parse::<model::Severity>().map_err(|()| {
            Problem::bad_request(format!("cannot read `severity={word}`: give info, warning or critical"))
        })?;
    }
    Ok(Filter {
        from: params.time("from", now)?,
        to: params.time("to", now)?,
        detectors: params.all("detector"),
        severities,
        agents: params.all("agent"),
        fingerprint: params.one("fingerprint")?,
        ..Filter::default()
    })
}

fn wrong_cursor() -> Problem {
    Problem::bad_request("cannot read `cursor`: give the `next` of the page before, as it is")
}

/// A cursor is the time and the number of the last row: `123-45`.
fn after(cursor: Option<&str>) -> Result<Option<After>, Problem> {
    let read = |text: &str| {
        let (at, number) = text.split_once('-')?;
        Some(After { at: at.parse().ok()?, number: number.parse().ok()? })
    };
    cursor.map(|text| read(text).ok_or_else(wrong_cursor)).transpose()
}

/// How issues are ordered, from `count` or `-count`, with that text.
fn issue_sort(params: &mut Params) -> Result<(IssueSort, String), Problem> {
    let Some(text) = params.one("sort")? else { return Ok((IssueSort::default(), "-last_seen".into())) };
    let (descending, word) = text.strip_prefix('-').map_or((false, text.as_str()), |word| (true, word));
    let key = IssueSortKey::ALL.iter().find(|(name, _)| *name == word).map(|(_, key)| *key).ok_or_else(|| {
        let words: Vec<&str> = IssueSortKey::ALL.iter().map(|(name, _)| *name).collect();
        Problem::bad_request(format!("unknown sort key `{word}`; use one of {}", words.join(", ")))
    })?;
    Ok((IssueSort { key, descending }, text))
}

/// A cursor is the order and what places the last row in it: `-count.3.123.a1b2`.
fn after_issue(cursor: Option<&str>, sort: &str) -> Result<Option<AfterIssue>, Problem> {
    let read = |text: &str| {
        let mut words = text.splitn(4, '.');
        words.next().filter(|word| *word == sort)?;
        let value = words.next()?.parse().ok()?;
        let last_seen = words.next()?.parse().ok()?;
        Some(AfterIssue { value, last_seen, fingerprint: words.next()?.to_owned() })
    };
    cursor.map(|text| read(text).ok_or_else(wrong_cursor)).transpose()
}

/// Lists findings.
#[utoipa::path(get, path = "/api/v1/findings", operation_id = "listFindings", tag = "findings",
    summary = "List what detectors saw, newest first",
    params(FindingFilterParams, ("trace_id" = Option<String>, Query, description = "Only findings of this run")),
    responses((status = 200, body = FindingsAnswer, description = "One page of findings"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<FindingsAnswer>, Problem> {
    let mut filter = filter(&mut params, app.now())?;
    filter.trace = params.one("trace_id")?.map(|id| params::trace_id(&id)).transpose()?;
    let page = params.page()?;
    params.end()?;
    let (project, limit, after) = (app.project(), page.limit, after(page.cursor.as_deref())?);
    let mut found = app
        .with_state(move |state| {
            state.read(|connection| ask::findings(connection, &project, &filter, after.as_ref(), limit))
        })
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}-{}", last.finding.at.as_nanos(), last.number));
    let findings = found.into_iter().map(|kept| Finding::of(&kept.agent, kept.finding)).collect();
    Ok(Json(FindingsAnswer { findings, next }))
}

/// Lists issues.
#[utoipa::path(get, path = "/api/v1/issues", operation_id = "listIssues", tag = "findings",
    summary = "List issues: findings of one fingerprint",
    params(FindingFilterParams, ("state" = Option<Vec<String>>, Query, description = "State: `open`, `acknowledged`, `resolved`, `regressed` or `muted`; repeatable"),
        ("q" = Option<String>, Query, description = "Text in detector, agent or message; the case of Latin letters is ignored"),
        ("sort" = Option<String>, Query, description = "`last_seen`, `first_seen`, `count` or `severity`; a `-` in front turns the order round. `-last_seen` where not given")),
    responses((status = 200, body = IssuesAnswer, description = "One page of issues"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn issues(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<IssuesAnswer>, Problem> {
    let mut filter = filter(&mut params, app.now())?;
    filter.states = params.all("state");
    filter.text = params.one("q")?;
    let (sort, sorted) = issue_sort(&mut params)?;
    if let Some(other) = filter.states.iter().find(|state| *state != "regressed" && !STATES.contains(&state.as_str())) {
        let detail = format!("cannot read `state={other}`: give open, acknowledged, resolved, regressed or muted");
        return Err(Problem::bad_request(detail));
    }
    let page = params.page()?;
    params.end()?;
    let (project, limit, after) = (app.project(), page.limit, after_issue(page.cursor.as_deref(), &sorted)?);
    let mut found = app
        .with_state(move |state| {
            state.read(|connection| ask::issues(connection, &project, &filter, sort, after.as_ref(), limit))
        })
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| {
        let AfterIssue { value, last_seen, fingerprint } = AfterIssue::of(sort, last);
        format!("{sorted}.{value}.{last_seen}.{fingerprint}")
    });
    Ok(Json(IssuesAnswer { issues: found.into_iter().map(Issue::from).collect(), next }))
}

pub(super) fn no_issue(fingerprint: &str) -> Problem {
    Problem::not_found(format!("there is no issue `{fingerprint}`; GET /api/v1/issues lists those there are"))
}

/// One issue.
#[utoipa::path(get, path = "/api/v1/issues/{fingerprint}", operation_id = "getIssue", tag = "findings", summary = "One issue",
    params(("fingerprint" = String, Path, description = "The issue's fingerprint")),
    responses((status = 200, body = Issue, description = "The issue"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such issue")))]
pub async fn issue(
    State(app): State<Arc<App>>,
    Path(fingerprint): Path<String>,
    params: Params,
) -> Result<Json<Issue>, Problem> {
    params.end()?;
    let (project, filter) = (app.project(), Filter { fingerprint: Some(fingerprint.clone()), ..Filter::default() });
    let found = app
        .with_state(move |state| state.read(|it| ask::issues(it, &project, &filter, IssueSort::default(), None, 1)))
        .await?;
    found.into_iter().next().map(|issue| Json(issue.into())).ok_or_else(|| no_issue(&fingerprint))
}

/// Decides about an issue.
#[utoipa::path(patch, path = "/api/v1/issues/{fingerprint}", operation_id = "decideIssue", tag = "findings",
    summary = "Change the state or the owner of an issue",
    description = "An issue that was resolved and is seen again becomes `regressed` by itself.",
    params(("fingerprint" = String, Path, description = "The issue's fingerprint")), request_body = IssueDecision,
    responses((status = 200, body = Issue, description = "The issue as it is now"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The decision cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such issue")))]
pub async fn decide(
    State(app): State<Arc<App>>,
    Path(fingerprint): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Issue>, Problem> {
    params.end()?;
    let decision: IssueDecision = body::json(&body, r#"{"state": "resolved"}"#)?;
    if let Some(state) = decision.state.as_deref().filter(|state| !STATES.contains(state)) {
        return Err(Problem::bad_request(format!("an issue cannot be `{state}`: give {}", STATES.join(", "))));
    }
    if decision.owner.as_ref().is_some_and(|owner| owner.len() > OWNER_MAX) {
        return Err(Problem::bad_request(format!("the owner's name is longer than {OWNER_MAX} bytes")));
    }
    let (project, now, asked) = (app.project(), app.now(), fingerprint.clone());
    let found = app
        .with_state(move |state| {
            state.write(|tx| {
                ask::decide(tx, &project, &asked, decision.state.as_deref(), decision.owner.as_deref(), now)
            })
        })
        .await?;
    found.map(|issue| Json(issue.into())).ok_or_else(|| no_issue(&fingerprint))
}

/// Lists detectors.
#[utoipa::path(get, path = "/api/v1/detectors", operation_id = "listDetectors", tag = "findings",
    summary = "Every detector with its documentation and settings",
    responses((status = 200, body = DetectorsAnswer, description = "The detectors")))]
pub async fn detectors(params: Params) -> Result<Json<DetectorsAnswer>, Problem> {
    params.end()?;
    let detectors = ALL.iter().map(|detector| Detector {
        name: detector.name.into(),
        about: detector.about(),
        documentation: detector.documentation(),
        settings: detector
            .settings
            .iter()
            .map(|it| DetectorSetting { name: it.name.into(), default: it.default, about: it.about.into() })
            .collect(),
    });
    Ok(Json(DetectorsAnswer { detectors: detectors.collect() }))
}

/// Tries detectors on a stored run.
#[utoipa::path(post, path = "/api/v1/detectors/test", operation_id = "testDetectors", tag = "findings",
    summary = "What detectors see in a stored run, with settings that are tried out",
    description = "Nothing is kept.", request_body = DetectorsTest,
    responses((status = 200, body = FindingsAnswer, description = "What they see"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The settings cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run")))]
pub async fn test(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<FindingsAnswer>, Problem> {
    params.end()?;
    let wrong = |error: String| Problem::bad_request(format!("cannot read what is to be tried: {error}"));
    let asked: DetectorsTest = body::json(&body, r#"{"trace_id": "…"}"#)?;
    let settings = match asked.settings.as_deref() {
        Some(text) => signals::detect::Settings::parse(text).map_err(|error| wrong(error.to_string()))?,
        None => app.settings.detection.detectors.clone(),
    };
    let run = investigate::load(&app, joined::find(&app, &asked.trace_id).await?).await?;
    let judged = tokio::task::spawn_blocking(move || {
        run.judge(&settings).into_iter().map(|finding| Finding::of(run.agent(), finding)).collect::<Vec<_>>()
    });
    let findings = judged.await.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Json(FindingsAnswer { findings, next: None }))
}
