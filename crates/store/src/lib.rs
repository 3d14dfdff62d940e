//! Where telemetry is kept.
//!
//! A request's bytes go to the write-ahead log as received, its rows to memory ("hot"); then it is answered. A flush
//! turns hot rows into segments (Parquet files, sorted by time bucket and trace) and commits files, log position and
//! replaced rows in one transaction of the catalog. Compaction merges segments. A [`Snapshot`] is a consistent view of
//! all of it.
//!
//! The store knows nothing of dialects or of how a run is resolved: replay and run resolution are passed in, like the
//! clock. It owns no loop: the server decides when to call [`Store::flush`] and [`Store::compact`].
//!
//! Formats on disk are described in `docs/formats/`.

mod apply;
mod attributes;
mod backup;
mod bloom;
mod bodies;
mod cache;
mod calls;
mod catalog;
mod check;
mod compact;
mod disk;
mod entry;
mod erase;
mod error;
mod expire;
mod files;
mod flush;
mod hot;
mod inspect;
mod known;
mod location;
mod maintain;
mod offline;
mod open;
mod prepare;
mod rebuild;
mod repair;
mod report;
mod resolver;
mod retention;
pub mod rows;
pub mod schema;
mod search;
mod segment;
mod settings;
mod settle;
mod since;
mod snapshot;
mod state;
mod stats;
mod store;
mod threads;
mod trace;
mod uncommitted;
mod wal;
mod watch;
mod whole;

pub use attributes::{ValueError, decode_attributes, decode_value, encode_attributes, encode_value};
pub use backup::{AboutBackup, BACKUPS_MAX, Plan as BackupPlan, Restored, restore, unpack, verify};
pub use bloom::TraceBloom;
pub use bodies::{BODY_BYTES_MIN, BodyHash, ELEMENT_BYTES_MIN};
pub use calls::RECENT_CALLS;
pub use check::{Checked, Fault};
pub use disk::{Disk, LogFile, RealDisk};
pub use entry::{Changed, Committed, Entry, LogEntry, Rows};
pub use erase::Erased;
pub use error::{CommitError, LimitName, RowError, StoreError};
pub use known::KNOWN_BODIES_BYTES_MAX;
pub use location::Bucket;
pub use maintain::{Compacted, Flushed};
pub use offline::Offline;
pub use rebuild::{Rebuilt, rebuild};
pub use report::{NextDrop, Report, RetentionReport, TableReport};
pub use resolver::{Counts, RunResolver};
pub use retention::{Dropped, Held, Layer, Retention, RetentionError, Rules as RetentionRules, STAY_MIN};
pub use rows::logs::StoredLog;
pub use rows::spans::StoredSpan;
pub use schema::Table;
pub use search::{Hit, Match, NEEDLE_BYTES_MAX, Needle, NeedleError, SNIPPET_BYTES, Scan, Source};
pub use segment::stored::{durations, whole_attributes};
pub use settings::{
    BUCKET_MINUTES, Clock, ENVIRONMENTS_MAX, FLUSH_DAYS_MAX, FUTURE_DAYS_MAX, PAST_DAYS_MAX, PAYLOAD_BYTES_MAX,
    QUARANTINE_KEPT, RECENT_IDS, RETRY_AFTER, Settings, Sync,
};
pub use since::{ChangedRun, ChangedRuns};
pub use snapshot::{SegmentMeta, SegmentView, Snapshot, TableSnapshot};
pub use stats::{Stats, TableStats};
pub use store::{Expired, Machine, Store};
pub use threads::{RealThreads, Threads, Work};
pub use trace::{Room, StoredTrace, Within};
pub use whole::Texts;
