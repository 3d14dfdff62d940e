//! `tawny completions SHELL`: a script that completes commands and flags.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::show;

/// Writes the script.
pub fn run(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tawny", &mut script);
    show::out(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
