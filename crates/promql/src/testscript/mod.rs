//! Prometheus' test scripts: `load`, `clear`, `eval instant|range` and what is expected.
//!
//! The format is Prometheus' own (its `promqltest` package). As there, an instant query is also evaluated with `@` fixed on every selector
//! and asked at other times, and as the middle step of a range query: all must agree. Two words are added: `ignore` skips evaluations until `resume`.

mod compare;
mod nhcb;
mod run;
mod script;
mod starts;
mod storage;

use std::fmt;

pub use self::run::run;

/// What came of a script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Evaluations that came out as expected.
    pub passed: usize,
    /// Those that did not, and commands that could not be read or carried out.
    pub failed: Vec<Failure>,
    /// Evaluations between `ignore` and `resume`.
    pub ignored: usize,
}

/// One failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Line of the command, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The query, or the command.
    pub query: String,
    /// What went wrong.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} {}", self.query, self.message),
            line => write!(f, "line {line}: {}\n    {}", self.query, self.message),
        }
    }
}
