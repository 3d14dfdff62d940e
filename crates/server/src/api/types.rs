//! JSON types of the HTTP API. Names here are what scripts rely on: add freely, never rename.
//!
//! They are apart from `model` so that a change of the vocabulary cannot change the API by accident.

mod run;
mod sql;
mod status;
mod step;
mod store;

pub use run::*;
pub use sql::*;
pub use status::*;
pub use step::*;
pub use store::*;
