//! The one way in: every receiver hands its bytes to [`Ingest::receive`].
//!
//! decompress → decode → content policy → understand → commit. Replay of the log after a restart takes the same way
//! ([`replay`]), so what is in memory after a crash is what was there before it.

pub mod merge;
pub mod policy;
pub mod refusal;
pub mod tag;
mod told;

pub use self::policy::ContentPolicy;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dialects::Dialects;
use forward::{Forwarder, Record};
use model::raw::{Batch, Group, RawLog, RawSpan, Rejected};
use model::{Sample, Tenant, Timestamp};
use signals::prices::Prices;
use store::{CommitError, Entry, LogEntry, Rows, Store};
use tokio::sync::Semaphore;
use wire::{Compression, DecompressError, Encoding, Signal};

use crate::budget::{Budget, Share};
use crate::counters::{Accepted, Counters};
use crate::limits::LimitName;
use crate::money::Money;
use crate::series::{self, SeriesStore};
pub use refusal::Refusal;
use tag::Tag;

/// What senders are told when all memory for requests is in use.
const BUSY: Refusal = Refusal::Busy { limit: LimitName::InflightBytes, retry_after: Duration::from_secs(1) };

/// What senders are told whose turn did not come.
const NO_TURN: Refusal = Refusal::Busy { limit: LimitName::IntakeBytes, retry_after: Duration::from_secs(1) };

/// How long a request waits for its turn: half of what OpenTelemetry's exporters wait for an answer, so that there is time left to
/// keep it.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// Memory that decoding takes for each byte of a request, about, for small spans (`wire::limits::MAX_DECODED_BYTES`); those
/// with much text take less.
const DECODED_SHARE: usize = 4;

/// Bytes a receiver was sent, with all it knows about them.
#[derive(Debug)]
pub struct Received {
    /// The signal the address names; `None` where the content has to tell.
    pub signal: Option<Signal>,
    /// How the bytes are written.
    pub encoding: Encoding,
    /// How they are compressed.
    pub compression: Compression,
    /// Whose they are.
    pub project: Arc<str>,
    /// Instances of Tawny that have passed it on, as the header [`forward::VIA`] lists them; empty for none.
    pub via: String,
    /// The bytes as sent.
    pub body: Bytes,
    /// The memory they hold.
    pub share: Share,
}

/// A request that was kept: durable, and visible to every reader.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it held.
    pub signal: Signal,
    /// Items of it that were kept.
    pub accepted: u64,
    /// Items of it that were refused.
    pub rejected: Rejected,
}

/// Decodes and keeps requests, within its limits.
pub struct Ingest {
    counters: Arc<Counters>,
    budget: Arc<Budget>,
    decoders: Arc<Semaphore>,
    dialects: Dialects,
    max_body_bytes: usize,
    forwarder: Option<Arc<Forwarder>>,
    policy: Arc<ContentPolicy>,
    merge: Arc<merge::Merge>,
    money: Arc<Money>,
}

impl Ingest {
    /// An ingest with the given limits that reads spans as `dialects` say, keeps of them what `policies` say, and hands what it kept to
    /// `forwarder`.
    pub fn new(
        counters: Arc<Counters>,
        limits: &crate::config::Limits,
        dialects: Dialects,
        policies: Option<Arc<::policy::Policies>>,
        forwarder: Option<Arc<Forwarder>>,
        money: Arc<Money>,
    ) -> Self {
        let policy = Arc::new(ContentPolicy::new(policies, dialects.clone()));
        Self {
            forwarder,
            counters,
            budget: Budget::new(limits.inflight_bytes, limits.intake_bytes),
            decoders: Arc::new(Semaphore::new(limits.decoders.max(1))),
            max_body_bytes: limits.max_body_bytes,
            merge: Arc::new(merge::Merge::new(dialects.clone(), Arc::clone(&money), Arc::clone(&policy))),
            policy,
            dialects,
            money,
        }
    }

    /// What is kept of content.
    pub fn policy(&self) -> &ContentPolicy {
        &self.policy
    }

