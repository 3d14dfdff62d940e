//! Why a query could not be answered, in words for the person who asked.

use std::fmt;

use crate::limits::LimitName;

/// Where in the text of a query something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a query could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question is wrong: its message says what to change. HTTP 400.
    #[error("{message}")]
    Invalid {
        /// What is wrong and what to do.
        message: String,
        /// Where in an SQL text, when known; the message names it too.
        position: Option<Position>,
    },
    /// A limit was reached: a narrower question, or a larger limit, helps. HTTP 422.
    #[error("the query reached the limit `{name}` ({limit}): {advice}")]
    Limit {
        /// Which one.
        name: LimitName,
        /// Its value, with unit.
        limit: String,
        /// What to do.
        advice: &'static str,
    },
    /// Stored data cannot be read. HTTP 503.
    #[error("cannot read the store: {0}")]
    Store(#[from] store::StoreError),
    /// A fault of this program. HTTP 500.
    #[error("cannot answer the query: {0}")]
    Internal(String),
}

impl QueryError {
    /// A wrong question without a place.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), position: None }
    }

    /// The time of a query is over; the engine adds how long it was.
    pub(crate) fn out_of_time() -> Self {
        Self::Limit { name: LimitName::SqlTime, limit: String::new(), advice: "narrow the time range or the filters" }
    }
}
