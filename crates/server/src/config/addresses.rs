//! Where the server listens, and the refusal to listen to strangers without credentials.

use std::net::{SocketAddr, ToSocketAddrs};

use super::{ConfigError, DEFAULT_HTTP, DEFAULT_OTLP_GRPC, DEFAULT_OTLP_HTTP, Settings};

/// Resolved addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// UI, API and OTLP over HTTP.
    pub http: SocketAddr,
    /// OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// OTLP over gRPC.
    pub otlp_grpc: SocketAddr,
}

impl Settings {
    /// Resolves the addresses.
    ///
    /// # Errors
    /// When one does not parse or resolve.
    pub fn addresses(&self) -> Result<Addresses, ConfigError> {
        let addresses = Addresses {
            http: resolve("HTTP (--http)", &self.http, DEFAULT_HTTP)?,
            otlp_http: resolve("OTLP HTTP (--otlp-http)", &self.otlp_http, DEFAULT_OTLP_HTTP)?,
            otlp_grpc: resolve("OTLP gRPC (--otlp-grpc)", &self.otlp_grpc, DEFAULT_OTLP_GRPC)?,
        };
        Ok(addresses)
    }

    /// Refuses addresses that strangers could reach while nothing asks for credentials.
    ///
    /// # Errors
    /// When there is such an address.
    pub fn check_open(&self, addresses: &Addresses, closed: bool) -> Result<(), ConfigError> {
        match addresses.reachable() {
            Some((what, address)) if !closed && !self.allow_open => Err(ConfigError::Open { what, address }),
            _ => Ok(()),
        }
    }
}

impl Addresses {
    /// The first address that other machines reach, if there is one.
    pub fn reachable(&self) -> Option<(&'static str, SocketAddr)> {
        let named = [
            ("HTTP (--http)", self.http),
            ("OTLP HTTP (--otlp-http)", self.otlp_http),
            ("OTLP gRPC (--otlp-grpc)", self.otlp_grpc),
        ];
        named.into_iter().find(|(_, address)| !address.ip().is_loopback())
    }
}

fn resolve(what: &'static str, text: &str, example: &'static str) -> Result<SocketAddr, ConfigError> {
    let error = |reason: String| ConfigError::Address { what, address: text.to_owned(), reason, example };
    // A bare port means loopback: the safe reading of the shortest text.
    let full = match text.parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) if text.starts_with(':') => format!("127.0.0.1{text}"),
        Err(_) => text.to_owned(),
    };
    let mut found = full.to_socket_addrs().map_err(|cause| error(cause.to_string()))?;
    // `localhost` may resolve to ::1 first, while clients and documentation say 127.0.0.1.
    let first = found.next().ok_or_else(|| error("the name has no address".into()))?;
    Ok(if first.is_ipv6() { found.find(SocketAddr::is_ipv4).unwrap_or(first) } else { first })
}
