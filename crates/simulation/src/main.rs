//! `cargo xtask sim`: many seeds, with progress and a summary.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use simulation::{Plan, fast_folder, run};

/// Seeds after which a line says how far it is.
const PROGRESS_SEEDS: u64 = 5;

/// Runs the store on a simulated machine that fails and crashes, against a plain model.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Options {
    /// How many seeds to try, one after the other; 200 unless one is named.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them; without --seeds the only one.
    #[arg(long)]
    seed: Option<u64>,
    /// Steps of the disk for each.
    #[arg(long, default_value_t = 3_000)]
    steps: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let first = options.seed.unwrap_or(1);
    let seeds = options.seeds.unwrap_or(if options.seed.is_some() { 1 } else { 200 });
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    println!(
        "The store's disk is simulated, as docs/formats/log.md assumes disks to be. Its catalog is a real file in {}.",
        fast_folder().display()
    );
    println!("seeds {first} to {}, {} steps of the disk each\n", first + seeds - 1, options.steps);
    let (mut steps, mut checks, mut starts) = (0, 0, 0);
    for seed in first..first + seeds {
        let plan = Plan { steps: options.steps, ..Plan::new(seed) };
        match run(&plan) {
            Ok(report) => {
                (steps, checks, starts) = (steps + report.steps, checks + report.checks, starts + report.starts);
                for (what, count) in report.counts.iter().map(|(what, count)| (*what, *count)).chain(report.sending) {
                    *counts.entry(what).or_default() += count;
                }
                if seeds == 1 {
                    println!("seed {seed}: {report:?}");
                } else if (seed - first + 1).is_multiple_of(PROGRESS_SEEDS) {
                    println!("{} of {seeds} seeds, {steps} steps, {starts} starts, {checks} checks", seed - first + 1);
                }
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("\nseeds {seeds}, steps of the disk {steps}, starts {starts}, comparisons with the model {checks}");
    for (what, count) in counts {
        println!("  {what:<26} {count:>10}");
    }
    println!("Nothing acknowledged was lost, doubled or changed.");
    ExitCode::SUCCESS
}
