//! The write-ahead log: requests as received, in the order they were taken, until their rows are in segments.
//!
//! [`record`] is the form on disk, [`replay`] reads it at start, [`Log`] appends to it, [`committer`] is the thread that
//! lets waiting requests share one sync. The format is described in `docs/formats/log.md`.

pub(crate) mod committer;
pub(crate) mod log;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod verify;

pub(crate) use log::Log;

#[cfg(test)]
mod tests;
