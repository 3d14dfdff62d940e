//! Commands: one file each.

mod alerts;
mod audit;
mod backup;
mod brake;
mod budgets;
mod changes;
mod completions;
mod costs;
mod demo;
mod detectors;
mod dialects;
mod diff;
mod doctor;
mod erase;
mod export;
mod findings;
mod forward;
mod hold;
mod import;
mod investigate;
mod issues;
mod keys;
mod logs;
mod mark;
mod metrics;
mod policy;
mod promql;
mod query;
mod restore;
mod rules;
mod run;
mod runs;
mod sampling;
mod search;
mod serve;
mod sessions;
mod setup;
mod sla;
mod sql;
mod status;
mod store;
mod summary;
mod tail;
mod told;
mod users;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Runs(args)) => runs::run(&args),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Tail(args)) => tail::run(&args),
        Some(Command::Sessions(args)) => sessions::run(&args),
        Some(Command::Summary(args)) => summary::run(&args),
        Some(Command::Search(args)) => search::run(&args),
        Some(Command::Logs(args)) => logs::run(&args),
        Some(Command::Costs(args)) => costs::run(&args),
        Some(Command::Budgets(args)) => budgets::run(&args),
        Some(Command::Brake(args)) => brake::run(&args),
        Some(Command::Changes(args)) => changes::run(&args),
        Some(Command::Sla(args)) => sla::run(&args),
        Some(Command::Findings(args)) => findings::run(&args),
        Some(Command::Mark(args)) => mark::run(&args),
        Some(Command::Issues(args)) => issues::run(&args),
        Some(Command::Detectors(args)) => detectors::run(&args),
        Some(Command::Investigate(args)) => investigate::run(&args),
        Some(Command::Diff(args)) => diff::run(&args),
        Some(Command::Sql(args)) => sql::run(&args),
        Some(Command::Import(args)) => import::run(&args, import::Holds::Otlp),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Query(args)) => query::run(&args),
        Some(Command::Alerts(args)) => alerts::run(&args),
        Some(Command::Promql(args)) => promql::run(&args),
        Some(Command::Rules(args)) => rules::run(&args),
        Some(Command::Dialects(args)) => dialects::run(&args),
        Some(Command::Metrics(args)) => metrics::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Setup(args)) => setup::run(&args),
        Some(Command::Forward(args)) => forward::run(&args.command),
        Some(Command::Store(args)) => store::run(&args),
        Some(Command::Backup(args)) => backup::run(&args),
        Some(Command::Restore(args)) => restore::run(&args),
        Some(Command::Keys(args)) => keys::run(&args),
        Some(Command::Users(args)) => users::run(&args),
        Some(Command::Audit(args)) => audit::run(&args),
        Some(Command::Erase(args)) => erase::run(&args),
        Some(Command::Hold(args)) => hold::run(&args.command),
        Some(Command::Sampling(args)) => sampling::run(&args.command),
        Some(Command::Policy(args)) => policy::run(&args.command),
        Some(Command::Completions { shell }) => completions::run(shell),
    }
}
