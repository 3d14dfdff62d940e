//! Tawny: the night watch for AI agents. Server and command line in one program; one file per command in `commands/`.

mod cli;
mod client;
mod commands;
mod filters;
mod memory;
mod show;
mod style;
mod tls;
mod wait;

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// Telemetry is many small allocations on many threads, which is where this allocator beats the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::give_back_soon();
    let cli = cli::Cli::parse();
    style::choose(cli.color);
    client::use_credentials(cli.key.clone(), cli.in_project.clone());
    tls::trust(cli.ca.clone());
    match commands::run(cli) {
        Ok(code) => code,
        // The reader of a pipe had enough (`tawny runs | head`): that is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", style::error_label());
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
