//! Flags of `brake` and `changes`.

use clap::{Args, Subcommand};

use super::Reading;

/// Flags of `brake`.
#[derive(Debug, Args)]
pub struct Brake {
    /// What to do; without it, brakes in force are listed.
    #[command(subcommand)]
    pub command: Option<BrakeCommand>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// A command of `brake`.
#[derive(Debug, Subcommand)]
pub enum BrakeCommand {
    /// Hold an agent, or its calls of a tool.
    Hold(BrakeOn),
    /// Let people take over from an agent.
    Human(BrakeOn),
    /// Keep an agent on the version before.
    Previous(BrakeOn),
    /// Take a brake off.
    Off {
        /// Which brake: its id, as the list shows it.
        id: String,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
}

/// Flags of a brake to put on.
#[derive(Debug, Args)]
pub struct BrakeOn {
    /// Whom to hold.
    #[arg(long, value_name = "NAME", required_unless_present = "tool")]
    pub agent: Option<String>,
    /// Which tool's calls to hold.
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only in this environment.
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The version to use, for `previous`; the one seen before the newest where left out.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Why; agents are told.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// For how long (2h, 7d); until it is taken off where left out.
    #[arg(long = "for", value_name = "TIME")]
    pub length: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `changes`.
#[derive(Debug, Args)]
pub struct Changes {
    /// What to do; without it, changes are listed.
    #[command(subcommand)]
    pub command: Option<ChangesCommand>,
    /// At this time and later: RFC 3339, a day, or a distance from now (24h, 7d).
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub from: String,
    /// Of this agent, and those that concern all.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// A command of `changes`.
#[derive(Debug, Subcommand)]
pub enum ChangesCommand {
    /// Tell of a change, from a pipeline say.
    Tell {
        /// deploy, model, prompt, tool_schema, index_version or config.
        kind: String,
        /// What changed, in words.
        title: String,
        /// Names the change; telling of it again replaces it.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Of which agent.
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// Where.
        #[arg(long, value_name = "NAME")]
        environment: Option<String>,
        /// What it is since then.
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        /// Where to read more.
        #[arg(long, value_name = "URL")]
        link: Option<String>,
        /// Server and form.
        #[command(flatten)]
        reading: Reading,
    },
}
