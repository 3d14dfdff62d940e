//! The program as people and scripts meet it: the real binary, a server on ports of its own, files in and text out.

// A test waits for what another process does.
#![allow(clippy::disallowed_methods)]

mod commands;
mod data;
mod dialects;
mod forward;
mod import;
mod night;
mod serve;
mod support;
mod trust;
mod upkeep;