    /// Largest request, in bytes after decompression.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Bytes of requests being received or decoded.
    pub fn inflight_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Bytes of requests that were let in: with those that have not come yet, without those of small requests.
    pub fn intake_bytes(&self) -> usize {
        self.budget.let_in()
    }

    /// Requests that waited for their turn, so far.
    pub fn waited(&self) -> u64 {
        self.budget.waited()
    }

    /// A share of the memory for requests, to be grown while a body comes in.
    pub fn share(&self) -> Share {
        self.budget.share()
    }

    /// Grows `share` by bytes that came in; refuses when all memory for requests is in use.
    pub fn reserve(share: &mut Share, bytes: usize) -> Result<(), Refusal> {
        share.grow(bytes).map_err(|_| BUSY)
    }

    /// Waits until it is the turn of a request of `bytes` bytes; refuses it when that takes too long.
    pub async fn wait_for_turn(share: &mut Share, bytes: usize) -> Result<(), Refusal> {
        share.wait_for_turn(bytes, TURN_WAIT).await.map_err(|_| NO_TURN)
    }

    /// Keeps a request. Returns when it is durable and visible.
    pub async fn receive(
        &self,
        store: &Store,
        series: &Arc<SeriesStore>,
        mut received: Received,
        now: Timestamp,
    ) -> Result<Kept, Refusal> {
        // Rows take at least what their bytes do: where these have no room, decoding them would be in vain.
        store.has_room(received.body.len()).map_err(refuse_commit)?;
        let via = std::mem::take(&mut received.via);
        let (project, bytes) = (Arc::clone(&received.project), received.body.len() as u64);
        let Ok(permit) = Arc::clone(&self.decoders).acquire_owned().await else {
            return Err(Refusal::NotReady { state: "stopping" });
        };
        let (limit, dialects, prices) = (self.max_body_bytes, self.dialects.clone(), self.money.prices());
        let policy = Arc::clone(&self.policy);
        let decoded = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            understand((&dialects, &prices, &policy), received, now, limit)
        });
        let Understood { tag, payload, rows, samples, rejected, mut accepted, share } =
            decoded.await.map_err(|error| {
                tracing::error!(%error, "decoding a request panicked");
                Refusal::Fault
            })??;
        if !rows.is_empty() {
            let entry = Entry { tag: tag.to_number(), project: Arc::clone(&project), received: now, payload, rows };
            keep(store, self.forwarder.as_deref(), tag, accepted.items, via, entry).await?;
        }
        if !samples.writes.is_empty() {
            // What the log has already is there when a sender repeats the request: neither counts it twice.
            series.write(&project, samples, now).await.map_err(Refusal::NotKept)?;
        }
        drop(share);
        for (trace, span, id) in std::mem::take(&mut accepted.reservations) {
            self.money.note_reservation(trace, span, id);
        }
        accepted.bytes = bytes;
        let items = accepted.items;
        self.counters.accepted(tag.signal, &project, accepted);
        if rejected.count > 0 {
            // Why is told to the sender: the reasons repeat what it sent, which must not be in a log.
            tracing::debug!(signal = tag.signal.name(), count = rejected.count, "items refused");
        }
        Ok(Kept { signal: tag.signal, accepted: items, rejected })
    }

    /// Counts items that were refused before they came here.
    pub fn items_refused(&self, signal: Signal, project: &Arc<str>, rejected: &Rejected) {
        self.counters.items_refused(signal, project, rejected);
    }

    /// Counts a refusal. A request whose signal is not known counts as traces, like an empty one.
    pub fn refused(&self, signal: Option<Signal>, refusal: &Refusal, bytes: usize) {
        let signal = signal.unwrap_or(Signal::Traces);
        self.counters.rejected(signal, refusal.reason(), bytes as u64);
        if let Some(limit) = refusal.limit() {
            self.counters.limit_reached(limit);
        }
        match refusal {
            Refusal::NotKept(_) | Refusal::Fault => {
                tracing::error!(signal = signal.name(), %refusal, "request refused")
            }
            // The words repeat what the sender sent.
            _ => tracing::debug!(signal = signal.name(), reason = refusal.reason(), "request refused"),
        }
    }
}

