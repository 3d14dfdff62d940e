//! People: their passwords, their roles by project, and their sessions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use state::rusqlite::{self, Connection, OptionalExtension, Transaction};

use crate::password::{self, PasswordError};
use crate::rights::Role;

/// How long a session lasts, in seconds: a week.
pub const SESSION_SECONDS: i64 = 7 * 86_400;
/// Sessions that may be open at once; the ones that end first make room.
pub const SESSIONS_MAX: usize = 10_000;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// Role by project; `*` is every project.
    pub roles: Vec<(String, Role)>,
    /// When the person was added.
    pub created: Timestamp,
    /// Since when the person may not sign in, where that is so.
    pub disabled: Option<Timestamp>,
    /// Issuer and subject by which the person signs in elsewhere (OpenID Connect), instead of with a password.
    pub identity: Option<String>,
}

impl User {
    /// The role in a project: the one that is said of it, else of all.
    pub fn role(&self, project: &str) -> Option<Role> {
        let said = |of: &str| self.roles.iter().find(|(named, _)| named == of).map(|(_, role)| *role);
        said(project).or_else(|| said("*"))
    }
}

/// Adds a person without roles, or gives an existing one a new password and ends their sessions. `salt` is fresh from the system.
///
/// # Errors
/// When the password cannot be used; inside, what SQLite says.
pub fn add_user(
    tx: &Transaction<'_>,
    name: &str,
    password: &str,
    salt: [u8; 16],
    now: Timestamp,
) -> Result<rusqlite::Result<()>, PasswordError> {
    let hash = password::hash(password, salt)?;
    let insert = "INSERT INTO access_users (name, password, created) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET password = excluded.password";
    let added = tx.execute(insert, (name, hash, now.as_nanos()));
    Ok(added.and_then(|_| tx.execute("DELETE FROM access_sessions WHERE user = ?1", [name])).map(|_| ()))
}

/// Gives a person another password and ends their sessions; whether there is such a person.
///
/// # Errors
/// As [`add_user`].
pub fn set_password(
    tx: &Transaction<'_>,
    name: &str,
    password: &str,
    salt: [u8; 16],
) -> Result<rusqlite::Result<bool>, PasswordError> {
    let hash = password::hash(password, salt)?;
    let set = tx.execute("UPDATE access_users SET password = ?2 WHERE name = ?1", (name, hash));
    Ok(set.and_then(|changed| {
        tx.execute("DELETE FROM access_sessions WHERE user = ?1", [name])?;
        Ok(changed > 0)
    }))
}

/// Gives a person a role in a project, or takes it away.
///
/// # Errors
/// What SQLite says; that there is no such person too.
pub fn set_role(tx: &Transaction<'_>, name: &str, project: &str, role: Option<Role>) -> rusqlite::Result<()> {
    match role {
        Some(role) => tx.execute(
            "INSERT OR REPLACE INTO access_roles (user, project, role) VALUES (?1, ?2, ?3)",
            (name, project, role.as_str()),
        )?,
        None => tx.execute("DELETE FROM access_roles WHERE user = ?1 AND project = ?2", (name, project))?,
    };
    Ok(())
}

/// Keeps a person from signing in from that time on and ends their sessions, or lets them in again; whether there is such a person.
///
/// # Errors
/// What SQLite says.
pub fn set_disabled(tx: &Transaction<'_>, name: &str, since: Option<Timestamp>) -> rusqlite::Result<bool> {
    let since = since.map(Timestamp::as_nanos);
    let changed = tx.execute("UPDATE access_users SET disabled = ?2 WHERE name = ?1", (name, since))?;
    if since.is_some() {
        tx.execute("DELETE FROM access_sessions WHERE user = ?1", [name])?;
    }
    Ok(changed > 0)
}

