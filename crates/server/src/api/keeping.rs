//! What is kept and for how long: retention, holds, erasing, sampling. For administrators of a project, but for retention itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::Timestamp;
use policy::sampling::Sampling;

use super::body;
use super::params::Params;
use super::types::{
    About, DerivedRetention, Erasure, Erasures, HoldInfo, Holds, NewHold, Problem, RetentionAnswer, SamplingInfo,
    SamplingTrial, SamplingTried, StoreDrop, StoreReport, StoreRetention,
};
use crate::app::App;
use crate::erasure::holds::{self, HOLDS_MAX, Hold};
use crate::erasure::{self, Record, Target, What};
use crate::limits::LimitName;
use crate::sampling;

/// Orders listed.
const LISTED: usize = 200;
/// Characters of a reason, or of a user's or session's id.
const MAX_TEXT: usize = 1_000;

/// How long things are kept.
#[utoipa::path(get, path = "/api/v1/retention", operation_id = "getRetention", tag = "access",
    summary = "How long what is kept in the project, what is held, what sampling drops",
    responses((status = 200, body = RetentionAnswer, description = "Layers, holds, sampling")))]
pub async fn retention(State(app): State<Arc<App>>, params: Params) -> Result<Json<RetentionAnswer>, Problem> {
    params.end()?;
    let project = app.project();
    let layers = layers(app.store()?, &project)?;
    let own = Arc::clone(&project);
    let (holds, counts) = app
        .with_state(move |state| state.read(|conn| Ok((holds::list(conn, Some(&own))?, sampling::counts(conn, &own)?))))
        .await?;
    let nanos = |nanos: i64| Some(nanos.unsigned_abs() / 1_000_000_000);
    let keeping = &app.settings.keeping;
    let set = |times: &crate::keeping::ByProject| times.of(&project).map(|time| time.as_secs());
    let derived = [
        ("findings", set(&keeping.findings), "--retention findings=…; at most 200,000 findings; issues stay"),
        ("costs by run", nanos(crate::money::kept::MONEY_ENTRIES_KEPT), "built in; sums by hour stay"),
        ("audit", set(&keeping.audit), "--retention audit=…; entries lose their words, their hashes stay in the chain"),
        ("agents", set(&keeping.agents), "--retention agents=…; entries lose their words, as those of audit"),
    ];
    let derived = derived.map(|(what, keep_seconds, set_by)| DerivedRetention {
        what: what.to_owned(),
        keep_seconds,
        set_by: set_by.to_owned(),
    });
    Ok(Json(RetentionAnswer {
        layers,
        derived: derived.to_vec(),
        holds: holds.into_iter().map(HoldInfo::from).collect(),
        sampling: app.settings.sampling.is_some().then_some(SamplingInfo {
            runs: counts.runs,
            rows_dropped: counts.rows_dropped,
            waiting: counts.waiting,
        }),
    }))
}

/// What is kept of a project and for how long. The store's report begins with the first segment; the settings hold before.
fn layers(held: &store::Store, project: &str) -> Result<Vec<StoreRetention>, Problem> {
    let report = StoreReport::from(held.report()?);
    let mut layers: Vec<StoreRetention> =
        report.retention.into_iter().filter(|layer| layer.project == project).collect();
    for layer in store::Layer::ALL {
        if let Some(kept) = held.keeps(project, layer)
            && !layers.iter().any(|known| known.layer == layer.name())
        {
            let (project, layer) = (project.to_owned(), layer.name().to_owned());
            layers.push(StoreRetention {
                project,
                layer,
                keep_seconds: Some(kept.as_secs()),
                next: None,
                dropped: None,
            });
        }
    }
    Ok(layers)
}

