//! The server: receivers, API, live updates, background tasks, pages.
//!
//! [`start`] opens the ports at once and the store behind them; while the store replays its log, `/readyz` says so and
//! senders are asked to come back. [`Running::stop`] ends everything in order: no new connections, open requests finish,
//! tasks end, rows are flushed, the store is closed.

mod agent_audit;
mod agents;
pub mod alerting;
pub mod api;
mod app;
mod budget;
mod clock;
pub mod config;
mod counters;
mod doors;
mod erasure;
mod findings;
mod grafana;
mod health;
mod incident;
mod incoming;
mod ingest;
mod keeping;
mod limits;
mod listen;
mod live;
mod log_lines;
mod metrics;
mod metrics_text;
mod money;
mod otlp_grpc;
mod otlp_http;
mod problem;
mod receivers;
mod routes;
mod sampling;
pub mod series;
mod state_file;
mod tasks;
mod tls;
mod ui;
mod watch;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use forward::Forwarder;
use model::{Run, Span, Timestamp, TraceId};
use tokio::net::TcpListener;
use tokio::runtime::{self, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

pub use alerting::AlertSettings;
pub use api::setup::document as setup_document;
use api::types::Endpoints;
use app::{App, Opened, Phase};
pub use clock::SystemClock;
pub use config::{ConfigError, Limits, Settings};
pub use listen::ListenError;
use money::Money;
pub use money::{Files as MoneyFiles, MoneyError};
pub use state_file::check as check_state;
pub use tls::TlsError;

/// Version of Tawny.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether the pages of the browser UI are part of this program (cargo feature `ui`).
pub const HAS_UI: bool = cfg!(feature = "ui");

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The data directory cannot be made.
    #[error("cannot make the data directory {path}: {cause}; choose another with --data", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A port cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data cannot be opened.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Series cannot be opened.
    #[error(transparent)]
    Series(#[from] ::series::DbError),
    /// Prices, budgets or service levels cannot be used.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The state cannot be opened.
    #[error(transparent)]
    State(#[from] state::StateError),
    /// Rules or the Alertmanager configuration have mistakes.
    #[error(transparent)]
    Alerting(#[from] alerting::OpenError),
    /// The threads for queries cannot be started.
    #[error("cannot start the threads for queries: {0}")]
    Threads(std::io::Error),
    /// Telemetry cannot be passed on as configured.
    #[error(transparent)]
    Forward(#[from] forward::StartError),
    /// The query engine cannot be set up.
    #[error(transparent)]
    Query(#[from] query::QueryError),
    /// Opening the data stopped at a fault.
    #[error("opening the data stopped at a fault in Tawny itself: {0}")]
    Fault(String),
}

/// A server at work.
pub struct Running {
    app: Arc<App>,
    queries: [QueryThreads; 2],
    servers: JoinSet<()>,
    opening: JoinHandle<Result<JoinSet<()>, StartError>>,
}

/// Opens the ports and begins to open the data.
///
/// # Errors
/// When a setting is wrong or a port cannot be opened. That the data cannot be opened shows in [`Running::ready`].
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let addresses = settings.addresses()?;
    settings.limits.check()?;
    let doors = doors(&settings)?;
    settings.check_open(&addresses, doors.are_closed())?;
    let doors = Arc::new(doors.always_asking(addresses.reachable().is_some() && !settings.allow_open));
    let tls = settings.tls.clone().map(tls::Tls::open).transpose()?.map(Arc::new);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let http = listen::open("HTTP", "--http", addresses.http).await?;
    let otlp_http = listen::open("OTLP over HTTP", "--otlp-http", addresses.otlp_http).await?;
    let otlp_grpc = listen::open("OTLP over gRPC", "--otlp-grpc", addresses.otlp_grpc).await?;
    let url = |listener: &TcpListener, asked| format!("{scheme}://{}", listener.local_addr().unwrap_or(asked));
    let endpoints = Endpoints {
        http: url(&http, addresses.http),
        otlp_http: url(&otlp_http, addresses.otlp_http),
        otlp_grpc: url(&otlp_grpc, addresses.otlp_grpc),
    };
    let queries = QueryThreads::start("query", settings.limits.decoders)?;
    let sql = QueryThreads::start("sql", settings.limits.decoders)?;
    let own = [&http, &otlp_http, &otlp_grpc].map(TcpListener::local_addr);
    let forwarder = forwarder(&settings, &own.into_iter().flatten().collect::<Vec<_>>())?;
    let money = Arc::new(Money::new(&settings.money)?);
    let doorway = Doorway { doors, tls, loopback: addresses.reachable().is_none() };
    let app = app(settings, endpoints, [queries.handle(), sql.handle()], forwarder, money, doorway);
    let permits = Arc::new(Semaphore::new(app.settings.limits.connections));
    let mut servers = JoinSet::new();
    for (listener, router) in [
        (http, routes::everything(Arc::clone(&app))),
        (otlp_http, routes::telemetry(Arc::clone(&app))),
        (otlp_grpc, routes::telemetry(Arc::clone(&app))),
    ] {
        let listener = listen::Bounded::new(listener, Arc::clone(&permits), Arc::clone(&app.counters), app.tls.clone());
        let mut phase = app.phase.subscribe();
        let stopping = async move { _ = phase.wait_for(|phase| *phase == Phase::Stopping).await };
        servers.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopping).await {
                tracing::error!(%error, "a port stopped answering");
            }
        });
    }
    let opening = tokio::spawn(open(Arc::clone(&app)));
    Ok(Running { app, queries: [queries, sql], servers, opening })
}

/// Who may do what: known before a port is opened, so that none is opened to strangers.
fn doors(settings: &Settings) -> Result<access::Doors, StartError> {
    let path = &settings.data;
    std::fs::create_dir_all(path).map_err(|cause| StartError::Directory { path: path.clone(), cause })?;
    let state = state::State::open(path, app::STATE_PARTS)?;
    Ok(access::Doors::open(state, settings.ingest_keys.declared())?)
}

/// How the server is reached, and by whom.
struct Doorway {
    doors: Arc<access::Doors>,
    tls: Option<Arc<tls::Tls>>,
    loopback: bool,
}

/// What handlers and tasks share, before the store is open.
fn app(
    settings: Settings,
    endpoints: Endpoints,
    [query_threads, sql_threads]: [Handle; 2],
    forwarder: Option<Arc<Forwarder>>,
    money: Arc<Money>,
    Doorway { doors, tls, loopback }: Doorway,
) -> Arc<App> {
    let counters = Arc::new(counters::Counters::default());
    let run_settings = settings.runs;
    let embeddings = settings.detection.embeddings.clone();
    let bounds =
        signals::metrics::Limits { label_sets: settings.limits.label_sets, ..signals::metrics::Limits::default() };
    let metrics = Arc::new(metrics::Metrics::new(bounds, settings.hourly_token_budget));
    let content_room = api::whole::permits(settings.limits.run_content_bytes) as usize;
    Arc::new(App {
        ingest: ingest::Ingest::new(
            Arc::clone(&counters),
            &settings.limits,
            settings.dialects.clone(),
            settings.policy.clone(),
            forwarder.clone(),
            Arc::clone(&money),
        ),
        money,
        brakes: incident::Brakes::default(),
        forwarder,
        doors,
        tls,
        loopback,
        oidc: oidc(&settings),
        tries: api::session::Tries::default(),
        views: doors::Views::default(),
        rate: settings.limits.requests_per_second.map(|rate| access::Buckets::new(f64::from(rate))),
        settings,
        endpoints,
        clock: SystemClock,
        started: SystemClock::time(),
        counters,
        live: live::Live::default(),
        metrics,
        watch: watch::Watch::default(),
        embedder: embeddings.map(|it| Arc::new(findings::embed::Embedder::new(it))),
        silent: Arc::default(),
        troubles: health::Troubles::default(),
        phase: tokio::sync::watch::channel(Phase::Replaying).0,
        opened: OnceLock::new(),
        run_settings,
        query_threads,
        sql_threads,
        sql_permits: Arc::new(Semaphore::new(app::SQL_QUERIES_MAX)),
        content_room: Arc::new(Semaphore::new(content_room)),
    })
}

/// The way in by another server that vouches for people, if the settings name one.
fn oidc(settings: &Settings) -> Option<doors::oidc::OidcDoor> {
    let settings = settings.oidc.clone()?;
    match alerting::http_client() {
        Ok(client) => Some(doors::oidc::OidcDoor::new(settings, client.clone())),
        Err(problem) => {
            tracing::error!(problem, "nobody can sign in elsewhere");
            None
        }
    }
}

/// The way on to other backends, if the settings name any. `own` are the addresses in use.
fn forwarder(settings: &Settings, own: &[SocketAddr]) -> Result<Option<Arc<Forwarder>>, forward::StartError> {
    let Some(file) = &settings.forward else { return Ok(None) };
    let setup = forward::Setup {
        dir: &settings.data.join(FORWARD_DIR),
        own,
        sync: settings.sync,
        clock: Arc::new(SystemClock::time),
        seed: RandomState::new().hash_one(std::process::id()),
    };
    Ok(Some(Arc::new(Forwarder::open(forward::load(file)?, &setup)?)))
}

/// Where in the data directory the forward queue is.
const FORWARD_DIR: &str = "forward";

/// Threads that queries run on. Dropping them does not wait: a query still running has nobody who waits for it.
struct QueryThreads(Option<Runtime>);

impl QueryThreads {
    fn start(name: &str, threads: usize) -> Result<Self, StartError> {
        let mut builder = runtime::Builder::new_multi_thread();
        let runtime = builder.thread_name(name).worker_threads(threads.max(1)).enable_all().build();
        Ok(Self(Some(runtime.map_err(StartError::Threads)?)))
    }

    fn handle(&self) -> Handle {
        // Taken only when dropped.
        self.0.as_ref().expect("threads that were not dropped").handle().clone()
    }
}

impl Drop for QueryThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens the data, replays the log, starts the background tasks.
async fn open(app: Arc<App>) -> Result<JoinSet<()>, StartError> {
    let dialects = app.settings.dialects.clone();
    let resolver = Arc::new(Resolver { settings: app.run_settings, dialects: dialects.clone() });
    let state = app.doors.state().clone();
    // Spans of the log are priced as they were when they came in.
    app.money.take_prices(&state)?;
    let prices = app.money.prices();
    let replay = Arc::new(move |entry: &store::LogEntry| ingest::replay(&dialects, &prices, entry));
    let store = store::Store::open(store_settings(&app.settings), Arc::new(app.clock), resolver, replay).await?;
    app.metrics.restore(&state)?;
    app.brakes.open(&state, app.now())?;
    app.money.open(&state, &app.settings.data, app.settings.sync, app.now())?;
    let limits = query_limits(&app.settings.limits);
    let engine = query::Engine::new(store.clone(), limits)?;
    let (settings, counters, forwarder) = (app.settings.clone(), Arc::clone(&app.counters), app.forwarder.clone());
    let series = tokio::task::spawn_blocking(move || {
        series::SeriesStore::open(&settings, counters, forwarder, SystemClock::time())
    });
    let series = Arc::new(series.await.map_err(|error| StartError::Fault(error.to_string()))??);
    for (project, service) in metrics::services(&state)? {
        series.derived.note(&project, &service);
    }
    let (settings, kept, now) = (app.settings.alerts.clone(), state.clone(), series::millis(SystemClock::time()));
    let alerting = tokio::task::spawn_blocking(move || alerting::Alerting::open(&settings, &kept, now));
    let alerting = Arc::new(alerting.await.map_err(|error| StartError::Fault(error.to_string()))??);
    // Set once, here; a second call cannot happen.
    let _ = app.opened.set(Opened { store, engine: Arc::new(engine), series, state, alerting });
    // A signal to stop may have come first.
    app.phase.send_if_modified(|phase| {
        let starting = *phase == Phase::Replaying;
        if starting {
            *phase = Phase::Ready;
        }
        starting
    });
    Ok(tasks::start(&app))
}

fn query_limits(limits: &Limits) -> query::Limits {
    let defaults = query::Limits::default();
    query::Limits {
        memory_bytes: limits.query_bytes,
        list_time: limits.list_time,
        search_time: limits.search_time,
        sql: query::SqlLimits { time: limits.sql_time, ..defaults.sql },
        ..defaults
    }
}

fn store_settings(settings: &Settings) -> store::Settings {
    let defaults = store::Settings::new(&settings.data);
    let hot = settings.limits.hot_bytes;
    store::Settings {
        allow_missing_segments: settings.allow_missing_segments,
        reads: Some(ingest::reads),
        bucket: settings.bucket.clone(),
        retention: settings.retention.clone(),
        cache_bytes_max: settings.limits.cache_bytes,
        sync: if settings.sync { store::Sync::Always } else { store::Sync::Off },
        hot_bytes_max: hot,
        queue_bytes_max: settings.limits.queue_bytes,
        // Flushing begins well before the bound, so that ingest goes on while it works.
        flush_bytes: settings.limits.flush_bytes.min(hot / 4),
        ..defaults
    }
}

/// Runs for the store, resolved by `signals`, and which attributes are content, as the dialects in use say.
struct Resolver {
    settings: signals::runs::Settings,
    dialects: dialects::Dialects,
}

impl store::RunResolver for Resolver {
    fn resolve(&self, spans: &[Arc<Span>], now: Timestamp) -> Option<Run> {
        signals::runs::resolve_run(spans, now, &self.settings)
    }

    fn changes(&self, run: &Run, now: Timestamp) -> Option<Timestamp> {
        signals::runs::changes(run, now, &self.settings)
    }

    fn aged(&self, run: &Run, now: Timestamp) -> Option<Run> {
        signals::runs::aged(run, now, &self.settings)
    }

    fn linked(&self, of: TraceId, spans: &[Arc<Span>]) -> BTreeSet<TraceId> {
        signals::runs::linked(of, spans)
    }

    fn resolve_linked(&self, spans: &[Arc<Span>], now: Timestamp) -> Vec<Run> {
        signals::runs::resolve_linked_runs(spans, now, &self.settings)
    }

    fn same_call(&self, first: &Span, second: &Span) -> Option<store::Counts> {
        signals::runs::told_in_two_traces(first, second)
            .map(|order| if order.is_gt() { store::Counts::First } else { store::Counts::Second })
    }

    fn is_content(&self, key: &str) -> bool {
        self.dialects.is_content(key)
    }

    fn is_content_event(&self, name: &str) -> bool {
        self.dialects.is_content_event(name)
    }
}

impl Running {
    /// Addresses in use.
    pub fn endpoints(&self) -> &Endpoints {
        &self.app.endpoints
    }

    /// Waits until requests are taken.
    ///
    /// # Errors
    /// When the data cannot be opened.
    pub async fn ready(&mut self) -> Result<(), StartError> {
        let mut phase = self.app.phase.subscribe();
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Replaying) => Ok(()),
            opened = &mut self.opening => match opened {
                Ok(Ok(tasks)) => {
                    // Keep what was taken out of the handle.
                    self.opening = tokio::spawn(async move { Ok(tasks) });
                    Ok(())
                }
                Ok(Err(error)) => Err(error),
                Err(error) => Err(StartError::Fault(error.to_string())),
            },
        }
    }

    /// Stops in order: no new connections, open requests finish (for at most [`Limits::drain`]), tasks end, rows are
    /// flushed, the store is closed.
    pub async fn stop(mut self) {
        self.app.phase.send_replace(Phase::Stopping);
        let drain = self.app.settings.limits.drain;
        let drained = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(drain, drained).await.is_err() {
            tracing::warn!(seconds = drain.as_secs(), "open requests did not finish in time and are cut off");
        }
        self.servers.shutdown().await;
        if self.app.opened.get().is_none() {
            // Replay only reads; it is repeated by the next start.
            self.opening.abort();
        }
        let tasks = match self.opening.await {
            Ok(Ok(tasks)) => tasks,
            _ => JoinSet::new(),
        };
        drop(self.queries);
        tasks::stop(&self.app, tasks).await;
    }
}

#[cfg(test)]
#[path = "replaying_tests.rs"]
mod replaying_tests;
