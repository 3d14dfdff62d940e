//! `tawny demo`: simulated agent runs, sent to the server like any client would send them.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use model::Timestamp;
use server::SystemClock;
use simulator::{Load, Timed, Traffic};

use crate::cli::Demo;
use crate::client::Client;
use crate::show;
use crate::style::{count, faint, strong};
use crate::wait::pause;

/// Requests under way at the same time: each waits for the disk, so one alone could not keep up with a high rate.
const SENDERS: usize = 8;
/// Wait before a request that was put off is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// Runs per second above which prepared runs are sent, without history, instead of runs written as they happen.
const LOAD_RATE: f64 = 50.0;
/// Runs in one request at most under load.
const RUNS_TOGETHER: u64 = 8;
/// Wait of a sender under load that has nothing to send yet.
const IDLE: Duration = Duration::from_millis(5);
/// How often the figures are shown.
const SHOWN: Duration = Duration::from_millis(500);

/// Sends simulated runs until interrupted, or for the time given.
pub fn run(args: &Demo) -> Result<ExitCode> {
    if !(args.rate.is_finite() && args.rate > 0.0) {
        bail!("cannot send {} runs a second: give a number above 0, for example --rate 0.5", args.rate);
    }
    if args.incident.is_some() && args.rate > LOAD_RATE {
        bail!("an incident needs runs that are written as they happen: give --rate {LOAD_RATE} or less");
    }
    let client = Client::new(&args.url)?;
    client.text("/healthz")?;
    let history = span("--history", &args.history)?;
    let end = args.r#for.as_deref().map(|text| span("--for", text)).transpose()?;
    let now = SystemClock::time();
    let start = now.plus_nanos(-nanos(history));
    show::out(&format!(
        "Sending simulated agent runs to {}, {} a second, beginning {} ago. Stop with Ctrl-C.\n\n  {}  {}\n  {}    {}\n",
        client.base(),
        args.rate,
        args.history,
        strong("look"),
        client.base(),
        strong("or"),
        "tawny runs, tawny tail, tawny run ID"
    ))?;
    let sent = Sent::default();
    let (queue, waiting) = sync_channel(SENDERS * 2);
    let waiting = Mutex::new(waiting);
    let bar = ProgressBar::new_spinner();
    if let Ok(look) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(look);
    }
    let end = end.map(|end| now.plus_nanos(nanos(end)));
    thread::scope(|scope| {
        if args.rate > LOAD_RATE {
            for number in 0..SENDERS {
                let load = Load::new(args.seed.wrapping_add(number as u64));
                let (client, sent, bar) = (&client, &sent, &bar);
                scope.spawn(move || send_load(client, load, args.rate / SENDERS as f64, end, sent, bar));
            }
            return;
        }
        for _ in 0..SENDERS {
            scope.spawn(|| send(&client, &waiting, &sent));
        }
        let mut traffic = Traffic::new(args.seed, args.rate, start);
        if let Some(incident) = args.incident {
            traffic = traffic.with_incident(incident, history);
        }
        feed(traffic, start, end, &queue, &sent, &bar);
        drop(queue);
    });
    bar.finish_and_clear();
    show::out(&faint(&sent.text()))?;
    match sent.fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Gives out requests when they are due.
fn feed(
    traffic: Traffic,
    start: Timestamp,
    end: Option<Timestamp>,
    queue: &SyncSender<Timed>,
    sent: &Sent,
    bar: &ProgressBar,
) {
    for timed in traffic {
        let due = start.plus_nanos(nanos(timed.at));
        // By the timetable, not by the clock: a history is always told to its end.
        if end.is_some_and(|end| due >= end) {
            return;
        }
        loop {
            if sent.stopped.load(Ordering::Relaxed) {
                return;
            }
            bar.set_message(sent.text());
            bar.tick();
            let now = SystemClock::time();
            let wait = due.nanos_since(now);
            if wait <= 0 {
                break;
            }
            pause(Duration::from_nanos(wait as u64).min(SHOWN));
        }
        if queue.send(timed).is_err() {
            return;
        }
    }
}

