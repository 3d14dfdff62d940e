//! Findings, issues, detectors, and what is said of a run or of two.

use std::collections::BTreeMap;

use model::{Severity, SpanId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::run::Run;
use super::step::LogRecord;

/// What a detector saw in a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Names the finding; judging the same run again gives the same id.
    pub id: String,
    /// The detector; `drift` for a change over many runs.
    pub detector: String,
    /// How grave.
    pub severity: Severity,
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// The agent, or the service of a run that names none; null where neither is known.
    #[schema(required)]
    pub agent: Option<String>,
    /// Steps that prove it, the most telling first.
    #[schema(value_type = Vec<String>)]
    pub span_ids: Vec<SpanId>,
    /// One sentence to act on.
    pub message: String,
    /// The issue it belongs to.
    pub fingerprint: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The values behind the sentence.
    #[schema(value_type = Object)]
    pub evidence: Map<String, Json>,
}

impl Finding {
    /// What was seen in a run of `agent`, which is empty where it has no name.
    pub fn of(agent: &str, finding: model::Finding) -> Self {
        let model::Finding { id, detector, severity, trace_id, span_ids, message, fingerprint, at, evidence } = finding;
        let agent = Some(agent).filter(|agent| !agent.is_empty()).map(str::to_owned);
        Self { id, detector, severity, trace_id, agent, span_ids, message, fingerprint, at, evidence }
    }
}

/// One page of findings, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FindingsAnswer {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// Findings of one fingerprint: the same failure in many runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Issue {
    /// Names the issue.
    pub fingerprint: String,
    /// The detector.
    pub detector: String,
    /// Severity of the last finding.
    #[schema(example = "warning")]
    pub severity: String,
    /// Environment.
    pub environment: String,
    /// Agent.
    pub agent: String,
    /// Message of the last finding.
    pub message: String,
    /// First seen.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen: Timestamp,
    /// Last seen.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// Findings so far.
    pub count: u64,
    /// Runs among the findings that are kept.
    pub runs: u64,
    /// Users among them.
    pub users: u64,
    /// Versions among them.
    pub versions: Vec<String>,
    /// Run of the last finding.
    #[schema(value_type = String)]
    pub last_trace_id: TraceId,
    /// `open`, `acknowledged`, `resolved`, `regressed` (seen again after it was resolved) or `muted`.
    #[schema(example = "open")]
    pub state: String,
    /// Who looks after it.
    #[schema(required)]
    pub owner: Option<String>,
    /// When its state changed last.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl From<crate::findings::ask::Issue> for Issue {
    fn from(issue: crate::findings::ask::Issue) -> Self {
        Self {
            fingerprint: issue.fingerprint,
            detector: issue.detector,
            severity: issue.severity,
            environment: issue.environment,
            agent: issue.agent,
            message: issue.message,
            first_seen: issue.first_seen,
            last_seen: issue.last_seen,
            count: issue.count,
            runs: issue.runs,
            users: issue.users,
            versions: issue.versions,
            last_trace_id: issue.last_trace,
            state: issue.state,
            owner: issue.owner,
            changed_at: issue.changed,
        }
    }
}

/// One page of issues.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuesAnswer {
    /// The issues.
    pub issues: Vec<Issue>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// What is decided about an issue; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueDecision {
    /// `open`, `acknowledged`, `resolved` or `muted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Who looks after it; an empty text takes the owner away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A run in the order of suspicion.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Suspect {
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Agent.
    pub agent: String,
    /// How likely it failed without saying so; has no unit.
    pub suspicion: f64,
    /// What it came to, where an outcome is declared.
    #[schema(required)]
    pub outcome: Option<String>,
}

/// The most suspicious runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SuspectsAnswer {
    /// The runs, the most suspicious first.
    pub runs: Vec<Suspect>,
}

/// What is known of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Whether it did what it should.
    pub good: bool,
    /// Why, for those who look later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A run that was marked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunMarked {
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// How it is marked.
    pub good: bool,
}

/// Every detector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DetectorsAnswer {
    /// The detectors, by name.
    pub detectors: Vec<Detector>,
}

