//! From text to syntax tree.
//!
//! Our own parser, by precedence climbing, and not `promql-parser` (0.11): that one keeps no positions, which Prometheus'
//! annotations and errors name and its test scripts check; it accepts `{a="1" or b="2"}`, and it lacks duration expressions,
//! `anchored` and `smoothed`. Grammar and messages follow Prometheus 3.

mod check;
mod duration;
mod expr;
mod lex;
mod selector;
mod series;
mod text;

use std::fmt;

use crate::ast::Node;

pub use self::series::{SequenceValue, parse_series};
pub use self::text::{parse_number, unquote};

/// Levels of expressions a query may have, chains such as `a + b + c` included. Evaluation recurses and must fit into the 2 MiB stack of a
/// worker thread, in unoptimised builds too; no query written by a person comes near it.
pub const MAX_HEIGHT: u32 = 256;
/// Parentheses, calls and signs that may be inside each other. Reading them costs more stack than a chain does.
pub const MAX_NESTING: u32 = 64;
/// Bytes of text a query may have.
pub const MAX_QUERY_BYTES: usize = 128 * 1024;

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: parse error: {message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Byte at which it is.
    pub at: usize,
    /// The same as line and column.
    pub place: Place,
}

/// Line and column of a byte in a query, both from 1; the column counts bytes, as Prometheus does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    /// The place of byte `at` of `text`.
    pub fn of(text: &str, at: usize) -> Self {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Self { line, column: before.len() - line_start + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// An error before its byte is turned into a place.
pub(crate) struct Failure {
    pub at: usize,
    pub message: String,
}

impl Failure {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    fn into_error(self, text: &str) -> ParseError {
        ParseError { message: self.message, at: self.at, place: Place::of(text, self.at) }
    }
}

pub(crate) type Parsed<T> = Result<T, Failure>;

/// Reads one expression and checks its types.
pub fn parse_expression(text: &str) -> Result<Node, ParseError> {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!("the query has {} bytes; at most {MAX_QUERY_BYTES} are allowed", text.len());
        return Err(Failure::new(0, message).into_error(text));
    }
    let parse = || {
        let mut parser = expr::Parser::new(text)?;
        let node = parser.whole()?;
        check::check(&node)?;
        Ok(node)
    };
    parse().map_err(|failure: Failure| failure.into_error(text))
}

#[cfg(test)]
mod tests;
