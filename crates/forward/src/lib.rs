//! Passing received telemetry on to other OpenTelemetry backends.
//!
//! What a request's sender is told does not depend on any destination: the request is written to a queue on disk
//! ([`spool`]) before the sender is answered, and everything else happens later, one task a destination ([`worker`]).
//! Each request reaches each destination at least once, normally in order but that is not promised. A destination that is down costs disk up to its bound;
//! past that the oldest are dropped and counted. This is the only crate that speaks to other machines.

pub mod config;
mod filter;
mod outgoing;
mod record;
mod sender;
mod spool;
mod worker;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Timestamp;
use tokio::task::JoinSet;
use wire::Signal;

pub use config::{ConfigError, Destination, Protocol};
pub use record::{Form, Record};
pub use sender::VIA;
pub use spool::Backlog;
use spool::{Reader, Spool};
use worker::Worker;

/// Gives the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Instances a request may pass through; a longer chain is taken for a circle.
pub const MAX_HOPS: usize = 8;
/// Time a destination may fail before health says so, in nanoseconds: shorter is a restart of it.
const PATIENCE: i64 = 30_000_000_000;

/// Why forwarding cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of destinations is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of destinations cannot be read.
    #[error("cannot read the file of forward destinations {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// The queue cannot be used.
    #[error("cannot use the forward queue in {path}: {error}")]
    Queue {
        /// Its directory.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// A destination is this server itself.
    #[error("the forward destination `{name}` is this server itself ({url}): telemetry would go round for ever")]
    Itself {
        /// The destination.
        name: String,
        /// Its address.
        url: String,
    },
    /// A client cannot be set up.
    #[error("the forward destination `{name}` cannot be used: {problem}")]
    Client {
        /// The destination.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// What a destination is doing, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The last attempt succeeded, or none was made yet.
    Ok,
    /// Attempts fail and are repeated.
    Retrying,
}

/// A destination: what it is, what it does, what it did since the start.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "described where they are shown, in the API's types")]
pub struct DestinationStatus {
    pub name: String,
    pub url: String,
    pub protocol: Protocol,
    pub signals: Vec<Signal>,
    pub state: State,
    pub backlog: Backlog,
    pub queue_bytes: u64,
    pub counts: Counts,
}

/// What a destination did since the start.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "described where they are shown, in the API's types")]
pub struct Counts {
    pub sent_requests: u64,
    pub sent_items: u64,
    pub sent_bytes: u64,
    pub refused_requests: u64,
    pub refused_items: u64,
    pub rejected_items: u64,
    pub filtered_items: u64,
    pub expired_requests: u64,
    pub retries: u64,
    pub last_sent_at: Option<Timestamp>,
    pub last_error: Option<(Timestamp, String)>,
    pub failing_since: Option<Timestamp>,
    pub next_try_at: Option<Timestamp>,
    /// When a failure was last logged.
    pub(crate) logged: Timestamp,
}

/// What is the same for all destinations.
pub struct Setup<'s> {
    /// Directory of the queue.
    pub dir: &'s Path,
    /// Addresses this server listens on: no destination may be one of them.
    pub own: &'s [SocketAddr],
    /// Wait for the disk before a request counts as queued.
    pub sync: bool,
    /// Gives the time.
    pub clock: Clock,
    /// Any number that differs between instances.
    pub seed: u64,
}

/// Passes telemetry on.
pub struct Forwarder {
    spool: Arc<Spool>,
    workers: Vec<Arc<Worker>>,
    /// This instance, in the header [`VIA`].
    me: String,
    clock: Clock,
    circles: AtomicU64,
    lost: AtomicU64,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").field("me", &self.me).finish_non_exhaustive()
    }
}

/// Reads the file of destinations.
///
/// # Errors
/// When it cannot be read, or what is wrong in it with the line.
pub fn load(path: &Path) -> Result<Vec<Destination>, StartError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| StartError::File { path: name.clone(), error })?;
    Ok(config::read(&name, &text, &config::Process)?)
}

