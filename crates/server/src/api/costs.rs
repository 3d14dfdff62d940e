//! `GET /api/v1/costs` and what belongs to it: what was spent, by whom, and what it would be otherwise.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Timestamp, Usd};
use signals::money::{DAY, month_of};
use state::rusqlite;
use utoipa::IntoParams;

use super::body::{self, csv_field};
use super::params::{Params, parse_time};
use super::types::{
    CostAnswer, CostForecast, CostRow, CostSums, Problem, RepriceRequest, Repriced, UnpricedAnswer, UnpricedModel,
    WhatIf,
};
use crate::app::App;
use crate::limits::LimitName;
use crate::money::costs::{COST_ROWS_MAX, From, KEYS_MAX, Key, Question, Rows, Step, Sums, by_hour, delegated};
use crate::money::{again, kept};

/// What costs are asked by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the parameters; they are read by `Params`")]
pub struct CostParams {
    /// Up to two keys, separated by commas: `agent`, `workflow`, `tool`, `model`, `provider`, `version`, `environment`, `source`, `session`,
    /// `user`, `run`.
    by: Option<String>,
    /// `hour`, `day` or `month` (UTC).
    step: Option<String>,
    /// Calls of the hour of this time and later.
    from: Option<String>,
    /// Calls before the hour of this time.
    to: Option<String>,
    /// Only these agents. Every key filters by its name; may be given more than once.
    agent: Option<Vec<String>>,
    /// Only these workflows.
    workflow: Option<Vec<String>>,
    /// Only calls inside of these tools.
    tool: Option<Vec<String>>,
    /// Only these models.
    model: Option<Vec<String>>,
    /// Only these providers.
    provider: Option<Vec<String>>,
    /// Only these versions.
    version: Option<Vec<String>>,
    /// Only these environments.
    environment: Option<Vec<String>>,
    /// Only costs known in this way: `reported`, `computed`, `aggregated`, `estimated`, `unknown_model`, `uncertain`.
    source: Option<Vec<String>>,
    /// Only these sessions.
    session: Option<Vec<String>>,
    /// Only these users.
    user: Option<Vec<String>>,
    /// Only these runs.
    run: Option<Vec<String>>,
}

/// Costs.
#[utoipa::path(get, path = "/api/v1/costs", operation_id = "getCosts", tag = "money",
    summary = "What was spent, by up to two keys and over time",
    description = "From the ledger of settled runs, each cost once. Sums by hour are kept for ever; what is asked by run, session or user \
        comes from entries, which are kept for 90 days. An unknown cost is not 0: its tokens are in `unpriced_tokens`.",
    params(CostParams),
    responses((status = 200, body = CostAnswer, description = "The costs"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "More rows than one answer takes")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<CostAnswer>, Problem> {
    Ok(Json(answer(&app, params).await?))
}

/// Costs for spreadsheets.
#[utoipa::path(get, path = "/api/v1/costs.csv", operation_id = "getCostsCsv", tag = "money",
    summary = "The same as comma-separated values", params(CostParams),
    responses((status = 200, body = String, content_type = "text/csv", description = "A line of names, then a line a row; money in exact decimals"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn csv(State(app): State<Arc<App>>, params: Params) -> Result<Response, Problem> {
    let (question, _) = question(&app, params)?;
    let rows = ask(&app, question.clone()).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"costs.csv\""),
    ];
    Ok((headers, csv_text(&question, &rows)).into_response())
}

fn csv_text(question: &Question, rows: &Rows) -> String {
    let mut text = String::new();
    if question.step.is_some() {
        text.push_str("time,");
    }
    for key in &question.by {
        let _ = write!(text, "{},", key.as_str());
    }
    text.push_str(
        "calls,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,unpriced_tokens,cost_usd,estimated_usd\n",
    );
    for ((time, by), sums) in rows {
        if let Some(time) = time {
            let _ = write!(text, "{time},");
        }
        for value in by {
            let _ = write!(text, "{},", csv_field(value));
        }
        let Sums { calls, input, output, cache_read, cache_write, reasoning, unpriced, usd, estimated } = sums;
        // Empty where nothing is known of the cost: a sheet would take 0 for free.
        let usd = if usd.as_pico() == 0 && *unpriced > 0 { String::new() } else { usd.to_string() };
        let _ = writeln!(
            text,
            "{calls},{input},{output},{cache_read},{cache_write},{reasoning},{unpriced},{usd},{estimated}"
        );
    }
    text
}

async fn answer(app: &App, params: Params) -> Result<CostAnswer, Problem> {
    let (question, plain) = question(app, params)?;
    let rows = ask(app, question.clone()).await?;
    let mut by_agent = BTreeMap::new();
    if plain && question.step.is_none() && question.by == [Key::Agent] {
        let asked = question.clone();
        by_agent = app.with_state(move |state| state.read(|connection| delegated(connection, &asked))).await?;
    }
    let mut total = Sums::default();
    rows.values().for_each(|sums| total.add(sums));
    let mut rows: Vec<CostRow> = rows
        .into_iter()
        .map(|((time, by), sums)| CostRow {
            time,
            delegated_usd: by.first().and_then(|agent| by_agent.remove(agent)).map(Usd::as_f64),
            by: by.into_iter().map(known).collect(),
            sums: shown(&sums),
        })
        .collect();
    // An agent that only delegates made no call of its own.
    rows.extend(by_agent.into_iter().map(|(agent, usd)| CostRow {
        time: None,
        by: vec![known(agent)],
        sums: CostSums::default(),
        delegated_usd: Some(usd.as_f64()),
    }));
    rows.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| b.sums.cost_usd.total_cmp(&a.sums.cost_usd)));
    let entries = question.source() == From::Entries;
    Ok(CostAnswer {
        by: question.by.iter().map(|key| key.as_str().to_owned()).collect(),
        step: question.step.map(|step| word(step).to_owned()),
        entries_since: entries.then(|| app.now().plus_nanos(-kept::MONEY_ENTRIES_KEPT)),
        total: shown(&total),
        rows,
    })
}

