//! Alerts, rules and silences.

use std::collections::BTreeMap;

use model::RunStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Finding;

/// Alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertsAnswer {
    /// Firing ones first, then pending, then those that ended lately; each by how long.
    pub alerts: Vec<Alert>,
    /// What is wrong with rule files or the configuration; those before are at work.
    pub problems: Vec<String>,
    /// Messages that wait to be accepted, with why the last attempt failed.
    pub waiting: Vec<WaitingMessage>,
}

/// One alert.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// What identifies it.
    pub fingerprint: String,
    /// Name of its rule.
    pub name: String,
    /// `pending`, `firing`, `resolved`, or `no_data` once its series are gone.
    pub state: String,
    /// Its `severity` label.
    pub severity: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
    /// Value of the expression when it last held.
    pub value: Option<f64>,
    /// Since when the expression holds.
    pub active_at: String,
    /// Since when it fires.
    pub fired_at: Option<String>,
    /// When it ended.
    pub resolved_at: Option<String>,
    /// Since when its series are gone.
    pub no_data_since: Option<String>,
    /// The silence that mutes it.
    pub silenced_by: Option<String>,
    /// The alert that mutes it, by fingerprint.
    pub inhibited_by: Option<String>,
    /// Why no route tells of it at this hour.
    pub muted_by_time: Option<String>,
    /// Who takes care of it.
    pub ack: Option<AlertAck>,
    /// Traces of runs that show it, the worst first.
    pub traces: Vec<String>,
    /// Group of the rule; `external` where another system sent the alert.
    pub group: String,
}

/// One alert with its history and what shows it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertDetail {
    /// The alert as it is now; null once it ended a while ago.
    #[schema(required)]
    pub alert: Option<Alert>,
    /// What shows it, one for each time it fired, the latest first.
    pub evidence: Vec<AlertEvidence>,
    /// What happened to it, newest first.
    pub events: Vec<AlertEvent>,
}

/// What shows an alert: gathered as it fired, the series again as it ended, and kept with its history.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AlertEvidence {
    /// When it fired.
    pub fired_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The part of the expression that is compared, or the whole of it.
    pub query: String,
    /// The number it is compared with, where there is one.
    pub threshold: Option<f64>,
    /// What that part gave, from an hour before the condition began to hold.
    pub points: Vec<EvidencePoint>,
    /// Runs that show it, the worst first; up to three.
    pub runs: Vec<EvidenceRun>,
    /// What detectors saw in that time, newest first; up to ten.
    pub findings: Vec<Finding>,
}

/// One value of a series.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvidencePoint {
    /// When.
    pub at: String,
    /// Value.
    pub value: f64,
}

/// A run that shows an alert, as it was then.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvidenceRun {
    /// Names the run.
    pub trace_id: String,
    /// Name of its root step.
    pub name: String,
    /// The top agent.
    pub agent: Option<String>,
    /// How it stood.
    pub status: RunStatus,
    /// When it started.
    pub started_at: String,
    /// Milliseconds it took.
    pub duration_ms: f64,
    /// Failed steps.
    pub errors: u32,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
}

/// Who takes care of an alert.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertAck {
    /// Who.
    pub by: String,
    /// What they say.
    pub comment: String,
    /// When.
    pub at: String,
}

/// Somebody takes care of an alert.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AckRequest {
    /// Who.
    pub by: String,
    /// What they say.
    #[serde(default)]
    pub comment: String,
}

/// A message that waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WaitingMessage {
    /// Receiver.
    pub receiver: String,
    /// Route and labels of its group.
    pub group_key: String,
    /// Attempts made.
    pub attempts: u32,
    /// Why the last failed.
    pub error: String,
}

/// What happened to alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertHistory {
    /// Events, newest first.
    pub events: Vec<AlertEvent>,
}

/// One event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertEvent {
    /// When.
    pub at: String,
    /// `fired`, `resolved`, `no_data`, `sent`, `failed` or `acknowledged`.
    pub kind: String,
    /// Name of the alert.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value, receiver or error.
    pub detail: String,
}

/// Rules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RulesAnswer {
    /// Groups, in the order of their files.
    pub groups: Vec<RuleGroup>,
    /// What is wrong with files; those before are at work.
    pub problems: Vec<String>,
}

/// One group of rules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleGroup {
    /// Name.
    pub name: String,
    /// File or pack.
    pub file: String,
    /// Seconds between evaluations.
    pub interval_seconds: f64,
    /// When it was last evaluated.
    pub evaluated_at: Option<String>,
    /// Milliseconds that took.
    pub took_ms: f64,
    /// Evaluations that were due and did not happen.
    pub missed: u64,
    /// Rules, in order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Name of the alert or series.
    pub name: String,
    /// `alert` or `record`.
    pub kind: String,
    /// Expression.
    pub query: String,
    /// Seconds it must hold.
    pub for_seconds: f64,
    /// Labels as written.
    pub labels: BTreeMap<String, String>,
    /// Annotations as written.
    pub annotations: BTreeMap<String, String>,
    /// `ok`, `err` or `unknown`.
    pub health: String,
    /// What went wrong in the last evaluation.
    pub error: Option<String>,
    /// `inactive`, `pending` or `firing`.
    pub state: String,
    /// Alerts that are pending or firing.
    pub alerts: u64,
}

