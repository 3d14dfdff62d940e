//! What of telemetry may be kept.
//!
//! A file of policies says, by project, environment and field, whether content is kept in full, by its first characters,
//! as a keyed hash, for a sampled share of traces, or not at all. Whatever is kept is looked through for things that
//! must not be: card numbers, e-mail addresses, phone numbers, keys, account numbers, national ids, and patterns of the
//! operator's own. [`Policies::apply`] acts on raw telemetry, before it is logged, passed on or understood, so nothing
//! derived from it can hold what was removed.
//!
//! What is left passes again unchanged, but for where length decides: spans that are told in pieces pass several times.
//! The crate is pure: no clock, no randomness, no I/O.

mod apply;
mod config;
pub mod detect;
mod json;
mod keep;
mod key;
mod redact;
mod report;
pub mod sampling;

pub use apply::Meaning;
pub use config::{ConfigError, Policies};
pub use keep::{DEFAULT_PREVIEW, Keep, UNKNOWN_LONGER_THAN};
pub use key::{Key, KeyError, MIN_KEY, RevealError};
pub use report::{MAX_REMOVALS, Removal, Report};
