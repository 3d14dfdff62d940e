//! `tawny demo`: sends simulated agents' runs to a server, as a client like any other.

// A sender lives by the real clock.
#![allow(clippy::disallowed_methods)]

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use model::Timestamp;
use simulator::{Load, Signal, Traffic};

use crate::cli;
use crate::client::Client;

/// Runs per second from which prepared load is sent instead of freshly written runs.
const LOAD_RATE: f64 = 20.0;

/// Threads that send load.
const LOAD_SENDERS: usize = 8;

/// Bytes of one request while catching up, and under load.
const REQUEST_BYTES: usize = 512 << 10;

/// Time for which a server that does not answer is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Without a terminal, progress is a line this often.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Sends until it is stopped, or for the time that was asked for.
pub fn run(demo: &cli::Demo) -> Result<()> {
    if !(demo.rate.is_finite() && demo.rate > 0.0) {
        bail!("cannot send {} runs per second: give a positive number", demo.rate);
    }
    let history = duration(&demo.history)?;
    let stop_after = demo.r#for.as_deref().map(duration).transpose()?;
    let sender = Sender::new(&demo.url)?;
    if demo.rate > LOAD_RATE {
        load(&sender, demo, stop_after)?;
    } else {
        live(&sender, demo, history, stop_after)?;
    }
    sender.report.finish();
    Ok(())
}

