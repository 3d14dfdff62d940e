//! `/api/v1/brakes`: hold an agent or a tool, hand over to people, use the version before.

use std::sync::Arc;

use access::Caller;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use model::Timestamp;

use super::body;
use super::changes::{NAME_MAX, TEXT_MAX};
use super::params::Params;
use super::types::{Brake, BrakesAnswer, NewBrake, Problem};
use crate::app::App;
use crate::incident::brakes::{self, Action, BRAKES_MAX, Brakes};
use crate::incident::changes;
use crate::limits::LimitName;

/// A minute in nanoseconds.
const MINUTE: i64 = 60 * 1_000_000_000;
/// A brake with an end holds at most so long, in minutes: a year.
const MINUTES_MAX: u64 = 366 * 24 * 60;

pub(super) fn shown(brake: &brakes::Brake, now: Timestamp) -> Brake {
    let (ended_at, ended_by) = brake.ended.clone().unzip();
    Brake {
        id: brake.id.clone(),
        action: brake.action.as_str().to_owned(),
        agent: brake.agent.clone(),
        tool: brake.tool.clone(),
        environment: brake.environment.clone(),
        version: brake.version.clone(),
        by: brake.by.clone(),
        why: brake.why.clone(),
        issue: brake.issue.clone(),
        since: Timestamp::from_nanos(brake.since),
        until: brake.until.map(Timestamp::from_nanos),
        in_force: brake.holds_at(now),
        ended_at: ended_at.map(Timestamp::from_nanos),
        ended_by,
    }
}

