//! What lists and summaries answer, besides runs themselves.

use std::sync::Arc;

use model::{Log, Run, RunStatus, Timestamp, Usage, Usd};
use serde::Serialize;
use serde_json::Value as Json;
use store::Match;

/// Runs that share a conversation id.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The conversation id.
    pub session_id: Arc<str>,
    /// Runs of it.
    pub runs: u64,
    /// Start of its first run.
    pub started_at: Timestamp,
    /// Latest end of its runs; a run of which nothing ended counts with its start.
    pub last_at: Timestamp,
    /// Top agents of its runs, in order of first appearance.
    pub agents: Vec<Arc<str>>,
    /// The user of its last run that names one.
    pub user_id: Option<Arc<str>>,
    /// Tokens of all its runs.
    pub usage: Usage,
    /// Cost of all its runs; `None` where no run has one.
    pub cost: Option<Usd>,
    /// Failed steps of all its runs.
    pub errors: u64,
    /// `running` while one of its runs is, else that of the last run.
    pub status: RunStatus,
    /// Beginning of what was asked first.
    pub input_preview: Option<Arc<str>>,
}

/// A page of sessions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionsPage {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Sums over runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// All runs.
    pub runs_started: u64,
    /// Runs whose root ended, well or not.
    pub runs_completed: u64,
    /// Runs whose root failed.
    pub runs_failed: u64,
    /// Steps.
    pub steps: u64,
    /// Model calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Failed steps.
    pub errors: u64,
    /// Steps that repeat a failed one.
    pub retries: u64,
    /// Tokens sent to models.
    pub input_tokens: u64,
    /// Tokens models produced.
    pub output_tokens: u64,
    /// Cost; `None` where no run has one.
    pub cost: Option<Usd>,
}

/// The collector's view (seed A): what is going on, sums, what ended last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Runs whose root has not ended.
    pub active_runs: u64,
    /// Sums over the runs asked for.
    pub counters: Counters,
    /// The last runs that ended, latest first, at most [`Summary::LAST_COMPLETED`].
    pub last_completed: Vec<Run>,
}

impl Summary {
    /// Completed runs a summary names (seed A keeps 20).
    pub const LAST_COMPLETED: usize = 20;
}

/// A log record as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The narrow row.
    pub log: Log,
    /// Body as plain JSON.
    pub body: Json,
    /// Attributes as a plain JSON object.
    pub attributes: Json,
}

/// A page of log records, latest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogsPage {
    /// The records.
    pub logs: Vec<LogEntry>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// A run that says what was looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// The run.
    pub run: Run,
    /// Where it says it, in order of time, at most [`MATCHES_MAX`](crate::MATCHES_MAX).
    pub matches: Vec<Match>,
    /// Further places.
    pub more: u64,
}

/// A page of runs that say what was looked for, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchPage {
    /// The runs.
    pub results: Vec<SearchResult>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
    /// The time was over: runs that began at this time or earlier were not all looked through, `next` does.
    pub searched_to: Option<Timestamp>,
}

/// A column of an SQL answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type in words of the answer's JSON: `text`, `integer`, `number`, `boolean`, `time`, `duration`, `list`, `object`, `null`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// What an SQL query answers.
///
/// Times are RFC 3339 text, ids and bytes are lower-case hexadecimal text, decimals are numbers, lists are arrays, NaN and
/// infinities are null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SqlAnswer {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, one value per column.
    pub rows: Vec<Vec<Json>>,
    /// Rows were cut off at the limit of rows or of bytes.
    pub truncated: bool,
}
