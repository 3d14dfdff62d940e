//! `cargo xtask kill`: the long kill campaign; a short one is among the end-to-end tests.

use anyhow::{Result, bail};
use clap::Args;

use crate::{program, python, shell};

/// Options of `cargo xtask kill`.
#[derive(Debug, Args)]
pub struct Options {
    /// How often the program is killed.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Clients that send at the same time.
    #[arg(long, default_value_t = 4)]
    clients: u32,
    /// Decides what is sent and when the program is killed; what happens in between is up to the machine.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Keep segments in a bucket of a server of S3 (`TAWNY_TEST_S3`, else Ceph where it is installed).
    #[arg(long)]
    s3: bool,
    /// Cargo profile of the program.
    #[arg(long, default_value = "dev")]
    profile: String,
}

/// Builds the program and runs the campaign.
pub fn run(options: &Options) -> Result<()> {
    let python = match python::environment("python", "e2e/requirements.txt") {
        Ok(python) => python,
        Err(why) => bail!("clients need Python: {why}"),
    };
    let program = program::build(&options.profile, false)?;
    let mut command = shell::command(&python.to_string_lossy(), &["-B", "-u", "e2e/kill.py"]);
    for (name, value) in [("--kills", options.kills), ("--clients", options.clients), ("--seed", options.seed)] {
        command.args([name, &value.to_string()]);
    }
    if options.s3 {
        command.arg("--s3");
    }
    shell::run(command.env("TAWNY_BIN", program))
}
