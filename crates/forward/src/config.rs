//! The file that says where telemetry is passed on to: TOML, read and checked with line numbers.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use model::{number_and_unit, parse_bytes};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use toml::Spanned;
use wire::Signal;

use crate::filter::{Condition, Filter};
use crate::record::Form;

/// Bytes that may wait for a destination where nothing else is set.
pub const DEFAULT_QUEUE: u64 = 256 << 20;
/// The smallest queue: one request of the largest size the server takes by default.
pub const MIN_QUEUE: u64 = 1 << 20;
/// Time a destination has to answer where nothing else is set; OpenTelemetry's exporters wait as long.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Age past which waiting telemetry is dropped where nothing else is set.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
/// Destinations a file may name.
pub const MAX_DESTINATIONS: usize = 32;
/// Bytes of a file with a header's value that are read.
const MAX_SECRET: u64 = 64 << 10;

/// A file that cannot be used: what is wrong, where, and what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

/// How requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OTLP over HTTP.
    #[default]
    Http,
    /// OTLP over gRPC.
    Grpc,
    /// Prometheus' remote write: every sample that became part of a series, whatever it came by.
    RemoteWrite,
}

impl Protocol {
    /// What it takes of what waits.
    pub fn form(self) -> Form {
        match self {
            Self::Http | Self::Grpc => Form::Otlp,
            Self::RemoteWrite => Form::Series,
        }
    }
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// As the sender of the telemetry did; over gRPC not at all.
    #[default]
    AsReceived,
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As the sender of the telemetry did: byte for byte what came in, where nothing is filtered out of it.
    #[default]
    AsReceived,
    /// Always protobuf, for backends that do not read OTLP/JSON.
    Protobuf,
}

/// Where to pass telemetry on to, and how.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Name in status, metrics and on disk.
    pub name: String,
    /// Base address, or the whole one where it ends in `/v1/traces`, `/v1/logs` or `/v1/metrics`.
    pub url: Url,
    /// How requests are made.
    pub protocol: Protocol,
    /// What is passed on.
    pub signals: Vec<Signal>,
    /// Sent with each request. Values from files and the environment are marked sensitive and never shown.
    pub headers: HeaderMap,
    /// How requests are compressed.
    pub compression: Compression,
    /// How requests are written.
    pub encoding: Encoding,
    /// Time for one request.
    pub timeout: Duration,
    /// Bytes that may wait; past that the oldest are dropped.
    pub queue_bytes: u64,
    /// Age past which waiting telemetry is dropped.
    pub max_age: Duration,
    /// Requests that wait are put together up to this many bytes before compression; 0 sends each as it came.
    pub batch_bytes: usize,
    /// What of it is passed on.
    pub filter: Filter,
}

impl Destination {
    /// The address for a signal; for gRPC the base address.
    pub fn address(&self, signal: Signal) -> Url {
        let mut url = self.url.clone();
        if self.protocol == Protocol::RemoteWrite && matches!(url.path(), "" | "/") {
            url.set_path("/api/v1/write");
        }
        if self.protocol == Protocol::Http && Signal::from_path(url.path()).is_none() {
            url.set_path(&format!("{}{}", self.url.path().trim_end_matches('/'), signal.path()));
        }
        url
    }

    /// The address as it may be shown: without credentials and query.
    pub fn shown_url(&self) -> String {
        let mut url = self.url.clone();
        // Fails only for addresses that cannot have credentials.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.to_string().trim_end_matches('/').to_owned()
    }
}

/// What the process gives: variables of the environment, and files. Passed in, so that tests need neither.
pub trait Surroundings {
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of a file, at most `limit` bytes.
    ///
    /// # Errors
    /// What the system says.
    fn file(&self, path: &Path, limit: u64) -> std::io::Result<String>;
}

/// The environment and the file system of this process.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path, limit: u64) -> std::io::Result<String> {
        use std::io::Read;
        let mut text = String::new();
        std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
        Ok(text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    destination: Vec<Spanned<RawDestination>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDestination {
    name: Spanned<String>,
    url: Spanned<String>,
    #[serde(default)]
    protocol: Protocol,
    signals: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    headers: BTreeMap<String, Spanned<RawHeader>>,
    #[serde(default)]
    compression: Compression,
    #[serde(default)]
    encoding: Encoding,
    timeout: Option<Spanned<String>>,
    queue: Option<Spanned<String>>,
    max_age: Option<Spanned<String>>,
    batch: Option<Spanned<String>>,
    #[serde(default)]
    keep: Vec<Spanned<Condition>>,
    #[serde(default)]
    drop: Vec<Spanned<Condition>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "give a text, { env = \"NAME\" } or { file = \"PATH\" }")]
