//! Keys for programs: made once, shown once, kept as a hash.
//!
//! A key is `twy_` and 32 random bytes in Base64 (URL alphabet). With that much randomness a plain hash is enough: there is nothing to guess.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use state::rusqlite::{self, Connection, OptionalExtension, Transaction};

use crate::rights::Scope;

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Names the key in lists; not secret.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// Its project; `*` for all.
    pub project: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, within a minute.
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// Hash of the secret.
    pub(crate) hash: blake3::Hash,
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey<'k> {
    /// What it is for.
    pub name: &'k str,
    /// Its project; `*` for all.
    pub project: &'k str,
    /// What it may be used for.
    pub scopes: &'k [Scope],
}

/// Makes a key; gives its id and the secret, which is kept nowhere. `random` is fresh from the system.
///
/// # Errors
/// What SQLite says.
pub fn create_key(tx: &Transaction<'_>, new: &NewKey<'_>, random: [u8; 32], now: Timestamp) -> rusqlite::Result<(String, String)> {
    let secret = format!("twy_{}", URL_SAFE_NO_PAD.encode(random));
    let hash = blake3::hash(secret.as_bytes());
    // Of the hash, so that it says nothing of the secret.
    let id = format!("k_{}", &hash.to_hex()[..12]);
    let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
    tx.execute(
        "INSERT INTO access_keys (id, name, project, scopes, hash, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&id, new.name, new.project, scopes.join(","), hash.as_bytes(), now.as_nanos()),
    )?;
    Ok((id, secret))
}

/// All keys, revoked ones too, newest first.
///
/// # Errors
/// What SQLite says.
pub fn keys(conn: &Connection) -> rusqlite::Result<Vec<Key>> {
    let columns = "SELECT id, name, project, scopes, hash, created, last_used, revoked FROM access_keys ORDER BY created DESC, id";
    let mut statement = conn.prepare_cached(columns)?;
    statement.query_map([], read)?.collect()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Key> {
    let time = |nanos: Option<i64>| nanos.map(Timestamp::from_nanos);
    let scopes: String = row.get(3)?;
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        project: row.get(2)?,
        scopes: scopes.split(',').filter_map(|word| word.parse().ok()).collect(),
        hash: blake3::Hash::from_bytes(row.get(4)?),
        created: Timestamp::from_nanos(row.get(5)?),
        last_used: time(row.get(6)?),
        revoked: time(row.get(7)?),
    })
}

/// Revokes a key; whether there was one to revoke.
///
/// # Errors
/// What SQLite says.
pub fn revoke_key(tx: &Transaction<'_>, id: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let revoke = "UPDATE access_keys SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
    Ok(tx.execute(revoke, (id, now.as_nanos()))? > 0)
}

/// Makes a key like another and revokes that one; gives id and secret of the new one, or nothing where there is none to rotate.
///
/// # Errors
/// What SQLite says.
pub fn rotate_key(
    tx: &Transaction<'_>,
    id: &str,
    random: [u8; 32],
    now: Timestamp,
) -> rusqlite::Result<Option<(String, String)>> {
    let columns =
        "SELECT id, name, project, scopes, hash, created, last_used, revoked FROM access_keys WHERE id = ?1 AND revoked IS NULL";
    let Some(old) = tx.query_row(columns, [id], read).optional()? else { return Ok(None) };
    let made = create_key(tx, &NewKey { name: &old.name, project: &old.project, scopes: &old.scopes }, random, now)?;
    revoke_key(tx, id, now)?;
    Ok(Some(made))
}

/// Notes when keys were last used.
pub(crate) fn note_used(tx: &Transaction<'_>, used: &[(String, Timestamp)]) -> rusqlite::Result<()> {
    let note = "UPDATE access_keys SET last_used = max(coalesce(last_used, 0), ?2) WHERE id = ?1";
    for (id, at) in used {
        tx.execute(note, (id, at.as_nanos()))?;
    }
    Ok(())
}
