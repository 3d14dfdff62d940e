//! What Tawny remembers that is not telemetry: budgets, silences, findings, keys, how far each judge has read.
//!
//! One SQLite file, [`FILE`], in the data directory. A feature brings a [`Part`]: a name and the statements that make its
//! tables, and keeps its own SQL beside its own code. What belongs together is written in one [`State::write`], which is
//! durable when it returns. All methods block; asynchronous callers hand them to a thread for blocking work.
//!
//! The store's catalog is another file: it describes segments and can be made again from them, which this one cannot.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use rusqlite;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// Name of the file in the data directory.
pub const FILE: &str = "state.sqlite";

/// Connections kept for readers; more readers than these at once open one and close it again.
pub const READERS_KEPT: usize = 4;

/// How long a statement waits for another program that holds the file (a backup by hand, say).
const BUSY: Duration = Duration::from_secs(10);

/// Memory for pages of the connection that writes, in KiB. What is judged lies all over the indexes by trace: with SQLite's own 2,000 a sixth of
/// its work was reading pages again, and writing them before their batch was complete.
const WRITER_PAGES: i64 = 16_384;

/// The tables of one feature.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Name of the feature, and the beginning of its tables' names.
    pub name: &'static str,
    /// What makes its tables, step by step. A step that was released is never changed: later ones are added behind it.
    pub migrations: &'static [&'static str],
}

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// SQLite refuses: the disk is full, the file is damaged, a statement is wrong.
    #[error("{path}: {source}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A newer Tawny has written the file.
    #[error(
        "{path} was written by a newer version of Tawny (`{part}` is at step {found}, this version knows {known}): use that version, or restore a backup",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The part that is newer.
        part: &'static str,
        /// Steps the file has seen.
        found: usize,
        /// Steps this program knows.
        known: usize,
    },
}

/// The open file; clones share it.
#[derive(Debug, Clone)]
pub struct State(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl State {
    /// Opens the state in `dir`, making the file and the tables of `parts` where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or a newer version has written it.
    pub fn open(dir: &Path, parts: &[Part]) -> Result<Self, StateError> {
        let path = dir.join(FILE);
        let mut writer = Connection::open(&path).and_then(prepared).map_err(at(&path))?;
        migrate(&mut writer, parts, &path)?;
        Ok(Self(Arc::new(Shared { path, writer: Mutex::new(writer), readers: Mutex::default() })))
    }

    /// Reads: `work` sees one moment, however many statements it makes.
    ///
    /// # Errors
    /// When the file cannot be read or `work` fails.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StateError> {
        let kept = locked(&self.0.readers).pop();
        let read = || {
            let mut reader = match kept {
                Some(reader) => reader,
                None => Connection::open_with_flags(
                    &self.0.path,
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                )
                .and_then(|reader| reader.busy_timeout(BUSY).map(|()| reader))?,
            };
            let moment = reader.transaction()?;
            let answer = work(&moment)?;
            moment.finish()?;
            Ok((reader, answer))
        };
        let (reader, answer) = read().map_err(at(&self.0.path))?;
        let mut readers = locked(&self.0.readers);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        Ok(answer)
    }

    /// Writes: all of what `work` does or, when it fails, nothing. What was written is on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written or `work` fails.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StateError> {
        let mut writer = locked(&self.0.writer);
        let write = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        write().map_err(at(&self.0.path))
    }

    /// Writes a copy of this moment to `path`, which must not exist, while reading and writing go on.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), StateError> {
        // Outside of a transaction, which SQLite asks for here.
        let copy = || {
            let reader = Connection::open_with_flags(&self.0.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            reader.busy_timeout(BUSY)?;
            reader.execute("VACUUM INTO ?1", [path.to_string_lossy()])?;
            Ok(())
        };
        copy().map_err(at(path))
    }

    /// Moves everything from SQLite's log into the file and empties the log, so that no earlier form of a row is left there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&self) -> Result<(), StateError> {
        let writer = locked(&self.0.writer);
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(at(&self.0.path))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

/// Reads one moment of a file without changing it, whether or not a server has it open.
///
/// # Errors
/// When the file cannot be read or `work` fails.
pub fn read_file<T>(path: &Path, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StateError> {
    let read = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut reader = Connection::open_with_flags(path, flags)?;
        reader.busy_timeout(BUSY)?;
        let moment = reader.transaction()?;
        let answer = work(&moment)?;
        moment.finish()?;
        Ok(answer)
    };
    read().map_err(at(path))
}

/// What SQLite's own check finds wrong with a file. SQLite keeps no checksums: a changed value of the right kind is not seen.
///
/// # Errors
/// When the file cannot be read at all.
pub fn faults(path: &Path) -> Result<Vec<String>, StateError> {
    read_file(path, |connection| {
        let mut query = connection.prepare("PRAGMA integrity_check")?;
        let lines = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    })
}

/// A connection that may write, durably: a commit is synced before it returns.
fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What was deleted is overwritten: it may have been erased on purpose.
    connection.pragma_update(None, "secure_delete", true)?;
    // What is negative is KiB, not pages.
    connection.pragma_update(None, "cache_size", -WRITER_PAGES)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn migrate(writer: &mut Connection, parts: &[Part], path: &Path) -> Result<(), StateError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at(path))?;
    transaction
        .execute_batch("CREATE TABLE IF NOT EXISTS migrations (part TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT")
        .map_err(at(path))?;
    for part in parts {
        let found: u32 = transaction
            .query_row("SELECT coalesce(max(steps), 0) FROM migrations WHERE part = ?1", [part.name], |row| row.get(0))
            .map_err(at(path))?;
        let found = found as usize;
        let known = part.migrations.len();
        let Some(missing) = part.migrations.get(found..) else {
            return Err(StateError::Newer { path: path.to_owned(), part: part.name, found, known });
        };
        for step in missing {
            transaction.execute_batch(step).map_err(at(path))?;
        }
        transaction
            .execute(
                "INSERT OR REPLACE INTO migrations VALUES (?1, ?2)",
                (part.name, i64::try_from(known).unwrap_or(i64::MAX)),
            )
            .map_err(at(path))?;
    }
    transaction.commit().map_err(at(path))
}

/// A fault inside of `work` ends its transaction; the connection behind the lock is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at(path: &Path) -> impl FnOnce(rusqlite::Error) -> StateError {
    let path = path.to_owned();
    |source| StateError::Sqlite { path, source }
}

#[cfg(test)]
mod tests;
