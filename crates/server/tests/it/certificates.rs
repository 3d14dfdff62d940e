//! TLS by certificate files that change under a running server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::Scope;
use server::config::TlsFiles;
use tempfile::TempDir;

use crate::doors::key;
use crate::support::Server;

#[test]
fn certificates_are_used_and_read_again_when_they_change() {
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let dir = TempDir::new().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls");
    let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    let put = |name: &str| {
        std::fs::copy(from.join(format!("{name}.key.pem")), &files.key).unwrap();
        std::fs::copy(from.join(format!("{name}.cert.pem")), &files.certificate).unwrap();
    };
    put("first");
    let (place, tls) = (TempDir::new().unwrap(), files.clone());
    let server = Server::configured(place, |settings| settings.tls = Some(tls));
    let address = server.http.strip_prefix("https://").expect("the address says TLS").to_owned();
    let ask = |trusted: &str, path: &str| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(from.join(format!("{trusted}.cert.pem"))).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        server.runtime.block_on(async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text).await;
            Ok::<_, String>(text)
        })
    };
    let answers = |trusted: &str| ask(trusted, "/healthz");
    let eventually = |what: &str, look: &dyn Fn() -> bool| {
        let seen = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            look()
        });
        assert!(seen, "{what}");
    };
    assert!(answers("first").unwrap().starts_with("HTTP/1.1 200"));
    assert!(answers("second").is_err());
    put("second");
    eventually("the new certificate is used", &|| answers("second").is_ok());
    assert!(answers("first").is_err());
    // A certificate that cannot be used leaves the one before, and holds up nothing else: a key closes the doors.
    std::fs::write(&files.certificate, "junk").unwrap();
    assert!(ask("second", "/api/v1/runs").unwrap().starts_with("HTTP/1.1 200"));
    key(&server.data_dir(), "default", &[Scope::Read], 1);
    eventually("the key is known", &|| ask("second", "/api/v1/runs").unwrap().starts_with("HTTP/1.1 401"));
}
