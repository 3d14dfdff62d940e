//! The catalog: which segments there are, which of their rows no longer count, and how far the log is in them.
//!
//! SQLite in `catalog.db`. A flush or a compaction is one transaction. Everything here blocks. The tables are described
//! in `docs/formats/catalog.md`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use crate::bloom::TraceBloom;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::retention::{Dropped, DroppedByLayer, Layer};
use crate::schema::Table;
use crate::snapshot::SegmentMeta;

/// Version of the tables, SQLite's `user_version`.
pub(crate) const VERSION: i64 = 2;

const TABLES: &str = "
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        project TEXT NOT NULL,
        environment TEXT,
        day TEXT NOT NULL,
        path TEXT NOT NULL UNIQUE,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        min_time INTEGER NOT NULL,
        max_time INTEGER NOT NULL,
        min_version INTEGER NOT NULL,
        max_version INTEGER NOT NULL,
        level INTEGER NOT NULL,
        provisional INTEGER NOT NULL,
        traces BLOB NOT NULL,
        arrived INTEGER NOT NULL DEFAULT 0,
        content INTEGER NOT NULL DEFAULT 1,
        checksum INTEGER
    ) STRICT;
    CREATE TABLE deletions (
        segment INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
        rows BLOB NOT NULL
    ) STRICT;
    CREATE TABLE removals (
        path TEXT PRIMARY KEY,
        not_before INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE state (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE dropped (
        project TEXT NOT NULL,
        layer TEXT NOT NULL,
        until INTEGER NOT NULL,
        segments INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (project, layer)
    ) STRICT;
    INSERT INTO state VALUES ('log_flushed', 0), ('next_segment', 1);
";

/// From version 1 to 2. When old segments arrived is not known: about when their newest rows say they are of, or where the
/// day of their path shows that those times had been moved, as long after it as times are moved.
const SECOND: &str = "
    ALTER TABLE segments ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE segments ADD COLUMN content INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE segments ADD COLUMN checksum INTEGER;
    UPDATE segments SET arrived = coalesce(CASE
        WHEN max_time < unixepoch(day) * 1000000000 THEN (unixepoch(day) + 401 * 86400) * 1000000000
        ELSE min(max_time, (unixepoch(day) + 2 * 86400) * 1000000000) END, max_time);
    CREATE TABLE dropped (
        project TEXT NOT NULL,
        layer TEXT NOT NULL,
        until INTEGER NOT NULL,
        segments INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (project, layer)
    ) STRICT;
";

/// The catalog, open.
#[derive(Clone)]
pub(crate) struct Catalog {
    connection: Arc<Mutex<Connection>>,
    disk: Arc<dyn Disk>,
}

/// All the catalog says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Segments by id, with rows that no longer count.
    pub segments: Vec<(SegmentMeta, Vec<u32>)>,
    /// Every request up to this sequence number is in segments.
    pub log_flushed: u64,
    /// Id of the next segment.
    pub next_segment: u64,
    /// Files to remove, and from when on.
    pub removals: Vec<(String, Timestamp)>,
    /// What retention removed so far.
    pub dropped: DroppedByLayer,
}

/// One transaction.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Told apart from every other change by this number: of a segment, or of none.
    pub id: u64,
    /// Segments that are there now.
    pub added: Vec<Arc<SegmentMeta>>,
    /// Segments that are not any more; their files are removed later.
    pub removed: Vec<Arc<SegmentMeta>>,
    /// When their files may be removed.
    pub not_before: Timestamp,
    /// Rows that no longer count, all of them, by segment.
    pub deletions: Vec<(u64, Vec<u32>)>,
    /// How far the log is in segments now.
    pub log_flushed: Option<u64>,
    /// Id of the next segment.
    pub next_segment: u64,
    /// What retention removes with it, to be counted.
    pub dropped: DroppedByLayer,
}