/// Writes runs as they happen, after a stretch of history.
fn live(sender: &Sender, demo: &cli::Demo, history: Duration, stop_after: Option<Duration>) -> Result<()> {
    let begun = Instant::now();
    let start = now().plus_nanos(-i64::try_from(history.as_nanos()).unwrap_or(i64::MAX));
    let mut waiting = [Parcel::new(Signal::Traces), Parcel::new(Signal::Logs)];
    for timed in Traffic::new(demo.seed, demo.rate, start) {
        let due = begun + timed.at.saturating_sub(history);
        if stop_after.is_some_and(|limit| due > begun + limit) {
            break;
        }
        let late = due <= Instant::now();
        let parcel = &mut waiting[usize::from(timed.signal == Signal::Logs)];
        // While catching up, requests are put together: protobuf messages one after the other are one message.
        if !late || parcel.body.len() + timed.body.len() > REQUEST_BYTES {
            waiting.iter_mut().try_for_each(|parcel| sender.send(parcel))?;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let parcel = &mut waiting[usize::from(timed.signal == Signal::Logs)];
        parcel.body.extend(&timed.body);
        parcel.spans += timed.spans as u64;
        parcel.runs += timed.ends_runs as u64;
        if !late {
            sender.send(parcel)?;
        }
    }
    waiting.iter_mut().try_for_each(|parcel| sender.send(parcel))
}

/// Sends prepared runs from several threads, together at the rate that was asked for or as fast as the server takes them.
fn load(sender: &Sender, demo: &cli::Demo, stop_after: Option<Duration>) -> Result<()> {
    let begun = Instant::now();
    let gap = Duration::from_secs_f64(LOAD_SENDERS as f64 / demo.rate);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for number in 0..LOAD_SENDERS {
            let (failed, sender) = (&failed, &sender);
            scope.spawn(move || {
                let mut load = Load::new(demo.seed.wrapping_add(number as u64));
                let mut parcel = Parcel::new(Signal::Traces);
                let mut due = begun + gap.mul_f64(number as f64 / LOAD_SENDERS as f64);
                while stop_after.is_none_or(|limit| begun.elapsed() < limit) && is_empty(failed) {
                    while due <= Instant::now() && parcel.body.len() < REQUEST_BYTES {
                        let (body, spans) = load.next_run(now());
                        parcel.body.extend(body);
                        parcel.spans += spans as u64;
                        parcel.runs += 1;
                        due += gap;
                    }
                    if let Err(error) = sender.send(&mut parcel) {
                        failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
                    }
                    thread::sleep(due.saturating_duration_since(Instant::now()).min(gap));
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn is_empty(failed: &Mutex<Option<anyhow::Error>>) -> bool {
    failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).is_none()
}

/// One request in the making.
struct Parcel {
    signal: Signal,
    body: Vec<u8>,
    spans: u64,
    runs: u64,
}

impl Parcel {
    fn new(signal: Signal) -> Self {
        Self { signal, body: Vec::new(), spans: 0, runs: 0 }
    }
}

struct Sender {
    client: Client,
    report: Report,
}

impl Sender {
    fn new(url: &str) -> Result<Self> {
        Ok(Self { client: Client::new(url)?, report: Report::new(url) })
    }

    /// Sends a request, again where the server says so or does not answer, and empties the parcel.
    fn send(&self, parcel: &mut Parcel) -> Result<()> {
        if parcel.body.is_empty() {
            return Ok(());
        }
        let headers = [("content-type", "application/x-protobuf")];
        let begun = Instant::now();
        let mut pause = Duration::from_millis(200);
        loop {
            let wait = match self.client.send(parcel.signal.path(), &headers, &parcel.body) {
                Ok(answer) if answer.status().is_success() => break,
                // OTLP: these, and only these, are to be sent again.
                Ok(answer) if [429, 502, 503, 504].contains(&answer.status().as_u16()) => {
                    self.report.refused.fetch_add(1, Ordering::Relaxed);
                    let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                    after.map_or(pause, Duration::from_secs)
                }
                Ok(answer) => bail!("the server refused a request with {}", answer.status()),
                Err(error) if begun.elapsed() > PATIENCE => return Err(self.client.explain(error)),
                Err(_) => pause,
            };
            thread::sleep(wait);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        self.report.sent(parcel);
        parcel.body.clear();
        (parcel.spans, parcel.runs) = (0, 0);
        Ok(())
    }
}

/// What was sent so far, shown as it grows.
struct Report {
    begun: Instant,
    shown: Mutex<Instant>,
    bar: Option<ProgressBar>,
    runs: AtomicU64,
    spans: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
}

impl Report {
    fn new(url: &str) -> Self {
        println!("Sending simulated agent runs to {url}. Ctrl-C stops.");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let (runs, spans, bytes, refused) = Default::default();
        Self { begun: Instant::now(), shown: Mutex::new(Instant::now()), bar, runs, spans, bytes, refused }
    }

    fn sent(&self, parcel: &Parcel) {
        self.runs.fetch_add(parcel.runs, Ordering::Relaxed);
        self.spans.fetch_add(parcel.spans, Ordering::Relaxed);
        self.bytes.fetch_add(parcel.body.len() as u64, Ordering::Relaxed);
        match &self.bar {
            Some(bar) => bar.set_message(self.words()),
            None => {
                let mut shown = self.shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                if shown.elapsed() >= REPORT_EVERY {
                    *shown = Instant::now();
                    println!("{}", self.words());
                }
            }
        }
    }

    fn words(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64();
        let refused = match of(&self.refused) {
            0 => String::new(),
            count => format!(", asked to wait {count} times"),
        };
        let megabytes = of(&self.bytes) as f64 / 1e6;
        format!("{} runs, {} spans, {megabytes:.1} MB in {seconds:.0} s{refused}", of(&self.runs), of(&self.spans))
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        println!("{}", self.words());
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A length of time as people write it: `90s`, `15m`, `2h`; `0` is none.
fn duration(text: &str) -> Result<Duration> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let length: jiff::SignedDuration =
        text.parse().with_context(|| format!("cannot read `{text}` as a length of time: write 90s, 15m or 2h"))?;
    Duration::try_from(length).with_context(|| format!("cannot use `{text}`: a length of time is not negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        assert_eq!(duration("15m").unwrap(), Duration::from_secs(900));
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        assert!(duration("-5m").unwrap_err().to_string().contains("not negative"));
        assert!(duration("soon").unwrap_err().to_string().contains("15m"));
    }
}
