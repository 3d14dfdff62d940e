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
