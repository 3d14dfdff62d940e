//! Policies as a user writes them.

mod policies;
mod properties;
mod support;
