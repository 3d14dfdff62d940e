//! Sends requests, waiting where the server asks to, and notes what became of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode};
use wire::{Encoding, Signal};

use super::report::Report;
use super::source::Request;
use crate::client::Client;
use crate::wait;

/// How long one request may be put off in total before the import gives up.
const PATIENCE: Duration = Duration::from_secs(600);
/// Wait where the server does not say how long.
const WAIT: Duration = Duration::from_secs(1);
/// Longest single wait.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Times a broken connection is tried again.
const RECONNECTS: u32 = 5;

/// Shared by the threads that send.
pub struct Sender<'a> {
    client: &'a Client,
    report: &'a Mutex<Report>,
    strict: bool,
    stopped: AtomicBool,
    fatal: Mutex<Option<anyhow::Error>>,
}

impl<'a> Sender<'a> {
    /// A sender that notes into `report`; with `strict` the first refusal stops everything.
    pub fn new(client: &'a Client, report: &'a Mutex<Report>, strict: bool) -> Self {
        Self { client, report, strict, stopped: AtomicBool::new(false), fatal: Mutex::new(None) }
    }

    /// Whether nothing more should be sent.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The error that ended the import, if one did.
    pub fn into_fatal(self) -> Option<anyhow::Error> {
        self.fatal.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, error: anyhow::Error) {
        self.stopped.store(true, Ordering::Relaxed);
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Notes a line that is no request.
    pub fn unreadable(&self, line: u64, problem: String) {
        self.report().unreadable(line, problem);
        if self.strict {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    /// Sends a request until it is answered for good.
    pub fn send(&self, request: Request) {
        let (mut waited, mut broken) = (Duration::ZERO, 0);
        loop {
            if self.stopped() {
                return;
            }
            let pause = match self.once(&request) {
                Ok(response) => match self.judge(&request, response) {
                    Some(pause) => pause,
                    None => return,
                },
                Err(error) => {
                    broken += 1;
                    if broken > RECONNECTS {
                        return self.give_up(self.client.explain(error));
                    }
                    WAIT * broken
                }
            };
            waited += pause;
            if waited > PATIENCE {
                return self.give_up(anyhow::anyhow!(
                    "the server asked to wait for more than {} seconds; `tawny status` says which limit is reached",
                    PATIENCE.as_secs()
                ));
            }
            wait::pause(pause);
        }
    }

    fn once(&self, request: &Request) -> Result<Response<ureq::Body>, ureq::Error> {
        let (path, kind) = match request.lines_from {
            Some(_) => ("/api/v1/logs", "application/x-ndjson"),
            None => (request.signal.map_or("/", Signal::path), request.encoding.content_type()),
        };
        let headers = [("content-type", kind), ("content-encoding", request.compression.name())];
        self.client.send(path, &headers, &request.body)
    }

    /// Notes an answer; gives the time to wait where the request is to be sent again.
    fn judge(&self, request: &Request, response: Response<ureq::Body>) -> Option<Duration> {
        let status = response.status();
        if status.is_success() {
            let count = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
            let (accepted, rejected) = (count("tawny-accepted").unwrap_or(0), count("tawny-rejected").unwrap_or(0));
            let signal = request.signal.unwrap_or(Signal::Traces);
            let reason = (rejected > 0).then(|| reason(request, response)).flatten();
            self.report().sent(signal, accepted, rejected, reason);
            if rejected > 0 && self.strict {
                self.stopped.store(true, Ordering::Relaxed);
            }
            return None;
        }
        // The statuses that OTLP calls retryable.
        if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            let after =
                response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
            self.report().waits += 1;
            return Some(after.map_or(WAIT, Duration::from_secs).min(MAX_WAIT));
        }
        if matches!(status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE)
            && let Some(parts) = request.split()
        {
            // One line spoils the request it was put into: each for itself.
            parts.for_each(|part| self.send(part));
            return None;
        }
        let problem = format!("refused with {status}: {}", message(request.encoding, response));
        self.report().refused(request.line(), problem);
        if self.strict {
            self.stopped.store(true, Ordering::Relaxed);
        }
        None
    }
}

/// Largest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;

/// Why items were refused, from an answer in JSON.
fn reason(request: &Request, response: Response<ureq::Body>) -> Option<String> {
    if request.encoding != Encoding::Json {
        return None;
    }
    let text = response.into_body().with_config().limit(MAX_ANSWER).read_to_string().ok()?;
    let answer: Value = serde_json::from_str(&text).ok()?;
    if let (Some(from), Some(reasons)) = (request.lines_from, answer["reasons"].as_array()) {
        let reasons: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
        let place = if from > 1 { format!(" (counted from line {from} of the file)") } else { String::new() };
        return Some(reasons.join("; ") + &place);
    }
    Some(answer["partialSuccess"]["errorMessage"].as_str()?.to_owned())
}

/// Why a request was refused. In a protobuf answer the message is the only text, so printable characters are it.
fn message(encoding: Encoding, response: Response<ureq::Body>) -> String {
    let bytes = response.into_body().with_config().limit(MAX_ANSWER).read_to_vec().unwrap_or_default();
    if encoding == Encoding::Json
        && let Ok(Value::Object(answer)) = serde_json::from_slice(&bytes)
        && let Some(text) = answer.get("message").or_else(|| answer.get("detail")).and_then(Value::as_str)
    {
        return text.to_owned();
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').take(400).collect::<String>().trim().to_owned()
}
