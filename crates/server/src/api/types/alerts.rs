//! Alerts, rules and silences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Who takes care of it.
    pub ack: Option<AlertAck>,
    /// Traces of runs that show it, the worst first.
    pub traces: Vec<String>,
    /// Group of the rule; `external` where another system sent the alert.
    pub group: String,
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
    /// The number its value is compared with, where there is one.
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
