//! Sending a data set over OTLP/HTTP on loopback: threads with kept-alive connections, each request timed.
//!
//! The sets are of one day long ago; a store treats an old day differently from today. So every request's times are moved
//! on its way out: the set ends when it is sent. Sent once more, its runs get other ids: rows that replace each other are not data that grows.
//!
//! A client that is told to come back does what OpenTelemetry's exporters do: it waits as long as the answer's `Retry-After` says, which is
//! whole seconds, and sends the same request again. Times to acknowledgement begin with the first attempt, so they hold that wait.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::common::Set;

/// A server that tells a client to wait for longer than this is not one to measure.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What became of a set that was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Spans acknowledged.
    pub spans: u64,
    /// Bytes of their requests.
    pub bytes: u64,
    /// From the first request to the last answer, in seconds.
    pub seconds: f64,
    /// Times from the first attempt of a request to its acknowledgement, with all waiting in between, sorted.
    pub latencies: Vec<Duration>,
    /// Times of the attempts that were acknowledged, sorted: the same where nothing was put off.
    pub attempts: Vec<Duration>,
    /// Requests that were told to come back later, each time.
    pub put_off: u64,
}

/// The time below which this share of the sorted times stayed, in milliseconds.
pub fn quantile_ms(times: &[Duration], share: f64) -> f64 {
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// Sends the whole set with so many clients at once to the OTLP/HTTP address `url`. `pass` 0 sends the runs as they are in the set, every
/// other number sends them as other runs.
pub fn send(url: &str, set: &Set, clients: usize, pass: u64) -> Result<Sent> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as i64;
    let shift = now - set.ends;
    let (next, spans, bytes, put_off) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    // From the first attempt, and of the attempt that was acknowledged.
    let times = Mutex::new((Vec::with_capacity(set.files.len()), Vec::with_capacity(set.files.len())));
    let client = || -> Result<()> {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(120))).build().into();
        let (mut latencies, mut attempts) = (Vec::new(), Vec::new());
        while let Some(file) = set.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut body = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let held = renew(&mut body, shift, pass).with_context(|| format!("{} is no OTLP", file.display()))?;
            let first = Instant::now();
            loop {
                let begun = Instant::now();
                let answer = agent.post(format!("{url}/v1/traces")).content_type("application/x-protobuf").send(&body);
                let mut answer = answer.context("the server does not answer")?;
                let text = answer.body_mut().read_to_vec()?;
                match answer.status().as_u16() {
                    200 => {
                        latencies.push(first.elapsed());
                        attempts.push(begun.elapsed());
                    }
                    429 | 503 => {
                        put_off.fetch_add(1, Ordering::Relaxed);
                        let said = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                        std::thread::sleep(wait(said)?);
                        continue;
                    }
                    status => bail!("the server answered {status}: {}", String::from_utf8_lossy(&text)),
                }
                break;
            }
            spans.fetch_add(held, Ordering::Relaxed);
            bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        times.0.append(&mut latencies);
        times.1.append(&mut attempts);
        Ok(())
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients.max(1)).map(|_| scope.spawn(client)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked")))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let (mut latencies, mut attempts) = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    latencies.sort_unstable();
    attempts.sort_unstable();
    let read = |counter: AtomicU64| counter.into_inner();
    Ok(Sent { spans: read(spans), bytes: read(bytes), seconds, latencies, attempts, put_off: read(put_off) })
}

/// How long a client waits that is told to come back, by the answer's `Retry-After`.
fn wait(said: Option<&str>) -> Result<Duration> {
    let said = said.context("the server puts a request off without saying for how long")?;
    let seconds = said.trim().parse::<u64>().with_context(|| format!("the server says `Retry-After: {said}`"))?;
    let wait = Duration::from_secs(seconds);
    anyhow::ensure!(wait <= WAIT_MAX, "the server puts a request off for {wait:?}");
    Ok(wait)
}

