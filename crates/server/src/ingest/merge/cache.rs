//! What merging remembers: spans merged lately, the traces of spans, and scores that came before their spans.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ::receivers::{Known, Score};
use model::{SpanId, TraceId};

use super::SHARDS;

/// Bytes of merged spans that are remembered, all shards together; what is forgotten is read from the store.
const CACHE_BYTES: usize = 32 << 20;
/// Spans whose trace is remembered, for what names only a span.
const TRACES_MAX: usize = 1 << 17;
/// Scores whose span has not arrived that are remembered.
pub const PENDING_MAX: usize = 4096;

/// A span of a project.
pub type Key = (Arc<str>, TraceId, SpanId);

/// Merged spans in two generations: when the young one is full, the old one is forgotten.
#[derive(Default)]
pub struct Shard {
    young: HashMap<Key, Known>,
    old: HashMap<Key, Known>,
    young_bytes: usize,
}

impl Shard {
    /// Takes a span out, to be changed and put back.
    pub fn take(&mut self, key: &Key) -> Option<Known> {
        if let Some(known) = self.young.remove(key) {
            self.young_bytes = self.young_bytes.saturating_sub(known.bytes());
            return Some(known);
        }
        self.old.remove(key)
    }

    /// Puts a span in.
    pub fn put(&mut self, key: Key, known: Known) {
        const GENERATION: usize = CACHE_BYTES / SHARDS / 2;
        let bytes = known.bytes();
        if bytes > GENERATION {
            return;
        }
        if self.young_bytes + bytes > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, known);
    }
}

/// Spans by id alone.
#[derive(Default)]
pub struct Names {
    young: HashMap<(Arc<str>, SpanId), TraceId>,
    old: HashMap<(Arc<str>, SpanId), TraceId>,
    pending: VecDeque<(Arc<str>, SpanId, Score)>,
}

impl Names {
    /// The trace of a span that was seen lately.
    pub fn trace_of(&self, project: &Arc<str>, span: SpanId) -> Option<TraceId> {
        let key = (Arc::clone(project), span);
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Notes a span; gives the scores that waited for it, with their trace.
    pub fn note(&mut self, (project, trace, span): &Key) -> Vec<Score> {
        if self.young.len() >= TRACES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((Arc::clone(project), *span), *trace);
        if self.pending.is_empty() {
            return Vec::new();
        }
        let (found, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(owner, judged, _)| owner == project && judged == span);
        self.pending = rest;
        let found: VecDeque<(Arc<str>, SpanId, Score)> = found;
        let scores = found.into_iter().map(|(_, _, mut score)| {
            score.trace_id = Some(*trace);
            score
        });
        // Where the guess was right the score is there already.
        scores.filter(|score| score.trace_if_unknown != Some(*trace)).collect()
    }

    /// Notes scores whose span is not known yet.
    pub fn remember(&mut self, project: &Arc<str>, scores: &[Score]) {
        for score in scores.iter().filter(|score| score.trace_id.is_none()) {
            let Some(span) = score.span_id else { continue };
            if self.pending.len() >= PENDING_MAX {
                self.pending.pop_front();
            }
            self.pending.push_back((Arc::clone(project), span, score.clone()));
        }
    }
}
