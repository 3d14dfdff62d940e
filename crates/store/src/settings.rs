//! Limits and choices, each with its default.

use std::path::PathBuf;
use std::time::Duration;

use model::Timestamp;

use crate::location::Bucket;
use crate::retention::Retention;

const MIB: usize = 1024 * 1024;

/// Tells the time. The store never looks at a clock itself, so that a simulation can drive it.
pub trait Clock: Send + std::marker::Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// A commit is answered after `fdatasync`: it survives a power failure. Waiting requests share one sync.
    #[default]
    Always,
    /// A commit is answered once the operating system has the bytes: it survives a killed process, but the last seconds
    /// may be lost with the machine.
    Off,
}

/// How a store behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory that holds everything, but for segments where these are in a bucket.
    pub data: PathBuf,
    /// Whether a commit waits for the disk.
    pub sync: Sync,
    /// Bytes of rows in memory at which commits are refused until a flush made room. Columns built for readers come on
    /// top, at most as much again.
    pub hot_bytes_max: usize,
    /// Bytes of requests waiting for the log at which further ones are refused.
    pub queue_bytes_max: usize,
    /// Bytes of rows in memory at which [`crate::Store::flush_due`] says yes.
    pub flush_bytes: usize,
    /// Age of the oldest row in memory at which [`crate::Store::flush_due`] says yes.
    pub flush_age: Duration,
    /// Bytes at which a log file is closed and the next one begun.
    pub log_file_bytes: u64,
    /// Compaction makes files of about this many bytes.
    pub segment_bytes: u64,
    /// How long a file stays after compaction replaced it, for queries that still read it.
    pub grace: Duration,
    /// Where segments are, if not in `data`.
    pub bucket: Option<Bucket>,
    /// Most bytes of a bucket's segments that are kept as files in `data/cache`.
    pub cache_bytes_max: u64,
    /// How long things are kept.
    pub retention: Retention,
    /// Open although files of the catalog are missing: their rows are gone, and counted.
    pub allow_missing_segments: bool,
    /// Which tags of requests replaying can read. A store whose log holds another one is not opened: the next flush would remove what
    /// replaying left out. `None`: all of them.
    pub reads: Option<fn(u32) -> bool>,
}

impl Settings {
    /// Defaults, with everything in `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            sync: Sync::Always,
            hot_bytes_max: 256 * MIB,
            queue_bytes_max: 64 * MIB,
            flush_bytes: 96 * MIB,
            flush_age: Duration::from_secs(60),
            log_file_bytes: 64 * MIB as u64,
            segment_bytes: 64 * MIB as u64,
            grace: Duration::from_secs(300),
            bucket: None,
            cache_bytes_max: 4096 * MIB as u64,
            retention: Retention::default(),
            allow_missing_segments: false,
            reads: None,
        }
    }
}

/// What a client is told to wait when a bound is reached.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a segment file that was set aside in `quarantine/` stays there for somebody to look at. What a killed flush or compaction
/// left is whole elsewhere, and nobody should keep for ever what retention and erasing do not reach.
pub const QUARANTINE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Most bytes of one request's payload: what one log record holds.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * MIB;

/// Rows are sorted and cut into files by time, and a clock may be wrong: for that purpose alone a time is moved into
/// this many days before its arrival …
pub const PAST_DAYS_MAX: i64 = 400;
/// … to this many after.
pub const FUTURE_DAYS_MAX: i64 = 1;

/// Rows of a run of pages: times are sorted by spans of this many minutes, then by trace.
pub const BUCKET_MINUTES: i64 = 10;

/// Environments of a project that have a directory of their own; rows of further ones share `other`.
pub const ENVIRONMENTS_MAX: usize = 64;

/// Days one flush makes files for, for each tenant; rows of further days go to the day they arrived.
pub const FLUSH_DAYS_MAX: usize = 16;

/// Ids of log records and samples remembered after they left memory, so that a repeated request adds nothing.
pub const RECENT_IDS: usize = 1 << 18;