async fn ask(app: &App, question: Question) -> Result<Rows, Problem> {
    let rows = app.with_state(move |state| state.read(|connection| question.ask(connection))).await?;
    if rows.len() > COST_ROWS_MAX {
        app.counters.limit_reached(LimitName::CostRowsMax);
        let detail = format!(
            "the answer has more than {COST_ROWS_MAX} rows (limit cost_rows_max): ask for less time, longer steps or fewer keys"
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "limit", "A limit was reached", detail));
    }
    Ok(rows)
}

/// The question, and whether it has no filters.
fn question(app: &App, mut params: Params) -> Result<(Question, bool), Problem> {
    let now = app.now();
    let mut by = Vec::new();
    for name in params.listed("by") {
        let known = || Key::ALL.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
        by.push(name.parse().map_err(|()| Problem::bad_request(format!("`by` is `{name}`: give {}", known())))?);
    }
    by.dedup();
    if by.len() > KEYS_MAX {
        return Err(Problem::bad_request(format!("`by` has {} keys: give {KEYS_MAX} at most", by.len())));
    }
    let step = match params.one("step")?.as_deref() {
        None => None,
        Some("hour") => Some(Step::Hour),
        Some("day") => Some(Step::Day),
        Some("month") => Some(Step::Month),
        Some(other) => return Err(Problem::bad_request(format!("`step` is `{other}`: give hour, day or month"))),
    };
    let (from, to) = (params.time("from", now)?, params.time("to", now)?);
    let mut only = Vec::new();
    for key in Key::ALL {
        let values = params.all(key.as_str());
        if !values.is_empty() {
            only.push((*key, values));
        }
    }
    params.end()?;
    let plain = only.is_empty();
    Ok((Question { project: app.project().to_string(), from, to, by, step, only }, plain))
}

fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

const fn word(step: Step) -> &'static str {
    match step {
        Step::Hour => "hour",
        Step::Day => "day",
        Step::Month => "month",
    }
}

fn shown(sums: &Sums) -> CostSums {
    CostSums {
        calls: sums.calls,
        input_tokens: sums.input,
        output_tokens: sums.output,
        cache_read_tokens: sums.cache_read,
        cache_write_tokens: sums.cache_write,
        reasoning_tokens: sums.reasoning,
        unpriced_tokens: sums.unpriced,
        cost_usd: sums.usd.as_f64(),
        estimated_usd: sums.estimated.as_f64(),
    }
}

/// The forecast.
#[utoipa::path(get, path = "/api/v1/costs/forecast", operation_id = "getCostForecast", tag = "money",
    summary = "What the day and the month will come to",
    description = "The hours that are left are taken to cost what the same hours cost on average over the last seven days.",
    responses((status = 200, body = CostForecast, description = "Spent and expected")))]
pub async fn forecast(State(app): State<Arc<App>>) -> Result<Json<CostForecast>, Problem> {
    let (project, now) = (app.project(), app.now());
    let from = month_of(now).min(now.plus_nanos(-(signals::money::forecast::BASIS_DAYS + 1) * DAY));
    let hours = app.with_state(move |state| state.read(|connection| by_hour(connection, &project, from))).await?;
    let forecast = signals::money::forecast::forecast(&hours, now);
    Ok(Json(CostForecast {
        today_usd: forecast.today.as_f64(),
        day_usd: forecast.day.as_f64(),
        month_to_date_usd: forecast.so_far.as_f64(),
        month_usd: forecast.month.as_f64(),
        basis_days: forecast.basis_days,
    }))
}

