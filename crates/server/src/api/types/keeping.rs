//! What is kept and for how long: retention, holds, erasures, sampling.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StoreRetention;

/// How long what is kept in the project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RetentionAnswer {
    /// Telemetry, by layer.
    pub layers: Vec<StoreRetention>,
    /// What is derived from it.
    pub derived: Vec<DerivedRetention>,
    /// What stays whatever the layers say.
    pub holds: Vec<HoldInfo>,
    /// What sampling does, where it is set.
    pub sampling: Option<SamplingInfo>,
}

/// How long something derived is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DerivedRetention {
    /// What.
    pub what: String,
    /// Seconds; absent for ever.
    pub keep_seconds: Option<u64>,
    /// What sets it.
    pub set_by: String,
}

/// What sampling did in the project since its beginning.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SamplingInfo {
    /// Settled runs by what became of them: why they are kept, `to drop`, `dropped`.
    pub runs: BTreeMap<String, u64>,
    /// Rows that were dropped.
    pub rows_dropped: u64,
    /// Traces that wait to be dropped.
    pub waiting: u64,
}

/// Rules to be tried.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplingTrial {
    /// The file of rules, as text.
    pub rules: String,
    /// Since when: `7d`, or a time.
    pub since: String,
}

/// What rules would do with the runs of the project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SamplingTried {
    /// Settled runs looked at.
    pub runs: u64,
    /// Of these, those that would be kept.
    pub kept: u64,
    /// Runs by what would become of them: why they would be kept, or `drop`.
    pub by: BTreeMap<String, u64>,
    /// Whether there were more runs than are looked at.
    pub more: bool,
}

/// What an order to erase or a hold is about: exactly one of its fields, or for a hold none, which is the whole project.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Runs of this end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Runs of this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The run of this trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// A hold that is to be put in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// What stays; left out: everything of the project.
    #[serde(default)]
    pub about: About,
    /// Why, for those who wonder later.
    pub reason: String,
}

/// Something that has to stay.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldInfo {
    /// Number.
    pub id: i64,
    /// `project`, `user`, `session` or `run`.
    pub what: String,
    /// Which; empty for the project.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    /// Oldest first.
    pub holds: Vec<HoldInfo>,
}

/// An order to erase, as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Erasure {
    /// Number.
    pub id: i64,
    /// `user`, `session` or `run`.
    pub what: String,
    /// The run's id, or a hash of the user's or session's: the name itself is not kept.
    pub told: String,
    /// Who ordered it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `working`; `waiting`: nobody reads it any more, its files go when their grace period is over; `done`; `failed`.
    pub state: String,
    /// Traces erased.
    pub traces: u64,
    /// Their rows, by table.
    pub rows: BTreeMap<String, u64>,
    /// Traces that the search afterwards still found: 0 is the proof.
    pub found_afterwards: Option<u64>,
    /// Runs of others that say the name, the newest: a person has to look at these.
    pub mentioned_in: Vec<String>,
    /// Files that held the rows and are not removed yet.
    pub files_waiting: u64,
    /// Segments that cannot be read; what they hold is not known.
    pub unreadable: Vec<String>,
    /// When nobody could read it any more.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub erased_at: Option<Timestamp>,
    /// When the last file that held it was removed.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub files_gone_at: Option<Timestamp>,
    /// When backups were made over the API that may still hold it. Other copies of the directory are not known.
    #[schema(value_type = Vec<String>)]
    pub backups: Vec<Timestamp>,
    /// Where telemetry is passed on to: what is there has to be erased there.
    pub passed_on_to: Vec<String>,
    /// What went wrong.
    pub problem: Option<String>,
}

/// Orders to erase.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Erasures {
    /// Newest first.
    pub erasures: Vec<Erasure>,
}
