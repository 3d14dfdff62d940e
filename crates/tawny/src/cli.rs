//! Commands and flags.

mod alerting;
mod findings;
mod incident;
mod money;
mod rules;
mod sending;
mod series;
mod serve;
mod trust;
mod upkeep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::filters::RunFilters;
pub use alerting::{
    Alerting, Alerts, AlertsAck, AlertsCommand, AlertsHistory, AlertsReview, AlertsShow, AlertsSilence,
};
pub use findings::{
    Detectors, DetectorsCommand, DetectorsTest, Diff, FindingFilters, Findings, Investigate, Issues, Mark,
};
pub use incident::{Brake, BrakeCommand, BrakeOn, Changes, ChangesCommand};
pub use money::{Budgets, Costs, CostsCommand, MoneyFiles};
pub use rules::{Rules, RulesBacktest, RulesCheck, RulesCommand, RulesExplain, RulesTest};
pub use sending::{Demo, Doctor, Forward, ForwardCommand, Setup};
pub use series::Query;
pub use serve::Serve;
pub use trust::{
    Audit, AuditCommand, Erase, Here, Hold, HoldCommand, Keys, KeysCommand, Policy, PolicyCommand, PolicyKey, Sampling,
    SamplingCommand, Trust, Users, UsersCommand,
};
pub use upkeep::{Backup, Place, Rebuild, Restore, Source, Store, StoreCommand};

/// The night watch for AI agents.
///
/// Takes in OpenTelemetry from AI agents and says what every run did, what it cost and why it went wrong. Without a command it starts the server.
#[derive(Debug, Parser)]
#[command(name = "tawny", version, about, max_term_width = 110, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without it: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `serve`, which runs when no command is given.
    #[command(flatten)]
    pub serve: Serve,
    /// Key to ask a server with that asks for one.
    #[arg(long, global = true, env = "TAWNY_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: Option<String>,
    /// Project to ask about, where the key is for several.
    #[arg(long = "in-project", global = true, env = "TAWNY_PROJECT", value_name = "NAME")]
    pub in_project: Option<String>,
    /// Certificates (PEM) to trust beside the system's, where the server speaks TLS with one of your own.
    #[arg(long, global = true, env = "TAWNY_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A command.
// There is one for each start of the program.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server.
    Serve(Serve),
    /// List runs.
    Runs(Runs),
    /// Show one run: its steps as a tree, with durations, tokens and cost.
    Run(Run),
    /// Watch runs as they change.
    Tail(Tail),
    /// List sessions (runs that share a conversation id).
    Sessions(Sessions),
    /// Active runs, totals, and the runs that completed last.
    Summary(Summary),
    /// Find runs by what was said in them, and the steps that say it.
    Search(Search),
    /// List log records, or send some (`tawny logs import`).
    Logs(Logs),
    /// Show what was spent, by whom; forecast it, price it again, compare it with another model.
    Costs(Costs),
    /// Show budgets and how much of them is used, or put others in place.
    Budgets(Budgets),
    /// Hold an agent or a tool, let people take over, or keep to the version before.
    Brake(Brake),
    /// List what changed in agents and around them, or tell of a change.
    Changes(Changes),
    /// Show what workflows promise, and how they keep it.
    Sla(Reading),
    /// List what detectors saw in runs.
    Findings(Findings),
    /// Mark runs as known to be good, or as not good: runs of their kind are compared with good ones.
    Mark(Mark),
    /// List issues (findings of the same failure), or change one.
    Issues(Issues),
    /// List detectors, explain one, or try them on a file or a run.
    Detectors(Detectors),
    /// Explain a run in one page: what failed, what was seen, where it leaves what such runs do.
    Investigate(Investigate),
    /// Compare two runs step by step.
    Diff(Diff),
    /// Ask a question in SQL (read-only; `tawny sql --schema` lists the views).
    Sql(Sql),
    /// Send recorded telemetry to the server: OTLP as JSON lines or protobuf, plain or compressed with gzip or zstd.
    Import(Import),
    /// Write runs as OTLP/JSON lines.
    Export(Export),
    /// Send simulated agent runs to the server.
    Demo(Demo),
    /// Ask a question in PromQL.
    Query(Query),
    /// Show what fires; silence, acknowledge, review.
    Alerts(Alerts),
    /// Work with PromQL.
    Promql(Promql),
    /// Check and test alert rules before they page somebody.
    Rules(Rules),
    /// Look at how telemetry is understood, and try out renames of your own.
    Dialects(Dialects),
    /// List the families of metrics: what each means, its unit, how many series it has.
    Metrics(Metrics),
    /// Show state, counts and limits of the server.
    Status(Reading),
    /// Say what is wrong with the instrumentation of what arrived, and what to change.
    Doctor(Doctor),
    /// Print the settings for a framework, then wait until a trace has arrived and say what it holds.
    Setup(Setup),
    /// Work with the file of forward destinations.
    Forward(Forward),
    /// Look at the data itself: what it holds, whether it is whole; make its catalog again.
    Store(Store),
    /// Copy everything, from a server at work or from its directory.
    Backup(Backup),
    /// Put a backup back.
    Restore(Restore),
    /// Keys for programs: make, list, revoke, rotate.
    Keys(Keys),
    /// People who may sign in, and their roles.
    Users(Users),
    /// The log of who did what: verify it, export it.
    Audit(Audit),
    /// Erase what is kept of a user, a session or a run, and prove it by a search.
    Erase(Erase),
    /// Legal holds: what neither retention nor erasing nor sampling may touch.
    Hold(Hold),
    /// Which settled runs are kept: check a file of rules, try it on history.
    Sampling(Sampling),
    /// What of content is kept: check the file, see what was removed, turn tokens back.
    Policy(Policy),
    /// Write a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Which server to ask, and in which form to answer.
