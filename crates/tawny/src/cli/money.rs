//! Flags about money: of `serve`, and of the commands `costs`, `budgets`, `sla`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Reading;

/// Flags of `serve` about money.
#[derive(Debug, Clone, Args)]
pub struct MoneyFiles {
    /// File of prices of your own, above the built-in ones (docs/prices.md); repeatable.
    #[arg(long, env = "TAWNY_PRICES", value_name = "FILE", value_delimiter = ',')]
    pub prices: Vec<PathBuf>,
    /// File of budgets (docs/budgets.md).
    #[arg(long, env = "TAWNY_BUDGETS", value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    /// Where to POST that a level of a budget was passed, as JSON.
    #[arg(long, env = "TAWNY_BUDGET_HOOK", value_name = "URL")]
    pub budget_hook: Option<String>,
    /// File of service levels (docs/sla.md).
    #[arg(long, env = "TAWNY_SLA", value_name = "FILE")]
    pub sla: Option<PathBuf>,
}

impl MoneyFiles {
    /// As the server's settings have them.
    pub fn settings(&self) -> server::MoneyFiles {
        server::MoneyFiles {
            prices: self.prices.clone(),
            budgets: self.budgets.clone(),
            sla: self.sla.clone(),
            hook: self.budget_hook.clone(),
        }
    }
}

/// Flags of `costs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Costs {
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<CostsCommand>,
    /// Group by up to two of these, separated by commas: agent, workflow, tool, model, provider, version, environment, source, session,
    /// user, run.
    #[arg(long, value_name = "KEYS", default_value = "agent,model")]
    pub by: String,
    /// Over time, in steps of: hour, day, month.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Calls of this hour and later: RFC 3339, a day, or a distance from now (24h, 7d).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Calls before this hour.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only this value of a key; repeatable.
    #[arg(long = "only", value_name = "KEY=VALUE")]
    pub only: Vec<String>,
    /// Answer in comma-separated values, money in exact decimals.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// A command of `costs`.
#[derive(Debug, Subcommand)]
pub enum CostsCommand {
    /// Say what today and this month will come to.
    Forecast(Reading),
    /// List models whose tokens have no cost.
    Unpriced(Reading),
    /// Show every call of a run with what it cost, and by which price.
    Run {
        /// The run: its trace id, or the beginning of it.
        run: String,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
    /// Say what the same traffic would have cost on another model.
    WhatIf {
        /// The model.
        model: String,
        /// Calls at this time and later.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        from: String,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
    /// Price the ledger again with the prices in use. Costs that clients reported stay.
    Reprice {
        /// Runs with a call at this time or later; everything kept where left out.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
    /// Show the price of a model, or prices of your own; put a file of them in place (an empty one removes them).
    Prices {
        /// A model: the price its calls have now, built in or your own, and where it was read.
        #[arg(conflicts_with = "set")]
        model: Option<String>,
        /// Who sells it, where several do.
        #[arg(long, value_name = "NAME", requires = "model")]
        provider: Option<String>,
        /// The file.
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
}

/// Flags of `budgets`.
#[derive(Debug, Args)]
pub struct Budgets {
    /// Put this file of budgets in place (an empty one removes them all).
    #[arg(long, value_name = "FILE")]
    pub set: Option<PathBuf>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}
