//! Who may do what, and who did what.
//!
//! Keys are for programs, users are for people; both have rights within a project. Everything is kept in the state, in tables
//! of this crate; [`Doors`] holds what a request needs in memory. Keys, passwords and sessions are kept as hashes only.
//! The audit log is a chain: each entry's hash covers the one before it, so that a changed or missing entry shows.
//!
//! No clock and no randomness of its own: times and random bytes are passed in.

mod audit;
mod deeds;
mod doors;
mod keys;
mod password;
mod rate;
mod rights;
mod users;

pub use audit::{Broken, Entry, Head, Log, Verified, append, entries, prune, verify};
pub use deeds::{append_deed, deeds, erase_said, has_deed};
pub use doors::{Caller, Credentials, Declared, Denied, Doors, Who};
pub use keys::{Key, NewKey, create_key, keys, revoke_key, rotate_key};
pub use password::{MIN_PASSWORD, PasswordError};
pub use rate::{Buckets, MAX_BUCKETS};
pub use rights::{Need, Rights, Role, Scope, UnknownWord};
pub use users::{
    SESSION_SECONDS, SESSIONS_MAX, User, add_user, admit_identity, close_session, has_administrator, open_session,
    remove_user, set_disabled, set_password, set_role, users,
};

use state::Part;

/// Characters a project's or user's name may have.
pub const MAX_NAME: usize = 64;

/// The tables of this crate in the state.
pub const PART: Part = Part {
    name: "access",
    migrations: &["
        CREATE TABLE access_keys (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, project TEXT NOT NULL, scopes TEXT NOT NULL, hash BLOB NOT NULL UNIQUE,
            created INTEGER NOT NULL, last_used INTEGER, revoked INTEGER
        ) STRICT;
        CREATE TABLE access_users (name TEXT PRIMARY KEY, password TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
        CREATE TABLE access_roles (
            user TEXT NOT NULL REFERENCES access_users ON DELETE CASCADE, project TEXT NOT NULL, role TEXT NOT NULL,
            PRIMARY KEY (user, project)
        ) STRICT;
        CREATE TABLE access_sessions (
            hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES access_users ON DELETE CASCADE, expires INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE audit_log (
            seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, project TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
            target TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL
        ) STRICT;
        CREATE TABLE audit_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
    ", "
        ALTER TABLE access_users ADD COLUMN disabled INTEGER;
        ALTER TABLE access_users ADD COLUMN identity TEXT;
        CREATE UNIQUE INDEX access_users_by_identity ON access_users (identity) WHERE identity IS NOT NULL;
    ", "
        CREATE TABLE audit_agents (
            seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, project TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
            target TEXT NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL
        ) STRICT;
        CREATE INDEX audit_agents_by_target ON audit_agents (target);
        CREATE TABLE audit_agents_base (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
        CREATE TABLE audit_agents_said (seq INTEGER PRIMARY KEY, said TEXT NOT NULL) STRICT;
    ", "
        ALTER TABLE audit_log ADD COLUMN emptied INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE audit_agents ADD COLUMN emptied INTEGER NOT NULL DEFAULT 0;
    "],
};

/// The hash by which a key or token is kept and looked up.
pub fn hash(secret: &str) -> blake3::Hash {
    blake3::hash(secret.as_bytes())
}

/// Whether a text can be a project's or user's name: it shows in paths, lists and logs.
pub fn is_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@".contains(letter);
    !text.is_empty() && text.len() <= MAX_NAME && !text.starts_with('.') && text.chars().all(plain)
}

#[cfg(test)]
mod tests;