/// A detector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Detector {
    /// Its name in findings and settings.
    pub name: String,
    /// What it finds, in one sentence.
    pub about: String,
    /// Its documentation, as Markdown.
    pub documentation: String,
    /// What can be set, with the default.
    pub settings: Vec<DetectorSetting>,
}

/// A number that can be set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DetectorSetting {
    /// Its name in the file.
    pub name: String,
    /// Its value where the file says nothing.
    pub default: f64,
    /// What it means, with its unit.
    pub about: String,
}

/// Settings to try on a run that is stored. Nothing is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorsTest {
    /// The run.
    pub trace_id: String,
    /// A file of settings, as text; left out, the server's own settings hold.
    #[serde(default)]
    pub settings: Option<String>,
}

/// A step that failed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FailedStep {
    /// Kind and name.
    pub step: String,
    /// The last attempt that failed.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// Times it was tried.
    pub attempts: usize,
    /// Whether a later attempt worked.
    pub recovered: bool,
    /// What the last failure said.
    #[schema(required)]
    pub error: Option<String>,
}

/// A number of a run beside those of good runs of its kind.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BesideGoodRuns {
    /// Name of the number.
    pub feature: String,
    /// The run's.
    pub value: f64,
    /// Median of good runs; null until enough are known.
    #[schema(required)]
    pub median: Option<f64>,
    /// Their 95th percentile.
    #[schema(required)]
    pub p95: Option<f64>,
}

/// What the last model call of a run was sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContextSnapshot {
    /// The call.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// Messages in it.
    pub messages: usize,
    /// Tokens of input.
    #[schema(required)]
    pub input_tokens: Option<u64>,
    /// The last messages, cut short.
    pub last: Vec<String>,
}

/// Where a run first leaves what good runs of its kind do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Departure {
    /// The step.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// In words.
    pub words: String,
}

/// A run explained in one page.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvestigateAnswer {
    /// The run.
    pub run: Run,
    /// How it stands, in a sentence.
    pub state: String,
    /// What failed, and how often it was tried.
    pub failed: Vec<FailedStep>,
    /// What detectors saw, the gravest first.
    pub findings: Vec<Finding>,
    /// Where it first leaves what such runs do.
    #[schema(required)]
    pub departure: Option<Departure>,
    /// Its numbers beside those of good runs.
    pub beside: Vec<BesideGoodRuns>,
    /// What its last model call knew.
    #[schema(required)]
    pub context: Option<ContextSnapshot>,
    /// Log records that warn or report errors, the last 20.
    pub logs: Vec<LogRecord>,
    /// Other runs with a finding of the same issue, newest first.
    #[schema(value_type = Vec<String>)]
    pub similar: Vec<TraceId>,
    /// The page as text.
    pub text: String,
}

/// A step of two runs side by side.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiffPair {
    /// Kind and name.
    pub step: String,
    /// Its span in the first run.
    #[schema(value_type = Option<String>, required)]
    pub left: Option<SpanId>,
    /// Its span in the second.
    #[schema(value_type = Option<String>, required)]
    pub right: Option<SpanId>,
    /// `same`, `input` (what was put in differs), `output`, `removed` (only in the first run) or `added`.
    #[schema(example = "output")]
    pub difference: String,
    /// What was said in the first run, where that differs, cut short.
    #[schema(required)]
    pub left_text: Option<String>,
    /// And in the second.
    #[schema(required)]
    pub right_text: Option<String>,
    /// Milliseconds in the first run.
    #[schema(required)]
    pub left_ms: Option<f64>,
    /// And in the second.
    #[schema(required)]
    pub right_ms: Option<f64>,
}

/// Two runs compared.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiffAnswer {
    /// The first run.
    pub left: Run,
    /// The second.
    pub right: Run,
    /// Steps, aligned.
    pub pairs: Vec<DiffPair>,
    /// Position of the first pair that differs; null where none does.
    #[schema(required)]
    pub first_divergence: Option<usize>,
    /// Pairs that are the same.
    pub same: usize,
    /// Steps beyond what is aligned were left out.
    pub cut: bool,
    /// What the second run has more than the first: `duration_ms`, `cost_usd`, `total_tokens`, `rounds`, `tool_calls`.
    pub more: BTreeMap<String, f64>,
}