/// How long findings are kept in every project that has some, and those that go within a day of the first.
pub(super) async fn findings_by_project(app: &Arc<App>) -> Result<Vec<StoreRetention>, Problem> {
    const DAY_NANOS: i64 = 86_400_000_000_000;
    let first = app
        .with_state(|state| {
            state.read(|conn| {
                let mut query = conn.prepare_cached(
                    "SELECT findings.project, oldest.at, count(*)
                     FROM findings JOIN (SELECT project, min(at) AS at FROM findings GROUP BY project) AS oldest
                     ON oldest.project = findings.project
                     WHERE findings.at <= oldest.at + ?1 GROUP BY findings.project ORDER BY findings.project",
                )?;
                let rows = query.query_map([DAY_NANOS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                rows.collect::<Result<Vec<(String, i64, i64)>, _>>()
            })
        })
        .await?;
    let layer = |(project, at, findings): (String, i64, i64)| {
        let kept = app.settings.keeping.findings.of(&project);
        let next = kept.map(|kept| {
            let at = Timestamp::from_nanos(at).plus_nanos(i64::try_from(kept.as_nanos()).unwrap_or(i64::MAX));
            StoreDrop { at, segments: 0, rows: findings.unsigned_abs(), bytes: 0 }
        });
        let keep_seconds = kept.map(|kept| kept.as_secs());
        StoreRetention { project, layer: "findings".into(), keep_seconds, next, dropped: None }
    };
    Ok(first.into_iter().map(layer).collect())
}

impl From<Hold> for HoldInfo {
    fn from(hold: Hold) -> Self {
        let Hold { id, target, reason, by, at, .. } = hold;
        Self { id, what: target.what.as_str().to_owned(), value: target.value, reason, by, at }
    }
}

/// Lists holds.
#[utoipa::path(get, path = "/api/v1/holds", operation_id = "listHolds", tag = "access", summary = "Legal holds of the project",
    responses((status = 200, body = Holds, description = "Holds in force")))]
pub async fn list_holds(State(app): State<Arc<App>>, params: Params) -> Result<Json<Holds>, Problem> {
    params.end()?;
    let project = app.project();
    let holds = app.with_state(move |state| state.read(|conn| holds::list(conn, Some(&project)))).await?;
    Ok(Json(Holds { holds: holds.into_iter().map(HoldInfo::from).collect() }))
}

