//! What the server counts about itself since it started: shown by `/api/v1/status` and `/metrics`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use wire::Signal;

use crate::api::types::{IngestStatus, SignalCounts};
use crate::limits::LimitName;
use crate::series::Sees;

/// Reasons for refusing items that are kept for display, per signal and project.
const REASONS_KEPT: usize = 8;
/// Projects whose reasons are kept; a bound in case senders name projects of their own.
const PROJECTS_KEPT: usize = 256;
/// Dialects counted by name; a bound in case a dialect ever named itself after input.
const DIALECTS_KEPT: usize = 64;

/// The signals in the order of [`Counters::signal`].
pub const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];

/// The word for a signal in API and metrics.
pub fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "traces",
        Signal::Logs => "logs",
        Signal::Metrics => "metrics",
    }
}

/// Counters. Cheap enough for one lock: it is taken once per request, never per span.
#[derive(Debug, Default)]
pub struct Counters {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    signals: [Signals; 3],
    dialects: BTreeMap<String, u64>,
    unmapped: u64,
    limits: BTreeMap<LimitName, u64>,
}

#[derive(Debug, Default)]
struct Signals {
    requests: u64,
    requests_rejected: BTreeMap<&'static str, u64>,
    items: u64,
    items_rejected: u64,
    /// By project: they repeat what was sent.
    reasons: BTreeMap<Arc<str>, VecDeque<String>>,
    bytes: u64,
    bytes_decompressed: u64,
}

/// What one accepted request held.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Items kept.
    pub items: u64,
    /// Items refused.
    pub items_rejected: u64,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// Bytes as sent.
    pub bytes: u64,
    /// Bytes after decompression.
    pub bytes_decompressed: u64,
    /// Spans by dialect.
    pub dialects: BTreeMap<String, u64>,
    /// Attributes no dialect names.
    pub unmapped: u64,
    /// Spans that name a budget reservation.
    pub reservations: Vec<(model::TraceId, model::SpanId, std::sync::Arc<str>)>,
}

impl Signals {
    fn note(&mut self, project: &Arc<str>, reasons: Vec<String>) {
        let is_known = self.reasons.contains_key(project);
        if reasons.is_empty() || !is_known && self.reasons.len() >= PROJECTS_KEPT {
            return;
        }
        let kept = self.reasons.entry(Arc::clone(project)).or_default();
        for reason in reasons {
            if !kept.contains(&reason) {
                kept.push_back(reason);
            }
            if kept.len() > REASONS_KEPT {
                kept.pop_front();
            }
        }
    }

    /// The reasons somebody may see.
    fn reasons(&self, sees: &Sees) -> Vec<String> {
        let shown = self.reasons.iter().filter(|(project, _)| match sees {
            Sees::Everything => true,
            Sees::Of(own) | Sees::TawnysOf(own) => *project == own,
        });
        shown.flat_map(|(_, kept)| kept.iter().cloned()).collect()
    }
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while counting leaves numbers behind that are still numbers.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a request of a project that was kept.
    pub fn accepted(&self, signal: Signal, project: &Arc<str>, accepted: Accepted) {
        let mut inner = self.lock();
        let counts = &mut inner.signals[signal as usize];
        counts.requests += 1;
        counts.items += accepted.items;
        counts.items_rejected += accepted.items_rejected;
        counts.bytes += accepted.bytes;
        counts.bytes_decompressed += accepted.bytes_decompressed;
        counts.note(project, accepted.reasons);
        inner.unmapped += accepted.unmapped;
        for (dialect, spans) in accepted.dialects {
            let name = if dialect.is_empty() { "none".to_owned() } else { dialect };
            if inner.dialects.len() < DIALECTS_KEPT || inner.dialects.contains_key(&name) {
                *inner.dialects.entry(name).or_default() += spans;
            }
        }
    }

    /// Counts items that were refused on their way to a request that was kept.
    pub fn items_refused(&self, signal: Signal, project: &Arc<str>, rejected: &model::raw::Rejected) {
        let mut inner = self.lock();
        let counts = &mut inner.signals[signal as usize];
        counts.items_rejected += rejected.count;
        counts.note(project, rejected.reasons.clone());
    }

    /// Counts a request that was refused as a whole.
    pub fn rejected(&self, signal: Signal, reason: &'static str, bytes: u64) {
        let mut inner = self.lock();
        let counts = &mut inner.signals[signal as usize];
        *counts.requests_rejected.entry(reason).or_default() += 1;
        counts.bytes += bytes;
    }

    /// Counts that a limit was reached.
    pub fn limit_reached(&self, name: LimitName) {
        *self.lock().limits.entry(name).or_default() += 1;
    }

    /// How often the limit was reached.
    pub fn limit_count(&self, name: LimitName) -> u64 {
        self.lock().limits.get(&name).copied().unwrap_or(0)
    }

    /// Everything about receiving, with the reasons for refusing items that the caller may see.
    pub fn ingest(&self, sees: &Sees) -> IngestStatus {
        let inner = self.lock();
        let signals = SIGNALS.into_iter().map(|signal| {
            let counts = &inner.signals[signal as usize];
            let counts = SignalCounts {
                requests_accepted: counts.requests,
                requests_rejected: counts
                    .requests_rejected
                    .iter()
                    .map(|(reason, n)| ((*reason).to_owned(), *n))
                    .collect(),
                items_accepted: counts.items,
                items_rejected: counts.items_rejected,
                item_reasons: counts.reasons(sees),
                bytes: counts.bytes,
                bytes_decompressed: counts.bytes_decompressed,
            };
            (signal_name(signal).to_owned(), counts)
        });
        IngestStatus {
            signals: signals.collect(),
            spans_by_dialect: inner.dialects.clone(),
            unmapped_attributes: inner.unmapped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_kept_once_only_the_latest_and_for_their_project() {
        let (counters, shop, bank) = (Counters::default(), Arc::from("shop"), Arc::from("bank"));
        for n in 0..20 {
            let reasons = vec![format!("reason {n}"), format!("reason {n}")];
            counters.accepted(Signal::Logs, &shop, Accepted { items_rejected: 2, reasons, ..Accepted::default() });
        }
        let rejected = model::raw::Rejected { count: 1, reasons: vec!["a vault".into()] };
        counters.items_refused(Signal::Logs, &bank, &rejected);
        let logs = &counters.ingest(&Sees::Of(shop)).signals["logs"];
        assert_eq!(logs.items_rejected, 41);
        assert_eq!(logs.item_reasons.len(), REASONS_KEPT);
        assert_eq!(logs.item_reasons.last().unwrap(), "reason 19");
        assert_eq!(counters.ingest(&Sees::Of(bank)).signals["logs"].item_reasons, ["a vault"]);
        assert_eq!(counters.ingest(&Sees::Everything).signals["logs"].item_reasons.len(), REASONS_KEPT + 1);
    }
}
