//! The HTTP API: one file per resource. Handlers read parameters, ask the store or the query engine, and answer with the
//! types of [`types`]; which handler answers where stands in `routes.rs`.

pub mod aggregate;
pub mod alerts;
pub mod audit;
pub mod budgets;
pub mod convert;
pub mod costs;
pub mod doctor;
pub mod export;
pub mod findings;
pub mod investigate;
pub mod joined;
pub mod judged;
pub mod keys;
pub mod live;
pub mod logs;
pub mod openapi;
pub mod params;
pub mod policy;
pub mod prices;
pub mod rules;
pub mod run;
pub mod runs;
pub mod said;
pub mod search;
pub mod session;
pub mod sessions;
pub mod setup;
pub mod signals;
pub mod silences;
pub mod sla;
pub mod sql;
pub mod status;
pub mod store;
pub mod summary;
pub mod types;
