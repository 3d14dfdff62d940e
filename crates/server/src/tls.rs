//! TLS by certificate files, which are read again when they change.
//!
//! The handshake is done by whoever first reads or writes: accepting connections never waits for a slow client.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::config::TlsFiles;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds something else.
    #[error("{what} {path} cannot be used: {reason}; give PEM files (--tls-cert, --tls-key)")]
    File {
        /// Which of the two.
        what: &'static str,
        /// Its path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not fit.
    #[error("the certificate cannot be used: {0}; do --tls-cert and --tls-key belong together?")]
    Pair(#[from] Error),
}

/// A certificate at work.
pub struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// When the files were last changed, as the file system says.
    read: Mutex<[Option<SystemTime>; 2]>,
}

impl Tls {
    /// Reads the files.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let read = Mutex::new(changed(&files));
        let config = RwLock::new(load(&files)?);
        Ok(Self { files, config, read })
    }

    /// Reads the files again if they changed; whether they did. Connections that are open go on with what they have.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let now = changed(&self.files);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == now {
            return Ok(false);
        }
        let config = load(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        *read = now;
        Ok(true)
    }

    /// A connection that will shake hands.
    pub fn accept(&self, stream: TcpStream) -> Stream {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        Stream::Greeting(Box::new(TlsAcceptor::from(config).accept(stream)))
    }
}

fn changed(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok())
}

fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |what, path: &std::path::Path| {
        let path = path.display().to_string();
        move |reason: String| TlsError::File { what, path, reason }
    };
    let bad = wrong("the certificate", &files.certificate);
    let certificates = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = match certificates {
        Ok(certificates) if certificates.is_empty() => return Err(bad("it holds no certificate".into())),
        Ok(certificates) => certificates,
        Err(error) => return Err(bad(error.to_string())),
    };
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| wrong("the key", &files.key)(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A connection, plain or with TLS.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// Shaking hands.
    Greeting(Box<Accept<TcpStream>>),
    /// With TLS.
    Secured(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Failed,
}

impl Stream {
    /// Shakes hands if that is still to be done.
    fn poll_greeting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Greeting(accept) = self else {
            let failed = matches!(self, Self::Failed);
            return Poll::Ready(if failed { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) });
        };
        match Pin::new(accept.as_mut()).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(secured)) => {
                *self = Self::Secured(Box::new(secured));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                *self = Self::Failed;
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Calls a method of the stream inside, after the handshake.
macro_rules! inside {
    ($self:ident, $cx:ident, $method:ident ( $($argument:expr),* )) => {{
        match $self.poll_greeting($cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {}
        }
        match &mut *$self {
            Stream::Plain(stream) => Pin::new(stream).$method($cx, $($argument),*),
            Stream::Secured(stream) => Pin::new(stream.as_mut()).$method($cx, $($argument),*),
            Stream::Greeting(_) | Stream::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }};
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        inside!(self, cx, poll_read(buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        inside!(self, cx, poll_write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        inside!(self, cx, poll_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        // What TLS writes is copied anyway.
        matches!(self, Self::Plain(_))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, cx, poll_flush())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self, cx, poll_shutdown())
    }
}
