//! A finding: what a detector saw in a run, with the spans that prove it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{SpanId, Timestamp, TraceId};

crate::kind::words!(
    /// How grave a finding is, the gravest last.
    Severity {
        /// Worth knowing when one looks at the run.
        Info = "info",
        /// The run probably did not do what it should.
        Warning = "warning",
        /// The run certainly failed, burns money, or harms somebody.
        Critical = "critical",
    }
);

/// What a detector saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Hash of project, run, detector and fingerprint: judging the same run again gives the same id.
    pub id: String,
    /// Name of the detector.
    pub detector: String,
    /// How grave.
    pub severity: Severity,
    /// The run; for a change over many runs the first one after it.
    pub trace_id: TraceId,
    /// Spans that prove it, the most telling first.
    pub span_ids: Vec<SpanId>,
    /// One sentence a person can act on.
    pub message: String,
    /// The same for repeats of the same failure: findings with one fingerprint are one issue.
    pub fingerprint: String,
    /// When it happened, by the run's clock.
    pub at: Timestamp,
    /// The values behind the sentence.
    pub evidence: Map<String, Json>,
}
