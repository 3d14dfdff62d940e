//! Settings with their defaults.

mod addresses;
mod named;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dialects::Dialects;

pub use self::addresses::Addresses;

pub use crate::doors::declared::{IngestKeys, KeyError};
pub use crate::doors::oidc::{Oidc, OidcError};
pub use crate::keeping::Keeping;

/// Where UI, API and OTLP over HTTP are served by default.
pub const DEFAULT_HTTP: &str = "127.0.0.1:8296";
/// Where OTLP over HTTP is received by default (the port OpenTelemetry names).
pub const DEFAULT_OTLP_HTTP: &str = "127.0.0.1:4318";
/// Where OTLP over gRPC is received by default (the port OpenTelemetry names).
pub const DEFAULT_OTLP_GRPC: &str = "127.0.0.1:4317";
/// Where data is kept by default.
pub const DEFAULT_DATA: &str = "./tawny-data";

/// What detection goes by, from the user's files.
#[derive(Debug, Clone, Default)]
pub struct Detection {
    /// Settings of detectors.
    pub detectors: signals::detect::Settings,
    /// Outcomes and risks.
    pub outcomes: signals::detect::outcomes::Outcomes,
    /// Where answers are made vectors; `None` sends nothing anywhere.
    pub embeddings: Option<Embeddings>,
}

/// An endpoint of the form of OpenAI's `/v1/embeddings`.
#[derive(Clone)]
pub struct Embeddings {
    /// Its address, whole.
    pub url: String,
    /// The model asked for.
    pub model: String,
    /// Sent as a bearer token.
    pub key: Option<String>,
}

impl std::fmt::Debug for Embeddings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is nobody's business.
        formatter.debug_struct("Embeddings").field("url", &self.url).field("model", &self.model).finish_non_exhaustive()
    }
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory that holds all data, but for segments where these are in a bucket.
    pub data: PathBuf,
    /// Where segments are, if not in `data`.
    pub bucket: Option<store::Bucket>,
    /// How long things are kept.
    pub retention: store::Retention,
    /// Address of UI, API and OTLP over HTTP; port 0 lets the system choose.
    pub http: String,
    /// Address of OTLP over HTTP.
    pub otlp_http: String,
    /// Address of OTLP over gRPC.
    pub otlp_grpc: String,
    /// Listen on other than loopback addresses although nothing asks for credentials yet.
    pub allow_open: bool,
    /// Wait for the disk before a request is answered. Off is faster and loses what the system had not written when the machine fails.
    pub sync: bool,
    /// File with the destinations that telemetry is passed on to; `None` passes nothing on.
    pub forward: Option<PathBuf>,
    /// Open the data although segments that the catalog lists are gone; their rows stay lost.
    pub allow_missing_segments: bool,
    /// How spans are read: Tawny's dialects, and the user's renames before them.
    pub dialects: Dialects,
    /// Keys that may send telemetry, beside those in the state.
    pub ingest_keys: IngestKeys,
    /// Tokens an hour that are meant to be enough: the gauge `agent_hourly_token_budget`, for rules.
    pub hourly_token_budget: Option<u64>,
    /// Settings of detectors, declared outcomes, risks of tools.
    pub detection: Detection,
    /// What of content is kept; `None` keeps everything.
    pub policy: Option<Arc<policy::Policies>>,
    /// Which settled runs are kept; `None` keeps all.
    pub sampling: Option<Arc<policy::sampling::Sampling>>,
    /// Who else vouches for people who sign in.
    pub oidc: Option<crate::doors::oidc::Oidc>,
    /// Projects whose agents' actions are written into an audit log; `*` is all.
    pub audit_agents: Vec<String>,
    /// How long what is not telemetry is kept.
    pub keeping: Keeping,
    /// Names besides localhost that a server on a loopback address answers for.
    pub allow_hosts: Vec<String>,
    /// Origins whose pages may use the API.
    pub allow_origins: Vec<String>,
    /// Certificate and key for HTTPS and gRPC over TLS; `None` speaks plain.
    pub tls: Option<TlsFiles>,
    /// When a run counts as finished.
    pub runs: signals::runs::Settings,
    /// Rules, and where alerts go.
    pub alerts: crate::alerting::AlertSettings,
    /// Files of prices, budgets and service levels.
    pub money: crate::money::Files,
    /// What the server may use.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: DEFAULT_DATA.into(),
            bucket: None,
            retention: store::Retention::default(),
            http: DEFAULT_HTTP.into(),
            otlp_http: DEFAULT_OTLP_HTTP.into(),
            otlp_grpc: DEFAULT_OTLP_GRPC.into(),
            allow_open: false,
            sync: true,
            forward: None,
            allow_missing_segments: false,
            dialects: Dialects::builtin().clone(),
            ingest_keys: IngestKeys::default(),
            hourly_token_budget: None,
            detection: Detection::default(),
            policy: None,
            sampling: None,
            oidc: None,
            audit_agents: Vec::new(),
            keeping: Keeping::default(),
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            tls: None,
            runs: signals::runs::Settings::default(),
            alerts: crate::alerting::AlertSettings::default(),
            money: crate::money::Files::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what the server uses. Each has its row in the table of `limits.rs`, by whose name reaching it is counted and
