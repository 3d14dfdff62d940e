//! Sending a mail over SMTP (RFC 5321), with STARTTLS (RFC 3207) where the server has it, and AUTH PLAIN (RFC 4616) or LOGIN.
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
        let offers = session.command(&format!("EHLO {hello}"), &[250]).await?;
        return session.deliver(mail, &message, &offers).await;
    }
    let mut session = Session::new(stream);
    session.answer(&[220]).await?;
    let offers = session.command(&format!("EHLO {hello}"), &[250]).await?;
    if offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        session.command("STARTTLS", &[220]).await?;
        // What came before the handshake must not be taken for what comes after it.
        let mut session = Session::new(secure(session.stream.into_inner(), host).await?);
        let offers = session.command(&format!("EHLO {hello}"), &[250]).await?;
        return session.deliver(mail, &message, &offers).await;
    }
    if mail.require_tls {
        return Err(SendError::Never("the mail server offers no STARTTLS and `require_tls` is on".into()));
    }
    session.deliver(mail, &message, &offers).await
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

    /// Signs in by PLAIN, or by LOGIN where a server takes that and not PLAIN, as some of Microsoft's do.
    async fn sign_in(&mut self, mail: &Mail, offers: &[String]) -> Result<(), SendError> {
        let Some((user, password)) = &mail.login else { return Ok(()) };
        let is_offered = |way: &str| {
            offers.iter().any(|offer| {
                let mut words = offer.split([' ', '=']);
                words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
                    && words.any(|word| word.eq_ignore_ascii_case(way))
            })
        };
        if is_offered("LOGIN") && !is_offered("PLAIN") {
            self.command("AUTH LOGIN", &[334]).await?;
            self.command(&STANDARD.encode(user), &[334]).await?;
            self.command(&STANDARD.encode(password), &[235]).await?;
            return Ok(());
        }
        let token = STANDARD.encode(format!("{}\0{user}\0{password}", mail.identity));
        self.command(&format!("AUTH PLAIN {token}"), &[235]).await?;
        Ok(())
    }

    async fn deliver(mut self, mail: &Mail, message: &[u8], offers: &[String]) -> Result<(), SendError> {
        self.sign_in(mail, offers).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server with these offers hears of somebody who signs in.
    async fn heard(offers: &[&str], identity: &str) -> Vec<String> {
        let (ours, theirs) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move {
            let mut stream = BufReader::new(theirs);
            let mut heard: Vec<String> = Vec::new();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap() == 0 {
                    return heard;
                }
                let asks = line.trim() == "AUTH LOGIN" || heard.last().is_some_and(|last| last == "AUTH LOGIN");
                let answer: &[u8] = if asks { b"334 more\r\n" } else { b"235 good\r\n" };
                stream.get_mut().write_all(answer).await.unwrap();
                heard.push(line.trim().to_owned());
            }
        });
        let mail = Mail {
            smarthost: String::new(),
            hello: String::new(),
            from: String::new(),
            to: Vec::new(),
            headers: Vec::new(),
            text: String::new(),
            html: String::new(),
            login: Some(("me".into(), "secret".into())),
            identity: identity.into(),
            require_tls: false,
        };
        let offers: Vec<String> = offers.iter().map(|offer| (*offer).to_owned()).collect();
        let mut session = Session::new(ours);
        session.sign_in(&mail, &offers).await.unwrap();
        drop(session);
        server.await.unwrap()
    }

    #[tokio::test]
    async fn who_signs_in_does_it_in_a_way_the_server_takes() {
        let plain = |identity: &str| format!("AUTH PLAIN {}", STANDARD.encode(format!("{identity}\0me\0secret")));
        assert_eq!(heard(&["SIZE 10", "AUTH LOGIN PLAIN"], "").await, [plain("")]);
        assert_eq!(heard(&["auth=plain"], "they").await, [plain("they")]);
        assert_eq!(heard(&[], "").await, [plain("")]);
        let login = ["AUTH LOGIN".to_owned(), STANDARD.encode("me"), STANDARD.encode("secret")];
        assert_eq!(heard(&["AUTH LOGIN XOAUTH2"], "").await, login);
    }
}
