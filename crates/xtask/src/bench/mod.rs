//! `cargo xtask bench`: figures of the release build, printed as tables with what they are compared to. One file a bench;
//! what they share is in `common.rs` (sets, a measured server, tables) and `load.rs` (sending).

mod budgets;
mod common;
mod detect;
mod ingest;
mod load;
mod promql;
mod read;
mod store;
mod ui;

use anyhow::Result;
use clap::Subcommand;

/// A bench.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// How long an agent waits for a verdict of its budgets.
    Budgets(budgets::Options),
    /// How good the detectors are, on labelled runs.
    Detect(detect::Options),
    /// What taking telemetry in costs, beside peers.
    Ingest(ingest::Options),
    /// What queries in PromQL cost, beside Prometheus.
    Promql(promql::Options),
    /// What reading costs as data grows.
    Read(read::Options),
    /// Bodies once, compaction under load, memory to serve, backup and check.
    Store(store::Options),
    /// What the interface costs in a browser.
    Ui(ui::Options),
}

/// Runs a bench.
pub fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Budgets(options) => budgets::run(options),
        Bench::Detect(options) => detect::run(options),
        Bench::Ingest(options) => ingest::run(options),
        Bench::Promql(options) => promql::run(options),
        Bench::Read(options) => read::run(options),
        Bench::Store(options) => store::run(options),
        Bench::Ui(options) => ui::run(options),
    }
}
