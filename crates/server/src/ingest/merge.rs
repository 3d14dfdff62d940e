//! Spans that are told in pieces: what is said now is put together with what is known already, and kept as one span.
//!
//! A span is changed under a lock (of its trace's shard), so that two updates that come at once are both in the result. What is
//! known comes from a bounded cache of what was merged lately, else from the store. The log holds merged spans as OTLP: replaying
//! it needs none of this. What is said a second time changes nothing and is not kept again.

mod cache;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::receivers::{Known, Score, Told};
use dialects::Dialects;
use forward::Forwarder;
use model::raw::{Batch, Group, RawLog, RawSpan, Resource, Scope};
use model::{SpanId, Timestamp, TraceId};
use store::{Entry, Store};
use tokio::sync::OwnedMutexGuard;
use wire::Signal;

use super::{ContentPolicy, Ingest, Refusal, policy};
use crate::budget::Share;
use crate::counters::Accepted;
use crate::money::Money;
pub use cache::PENDING_MAX;
use cache::{Key, Names, Shard};

/// Locks that traces share. More means fewer updates waiting for each other.
const SHARDS: usize = 64;
/// Bytes of merged spans that one entry of the log holds, about; what is more becomes several.
const ENTRY_BYTES: usize = 8 << 20;

/// The merging of spans.
pub struct Merge {
    dialects: Dialects,
    money: Arc<Money>,
    policy: Arc<ContentPolicy>,
    shards: Vec<Arc<tokio::sync::Mutex<Shard>>>,
    names: Mutex<Names>,
}

impl Merge {
    /// A merge of spans that `dialects` read and `money` prices; `policy` says what of them is kept.
    pub fn new(dialects: Dialects, money: Arc<Money>, policy: Arc<ContentPolicy>) -> Self {
        let shards = (0..SHARDS).map(|_| Arc::default()).collect();
        Self { dialects, money, policy, shards, names: Mutex::default() }
    }
}

/// What a receiver read of one request.
pub struct Reported {
    /// Whose it is.
    pub project: Arc<str>,
    /// What it says.
    pub told: Told,
    /// When it came.
    pub received: Timestamp,
    /// Its bytes as sent.
    pub bytes: usize,
    /// Its bytes after decompression.
    pub bytes_decompressed: usize,
    /// The memory it holds.
    pub share: Share,
}

impl Ingest {
    /// Keeps what a request says. Returns when it is durable and visible.
    pub async fn receive_told(&self, store: &Store, reported: Reported) -> Result<(), Refusal> {
        let Reported { project, told, received, bytes, bytes_decompressed, share } = reported;
        let mut refused: Vec<String> = told.refused().filter_map(|item| item.error.clone()).collect();
        let count = refused.len() as u64;
        refused.truncate(model::raw::Rejected::MAX_REASONS);
        self.policy().reasons(&project, &mut refused);
        let signal = if told.spans.is_empty() && !told.scores.is_empty() { Signal::Logs } else { Signal::Traces };
        let (merge, store, forwarder) = (Arc::clone(&self.merge), store.clone(), self.forwarder.clone());
        let of = Arc::clone(&project);
        // A client that goes away in the middle must not leave the cache behind the store.
        let kept = tokio::spawn(async move {
            let kept = merge.keep(&store, forwarder.as_deref(), &project, told, received).await;
            drop(share);
            kept
        });
        let mut accepted = kept.await.map_err(|error| {
            tracing::error!(%error, "keeping a request panicked");
            Refusal::Fault
        })??;
        (accepted.items_rejected, accepted.reasons) = (count, refused);
        (accepted.bytes, accepted.bytes_decompressed) = (bytes as u64, bytes_decompressed as u64);
        self.counters.accepted(signal, &of, accepted);
        Ok(())
    }

    /// Scores that a restart found still waiting for their spans.
    pub fn await_spans(&self, project: &Arc<str>, scores: &[Score]) {
        self.merge.names().remember(project, scores);
    }

    /// The trace of a span that was told lately.
    pub fn trace_of(&self, project: &Arc<str>, span: SpanId) -> Option<TraceId> {
        self.merge.names().trace_of(project, span)
    }
}