/// Keeps an entry: in the store, then in the queue of what is passed on. What is queued is what the log holds, so that the
/// content policy holds there too.
async fn keep(
    store: &Store,
    forwarder: Option<&Forwarder>,
    tag: Tag,
    items: u64,
    via: String,
    entry: Entry,
) -> Result<(), Refusal> {
    let record = forwarder.map(|_| Record {
        received: entry.received,
        signal: tag.signal,
        encoding: tag.encoding,
        compression: tag.compression,
        items: u32::try_from(items).unwrap_or(u32::MAX),
        project: entry.project.to_string(),
        via,
        form: forward::Form::Otlp,
        payload: entry.payload.clone(),
    });
    store.commit(entry).await.map_err(refuse_commit)?;
    if let (Some(forwarder), Some(record)) = (forwarder, record) {
        forwarder.offer(record).await;
    }
    Ok(())
}

fn refuse_commit(error: CommitError) -> Refusal {
    match error {
        CommitError::Full { limit, retry_after } => Refusal::Busy { limit: limit.into(), retry_after },
        CommitError::TooLarge { limit, .. } => Refusal::TooLarge { limit },
        CommitError::Closed => Refusal::NotReady { state: "stopping" },
        CommitError::TakenOver => Refusal::TAKEN_OVER,
        error @ CommitError::Io(_) => Refusal::NotKept(error.to_string()),
    }
}

/// A request ready for the log.
struct Understood {
    tag: Tag,
    payload: Bytes,
    rows: Rows,
    /// Series of the data points.
    samples: ::series::Batch,
    rejected: Rejected,
    accepted: Accepted,
    share: Share,
}

fn understand(
    (dialects, prices, policy): (&Dialects, &Prices, &ContentPolicy),
    received: Received,
    now: Timestamp,
    limit: usize,
) -> Result<Understood, Refusal> {
    let Received { signal, encoding, compression, project, via: _, body, mut share } = received;
    let text = wire::decompress(compression, &body, limit).map_err(|error| match error {
        DecompressError::TooLarge { limit } => Refusal::TooLarge { limit },
        DecompressError::Corrupt { .. } => Refusal::Malformed(error.to_string()),
    })?;
    if let Cow::Owned(bytes) = &text {
        Ingest::reserve(&mut share, bytes.len())?;
    }
    let held = share.bytes();
    let decoded = DECODED_SHARE.saturating_mul(text.len()).min(wire::limits::MAX_DECODED_BYTES);
    share.grow_once_alone(decoded).map_err(|_| BUSY)?;
    let malformed = |error: wire::DecodeError| Refusal::Malformed(error.to_string());
    let (signal, batch) = match signal {
        Some(signal) => (signal, wire::decode(signal, encoding, &text).map_err(malformed)?),
        None => wire::decode_unknown(encoding, &text).map_err(malformed)?,
    };
    let mut accepted = Accepted { bytes_decompressed: text.len() as u64, ..Accepted::default() };
    let decision = policy.apply(&project, signal, batch);
    let rejected = decision.batch.rejected.clone();
    (accepted.items_rejected, accepted.reasons) = (rejected.count, rejected.reasons.clone());
    let samples = series::of_points(&project, &decision.batch.samples, now);
    let rows = rows(dialects, prices, &project, decision.batch, now, &mut accepted);
    // What was decoded is gone; the rows are held until the store has counted them as its own.
    share.shrink_to(held + rows.bytes());
    let as_received = Tag { signal, encoding, compression };
    let (tag, payload) = decision.rewritten.unwrap_or((as_received, body.clone()));
    Ok(Understood { tag, payload, rows, samples, rejected, accepted, share })
}

