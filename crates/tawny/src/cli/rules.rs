//! Flags of commands about rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Flags of `rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// A command of `rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check rule files: YAML, PromQL, templates, repeated rules. Works without a server.
    Check(RulesCheck),
    /// Run unit tests of rules, in the files `promtool test rules` takes. Works without a server.
    Test(RulesTest),
    /// Say how often rules would have fired on stored history, for how long, and for which series.
    Backtest(RulesBacktest),
    /// Say how far a rule of the server is from firing: value now, threshold, since when.
    Explain(RulesExplain),
}

/// Flags of `rules explain`.
#[derive(Debug, Args)]
pub struct RulesExplain {
    /// Name of the alert.
    pub name: String,
    /// Server and form.
    #[command(flatten)]
    pub reading: super::Reading,
}

/// Flags of `rules backtest`.
#[derive(Debug, Args)]
pub struct RulesBacktest {
    /// A rule file; without one, --rule names a rule of the server.
    #[arg(value_name = "FILE", required_unless_present = "rule")]
    pub file: Option<PathBuf>,
    /// Only the rule with this name, with the recording rules it needs.
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Since when: a time, a day, or a distance from now.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub since: String,
    /// Until when: a time, a day, or a distance from now.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub until: String,
    /// Time between evaluations, such as 1m; without it the interval of the group, longer for a long time.
    #[arg(long, value_name = "TIME")]
    pub step: Option<String>,
    /// Times of firing to show of each rule.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5)]
    pub limit: usize,
    /// Server and form.
    #[command(flatten)]
    pub reading: super::Reading,
}

/// Flags of `rules check`.
#[derive(Debug, Args)]
pub struct RulesCheck {
    /// Rule files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave fields alone that are not known.
    #[arg(long)]
    pub ignore_unknown_fields: bool,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `rules test`.
#[derive(Debug, Args)]
pub struct RulesTest {
    /// Files with unit tests.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only tests whose name matches this regular expression; can be given several times.
    #[arg(long, value_name = "REGEX")]
    pub run: Vec<String>,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}
