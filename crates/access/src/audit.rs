//! The audit log: who did what, in a chain that shows what was changed or taken out.
//!
//! The hash of an entry is BLAKE3 over the hash before it and the entry's fields, each with its length before it. Old entries are
//! pruned: what they said is taken out, project by project, and their hash stays in the chain; where all from the beginning are
//! empty they go, and where the chain begins then is kept. Whoever can write the file can write a new chain: note the
//! [`Head`] elsewhere from time to time, and verify against it.

use model::Timestamp;
use state::rusqlite::{self, Connection, OptionalExtension, Transaction};

/// Which log: each is a chain of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// What people, keys and the command line did.
    People,
    /// What agents did ([`crate::append_deed`]).
    Agents,
}

impl Log {
    /// Its table, and the one that says where its chain begins.
    fn tables(self) -> [&'static str; 2] {
        match self {
            Self::People => ["audit_log", "audit_base"],
            Self::Agents => ["audit_agents", "audit_agents_base"],
        }
    }
}

/// One thing somebody did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// Number, from 1 without gaps.
    pub seq: i64,
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// In which project; `*` where it is about all.
    pub project: String,
    /// Who: `user:…`, `key:…`, `cli:…`, `anybody`.
    pub actor: String,
    /// What, a word with points: `key.create`.
    pub action: String,
    /// To what.
    pub target: String,
    /// More, in words; never a secret.
    pub detail: String,
    /// Hash of this entry and all before it, hexadecimal.
    pub hash: String,
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Head {
    /// Number of the last entry; 0 for none.
    pub seq: i64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry's fields do not give its hash, or the one before it was changed.
    #[error("entry {seq} was changed, or the entry before it was")]
    Changed {
        /// Its number.
        seq: i64,
    },
    /// Entries are not there.
    #[error("entries {from} to {to} are missing")]
    Missing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// A head that was noted elsewhere is not in the chain.
    #[error("entry {seq} has not the hash that was noted: the log was written again")]
    Rewritten {
        /// Its number.
        seq: i64,
    },
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries looked at.
    pub entries: u64,
    /// Of these, how many say nothing any more, because they were old. Their place in the chain is verified, their words cannot be.
    pub emptied: u64,
    /// Number of the first entry there is; entries before it were pruned.
    pub first: i64,
    /// The end of the chain.
    pub head: Head,
    /// Everything that is wrong.
    pub broken: Vec<Broken>,
}

/// The action of an entry whose words were taken out.
const EMPTIED: &str = "emptied";

/// Appends an entry; gives its number.
///
/// # Errors
/// What SQLite says.
pub fn append(
    tx: &Transaction<'_>,
    at: Timestamp,
    project: &str,
    actor: &str,
    what: [&str; 3],
) -> rusqlite::Result<i64> {
    append_to(tx, Log::People, at, project, actor, what)
}

/// Appends an entry to a log; gives its number.
pub(crate) fn append_to(
    tx: &Transaction<'_>,
    log: Log,
    at: Timestamp,
    project: &str,
    actor: &str,
    [action, target, detail]: [&str; 3],
) -> rusqlite::Result<i64> {
    let (seq, before) = last(tx, log)?;
    let seq = seq + 1;
    let fields = [project, actor, action, target, detail];
    let hash = link(&before, seq, at.as_nanos(), fields);
    let [table, _] = log.tables();
    tx.prepare_cached(&format!(
        "INSERT INTO {table} (seq, at, project, actor, action, target, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))?
    .execute((seq, at.as_nanos(), project, actor, action, target, detail, hash.as_bytes()))?;
    Ok(seq)
}

/// The last entry's number and hash; where there is none, what the chain begins from.
fn last(conn: &Connection, log: Log) -> rusqlite::Result<(i64, blake3::Hash)> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, blake3::Hash::from_bytes(row.get(1)?)));
    let query = format!("SELECT seq, hash FROM {} ORDER BY seq DESC LIMIT 1", log.tables()[0]);
    match conn.prepare_cached(&query)?.query_row([], read).optional()? {
        Some(last) => Ok(last),
        None => base(conn, log),
    }
}

/// What the first entry follows: nothing, or the last that was pruned.
fn base(conn: &Connection, log: Log) -> rusqlite::Result<(i64, blake3::Hash)> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, blake3::Hash::from_bytes(row.get(1)?)));
    let query = format!("SELECT seq, hash FROM {}", log.tables()[1]);
    let base = conn.query_row(&query, [], read).optional()?;
    Ok(base.unwrap_or((0, blake3::Hash::from_bytes([0; 32]))))
}

fn link(before: &blake3::Hash, seq: i64, at: i64, fields: [&str; 5]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before.as_bytes()).update(&seq.to_be_bytes()).update(&at.to_be_bytes());
    for field in fields {
        hasher.update(&(field.len() as u64).to_be_bytes()).update(field.as_bytes());
    }
    hasher.finalize()
}

