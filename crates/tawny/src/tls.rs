//! Whom the command line trusts where a server speaks TLS: the system's certificates, and those of a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use tokio_rustls::rustls::crypto::ring;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// The file with further certificates.
static FURTHER: OnceLock<PathBuf> = OnceLock::new();

/// Sets the file with further certificates, once.
pub fn trust(file: Option<PathBuf>) {
    if let Some(file) = file {
        let _ = FURTHER.set(file); // set by `main`, before any request
    }
}

/// How to speak TLS with whom the system and the file trust.
///
/// # Errors
/// When the file with further certificates cannot be used.
pub fn config() -> Result<TlsConfig> {
    let system = rustls_native_certs::load_native_certs().certs;
    let mut trusted: Vec<Certificate<'static>> =
        system.iter().map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned()).collect();
    if let Some(file) = FURTHER.get() {
        trusted.extend(read(file)?);
    }
    Ok(trusting(&trusted))
}

/// For a server that is asked without TLS: where it sends us on to one that speaks it, nobody is trusted, which is an error and no fault.
pub fn none() -> TlsConfig {
    trusting(&[])
}

fn trusting(certificates: &[Certificate<'static>]) -> TlsConfig {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(certificates))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build()
}

fn read(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let at = || format!("cannot use {} (--ca)", file.display());
    let text = std::fs::read(file).with_context(at)?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.with_context(at)? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        bail!("{}: there is no certificate in it; give a PEM file", at());
    }
    Ok(found)
}