/// shown in `/api/v1/status`; `decoders`, `flush_bytes` and `drain` are measures of work that nobody can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request after decompression. OTLP recommends 64 MiB.
    pub max_body_bytes: usize,
    /// Bytes of all requests that are being received or decoded.
    pub inflight_bytes: usize,
    /// Bytes of requests that are let in at once, from their first byte until they are kept; further ones wait for their turn.
    pub intake_bytes: usize,
    /// Requests decoded at the same time; the machine's processors by default.
    pub decoders: usize,
    /// Connections open on all ports together.
    pub connections: usize,
    /// Bytes that rows not yet in a segment may take before senders are asked to wait.
    pub hot_bytes: usize,
    /// Bytes of such rows at which they are written into files; at most a quarter of the bound above is used.
    pub flush_bytes: usize,
    /// Bytes of requests that may wait for the log.
    pub queue_bytes: usize,
    /// Bytes that running queries may hold together.
    pub query_bytes: usize,
    /// Bytes that what was said in one run may take with every text written out where it was sent, to be answered or judged at once; and
    /// that all runs which are answered so may take together.
    pub run_content_bytes: usize,
    /// Time for one list, page or summary.
    pub list_time: Duration,
    /// Time in which a search looks through texts; what it found until then is answered.
    pub search_time: Duration,
    /// Time for one query in SQL.
    pub sql_time: Duration,
    /// Bytes of a bucket's segments kept as files in the data directory.
    pub cache_bytes: u64,
    /// Files and connections the system lets the process have open at once; read from the system at start.
    pub open_files: usize,
    /// How long open requests may take to finish when the server stops.
    pub drain: Duration,
    /// How long a client may send nothing in the middle of a request.
    pub stalled: Duration,
    /// Requests a second of each key or user; `None` does not count them.
    pub requests_per_second: Option<u32>,
    /// Sets of labels of one family of metrics; further ones count under `other`.
    pub label_sets: usize,
}

/// Bytes of one request after decompression where nothing else is set; OTLP recommends this.
pub const MAX_BODY: usize = 64 << 20;
/// Bytes of rows in memory at which they are written into files where nothing else is set.
pub const FLUSH_BYTES: usize = 64 << 20;
/// Bytes of requests that may wait for the log where nothing else is set.
pub const QUEUE_BYTES: usize = 64 << 20;
/// The smallest bound of a request that lets requests through at all.
pub const MIN_BODY: usize = 1 << 10;
/// Bytes of a bucket's segments kept in the data directory where nothing else is set.
pub const DEFAULT_CACHE: u64 = 4 << 30;
/// Open files and connections the program asks the system for.
pub const OPEN_FILES_WANTED: usize = 16_384;
/// With fewer, log, catalog and segments cannot be open beside connections.
pub const MIN_OPEN_FILES: usize = 128;
/// One part of so many of the open files is for files, the rest for connections.
const OPEN_FILES_SHARE: usize = 2;
/// Share of the memory budget for rows not yet in a segment, in percent. With indexes, the allocator's room and what flushes build of
/// them they take more than twice what is counted.
const HOT_SHARE: usize = 16;
/// With less, a request of full size would wait until memory is empty.
const MIN_HOT: usize = MAX_BODY;
/// Share for queries, in percent.
const QUERY_SHARE: usize = 35;
/// Share for requests being received and decoded, in percent.
const INFLIGHT_SHARE: usize = 15;
/// Share for requests that are let in at once, in percent, as sent: decoded they are several times that, and more of them side by
/// side bring nothing but waiting for the same processors. One that is larger is let in alone.
const INTAKE_SHARE: usize = 3;
/// One part of so many is for what was said in a run, written out to be answered or judged. Understanding it takes as much again, twice.
const RUN_CONTENT_PART: usize = 8;
/// The memory budget where none is set. The rest is for caches, for runs being judged, and for the program itself.
pub const DEFAULT_MEMORY: usize = 1 << 30;
/// The smallest memory budget that leaves room for one request of full size.
pub const MIN_MEMORY: usize = 256 << 20;

