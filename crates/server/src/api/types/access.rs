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

/// Who is asking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// `anybody`, `key:…` or `user:…`.
    pub who: String,
    /// The project the answer is about; the header `tawny-project` chooses another.
    pub project: String,
    /// What they may do there: `ingest`, `read`, `respond`, `write`, `admin`.
    pub rights: Vec<String>,
    /// Whether the server asks for credentials at all.
    pub closed: bool,
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
    /// More, in words.
    pub detail: String,
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