/// Puts a hold in force.
#[utoipa::path(post, path = "/api/v1/holds", operation_id = "createHold", tag = "access",
    summary = "Keep something from retention, erasing and sampling", request_body = NewHold,
    responses((status = 200, body = HoldInfo, description = "The hold"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "It cannot be read"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Too many holds")))]
pub async fn hold(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<HoldInfo>, Problem> {
    let mut new: NewHold = body::json(&body, r#"{"about": {"user": "…"}, "reason": "case 17"}"#)?;
    let target = target(new.about)?;
    if new.reason.trim().is_empty() || new.reason.chars().count() > MAX_TEXT {
        return Err(Problem::bad_request(format!("say why in `reason`, in up to {MAX_TEXT} characters")));
    }
    new.reason = app.told("hold.reason", new.reason);
    if target.what == What::Run {
        erasure::traces(&app, &caller.project, &target).await?;
    }
    let now = app.now();
    let made = app
        .with_state(move |state| {
            state.write(|tx| {
                if holds::list(tx, None)?.len() >= HOLDS_MAX {
                    return Ok(None);
                }
                let who = caller.who.to_string();
                let hold = holds::add(tx, &caller.project, &target, &new.reason, &who, now)?;
                let what = format!("{} {}", target.what.as_str(), target.told());
                access::append(tx, now, &caller.project, &who, ["hold.add", &what, &new.reason])?;
                Ok(Some(hold))
            })
        })
        .await?;
    let full = || {
        app.counters.limit_reached(LimitName::HoldsMax);
        let detail = format!("{HOLDS_MAX} holds are in force (limit holds_max); end one first");
        Problem::new(StatusCode::CONFLICT, "limit", "Too many holds", detail)
    };
    Ok(Json(made.ok_or_else(full)?.into()))
}

/// Ends a hold.
#[utoipa::path(delete, path = "/api/v1/holds/{id}", operation_id = "endHold", tag = "access", summary = "End a hold",
    params(("id" = i64, Path, description = "Number of the hold")),
    responses((status = 204, description = "Ended"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such hold in the project")))]
pub async fn end_hold(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("the project has no such hold; GET /api/v1/holds lists them");
    let id: i64 = id.parse().map_err(|_| missing())?;
    let now = app.now();
    let ended = app.with_state(move |state| {
        state.write(|tx| {
            let ended = holds::end(tx, &caller.project, id)?;
            if ended {
                access::append(tx, now, &caller.project, &caller.who.to_string(), ["hold.end", &id.to_string(), ""])?;
            }
            Ok(ended)
        })
    });
    if ended.await? { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// Lists orders to erase.
#[utoipa::path(get, path = "/api/v1/erasures", operation_id = "listErasures", tag = "access", summary = "Orders to erase, and how they stand",
    responses((status = 200, body = Erasures, description = "The newest orders of the project")))]
pub async fn erasures(State(app): State<Arc<App>>, params: Params) -> Result<Json<Erasures>, Problem> {
    params.end()?;
    let project = app.project();
    let records = app.with_state(move |state| state.read(|conn| erasure::list(conn, &project, LISTED))).await?;
    Ok(Json(Erasures { erasures: records.into_iter().map(|record| told(&app, record)).collect() }))
}

/// Erases.
#[utoipa::path(post, path = "/api/v1/erasures", operation_id = "erase", tag = "access",
    summary = "Erase what is kept of a user, a session or a run",
    description = "Answers when nobody can read it any more, with what a search afterwards found. That may take minutes; a client that \
        goes away stops nothing. Files that held it are removed when the grace period of readers is over.",
    request_body = About,
    responses((status = 200, body = Erasure, description = "What was done"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "It does not say whose data"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "A hold stands in the way")))]
pub async fn erase(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Erasure>, Problem> {
    let target = target(body::json(&body, r#"{"user": "…"}"#)?)?;
    if target.what == What::Project {
        return Err(Problem::bad_request("say whose data: one of `user`, `session`, `run`"));
    }
    let record = erasure::order(&app, Arc::clone(&caller.project), target, caller.who.to_string()).await?;
    Ok(Json(told(&app, record)))
}

/// Tries rules of sampling.
#[utoipa::path(post, path = "/api/v1/sampling/try", operation_id = "trySampling", tag = "access",
    summary = "What rules of sampling would do with the runs there are", request_body = SamplingTrial,
    responses((status = 200, body = SamplingTried, description = "Runs by what would become of them"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The rules cannot be read; the detail says where")))]
pub async fn try_sampling(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<SamplingTried>, Problem> {
    let trial: SamplingTrial = body::json(&body, r#"{"rules": "[[sampling]]\nkeep_percent = 10", "since": "7d"}"#)?;
    let rules = Sampling::parse("rules", &trial.rules).map_err(|error| Problem::bad_request(error.to_string()))?;
    let since = match promql::parse_duration(&trial.since) {
        Some(millis) => app.now().plus_nanos(millis.saturating_mul(-1_000_000)),
        None => Timestamp::parse_rfc3339(&trial.since)
            .ok_or_else(|| Problem::bad_request("cannot read `since`: write it as 7d or 2026-01-31T12:00:00Z"))?,
    };
    let tried = sampling::attempt(&app, &rules, since).await?;
    let by: BTreeMap<String, u64> = tried.by.iter().map(|(word, runs)| ((*word).to_owned(), *runs)).collect();
    let dropped = by.get("drop").copied().unwrap_or(0);
    Ok(Json(SamplingTried { runs: tried.runs, kept: tried.runs - dropped, by, more: tried.more }))
}

fn target(about: About) -> Result<Target, Problem> {
    let About { user, session, run } = about;
    let mut said = [(What::User, user), (What::Session, session), (What::Run, run)]
        .into_iter()
        .filter_map(|(what, value)| value.map(|value| Target { what, value }));
    let first = said.next();
    if said.next().is_some() {
        return Err(Problem::bad_request("say one of `user`, `session`, `run`, not several"));
    }
    let target = first.unwrap_or(Target { what: What::Project, value: String::new() });
    if target.what != What::Project && (target.value.is_empty() || target.value.chars().count() > MAX_TEXT) {
        return Err(Problem::bad_request(format!("an id has between 1 and {MAX_TEXT} characters")));
    }
    Ok(target)
}

fn told(app: &App, record: Record) -> Erasure {
    let forwarded = app.forwarder.iter().flat_map(|forwarder| crate::api::status::forward(forwarder).destinations);
    Erasure {
        id: record.id,
        what: record.what,
        told: record.told,
        by: record.by,
        at: record.at,
        state: record.state,
        traces: record.traces,
        rows: record.rows,
        found_afterwards: record.found,
        mentioned_in: record.mentions,
        files_waiting: record.files_waiting,
        unreadable: record.unreadable,
        erased_at: record.erased,
        files_gone_at: record.gone,
        backups: record.backups,
        passed_on_to: forwarded.map(|destination| destination.name).collect(),
        problem: record.problem,
    }
}
