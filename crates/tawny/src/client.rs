//! Asking the server over HTTP, with errors that say what to do.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use server::api::types::Problem;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use crate::tls;
use crate::wait::pause;

/// Time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Time to wait for an answer to begin; SQL may take the server's 30 seconds.
const ANSWER: Duration = Duration::from_secs(60);

/// Times to ask again while the server is starting …
const REPLAY_WAITS: u32 = 60;
/// … and the wait in between.
const REPLAY_WAIT: Duration = Duration::from_millis(500);

/// Headers of every request: the key and the project the command line or the environment names.
static CREDENTIALS: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();

/// Sets the key and the project of all requests, once.
pub fn use_credentials(key: Option<String>, project: Option<String>) {
    let key = key.map(|key| ("authorization", format!("Bearer {}", key.trim())));
    let project = project.map(|project| ("tawny-project", project.trim().to_owned()));
    let _ = CREDENTIALS.set(key.into_iter().chain(project).collect()); // set by `main`, before any request
}

fn with_credentials<B>(mut request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
    for (name, value) in CREDENTIALS.get().into_iter().flatten() {
        request = request.header(*name, value);
    }
    request
}

/// A server.
pub struct Client {
    base: String,
    agent: Agent,
}

impl Client {
    /// The server at `url`.
    pub fn new(url: &str) -> Result<Self> {
        let base = url.trim().trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!("cannot use `{url}` as the server's address: give a URL such as http://127.0.0.1:8296");
        }
        let agent = agent(&base, Some(ANSWER))?;
        Ok(Self { base, agent })
    }

    /// The server at `url`, for a question whose answer may take as long as it takes.
    pub fn patient(url: &str) -> Result<Self> {
        let Self { base, .. } = Self::new(url)?;
        let agent = agent(&base, None)?;
        Ok(Self { base, agent })
    }

    /// Address of the server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Text of a `GET` that succeeded.
    pub fn text(&self, path: &str) -> Result<String> {
        let mut text = String::new();
        self.get(path)?.read_to_string(&mut text).context("the answer broke off")?;
        Ok(text)
    }

    /// Body of a `GET` that succeeded, to be read as it comes.
    pub fn get(&self, path: &str) -> Result<impl Read + Send + 'static> {
        let response = self.patiently(|| with_credentials(self.agent.get(format!("{}{path}", self.base))).call())?;
        Ok(succeeded(response)?.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Lines of a `GET` that succeeded, as they come.
    pub fn lines(&self, path: &str) -> Result<impl Iterator<Item = io::Result<String>>> {
        Ok(BufReader::new(self.get(path)?).lines())
    }

    /// Answer text of a `POST` of JSON that succeeded.
    pub fn post_json(&self, path: &str, body: &impl serde::Serialize) -> Result<String> {
        let response =
            self.patiently(|| with_credentials(self.agent.post(format!("{}{path}", self.base))).send_json(body))?;
        let mut text = String::new();
        let body = succeeded(response)?.into_body();
        body.into_with_config().limit(u64::MAX).reader().read_to_string(&mut text).context("the answer broke off")?;
        Ok(text)
    }

    /// Answer text of a `DELETE` that succeeded.
    pub fn delete(&self, path: &str) -> Result<String> {
        let response = self.patiently(|| with_credentials(self.agent.delete(format!("{}{path}", self.base))).call())?;
        let mut text = String::new();
        let body = succeeded(response)?.into_body();
        body.into_with_config().reader().read_to_string(&mut text).context("the answer broke off")?;
        Ok(text)
    }

    /// Answer text of a `PUT` that succeeded.
    pub fn put(&self, path: &str, content_type: &str, body: &[u8]) -> Result<String> {
        let put = || {
            let request = with_credentials(self.agent.put(format!("{}{path}", self.base)));
            request.header("content-type", content_type).send(body)
        };
        let response = succeeded(self.patiently(put)?)?;
        response.into_body().into_with_config().limit(u64::MAX).read_to_string().context("the answer broke off")
    }

    /// Answer text of a `PATCH` of JSON that succeeded.
    pub fn patch_json(&self, path: &str, body: &impl serde::Serialize) -> Result<String> {
        let response =
            self.patiently(|| with_credentials(self.agent.patch(format!("{}{path}", self.base))).send_json(body))?;
        let body = succeeded(response)?.into_body();
        body.into_with_config().limit(u64::MAX).read_to_string().context("the answer broke off")
    }

    /// Asks, and asks again while the server says that it will answer soon: it replays its log after a restart.
    fn patiently(&self, ask: impl Fn() -> Result<Response<ureq::Body>, ureq::Error>) -> Result<Response<ureq::Body>> {
        for _ in 0..REPLAY_WAITS {
            let response = ask().map_err(|error| self.explain(error))?;
            let later = response.headers().contains_key("retry-after");
            if response.status() != StatusCode::SERVICE_UNAVAILABLE || !later {
                return Ok(response);
            }
            pause(REPLAY_WAIT);
        }
        ask().map_err(|error| self.explain(error))
    }

    /// Sends OTLP; the answer is the caller's to judge.
    pub fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = with_credentials(self.agent.post(format!("{}{path}", self.base)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body)
    }

    /// What a failed request means for the person at the keyboard.
    pub fn explain(&self, error: ureq::Error) -> anyhow::Error {
        let refused = match &error {
            ureq::Error::Io(cause) => {
                matches!(cause.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable)
            }
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => true,
            ureq::Error::Timeout(ureq::Timeout::Connect) => true,
            _ => false,
        };
        if refused {
            anyhow!(
                "no Tawny answers at {}: start one with `tawny serve`, or say where it is with --url (or TAWNY_URL)",
                self.base
            )
        } else {
            let hint = self.hint(&error);
            anyhow!(error).context(format!("asking {} failed{hint}", self.base))
        }
    }

    /// What to change where one side speaks TLS and the other does not, or does not trust it.
    fn hint(&self, error: &ureq::Error) -> &'static str {
        let text = error.to_string();
        match (self.base.starts_with("https://"), error) {
            (false, ureq::Error::Protocol(_)) => " (a server with a certificate is asked with https://)",
            (false, _) if text.contains("certificate") => " (it sends on to an address with https://: ask there)",
            (true, _) if text.contains("corrupt message") => " (a server without a certificate is asked with http://)",
            // What `openssl req -x509` makes unless it is told otherwise.
            (true, _) if text.contains("CaUsedAsEndEntity") => {
                " (its certificate says that it is an authority's: make it with `openssl req -x509 … -addext basicConstraints=critical,CA:FALSE`)"
            }
            (true, _) if text.contains("certificate") => {
                " (trust a certificate of your own with --ca FILE or TAWNY_CA; the name in the address must be one of its names)"
            }
            _ => "",
        }
    }
}

