//! What every handler shares: settings, counters, the store once it is open, and the state the server is in.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use model::Timestamp;
use state::{State, StateError};
use store::{Clock, Store};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::api::types::Endpoints;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::counters::Counters;
use crate::ingest::{Ingest, Kept, Received, Refusal};
use crate::limits::LimitName;
use crate::live::Live;
use crate::problem::Problem;

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading the log back; ports are open, nothing is answered yet.
    Replaying,
    /// At work.
    Ready,
    /// Finishing open requests.
    Stopping,
}

impl Phase {
    /// The word for it in API and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaying => "replaying",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }
}

/// The parts that exist once the store is open.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Queries over it.
    pub engine: Arc<query::Engine>,
    /// Time series.
    pub series: Arc<crate::series::SeriesStore>,
    /// What is not telemetry; its methods block.
    pub state: State,
    /// Rules, alerts and messages.
    pub alerting: Arc<crate::alerting::Alerting>,
}

/// The tables that features keep in the state, in the order in which they are made.
pub const STATE_PARTS: &[state::Part] = &[
    crate::watch::PART,
    crate::metrics::PART,
    crate::alerting::keep::PART,
    crate::money::tables::PART,
    crate::findings::PART,
    crate::incident::PART,
    crate::agents::PART,
    crate::api::dashboards::PART,
    access::PART,
    crate::erasure::PART,
    crate::sampling::PART,
];

/// Shared by all handlers and background tasks.
pub struct App {
    /// Settings in use.
    pub settings: Settings,
    /// Addresses in use.
    pub endpoints: Endpoints,
    /// The clock.
    pub clock: SystemClock,
    /// When the server started.
    pub started: Timestamp,
    /// Who may do what.
    pub doors: Arc<access::Doors>,
    /// Requests a second of each caller, where they are limited.
    pub rate: Option<access::Buckets>,
    /// The way in by another server that vouches for people.
    pub oidc: Option<crate::doors::oidc::OidcDoor>,
    /// How often passwords may be tried.
    pub tries: crate::api::session::Tries,
    /// Who looked at what lately.
    pub views: crate::doors::Views,
    /// The certificate, where the server speaks TLS.
    pub tls: Option<Arc<crate::tls::Tls>>,
    /// Whether only this machine reaches the server.
    pub loopback: bool,
    /// Counts since then.
    pub counters: Arc<Counters>,
    /// The way in.
    pub ingest: Ingest,
    /// Prices, budgets, service levels.
    pub money: Arc<crate::money::Money>,
    /// Brakes on agents and tools.
    pub brakes: crate::incident::Brakes,
    /// The way on to other backends, where one is configured.
    pub forwarder: Option<Arc<forward::Forwarder>>,
    /// Runs as they change.
    pub live: Live,
    /// What is counted of runs.
    pub metrics: Arc<crate::metrics::Metrics>,
    /// Runs as they settle.
    pub watch: crate::watch::Watch,
    /// The way to an embedding endpoint, where one is configured.
    pub embedder: Option<Arc<crate::findings::embed::Embedder>>,
    /// Agents of which nothing is heard.
    pub silent: Arc<crate::findings::Silent>,
    /// Why health is degraded, by the background task that says so.
    pub troubles: crate::health::Troubles,
    /// Changes of the phase.
    pub phase: watch::Sender<Phase>,
    /// The store, once it is open.
    pub opened: OnceLock<Opened>,
    /// How runs are resolved.
    pub run_settings: signals::runs::Settings,
    /// Threads for queries: a heavy one must not keep requests waiting that bring data in.
    pub query_threads: Handle,
    /// Threads for SQL, which people write: it must not keep the lists waiting.
    pub sql_threads: Handle,
    /// SQL queries that may still run at the same time.
    pub sql_permits: Arc<Semaphore>,
    /// Room for runs that are written out to be answered, in units of [`crate::api::whole::permits`].
    pub content_room: Arc<Semaphore>,
}

/// SQL queries at the same time; a further one is told to come back.
pub const SQL_QUERIES_MAX: usize = 8;

/// A query that is past its time limit and did not notice is given up this much later.
const SQL_GRACE: Duration = Duration::from_secs(2);

