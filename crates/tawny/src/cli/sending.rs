//! Flags of the commands about what is sent: `demo`, `doctor`, `setup`, `forward`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use simulator::Incident;

use super::Reading;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at what arrived in this time, for example 15m, 24h or 7d.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub since: String,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only this run (its full id).
    #[arg(long, value_name = "ID")]
    pub trace_id: Option<String>,
    /// Exit with 1 when there is a finding of severity error.
    #[arg(long)]
    pub strict: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// The framework; without it the list is shown.
    pub framework: Option<String>,
    /// Write the settings to this file instead of printing them. A file that is there is not touched.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Replace the file that is there.
    #[arg(long, requires = "write")]
    pub force: bool,
    /// Do not wait for a trace.
    #[arg(long)]
    pub no_wait: bool,
    /// Seconds to wait for a trace.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub wait: u32,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// What to do with the file of forward destinations.
#[derive(Debug, Args)]
pub struct Forward {
    /// What to do.
    #[command(subcommand)]
    pub command: ForwardCommand,
}

/// A command of `forward`.
#[derive(Debug, Subcommand)]
pub enum ForwardCommand {
    /// Read the file as the server would and say what it means, or what is wrong and where. Nothing is sent.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Runs per second, on average. Above 50: load, from prepared runs and without history.
    #[arg(long, value_name = "N", default_value_t = 0.5)]
    pub rate: f64,
    /// Seed: the same seed gives the same runs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Begin with this much history, for example 15m or 2h.
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub history: String,
    /// Stop when the runs of this much time, counted from now, are sent; without it the demo goes on until it is stopped.
    #[arg(long, value_name = "TIME")]
    pub r#for: Option<String>,
    /// Something goes wrong once the history is over: wrong-tool, outdated-document, runaway-loop, slow-tool, schema-change,
    /// retrieval-miss, context-overflow, shrinking-answers, prompt-injection, provider-outage, cost-spike or model-swap. A history of
    /// some hours lets Tawny learn first what is usual.
    #[arg(long, value_name = "NAME")]
    pub incident: Option<Incident>,
    /// Where OTLP over HTTP is received.
    #[arg(long, env = "TAWNY_URL", value_name = "URL", default_value = "http://127.0.0.1:8296")]
    pub url: String,
}
