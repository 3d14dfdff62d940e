//! Changes, incidents and brakes.

use model::{Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertEvent, Issue, Run};

/// A change that somebody tells of.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChange {
    /// Names it; telling of it again replaces it. Made where left out.
    #[serde(default)]
    pub id: Option<String>,
    /// `deploy`, `model`, `prompt`, `tool_schema`, `index_version` or `config`.
    #[schema(example = "deploy")]
    pub kind: String,
    /// What changed, in words.
    #[schema(example = "checkout agent 2.4.1")]
    pub title: String,
    /// When; now where left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Where; everywhere where left out.
    #[serde(default)]
    pub environment: Option<String>,
    /// Of which agent; of all where left out.
    #[serde(default)]
    pub agent: Option<String>,
    /// What it is since then: a version, a model, a commit.
    #[serde(default)]
    pub version: Option<String>,
    /// Where to read more.
    #[serde(default)]
    #[schema(example = "https://ci.example/deploys/812")]
    pub url: Option<String>,
}

/// A change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Names it.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `deploy`, `model`, `prompt`, `tool_schema`, `index_version` or `config`.
    pub kind: String,
    /// `told` over the API, or `seen` in telemetry: the first run with another version, model, prompt or set of tools.
    pub source: String,
    /// Where; null for everywhere.
    #[schema(required)]
    pub environment: Option<String>,
    /// Of which agent; null for all.
    #[schema(required)]
    pub agent: Option<String>,
    /// What it is since then: a version, a model, or the hash of a prompt or of tools.
    #[schema(required)]
    pub version: Option<String>,
    /// What it was before, where telemetry shows it.
    #[schema(required)]
    pub previous: Option<String>,
    /// In words.
    pub title: String,
    /// Where to read more.
    #[schema(required)]
    pub url: Option<String>,
    /// Who told of it.
    #[schema(required)]
    pub by: Option<String>,
    /// First run that shows it.
    #[schema(value_type = Option<String>, required)]
    pub trace_id: Option<TraceId>,
}

/// A page of changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangesAnswer {
    /// Changes, newest first.
    pub changes: Vec<Change>,
    /// Cursor of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A brake to put on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBrake {
    /// `hold`, `human` (hand over to people) or `previous` (work as the version before).
    #[schema(example = "hold")]
    pub action: String,
    /// Whom to hold; one of `agent` and `tool` is needed.
    #[serde(default)]
    pub agent: Option<String>,
    /// Which tool's calls to hold.
    #[serde(default)]
    pub tool: Option<String>,
    /// Where; everywhere where left out.
    #[serde(default)]
    pub environment: Option<String>,
    /// For `previous`, the version to use; the one that telemetry showed before the newest where left out.
    #[serde(default)]
    pub version: Option<String>,
    /// Why. Agents are told.
    #[schema(example = "refunds twice, issue 4f1c")]
    pub why: String,
    /// The issue it is for.
    #[serde(default)]
    pub issue: Option<String>,
    /// Until when; or say `minutes`. Until it is taken off where both are left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// For how long.
    #[serde(default)]
    pub minutes: Option<u64>,
}

/// A brake.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Brake {
    /// Names it.
    pub id: String,
    /// `hold`, `human` or `previous`.
    pub action: String,
    /// Whom it holds; null for every agent.
    #[schema(required)]
    pub agent: Option<String>,
    /// Which tool's calls it holds; null for whatever the agent does.
    #[schema(required)]
    pub tool: Option<String>,
    /// Where; null for everywhere.
    #[schema(required)]
    pub environment: Option<String>,
    /// The version to use, for `previous`.
    #[schema(required)]
    pub version: Option<String>,
    /// Who put it on.
    pub by: String,
    /// Why.
    pub why: String,
    /// The issue it is for.
    #[schema(required)]
    pub issue: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when; null until it is taken off.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub until: Option<Timestamp>,
    /// In force now.
    pub in_force: bool,
    /// When it was taken off.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub ended_at: Option<Timestamp>,
    /// By whom.
    #[schema(required)]
    pub ended_by: Option<String>,
}

/// Brakes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BrakesAnswer {
    /// Those put on last first; those that are over too, where asked for.
    pub brakes: Vec<Brake>,
}

/// An issue with what is around it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentAnswer {
    /// The issue.
    pub issue: Issue,
    /// When it began this time: the first finding after 24 quiet hours, or the beginning of the drift that it tells of.
    #[schema(value_type = String, format = DateTime)]
    pub onset: Timestamp,
    /// What changed in the 24 hours before (`before` says otherwise): of the agent first, then the latest first.
    pub changes: Vec<Change>,
    /// The run of the first finding, of a drift its first run; null where it is no longer kept.
    #[schema(required)]
    pub first_bad: Option<Run>,
    /// The last run before it of the same agent and environment that ended well, without a finding where there is one.
    #[schema(required)]
    pub last_good: Option<Run>,
    /// Who was hit since the onset: runs with a finding of it, of a drift all of its agent until it was quiet for 24 hours.
    pub hit: IncidentHit,
    /// Alerts that began to fire meanwhile (from an hour before the onset); empty for those who may not see alerts.
    pub alerts: Vec<AlertEvent>,
    /// Other issues that hit the same runs.
    pub related: Vec<RelatedIssue>,
    /// Brakes in force on the agent.
    pub brakes: Vec<Brake>,
}

/// Who an incident hit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentHit {
    /// Runs.
    pub runs: u64,
    /// End users.
    pub users: u64,
    /// Conversations.
    pub sessions: u64,
    /// What these runs cost, in dollars.
    pub cost_usd: f64,
    /// Runs of which nobody knows what they cost.
    pub unpriced_runs: u64,
    /// Users, those with most runs first; at most 20. `/incidents/{fingerprint}/runs.csv` has every run.
    pub by_user: Vec<HitUser>,
}

/// A user who was hit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HitUser {
    /// The user.
    pub user: String,
    /// Runs.
    pub runs: u64,
    /// What these cost, in dollars.
    pub cost_usd: f64,
}

/// An issue that hits the same runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RelatedIssue {
    /// The issue.
    pub issue: Issue,
    /// Runs that both hit.
    pub runs: u64,
}
