//! Keys, sessions, the audit log and what policies removed.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name and password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// How people sign in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginWays {
    /// Whether they can elsewhere (GET /api/v1/login/oidc); with name and password they always can.
    pub oidc: bool,
}

/// Who is asking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// `anybody`, `key:…` or `user:…`.
    pub who: String,
    /// The project the answer is about; the header `tawny-project` chooses another.
    pub project: String,
    /// The projects they may ask about, in order.
    pub projects: Vec<String>,
    /// What they may do in `project`: `ingest`, `read`, `respond`, `write`, `admin`.
    pub rights: Vec<String>,
    /// Whether these rights hold in every project: what is about the whole server (rules, silences, receivers, prices, budgets) asks for that.
    pub everywhere: bool,
    /// Whether the server asks for credentials at all.
    pub closed: bool,
    /// Whether people can sign in elsewhere (GET /api/v1/login/oidc).
    pub oidc: bool,
}

/// A key, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyInfo {
    /// Names the key; not secret.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Its project; `*` for all.
    pub project: String,
    /// What it may be used for: `ingest`, `read`, `write`, `admin`.
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, within a minute.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub revoked_at: Option<Timestamp>,
}

/// Keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// Newest first.
    pub keys: Vec<KeyInfo>,
}

/// A key that is to be made, in the project of the request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// What it is for.
    #[schema(example = "checkout agent")]
    pub name: String,
    /// What it may be used for: `ingest`, `read`, `write`, `admin`.
    pub scopes: Vec<String>,
}

/// A key that was made: the only time its secret is shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeKey {
    /// Names the key.
    pub id: String,
    /// The secret, to be sent as `Authorization: Bearer …`.
    pub key: String,
}

/// A role in a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RoleIn {
    /// The project; `*` for all.
    pub project: String,
    /// `viewer`, `responder`, `editor`, `admin`; in a change also `none`, which takes the role away.
    pub role: String,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// Names the person in paths; the name to sign in with.
    pub id: String,
    /// Roles by project.
    pub roles: Vec<RoleIn>,
    /// How the person signs in: `password` or `oidc`.
    pub signs_in: String,
    /// When the person was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Since when the person may not sign in.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub disabled_at: Option<Timestamp>,
}

/// People.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Users {
    /// By name.
    pub users: Vec<UserInfo>,
}

/// A person who is to be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name to sign in with: letters, digits, `-`, `_`, `.` and `@`.
    pub name: String,
    /// The password, at least twelve characters.
    pub password: String,
    /// What the person may do, and where.
    pub roles: Vec<RoleIn>,
}

/// What is to change of a person; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Another password; the person's sessions end.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether the person may not sign in.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Roles that change; others stay.
    #[serde(default)]
    pub roles: Vec<RoleIn>,
}

/// One thing somebody did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Number, from 1 without gaps over all projects.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// In which project; `*` where it is about all.
    pub project: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// More, in words; for what agents did the hash of what was said.
    pub detail: String,
    /// What was said, in the log of agents and where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Hash of this entry and all before it.
    pub hash: String,
}

/// A page of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntries {
    /// Oldest first.
    pub entries: Vec<AuditEntry>,
    /// Give it as `after` for the next page; absent at the end.
    pub next: Option<i64>,
}

/// Whether the audit log is whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// Whether nothing was changed or taken out.
    pub ok: bool,
    /// Entries there are.
    pub entries: u64,
    /// Of these, how many lost their words by retention; their hashes stay in the chain.
    pub emptied: u64,
    /// Number of the first; entries before it went by retention.
    pub first: i64,
    /// Number and hash of the last, to be noted elsewhere: `12:9f3c…`.
    pub head: String,
    /// What is wrong, a sentence each.
    pub broken: Vec<String>,
}

/// What policies are in use and what they removed in this project since the server started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyReport {
    /// Each policy in a line; empty where there is none.
    pub policies: Vec<String>,
    /// What was removed, most often first.
    pub removed: Vec<Removed>,
}

/// One sort of removal at one place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// Environment.
    pub environment: String,
    /// The attribute, with `#` for numbers in its name, or `span.name`, `log.body` and the like.
    pub field: String,
    /// `preview`, `hash`, `none`, or the detector or pattern that found something.
    pub action: String,
    /// How often.
    pub times: u64,
}
