//! Flags of the commands about who may do what and what is kept: `keys`, `users`, `audit`, `policy`, and those of `serve`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use server::config::DEFAULT_DATA;

use super::Reading;

/// Where data is kept, said before or behind a command of the command.
#[derive(Debug, Clone, Args)]
pub struct Here {
    /// Directory that holds all data, or the bucket of its segments.
    #[arg(long, env = "TAWNY_DATA", value_name = "DIR|URL", default_value = DEFAULT_DATA, global = true)]
    pub data: String,
    /// Directory for catalog and log where --data is a bucket [default: ./tawny-data].
    #[arg(long, env = "TAWNY_DATA_LOCAL", value_name = "DIR", global = true)]
    pub data_local: Option<PathBuf>,
}

/// Flags of `keys`.
#[derive(Debug, Args)]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
    /// Where data is; a server may be at work there.
    #[command(flatten)]
    pub place: Here,
}

/// A command of `keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and show it, once.
    Create {
        /// What it is for.
        name: String,
        /// What it may be used for: ingest, read, write, admin; several with commas.
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
        scope: Vec<access::Scope>,
        /// Its project; `*` for all.
        #[arg(long, value_name = "NAME", default_value = model::Tenant::DEFAULT_PROJECT)]
        project: String,
    },
    /// List keys, without their secrets.
    List {
        /// Answer in JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it opens nothing any more.
    Revoke {
        /// Its id.
        id: String,
    },
    /// Make a key like another, show it, and revoke that one.
    Rotate {
        /// Its id.
        id: String,
    },
}

/// Flags of `users`.
#[derive(Debug, Args)]
pub struct Users {
    /// What to do.
    #[command(subcommand)]
    pub command: UsersCommand,
    /// Where data is; a server may be at work there.
    #[command(flatten)]
    pub place: Here,
}

/// A command of `users`.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Add a person, or give one a new password, which is asked for or read from standard input.
    Add {
        /// The name to sign in with.
        name: String,
        /// Role: viewer, responder, editor or admin.
        #[arg(long, value_name = "ROLE", default_value = "viewer")]
        role: access::Role,
        /// In which project; `*` for all.
        #[arg(long, value_name = "NAME", default_value = model::Tenant::DEFAULT_PROJECT)]
        project: String,
    },
    /// Give a person a role in a project, or take it away with `none`.
    Role {
        /// The person.
        name: String,
        /// viewer, responder, editor, admin or none.
        role: String,
        /// In which project; `*` for all.
        #[arg(long, value_name = "NAME", default_value = model::Tenant::DEFAULT_PROJECT)]
        project: String,
    },
    /// List people and their roles.
    List {
        /// Answer in JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Keep a person from signing in; their sessions end.
    Disable {
        /// The person.
        name: String,
    },
    /// Let a person sign in again.
    Enable {
        /// The person.
        name: String,
    },
    /// Remove a person; their sessions end.
    Remove {
        /// The person.
        name: String,
    },
}

/// Flags of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
    /// The log of what agents did (tawny serve --audit-agents), instead of what people did.
    #[arg(long, global = true)]
    pub agents: bool,
    /// Where data is; a server may be at work there.
    #[command(flatten)]
    pub place: Here,
}

/// A command of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Go through the chain; fails when an entry was changed or taken out, and names it.
    Verify {
        /// The head an earlier call printed: it must still be in the log.
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<String>,
    },
    /// Write the entries as lines of JSON.
    Export {
        /// Only entries after this number.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
        /// Only of this project.
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
    },
}

/// Flags of `erase`: whose data, or nothing, which lists the orders.
#[derive(Debug, Args)]
pub struct Erase {
    /// Runs of this end user.
    #[arg(long, value_name = "ID", group = "whose")]
    pub user: Option<String>,
    /// Runs of this conversation.
    #[arg(long, value_name = "ID", group = "whose")]
    pub session: Option<String>,
    /// This run.
    #[arg(long, value_name = "TRACE", group = "whose")]
    pub run: Option<String>,
    /// Wait until the last file that held it is removed.
    #[arg(long, requires = "whose")]
    pub wait: bool,
    /// Server, and how it answers.
    #[command(flatten)]
    pub reading: Reading,
}