impl Limits {
    /// The limits that a memory budget of `bytes` gives.
    pub fn for_memory(bytes: usize) -> Self {
        let share = |percent: usize| bytes / 100 * percent;
        let query = query::Limits::default();
        Self {
            max_body_bytes: MAX_BODY,
            inflight_bytes: share(INFLIGHT_SHARE).max(2 * MAX_BODY),
            intake_bytes: share(INTAKE_SHARE),
            decoders: std::thread::available_parallelism().map_or(2, usize::from),
            connections: 4096,
            hot_bytes: share(HOT_SHARE).max(MIN_HOT),
            flush_bytes: FLUSH_BYTES,
            queue_bytes: QUEUE_BYTES,
            query_bytes: share(QUERY_SHARE),
            run_content_bytes: bytes / RUN_CONTENT_PART,
            list_time: query.list_time,
            search_time: query.search_time,
            sql_time: query.sql.time,
            cache_bytes: DEFAULT_CACHE,
            open_files: OPEN_FILES_WANTED,
            drain: Duration::from_secs(10),
            stalled: Duration::from_secs(60),
            requests_per_second: None,
            label_sets: signals::metrics::Limits::default().label_sets,
        }
    }

    /// The same limits within what the system lets a process have open: connections leave room for files.
    #[must_use]
    pub fn with_open_files(self, open_files: usize) -> Self {
        let room = open_files.saturating_sub(open_files / OPEN_FILES_SHARE);
        Self { open_files, connections: self.connections.min(room.max(1)), ..self }
    }

    /// Whether the server can work with them.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.max_body_bytes < MIN_BODY {
            return Err(ConfigError::MaxBody { given: self.max_body_bytes });
        }
        if self.open_files < MIN_OPEN_FILES {
            return Err(ConfigError::OpenFiles { given: self.open_files });
        }
        Ok(())
    }
}

impl Limits {
    /// The same limits with another bound for one request. Memory for requests stays large enough for it, compressed and not:
    /// otherwise a request of full size would be put off for ever.
    #[must_use]
    pub fn with_max_body(self, bytes: usize) -> Self {
        Self { max_body_bytes: bytes, inflight_bytes: self.inflight_bytes.max(bytes.saturating_mul(2)), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_memory(DEFAULT_MEMORY)
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An address does not parse or resolve.
    #[error("cannot use `{address}` as the {what} address: {reason}; give host:port, for example {example}")]
    Address {
        /// Which setting.
        what: &'static str,
        /// What was given.
        address: String,
        /// What is wrong.
        reason: String,
        /// A value that works.
        example: &'static str,
    },
    /// An address is reachable from other machines and nothing protects the data.
    #[error(
        "cannot listen on {address} for {what}: other machines could read and write everything, because there is no key and no user yet. \
         Make one (`tawny keys create NAME --scope admin --project '*'`, `tawny users add NAME --role admin --project '*'`), use a loopback address (127.0.0.1), or, if \
         the network itself is trusted, set TAWNY_ALLOW_OPEN=1 (or --allow-open)"
    )]
    Open {
        /// Which setting.
        what: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// No request would fit.
    #[error(
        "cannot take requests of at most {given} bytes: set --max-body to at least {MIN_BODY} (1 KiB); the default is 64MiB"
    )]
    MaxBody {
        /// What was given.
        given: usize,
    },
    /// A limit that was named cannot be set so.
    #[error("cannot set the limit `{setting}`: {reason}")]
    Limit {
        /// What was given.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system lets the process open too few files.
    #[error(
        "cannot work with {given} open files: raise the limit to at least {MIN_OPEN_FILES} (ulimit -n, LimitNOFILE=)"
    )]
    OpenFiles {
        /// What the system allows.
        given: usize,
    },
    /// The place of the data cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A retention setting cannot be used.
    #[error(transparent)]
    Retention(#[from] store::RetentionError),
    /// The memory budget is too small to work with.
    #[error("cannot work with a memory budget of {given} bytes: give at least {MIN_MEMORY} (256 MiB)")]
    Memory {
        /// What was given.
        given: usize,
    },
}

/// Files of a certificate: PEM, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that signed it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why the place of the data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The bucket's URL or the environment is wrong.
    #[error(transparent)]
    Bucket(#[from] store::StoreError),
    /// Two directories were named.
    #[error(
        "cannot use --data-local {local} with --data {data}: --data-local is for catalog and log where --data is a bucket (s3://bucket/prefix)"
    )]
    TwoDirectories {
        /// What `--data` says.
        data: String,
        /// What `--data-local` says.
        local: String,
    },
}