impl App {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The state the server is in.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The store, or what state the server is in instead.
    pub fn opened(&self) -> Result<&Opened, Phase> {
        match (self.phase(), self.opened.get()) {
            // While stopping, requests that are under way may finish.
            (Phase::Ready | Phase::Stopping, Some(opened)) => Ok(opened),
            (phase, _) => Err(phase),
        }
    }

    /// Takes in a request of telemetry. Returns when it is durable and visible.
    pub async fn receive(&self, store: &Store, received: Received) -> Result<Kept, Refusal> {
        let kept = match self.opened() {
            Ok(opened) => self.ingest.receive(store, &opened.series, received, self.now()).await,
            Err(phase) => Err(Refusal::NotReady { state: phase.as_str() }),
        };
        self.note_log(kept.as_ref().err());
        kept
    }

    /// Notes in health whether the log takes what comes in.
    pub fn note_log(&self, refusal: Option<&Refusal>) {
        match refusal {
            None => self.troubles.set("log", None),
            Some(Refusal::NotKept(reason)) => {
                self.troubles.set("log", Some(format!("telemetry cannot be kept: {reason}")));
            }
            Some(_) => {}
        }
    }

    /// The store for an API handler.
    pub fn store(&self) -> Result<&Store, Problem> {
        Ok(&self.answering()?.store)
    }

    /// Alerting for an API handler.
    pub fn alerting(&self) -> Result<&crate::alerting::Alerting, Problem> {
        Ok(&self.answering()?.alerting)
    }

    /// Works with the state, on a thread for blocking work.
    pub async fn with_state<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, Problem> {
        let state = self.answering()?.state.clone();
        let done = tokio::task::spawn_blocking(move || work(&state)).await;
        let done = done.map_err(|error| Problem::internal(format!("the work stopped: {error}")))?;
        done.map_err(|error| Problem::unavailable(format!("the state cannot be used: {error}")))
    }

    /// What the content policy of the caller's project leaves of a text that is told over the API.
    pub fn told(&self, field: &str, text: String) -> String {
        self.ingest.policy().told(&self.project(), None, field, text)
    }

    /// Asks the query engine, on the threads for queries. When the caller goes away the query is cancelled.
    pub async fn ask<T, F>(&self, question: impl FnOnce(Arc<query::Engine>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, query::QueryError>> + Send + 'static,
    {
        let question = question(Arc::clone(&self.answering()?.engine));
        let answer = AbortOnDropHandle(self.query_threads.spawn(question)).await;
        self.counted(answer.map_err(|error| Problem::internal(format!("the query stopped: {error}")))?)
    }

    /// An answer as it is; counts where a limit stood in its way.
    fn counted<T>(&self, answer: Result<T, query::QueryError>) -> Result<T, Problem> {
        if let Err(query::QueryError::Limit { name, .. }) = &answer {
            self.counters.limit_reached((*name).into());
        }
        Ok(answer?)
    }

    /// Asks a question in SQL, on threads of its own.
    pub async fn ask_sql<T, F>(&self, question: impl FnOnce(Arc<query::Engine>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, query::QueryError>> + Send + 'static,
    {
        let engine = Arc::clone(&self.answering()?.engine);
        let limit = engine.limits().sql.time + SQL_GRACE;
        let permit = Arc::clone(&self.sql_permits).try_acquire_owned().map_err(|_| {
            self.counters.limit_reached(LimitName::SqlQueriesMax);
            Problem::unavailable(format!(
                "{SQL_QUERIES_MAX} SQL queries are running (limit sql_queries_max); ask again in a moment"
            ))
        })?;
        let question = question(engine);
        let answer = AbortOnDropHandle(self.sql_threads.spawn(async move {
            // Until the query has really ended: one that is given up still uses its thread.
            let _permit = permit;
            question.await
        }));
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => {
                self.counted(answer.map_err(|error| Problem::internal(format!("the query stopped: {error}")))?)
            }
            Err(_) => {
                self.counters.limit_reached(LimitName::SqlTime);
                Err(Problem::unavailable("the query did not stop at its time limit (sql_time) and was given up"))
            }
        }
    }

    fn answering(&self) -> Result<&Opened, Problem> {
        self.opened().map_err(|phase| match phase {
            Phase::Stopping => Problem::unavailable("Tawny is stopping"),
            _ => Problem::unavailable(
                "Tawny is replaying its log after a restart; ask again in a moment (GET /readyz says when)",
            ),
        })
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDropHandle<T>(JoinHandle<T>);

impl<T> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
