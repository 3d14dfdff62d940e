//! One destination at work: take what waits, send it, wait and try again where that helps, count everything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Timestamp;

use crate::config::Destination;
use crate::outgoing::{Outgoing, halves, prepare};
use crate::record::Record;
use crate::sender::{Outcome, Sender};
use crate::spool::Spool;
use crate::{Clock, Counts, DestinationStatus, State};

/// First wait after a failure; each further one is twice as long …
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Wait when the destination wants other credentials.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(60);
/// Longest wait a destination may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// Wait when the queue cannot be read.
const DISK_WAIT: Duration = Duration::from_secs(5);
/// A failure that lasts is logged again after this long.
const LOG_AGAIN: i64 = 60_000_000_000;

/// A destination with its connections and counts.
pub(crate) struct Worker {
    pub destination: Destination,
    pub at: usize,
    pub spool: Arc<Spool>,
    pub sender: Sender,
    pub clock: Clock,
    pub counts: Mutex<Counts>,
    /// Makes waits differ between instances.
    pub seed: u64,
}

impl Worker {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until it is dropped. What is being sent then is sent again by the next start.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.spool.wait(self.spool.place(self.at)).await;
            let this = Arc::clone(&self);
            // Reading, filtering and compressing take a thread that may be busy.
            let read = tokio::task::spawn_blocking(move || this.take()).await;
            let (requests, end) = match read {
                Ok(Ok(taken)) => taken,
                Ok(Err(error)) => {
                    self.fail(format!("the queue cannot be read: {error}"), DISK_WAIT).await;
                    continue;
                }
                Err(error) => {
                    self.fail(format!("a fault in Tawny itself: {error}"), DISK_WAIT).await;
                    continue;
                }
            };
            for (request, received) in requests {
                self.deliver(request, received).await;
            }
            if let Err(error) = self.spool.done(self.at, end) {
                self.fail(format!("the place in the queue cannot be kept: {error}"), Duration::ZERO).await;
            }
        }
    }

    /// The next requests, ready to send, with when the oldest of their records came in.
    fn take(&self) -> std::io::Result<(Vec<(Outgoing, Timestamp)>, crate::spool::Place)> {
        let (records, end) = self.spool.next(self.at, self.destination.batch_bytes)?;
        let oldest = self.oldest();
        let (alive, expired): (Vec<Record>, Vec<Record>) =
            records.into_iter().partition(|record| record.received >= oldest);
        let received = alive.iter().map(|record| record.received).min().unwrap_or_default();
        let prepared = prepare(&self.destination, &alive);
        let mut counts = self.counts();
        counts.expired_requests += expired.len() as u64;
        counts.filtered_items += prepared.filtered;
        if let Some((requests, reason)) = prepared.unreadable {
            counts.refused_requests += requests;
            counts.last_error = Some(((self.clock)(), format!("cannot be passed on in the wanted form: {reason}")));
        }
        Ok((prepared.requests.into_iter().map(|request| (request, received)).collect(), end))
    }

    /// What came in before this is too old to be sent.
    fn oldest(&self) -> Timestamp {
        let age = i64::try_from(self.destination.max_age.as_nanos()).unwrap_or(i64::MAX);
        (self.clock)().plus_nanos(-age)
    }

    /// Sends a request until it is taken, refused or too old.
    async fn deliver(&self, request: Outgoing, received: Timestamp) {
        let mut pieces = vec![request];
        let mut attempt = 0;
        while let Some(piece) = pieces.pop() {
            match self.sender.send(&piece).await {
                Outcome::Taken { rejected, message } => {
                    attempt = 0;
                    self.taken(&piece, rejected, message);
                }
                Outcome::TooLarge(reason) => match halves(&piece) {
                    Some([first, second]) => pieces.extend([second, first]),
                    None => self.refused(&piece, reason),
                },
                Outcome::Refused(reason) => self.refused(&piece, reason),
                Outcome::Later { reason, after, credentials } => {
                    if received < self.oldest() {
                        let mut counts = self.counts();
                        counts.expired_requests += 1;
                        counts.last_error = Some(((self.clock)(), format!("too old to be tried again: {reason}")));
                        continue;
                    }
                    let wait = self.wait(attempt, after, credentials);
                    attempt += 1;
                    self.counts().retries += 1;
                    pieces.push(piece);
                    self.fail(reason, wait).await;
                }
            }
        }
    }

    /// How long to wait: what the receiver asks for, else twice as long each time; with a random part, so that those who
    /// failed together do not come back together.
    fn wait(&self, attempt: u32, after: Option<Duration>, credentials: bool) -> Duration {
        let wait = match after {
            Some(asked) => asked.min(LONGEST_ASKED),
            None if credentials => CREDENTIALS_WAIT,
            None => FIRST_WAIT.saturating_mul(1 << attempt.min(10)).min(LONGEST_WAIT),
        };
        let share = f64::from(scramble(self.seed ^ self.counts().retries) as u32) / f64::from(u32::MAX);
        // What was asked for is only lengthened.
        wait.mul_f64(if after.is_some() { 1.0 + share / 10.0 } else { 0.5 + share / 2.0 })
    }

    async fn fail(&self, reason: String, wait: Duration) {
        {
            let now = (self.clock)();
            let mut counts = self.counts();
            let first = counts.failing_since.is_none();
            if first || now.nanos_since(counts.logged) > LOG_AGAIN {
                counts.logged = now;
                tracing::warn!(destination = self.destination.name, reason, "cannot pass telemetry on; it waits");
            }
            counts.failing_since.get_or_insert(now);
            counts.last_error = Some((now, reason));
            counts.next_try_at = Some(now.plus_nanos(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)));
        }
        tokio::time::sleep(wait).await;
    }

    fn taken(&self, piece: &Outgoing, rejected: u64, message: String) {
        let now = (self.clock)();
        let mut counts = self.counts();
        counts.sent_requests += 1;
        counts.sent_items += piece.items.saturating_sub(rejected);
        counts.sent_bytes += piece.body.len() as u64;
        counts.rejected_items += rejected;
        counts.last_sent_at = Some(now);
        counts.next_try_at = None;
        if rejected > 0 {
            counts.last_error = Some((now, format!("{rejected} items were refused: {message}")));
        }
        if counts.failing_since.take().is_some() {
            tracing::info!(destination = self.destination.name, "telemetry is passed on again");
        }
    }

    fn refused(&self, piece: &Outgoing, reason: String) {
        let now = (self.clock)();
        let mut counts = self.counts();
        counts.refused_requests += 1;
        counts.refused_items += piece.items;
        (counts.failing_since, counts.next_try_at) = (None, None);
        if now.nanos_since(counts.logged) > LOG_AGAIN {
            counts.logged = now;
            tracing::warn!(destination = self.destination.name, reason, "the destination refused telemetry");
        }
        counts.last_error = Some((now, reason));
    }

    /// What the destination is doing.
    pub fn status(&self) -> DestinationStatus {
        let counts = self.counts().clone();
        DestinationStatus {
            name: self.destination.name.clone(),
            url: self.destination.shown_url(),
            protocol: self.destination.protocol,
            signals: self.destination.signals.clone(),
            state: if counts.failing_since.is_some() { State::Retrying } else { State::Ok },
            backlog: self.spool.backlog(self.at),
            queue_bytes: self.destination.queue_bytes,
            counts,
        }
    }
}

/// A number that looks random, from one that does not (splitmix64).
pub(crate) fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