impl Forwarder {
    /// Opens the queue and the clients. Nothing is sent before [`Forwarder::spawn`].
    ///
    /// # Errors
    /// When the queue cannot be opened, or a destination is this server.
    pub fn open(destinations: Vec<Destination>, setup: &Setup<'_>) -> Result<Self, StartError> {
        if let Some(itself) = destinations.iter().find(|destination| is_itself(destination, setup.own)) {
            return Err(StartError::Itself { name: itself.name.clone(), url: itself.shown_url() });
        }
        let readers: Vec<Reader> = destinations
            .iter()
            .map(|destination| Reader { name: destination.name.clone(), bound: destination.queue_bytes })
            .collect();
        let queue = |error| StartError::Queue { path: setup.dir.display().to_string(), error };
        let spool = Arc::new(Spool::open(setup.dir, &readers, setup.sync).map_err(queue)?);
        let me = identity(setup.dir, setup.seed).map_err(queue)?;
        let workers = destinations.into_iter().enumerate().map(|(at, destination)| {
            let sender = sender::Sender::new(&destination, &me)
                .map_err(|problem| StartError::Client { name: destination.name.clone(), problem })?;
            Ok(Arc::new(Worker {
                sender,
                destination,
                at,
                spool: Arc::clone(&spool),
                clock: Arc::clone(&setup.clock),
                counts: std::sync::Mutex::default(),
                seed: worker::scramble(setup.seed.wrapping_add(at as u64)),
            }))
        });
        let workers = workers.collect::<Result<Vec<_>, StartError>>()?;
        let clock = Arc::clone(&setup.clock);
        Ok(Self { spool, workers, me, clock, circles: AtomicU64::new(0), lost: AtomicU64::new(0) })
    }

    /// Starts one task a destination.
    pub fn spawn(&self, tasks: &mut JoinSet<()>) {
        for worker in &self.workers {
            tasks.spawn(Arc::clone(worker).run());
        }
    }

    /// Queues a request that was kept. Returns when it is on disk; no destination is waited for.
    ///
    /// A failure of the queue is counted and logged, not returned: the telemetry itself is safe.
    pub async fn offer(&self, record: Record) {
        let wanted = |worker: &Arc<Worker>| {
            let destination = &worker.destination;
            destination.protocol.form() == record.form
                && destination.signals.contains(&record.signal)
                && destination.filter.may_pass(record.signal, &record.project)
        };
        if !self.workers.iter().any(wanted) {
            return;
        }
        let hops = || record.via.split(',').map(str::trim).filter(|hop| !hop.is_empty());
        if hops().any(|hop| hop == self.me) || hops().count() >= MAX_HOPS {
            self.circles.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Err(problem) = self.spool.append(&record).await
            && self.lost.fetch_add(1, Ordering::Relaxed).is_power_of_two()
        {
            tracing::error!(problem, "a request that was kept cannot be queued for passing on");
        }
    }

    /// Whether any destination takes series.
    pub fn wants_series(&self) -> bool {
        self.workers.iter().any(|worker| worker.destination.protocol.form() == Form::Series)
    }

    /// Every destination, in the order of the file.
    pub fn status(&self) -> Vec<DestinationStatus> {
        self.workers.iter().map(|worker| worker.status()).collect()
    }

    /// Requests that came back to this instance and were not passed on again.
    pub fn circles(&self) -> u64 {
        self.circles.load(Ordering::Relaxed)
    }

    /// Requests that could not be queued because the disk refused them.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Destinations that have failed for a while, a sentence each.
    pub fn troubles(&self) -> Vec<String> {
        let now = (self.clock)();
        let failing = self.status().into_iter().filter_map(|status| {
            let since = status.counts.failing_since.filter(|since| now.nanos_since(*since) > PATIENCE)?;
            let reason = status.counts.last_error.map(|(_, reason)| reason).unwrap_or_default();
            let minutes = now.nanos_since(since) / 60_000_000_000;
            Some(format!(
                "telemetry cannot be passed on to `{}` for {minutes} min ({reason}); {} requests wait",
                status.name, status.backlog.requests
            ))
        });
        failing.collect()
    }
}

/// Whether a destination is an address this server listens on.
fn is_itself(destination: &Destination, own: &[SocketAddr]) -> bool {
    let (Some(host), Some(port)) = (destination.url.host_str(), destination.url.port_or_known_default()) else {
        return false;
    };
    // A name that does not resolve now is no circle now; the header stops one that comes about later.
    let Ok(addresses) = (host.trim_matches(['[', ']']), port).to_socket_addrs() else { return false };
    let anywhere = |ip: IpAddr| ip.is_unspecified();
    addresses.into_iter().any(|address| {
        own.iter().any(|own| {
            let same_ip = own.ip() == address.ip() || (anywhere(own.ip()) && address.ip().is_loopback());
            own.port() == address.port() && (same_ip || (anywhere(address.ip()) && own.ip().is_loopback()))
        })
    })
}

/// The name of this instance, kept with its queue.
fn identity(dir: &Path, seed: u64) -> io::Result<String> {
    let path = dir.join("instance");
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => {
            let id = format!("{:016x}", worker::scramble(seed));
            std::fs::write(&path, &id)?;
            Ok(id)
        }
    }
}
