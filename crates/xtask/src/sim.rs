//! `cargo xtask sim`: the long run of the simulation; a short one is among the tests.

use anyhow::Result;
use clap::Args;

use crate::{program, shell};

/// Options of `cargo xtask sim`: those of the program `simulation`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many seeds to try, one after the other; 200 unless one is named.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them; without --seeds the only one.
    #[arg(long)]
    seed: Option<u64>,
    /// Steps of the disk for each.
    #[arg(long)]
    steps: Option<u64>,
}

/// Builds the simulation and runs it.
pub fn run(options: &Options) -> Result<()> {
    program::build("dev", false)?;
    let mut arguments = Vec::new();
    for (name, value) in [("--seeds", options.seeds), ("--seed", options.seed), ("--steps", options.steps)] {
        arguments.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let simulation = crate::paths::built("dev", "simulation");
    shell::run(&mut shell::command(&simulation.to_string_lossy(), &arguments))
}