#[derive(Debug, Clone, Args)]
pub struct Reading {
    /// Where the server is.
    #[arg(long, env = "TAWNY_URL", value_name = "URL", default_value = "http://127.0.0.1:8296")]
    pub url: String,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    /// Which runs.
    #[command(flatten)]
    pub filters: RunFilters,
    /// Order: started_at, duration_ms, total_tokens, cost_usd, errors, steps or llm_calls; a `-` in front turns it round.
    #[arg(long, value_name = "KEY", default_value = "-started_at", allow_hyphen_values = true)]
    pub sort: String,
    /// Runs to show, up to 500.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Continue after a page: the `next` of its JSON answer.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Count values of these, separated by commas: agent, service, model, tool, status, environment, workflow, version, user, tag.
    #[arg(long, value_name = "KEYS")]
    pub facets: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Trace id, or enough of its beginning to be unique; or the execution, workflow or request that its log records name.
    pub id: String,
    /// Show what was said: messages, tool arguments and results.
    #[arg(long, short = 'c')]
    pub content: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// Only runs of these agents.
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<String>,
    /// Only runs of these services.
    #[arg(long, value_name = "NAME")]
    pub service: Vec<String>,
    /// Only runs with a failed step.
    #[arg(long)]
    pub errors: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `sessions`.
#[derive(Debug, Args)]
pub struct Sessions {
    /// Which runs.
    #[command(flatten)]
    pub filters: RunFilters,
    /// Order: last_at, duration_ms, total_tokens, cost_usd, errors or runs; a `-` in front turns it round.
    #[arg(long, value_name = "KEY", default_value = "-last_at", allow_hyphen_values = true)]
    pub sort: String,
    /// Sessions to show, up to 500.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Continue after a page: the `next` of its JSON answer.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `summary`.
#[derive(Debug, Args)]
pub struct Summary {
    /// Which runs.
    #[command(flatten)]
    pub filters: RunFilters,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Only families with this in their name, one of their other names, or what they say.
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// The text, in messages, tool arguments and results, other attributes or log records; case is ignored.
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// Which runs.
    #[command(flatten)]
    pub filters: RunFilters,
    /// Runs to show, up to 500.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Continue after a page: the `next` of its JSON answer.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `logs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Logs {
    /// What else to do with log records.
    #[command(subcommand)]
    pub command: Option<LogsCommand>,
    /// From this time: RFC 3339, a day, or a distance from now (15m, 24h, 7d).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Until this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Text in body, attributes, event name or service.
    #[arg(long, short = 'q', value_name = "TEXT")]
    pub q: Option<String>,
    /// Only records of this run (its full id).
    #[arg(long, value_name = "ID")]
    pub trace_id: Option<String>,
    /// Only records of this step (its full id).
    #[arg(long, value_name = "ID")]
    pub span_id: Option<String>,
    /// Lowest severity: trace, debug, info, warn, error, fatal, or 1 to 24.
    #[arg(long, value_name = "LEVEL")]
    pub severity: Option<String>,
    /// Only records of these events.
    #[arg(long, value_name = "NAME")]
    pub event: Vec<String>,
    /// Only records of runs in which one of these agents works.
    #[arg(long, value_name = "NAME")]
    pub agent: Vec<String>,
    /// Only records with this attribute; repeated, all must hold.
    #[arg(long, value_name = "KEY=VALUE")]
    pub attr: Vec<String>,
    /// Only records of these services.
    #[arg(long, value_name = "NAME")]
    pub service: Vec<String>,
    /// Records to show, up to 500.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Continue after a page: the `next` of its JSON answer.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// What else to do with log records.
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// Send log records to the server: JSON lines, plain or compressed with gzip or zstd.
    Import(Import),
}

/// Flags of `sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// The statement; `-` reads it from standard input.
    #[arg(required_unless_present = "schema")]
    pub query: Option<String>,
    /// List the views and their columns.
    #[arg(long)]
    pub schema: bool,
    /// Rows to answer with at most.
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,
    /// Answer in comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// What to do with dialects.
#[derive(Debug, Args)]
pub struct Dialects {
    /// What to do.
    #[command(subcommand)]
    pub command: DialectsCommand,
}

/// What to do with dialects.
#[derive(Debug, Subcommand)]
pub enum DialectsCommand {
    /// List the ways of writing agent telemetry that Tawny reads, the most specific first.
    List {
        /// Answer in JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Say what a file of renames would change in spans that are stored, field by field.
    Test(DialectsTest),
    /// Say how the spans in a file are understood. The file is OTLP/JSON: one request, or one a line.
    Try {
        /// The file; `-` reads standard input.
        file: PathBuf,
        /// File of renames to use; repeatable.
        #[arg(long, value_name = "FILE")]
        renames: Vec<PathBuf>,
        /// Answer in JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
}

/// Flags of `dialects test`.
#[derive(Debug, Args)]
pub struct DialectsTest {
    /// The file of renames.
    pub file: PathBuf,
    /// Look at runs that started this long ago or later.
    #[arg(long, value_name = "TIME", default_value = "1h", conflicts_with = "run")]
    pub since: String,
    /// Look at one run only (its full id).
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Spans to look at, at most.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100_000)]
    pub limit: u64,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// What to do with PromQL.
#[derive(Debug, Args)]
pub struct Promql {
    /// What to do.
    #[command(subcommand)]
    pub command: PromqlCommand,
}

/// A command of `promql`.
#[derive(Debug, Subcommand)]
pub enum PromqlCommand {
    /// Run test scripts in Prometheus' own format; says what passed, what failed, and where.
    Test(PromqlTest),
}

/// Flags of `promql test`.
#[derive(Debug, Args)]
pub struct PromqlTest {
    /// Scripts.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Requests under way at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,
    /// Stop at the first request that is refused.
    #[arg(long)]
    pub strict: bool,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which runs.
    #[command(flatten)]
    pub filters: RunFilters,
    /// File to write; compressed when its name ends in .zst or .gz. Standard output when not given.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where the server is.
    #[arg(long, env = "TAWNY_URL", value_name = "URL", default_value = "http://127.0.0.1:8296")]
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_serve_with_its_flags() {
        let cli = Cli::parse_from(["tawny", "--http", "127.0.0.1:0", "--memory", "2GiB"]);
        assert!(cli.command.is_none());
        assert_eq!((cli.serve.http.as_str(), cli.serve.memory), ("127.0.0.1:0", 2 << 30));
    }
}
