//! The place where a content policy acts: after decoding, before the log.
//!
//! What must never reach the disk is removed here. Where a policy is for any of a request, the log holds what the policy left, written as
//! OTLP/JSON, instead of the bytes as received: these may hold more than what was decoded of them.

use std::sync::{Arc, Mutex, PoisonError};

use ::policy::{Meaning, Policies, Report};
use bytes::Bytes;
use dialects::Dialects;
use model::raw::{Batch, Resource};
use wire::{Compression, Encoding, Signal};

use super::tag::Tag;

/// The policies in use, and what they removed since the server started.
pub struct ContentPolicy {
    policies: Option<Arc<Policies>>,
    dialects: Dialects,
    removed: Mutex<Report>,
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
        Self { policies, dialects, removed: Mutex::default() }
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
