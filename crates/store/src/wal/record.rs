//! One request in the log, as bytes.
//!
//! ```text
//! file   = "TAWNYLOG" version:u32 first_sequence:u64 crc:u32            24 bytes
//! record = length:u32 crc:u32 body                                      length = bytes of body
//! body   = sequence:u64 received:i64 tag:u32 project_length:u16 project payload
//! ```
//!
//! Numbers are little endian. A record's checksum is CRC-32 (IEEE, as in zip) over its length and body, a file's over
//! the header before it.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;

use crate::entry::{Entry, LogEntry};

/// What a log file begins with.
const MAGIC: &[u8; 8] = b"TAWNYLOG";
/// Newest version of the format this program writes and reads.
pub(crate) const VERSION: u32 = 1;
/// Bytes of a file's header.
pub(crate) const HEADER_BYTES: usize = 24;
/// Bytes of a record before its body.
const PREFIX_BYTES: usize = 8;
/// Bytes of a body before the project.
const FIXED_BYTES: usize = 22;

/// A file's first bytes.
pub(crate) fn header(first_sequence: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&first_sequence.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// A file of this version, and its first sequence number.
    Known(u64),
    /// A file of a newer version.
    Newer(u32),
    /// Cut short or damaged.
    Invalid,
}

/// Reads a file's header.
pub(crate) fn read_header(bytes: &[u8]) -> Header {
    let Some(header) = bytes.get(..HEADER_BYTES) else { return Header::Invalid };
    if &header[..8] != MAGIC || crc32fast::hash(&header[..20]) != u32_at(header, 20) {
        return Header::Invalid;
    }
    match u32_at(header, 8) {
        VERSION => Header::Known(u64_at(header, 12)),
        version => Header::Newer(version),
    }
}

/// Adds the record of a request to `out`.
pub(crate) fn write(out: &mut Vec<u8>, sequence: u64, entry: &Entry) {
    // The server's project names are short; one past 65,535 bytes would be cut, not corrupt the record.
    let project = &entry.project.as_bytes()[..entry.project.len().min(u16::MAX.into())];
    let length = (FIXED_BYTES + project.len() + entry.payload.len()) as u32;
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&entry.received.as_nanos().to_le_bytes());
    out.extend_from_slice(&entry.tag.to_le_bytes());
    out.extend_from_slice(&(project.len() as u16).to_le_bytes());
    out.extend_from_slice(project);
    out.extend_from_slice(&entry.payload);
    let crc = checksum(length, &out[start + PREFIX_BYTES..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// The valid record at `at`, and where the next one begins.
pub(crate) fn read(file: &Bytes, at: usize) -> Option<(LogEntry, usize)> {
    let prefix = file.get(at..at + PREFIX_BYTES)?;
    let length = u32_at(prefix, 0);
    let end = at.checked_add(PREFIX_BYTES)?.checked_add(length as usize)?;
    let body = file.get(at + PREFIX_BYTES..end)?;
    if body.len() < FIXED_BYTES || checksum(length, body) != u32_at(prefix, 4) {
        return None;
    }
    let payload = FIXED_BYTES + usize::from(u16::from_le_bytes([body[20], body[21]]));
    let project = std::str::from_utf8(body.get(FIXED_BYTES..payload)?).ok()?;
    let entry = LogEntry {
        sequence: u64_at(body, 0),
        received: Timestamp::from_nanos(u64_at(body, 8) as i64),
        tag: u32_at(body, 16),
        project: Arc::from(project),
        payload: file.slice(at + PREFIX_BYTES + payload..end),
    };
    Some((entry, end))
}

/// Where the next valid record after damage at `at` begins. Sequence numbers grow by one, so only places that could hold
/// one of the next are tried.
pub(crate) fn resume(file: &Bytes, at: usize, last: u64) -> Option<usize> {
    /// Requests that may be missing in between.
    const GAP_MAX: u64 = 1 << 20;
    (at + 1..file.len().saturating_sub(PREFIX_BYTES + FIXED_BYTES)).find(|start| {
        let sequence = u64_at(file, start + PREFIX_BYTES);
        sequence > last && sequence - last < GAP_MAX && read(file, *start).is_some()
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
