//! Flags of the server.

use std::path::PathBuf;

use clap::Args;
use server::config::{DEFAULT_HTTP, DEFAULT_OTLP_GRPC, DEFAULT_OTLP_HTTP};

use super::{Alerting, MoneyFiles, Place, Trust};

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where data is.
    #[command(flatten)]
    pub place: Place,
    /// Address of UI, API and OTLP over HTTP. Port 0 lets the system choose.
    #[arg(long, env = "TAWNY_HTTP", value_name = "ADDR", default_value = DEFAULT_HTTP)]
    pub http: String,
    /// Address of OTLP over HTTP.
    #[arg(long, env = "TAWNY_OTLP_HTTP", value_name = "ADDR", default_value = DEFAULT_OTLP_HTTP)]
    pub otlp_http: String,
    /// Address of OTLP over gRPC.
    #[arg(long, env = "TAWNY_OTLP_GRPC", value_name = "ADDR", default_value = DEFAULT_OTLP_GRPC)]
    pub otlp_grpc: String,
    /// Memory budget, for example 2GiB; rows not yet in a file, queries and requests share it.
    #[arg(long, env = "TAWNY_MEMORY", value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    pub memory: usize,
    /// Memory of such rows at which they are written into files. Less makes smaller files, which are merged more often.
    #[arg(long, env = "TAWNY_FLUSH_BYTES", value_name = "BYTES", default_value = "64MiB", value_parser = bytes)]
    pub flush_bytes: usize,
    /// A limit by the name that errors and `tawny status` give it: hot_bytes_max, queue_bytes_max, inflight_bytes, intake_bytes,
    /// query_bytes, run_content_bytes (as 300MiB), list_time, search_time, sql_time (as 30s), connections, open_files, label_sets.
    /// May be given more than once.
    #[arg(long = "limit", env = "TAWNY_LIMITS", value_name = "NAME=VALUE", value_delimiter = ',')]
    pub limits: Vec<String>,
    /// Largest request after decompression.
    #[arg(long, env = "TAWNY_MAX_BODY", value_name = "BYTES", default_value = "64MiB", value_parser = bytes)]
    pub max_body: usize,
    /// How long things are kept, by layer (bodies, spans, logs, samples, scores, findings; audit and agents, the audit logs): spans=90d,bodies=30d. For one project: NAME:bodies=7d. Kept for ever where nothing is said. May be given more than once.
    #[arg(long, env = "TAWNY_RETENTION", value_name = "LAYER=TIME", value_delimiter = ';')]
    pub retention: Vec<String>,
    /// Most bytes of a bucket's segments that are kept as files in the data directory.
    #[arg(long, env = "TAWNY_CACHE", value_name = "BYTES", default_value = "4GiB", value_parser = bytes)]
    pub cache: usize,
    /// Answer requests before the disk has them: faster, but the last seconds may be lost when the machine (not just Tawny) fails.
    #[arg(long, env = "TAWNY_NO_SYNC", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_sync: bool,
    /// File with the destinations that telemetry is passed on to (docs/recipes/forward.md).
    #[arg(long, env = "TAWNY_FORWARD", value_name = "FILE")]
    pub forward: Option<PathBuf>,
    /// Start although segment files that the catalog lists are gone; their rows stay lost.
    #[arg(long, env = "TAWNY_ALLOW_MISSING_SEGMENTS", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_missing_segments: bool,
    /// Take telemetry only with one of these keys (KEY, or KEY=PROJECT), named as its client names keys: Bearer, x-api-key, Basic.
    /// Several are separated by commas.
    #[arg(
        long = "ingest-key",
        env = "TAWNY_INGEST_KEYS",
        hide_env_values = true,
        value_name = "KEY[=PROJECT]",
        value_delimiter = ','
    )]
    pub ingest_keys: Vec<String>,
    /// Who may reach it, and what is kept.
    #[command(flatten)]
    pub trust: Trust,
    /// Listen on addresses that other machines reach although nothing asks for credentials. Only on networks you trust.
    #[arg(long, env = "TAWNY_ALLOW_OPEN", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_open: bool,
    /// File of renames: attribute keys of your own and what they mean; repeatable. `tawny dialects test` tries one out.
    #[arg(long, env = "TAWNY_RENAMES", value_name = "FILE", value_delimiter = ',')]
    pub renames: Vec<PathBuf>,
    /// Tokens an hour that are meant to be enough, for rules: the gauge agent_hourly_token_budget.
    #[arg(long, env = "TAWNY_HOURLY_TOKEN_BUDGET", value_name = "TOKENS")]
    pub hourly_token_budget: Option<u64>,
    /// Rules and messages.
    #[command(flatten)]
    pub alerting: Alerting,
    /// Prices, budgets, service levels.
    #[command(flatten)]
    pub money: MoneyFiles,
    /// File of settings of detectors, by project, agent and workflow (docs/recipes/detectors.md).
    #[arg(long, env = "TAWNY_DETECTORS", value_name = "FILE")]
    pub detectors: Option<PathBuf>,
    /// File that declares outcomes of workflows and risks of tools (docs/recipes/detectors.md).
    #[arg(long, env = "TAWNY_OUTCOMES", value_name = "FILE")]
    pub outcomes: Option<PathBuf>,
    /// Endpoint that makes vectors of answers, whole, such as https://api.openai.com/v1/embeddings: drift of what answers mean is watched then.
    /// Answers are sent there as the content policy left them. Without it nothing is sent.
    #[arg(long, env = "TAWNY_EMBEDDINGS_URL", value_name = "URL", requires = "embeddings_model")]
    pub embeddings_url: Option<String>,
    /// The model that is asked for vectors.
    #[arg(long, env = "TAWNY_EMBEDDINGS_MODEL", value_name = "NAME", requires = "embeddings_url")]
    pub embeddings_model: Option<String>,
    /// Key for that endpoint, better given in the environment.
    #[arg(long, env = "TAWNY_EMBEDDINGS_KEY", value_name = "KEY", hide_env_values = true)]
    pub embeddings_key: Option<String>,
    /// Print the addresses in use as one line of JSON once the server listens.
    #[arg(long)]
    pub json: bool,
}

fn bytes(text: &str) -> Result<usize, String> {
    let bytes = model::parse_bytes(text).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "give a number of bytes, for example 1GiB or 512MiB".to_owned())
}
