//! `tawny budgets`: limits, and how much of them is used.

use std::process::ExitCode;

use anyhow::{Context, Result};
use server::api::types::BudgetsAnswer;

use crate::cli;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, dollars, faint};

/// Shows budgets, or puts a file in place first.
pub fn run(args: &cli::Budgets) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let text = match &args.set {
        Some(path) => {
            let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            client.put("/api/v1/budgets", "application/toml", &file)?
        }
        None => client.text("/api/v1/budgets")?,
    };
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: BudgetsAnswer = parse(&text)?;
    show::out(&page(&answer))?;
    Ok(ExitCode::SUCCESS)
}

fn page(answer: &BudgetsAnswer) -> String {
    if answer.budgets.is_empty() {
        return "No budgets. `tawny budgets --set FILE` puts some in place (docs/budgets.md).\n".into();
    }
    let mut table = show::table(&["BUDGET", "LIMIT", "PER", "OVER", "", "LEVELS"]);
    for budget in &answer.budgets {
        let levels = budget.levels.iter().map(|level| match &level.to {
            Some(to) => format!("{} % {} to {}", level.percent, level.action, style::printable(to)),
            None => format!("{} % {}", level.percent, level.action),
        });
        table.add_row(vec![
            show::cell(style::printable(&budget.name)),
            show::figure(dollars(Some(budget.limit_usd))),
            show::cell(&budget.per),
            show::cell(&budget.over),
            show::cell(if budget.hard { "hard" } else { "soft" }),
            show::cell(levels.collect::<Vec<_>>().join(", ")),
        ]);
    }
    let mut out = show::render(&mut table);
    if !answer.accounts.is_empty() {
        let mut table = show::table(&["BUDGET", "ACCOUNT", "USED", "SPENT", "HELD", "LEFT", "RESETS"]);
        for account in answer.accounts.iter().take(50) {
            table.add_row(vec![
                show::cell(style::printable(&account.budget)),
                show::cell(style::clip(&style::printable(&account.key), 36)),
                show::figure(format!("{} %", account.percent)),
                show::figure(dollars(Some(account.spent_usd))),
                show::figure(dollars(Some(account.held_usd))),
                show::figure(dollars(Some(account.left_usd))),
                show::cell(account.resets_at.map(show::local).unwrap_or_default()),
            ]);
        }
        out.push('\n');
        out.push_str(&show::render(&mut table));
    }
    for passed in answer.passed.iter().take(10) {
        out.push_str(&format!(
            "{} {} of `{}` passed {} %: {} of {} ({})\n",
            faint(&show::local(passed.at)),
            style::printable(&passed.key),
            style::printable(&passed.budget),
            passed.percent,
            dollars(Some(passed.spent_usd)),
            dollars(Some(passed.limit_usd)),
            passed.action,
        ));
    }
    out
}
