//! The place where a content policy acts: after decoding, before the log.
//!
//! Whatever must never reach the disk has to be removed here. Then the log may no longer hold the bytes as received:
//! [`Decision::rewritten`] carries what it holds instead. No policy exists yet, so everything passes as it came.

use bytes::Bytes;
use model::raw::Batch;

use super::tag::Tag;

/// What the policy left of a request.
pub struct Decision<'a> {
    /// The telemetry to understand and keep.
    pub batch: Batch<'a>,
    /// What the log is to hold instead of the bytes as received, with how to read it; `None` when nothing was changed.
    pub rewritten: Option<(Tag, Bytes)>,
}

/// Applies the project's content policy.
pub fn apply<'a>(_project: &str, batch: Batch<'a>) -> Decision<'a> {
    Decision { batch, rewritten: None }
}
