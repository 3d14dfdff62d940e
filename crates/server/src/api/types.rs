//! JSON types of the HTTP API. Names here are what scripts rely on: add freely, never rename.
//!
//! They are apart from `model` so that a change of the vocabulary cannot change the API by accident.

mod access;
mod aggregate;
mod doctor;
mod run;
mod search;
mod setup;
mod sql;
mod status;
mod step;
mod store;

pub use access::*;
pub use aggregate::*;
pub use doctor::*;
pub use run::*;
pub use search::*;
pub use setup::*;
pub use sql::*;
pub use status::*;
pub use step::*;
pub use store::*;
