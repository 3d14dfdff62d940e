//! The HTTP API: one file per resource.

pub mod params;
pub mod types;
