//! What the store holds and what happened to it, in numbers.

use serde::Serialize;

/// Figures of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TableStats {
    /// Rows in memory.
    pub hot_rows: u64,
    /// Files.
    pub segments: u64,
    /// Rows in files, replaced ones included.
    pub sealed_rows: u64,
    /// Rows in files that newer ones replaced and compaction has not dropped yet.
    pub replaced_rows: u64,
    /// Bytes of files.
    pub bytes: u64,
}

/// Figures of the store. Counters count since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// By table: `spans`, `bodies`, `runs`, `logs`, `samples`.
    pub tables: std::collections::BTreeMap<&'static str, TableStats>,
    /// Bytes of rows in memory.
    pub hot_bytes: u64,
    /// The bound of `hot_bytes`: the setting `hot_bytes_max`.
    pub hot_bytes_max: u64,
    /// Bytes of requests that wait for the log.
    pub queue_bytes: u64,
    /// The bound of `queue_bytes`: the setting `queue_bytes_max`.
    pub queue_bytes_max: u64,
    /// Log files.
    pub log_files: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Highest log sequence number given.
    pub log_sequence: u64,
    /// Every request up to this number is in segments.
    pub log_flushed: u64,
    /// Bytes of the filters in memory.
    pub filter_bytes: u64,
    /// Requests committed.
    pub commits: u64,
    /// Syncs of the log: fewer than commits where requests shared one.
    pub syncs: u64,
    /// Requests read back from the log at start.
    pub replayed: u64,
    /// Spans that replaced an earlier version of themselves, or came after a newer one.
    pub duplicate_spans: u64,
    /// Log records dropped because they were there already.
    pub duplicate_logs: u64,
    /// Samples dropped because they were there already.
    pub duplicate_samples: u64,
    /// Requests refused because `hot_bytes_max` was reached.
    pub hot_limit_reached: u64,
    /// Requests refused because `queue_bytes_max` was reached.
    pub queue_limit_reached: u64,
    /// How often a segment of a bucket did not fit into the cache, or others had to go for it: `cache_bytes` was reached.
    pub cache_limit_reached: u64,
    /// Failed writes or syncs of the log.
    pub log_failures: u64,
    /// Damaged parts of log files, set aside in `quarantine/`.
    pub log_damaged: u64,
    /// Bytes cut off the end of the log at start: a request that was being written and never answered.
    pub log_torn_bytes: u64,
    /// Flushes done.
    pub flushes: u64,
    /// Compaction jobs done.
    pub compactions: u64,
    /// Environments without a directory of their own, because their project has more than [`crate::ENVIRONMENTS_MAX`].
    pub environments_folded: u64,
    /// Rows whose day got no file of its own in a flush, because of [`crate::FLUSH_DAYS_MAX`].
    pub days_folded: u64,
    /// Segments the catalog lists whose file is missing (only where the settings allow it).
    pub missing_segments: u64,
    /// Segments whose file could not be read since the start.
    pub unreadable_segments: u64,
    /// Files no catalog entry names, moved to `quarantine/` at start.
    pub set_aside: u64,
    /// Bytes of bodies offered, before each was kept once.
    pub body_bytes_seen: u64,
    /// Bytes of bodies taken into memory.
    pub body_bytes_kept: u64,
    /// Bytes that the names of bodies take which segments are known to have, about.
    pub known_bodies_bytes: u64,
    /// Traces that were written lately and whose bodies are no longer known because of [`crate::KNOWN_BODIES_BYTES_MAX`]: what they repeat is kept
    /// once more.
    pub known_bodies_let_go: u64,
}
