//! Commands: one file each.

mod backup;
mod completions;
mod demo;
mod dialects;
mod doctor;
mod export;
mod forward;
mod import;
mod logs;
mod promql;
mod restore;
mod run;
mod runs;
mod search;
mod serve;
mod sessions;
mod setup;
mod sql;
mod status;
mod store;
mod summary;
mod tail;

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
        Some(Command::Sql(args)) => sql::run(&args),
        Some(Command::Import(args)) => import::run(&args, import::Holds::Otlp),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Promql(args)) => promql::run(&args),
        Some(Command::Dialects(args)) => dialects::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Setup(args)) => setup::run(&args),
        Some(Command::Forward(args)) => forward::run(&args.command),
        Some(Command::Store(args)) => store::run(&args),
        Some(Command::Backup(args)) => backup::run(&args),
        Some(Command::Restore(args)) => restore::run(&args),
        Some(Command::Completions { shell }) => completions::run(shell),
    }
}
