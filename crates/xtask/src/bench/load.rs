//! Sending a data set over OTLP/HTTP on loopback: threads with kept-alive connections, each request timed.
//!
//! The sets are of one day long ago; a store treats an old day differently from today. So every request's times are moved
//! on its way out: the set ends when it is sent.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::common::Set;

/// What became of a set that was sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Spans acknowledged.
    pub spans: u64,
    /// Bytes of their requests.
    pub bytes: u64,
    /// From the first request to the last answer, in seconds.
    pub seconds: f64,
    /// Times from request to acknowledgement, sorted. A request that was put off counts from its last attempt.
    pub latencies: Vec<Duration>,
    /// Requests that were told to come back later, each time.
    pub put_off: u64,
}

impl Sent {
    /// The latency below which this share of requests stayed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Sends the whole set with so many clients at once to the OTLP/HTTP address `url`.
pub fn send(url: &str, set: &Set, clients: usize) -> Result<Sent> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as i64;
    let shift = now - set.ends;
    let (next, spans, bytes, put_off) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let latencies = Mutex::new(Vec::with_capacity(set.files.len()));
    let client = || -> Result<()> {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(120))).build().into();
        let mut own = Vec::new();
        while let Some(file) = set.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut body = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let held = move_times(&mut body, shift).with_context(|| format!("{} is no OTLP", file.display()))?;
            loop {
                let begun = Instant::now();
                let answer = agent.post(format!("{url}/v1/traces")).content_type("application/x-protobuf").send(&body);
                let mut answer = answer.context("the server does not answer")?;
                let text = answer.body_mut().read_to_vec()?;
                match answer.status().as_u16() {
                    200 => own.push(begun.elapsed()),
                    429 | 503 => {
                        put_off.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(50));
                        continue;
                    }
                    status => bail!("the server answered {status}: {}", String::from_utf8_lossy(&text)),
                }
                break;
            }
            spans.fetch_add(held, Ordering::Relaxed);
            bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        latencies.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        Ok(())
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients.max(1)).map(|_| scope.spawn(client)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked")))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut latencies = latencies.into_inner().unwrap_or_else(PoisonError::into_inner);
    latencies.sort_unstable();
    let read = |counter: AtomicU64| counter.into_inner();
    Ok(Sent { spans: read(spans), bytes: read(bytes), seconds, latencies, put_off: read(put_off) })
}

/// Adds `by` nanoseconds to the start and end of every span of an `ExportTraceServiceRequest`, in place; gives the number
/// of spans. `None` for bytes that are no such request.
fn move_times(request: &mut [u8], by: i64) -> Option<u64> {
    /// Field numbers that lead to spans: `resource_spans` 1, `scope_spans` 2, `spans` 2 (opentelemetry-proto 1.x).
    const WAY: [u64; 3] = [1, 2, 2];
    /// `start_time_unix_nano` and `end_time_unix_nano` of a span.
    const TIMES: [u64; 2] = [7, 8];
    fn message(bytes: &mut [u8], way: &[u64], by: i64) -> Option<u64> {
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
                        spans += message(inside, &way[1..], by)?;
                    }
                    at += length;
                }
                5 => at += 4,
                _ => return None,
            }
        }
        (at == bytes.len()).then_some(spans)
    }
    message(request, &WAY, by)
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

    #[test]
    fn times_of_spans_move_and_nothing_else_does() {
        let span = [&[0x39][..], &100u64.to_le_bytes(), &[0x41], &250u64.to_le_bytes(), &[0x2a, 1, b'n']].concat();
        let wrap = |inside: &[u8], key: u8| [&[key, inside.len() as u8], inside].concat();
        let twice = [wrap(&span, 0x12), wrap(&span, 0x12)].concat();
        let mut request = wrap(&wrap(&twice, 0x12), 0x0a);
        let before = request.clone();
        assert_eq!(move_times(&mut request, -40), Some(2));
        assert_eq!(request.iter().zip(&before).filter(|(new, old)| new != old).count(), 4);
        assert!(request.windows(9).any(|window| window == [&[0x41][..], &210u64.to_le_bytes()].concat()));
        assert_eq!(move_times(&mut [0x0a, 5, 1], 1), None);
    }
}