/// Lists brakes.
#[utoipa::path(get, path = "/api/v1/brakes", operation_id = "listBrakes", tag = "incidents", summary = "Brakes on agents and tools",
    params(("all" = Option<bool>, Query, description = "Also those that are over, of the last 400 days")),
    responses((status = 200, body = BrakesAnswer, description = "Brakes, those put on last first"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn list(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<BrakesAnswer>, Problem> {
    let all = params.read::<bool>("all", "true or false")?.unwrap_or(false);
    params.end()?;
    let (project, now) = (app.project(), app.now());
    let kept = app.with_state(move |state| state.read(|connection| brakes::all(connection, Some(&project)))).await?;
    let brakes = kept.iter().filter(|brake| all || brake.holds_at(now)).map(|brake| shown(brake, now)).collect();
    Ok(Json(BrakesAnswer { brakes }))
}

/// Puts a brake on.
#[utoipa::path(post, path = "/api/v1/brakes", operation_id = "putBrakeOn", tag = "incidents", summary = "Put a brake on an agent or a tool",
    description = "From then on `POST /api/v1/budgets/check` answers `reject` to whom it names, with `brake` saying what to do instead. It \
        holds agents that ask; it cannot stop one that does not. Written to the audit log.",
    request_body = NewBrake,
    responses((status = 200, body = Brake, description = "The brake"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The brake cannot be read"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Nobody knows a version before, or there are too many brakes")))]
pub async fn put_on(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Brake>, Problem> {
    let mut new: NewBrake = body::json(&body, r#"{"action": "hold", "agent": "refunds", "why": "…", "minutes": 60}"#)?;
    body::short("why", &new.why, TEXT_MAX)?;
    new.why = app.told("brake.why", new.why);
    // As the names in telemetry are after the policy, and those of who asks.
    for (field, text) in [
        ("brake.agent", &mut new.agent),
        ("brake.tool", &mut new.tool),
        ("brake.environment", &mut new.environment),
        ("brake.version", &mut new.version),
        ("brake.issue", &mut new.issue),
    ] {
        *text = text.take().map(|text| app.told(field, text));
    }
    let now = app.now();
    let mut brake = read(new, &caller, now)?;
    if app.brakes.in_force(now) >= BRAKES_MAX {
        app.counters.limit_reached(LimitName::BrakesMax);
        return Err(unprocessable(format!("{BRAKES_MAX} brakes are in force (limit brakes_max): take some off first")));
    }
    if let (Action::Previous, None, Some(agent)) = (brake.action, &brake.version, &brake.agent) {
        let (project, agent) = (app.project(), agent.clone());
        let asked = agent.clone();
        let before = move |state: &state::State| {
            state.read(|connection| changes::previous_version(connection, &project, &asked))
        };
        let before = app.with_state(before).await?;
        brake.version = Some(before.ok_or_else(|| {
            unprocessable(format!("telemetry shows no earlier version of agent `{agent}`: name it in `version`"))
        })?);
    }
    write(&app, &caller, "brake.on", brake.clone()).await?;
    Ok(Json(shown(&brake, now)))
}

/// Checks what a body asks for.
fn read(new: NewBrake, caller: &Caller, now: Timestamp) -> Result<brakes::Brake, Problem> {
    let action = Action::of_word(&new.action).ok_or_else(|| {
        let words = Action::ALL.map(|(word, _)| word).join(", ");
        Problem::bad_request(format!("there is no brake `{}`: give {words}", new.action))
    })?;
    if new.agent.is_none() && (new.tool.is_none() || action == Action::Previous) {
        return Err(Problem::bad_request("say whom to hold: `agent`, or (unless for `previous`) `tool`"));
    }
    for (name, text) in [
        ("agent", &new.agent),
        ("tool", &new.tool),
        ("environment", &new.environment),
        ("version", &new.version),
        ("issue", &new.issue),
    ] {
        text.as_ref().map_or(Ok(()), |text| body::short(name, text, NAME_MAX))?;
    }
    let until = match (new.until, new.minutes) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("give either `until` or `minutes`")),
        (Some(until), None) if until <= now => {
            return Err(Problem::bad_request(format!("`until` is {until}, which is over")));
        }
        (Some(until), None) => Some(until.as_nanos()),
        (None, Some(minutes)) if (1..=MINUTES_MAX).contains(&minutes) => {
            Some(now.plus_nanos(minutes.cast_signed() * MINUTE).as_nanos())
        }
        (None, Some(_)) => return Err(Problem::bad_request(format!("`minutes` must be from 1 to {MINUTES_MAX}"))),
        (None, None) => None,
    };
    Ok(brakes::Brake {
        id: crate::alerting::new_id(now),
        project: caller.project.to_string(),
        action,
        agent: new.agent,
        tool: new.tool,
        environment: new.environment,
        version: new.version.filter(|_| action == Action::Previous),
        by: caller.who.to_string(),
        why: new.why,
        issue: new.issue,
        since: now.as_nanos(),
        until,
        ended: None,
    })
}

fn unprocessable(detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-brake", "The brake cannot be put on", detail)
}

/// Takes a brake off.
#[utoipa::path(delete, path = "/api/v1/brakes/{id}", operation_id = "takeBrakeOff", tag = "incidents", summary = "Take a brake off",
    description = "Written to the audit log.", params(("id" = String, Path, description = "Which brake")),
    responses((status = 200, body = Brake, description = "The brake, which is over"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such brake is in force")))]
pub async fn take_off(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Brake>, Problem> {
    let (project, now) = (app.project(), app.now());
    let kept = app.with_state(move |state| state.read(|connection| brakes::all(connection, Some(&project)))).await?;
    let mut brake = kept.into_iter().find(|brake| brake.id == id && brake.holds_at(now)).ok_or_else(|| {
        Problem::not_found(format!("no brake `{id}` is in force; GET /api/v1/brakes lists those that are"))
    })?;
    brake.ended = Some((now.as_nanos(), caller.who.to_string()));
    write(&app, &caller, "brake.off", brake.clone()).await?;
    Ok(Json(shown(&brake, now)))
}

/// Keeps a brake with its line in the audit log; it holds, or does not any more, when this returns.
async fn write(app: &App, caller: &Caller, action: &'static str, brake: brakes::Brake) -> Result<(), Problem> {
    let (now, project, who) = (app.now(), Arc::clone(&caller.project), caller.who.to_string());
    let kept = brake.clone();
    app.with_state(move |state| {
        state.write(|tx| {
            Brakes::keep(tx, &kept, now)?;
            access::append(tx, now, &project, &who, [action, &kept.id, &kept.reason()]).map(drop)
        })
    })
    .await?;
    app.brakes.take_over(brake, now);
    Ok(())
}
