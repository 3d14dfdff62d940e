//! Figures about money for `/metrics`, read from the state by a task now and then: a scrape must not wait for the disk.
//!
//! Labels are bounded: budgets and workflows of the files, never users, sessions or runs.

use model::Timestamp;
use signals::money::DAY;
use signals::money::forecast::{BASIS_DAYS, Forecast, forecast};
use signals::money::month_of;

use super::costs;
use crate::app::App;

/// Reads the forecast.
pub async fn forecast_of(app: &App, now: Timestamp) -> Result<Forecast, String> {
    let project = app.project();
    let from = month_of(now).min(now.plus_nanos(-(BASIS_DAYS + 1) * DAY));
    let hours = app.with_state(move |state| state.read(|connection| costs::by_hour(connection, &project, from))).await;
    hours.map(|hours| forecast(&hours, now)).map_err(|problem| problem.detail)
}

/// The families: name, type, help.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("tawny_cost_today_usd", "gauge", "Spent since the day began (UTC), as the ledger says."),
    ("tawny_cost_forecast_day_usd", "gauge", "Expected for the whole day."),
    ("tawny_cost_month_usd", "gauge", "Spent since the month began (UTC)."),
    ("tawny_cost_forecast_month_usd", "gauge", "Expected for the whole month."),
    ("tawny_budget_limit_usd", "gauge", "Limit of a budget."),
    ("tawny_budget_used_ratio", "gauge", "Spent and held of the fullest account of a budget, of its limit."),
    ("tawny_budget_full_accounts", "gauge", "Accounts of a budget that have reached its limit."),
    ("tawny_budget_reservations", "gauge", "Reservations that hold money."),
    ("tawny_budget_lost_total", "counter", "What the book of budgets could not follow: accounts, runs, levels passed."),
    ("tawny_sla_target_ratio", "gauge", "Share of runs that is to keep what a workflow promises."),
    (
        "tawny_sla_runs_total",
        "counter",
        "Settled runs held against a promise, by objective; `all` for all of them together.",
    ),
    ("tawny_sla_kept_total", "counter", "Of these, those that kept it."),
];

/// One sample: family, labels, value.
pub type Sample<'a> = (&'static str, Vec<(&'static str, String)>, f64);

/// Every family with its samples.
pub fn families(app: &App) -> Vec<(&'static str, &'static str, &'static str, Vec<Sample<'static>>)> {
    let samples = samples(app);
    let of = |name: &str| samples.iter().filter(|sample| sample.0 == name).cloned().collect::<Vec<_>>();
    FAMILIES.iter().map(|(name, kind, help)| (*name, *kind, *help, of(name))).collect()
}

fn samples(app: &App) -> Vec<Sample<'static>> {
    let mut samples = Vec::new();
    if let Some(forecast) = app.money.forecast() {
        for (name, usd) in [
            ("tawny_cost_today_usd", forecast.today),
            ("tawny_cost_forecast_day_usd", forecast.day),
            ("tawny_cost_month_usd", forecast.so_far),
            ("tawny_cost_forecast_month_usd", forecast.month),
        ] {
            samples.push((name, Vec::new(), usd.as_f64()));
        }
    }
    for promise in &app.money.promises().list {
        samples.push(("tawny_sla_target_ratio", vec![("workflow", promise.workflow.to_string())], promise.target));
    }
    for ((workflow, objective), kept) in app.money.kept() {
        let labels = vec![("workflow", workflow), ("objective", objective)];
        samples.push(("tawny_sla_runs_total", labels.clone(), kept.runs as f64));
        samples.push(("tawny_sla_kept_total", labels, kept.good as f64));
    }
    let book = app.money.book();
    let (lost, fullest) = (book.lost(), book.fullest());
    for (budget, (used, full)) in book.budgets().list.iter().zip(fullest) {
        let labels = || vec![("budget", budget.name.to_string())];
        samples.push(("tawny_budget_limit_usd", labels(), budget.limit.as_f64()));
        samples.push(("tawny_budget_used_ratio", labels(), ratio(used.as_f64(), budget.limit.as_f64())));
        samples.push(("tawny_budget_full_accounts", labels(), full as f64));
    }
    samples.push(("tawny_budget_reservations", Vec::new(), book.open_reservations() as f64));
    for (what, count) in [("accounts", lost.accounts), ("runs", lost.runs), ("levels", lost.crossings)] {
        samples.push(("tawny_budget_lost_total", vec![("what", what.to_owned())], count as f64));
    }
    samples
}

fn ratio(used: f64, limit: f64) -> f64 {
    if limit > 0.0 { used / limit } else { 1.0 }
}