/// Turns what was decoded into rows, counting as it goes.
fn rows(
    dialects: &Dialects,
    prices: &Prices,
    project: &str,
    batch: Batch<'_>,
    now: Timestamp,
    accepted: &mut Accepted,
) -> Rows {
    let mut rows = Rows::default();
    push_spans(&mut rows, (dialects, prices), project, &batch.spans, now, accepted);
    push_logs(&mut rows, (dialects, prices), project, &batch.logs, now, accepted);
    push_samples(&mut rows, project, batch.samples, now, accepted);
    rows
}

fn push_spans(
    rows: &mut Rows,
    (dialects, prices): (&Dialects, &Prices),
    project: &str,
    groups: &[Group<'_, RawSpan<'_>>],
    now: Timestamp,
    accepted: &mut Accepted,
) {
    let mut by_dialect: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let mut joins = told::Joins::default();
    let mut pricer = prices.pricer();
    for group in groups {
        let tenant = dialects::tenant(project, &group.resource);
        for raw in &group.items {
            let (mut span, billing) =
                dialects.understand_with_billing(raw, &group.resource, &group.scope, &tenant, now);
            pricer.price(&mut span, &billing);
            accepted.reservations.extend(billing.reservation.map(|id| (span.trace_id, span.span_id, id)));
            accepted.unmapped += u64::from(span.unmapped);
            match by_dialect.get_mut(&span.dialect) {
                Some(count) => *count += 1,
                None => _ = by_dialect.insert(Arc::clone(&span.dialect), 1),
            }
            joins.note(raw, &span);
            rows.push_span(span, raw, &group.resource, &group.scope);
        }
        accepted.items += group.items.len() as u64;
    }
    joins.push(rows);
    accepted.dialects.extend(by_dialect.into_iter().map(|(dialect, count)| (dialect.to_string(), count)));
}

fn push_logs(
    rows: &mut Rows,
    (dialects, prices): (&Dialects, &Prices),
    project: &str,
    groups: &[Group<'_, RawLog<'_>>],
    now: Timestamp,
    accepted: &mut Accepted,
) {
    for group in groups {
        let tenant = dialects::tenant(project, &group.resource);
        for raw in &group.items {
            let log = dialects::understand_log(raw, &group.resource, &group.scope, &tenant, now);
            told::push(rows, (dialects, prices), raw, group, &log);
            rows.push_log(log, raw, &group.resource, &group.scope);
        }
        accepted.items += group.items.len() as u64;
    }
}

fn push_samples(
    rows: &mut Rows,
    project: &str,
    groups: Vec<Group<'_, Sample>>,
    now: Timestamp,
    accepted: &mut Accepted,
) {
    for group in groups {
        let tenant: Tenant = dialects::tenant(project, &group.resource);
        accepted.items += group.items.len() as u64;
        for sample in group.items {
            rows.push_sample(&tenant, sample, &group.resource, &group.scope, now);
        }
    }
}

/// Whether [`replay`] can read entries of a tag. A store with others in its log is not opened.
pub fn reads(tag: u32) -> bool {
    Tag::from_number(tag).is_some()
}

/// Reads a log entry again, the way it was read when it came in.
///
/// An entry that cannot be read gives no rows: it was readable when it was acknowledged, so this is logged as an error. One of an
/// unknown tag does not come here (see [`reads`]).
pub fn replay(dialects: &Dialects, prices: &Prices, entry: &LogEntry) -> Rows {
    let Some(tag) = Tag::from_number(entry.tag) else {
        tracing::error!(tag = entry.tag, "the log holds a request of an unknown sort");
        return Rows::default();
    };
    // The limit was checked when the request came in; a setting lowered since must not lose what was acknowledged.
    let read = wire::decompress(tag.compression, &entry.payload, usize::MAX >> 1).map_err(|error| error.to_string());
    let text = match read {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(error, "a request in the log cannot be decompressed");
            return Rows::default();
        }
    };
    match wire::decode(tag.signal, tag.encoding, &text) {
        // The policy acted before the log was written; what is there is what it left.
        Ok(batch) => rows(dialects, prices, &entry.project, batch, entry.received, &mut Accepted::default()),
        Err(error) => {
            tracing::error!(%error, "a request in the log cannot be decoded");
            Rows::default()
        }
    }
}
