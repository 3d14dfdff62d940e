//! Telemetry as it comes over the wire.

mod captures;
mod changed;
mod common;
mod json;
mod lines;
mod oracle;
mod protobuf;