/// Flags of `hold`.
#[derive(Debug, Args)]
pub struct Hold {
    /// What to do.
    #[command(subcommand)]
    pub command: HoldCommand,
}

/// A command of `hold`.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Keep something, or without a flag the whole project, until the hold is ended.
    Add {
        /// Runs of this end user.
        #[arg(long, value_name = "ID", group = "what")]
        user: Option<String>,
        /// Runs of this conversation.
        #[arg(long, value_name = "ID", group = "what")]
        session: Option<String>,
        /// This run.
        #[arg(long, value_name = "TRACE", group = "what")]
        run: Option<String>,
        /// Why, for those who wonder later.
        #[arg(long)]
        reason: String,
        /// Server, and how it answers.
        #[command(flatten)]
        reading: Reading,
    },
    /// List holds.
    List(Reading),
    /// End a hold.
    End {
        /// Its number.
        id: i64,
        /// Server, and how it answers.
        #[command(flatten)]
        reading: Reading,
    },
}

/// Flags of `sampling`.
#[derive(Debug, Args)]
pub struct Sampling {
    /// What to do.
    #[command(subcommand)]
    pub command: SamplingCommand,
}

/// A command of `sampling`.
#[derive(Debug, Subcommand)]
pub enum SamplingCommand {
    /// Read a file of rules as the server would, and say what is wrong and where.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Say what the rules of a file would do with the runs the server has.
    Try {
        /// The file.
        file: PathBuf,
        /// Runs since then: 7d, or a time.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        since: String,
        /// Server, and how it answers.
        #[command(flatten)]
        reading: Reading,
    },
}

/// Flags of `policy`.
#[derive(Debug, Args)]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// A command of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Read a file of policies as the server would and say what it means, or what is wrong and where.
    Check {
        /// The file.
        file: PathBuf,
        /// The key.
        #[command(flatten)]
        key: PolicyKey,
    },
    /// List the detectors and what they find.
    Detectors,
    /// Turn tokens back that a policy put in the place of values; needs the key.
    Reveal {
        /// A token as it stands in telemetry: [email~…].
        token: String,
        /// The key.
        #[command(flatten)]
        key: PolicyKey,
    },
    /// What the server's policies removed since it started.
    Report(Reading),
}

/// Where the policy's key comes from.
#[derive(Debug, Clone, Args)]
pub struct PolicyKey {
    /// File with the key for hashes, pseudonyms and tokens; or TAWNY_POLICY_KEY, the key itself.
    #[arg(long, env = "TAWNY_POLICY_KEY_FILE", value_name = "FILE")]
    pub policy_key_file: Option<PathBuf>,
}

/// Flags of `serve` about who may reach it and what is kept.
#[derive(Debug, Clone, Args)]
pub struct Trust {
    /// File that says what of content is kept, by project, environment and field (docs/policy.md).
    #[arg(long, env = "TAWNY_POLICY", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The policy's key.
    #[command(flatten)]
    pub policy_key: PolicyKey,
    /// File that says which settled runs are kept (docs/sampling.md).
    #[arg(long, env = "TAWNY_SAMPLING", value_name = "FILE")]
    pub sampling: Option<PathBuf>,
    /// Projects whose agents' actions go into an audit log of their own: prompts, arguments, results, approvals; `*` for all.
    #[arg(long = "audit-agents", env = "TAWNY_AUDIT_AGENTS", value_name = "PROJECT", value_delimiter = ',')]
    pub audit_agents: Vec<String>,
    /// File that says who else vouches for people who sign in: OpenID Connect (docs/security.md).
    #[arg(long, env = "TAWNY_OIDC", value_name = "FILE")]
    pub oidc: Option<PathBuf>,
    /// Certificate for HTTPS and gRPC over TLS: a PEM file, read again when it changes.
    #[arg(long, env = "TAWNY_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate: a PEM file.
    #[arg(long, env = "TAWNY_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Most requests a second of each key and user.
    #[arg(long, env = "TAWNY_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Name this machine is asked for by, besides localhost, while it listens on loopback only (a proxy's, say); several with commas.
    #[arg(long = "allow-host", env = "TAWNY_ALLOW_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub allow_hosts: Vec<String>,
    /// Origin whose pages may use the API: https://pages.example; several with commas.
    #[arg(long = "allow-origin", env = "TAWNY_ALLOW_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub allow_origins: Vec<String>,
}
