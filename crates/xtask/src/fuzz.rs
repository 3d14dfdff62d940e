//! `cargo xtask fuzz`: the tests that change requests, for as long as somebody wants, each round with other changes.
//!
//! They need no nightly toolchain and no sanitizer, which safe code does not need to find a panic. What is found is written where the
//! test keeps its regressions, and tried first from then on. Targets guided by coverage are in `fuzz/`.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::shell;

/// Inputs of one round; after each it is looked at the clock.
const ROUND: u32 = 20_000;

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub struct Options {
    /// How long.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
}

/// Tests that change requests: package and name.
const TESTS: &[(&str, &str)] =
    &[("wire", "changed"), ("receivers", "properties"), ("promql", "properties"), ("policy", "properties")];

/// Runs rounds until the time is over.
#[allow(clippy::disallowed_methods, reason = "a command of the repository asks the real clock how long it has worked")]
pub fn run(options: &Options) -> Result<()> {
    let (begun, most) = (Instant::now(), Duration::from_secs(options.minutes * 60));
    for round in 1u32.. {
        for (package, test) in TESTS {
            let mut command = shell::cargo(&["test", "--release", "--quiet", "--package", package, "--test", test]);
            command.env("TAWNY_FUZZ_CASES", ROUND.to_string()).env("PROPTEST_CASES", ROUND.to_string());
            shell::run(&mut command)?;
            if begun.elapsed() >= most {
                println!("{round} rounds of {ROUND} inputs a test: no panic");
                return Ok(());
            }
        }
    }
    Ok(())
}