impl Catalog {
    /// Opens or creates the catalog.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(StoreError::catalog("open the database"))?;
        let setup = || -> rusqlite::Result<i64> {
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        let version = setup().map_err(StoreError::catalog("read the version"))?;
        match version {
            VERSION => {}
            0 => connection
                .execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))
                .map_err(StoreError::catalog("create tables"))?,
            1 => connection
                .execute_batch(&format!("BEGIN; {SECOND} PRAGMA user_version = {VERSION}; COMMIT;"))
                .map_err(StoreError::catalog("bring the tables up to date"))?,
            found => {
                let what = format!("the catalog {}", path.display());
                return Err(StoreError::NewerFormat { what, found, known: VERSION });
            }
        }
        Ok(Self { connection: Arc::new(Mutex::new(connection)), disk })
    }

    fn with<T>(
        &self,
        what: &'static str,
        use_it: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(&mut connection).map_err(StoreError::catalog(what))
    }

    /// One transaction: all of it is kept, or nothing.
    fn transact(
        &self,
        what: &'static str,
        use_it: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.with(what, |connection| {
            let transaction = connection.transaction()?;
            use_it(&transaction)?;
            self.disk.before_transaction().map_err(refused)?;
            transaction.commit()?;
            self.disk.after_transaction().map_err(refused)
        })
    }

    /// Everything.
    pub fn load(&self) -> Result<Contents, StoreError> {
        self.with("list segments", |connection| {
            let state = |name: &str| {
                connection.query_row("SELECT value FROM state WHERE name = ?1", [name], |row| row.get::<_, i64>(0))
            };
            let mut contents = Contents {
                log_flushed: state("log_flushed")? as u64,
                next_segment: state("next_segment")? as u64,
                ..Contents::default()
            };
            let mut query = connection.prepare(
                "SELECT s.*, d.rows AS deleted FROM segments s LEFT JOIN deletions d ON d.segment = s.id ORDER BY s.id",
            )?;
            let segments = query.query_map([], segment)?;
            contents.segments = segments.collect::<rusqlite::Result<_>>()?;
            contents.removals = removals(connection)?;
            contents.dropped = dropped(connection)?;
            Ok(contents)
        })
    }

    /// Files to remove, and from when on.
    pub fn load_removals(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.with("list replaced files", |connection| removals(connection))
    }

    /// All of a change, or nothing of it. Durable when it returns.
    pub fn commit(&self, change: &Change) -> Result<(), StoreError> {
        self.transact("commit segments", |transaction| {
            for meta in &change.added {
                insert(transaction, meta)?;
            }
            for meta in &change.removed {
                transaction.execute("DELETE FROM segments WHERE id = ?1", [meta.id as i64])?;
                transaction.execute(
                    "INSERT OR REPLACE INTO removals VALUES (?1, ?2)",
                    params![meta.path.as_ref(), change.not_before.as_nanos()],
                )?;
            }
            for (segment, rows) in &change.deletions {
                put_deletions(transaction, *segment, rows)?;
            }
            if let Some(position) = change.log_flushed {
                transaction.execute("UPDATE state SET value = ?1 WHERE name = 'log_flushed'", [position as i64])?;
            }
            for ((project, layer), dropped) in &change.dropped {
                transaction.execute(
                    "INSERT INTO dropped VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET
                     until = max(until, ?3), segments = segments + ?4, rows = rows + ?5, bytes = bytes + ?6",
                    params![
                        project,
                        layer.name(),
                        dropped.until.as_nanos(),
                        dropped.segments as i64,
                        dropped.rows as i64,
                        dropped.bytes as i64
                    ],
                )?;
            }
            transaction.execute(
                "UPDATE state SET value = max(value, ?1) WHERE name = 'next_segment'",
                [change.next_segment as i64],
            )?;
            transaction.execute("INSERT OR REPLACE INTO state VALUES ('last_change', ?1)", [change.id as i64])?;
            Ok(())
        })
    }

    /// The number that tells this store from others; `fresh` gives one where none is kept yet.
    pub fn store_id(&self, fresh: impl FnOnce() -> u64) -> Result<u64, StoreError> {
        self.with("read the store's id", |connection| {
            connection.execute("INSERT OR IGNORE INTO state VALUES ('store_id', ?1)", [fresh() as i64])?;
            let id = "SELECT value FROM state WHERE name = 'store_id'";
            connection.query_row(id, [], |row| row.get::<_, i64>(0)).map(|id| id as u64)
        })
    }

    /// Writes a consistent copy of the whole catalog to a new file.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let target = path.display().to_string();
        self.with("copy the database", |connection| connection.execute("VACUUM INTO ?1", [target]).map(drop))
    }

    /// Rows changed since the catalog was opened: rises with each change.
    pub fn changes(&self) -> Result<u64, StoreError> {
        let count = "SELECT total_changes()";
        self.with("count changes", |connection| connection.query_row(count, [], |row| row.get::<_, i64>(0)))
            .map(|changes| changes as u64)
    }

    /// Whether a change was the last one kept: what a commit that failed came to.
    pub fn kept(&self, change: &Change) -> Result<bool, StoreError> {
        self.with("look for a change", |connection| {
            let mut query = connection.prepare("SELECT value FROM state WHERE name = 'last_change'")?;
            let last = query.query_map([], |row| row.get::<_, i64>(0))?.next().transpose()?;
            Ok(last == Some(change.id as i64))
        })
    }

    /// Forgets files that are removed now.
    pub fn removed(&self, paths: &[String]) -> Result<(), StoreError> {
        self.transact("forget removed files", |transaction| {
            for path in paths {
                transaction.execute("DELETE FROM removals WHERE path = ?1", [path])?;
            }
            Ok(())
        })
    }

    /// Lists files that nobody reads: they go at the next start.
    pub fn remove_later(&self, paths: &[String]) -> Result<(), StoreError> {
        self.transact("list files to remove", |transaction| {
            for path in paths {
                transaction.execute("INSERT OR REPLACE INTO removals VALUES (?1, 0)", [path])?;
            }
            Ok(())
        })
    }

    /// What SQLite's own check finds wrong.
    pub fn faults(&self) -> Result<Vec<String>, StoreError> {
        self.with("check the database", |connection| {
            let mut query = connection.prepare("PRAGMA integrity_check")?;
            let lines = query.query_map([], |row| row.get::<_, String>(0))?;
            let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        })
    }

    /// Drops segments whose files are gone, and rows of others that no longer count because of it.
    pub fn forget(&self, segments: &[u64], deletions: &[(u64, Vec<u32>)]) -> Result<(), StoreError> {
        self.transact("forget missing segments", |transaction| {
            for id in segments {
                transaction.execute("DELETE FROM segments WHERE id = ?1", [*id as i64])?;
            }
            for (segment, rows) in deletions {
                put_deletions(transaction, *segment, rows)?;
            }
            Ok(())
        })
    }
}

