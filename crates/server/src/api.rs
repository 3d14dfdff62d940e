//! The HTTP API: one file per resource. Handlers read parameters, ask the store or the query engine, and answer with the
//! types of [`types`]; which handler answers where stands in `routes.rs`.

pub mod aggregate;
pub mod alerts;
pub mod convert;
pub mod doctor;
pub mod export;
pub mod live;
pub mod logs;
pub mod openapi;
pub mod params;
pub mod rules;
pub mod run;
pub mod runs;
pub mod search;
pub mod sessions;
pub mod setup;
pub mod silences;
pub mod sql;
pub mod status;
pub mod store;
pub mod summary;
pub mod types;