/// Models without a price.
#[utoipa::path(get, path = "/api/v1/costs/unpriced", operation_id = "getUnpriced", tag = "money",
    summary = "Models whose tokens have no cost", params(("from" = Option<String>, Query, description = "Calls of the hour of this time and later")),
    responses((status = 200, body = UnpricedAnswer, description = "The models"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn unpriced(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<UnpricedAnswer>, Problem> {
    let (from, project) = (params.time("from", app.now())?.unwrap_or_default(), app.project());
    params.end()?;
    let read = move |connection: &rusqlite::Connection| {
        let mut query = connection.prepare_cached(
            "SELECT model, provider, basis, sum(calls), sum(unpriced) FROM money_hours
             WHERE project = ?1 AND hour >= ?2 AND basis IN ('unknown_model', 'uncertain', 'no_call')
             GROUP BY 1, 2, 3 ORDER BY 5 DESC LIMIT ?3",
        )?;
        let most = i64::try_from(COST_ROWS_MAX).unwrap_or(i64::MAX);
        let since = signals::money::hour_of(from).as_nanos();
        let rows = query.query_map(rusqlite::params![project, since, most], |row| {
            Ok(UnpricedModel {
                model: known(row.get(0)?),
                provider: known(row.get(1)?),
                why: row.get(2)?,
                calls: row.get::<_, i64>(3)?.unsigned_abs(),
                tokens: row.get::<_, i64>(4)?.unsigned_abs(),
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let models = app.with_state(move |state| state.read(read)).await?;
    Ok(Json(UnpricedAnswer { models }))
}

/// The same traffic on another model.
#[utoipa::path(get, path = "/api/v1/costs/what-if", operation_id = "getWhatIf", tag = "money",
    summary = "What the same traffic would cost on another model",
    params(("model" = String, Query, description = "The model: `gpt-4o`, or `groq/llama-3.3-70b-versatile` where the seller matters"),
        ("from" = Option<String>, Query, description = "Calls at this time and later; 7 days back where left out"),
        ("to" = Option<String>, Query, description = "Calls before this time")),
    responses((status = 200, body = WhatIf, description = "The comparison"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter cannot be read")))]
pub async fn what_if(State(app): State<Arc<App>>, mut params: Params) -> Result<Json<WhatIf>, Problem> {
    let (project, now, prices) = (app.project(), app.now(), app.money.prices());
    let from = params.time("from", now)?.unwrap_or_else(|| now.plus_nanos(-7 * DAY));
    let to = params.time("to", now)?.unwrap_or(now);
    let model = params.one("model")?.ok_or_else(|| Problem::bad_request("say which `model`"))?;
    params.end()?;
    if prices.find(None, &model, now).is_none() {
        let detail =
            format!("no price is known for `{model}`; `tawny costs unpriced` and docs/prices.md say what to do");
        return Err(Problem::bad_request(detail));
    }
    let asked = model.clone();
    let compare =
        move |connection: &rusqlite::Connection| again::what_if(connection, &prices, &project, &asked, (from, to));
    let found = app.with_state(move |state| state.read(compare)).await?;
    Ok(Json(WhatIf {
        model,
        calls: found.calls,
        cost_usd: found.cost.as_f64(),
        would_cost_usd: found.would.as_f64(),
        left_out: found.left_out,
    }))
}

/// Pricing again.
#[utoipa::path(post, path = "/api/v1/costs/reprice", operation_id = "repriceCosts", tag = "money",
    summary = "Price the ledger again with the prices in use",
    description = "Costs that clients reported stay. What changes is the ledger, and with it costs and budgets; a run keeps the cost it was \
        priced with when it came in. Doing it twice changes nothing.",
    request_body = RepriceRequest,
    responses((status = 200, body = Repriced, description = "What changed"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be read")))]
pub async fn reprice(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Repriced>, Problem> {
    let request: RepriceRequest = match body.is_empty() {
        true => RepriceRequest::default(),
        false => body::json(&body, r#"{"since": "7d"} or {}"#)?,
    };
    let now = app.now();
    let since = request.since.as_deref().map(|text| {
        parse_time(text, now).ok_or_else(|| {
            Problem::bad_request(format!("`since` is `{text}`: write a time, a day or a distance such as 7d"))
        })
    });
    let since = since.transpose()?.unwrap_or(Timestamp::from_nanos(i64::MIN));
    let (money, dry_run) = (Arc::clone(&app.money), request.dry_run);
    let asked = again::Reprice { prices: money.prices(), project: app.project(), since, now, dry_run };
    let work = move |state: &state::State| {
        let last = state.read(again::last_row)?;
        let (mut sum, mut after) = (again::Repriced::default(), Some(0));
        while let Some(row) = after {
            let (mut next, mut took_off) = (sum, false);
            let batch = state.write(|tx| {
                let batch = asked.batch(tx, (row, last), &mut next)?;
                money.takes_off();
                took_off = true;
                Ok(batch)
            });
            if let Ok(batch) = &batch {
                money.book().charge(&batch.spends, now);
            }
            if took_off {
                money.landed();
            }
            (sum, after) = (next, batch?.next);
        }
        money.after_change();
        Ok(sum)
    };
    let done = app.with_state(work).await?;
    Ok(Json(Repriced {
        runs: done.runs,
        changed_runs: done.changed_runs,
        changed_calls: done.changed_calls,
        before_usd: done.before.as_f64(),
        after_usd: done.after.as_f64(),
        dry_run,
        most: done.most.map(|(trace, _)| trace),
    }))
}
