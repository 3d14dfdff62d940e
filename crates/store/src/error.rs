//! What can go wrong, and what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The store cannot do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: Arc<std::io::Error>,
    },
    /// Another process has the directory open.
    #[error("cannot open {path}: another process uses this directory; stop it, or choose another with --data")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A newer Tawny wrote here.
    #[error("cannot read {what}: its format is version {found}, this program knows {known}; use a newer Tawny")]
    NewerFormat {
        /// Catalog, log file or segment.
        what: String,
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// The log holds a request that this program cannot read.
    #[error(
        "cannot read request {sequence} of the log {path}: nothing is known of its tag {tag:#010x}, which a newer Tawny wrote; start that one again, or restore a backup that this one made (nothing was changed)"
    )]
    UnknownTag {
        /// The log file.
        path: PathBuf,
        /// Sequence number of the request.
        sequence: u64,
        /// Its tag.
        tag: u32,
    },
    /// The catalog failed.
    #[error("cannot {what} in the catalog: {source}{}", catalog_advice(source))]
    Catalog {
        /// The operation.
        what: &'static str,
        /// SQLite's reason.
        source: Arc<rusqlite::Error>,
    },
    /// A segment failed.
    #[error("cannot {what} segment {path}: {reason}")]
    Segment {
        /// The operation.
        what: &'static str,
        /// Its path in the object store.
        path: String,
        /// Why.
        reason: String,
    },
    /// There are segments but no catalog that lists them.
    #[error(
        "cannot open the store: {path} is missing although there are segment files beside it; put it back from a copy, make it again from the segments with `tawny store rebuild`, or move the folder `segments` away to begin anew"
    )]
    NoCatalog {
        /// Where the catalog should be.
        path: std::path::PathBuf,
    },
    /// Files the catalog lists are not there.
    #[error(
        "cannot open the store: {count} segments of the catalog are missing, the first is {first}; restore them, or start with --allow-missing-segments to go on without their rows"
    )]
    MissingSegments {
        /// How many.
        count: usize,
        /// Path of the first.
        first: String,
    },
    /// The bucket that holds the segments cannot be used.
    #[error("cannot use the bucket {url}: {reason}")]
    Bucket {
        /// Its URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The bucket holds the segments of a store whose catalog is elsewhere.
    #[error(
        "cannot use {url}: it belongs to another store; choose another prefix, name the directory with that store's catalog and log (--data-local), or, if that directory is lost, take the bucket over with `tawny store rebuild`"
    )]
    OtherOwner {
        /// Its URL.
        url: String,
    },
    /// Another process has the bucket now: what this one would write or remove there is not its own any more.
    #[error("cannot change {url}: another process has taken it over; stop this one, and send to that one")]
    TakenOver {
        /// Its URL.
        url: String,
    },
    /// There is no store.
    #[error("there is no store in {path}: it has no catalog.db; name the data directory with --data")]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// A backup cannot be made or used.
    #[error("cannot use the backup: {reason}")]
    Backup {
        /// Why.
        reason: String,
    },
    /// As many as may are under way.
    #[error("{limit} {what} are under way (limit backups_max); try again when one has ended")]
    Busy {
        /// Of what.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
    /// Rows could not be read as what they should be.
    #[error(transparent)]
    Rows(#[from] RowError),
    /// A kept value does not decode.
    #[error(transparent)]
    Value(#[from] crate::attributes::ValueError),
    /// A task of the store ended early.
    #[error("cannot finish: a task of the store stopped: {0}")]
    Stopped(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What to do where SQLite says that its file is damaged.
fn catalog_advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            "; `tawny store rebuild` makes it again from the segments"
        }
        _ => "",
    }
}

impl StoreError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { what, path: path.into(), source: Arc::new(source) }
    }

    pub(crate) fn catalog(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Catalog { what, source: Arc::new(source) }
    }

    pub(crate) fn segment(what: &'static str, path: &impl ToString, reason: impl ToString) -> Self {
        Self::Segment { what, path: path.to_string(), reason: reason.to_string() }
    }
}

/// Columns cannot be read as rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column is not there.
    #[error("cannot read {table} rows: no column {column}")]
    MissingColumn {
        /// Table.
        table: &'static str,
        /// Column.
        column: String,
    },
    /// A column has another type.
    #[error("cannot read {table} rows: column {column} cannot be read as {expected}")]
    Type {
        /// Table.
        table: &'static str,
        /// Column.
        column: String,
        /// Type that was expected.
        expected: String,
    },
    /// A value does not parse.
    #[error("cannot read {table} rows: {column} of row {row} is not valid: {value}")]
    Value {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Row number in its batch.
        row: usize,
        /// The value, cut.
        value: String,
    },
}

/// A bound of what the store takes in, by the name of its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitName {
    /// Bytes of rows in memory.
    HotBytesMax,
    /// Bytes of requests that wait for the log.
    QueueBytesMax,
}

impl LimitName {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HotBytesMax => "hot_bytes_max",
            Self::QueueBytesMax => "queue_bytes_max",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request was not kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A bound is reached; the same request will be taken later.
    #[error("cannot take more: {limit} is reached; try again in {} ms", retry_after.as_millis())]
    Full {
        /// Which one.
        limit: LimitName,
        /// When to try again.
        retry_after: Duration,
    },
    /// The request will never be taken.
    #[error("cannot keep a request of {bytes} bytes: at most {limit} fit into one log record")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// The log could not be written; the request is not kept and may be sent again.
    #[error("cannot write the log: {0}")]
    Io(Arc<std::io::Error>),
    /// Another process has the bucket now: what this one keeps nobody would find.
    #[error("another process has taken over the bucket; send to that one")]
    TakenOver,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
