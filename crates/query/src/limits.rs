//! What queries may use, each limit with the name errors give it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A limit that can be in the way of an answer, by the name that errors and counters give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitName {
    /// Bytes of all running queries together.
    QueryBytes,
    /// Time for one list, page or summary.
    ListTime,
    /// Time for one query in SQL.
    SqlTime,
    /// Bytes of the text of one query in SQL.
    SqlBytes,
    /// Names, keywords and operators of it.
    SqlWords,
    /// Rows of a summary.
    AggregateRows,
}

impl LimitName {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueryBytes => "query_bytes",
            Self::ListTime => "list_time",
            Self::SqlTime => "sql_time",
            Self::SqlBytes => "sql_bytes",
            Self::SqlWords => "sql_words",
            Self::AggregateRows => "aggregate_rows",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Limits shared by all queries of one [`Engine`](crate::Engine).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes all running queries together may hold for sorting, grouping and joining: the limit `query_bytes`. Default 512 MiB.
    pub memory_bytes: usize,
    /// Where queries that hold more than their share write temporary files; `None` (default) fails them instead.
    pub spill_dir: Option<PathBuf>,
    /// Bytes of temporary files of all running queries. Default 4 GiB.
    pub spill_bytes: u64,
    /// Bytes of decoded Parquet footers kept. DataFusion's own default of 50 MB is too small for thousands of segments. Default 128 MiB.
    pub metadata_cache_bytes: usize,
    /// Threads one query spreads over. Default: what the machine offers.
    pub parallelism: usize,
    /// Time for one list, page or summary. Default 30 s.
    pub list_time: Duration,
    /// Time in which a search looks through texts; what it found until then is answered. Default 10 s.
    pub search_time: Duration,
    /// Limits of one SQL query, which a caller may tighten.
    pub sql: SqlLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            spill_dir: None,
            spill_bytes: 4 << 30,
            metadata_cache_bytes: 128 << 20,
            parallelism: std::thread::available_parallelism().map_or(2, usize::from),
            list_time: Duration::from_secs(30),
            search_time: Duration::from_secs(10),
            sql: SqlLimits::default(),
        }
    }
}

/// Limits of one SQL query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// Time from planning to the last row. Default 30 s.
    pub time: Duration,
    /// Rows in an answer; more are cut off and the answer says so. Default 10,000.
    pub rows: usize,
    /// Bytes of an answer as JSON; more are cut off and the answer says so. Default 32 MiB.
    pub answer_bytes: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), rows: 10_000, answer_bytes: 32 << 20 }
    }
}

impl SqlLimits {
    /// The tighter of both, limit by limit.
    #[must_use]
    pub fn tightened_to(self, other: Self) -> Self {
        Self {
            time: self.time.min(other.time),
            rows: self.rows.min(other.rows),
            answer_bytes: self.answer_bytes.min(other.answer_bytes),
        }
    }
}