/// The rows of a segment that no longer count. A segment that is not listed any more has none.
fn put_deletions(transaction: &Transaction<'_>, segment: u64, rows: &[u32]) -> rusqlite::Result<()> {
    let put = "INSERT OR REPLACE INTO deletions SELECT id, ?2 FROM segments WHERE id = ?1";
    transaction.execute(put, params![segment as i64, write_rows(rows)]).map(drop)
}

/// An error of the disk as one of SQLite's.
fn refused(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

fn removals(connection: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let mut query = connection.prepare("SELECT path, not_before FROM removals")?;
    let removals = query.query_map([], |row| Ok((row.get(0)?, Timestamp::from_nanos(row.get(1)?))))?;
    removals.collect()
}

fn dropped(connection: &Connection) -> rusqlite::Result<DroppedByLayer> {
    let mut query = connection.prepare("SELECT project, layer, until, segments, rows, bytes FROM dropped")?;
    let number = |row: &Row<'_>, at: usize| row.get::<_, i64>(at).map(|number| number as u64);
    let rows = query.query_map([], |row| {
        let layer: String = row.get(1)?;
        let dropped = Dropped {
            until: Timestamp::from_nanos(row.get(2)?),
            segments: number(row, 3)?,
            rows: number(row, 4)?,
            bytes: number(row, 5)?,
        };
        // A layer of a newer program is that program's to show.
        let project: String = row.get(0)?;
        Ok(layer.parse::<Layer>().ok().map(|layer| ((project, layer), dropped)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn insert(connection: &Connection, meta: &SegmentMeta) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO segments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?;
    insert.execute(params![
        meta.id as i64,
        meta.table.name(),
        &*meta.project,
        meta.environment.as_deref(),
        meta.day,
        meta.path.as_ref(),
        meta.rows as i64,
        meta.bytes as i64,
        meta.min_time.as_nanos(),
        meta.max_time.as_nanos(),
        meta.min_version as i64,
        meta.max_version as i64,
        meta.level,
        meta.provisional as i64,
        meta.traces.to_bytes(),
        meta.arrived.as_nanos(),
        meta.content,
        meta.checksum,
    ])?;
    Ok(())
}

fn segment(row: &Row<'_>) -> rusqlite::Result<(SegmentMeta, Vec<u32>)> {
    let number = |name: &str| row.get::<_, i64>(name).map(|number| number as u64);
    let time = |name: &str| row.get::<_, i64>(name).map(Timestamp::from_nanos);
    let kind: String = row.get("kind")?;
    let path: String = row.get("path")?;
    let unknown = |what: String| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, what.into());
    let deleted: Option<Vec<u8>> = row.get("deleted")?;
    let meta = SegmentMeta {
        id: number("id")?,
        table: Table::from_name(&kind).ok_or_else(|| unknown(format!("no table {kind}")))?,
        project: row.get::<_, String>("project")?.into(),
        environment: row.get::<_, Option<String>>("environment")?.map(Into::into),
        day: row.get("day")?,
        path: object_store::path::Path::parse(&path).map_err(|error| unknown(error.to_string()))?,
        rows: number("rows")?,
        bytes: number("bytes")?,
        min_time: time("min_time")?,
        max_time: time("max_time")?,
        min_version: number("min_version")?,
        max_version: number("max_version")?,
        level: row.get("level")?,
        provisional: number("provisional")?,
        arrived: time("arrived")?,
        content: row.get("content")?,
        checksum: row.get("checksum")?,
        traces: Arc::new(TraceBloom::from_bytes(&row.get::<_, Vec<u8>>("traces")?)),
    };
    let deleted =
        deleted.map_or(Ok(Vec::new()), |bytes| read_rows(&bytes).ok_or_else(|| unknown("bad row list".into())))?;
    Ok((meta, deleted))
}

/// Sorted row numbers as differences, each in groups of seven bits, low first (LEB128).
fn write_rows(rows: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * 2);
    let mut last = 0;
    for row in rows {
        let mut step = row - last;
        last = *row;
        while step >= 0x80 {
            bytes.push(step as u8 | 0x80);
            step >>= 7;
        }
        bytes.push(step as u8);
    }
    bytes
}

fn read_rows(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut rows = Vec::new();
    let (mut last, mut step, mut shift) = (0u32, 0u32, 0);
    for byte in bytes {
        step |= u32::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.checked_add(step)?;
            rows.push(last);
            (step, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers_read_back() {
        for rows in [vec![], vec![0], vec![0, 1, 127, 128, 300, 70_000, u32::MAX]] {
            assert_eq!(read_rows(&write_rows(&rows)), Some(rows));
        }
        assert_eq!(read_rows(&[0x80]), None);
    }

    #[test]
    fn a_catalog_of_a_newer_program_is_refused_with_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("catalog.db");
        let disk: Arc<dyn Disk> = Arc::new(crate::disk::RealDisk);
        drop(Catalog::open(Arc::clone(&disk), &path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        let error = Catalog::open(disk, &path).err().unwrap().to_string();
        assert!(error.contains("version 7") && error.contains("knows 2"), "{error}");
    }
}
