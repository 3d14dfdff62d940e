//! The place where a content policy acts: after decoding, before the log.
//!
//! What must never reach the disk is removed here. Where a policy is for any of a request, the log holds what the policy left, written as
//! OTLP/JSON, instead of the bytes as received: these may hold more than what was decoded of them.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use ::policy::{Meaning, Policies, Report};
use bytes::Bytes;
use dialects::Dialects;
use model::raw::{Batch, Resource};
use promql::{Label, Labels, METRIC_NAME};
use wire::{Compression, Encoding, Signal};

use super::tag::Tag;

/// Series remembered as having nothing to take out: a sender repeats all of its labels with every sample.
const CLEAN_MAX: usize = 1 << 19;

/// The policies in use, and what they removed since the server started.
pub struct ContentPolicy {
    policies: Option<Arc<Policies>>,
    dialects: Dialects,
    removed: Mutex<Report>,
    /// Series in which the policies found nothing, by a hash that nobody outside can aim at.
    clean: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

/// What the policy left of a request.
pub struct Decision<'a> {
    /// The telemetry to understand and keep.
    pub batch: Batch<'a>,
    /// What the log is to hold instead of the bytes as received, with how to read it; `None` when no policy is for any of it.
    pub rewritten: Option<(Tag, Bytes)>,
}

impl ContentPolicy {
    /// Policies for spans that `dialects` read; `None` keeps everything as it comes.
    pub fn new(policies: Option<Arc<Policies>>, dialects: Dialects) -> Self {
        let (removed, clean) = (Mutex::default(), Mutex::default());
        Self { policies, dialects, removed, clean, hasher: RandomState::new() }
    }

    /// The policies in use.
    pub fn policies(&self) -> Option<&Policies> {
        self.policies.as_deref()
    }

    /// What was removed since the server started.
    pub fn removed(&self) -> Report {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Applies the project's policies to a request of a signal.
    pub fn apply<'a>(&self, project: &str, signal: Signal, mut batch: Batch<'a>) -> Decision<'a> {
        let Some(policies) = self.policies.as_deref().filter(|policies| policies.is_for(project)) else {
            return Decision { batch, rewritten: None };
        };
        let mut report = Report::default();
        let applied = policies.apply(project, &mut batch, &Known(&self.dialects), &mut report);
        self.count(report);
        let rewritten = applied.then(|| written(signal, &batch));
        Decision { batch, rewritten }
    }

    /// What the project's policies leave of a text that somebody tells over the API.
    pub fn told(&self, project: &str, environment: Option<&str>, field: &str, text: String) -> String {
        let Some(policies) = self.policies.as_deref() else { return text };
        let mut report = Report::default();
        let left = policies.told(project, environment, field, text, &mut report);
        self.count(report);
        left
    }

    /// How a name may stand in what is kept for the project, after the policies and before there were any.
    pub fn forms(&self, project: &str, name: &str) -> Vec<String> {
        self.policies.as_deref().map_or_else(|| vec![name.to_owned()], |policies| policies.forms(project, name))
    }

    /// What the project's policies leave of the reasons for refusing items, which repeat what was sent.
    pub fn reasons(&self, project: &str, reasons: &mut [String]) {
        for reason in reasons {
            *reason = self.told(project, None, "reason", std::mem::take(reason));
        }
    }

    /// Leaves of series that come by their labels, without a resource (remote write), what the project's policies leave of them.
    pub fn series(&self, project: &str, batch: &mut ::series::Batch) {
        let Some(policies) = self.policies.as_deref().filter(|policies| policies.is_for(project)) else { return };
        let (mut report, known) = (Report::default(), Known(&self.dialects));
        // Samples of one series stand beside each other, and their exemplars behind them.
        let mut last: Option<(Labels, Labels)> = None;
        let mut left = |came: &Labels, report: &mut Report| match &last {
            Some((before, kept)) if before == came => kept.clone(),
            _ => {
                let kept = self.left_of(policies, project, came, &known, report);
                last = Some((came.clone(), kept.clone()));
                kept
            }
        };
        for write in &mut batch.writes {
            write.labels = left(&write.labels, &mut report);
        }
        for exemplar in &mut batch.exemplars {
            exemplar.series = left(&exemplar.series, &mut report);
            exemplar.labels = labels(policies, project, &exemplar.labels, &known, &mut report);
        }
        for (family, metadata) in &mut batch.metadata {
            for (field, text) in [
                ("metric.name", family),
                ("metric.description", &mut metadata.help),
                ("metric.unit", &mut metadata.unit),
            ] {
                *text = policies.told(project, None, field, std::mem::take(text), &mut report);
            }
        }
        self.count(report);
    }

    /// What policies leave of the labels of a series; looked through once where that is all of them.
    fn left_of(
        &self,
        policies: &Policies,
        project: &str,
        came: &Labels,
        known: &Known<'_>,
        report: &mut Report,
    ) -> Labels {
        let hash = self.hasher.hash_one((project, came));
        let clean = || self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        if clean().contains(&hash) {
            return came.clone();
        }
        let kept = labels(policies, project, came, known, report);
        if kept == *came {
            let mut clean = clean();
            if clean.len() >= CLEAN_MAX {
                clean.clear();
            }
            clean.insert(hash);
        }
        kept
    }

    fn count(&self, report: Report) {
        if !report.is_empty() {
            self.removed.lock().unwrap_or_else(PoisonError::into_inner).merge(report);
        }
    }
}

/// A request as the log holds it when it does not hold the bytes as received.
pub fn written(signal: Signal, batch: &Batch<'_>) -> (Tag, Bytes) {
    let text = match signal {
        Signal::Traces => wire::export_spans(wire::each(&batch.spans)),
        Signal::Logs => wire::export_logs(wire::each(&batch.logs)),
        Signal::Metrics => wire::export_samples(wire::each(&batch.samples)),
    };
    (Tag { signal, encoding: Encoding::Json, compression: Compression::None }, Bytes::from(text))
}

/// What the project's policies leave of the labels of a series.
fn labels(policies: &Policies, project: &str, came: &Labels, meaning: &dyn Meaning, report: &mut Report) -> Labels {
    let pairs = |label: &Label| (label.name.to_string(), label.value.to_string());
    let plain = came.iter().filter(|label| &*label.name != METRIC_NAME).map(pairs).collect();
    let mut kept = policies.series(project, plain, meaning, report);
    for (name, _) in &mut kept {
        if came.get(name).is_empty() {
            *name = as_name(name);
        }
    }
    let metric = came.metric_name();
    if !metric.is_empty() {
        let left = policies.told(project, None, "metric.name", metric.to_owned(), report);
        kept.push((METRIC_NAME.to_owned(), if left == metric { left } else { as_name(&left) }));
    }
    Labels::new(kept)
}

/// A name in which a mark stands now, without what no name has.
fn as_name(text: &str) -> String {
    text.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect()
}

/// What the dialects know of attributes.
struct Known<'d>(&'d Dialects);

impl Meaning for Known<'_> {
    fn is_content(&self, key: &str) -> bool {
        self.0.is_content(key)
    }

    fn is_content_event(&self, name: &str) -> bool {
        self.0.is_content_event(name)
    }

    fn environment(&self, resource: &Resource<'_>) -> String {
        dialects::tenant("", resource).environment.to_string()
    }
}
