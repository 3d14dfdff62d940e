//! Budgets: `GET` and `PUT /api/v1/budgets`, and what an agent asks before and after a call.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Tenant, Usage, Usd};
use signals::money::budget::{self, Action, Budgets, CheckError, Settled, Standing, Who};
use signals::prices::Call;

use super::body;
use super::types::{
    BudgetAccount, BudgetBrake, BudgetCheck, BudgetLevel, BudgetPassed, BudgetRelease, BudgetReleased,
    BudgetReservation, BudgetSetting, BudgetSettle, BudgetSettled, BudgetVerdict, BudgetsAnswer, Problem,
};
use crate::app::App;
use crate::incident::brakes::{Asking, Brake};
use crate::money::log::Written;
use crate::money::{BUDGETS_TEXT, MoneyError, crossings, kept};

/// Seconds a reservation holds money where the caller does not say.
const HOLD_SECONDS: u64 = 600;
/// And at most.
const HOLD_SECONDS_MAX: u64 = 86_400;
/// Longest id of a reservation, in bytes.
const ID_MAX: usize = 128;
/// Accounts in one answer.
const ACCOUNTS: usize = 1_000;
/// Levels passed in one answer.
const PASSED: usize = 100;

/// The budgets.
#[utoipa::path(get, path = "/api/v1/budgets", operation_id = "getBudgets", tag = "money",
    summary = "Budgets, and how their accounts stand",
    responses((status = 200, body = BudgetsAnswer, description = "The budgets")))]
pub async fn get(State(app): State<Arc<App>>) -> Result<Json<BudgetsAnswer>, Problem> {
    let project = app.project();
    let own = Arc::clone(&project);
    let read = move |connection: &state::rusqlite::Connection| {
        Ok((kept::kept_text(connection, BUDGETS_TEXT)?, crossings::latest(connection, &own, PASSED)?))
    };
    let (text, passed) = app.with_state(move |state| state.read(read)).await?;
    let file = app.money.files().budgets.as_ref().map(|path| path.display().to_string());
    let book = app.money.book();
    let passed = passed.into_iter().map(|one| BudgetPassed {
        at: one.at,
        budget: one.budget,
        key: one.key,
        run: one.run,
        percent: one.percent,
        action: one.action,
        spent_usd: one.spent_usd,
        limit_usd: one.limit_usd,
    });
    Ok(Json(BudgetsAnswer {
        budgets: book.budgets().list.iter().map(setting).collect(),
        accounts: book.standings(Some(&project), ACCOUNTS).iter().map(account).collect(),
        passed: passed.collect(),
        open_reservations: book.open_reservations_of(&project),
        text: text.filter(|_| file.is_none()).unwrap_or_default(),
        file,
    }))
}

/// Other budgets.
#[utoipa::path(put, path = "/api/v1/budgets", operation_id = "putBudgets", tag = "money",
    summary = "Put other budgets in place",
    description = "The body is a budget file (TOML, `docs/budgets.md`); an empty one removes all budgets. Reservations stay; what was \
        spent is read from the ledger.",
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, body = BudgetsAnswer, description = "The budgets in place"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The text is wrong; the detail says where"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The budgets come from a file")))]
pub async fn put(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BudgetsAnswer>, Problem> {
    if let Some(file) = &app.money.files().budgets {
        let detail = format!("the budgets come from {}: change the file, and restart", file.display());
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", "Something else decides this", detail));
    }
    let text = body::utf8(&body)?.to_owned();
    let budgets = Budgets::parse("the body", &text).map_err(|error| Problem::bad_request(error.to_string()))?;
    let (money, now) = (Arc::clone(&app.money), app.now());
    let done = app.with_state(move |state| {
        state.write(|tx| kept::keep_text(tx, BUDGETS_TEXT, &text, now))?;
        match money.set_budgets(budgets, state, now) {
            Err(MoneyError::State(error)) => Err(error),
            // Reading the ledger fails in no other way.
            _ => Ok(()),
        }
    });
    done.await?;
    get(State(app)).await
}

/// What an agent may do next.
#[utoipa::path(post, path = "/api/v1/budgets/check", operation_id = "checkBudgets", tag = "money",
    summary = "Ask what an agent may do next",
    description = "Answers 200 with a verdict: `allow`, `downgrade` (use `model` instead) or `reject`. With `reserve` the money is held \
        until the call is settled, by its span (`tawny.reservation_id`) or by `POST /api/v1/budgets/settle`, whichever is first; so parallel \
        calls cannot pass a hard limit together. A reservation is on disk when it is answered. Ask with a time-out (250 ms is plenty), and decide \
        yourself whether no answer means yes (fail open) or no (fail closed). Where a brake holds the agent or the tool, the verdict is `reject` \
        and `brake` says what to do instead.",
    request_body = BudgetCheck,
    responses((status = 200, body = BudgetVerdict, description = "The verdict"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The question cannot be read"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The reservation exists already"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "There is no amount to reserve")))]