enum RawHeader {
    Text(String),
    Secret(Secret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    env: Option<String>,
    file: Option<std::path::PathBuf>,
}

/// Reads the text of a file. `name` is how errors call it.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Vec<Destination>, ConfigError> {
    let reader = Reader { file: name, text, surroundings };
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.wrong(at, error.message().lines().collect::<Vec<_>>().join(", "))
    })?;
    if file.destination.is_empty() {
        return Err(reader.wrong(0, "no destination: write a table [[destination]] with `name` and `url`"));
    }
    if file.destination.len() > MAX_DESTINATIONS {
        return Err(reader.wrong(0, format!("more than {MAX_DESTINATIONS} destinations (MAX_DESTINATIONS)")));
    }
    let mut names = BTreeSet::new();
    let mut destinations = Vec::new();
    for raw in file.destination {
        let raw = raw.into_inner();
        if !names.insert(raw.name.as_ref().to_ascii_lowercase()) {
            let at = raw.name.span().start;
            return Err(
                reader.wrong(at, format!("two destinations are named `{}`: names are unique", raw.name.as_ref()))
            );
        }
        destinations.push(reader.destination(raw)?);
    }
    Ok(destinations)
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    surroundings: &'t dyn Surroundings,
}

impl Reader<'_> {
    fn wrong(&self, at: usize, problem: impl Into<String>) -> ConfigError {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        ConfigError { file: self.file.to_owned(), line: before.matches('\n').count() + 1, problem: problem.into() }
    }

    fn destination(&self, raw: RawDestination) -> Result<Destination, ConfigError> {
        let name = raw.name.as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) || name.starts_with('.') {
            let at = raw.name.span().start;
            return Err(
                self.wrong(at, format!("`{name}` cannot be a name: use letters, digits, -, _ and ., at most 64"))
            );
        }
        let url = self.url(&raw)?;
        if raw.protocol == Protocol::RemoteWrite {
            self.remote_write(&raw)?;
        }
        let signals = match &raw.signals {
            // Series are what became of metrics.
            None if raw.protocol == Protocol::RemoteWrite => vec![Signal::Metrics],
            None => Signal::ALL.to_vec(),
            Some(words) => self.signals(words)?,
        };
        let queue_bytes = self.bytes(raw.queue.as_ref(), "queue", DEFAULT_QUEUE)?;
        if queue_bytes < MIN_QUEUE {
            let at = raw.queue.as_ref().map_or(0, |queue| queue.span().start);
            return Err(self.wrong(at, "the queue is too small: give at least 1MiB"));
        }
        let headers = self.headers(&raw.headers)?;
        for condition in raw.keep.iter().chain(&raw.drop) {
            condition.as_ref().check().map_err(|problem| self.wrong(condition.span().start, problem))?;
        }
        let conditions = |list: Vec<Spanned<Condition>>| list.into_iter().map(Spanned::into_inner).collect();
        Ok(Destination {
            name: raw.name.as_ref().clone(),
            url,
            protocol: raw.protocol,
            signals,
            headers,
            compression: raw.compression,
            encoding: raw.encoding,
            timeout: self.duration(raw.timeout.as_ref(), "timeout", DEFAULT_TIMEOUT)?,
            queue_bytes,
            max_age: self.duration(raw.max_age.as_ref(), "max_age", DEFAULT_MAX_AGE)?,
            batch_bytes: usize::try_from(self.bytes(raw.batch.as_ref(), "batch", 0)?).unwrap_or(usize::MAX),
            filter: Filter { keep: conditions(raw.keep), drop: conditions(raw.drop) },
        })
    }

    /// Remote write has one encoding and one compression, and its series say neither service nor agent.
    fn remote_write(&self, raw: &RawDestination) -> Result<(), ConfigError> {
        let without = |what: &str, at: usize| {
            Err(self.wrong(at, format!("`{what}` is not for protocol = \"remote-write\": leave it out")))
        };
        let at = raw.url.span().start;
        if raw.compression != Compression::AsReceived {
            return without("compression", at);
        }
        if raw.encoding != Encoding::AsReceived {
            return without("encoding", at);
        }
        if let Some(given) = &raw.signals {
            return without("signals", given.span().start);
        }
        if let Some(given) = &raw.batch {
            return without("batch", given.span().start);
        }
        match raw.keep.iter().chain(&raw.drop).find(|condition| !condition.as_ref().names_only_the_project()) {
            Some(condition) => Err(self.wrong(
                condition.span().start,
                "a condition for protocol = \"remote-write\" can only name `project`: series say nothing else",
            )),
            None => Ok(()),
        }
    }

    fn url(&self, raw: &RawDestination) -> Result<Url, ConfigError> {
        let (text, at) = (raw.url.as_ref(), raw.url.span().start);
        let url = Url::parse(text).map_err(|error| {
            let text = without_credentials(text);
            self.wrong(at, format!("`{text}` is no URL ({error}): write for example http://127.0.0.1:4318"))
        })?;
        match (url.scheme(), raw.protocol) {
            ("http", _) | ("https", Protocol::Http | Protocol::RemoteWrite) if url.has_host() => Ok(url),
            ("https", Protocol::Grpc) => Err(self.wrong(
                at,
                "gRPC is sent without TLS in this build: use protocol = \"http\" with an https:// URL, or an http:// URL of a collector beside Tawny",
            )),
            _ => {
                let text = without_credentials(text);
                Err(self.wrong(at, format!("`{text}` cannot be used: the URL begins with http:// or https://")))
            }
        }
    }

    fn signals(&self, words: &Spanned<Vec<String>>) -> Result<Vec<Signal>, ConfigError> {
        let wrong = |problem: String| self.wrong(words.span().start, problem);
        let mut signals = Vec::new();
        for word in words.as_ref() {
            let signal = Signal::ALL.into_iter().find(|signal| signal.name() == word);
            signals
                .push(signal.ok_or_else(|| wrong(format!("there is no signal `{word}`: use traces, logs, metrics")))?);
        }
        if signals.is_empty() {
            return Err(wrong("no signal: name some of traces, logs, metrics, or leave `signals` out for all".into()));
        }
        Ok(signals)
    }

    fn headers(&self, raw: &BTreeMap<String, Spanned<RawHeader>>) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        for (name, value) in raw {
            let wrong = |problem: String| self.wrong(value.span().start, problem);
            let key: HeaderName = name
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| wrong(format!("`{name}` cannot be the name of a header")))?;
            let text = match value.as_ref() {
                RawHeader::Text(text) => text.clone(),
                RawHeader::Secret(Secret { env: Some(env), file: None }) => {
                    self.surroundings.variable(env).ok_or_else(|| {
                        wrong(format!("the header `{name}` wants the environment variable {env}, which is not set"))
                    })?
                }
                RawHeader::Secret(Secret { env: None, file: Some(path) }) => {
                    self.surroundings.file(path, MAX_SECRET).map_err(|error| {
                        wrong(format!("the header `{name}` wants the file {}: {error}", path.display()))
                    })?
                }
                RawHeader::Secret(_) => {
                    return Err(wrong(format!(
                        "the header `{name}` wants either {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
                    )));
                }
            };
            // The value is not shown: it may be a key.
            let mut text = HeaderValue::from_str(text.trim())
                .map_err(|_| wrong(format!("the value of the header `{name}` has characters a header cannot carry")))?;
            text.set_sensitive(true);
            headers.insert(key, text);
        }
        Ok(headers)
    }

    fn bytes(&self, value: Option<&Spanned<String>>, key: &str, default: u64) -> Result<u64, ConfigError> {
        let Some(value) = value else { return Ok(default) };
        parse_bytes(value.as_ref()).ok_or_else(|| {
            let given = value.as_ref();
            self.wrong(value.span().start, format!("cannot read `{key} = \"{given}\"`: give for example \"64MiB\""))
        })
    }

    fn duration(&self, value: Option<&Spanned<String>>, key: &str, default: Duration) -> Result<Duration, ConfigError> {
        let Some(value) = value else { return Ok(default) };
        parse_duration(value.as_ref()).filter(|time| !time.is_zero()).ok_or_else(|| {
            let given = value.as_ref();
            self.wrong(
                value.span().start,
                format!("cannot read `{key} = \"{given}\"`: give for example \"500ms\", \"10s\", \"2h\""),
            )
        })
    }
}

/// An address as errors may repeat it: they are read by more people than the file.
fn without_credentials(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    let without = text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
    without.map_or_else(|| text.to_owned(), |(scheme, host)| format!("{scheme}://{host}"))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok().filter(|time| time.as_secs() < 36_600 * 86_400)
}
