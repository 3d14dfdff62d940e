//! JSON types of the HTTP API. Names here are what scripts rely on: add freely, never rename.
//!
//! They are apart from `model` so that a change of the vocabulary cannot change the API by accident.

mod access;
mod agents;
mod aggregate;
mod alerts;
mod backtest;
mod budgets;
mod checklist;
mod costs;
mod dashboards;
mod doctor;
mod finding;
mod incident;
mod keeping;
mod promql;
mod run;
mod search;
mod setup;
mod signals;
mod sla;
mod sql;
mod status;
mod step;
mod store;

pub use access::*;
pub use agents::*;
pub use aggregate::*;
pub use alerts::*;
pub use backtest::*;
pub use budgets::*;
pub use checklist::*;
pub use costs::*;
pub use dashboards::*;
pub use doctor::*;
pub use finding::*;
pub use incident::*;
pub use keeping::*;
pub use promql::*;
pub use run::*;
pub use search::*;
pub use setup::*;
pub use signals::*;
pub use sla::*;
pub use sql::*;
pub use status::*;
pub use step::*;
pub use store::*;
