//! Reading the log without using or changing it: what is in each file, and what is damaged.

use std::path::Path;

use bytes::Bytes;

use super::record::{self, Header};
use crate::disk::Disk;
use crate::error::StoreError;

/// What a log file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// Valid records.
    pub records: u64,
    /// Sequence numbers of the first and the last of them.
    pub first: Option<u64>,
    pub last: Option<u64>,
    /// Damaged parts: from, until.
    pub damaged: Vec<(u64, u64)>,
    /// Bytes after the last valid record of the last file: a request that was being written.
    pub torn: u64,
}

/// Reads every log file.
pub(crate) fn verify(disk: &dyn Disk, directory: &Path) -> Result<Vec<Verified>, StoreError> {
    let names = disk.list(directory).map_err(|error| StoreError::io("list", directory, error))?;
    let names: Vec<String> = names.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".log")).collect();
    let last = names.len().saturating_sub(1);
    let mut files = Vec::with_capacity(names.len());
    for (at, name) in names.into_iter().enumerate() {
        let path = directory.join(&name);
        match disk.read(&path) {
            Ok(bytes) => files.push(file(name, &Bytes::from(bytes), at == last)?),
            // All its rows went into segments meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("read", &path, error)),
        }
    }
    Ok(files)
}

/// Whether every request past `flushed` has a tag that `reads` knows; an error that names the first that has not.
pub(crate) fn all_can_be_read(
    disk: &dyn Disk,
    directory: &Path,
    flushed: u64,
    reads: fn(u32) -> bool,
) -> Result<(), StoreError> {
    let names = disk.list(directory).map_err(|error| StoreError::io("list", directory, error))?;
    for (name, _) in names.into_iter().filter(|(name, _)| name.ends_with(".log")) {
        let path = directory.join(name);
        let bytes = Bytes::from(disk.read(&path).map_err(|error| StoreError::io("read", &path, error))?);
        let (mut at, mut last) = match record::read_header(&bytes) {
            Header::Known(first) => (record::HEADER_BYTES, first.saturating_sub(1)),
            Header::Newer(version) => {
                let (found, known) = (version.into(), record::VERSION.into());
                return Err(StoreError::NewerFormat { what: path.display().to_string(), found, known });
            }
            Header::Invalid => (0, 0),
        };
        while at < bytes.len() {
            if let Some((entry, next)) = record::read(&bytes, at) {
                if entry.sequence > flushed && !reads(entry.tag) {
                    return Err(StoreError::UnknownTag { path, sequence: entry.sequence, tag: entry.tag });
                }
                (at, last) = (next, entry.sequence);
                continue;
            }
            // Damage is for whoever replays it.
            let Some(next) = record::resume(&bytes, at, last) else { break };
            at = next;
        }
    }
    Ok(())
}

fn file(name: String, bytes: &Bytes, is_last: bool) -> Result<Verified, StoreError> {
    let mut verified =
        Verified { name, bytes: bytes.len() as u64, records: 0, first: None, last: None, damaged: Vec::new(), torn: 0 };
    let (mut at, mut last) = match record::read_header(bytes) {
        Header::Known(first) => (record::HEADER_BYTES, first.saturating_sub(1)),
        Header::Newer(version) => {
            let (found, known) = (version.into(), record::VERSION.into());
            return Err(StoreError::NewerFormat { what: verified.name, found, known });
        }
        Header::Invalid => (0, 0),
    };
    while at < bytes.len() {
        if let Some((entry, next)) = record::read(bytes, at) {
            verified.records += 1;
            verified.first.get_or_insert(entry.sequence);
            verified.last = Some(entry.sequence);
            (at, last) = (next, entry.sequence);
            continue;
        }
        let next = record::resume(bytes, at, last);
        match next {
            None if is_last => verified.torn = (bytes.len() - at) as u64,
            _ => verified.damaged.push((at as u64, next.unwrap_or(bytes.len()) as u64)),
        }
        at = next.unwrap_or(bytes.len());
    }
    Ok(verified)
}
