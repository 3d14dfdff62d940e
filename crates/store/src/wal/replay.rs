//! Reading the log at start: what to replay, what was torn by a crash, what is damaged.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::log::ClosedFile;
use super::record::{self, Header};
use crate::disk::Disk;
use crate::entry::LogEntry;
use crate::error::StoreError;

/// What reading the log found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The files, oldest first.
    pub files: Vec<ClosedFile>,
    /// Highest sequence number seen.
    pub last: u64,
    /// Entries given to the callback.
    pub entries: u64,
    /// Copies of damaged parts that were set aside.
    pub damaged: Vec<PathBuf>,
    /// Bytes cut off the end of the last file.
    pub torn_bytes: u64,
}

/// Reads every log file and gives entries past `flushed` to `each`, in order.
///
/// The end of the last file may be torn: a request was being written when the process or machine stopped, and nobody was
/// told that it is kept. It is cut off. Damage anywhere else is a fault of the disk: the bytes are copied to
/// `quarantine`, reported, and everything around them is still read.
pub(crate) fn replay(
    disk: &dyn Disk,
    directory: &Path,
    quarantine: &Path,
    flushed: u64,
    mut each: impl FnMut(LogEntry),
) -> Result<Replayed, StoreError> {
    let mut replayed = Replayed { last: flushed, ..Replayed::default() };
    let names = disk.list(directory).map_err(|error| StoreError::io("list", directory, error))?;
    let names: Vec<&String> = names.iter().map(|(name, _)| name).filter(|name| name.ends_with(".log")).collect();
    for (at, name) in names.iter().enumerate() {
        let path = directory.join(name);
        let bytes = Bytes::from(disk.read(&path).map_err(|error| StoreError::io("read", &path, error))?);
        let reader = FileReader { disk, path: &path, quarantine, is_last: at + 1 == names.len() };
        reader.read(bytes, flushed, &mut replayed, &mut each)?;
    }
    disk.sync_dir(directory).map_err(|error| StoreError::io("sync", directory, error))?;
    Ok(replayed)
}

struct FileReader<'a> {
    disk: &'a dyn Disk,
    path: &'a PathBuf,
    quarantine: &'a Path,
    is_last: bool,
}

impl FileReader<'_> {
    fn read(
        &self,
        bytes: Bytes,
        flushed: u64,
        replayed: &mut Replayed,
        each: &mut impl FnMut(LogEntry),
    ) -> Result<(), StoreError> {
        let mut last = match record::read_header(&bytes) {
            Header::Known(first) => first.saturating_sub(1),
            Header::Newer(version) => {
                return Err(StoreError::NewerFormat {
                    what: self.path.display().to_string(),
                    found: version.into(),
                    known: record::VERSION.into(),
                });
            }
            // A crash may leave the last file without its header; its records, if any, can still be found.
            Header::Invalid => replayed.last,
        };
        let mut records = 0u64;
        let mut at = record::HEADER_BYTES.min(bytes.len());
        let mut good = at as u64;
        if record::read_header(&bytes) == Header::Invalid {
            (at, good) = match record::resume(&bytes, 0, last) {
                Some(next) => {
                    self.set_aside(&bytes, 0, next, replayed)?;
                    (next, next as u64)
                }
                None => (bytes.len(), 0),
            };
        }
        while at < bytes.len() {
            if let Some((entry, next)) = record::read(&bytes, at) {
                last = entry.sequence;
                records += 1;
                at = next;
                good = next as u64;
                if entry.sequence > flushed {
                    replayed.entries += 1;
                    each(entry);
                }
                continue;
            }
            let Some(next) = record::resume(&bytes, at, last) else { break };
            self.set_aside(&bytes, at, next, replayed)?;
            at = next;
        }
        replayed.last = replayed.last.max(last);
        if good < bytes.len() as u64 {
            self.tail(&bytes, good, replayed)?;
        }
        if records == 0 {
            // Nothing in it, and its name is the one the next file will want.
            return self.disk.remove(self.path).map_err(|error| StoreError::io("remove", self.path, error));
        }
        // A killed process may have left bytes that no sync covered. What was read here is shown and built upon: it must
        // not be lost with the machine later.
        self.disk.sync_file(self.path).map_err(|error| StoreError::io("sync", self.path, error))?;
        replayed.files.push(ClosedFile { path: self.path.clone(), last, bytes: good });
        Ok(())
    }

    /// Nothing valid follows `good`.
    fn tail(&self, bytes: &Bytes, good: u64, replayed: &mut Replayed) -> Result<(), StoreError> {
        if !self.is_last {
            self.set_aside(bytes, good as usize, bytes.len(), replayed)?;
        } else {
            replayed.torn_bytes += bytes.len() as u64 - good;
        }
        // Cut in both cases, so that the next start does not find the same again.
        self.disk.truncate(self.path, good).map_err(|error| StoreError::io("cut", self.path, error))
    }

    fn set_aside(&self, bytes: &Bytes, from: usize, until: usize, replayed: &mut Replayed) -> Result<(), StoreError> {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let copy = self.quarantine.join(format!("{name}-{from}.bin"));
        tracing::error!(
            path = %self.path.display(), from, until, copy = %copy.display(),
            "a part of the log is damaged and was set aside; everything around it was read"
        );
        let temporary = copy.with_extension("tmp");
        self.disk.create_dir(self.quarantine).map_err(|error| StoreError::io("create", self.quarantine, error))?;
        let written = self.disk.write_whole(&copy, &temporary, &bytes[from..until]);
        written.map_err(|error| StoreError::io("write", &copy, error))?;
        replayed.damaged.push(copy);
        Ok(())
    }
}