/// Somebody whom another server vouches for: the person of that identity, made where there is none, with exactly `roles`. Gives the
/// person's name; `None` where the name belongs to somebody else or the person may not sign in.
///
/// # Errors
/// What SQLite says.
pub fn admit_identity(
    tx: &Transaction<'_>,
    identity: &str,
    name: &str,
    roles: &[(String, Role)],
    now: Timestamp,
) -> rusqlite::Result<Option<String>> {
    let known: Option<(String, Option<i64>)> = tx
        .query_row("SELECT name, disabled FROM access_users WHERE identity = ?1", [identity], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let name = match known {
        Some((_, Some(_))) => return Ok(None),
        Some((name, None)) => name,
        None => {
            // No text is the hash of a password: nobody signs in with one.
            let insert = "INSERT INTO access_users (name, password, created, identity) VALUES (?1, '', ?2, ?3)
                ON CONFLICT (name) DO NOTHING";
            if tx.execute(insert, (name, now.as_nanos(), identity))? == 0 {
                return Ok(None);
            }
            name.to_owned()
        }
    };
    tx.execute("DELETE FROM access_roles WHERE user = ?1", [&name])?;
    for (project, role) in roles {
        set_role(tx, &name, project, Some(*role))?;
    }
    Ok(Some(name))
}

/// Whether somebody could undo what was done last: a person who may sign in, or a key, with all rights in every project.
///
/// # Errors
/// What SQLite says.
pub fn has_administrator(conn: &Connection) -> rusqlite::Result<bool> {
    let is_admin = |user: &User| {
        user.disabled.is_none() && user.roles.iter().any(|(project, role)| project == "*" && *role == Role::Admin)
    };
    let may = |key: &crate::Key| {
        key.revoked.is_none() && key.project == "*" && key.scopes.contains(&crate::rights::Scope::Admin)
    };
    Ok(users(conn)?.iter().any(is_admin) || crate::keys::keys(conn)?.iter().any(may))
}

/// Removes a person with their roles and sessions; whether there was one.
///
/// # Errors
/// What SQLite says.
pub fn remove_user(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    Ok(tx.execute("DELETE FROM access_users WHERE name = ?1", [name])? > 0)
}

/// Everybody, by name.
///
/// # Errors
/// What SQLite says.
pub fn users(conn: &Connection) -> rusqlite::Result<Vec<User>> {
    let mut statement = conn.prepare_cached(
        "SELECT u.name, u.created, r.project, r.role, u.disabled, u.identity
         FROM access_users u LEFT JOIN access_roles r ON r.user = u.name ORDER BY u.name, r.project",
    )?;
    let mut rows = statement.query([])?;
    let mut users: Vec<User> = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if users.last().is_none_or(|last| last.name != name) {
            users.push(User {
                name,
                roles: Vec::new(),
                created: Timestamp::from_nanos(row.get(1)?),
                disabled: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_nanos),
                identity: row.get(5)?,
            });
        }
        let role: Option<(String, String)> = row.get::<_, Option<String>>(2)?.zip(row.get(3)?);
        if let (Some(user), Some((project, word))) = (users.last_mut(), role)
            && let Ok(role) = word.parse()
        {
            user.roles.push((project, role));
        }
    }
    Ok(users)
}

/// Whether a person of that name has that password. Slow by design: call it on a thread for blocking work.
///
/// # Errors
/// What SQLite says.
pub(crate) fn password_fits(conn: &Connection, name: &str, password: &str) -> rusqlite::Result<bool> {
    let hash: Option<String> = conn
        .query_row("SELECT password FROM access_users WHERE name = ?1 AND disabled IS NULL", [name], |row| row.get(0))
        .optional()?;
    Ok(password::fits(password, hash.as_deref()))
}

/// Opens a session of a person; gives the token for the cookie, which is kept nowhere. `random` is fresh from the system.
///
/// # Errors
/// What SQLite says.
pub fn open_session(tx: &Transaction<'_>, name: &str, random: [u8; 32], now: Timestamp) -> rusqlite::Result<String> {
    let token = URL_SAFE_NO_PAD.encode(random);
    tx.execute("DELETE FROM access_sessions WHERE expires <= ?1", [now.as_nanos()])?;
    tx.execute(
        "DELETE FROM access_sessions WHERE hash IN (SELECT hash FROM access_sessions ORDER BY expires DESC LIMIT -1 OFFSET ?1)",
        [SESSIONS_MAX as i64 - 1],
    )?;
    let expires = now.plus_nanos(SESSION_SECONDS * 1_000_000_000);
    tx.execute(
        "INSERT INTO access_sessions (hash, user, expires) VALUES (?1, ?2, ?3)",
        (blake3::hash(token.as_bytes()).as_bytes(), name, expires.as_nanos()),
    )?;
    Ok(token)
}

/// Ends the session of a token.
///
/// # Errors
/// What SQLite says.
pub fn close_session(tx: &Transaction<'_>, token: &str) -> rusqlite::Result<()> {
    let hash = blake3::hash(token.as_bytes());
    tx.execute("DELETE FROM access_sessions WHERE hash = ?1", [hash.as_bytes()]).map(|_| ())
}

/// Open sessions: hash of the token, name, end.
pub(crate) fn sessions(conn: &Connection) -> rusqlite::Result<Vec<(blake3::Hash, String, Timestamp)>> {
    let mut statement = conn.prepare_cached("SELECT hash, user, expires FROM access_sessions")?;
    let rows = statement.query_map([], |row| {
        Ok((blake3::Hash::from_bytes(row.get(0)?), row.get(1)?, Timestamp::from_nanos(row.get(2)?)))
    })?;
    rows.collect()
}
