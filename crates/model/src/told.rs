//! What a log record tells of a step, where agents write logs and send no spans.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

crate::kind::words!(
    /// What of a step a record tells.
    Part {
        /// That the whole run began, or what was asked and answered in it.
        Root = "root",
        /// What a step that another record tells whole was asked. Of itself it is no step.
        Asked = "asked",
        /// That the step began.
        Start = "start",
        /// The step from beginning to end.
        Whole = "whole",
        /// A call of a tool, which may be what an open step of that name does.
        Call = "call",
        /// Which way a branch took.
        Branch = "branch",
        /// That something happened during the step.
        Note = "note",
        /// That the step failed.
        Error = "error",
        /// That the step ended.
        End = "end",
        /// Nothing of a step: that another trace belongs to the run, a [`Join`](crate::Join).
        Join = "join",
    }
);

/// Reads and writes [`Span::told`](crate::Span::told): the part, a colon, the step's name (`end:fetch_ticket`). Records with one
/// name tell one step, or several of that name one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// What is told.
    pub part: Part,
    /// Of which step.
    pub step: &'a str,
}

impl<'a> Told<'a> {
    /// Reads one; `None` for text that is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (part, step) = text.split_once(':')?;
        Some(Self { part: part.parse().ok()?, step })
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.part, self.step)
    }
}
