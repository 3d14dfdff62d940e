//! Backups: a consistent copy of everything as one tar stream, from an open store too; and putting one back.
//!
//! A backup is the catalog as SQLite copies it, what the server remembers beside it, the segments it lists, the log from where the catalog leaves off,
//! and the files of series and the log of reservations, which the store only carries along. All of it is fixed at one moment, under the lock that flush and compaction take; copying comes after it, while ingest goes on.
//! Files the catalog lists do not change, and are not removed while a backup holds them. The format is described in
//! `docs/formats/backup.md`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::Timestamp;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::files::Files;
use crate::settings::Settings;
use crate::snapshot::SegmentMeta;

mod beside;
mod restore;

pub(crate) use beside::SERIES;
pub use restore::{Restored, restore, unpack, verify};

/// Version of the format.
const FORMAT: i64 = 1;
/// First entry: what this is.
const ABOUT: &str = "tawny-backup.json";
/// Last entry: every entry before it with length and checksum. A backup without it broke off.
const SUMS: &str = "tawny-backup.sums";
/// The catalog.
const CATALOG: &str = "catalog.db";
/// What the server remembers beside telemetry. The store only carries it along.
pub(crate) const STATE: &str = "state.sqlite";
/// What callers of the budget check reserved, carried along as well.
pub(crate) const RESERVATIONS: &str = "reservations.log";
/// Telemetry that waits to be passed on. In no backup: see `docs/formats/backup.md`.
pub(crate) const FORWARD: &str = "forward";
/// How long a backup waits for one who writes [`STATE`].
const STATE_BUSY: Duration = Duration::from_secs(10);
/// Backups at the same time.
pub const BACKUPS_MAX: usize = 2;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutBackup {
    /// Version of the format.
    pub format: i64,
    /// When it was begun: everything acknowledged before is in it.
    pub taken_at: Timestamp,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub segment_bytes: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Bytes of series.
    #[serde(default)]
    pub series_bytes: u64,
}

/// Keeps files from being removed while it lives.
pub(crate) struct Hold(Arc<AtomicUsize>);

