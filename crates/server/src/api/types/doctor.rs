//! What the doctor says.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with the instrumentation of what arrived.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorAnswer {
    /// What was looked at.
    pub examined: Examined,
    /// What was found, the worst first. Empty when all is well.
    pub findings: Vec<DoctorFinding>,
}

/// What the doctor looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Examined {
    /// Telemetry that arrived from this time …
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// … until this.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Spans that were counted.
    pub spans: u64,
    /// Services they came from, with dialect and instrumentation library.
    pub origins: Vec<DoctorOrigin>,
    /// Recent runs whose trees were looked at.
    pub runs: u64,
    /// There were more services and libraries than are counted apart, or more runs than are looked at.
    pub cut: bool,
}

/// Who sent something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorOrigin {
    /// `service.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Dialect; empty when none was understood.
    pub dialect: String,
    /// Instrumentation library; empty when it is not known or does not matter.
    pub scope: String,
    /// Its version.
    pub version: String,
    /// Spans of it that arrived; null where it is not about spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans: Option<u64>,
}

/// Something that is wrong, and what to change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorFinding {
    /// Name of the check, stable for scripts.
    #[schema(example = "no-tokens")]
    pub id: String,
    /// `error`: numbers are wrong or missing; `warning`: something cannot be seen; `info`: worth knowing.
    pub severity: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// What that means.
    pub why: String,
    /// Who sent it.
    pub origin: DoctorOrigin,
    /// How often it was seen.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// What is counted, in the plural.
    #[schema(example = "model calls")]
    pub noun: String,
    /// `count` of `of`, 0 to 1.
    pub share: f64,
    /// Where it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<DoctorExample>,
    /// What to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<DoctorRemedy>,
    /// More about it, a line each.
    pub details: Vec<String>,
}

/// Where a finding can be seen.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorExample {
    /// The run.
    pub trace_id: String,
    /// The step, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
}

/// What to change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorRemedy {
    /// What to do.
    pub text: String,
    /// What to write, to be copied; may be empty.
    pub line: String,
}