/// What was sent so far.
#[derive(Default)]
struct Sent {
    runs: AtomicU64,
    spans: AtomicU64,
    logs: AtomicU64,
    put_off: AtomicU64,
    stopped: AtomicBool,
    fatal: Mutex<Option<anyhow::Error>>,
}

impl Sent {
    fn text(&self) -> String {
        let number = |counter: &AtomicU64| count(counter.load(Ordering::Relaxed));
        let mut text = format!(
            "{} runs, {} spans, {} log records sent",
            number(&self.runs),
            number(&self.spans),
            number(&self.logs)
        );
        if self.put_off.load(Ordering::Relaxed) > 0 {
            text.push_str(&format!(", {} put off", number(&self.put_off)));
        }
        text
    }

    fn give_up(&self, error: anyhow::Error) {
        self.stopped.store(true, Ordering::Relaxed);
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

fn send(client: &Client, waiting: &Mutex<Receiver<Timed>>, sent: &Sent) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(timed) = next else { return };
        deliver(client, &timed, sent);
    }
}

/// Sends one request, again for as long as the server puts it off.
fn deliver(client: &Client, timed: &Timed, sent: &Sent) {
    while !sent.stopped.load(Ordering::Relaxed) {
        match client.send(timed.signal.path(), &[("content-type", "application/x-protobuf")], &timed.body) {
            Ok(response) if response.status().is_success() => {
                sent.runs.fetch_add(timed.ends_runs as u64, Ordering::Relaxed);
                sent.spans.fetch_add(timed.spans as u64, Ordering::Relaxed);
                sent.logs.fetch_add(timed.logs as u64, Ordering::Relaxed);
                break;
            }
            Ok(response) if matches!(response.status().as_u16(), 429 | 502 | 503 | 504) => {
                sent.put_off.fetch_add(1, Ordering::Relaxed);
                pause(AGAIN);
            }
            Ok(response) => sent
                .give_up(anyhow!("the server refused a request with {}; `tawny status` says why", response.status())),
            Err(error) => sent.give_up(client.explain(error)),
        }
    }
}

/// One of the senders of a high rate: prepared runs, so many that together they make `rate` a second, or as many as the
/// server takes.
fn send_load(client: &Client, mut load: Load, rate: f64, end: Option<Timestamp>, sent: &Sent, bar: &ProgressBar) {
    let (begun, mut done) = (SystemClock::time(), 0);
    while !sent.stopped.load(Ordering::Relaxed) {
        let now = SystemClock::time();
        if end.is_some_and(|end| now >= end) {
            return;
        }
        let due = (now.millis_since(begun) / 1e3 * rate) as u64;
        let runs = due.saturating_sub(done).min(RUNS_TOGETHER);
        if runs == 0 {
            pause(IDLE);
            continue;
        }
        deliver(client, &load.next_request(now, runs as usize), sent);
        done += runs;
        bar.set_message(sent.text());
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// Longest time that can be asked for.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Reads `30s`, `15m`, `2h`, `7d`, or `0`.
fn span(flag: &str, text: &str) -> Result<Duration> {
    let wrong = || anyhow!("cannot read `{flag} {text}`: give a time such as 30s, 15m, 2h or 7d (at most 366d)");
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "" if number == "0" => 0,
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let span = Duration::from_secs(number.parse::<u64>().map_err(|_| wrong())?.saturating_mul(seconds));
    if span > LONGEST { Err(wrong()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(span("--for", "90s").unwrap(), Duration::from_secs(90));
        assert_eq!(span("--for", "0").unwrap(), Duration::ZERO);
        for bad in ["", "10", "h", "1y", "-5m", "99999d"] {
            assert!(span("--for", bad).is_err(), "{bad}");
        }
    }
}