pub async fn check(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BudgetVerdict>, Problem> {
    // Refuses while the log is replayed: the book is not filled yet.
    app.store()?;
    let asked: BudgetCheck =
        body::json(&body, r#"{"agent": "writer", "model": "gpt-4o", "usd": 0.05, "reserve": true}"#)?;
    let (who, now, prices) = (who(&app, &asked), app.now(), app.money.prices());
    let told = |field: &str, text: &Option<String>| text.clone().map(|text| app.told(field, text));
    let (tool, version) = (told("budget.tool", &asked.tool), told("budget.version", &asked.version));
    let asking = Asking {
        project: who.project.as_deref().unwrap_or_default(),
        environment: who.environment.as_deref().unwrap_or_default(),
        agent: who.agent.as_deref(),
        tool: tool.as_deref(),
        version: version.as_deref(),
    };
    if let Some(brake) = app.brakes.stopping(&asking, now) {
        return Ok(Json(held(&brake, asked.model.clone())));
    }
    let usd = asked.usd.map(amount).transpose()?;
    let usage = Usage { input_tokens: asked.input_tokens, output_tokens: asked.max_output_tokens, ..Usage::default() };
    let price = |model: Option<&str>| {
        usd.or_else(|| prices.cost_of(&Call::from(usage), asked.provider.as_deref(), &[model?], now).usd())
    };
    let reserve = if asked.reserve { Some(reservation(&asked, now)?) } else { None };
    let (verdict, written) = {
        let mut book = app.money.book();
        let (verdict, op) = book.check(now, &who, reserve, &price).map_err(problem)?;
        // Under the lock: the log has the order of the book.
        (verdict, op.and_then(|op| app.money.log().map(|log| log.append(&op))))
    };
    app.money.after_change();
    on_disk(written).await?;
    Ok(Json(answer(verdict, who.model.as_deref())))
}

/// The real cost of a call.
#[utoipa::path(post, path = "/api/v1/budgets/settle", operation_id = "settleReservation", tag = "money",
    summary = "Say what a reserved call cost",
    description = "Not needed where the call's span names the reservation; saying both settles once.",
    request_body = BudgetSettle,
    responses((status = 200, body = BudgetSettled, description = "It is settled"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such reservation")))]
pub async fn settle(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BudgetSettled>, Problem> {
    app.store()?;
    let asked: BudgetSettle = body::json(&body, r#"{"reservation": "…", "usd": 0.03}"#)?;
    let (id, usd) = (Arc::from(asked.reservation.as_str()), amount(asked.usd)?);
    let (settled, written) = {
        let mut book = app.money.book();
        let (settled, op) = book.settle(Some(&app.project()), &id, usd, app.now());
        (settled, op.and_then(|op| app.money.log().map(|log| log.append(&op))))
    };
    app.money.after_change();
    on_disk(written).await?;
    let settled = match settled {
        Settled::Now => "now",
        Settled::Late => "late",
        Settled::Again => "again",
        Settled::Unknown => return Err(unknown(&id)),
    };
    Ok(Json(BudgetSettled { settled: settled.into() }))
}

/// No call was made.
#[utoipa::path(post, path = "/api/v1/budgets/release", operation_id = "releaseReservation", tag = "money",
    summary = "Let a reservation go: no call was made",
    request_body = BudgetRelease,
    responses((status = 200, body = BudgetReleased, description = "Whether it held money"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be read")))]
pub async fn release(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BudgetReleased>, Problem> {
    app.store()?;
    let asked: BudgetRelease = body::json(&body, r#"{"reservation": "…"}"#)?;
    let (released, written) = {
        let mut book = app.money.book();
        let (released, op) = book.release(Some(&app.project()), &Arc::from(asked.reservation.as_str()), app.now());
        (released, op.and_then(|op| app.money.log().map(|log| log.append(&op))))
    };
    on_disk(written).await?;
    Ok(Json(BudgetReleased { released }))
}

/// Whom a question is about, in the words that the content policy leaves: those its spans will have.
fn who(app: &App, asked: &BudgetCheck) -> Who {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let project = app.project();
    let environment = some(&asked.environment).unwrap_or_else(|| Tenant::DEFAULT_ENVIRONMENT.to_owned());
    let told = |field: &str, text: String| app.ingest.policy().told(&project, Some(&environment), field, text);
    let text = |field: &str, text: &Option<String>| some(text).map(|text| Arc::from(told(field, text)));
    Who {
        run: some(&asked.run).map(|run| run.to_ascii_lowercase().into()),
        session: text("budget.session", &asked.session),
        user: text("budget.user", &asked.user),
        agent: text("budget.agent", &asked.agent),
        workflow: text("budget.workflow", &asked.workflow),
        model: text("budget.model", &asked.model),
        environment: Some(told("budget.environment", environment.clone()).into()),
        project: Some(Arc::clone(&project)),
    }
}

fn reservation(asked: &BudgetCheck, now: model::Timestamp) -> Result<(Arc<str>, i64), Problem> {
    let id: Arc<str> = match &asked.reservation {
        Some(id) if id.is_empty() || id.len() > ID_MAX => {
            return Err(Problem::bad_request(format!("`reservation` must have 1 to {ID_MAX} bytes")));
        }
        Some(id) => id.as_str().into(),
        None => crate::money::new_id(now).into(),
    };
    let seconds = asked.hold_seconds.unwrap_or(HOLD_SECONDS);
    if !(1..=HOLD_SECONDS_MAX).contains(&seconds) {
        return Err(Problem::bad_request(format!("`hold_seconds` must be from 1 to {HOLD_SECONDS_MAX}")));
    }
    Ok((id, seconds.cast_signed() * 1_000_000_000))
}

fn amount(dollars: f64) -> Result<Usd, Problem> {
    let usd = Usd::from_f64(dollars).filter(|usd| *usd >= Usd::default());
    usd.ok_or_else(|| Problem::bad_request(format!("`usd` is {dollars}: give dollars, 0 or more")))
}

fn problem(error: CheckError) -> Problem {
    let detail = error.to_string();
    match error {
        CheckError::NoAmount => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-amount", "There is no amount to reserve", detail)
        }
        CheckError::Full => Problem::unavailable(detail),
        CheckError::Taken(_) => {
            Problem::new(StatusCode::CONFLICT, "conflict", "The reservation exists already", detail)
        }
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no reservation `{id}`, or it was over for more than a day"))
}

async fn on_disk(written: Option<Written>) -> Result<(), Problem> {
    match written {
        Some(written) => written.wait().await.map_err(|error| Problem::unavailable(error.to_string())),
        None => Ok(()),
    }
}

fn answer(verdict: budget::Verdict, asked: Option<&str>) -> BudgetVerdict {
    let text = |text: Arc<str>| text.to_string();
    let (word, model, message) = match verdict.action {
        None | Some(Action::Alert) => ("allow", asked.map(str::to_owned), None),
        Some(Action::Downgrade { to }) => ("downgrade", Some(text(to)), None),
        Some(Action::Reject { message }) => ("reject", asked.map(str::to_owned), message.map(text)),
    };
    BudgetVerdict {
        verdict: word.into(),
        model,
        budget: verdict.budget.map(text),
        reason: verdict.reason,
        message,
        brake: None,
        left_usd: verdict.left.map(Usd::as_f64),
        reservation: verdict.reserved.map(|made| BudgetReservation {
            id: made.id.to_string(),
            usd: made.usd.as_f64(),
            expires_at: made.expires,
        }),
        accounts: verdict.standings.iter().map(account).collect(),
    }
}

/// The verdict for whom a brake holds: nothing is asked of budgets, and nothing is reserved.
fn held(brake: &Brake, model: Option<String>) -> BudgetVerdict {
    BudgetVerdict {
        verdict: "reject".into(),
        model,
        budget: None,
        reason: brake.reason(),
        message: None,
        brake: Some(BudgetBrake {
            id: brake.id.clone(),
            action: brake.action.as_str().to_owned(),
            version: brake.version.clone(),
            until: brake.until.map(model::Timestamp::from_nanos),
        }),
        left_usd: None,
        reservation: None,
        accounts: Vec::new(),
    }
}

fn account(standing: &Standing) -> BudgetAccount {
    BudgetAccount {
        budget: standing.budget.to_string(),
        key: standing.key.to_string(),
        run: standing.run.as_ref().map(ToString::to_string),
        resets_at: standing.resets,
        limit_usd: standing.limit.as_f64(),
        spent_usd: standing.spent.as_f64(),
        provisional_usd: standing.provisional.as_f64(),
        held_usd: standing.held.as_f64(),
        left_usd: standing.left.as_f64(),
        percent: standing.percent,
    }
}

fn setting(budget: &budget::Budget) -> BudgetSetting {
    let level = |level: &budget::Level| BudgetLevel {
        percent: level.percent,
        action: level.action.as_str().into(),
        to: match &level.action {
            Action::Downgrade { to } => Some(to.to_string()),
            _ => None,
        },
    };
    BudgetSetting {
        name: budget.name.to_string(),
        per: budget.per.as_str().into(),
        over: budget.over.as_str().into(),
        limit_usd: budget.limit.as_f64(),
        hard: budget.hard,
        levels: budget.levels.iter().map(level).collect(),
    }
}