/// What asks the server at `base`, and waits so long for an answer to begin.
fn agent(base: &str, answer: Option<Duration>) -> Result<Agent> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(answer)
        .user_agent(concat!("tawny/", env!("CARGO_PKG_VERSION")));
    let tls = if base.starts_with("https://") { tls::config()? } else { tls::none() };
    Ok(config.tls_config(tls).build().into())
}

/// Reads an answer.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).with_context(|| {
        format!(
            "cannot read the answer ({}…); is this server a Tawny of the same version?",
            text.chars().take(80).collect::<String>()
        )
    })
}

/// An error in the shape of Prometheus' API.
#[derive(serde::Deserialize)]
struct PrometheusError {
    error: String,
}

fn succeeded(response: Response<ureq::Body>) -> Result<Response<ureq::Body>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.into_body().with_config().limit(1 << 20).read_to_string().unwrap_or_default();
    let problem = serde_json::from_str::<Problem>(&text).map(|problem| problem.detail);
    let detail = problem.or_else(|_| serde_json::from_str::<PrometheusError>(&text).map(|it| it.error));
    let detail = detail.unwrap_or_else(|_| {
        let text: String = text.trim().chars().take(300).collect();
        match status {
            StatusCode::NOT_FOUND => format!("the server has no such address (is it a Tawny?) {text}"),
            _ => format!("{status} {text}"),
        }
    });
    bail!("{detail}")
}
