//! Segments: which file a row belongs to, and how files are written and read.

pub(crate) mod about;
pub(crate) mod columns;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod places;
pub(crate) mod read;
pub(crate) mod stored;
pub(crate) mod warm;
pub(crate) mod write;

pub(crate) use layout::clamp_time;
