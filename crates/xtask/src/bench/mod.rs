//! `cargo xtask bench`: figures of the release build, printed as tables with what they are compared to. One file a bench.

mod ingest;

use anyhow::Result;
use clap::Subcommand;

/// A bench.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// How fast telemetry is taken in.
    Ingest(ingest::Options),
}

/// Runs a bench.
pub fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Ingest(options) => ingest::run(options),
    }
}
