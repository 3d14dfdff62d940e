//! Alerts: rules in Prometheus' format, their states, and what Alertmanager does with them.
//!
//! Pure: rules, configurations and times come in, states and notifications go out. Whoever calls evaluates queries, keeps the
//! state and sends the messages. [`rules`] reads rule files, [`template`] expands annotations, [`evaluate`] moves alerts through
//! their states, [`unit`] runs unit-test files as `promtool test rules` does, [`backtest`] runs rules over the past, [`manager`] groups, routes and silences.

pub mod backtest;
pub mod checklist;
pub mod evaluate;
pub mod manager;
pub mod memory;
pub mod packs;
pub mod rules;
pub mod template;
pub mod unit;
pub mod yaml;

pub use self::yaml::{Place, Problem};