impl Hold {
    /// Holds, unless too many do.
    pub fn new(holds: &Arc<AtomicUsize>) -> Result<Self, StoreError> {
        if holds.fetch_add(1, Ordering::AcqRel) >= BACKUPS_MAX {
            holds.fetch_sub(1, Ordering::AcqRel);
            return Err(StoreError::Busy { what: "backups and checks", limit: BACKUPS_MAX });
        }
        Ok(Self(Arc::clone(holds)))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A backup that is fixed and not yet written.
pub struct Plan {
    about: AboutBackup,
    catalog: PathBuf,
    state: Option<PathBuf>,
    /// Open, so that a flush that removes them takes nothing away.
    log: Vec<(String, File, u64)>,
    /// Series and reservations. Open as well, with their names in the archive.
    beside: Vec<(String, File, u64)>,
    segments: Vec<Arc<SegmentMeta>>,
    store: Arc<dyn ObjectStore>,
    _hold: Option<Hold>,
}

/// Fixes a backup. With an open store the caller keeps flush and compaction away meanwhile.
pub(crate) async fn plan(
    settings: &Settings,
    catalog: &Catalog,
    files: &Files,
    segments: Vec<Arc<SegmentMeta>>,
    taken_at: Timestamp,
    hold: Option<Hold>,
) -> Result<Plan, StoreError> {
    let (data, catalog, store) = (settings.data.clone(), catalog.clone(), files.object_store()?);
    let fix = move || {
        // First: what the server remembers of rows may be older than the rows, never newer.
        let state = copy_state(&data, taken_at)?;
        let copy = data.join(format!("tmp/backup-{}.db", taken_at.as_nanos()));
        catalog.copy_to(&copy)?;
        let wal = data.join("wal");
        let mut log = Vec::new();
        for entry in fs::read_dir(&wal).map_err(|error| StoreError::io("list", &wal, error))? {
            let entry = entry.map_err(|error| StoreError::io("list", &wal, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match File::open(entry.path()).and_then(|file| Ok((file.metadata()?.len(), file))) {
                Ok((bytes, file)) => log.push((name, file, bytes)),
                // Its rows are in segments since a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("read", entry.path(), error)),
            }
        }
        log.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let series = beside::series(&data)?;
        let series_bytes = series.iter().map(|(.., bytes)| bytes).sum();
        // Last: that telemetry has told a call is then noted here, and its cost is found again in the runs judged after the restore. The
        // other way round it would count twice, as spent and as reserved.
        let beside = series.into_iter().chain(beside::file(&data, RESERVATIONS)?).collect();
        let about = AboutBackup {
            format: FORMAT,
            taken_at,
            segments: segments.len() as u64,
            segment_bytes: segments.iter().map(|meta| meta.bytes).sum(),
            log_bytes: log.iter().map(|(.., bytes)| bytes).sum(),
            series_bytes,
        };
        Ok(Plan { about, catalog: copy, state, log, beside, segments, store, _hold: hold })
    };
    crate::threads::blocking(fix).await
}

/// Copies what the server remembers, if it remembers anything.
fn copy_state(data: &Path, taken_at: Timestamp) -> Result<Option<PathBuf>, StoreError> {
    let state = data.join(STATE);
    if !state.is_file() {
        return Ok(None);
    }
    let copy = data.join(format!("tmp/backup-{}-{STATE}", taken_at.as_nanos()));
    let copied = Connection::open_with_flags(&state, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
        connection.busy_timeout(STATE_BUSY)?;
        connection.execute("VACUUM INTO ?1", [copy.display().to_string()])
    });
    match copied {
        Ok(_) => Ok(Some(copy)),
        Err(error) => Err(StoreError::Backup { reason: format!("{} cannot be copied: {error}", state.display()) }),
    }
}

impl Plan {
    /// What will be in it.
    pub fn about(&self) -> &AboutBackup {
        &self.about
    }

    /// Writes the backup, as a tar archive. Blocks; must be called on a thread of a tokio runtime that may.
    pub fn write(self, out: impl Write) -> Result<AboutBackup, StoreError> {
        let failed = |error: io::Error| StoreError::Backup { reason: format!("it cannot be written: {error}") };
        let mut archive = Archive { tar: tar::Builder::new(out), sums: String::new(), at: self.about.taken_at };
        let about = serde_json::to_vec(&self.about).unwrap_or_default();
        archive.add(ABOUT, about.len() as u64, &mut about.as_slice()).map_err(failed)?;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| StoreError::io("read", path, error)
        };
        for (name, path) in
            std::iter::once((CATALOG, &self.catalog)).chain(self.state.iter().map(|state| (STATE, state)))
        {
            let mut database = File::open(path).map_err(io(path))?;
            let bytes = database.metadata().map_err(io(path))?.len();
            archive.add(name, bytes, &mut database).map_err(failed)?;
        }
        for (name, file, bytes) in &self.log {
            archive.add(&format!("wal/{name}"), *bytes, &mut file.take(*bytes)).map_err(failed)?;
        }
        for (name, file, bytes) in &self.beside {
            archive.add(name, *bytes, &mut file.take(*bytes)).map_err(failed)?;
        }
        let handle = tokio::runtime::Handle::current();
        for meta in &self.segments {
            let bytes = handle.block_on(read(&*self.store, meta))?;
            let checksum = crc32fast::hash(&bytes);
            if meta.checksum.is_some_and(|known| known != checksum) || bytes.len() as u64 != meta.bytes {
                let reason = "it is not what was written; run `tawny store check`";
                return Err(StoreError::segment("back up", &meta.path, reason));
            }
            archive.add(meta.path.as_ref(), meta.bytes, &mut bytes.as_ref()).map_err(failed)?;
        }
        archive.finish().map_err(failed)?;
        Ok(self.about.clone())
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        for copy in std::iter::once(&self.catalog).chain(&self.state) {
            let _ = fs::remove_file(copy);
        }
    }
}

async fn read(store: &dyn ObjectStore, meta: &SegmentMeta) -> Result<Bytes, StoreError> {
    let path: &ObjectPath = &meta.path;
    let failed = |error: object_store::Error| StoreError::segment("back up", path, error);
    store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    sums: String,
    at: Timestamp,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &str, bytes: u64, from: &mut dyn Read) -> io::Result<()> {
        use std::fmt::Write;
        let mut summed = Summed { from, hasher: crc32fast::Hasher::new(), bytes: 0 };
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.at.as_nanos() / 1_000_000_000).unwrap_or(0));
        self.tar.append_data(&mut header, name, &mut summed)?;
        if summed.bytes != bytes {
            return Err(io::Error::other(format!("{name} changed its length while it was read")));
        }
        let _ = writeln!(self.sums, "{:08x} {bytes} {name}", summed.hasher.finalize());
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let sums = std::mem::take(&mut self.sums);
        self.add(SUMS, sums.len() as u64, &mut sums.as_bytes())?;
        self.tar.into_inner()?.flush()
    }
}

/// Sums up what is read through it.
struct Summed<R> {
    from: R,
    hasher: crc32fast::Hasher,
    bytes: u64,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hasher.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