/// Where data is kept: `data` is a directory or the URL of a bucket, which needs the directory `local` beside it.
pub fn place(data: &str, local: Option<&Path>) -> Result<(PathBuf, Option<store::Bucket>), PlaceError> {
    if store::Bucket::is_url(data) {
        let bucket = store::Bucket::from_url(data)?;
        return Ok((local.map_or_else(|| DEFAULT_DATA.into(), Path::to_owned), Some(bucket)));
    }
    match local {
        Some(local) => Err(PlaceError::TwoDirectories { data: data.to_owned(), local: local.display().to_string() }),
        None => Ok((data.into(), None)),
    }
}

/// Reads retention settings, each `layer=time,…` or `project:layer=time,…`.
pub fn retention(settings: &[String]) -> Result<(store::Retention, Keeping), store::RetentionError> {
    let (mut retention, mut keeping) = (store::Retention::default(), Keeping::default());
    for setting in settings {
        let (project, rules) = setting.rsplit_once(':').map_or((None, setting.as_str()), |(p, r)| (Some(p.trim()), r));
        let left = crate::keeping::take(&mut keeping, project, rules)?;
        let rules: store::RetentionRules = left.parse().map_err(crate::keeping::of_all)?;
        match project {
            Some(project) => retention.projects.entry(project.to_owned()).or_default().extend(rules),
            None => retention.default.extend(rules),
        }
    }
    Ok((retention, keeping))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_the_default_and_needs_no_permission() {
        let addresses = Settings::default().addresses().unwrap();
        assert!(addresses.http.ip().is_loopback());
        assert_eq!(addresses.http.port(), 8296);
    }

    #[test]
    fn an_address_strangers_can_reach_is_refused_with_what_to_set() {
        let settings = Settings { otlp_http: "0.0.0.0:4318".into(), ..Settings::default() };
        let addresses = settings.addresses().unwrap();
        let message = settings.check_open(&addresses, false).unwrap_err().to_string();
        assert!(message.contains("0.0.0.0:4318") && message.contains("TAWNY_ALLOW_OPEN=1"), "{message}");
        assert!(settings.check_open(&addresses, true).is_ok());
        assert!(Settings { allow_open: true, ..settings }.check_open(&addresses, false).is_ok());
    }

    #[test]
    fn a_bare_port_is_loopback() {
        let settings = Settings { http: "0".into(), otlp_http: ":0".into(), ..Settings::default() };
        let addresses = settings.addresses().unwrap();
        assert!(addresses.http.ip().is_loopback() && addresses.otlp_http.ip().is_loopback());
    }

    #[test]
    fn a_request_of_full_size_always_has_room() {
        let limits = Limits::for_memory(MIN_MEMORY);
        assert!(limits.inflight_bytes >= 2 * limits.max_body_bytes);
        let limits = limits.with_max_body(1 << 30);
        assert!(limits.inflight_bytes >= 2 * limits.max_body_bytes);
    }

    #[test]
    fn limits_that_let_nothing_through_are_refused_by_name() {
        let error = |limits: Limits| limits.check().unwrap_err().to_string();
        assert!(error(Limits::default().with_max_body(0)).contains("--max-body"));
        assert!(error(Limits::default().with_open_files(64)).contains("ulimit -n"));
        assert!(Limits::default().with_open_files(1024).connections <= 512);
        assert!(Limits::default().check().is_ok());
    }

    #[test]
    fn retention_is_read_by_layer_and_project() {
        let settings = ["spans=90d,bodies=30d".to_owned(), "shop: bodies=7d".to_owned()];
        let (retention, _) = retention(&settings).unwrap();
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        assert_eq!(retention.keep("default", store::Layer::Bodies), days(30));
        assert_eq!(retention.keep("shop", store::Layer::Bodies), days(7));
        assert_eq!(retention.keep("shop", store::Layer::Spans), days(90));
        let error = super::retention(&["shop:opinions=1d".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("opinions") && error.contains("bodies, spans, logs, samples"), "{error}");
    }

    #[test]
    fn a_local_directory_belongs_to_a_bucket() {
        let error = place("./data", Some(Path::new("./other"))).unwrap_err().to_string();
        assert!(error.contains("--data-local"), "{error}");
        assert_eq!(place("./data", None).unwrap().0, Path::new("./data"));
    }
}
