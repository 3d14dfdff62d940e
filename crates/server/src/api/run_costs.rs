//! `GET /api/v1/runs/{trace_id}/costs`: every call of a run with what it cost and how that is known.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use signals::money::ledger::{Basis, Entry};
use signals::prices::Prices;

use super::joined;
use super::params::Params;
use super::types::{Problem, RunCall, RunCosts};
use crate::app::App;
use crate::money::kept;

/// What the calls of a run cost.
#[utoipa::path(get, path = "/api/v1/runs/{trace_id}/costs", operation_id = "getRunCosts", tag = "money",
    summary = "The calls of a run, what each cost, and how that is known",
    description = "As the ledger has them: each cost once, with where it is from, the row of the prices it was computed with, and where that price was read.",
    params(("trace_id" = String, Path, description = "Trace id, 32 hexadecimal digits")),
    responses((status = 200, body = RunCosts, description = "The calls, in the order of the run's steps"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such run, or not in the ledger yet")))]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<RunCosts>, Problem> {
    params.end()?;
    let trace = joined::find(&app, &id).await?;
    let project = app.project();
    let found = app.with_state(move |state| state.read(|connection| kept::ledger(connection, &project, trace))).await?;
    let Some((_, ledger)) = found else {
        return Err(Problem::not_found(format!(
            "the ledger has nothing of the run {trace}: it takes a run in when it has settled, and keeps single runs for a while"
        )));
    };
    let prices = app.money.prices();
    Ok(Json(RunCosts {
        trace_id: trace,
        cost_usd: ledger.counted().map(model::Usd::as_f64),
        guessed_usd: ledger.guessed().map(model::Usd::as_f64),
        calls: ledger.entries.iter().map(|entry| call(entry, &prices)).collect(),
    }))
}

fn call(entry: &Entry, prices: &Prices) -> RunCall {
    let text = |text: &Option<Arc<str>>| text.as_ref().map(ToString::to_string);
    let usage = &entry.call.usage;
    let row = entry.basis.row();
    let known = row.and_then(|id| prices.rows().find(|row| row.id == *id));
    let (least, most) = match &entry.basis {
        Basis::Uncertain { least, most } => (Some(least.as_f64()), most.map(model::Usd::as_f64)),
        _ => (None, None),
    };
    RunCall {
        span_id: entry.span_id,
        at: entry.at,
        agent: text(&entry.agent),
        tool: text(&entry.tool),
        model: text(&entry.model),
        provider: text(&entry.provider),
        tier: entry.call.tier.as_str().to_owned(),
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        cost_usd: entry.cost.map(model::Usd::as_f64),
        basis: entry.basis.as_str().to_owned(),
        why: entry.basis.why().map(|why| why.as_str().to_owned()),
        least_usd: least,
        most_usd: most,
        price_row: row.map(ToString::to_string),
        price_source: known.map(|row| row.source.to_string()),
        price_read: known.and_then(|row| text(&row.read)),
        reservation: text(&entry.reservation),
    }
}