/// Adds `by` nanoseconds to the start and end of every span of an `ExportTraceServiceRequest` and turns the bits of `pass` round in its trace
/// id, in place; gives the number of spans. `None` for bytes that are no such request.
fn renew(request: &mut [u8], by: i64, pass: u64) -> Option<u64> {
    /// Field numbers that lead to spans: `resource_spans` 1, `scope_spans` 2, `spans` 2 (opentelemetry-proto 1.x).
    const WAY: [u64; 3] = [1, 2, 2];
    /// `start_time_unix_nano` and `end_time_unix_nano` of a span.
    const TIMES: [u64; 2] = [7, 8];
    /// `trace_id` of a span, 16 bytes.
    const TRACE: u64 = 1;
    fn message(bytes: &mut [u8], way: &[u64], by: i64, pass: u64) -> Option<u64> {
        let (mut at, mut spans) = (0, u64::from(way.is_empty()));
        while at < bytes.len() {
            let key = varint(bytes, &mut at)?;
            let field = key >> 3;
            match key & 7 {
                0 => _ = varint(bytes, &mut at)?,
                1 => {
                    let value = bytes.get_mut(at..at + 8)?;
                    if way.is_empty() && TIMES.contains(&field) {
                        let time = u64::from_le_bytes(value.try_into().ok()?).wrapping_add_signed(by);
                        value.copy_from_slice(&time.to_le_bytes());
                    }
                    at += 8;
                }
                2 => {
                    let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
                    let inside = bytes.get_mut(at..at.checked_add(length)?)?;
                    if way.first() == Some(&field) {
                        spans += message(inside, &way[1..], by, pass)?;
                    } else if way.is_empty() && field == TRACE && length == 16 {
                        inside[8..].iter_mut().zip(pass.to_be_bytes()).for_each(|(byte, bits)| *byte ^= bits);
                    }
                    at += length;
                }
                5 => at += 4,
                _ => return None,
            }
        }
        (at == bytes.len()).then_some(spans)
    }
    message(request, &WAY, by, pass)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(span: &[u8]) -> Vec<u8> {
        let wrap = |inside: &[u8], key: u8| [&[key, inside.len() as u8], inside].concat();
        let twice = [wrap(span, 0x12), wrap(span, 0x12)].concat();
        wrap(&wrap(&twice, 0x12), 0x0a)
    }

    #[test]
    fn times_of_spans_move_and_nothing_else_does() {
        let trace = [&[0x0a_u8, 16][..], &[7; 16]].concat();
        let times = [&[0x39][..], &100u64.to_le_bytes(), &[0x41], &250u64.to_le_bytes(), &[0x2a, 1, b'n']].concat();
        let mut request = request(&[trace, times].concat());
        let before = request.clone();
        assert_eq!(renew(&mut request, -40, 0), Some(2));
        assert_eq!(request.iter().zip(&before).filter(|(new, old)| new != old).count(), 4);
        assert!(request.windows(9).any(|window| window == [&[0x41][..], &210u64.to_le_bytes()].concat()));
        assert_eq!(renew(&mut [0x0a, 5, 1], 1, 0), None);
    }

    #[test]
    fn a_set_sent_again_has_other_runs() {
        // A trace id, and a span id of eight bytes, which stays.
        let span = [&[0x0a_u8, 16][..], &[7; 16], &[0x12, 8], &[9; 8]].concat();
        let mut again = request(&span);
        assert_eq!(renew(&mut again, 0, 0x0102), Some(2));
        let moved = [&[0x0a_u8, 16][..], &[7; 14], &[7 ^ 1, 7 ^ 2], &[0x12, 8], &[9; 8]].concat();
        assert_eq!(again, request(&moved));
        assert_eq!(renew(&mut again, 0, 0x0102), Some(2));
        assert_eq!(again, request(&span), "the same pass gives the same ids");
    }

    #[test]
    fn a_client_waits_as_it_is_told() {
        assert_eq!(wait(Some("1")).unwrap(), Duration::from_secs(1));
        assert!(wait(Some("soon")).is_err() && wait(None).is_err() && wait(Some("3600")).is_err());
    }
}
