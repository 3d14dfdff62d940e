//! Flags of the commands about what detectors saw: `findings`, `issues`, `detectors`, `investigate`, `diff`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Reading;

/// Which findings or issues.
#[derive(Debug, Clone, Args)]
pub struct FindingFilters {
    /// From this time: RFC 3339, a day, or a distance from now (15m, 24h, 7d).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Until this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only of these detectors.
    #[arg(long, value_name = "NAME")]
    pub detector: Vec<String>,
    /// Only of these severities: info, warning, critical.
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Vec<String>,
    /// Only of these agents.
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<String>,
    /// Rows to show, up to 500.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Continue after a page: the `next` of its JSON answer.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// Flags of `findings`.
#[derive(Debug, Args)]
pub struct Findings {
    /// Instead of findings, the runs most likely to have failed without saying so, the most suspicious first.
    #[arg(long, conflicts_with_all = ["run", "issue"])]
    pub suspects: bool,
    /// Only findings of this run (its full id).
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only findings of this issue.
    #[arg(long, value_name = "FINGERPRINT")]
    pub issue: Option<String>,
    /// Which findings.
    #[command(flatten)]
    pub filters: FindingFilters,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `mark`.
#[derive(Debug, Args)]
pub struct Mark {
    /// Trace ids of the runs, or the beginnings of them.
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,
    /// They did what they should.
    #[arg(long, conflicts_with = "bad", required_unless_present = "bad")]
    pub good: bool,
    /// They did not.
    #[arg(long)]
    pub bad: bool,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `issues`.
#[derive(Debug, Args)]
pub struct Issues {
    /// Change this issue, with --state or --owner; without them, show it.
    #[arg(value_name = "FINGERPRINT")]
    pub issue: Option<String>,
    /// With an issue: its new state (open, acknowledged, resolved, muted). Without: only issues in these states (regressed too).
    #[arg(long, value_name = "STATE")]
    pub state: Vec<String>,
    /// Who looks after the issue; an empty text takes the owner away.
    #[arg(long, value_name = "NAME", requires = "issue")]
    pub owner: Option<String>,
    /// Which issues.
    #[command(flatten)]
    pub filters: FindingFilters,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `detectors`.
#[derive(Debug, Args)]
pub struct Detectors {
    /// What to do; without it, list them.
    #[command(subcommand)]
    pub command: Option<DetectorsCommand>,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// What to do with detectors.
#[derive(Debug, Subcommand)]
pub enum DetectorsCommand {
    /// Print the documentation of a detector.
    Explain {
        /// Its name.
        name: String,
    },
    /// Say what detectors see in a file of OTLP telemetry, or in a stored run. Nothing is kept.
    Test(DetectorsTest),
}

/// Flags of `detectors test`.
#[derive(Debug, Args)]
pub struct DetectorsTest {
    /// A file of OTLP as JSON lines, or the id of a stored run.
    #[arg(value_name = "FILE|RUN")]
    pub what: String,
    /// File of settings to try.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `investigate`.
#[derive(Debug, Args)]
pub struct Investigate {
    /// Trace id of the run, or the beginning of it.
    pub id: String,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Trace id of the first run, or the beginning of it.
    pub left: String,
    /// Trace id of the second run.
    pub right: String,
    /// Show steps that are the same too.
    #[arg(long)]
    pub all: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}
