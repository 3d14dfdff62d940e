//! The server as clients meet it: real bytes over real connections. One test binary, because linking one is slow.

// A test waits for what another process or task does, and asks the real clock how long that may take.
#![allow(clippy::disallowed_methods)]

mod agents;
mod alerts;
mod alerts_trust;
mod api;
mod bad_input;
mod bundle;
mod captures;
mod certificates;
mod datadog;
mod doctor;
mod doors;
mod findings;
mod fixtures;
mod forward;
mod grafana;
mod grpc;
mod http;
mod incident;
mod intake;
mod joins;
mod keeping;
mod label_budget;
mod lifecycle;
mod limits;
mod logs;
mod money;
mod oidc;
mod openapi;
mod policy;
mod reads;
mod receivers;
mod receivers_captures;
mod series;
mod series_real;
mod signals;
mod support;
#[cfg(feature = "ui")]
mod ui;
mod views;
mod whole;