/// Entries after a number, oldest first, at most `limit`; of one project and what is about all, or of everything.
///
/// # Errors
/// What SQLite says.
pub fn entries(
    conn: &Connection,
    log: Log,
    after: i64,
    limit: usize,
    project: Option<&str>,
) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT seq, at, project, actor, action, target, detail, hash FROM {}
         WHERE seq > ?1 AND (?3 IS NULL OR project IN (?3, '*')) ORDER BY seq LIMIT ?2",
        log.tables()[0]
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.query_map((after, limit, project), read)?.collect()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: row.get(1)?,
        project: row.get(2)?,
        actor: row.get(3)?,
        action: row.get(4)?,
        target: row.get(5)?,
        detail: row.get(6)?,
        hash: blake3::Hash::from_bytes(row.get(7)?).to_hex().to_string(),
    })
}

/// Goes through the chain; `noted` is a head that was written down elsewhere.
///
/// # Errors
/// What SQLite says.
pub fn verify(conn: &Connection, log: Log, noted: Option<&Head>) -> rusqlite::Result<Verified> {
    let (base, mut before) = base(conn, log)?;
    let (mut expected, mut broken, mut count, mut emptied) = (base + 1, Vec::new(), 0, 0);
    let mut statement = conn.prepare(&format!(
        "SELECT seq, at, project, actor, action, target, detail, hash, emptied FROM {} ORDER BY seq",
        log.tables()[0]
    ))?;
    let mut rows = statement.query([])?;
    let mut head = Head { seq: base, hash: before.to_hex().to_string() };
    let mut noted_seen = noted.is_none_or(|noted| noted.seq <= base && *noted == head || noted.seq == 0);
    while let Some(row) = rows.next()? {
        let hash = blake3::Hash::from_bytes(row.get(7)?);
        let entry = read(row)?;
        let empty: bool = row.get(8)?;
        emptied += u64::from(empty);
        if entry.seq > expected {
            broken.push(Broken::Missing { from: expected, to: entry.seq - 1 });
        } else if !empty {
            let fields = [&*entry.project, &*entry.actor, &*entry.action, &*entry.target, &*entry.detail];
            if link(&before, entry.seq, entry.at, fields) != hash {
                broken.push(Broken::Changed { seq: entry.seq });
            }
        }
        if let Some(noted) = noted.filter(|noted| noted.seq == entry.seq) {
            noted_seen = true;
            if noted.hash != entry.hash {
                broken.push(Broken::Rewritten { seq: entry.seq });
            }
        }
        (before, expected, count) = (hash, entry.seq + 1, count + 1);
        head = Head { seq: entry.seq, hash: entry.hash };
    }
    // Entries pruned since it was noted cannot be compared any more.
    if let Some(noted) = noted.filter(|noted| !noted_seen && noted.seq > head.seq) {
        broken.push(Broken::Missing { from: head.seq + 1, to: noted.seq });
    }
    if log == Log::Agents {
        broken.extend(crate::deeds::changed(conn)?);
    }
    Ok(Verified { entries: count, emptied, first: base + 1, head, broken })
}

/// Takes the words out of entries from before the time that `before` gives for their project (`None` keeps them), and removes the
/// beginning of the chain as far as it is empty; gives how many entries lost their words.
///
/// # Errors
/// What SQLite says.
pub fn prune(
    tx: &Transaction<'_>,
    log: Log,
    mut before: impl FnMut(&str) -> Option<Timestamp>,
) -> rusqlite::Result<usize> {
    let [table, base] = log.tables();
    let projects: Vec<String> = tx
        .prepare(&format!("SELECT DISTINCT project FROM {table} WHERE emptied = 0"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut emptied = 0;
    for project in &projects {
        let Some(before) = before(project) else { continue };
        let old = (project, before.as_nanos());
        if log == Log::Agents {
            let said = "DELETE FROM audit_agents_said WHERE seq IN (SELECT seq FROM audit_agents WHERE project = ?1 AND at < ?2)";
            tx.execute(said, old)?;
        }
        emptied += tx.execute(
            &format!(
                "UPDATE {table} SET actor = '', action = '{EMPTIED}', target = '', detail = '', emptied = 1
                 WHERE project = ?1 AND at < ?2 AND emptied = 0"
            ),
            old,
        )?;
    }
    let kept = format!(
        "SELECT coalesce((SELECT min(seq) FROM {table} WHERE emptied = 0), (SELECT max(seq) + 1 FROM {table}), 0)"
    );
    let first_kept: i64 = tx.query_row(&kept, [], |row| row.get(0))?;
    tx.execute(
        &format!(
            "INSERT OR REPLACE INTO {base} (one, seq, hash)
             SELECT 1, seq, hash FROM {table} WHERE seq < ?1 ORDER BY seq DESC LIMIT 1"
        ),
        [first_kept],
    )?;
    tx.execute(&format!("DELETE FROM {table} WHERE seq < ?1"), [first_kept])?;
    Ok(emptied)
}
