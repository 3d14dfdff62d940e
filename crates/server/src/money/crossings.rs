//! Levels of budgets that were passed: kept, and posted to the hook.
//!
//! A crossing is written to the state first and posted from there until the receiver takes it, so it is posted at least once; its
//! `id` tells a repetition. A run whose budget turns calls down is named, so that the receiver can stop it.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use signals::money::budget::{Announced, Crossing};
use state::rusqlite::{self, Connection, Transaction, params};

use super::figures;
use super::kept::{pico, usd};
use crate::app::App;

/// How often passed levels are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How often accounts of periods that are over are forgotten, in ticks.
const TIDY_TICKS: u32 = 60;
/// How often the forecast for `/metrics` is read, in ticks.
const FIGURES_TICKS: u32 = 10;
/// Time for the receiver to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Pause after the receiver did not take one.
const PAUSE: Duration = Duration::from_secs(15);
/// Crossings kept; older ones go.
pub const CROSSINGS_MAX: i64 = 10_000;
/// Crossings posted in one go.
const POSTS: usize = 100;

/// The action of a crossing that tells of a call that was turned down, before the limit itself was passed.
pub const TURNED_DOWN: &str = "turned_down";

/// A level that was passed, as it is kept and posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// Grows by one with each.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The budget.
    pub budget: String,
    /// Whose account.
    pub key: String,
    /// Project.
    pub project: Option<String>,
    /// Run whose spending passed it.
    pub run: Option<String>,
    /// The level, in percent of the limit.
    pub percent: i64,
    /// `alert`, `downgrade` or `reject`; [`TURNED_DOWN`] where a call was turned down and nothing was passed yet.
    pub action: String,
    /// The limit in dollars.
    pub limit_usd: f64,
    /// Spent in dollars when it was passed.
    pub spent_usd: f64,
}

/// Announces passed levels, lets reservations expire, forgets what is over; ends when the store does.
pub async fn run(app: Arc<App>) {
    let client = app.money.files().hook.as_ref().and_then(|_| client());
    let mut ticks: u32 = 0;
    loop {
        if ticks.is_multiple_of(FIGURES_TICKS) {
            match figures::forecast_of(&app, app.now()).await {
                Ok(forecast) => app.money.set_forecast(forecast),
                Err(error) => tracing::error!(%error, "the forecast of costs cannot be read"),
            }
        }
        tokio::time::sleep(TICK).await;
        ticks = ticks.wrapping_add(1);
        {
            let (mut book, now) = (app.money.book(), app.now());
            if ticks.is_multiple_of(TIDY_TICKS) { book.tidy(now) } else { book.expire(now) }
        }
        app.money.after_change();
        if let Err(error) = keep(&app).await {
            tracing::error!(%error, "passed budget levels cannot be kept");
            app.troubles.set("budgets", Some(format!("passed budget levels cannot be kept: {error}")));
            continue;
        }
        let posted = match (&app.money.files().hook, &client) {
            (Some(url), Some(client)) => post(&app, client, url).await,
            _ => Ok(()),
        };
        let failed = posted.is_err();
        app.troubles
            .set("budgets", posted.err().map(|error| format!("passed budget levels cannot be posted: {error}")));
        if failed {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn client() -> Option<reqwest::Client> {
    let agent = concat!("tawny/", env!("CARGO_PKG_VERSION"));
    let builder = reqwest::Client::builder().user_agent(agent).timeout(ANSWER).no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().ok()
}

async fn keep(app: &App) -> Result<(), String> {
    let passed = app.money.take_waiting();
    if passed.is_empty() {
        return Ok(());
    }
    let unsent = app.money.files().hook.is_some();
    let kept = passed.clone();
    let done = app.with_state(move |state| state.write(|tx| insert(tx, &kept, unsent))).await;
    done.map_err(|problem| {
        app.money.put_back(passed);
        problem.detail
    })
}

fn insert(tx: &Transaction<'_>, passed: &[Crossing], unsent: bool) -> rusqlite::Result<()> {
    for one in passed {
        let standing = &one.standing;
        tx.prepare_cached(
            "INSERT INTO money_crossings (at, budget, key, project, run, percent, action, limit_pico, spent_pico, sent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            one.at.as_nanos(),
            standing.budget,
            standing.key,
            standing.project,
            one.run,
            one.level.percent,
            if one.turned_down { TURNED_DOWN } else { one.level.action.as_str() },
            pico(standing.limit),
            pico(standing.spent),
            !unsent,
        ])?;
    }
    tx.execute("DELETE FROM money_crossings WHERE id <= (SELECT max(id) FROM money_crossings) - ?1", [CROSSINGS_MAX])
        .map(drop)
}

/// Levels passed that are to be posted, oldest first, at most `most`.
fn unsent(connection: &Connection, most: usize) -> rusqlite::Result<Vec<Passed>> {
    select(connection, "sent = 0 ORDER BY id", (), most)
}

/// The latest levels passed in a project, newest first, at most `most`.
pub fn latest(connection: &Connection, project: &str, most: usize) -> rusqlite::Result<Vec<Passed>> {
    select(connection, "project = ?1 ORDER BY id DESC", (project,), most)
}

/// Levels passed since a time.
pub fn since(connection: &Connection, at: Timestamp) -> rusqlite::Result<Vec<Passed>> {
    select(connection, "at >= ?1 ORDER BY id", (at.as_nanos(),), CROSSINGS_MAX as usize)
}

fn select(
    connection: &Connection,
    which: &str,
    values: impl rusqlite::Params,
    most: usize,
) -> rusqlite::Result<Vec<Passed>> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT id, at, budget, key, project, run, percent, action, limit_pico, spent_pico FROM money_crossings WHERE {which} LIMIT {most}"
    ))?;
    let rows = query.query_map(values, |row| {
        Ok(Passed {
            id: row.get(0)?,
            at: Timestamp::from_nanos(row.get(1)?),
            budget: row.get(2)?,
            key: row.get(3)?,
            project: row.get(4)?,
            run: row.get(5)?,
            percent: row.get(6)?,
            action: row.get(7)?,
            limit_usd: usd(row.get(8)?).as_f64(),
            spent_usd: usd(row.get(9)?).as_f64(),
        })
    })?;
    rows.collect()
}

impl Passed {
    /// As the book takes it after a restart.
    pub fn announced(&self) -> Announced<'_> {
        Announced {
            budget: &self.budget,
            project: self.project.as_deref(),
            key: &self.key,
            run: self.run.as_deref(),
            percent: u8::try_from(self.percent).unwrap_or(u8::MAX),
            turned_down: self.action == TURNED_DOWN,
            at: self.at,
        }
    }
}

async fn post(app: &App, client: &reqwest::Client, url: &str) -> Result<(), String> {
    let waiting = app.with_state(|state| state.read(|connection| unsent(connection, POSTS))).await;
    for passed in waiting.map_err(|problem| problem.detail)? {
        let body = serde_json::to_vec(&passed).unwrap_or_default();
        let posting = client.post(url).header("content-type", "application/json").body(body).send().await;
        let status = posting.map_err(|error| error.without_url().to_string())?.status();
        if !status.is_success() {
            return Err(format!("the receiver answers {status}"));
        }
        let id = passed.id;
        let done = app.with_state(move |state| {
            state.write(|tx| tx.execute("UPDATE money_crossings SET sent = 1 WHERE id = ?1", [id]).map(drop))
        });
        done.await.map_err(|problem| problem.detail)?;
    }
    Ok(())
}