/// How far a rule is from firing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleExplanation {
    /// Name.
    pub name: String,
    /// Expression.
    pub query: String,
    /// The part that is compared, where there is one.
    pub watched: Option<String>,
    /// The number it is compared with, where there is one.
    pub threshold: Option<f64>,
    /// Where that is no number: an expression that gives what each series is compared with.
    pub limits: Option<String>,
    /// The rule fires below that number, not above.
    pub below: bool,
    /// What the compared part gives now, by series.
    pub values: Vec<RuleValue>,
    /// Alerts of the rule.
    pub alerts: Vec<Alert>,
    /// When the rule was last evaluated.
    pub evaluated_at: Option<String>,
    /// What went wrong then.
    pub error: Option<String>,
    /// In a sentence.
    pub says: String,
}

/// One series of what a rule looks at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleValue {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value now.
    pub value: f64,
    /// What it is compared with: a number of the rule, or what another series gives now.
    pub threshold: Option<f64>,
    /// How near it is to the threshold: 1 is where it would fire, less is quiet.
    pub of_threshold: Option<f64>,
}

/// How near each rule is to firing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleDistances {
    /// Alert rules, in the order of their groups.
    pub rules: Vec<RuleDistance>,
}

/// How near one rule is to firing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleDistance {
    /// Group of the rule.
    pub group: String,
    /// Name of the alert.
    pub name: String,
    /// What its value is compared with: a number, or what another series gives for the nearest.
    pub threshold: Option<f64>,
    /// It fires below that number, not above.
    pub below: bool,
    /// Series it looks at.
    pub series: u64,
    /// The series that is nearest to firing.
    pub nearest: Option<RuleValue>,
    /// Why there is no value.
    pub error: Option<String>,
}

/// Silences.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilencesAnswer {
    /// Active ones first, then pending, then expired.
    pub silences: Vec<SilenceAnswer>,
}

/// One silence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilenceAnswer {
    /// Identifier.
    pub id: String,
    /// Conditions, as written: `{alertname="X"}`.
    pub matchers: String,
    /// From when.
    pub starts_at: String,
    /// Until when.
    pub ends_at: String,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// `active`, `pending` or `expired`.
    pub state: String,
}

/// A silence to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilenceRequest {
    /// Conditions: `alertname="X", agent_id=~"a|b"`.
    #[schema(example = "alertname=\"AgentErrorRateSpike\", agent_id=\"support\"")]
    pub matchers: String,
    /// From when, RFC 3339; now where nothing is said.
    #[serde(default)]
    pub starts_at: Option<String>,
    /// Until when, RFC 3339.
    #[serde(default)]
    pub ends_at: Option<String>,
    /// How long, instead of an end: `2h`.
    #[serde(default)]
    pub duration: Option<String>,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// The week in review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertReview {
    /// Since when.
    pub from: String,
    /// Rules, those that need a change first.
    pub rules: Vec<ReviewedRule>,
}

/// One rule in review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewedRule {
    /// Name.
    pub name: String,
    /// How often it fired.
    pub fired: u64,
    /// How often somebody took care of it.
    pub acknowledged: u64,
    /// Messages sent about it.
    pub sent: u64,
    /// Longest time it fired, in seconds.
    pub longest_seconds: f64,
    /// `fine`, `acted on`, `nobody acts`, `flapping`, `never fired` or `always firing`.
    pub verdict: String,
    /// What to change, if anything.
    pub proposal: String,
}

/// Who is told of alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertReceivers {
    /// Where this comes from: the `alertmanager.yml`, or none for the routing by default.
    pub file: Option<String>,
    /// Receivers, in the order of the file.
    pub receivers: Vec<AlertReceiver>,
    /// What is read and not done, and mistakes of the file on disk that is therefore not in use.
    pub problems: Vec<String>,
}

/// One receiver.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertReceiver {
    /// Name.
    pub name: String,
    /// How it is told, in order: `slack`, `pagerduty`, `webhook`, `email`, …; none: nobody is told.
    pub integrations: Vec<AlertIntegration>,
    /// Conditions of the routes that lead here.
    pub routes: Vec<String>,
    /// Messages that wait to be accepted.
    pub waiting: u64,
}

/// One way a receiver is told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertIntegration {
    /// `slack`, `pagerduty`, `webhook`, `email`, `opsgenie`, `msteams`, `msteamsv2` or `feishu`.
    pub kind: String,
    /// Whether the end of an alert is told.
    pub send_resolved: bool,
}

/// What came of a test message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiverTest {
    /// One for each integration of the receiver, in order.
    pub results: Vec<ReceiverTestResult>,
}

/// What came of a test message of one integration.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiverTestResult {
    /// Type of the integration.
    pub kind: String,
    /// Whether it took the message (and its end, where ends are told).
    pub accepted: bool,
    /// Why not.
    pub error: Option<String>,
}
