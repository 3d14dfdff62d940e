//! Sending a mail over SMTP (RFC 5321), with STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4616) where the server has them.
//!
//! `lettre` makes the message; its transport would switch on features of the TLS library that everything else uses.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alerts::manager::message::Mail;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use model::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::send::SendError;

/// Bytes of one line of an answer.
const LINE_MAX: u64 = 4096;
/// Lines of one answer.
const LINES_MAX: usize = 100;
/// The port whose connections begin with TLS.
const SMTPS: u16 = 465;

/// Sends a mail.
pub async fn send(mail: &Mail, now: Timestamp) -> Result<(), SendError> {
    let message = message(mail, now).map_err(SendError::Never)?;
    let (host, port) = mail
        .smarthost
        .rsplit_once(':')
        .ok_or_else(|| SendError::Never(format!("{:?} is no host:port", mail.smarthost)))?;
    let port: u16 = port.parse().map_err(|_| SendError::Never(format!("{:?} is no port", port)))?;
    let stream = TcpStream::connect((host, port)).await.map_err(later)?;
    let hello = if mail.hello.is_empty() { "localhost" } else { &mail.hello };
    if port == SMTPS {
        let mut session = Session::new(secure(stream, host).await?);
        session.answer(&[220]).await?;
        session.command(&format!("EHLO {hello}"), &[250]).await?;
        return session.deliver(mail, &message).await;
    }
    let mut session = Session::new(stream);
    session.answer(&[220]).await?;
    let offers = session.command(&format!("EHLO {hello}"), &[250]).await?;
    if offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        session.command("STARTTLS", &[220]).await?;
        // What came before the handshake must not be taken for what comes after it.
        let mut session = Session::new(secure(session.stream.into_inner(), host).await?);
        session.command(&format!("EHLO {hello}"), &[250]).await?;
        return session.deliver(mail, &message).await;
    }
    if mail.require_tls {
        return Err(SendError::Never("the mail server offers no STARTTLS and `require_tls` is on".into()));
    }
    session.deliver(mail, &message).await
}

fn later(error: std::io::Error) -> SendError {
    SendError::Later(format!("mail server: {error}"))
}

/// The message as it goes over the wire, without the dot at its end.
fn message(mail: &Mail, now: Timestamp) -> Result<Vec<u8>, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|error| format!("{text:?} is no address: {error}"));
    let date = std::time::UNIX_EPOCH + Duration::from_nanos(u64::try_from(now.as_nanos()).unwrap_or(0));
    let mut builder = lettre::Message::builder().from(mailbox(&mail.from)?).date(date);
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    let mut others = Vec::new();
    for (name, value) in &mail.headers {
        if name.eq_ignore_ascii_case("subject") {
            builder = builder.subject(value);
        } else {
            let header =
                HeaderName::new_from_ascii(name.clone()).map_err(|error| format!("{name:?} is no header: {error}"))?;
            others.push(HeaderValue::new(header, value.clone()));
        }
    }
    let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    let mut message = builder.multipart(body).map_err(|error| error.to_string())?;
    for header in others {
        message.headers_mut().insert_raw(header);
    }
    Ok(message.formatted())
}

/// The address inside of `Name <address>`.
fn bare(text: &str) -> Result<String, SendError> {
    let mailbox: Mailbox =
        text.parse().map_err(|error| SendError::Never(format!("{text:?} is no address: {error}")))?;
    Ok(mailbox.email.to_string())
}

async fn secure(stream: TcpStream, host: &str) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    });
    let name = ServerName::try_from(host.to_owned()).map_err(|error| SendError::Never(format!("{host:?}: {error}")))?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(later)
}

struct Session<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// An answer with one of the codes wanted; its lines without the code.
    async fn answer(&mut self, wanted: &[u16]) -> Result<Vec<String>, SendError> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            (&mut self.stream).take(LINE_MAX).read_line(&mut line).await.map_err(later)?;
            if line.is_empty() || lines.len() >= LINES_MAX {
                return Err(SendError::Later("the mail server closed the connection".into()));
            }
            let code: u16 = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            lines.push(line.get(4..).unwrap_or_default().trim().to_owned());
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if wanted.contains(&code) {
                return Ok(lines);
            }
            let reason = format!("the mail server says {}", line.trim());
            // 5yz means that the same would be refused again.
            return Err(if code >= 500 { SendError::Never(reason) } else { SendError::Later(reason) });
        }
    }

    async fn command(&mut self, command: &str, wanted: &[u16]) -> Result<Vec<String>, SendError> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).await.map_err(later)?;
        self.stream.get_mut().flush().await.map_err(later)?;
        self.answer(wanted).await
    }

    async fn deliver(mut self, mail: &Mail, message: &[u8]) -> Result<(), SendError> {
        if let Some((user, password)) = &mail.login {
            let token = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {token}"), &[235]).await?;
        }
        self.command(&format!("MAIL FROM:<{}>", bare(&mail.from)?), &[250]).await?;
        for to in &mail.to {
            self.command(&format!("RCPT TO:<{}>", bare(to)?), &[250, 251]).await?;
        }
        self.command("DATA", &[354]).await?;
        let mut data = Vec::with_capacity(message.len() + 64);
        for line in message.split_inclusive(|&byte| byte == b'\n') {
            // A dot at the front of a line is doubled, so that none ends the message.
            if line.first() == Some(&b'.') {
                data.push(b'.');
            }
            data.extend_from_slice(line);
        }
        if !data.ends_with(b"\r\n") {
            data.extend_from_slice(b"\r\n");
        }
        data.extend_from_slice(b".\r\n");
        self.stream.get_mut().write_all(&data).await.map_err(later)?;
        self.stream.get_mut().flush().await.map_err(later)?;
        self.answer(&[250]).await?;
        // Accepted: how the connection ends no longer matters.
        let _ = self.command("QUIT", &[221]).await;
        Ok(())
    }
}