impl Merge {
    fn names(&self) -> MutexGuard<'_, Names> {
        // What a panic left behind is still a cache.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(
        &self,
        store: &Store,
        forwarder: Option<&Forwarder>,
        project: &Arc<str>,
        told: Told,
        now: Timestamp,
    ) -> Result<Accepted, Refusal> {
        let mut accepted = Accepted::default();
        let mut scores = told.scores;
        if !told.spans.is_empty() {
            let mut shards = self.lock(project, told.spans.iter().map(|partial| partial.trace_id)).await;
            let mut found: HashMap<Key, (Known, bool)> = HashMap::new();
            for partial in told.spans {
                let key: Key = (Arc::clone(project), partial.trace_id, partial.span_id);
                if let Some((known, changed)) = found.get_mut(&key) {
                    *changed |= known.add(partial);
                    continue;
                }
                let cached = shards.get_mut(&shard_of(&key)).and_then(|shard| shard.take(&key));
                let known = match cached {
                    Some(known) => Some(known),
                    None => read(store, &key).await?,
                };
                let first = match known {
                    Some(mut known) => {
                        let changed = known.add(partial);
                        (known, changed)
                    }
                    None => (Known::new(partial), true),
                };
                found.insert(key, first);
            }
            for batch in batches(&found) {
                self.commit((store, forwarder), project, batch, Signal::Traces, now, &mut accepted).await?;
            }
            let mut names = self.names();
            for (key, (known, _)) in found {
                scores.extend(names.note(&key));
                if let Some(shard) = shards.get_mut(&shard_of(&key)) {
                    shard.put(key, known);
                }
            }
        }
        if !scores.is_empty() {
            self.names().remember(project, &scores);
            let logs: Vec<RawLog<'static>> = scores.into_iter().map(Score::into_log).collect();
            let batch = Batch { logs: vec![group(evaluations(), logs)], ..Batch::default() };
            self.commit((store, forwarder), project, batch, Signal::Logs, now, &mut accepted).await?;
        }
        Ok(accepted)
    }

    /// Writes one entry of the log, as OTLP/JSON, and its rows.
    async fn commit(
        &self,
        (store, forwarder): (&Store, Option<&Forwarder>),
        project: &Arc<str>,
        batch: Batch<'static>,
        signal: Signal,
        now: Timestamp,
        accepted: &mut Accepted,
    ) -> Result<(), Refusal> {
        let (owner, dialects, prices) = (Arc::clone(project), self.dialects.clone(), self.money.prices());
        let policy = Arc::clone(&self.policy);
        let prepared = tokio::task::spawn_blocking(move || {
            let decision = policy.apply(&owner, signal, batch);
            let batch = decision.batch;
            let (tag, payload) = decision.rewritten.unwrap_or_else(|| policy::written(signal, &batch));
            let mut accepted = Accepted::default();
            let rows = super::rows(&dialects, &prices, &owner, batch, now, &mut accepted);
            (tag, Entry { tag: tag.to_number(), project: owner, received: now, payload, rows }, accepted)
        });
        let (tag, entry, counted) = prepared.await.map_err(|error| {
            tracing::error!(%error, "understanding merged spans panicked");
            Refusal::Fault
        })?;
        super::keep(store, forwarder, tag, counted.items, String::new(), entry).await?;
        for (trace, span, id) in counted.reservations {
            self.money.note_reservation(trace, span, id);
        }
        accepted.items += counted.items;
        accepted.unmapped += counted.unmapped;
        for (dialect, spans) in counted.dialects {
            *accepted.dialects.entry(dialect).or_default() += spans;
        }
        Ok(())
    }

    /// Locks the shards of traces, always in the same order.
    async fn lock(
        &self,
        project: &Arc<str>,
        traces: impl Iterator<Item = TraceId>,
    ) -> BTreeMap<usize, OwnedMutexGuard<Shard>> {
        let wanted: BTreeSet<usize> = traces.map(|trace| shard_number(project, trace)).collect();
        let mut held = BTreeMap::new();
        for number in wanted {
            held.insert(number, Arc::clone(&self.shards[number]).lock_owned().await);
        }
        held
    }
}

/// What the store has of a span.
async fn read(store: &Store, (project, trace, span): &Key) -> Result<Option<Known>, Refusal> {
    let stored = store.span(project, *trace, *span).await.map_err(|error| {
        tracing::error!(%error, %trace, %span, "a span that is to be changed cannot be read");
        Refusal::NotKept(error.to_string())
    })?;
    Ok(stored.map(|stored| Known::from_kept(stored.raw, Scope::clone(&stored.scope))))
}

fn shard_of((project, trace, _): &Key) -> usize {
    shard_number(project, *trace)
}

/// Trace ids end in random bytes, whoever made them.
fn shard_number(project: &str, trace: TraceId) -> usize {
    let tail =
        trace.as_bytes()[8..].iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    tail.wrapping_add(project.len()) % SHARDS
}

/// Spans that changed, in batches of bounded size.
fn batches(found: &HashMap<Key, (Known, bool)>) -> Vec<Batch<'static>> {
    let mut changed: Vec<&Known> = found.values().filter(|(_, changed)| *changed).map(|(known, _)| known).collect();
    changed.sort_unstable_by_key(|known| (known.trace_id(), known.span_id()));
    let mut batches = Vec::new();
    let mut scopes: BTreeMap<(&str, &str), Vec<RawSpan<'static>>> = BTreeMap::new();
    let mut bytes = 0;
    for known in changed {
        bytes += known.bytes();
        scopes.entry((&known.scope().name, &known.scope().version)).or_default().push(known.raw());
        if bytes >= ENTRY_BYTES {
            batches.push(batch(std::mem::take(&mut scopes)));
            bytes = 0;
        }
    }
    if !scopes.is_empty() {
        batches.push(batch(scopes));
    }
    batches
}

fn batch(scopes: BTreeMap<(&str, &str), Vec<RawSpan<'static>>>) -> Batch<'static> {
    let spans = scopes.into_iter().map(|((name, version), spans)| {
        let scope = Scope { name: name.to_owned().into(), version: version.to_owned().into(), ..Scope::default() };
        group(scope, spans)
    });
    Batch { spans: spans.collect(), ..Batch::default() }
}

fn group<T>(scope: Scope<'static>, items: Vec<T>) -> Group<'static, T> {
    Group { resource: Arc::new(Resource::default()), scope: Arc::new(scope), items }
}

/// The scope of scores.
fn evaluations() -> Scope<'static> {
    Scope { name: "tawny.evaluations".into(), ..Scope::default() }
}
