//! `GET /api/v1/sla`: what workflows promise, and how they keep it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use signals::money::sla::Promise;
use signals::money::{DAY, HOUR};
use state::rusqlite::{self, Connection};

use super::types::{Problem, SlaAnswer, SlaBreach, SlaBroken, SlaWorkflow};
use crate::app::App;
use crate::money::levels;

/// Runs shown of those that broke a promise.
const LATEST: usize = 20;

/// Service levels.
#[utoipa::path(get, path = "/api/v1/sla", operation_id = "getSla", tag = "money",
    summary = "What workflows promise, and how they keep it",
    responses((status = 200, body = SlaAnswer, description = "The service levels")))]
pub async fn get(State(app): State<Arc<App>>) -> Result<Json<SlaAnswer>, Problem> {
    let (project, now, money) = (app.project(), app.now(), Arc::clone(&app.money));
    let file = money.files().sla.as_ref().map(|path| path.display().to_string());
    let read = move |connection: &Connection| {
        money.promises().list.iter().map(|promise| workflow(connection, &project, promise, now)).collect()
    };
    let workflows = app.with_state(move |state| state.read(read)).await?;
    Ok(Json(SlaAnswer { workflows, file }))
}

fn workflow(
    connection: &Connection,
    project: &str,
    promise: &Promise,
    now: Timestamp,
) -> rusqlite::Result<SlaWorkflow> {
    let since = |nanos: i64| levels::kept(connection, project, &promise.workflow, now.plus_nanos(-nanos));
    let window = since(i64::from(promise.days) * DAY)?;
    let all = window.get(levels::ALL).copied().unwrap_or_default();
    let mut burn_rate = std::collections::BTreeMap::new();
    for (name, nanos) in [("1h", HOUR), ("6h", 6 * HOUR), ("3d", 3 * DAY)] {
        let kept = since(nanos)?.get(levels::ALL).copied().unwrap_or_default();
        burn_rate.insert(name.to_owned(), kept.burn_rate(promise.target));
    }
    let promised = [
        ("latency", promise.latency_seconds.map(|seconds| format!("{seconds} s"))),
        ("tokens", promise.tokens.map(|tokens| tokens.to_string())),
        ("cost", promise.usd.map(|usd| format!("${usd}"))),
        ("steps", promise.steps.map(|steps| steps.to_string())),
        ("success", promise.success.then(|| "ok".to_owned())),
    ];
    let broken = window.iter().filter(|(objective, _)| *objective != levels::ALL);
    let breach = |run: levels::JudgedRun| SlaBreach {
        trace_id: run.trace,
        started_at: run.at,
        broken: run.broken.into_iter().map(SlaBroken::from).collect(),
    };
    let latest = levels::broken(connection, project, &promise.workflow, LATEST)?;
    Ok(SlaWorkflow {
        workflow: promise.workflow.to_string(),
        promises: promised.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
        target: promise.target,
        days: promise.days,
        runs: all.runs,
        good: all.good,
        attainment: all.attainment(),
        error_budget_left: all.budget_left(promise.target),
        burn_rate,
        broken: broken.map(|(objective, kept)| (objective.clone(), kept.runs - kept.good.min(kept.runs))).collect(),
        latest: latest.into_iter().map(breach).collect(),
    })
}
