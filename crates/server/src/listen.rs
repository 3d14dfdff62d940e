//! Listening sockets with a bound on open connections and on how long one may be quiet, plain or with TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::counters::Counters;
use crate::limits::LimitName;
use crate::tls::{Stream, Tls};

/// What Unix says when a process (EMFILE) or the machine (ENFILE) may open no more files.
const OUT_OF_FILES: [i32; 2] = [24, 23];

/// How long nothing may move on a connection: longer than any question takes to answer, shorter than for ever.
const QUIET: Duration = Duration::from_secs(15 * 60);

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {what}: {cause}. {advice}")]
pub struct ListenError {
    what: &'static str,
    address: SocketAddr,
    cause: io::Error,
    advice: String,
}

/// Opens a port. `flag` is the setting that chooses it.
pub async fn open(what: &'static str, flag: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|cause| {
        let advice = match cause.kind() {
            io::ErrorKind::AddrInUse => {
                format!("Another program has the port (another Tawny, or an OpenTelemetry collector); stop it, or choose another port with {flag}")
            }
            io::ErrorKind::PermissionDenied => format!("The system does not permit it; choose a port above 1023 with {flag}"),
            _ => format!("Choose another address with {flag}"),
        };
        ListenError { what, address, cause, advice }
    })
}

/// A listener that stops accepting while too many connections are open; waiting clients stay in the system's queue.
pub struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    counters: Arc<Counters>,
    tls: Option<Arc<Tls>>,
}

impl Bounded {
    /// Bounds `listener`; `permits` is shared by all ports.
    pub fn new(listener: TcpListener, permits: Arc<Semaphore>, counters: Arc<Counters>, tls: Option<Arc<Tls>>) -> Self {
        Self { listener, permits, counters, tls }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        if self.permits.available_permits() == 0 {
            self.counters.limit_reached(LimitName::Connections);
        }
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return std::future::pending().await; // the semaphore is never closed
        };
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let _ = stream.set_nodelay(true); // a hint; without it answers are only slower
                    let stream = match &self.tls {
                        Some(tls) => tls.accept(stream),
                        None => Stream::Plain(stream),
                    };
                    let timer = Box::pin(tokio::time::sleep(QUIET));
                    return (Connection { stream, timer, _permit: permit }, address);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    if error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code)) {
                        self.counters.limit_reached(LimitName::OpenFiles);
                    }
                    // Out of file descriptors, most likely: retrying at once would only spin.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives its place back when it closes, and breaks when nothing moves on it for too long.
pub struct Connection {
    stream: Stream,
    timer: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// What came of a try to read or write: anything that moved winds the timer up, and when it has run down the connection is broken.
    fn wound<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            // The reader's and the writer's side share it; whoever moves last counts.
            self.timer.as_mut().reset(later(QUIET));
            return polled;
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a socket's time-out is measured at the edge of the program")]
fn later(quiet: Duration) -> Instant {
    Instant::now() + quiet
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.wound(polled, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wound(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wound(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
