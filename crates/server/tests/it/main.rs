//! The server as clients meet it: real bytes over real connections. One test binary, because linking one is slow.

mod api;
mod bad_input;
mod captures;
mod doctor;
mod forward;
mod grpc;
mod http;
mod lifecycle;
mod logs;
mod openapi;
mod reads;
mod receivers;
mod receivers_captures;
mod support;
#[cfg(feature = "ui")]
mod ui;
