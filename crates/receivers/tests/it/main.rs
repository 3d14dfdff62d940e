//! Requests of real clients, and requests nobody should send.

mod captures;
mod common;
mod properties;
