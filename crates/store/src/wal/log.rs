//! Appending to the log: files, their order, and what happens after a failure.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::record;
use crate::disk::{Disk, LogFile};
use crate::settings::Sync;

/// A log file that is no longer written.
#[derive(Debug, Clone)]
pub(crate) struct ClosedFile {
    pub path: PathBuf,
    /// Highest sequence number in it.
    pub last: u64,
    pub bytes: u64,
}

/// Figures other threads may read.
#[derive(Debug, Default)]
pub(crate) struct LogFigures {
    pub files: AtomicU64,
    pub bytes: AtomicU64,
    pub syncs: AtomicU64,
    pub failures: AtomicU64,
}

/// The log, open for writing. Owned by one thread.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    sync: Sync,
    file_bytes: u64,
    closed: Vec<ClosedFile>,
    open: Option<OpenFile>,
    figures: Arc<LogFigures>,
}

struct OpenFile {
    path: PathBuf,
    file: Box<dyn LogFile>,
    last: u64,
    bytes: u64,
}

impl Log {
    /// A log that goes on after the `closed` files. A new file is begun with the next record: what was written before a
    /// crash is never appended to.
    pub fn new(
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        sync: Sync,
        file_bytes: u64,
        closed: Vec<ClosedFile>,
        figures: Arc<LogFigures>,
    ) -> Self {
        let log = Self { disk, directory, sync, file_bytes, closed, open: None, figures };
        log.publish();
        log
    }

    /// Appends records whose sequence numbers are `first..=last`, and makes them durable as the setting says.
    ///
    /// After an error the file is given up: it is cut back to what was known to be good, closed, and the next records go
    /// to a new one. It is never synced again, because a failed `fsync` may have thrown the bytes away and the next one
    /// would succeed without them. Where even cutting fails, the records may come back at the next start; the caller
    /// has answered with an error by then, and a repeated request replaces.
    pub fn append(&mut self, records: &[u8], first: u64, last: u64) -> io::Result<()> {
        let result = self.try_append(records, first, last);
        if result.is_err() {
            self.figures.failures.fetch_add(1, Ordering::Relaxed);
            self.give_up();
        }
        self.publish();
        result
    }

    fn try_append(&mut self, records: &[u8], first: u64, last: u64) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| open.bytes >= self.file_bytes) {
            self.close_file();
        }
        if self.open.is_none() {
            self.open = Some(self.begin(first)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.file.append(records)?;
        if self.sync == Sync::Always {
            open.file.sync()?;
            self.figures.syncs.fetch_add(1, Ordering::Relaxed);
        }
        open.bytes += records.len() as u64;
        open.last = last;
        Ok(())
    }

    fn begin(&self, first: u64) -> io::Result<OpenFile> {
        let path = self.directory.join(file_name(first));
        let started = self.start_file(&path, first);
        match started {
            Ok(file) => Ok(OpenFile { path, file, last: first.saturating_sub(1), bytes: record::HEADER_BYTES as u64 }),
            Err(error) => {
                // Half a file with that name would stand in the way of the next attempt. One that was there before is
                // not ours to remove.
                if error.kind() != io::ErrorKind::AlreadyExists {
                    let _ = self.disk.remove(&path);
                }
                Err(error)
            }
        }
    }

    fn start_file(&self, path: &Path, first: u64) -> io::Result<Box<dyn LogFile>> {
        let mut file = self.disk.create(path)?;
        file.append(&record::header(first))?;
        if self.sync == Sync::Always {
            file.sync()?;
            self.disk.sync_dir(&self.directory)?;
        }
        Ok(file)
    }

    fn close_file(&mut self) {
        if let Some(open) = self.open.take() {
            self.closed.push(ClosedFile { path: open.path, last: open.last, bytes: open.bytes });
        }
    }

    /// Closes the file that is being written; the next record begins another.
    pub fn roll(&mut self) {
        self.close_file();
        self.publish();
    }

    fn give_up(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Err(error) = self.disk.truncate(&open.path, open.bytes) {
            tracing::warn!(path = %open.path.display(), %error, "cannot cut a log file after a failed write");
        }
        self.closed.push(ClosedFile { path: open.path, last: open.last, bytes: open.bytes });
    }

    /// Syncs what a setting without syncs left unsynced.
    pub fn close(&mut self) -> io::Result<()> {
        let result = self.open.as_mut().map_or(Ok(()), |open| open.file.sync());
        self.close_file();
        result
    }

    /// Removes files all of whose rows are in segments: up to `position`.
    pub fn remove_through(&mut self, position: u64) {
        if self.open.as_ref().is_some_and(|open| open.last <= position && open.bytes > record::HEADER_BYTES as u64) {
            self.close_file();
        }
        let disk = &self.disk;
        self.closed.retain(|file| {
            if file.last > position {
                return true;
            }
            if let Err(error) = disk.remove(&file.path) {
                tracing::warn!(path = %file.path.display(), %error, "cannot remove a log file that is no longer needed");
                return true;
            }
            false
        });
        self.publish();
    }

    fn publish(&self) {
        let open = self.open.as_ref().map_or(0, |open| open.bytes);
        let files = self.closed.len() + usize::from(self.open.is_some());
        self.figures.files.store(files as u64, Ordering::Relaxed);
        self.figures.bytes.store(self.closed.iter().map(|file| file.bytes).sum::<u64>() + open, Ordering::Relaxed);
    }
}

/// Name of the file whose first record has that sequence number.
pub(crate) fn file_name(first: u64) -> String {
    format!("{first:020}.log")
}
