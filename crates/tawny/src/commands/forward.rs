//! `tawny forward check`: the file of destinations, read as the server reads it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use forward::Protocol;

use crate::cli::ForwardCommand;
use crate::show;
use crate::style::{self, faint, strong};

/// Does what the command says.
pub fn run(command: &ForwardCommand) -> Result<ExitCode> {
    match command {
        ForwardCommand::Check { file } => check(file),
    }
}

fn check(file: &Path) -> Result<ExitCode> {
    let mut out = String::new();
    for destination in forward::load(file)? {
        let protocol = match destination.protocol {
            Protocol::Http => "OTLP over HTTP",
            Protocol::Grpc => "OTLP over gRPC",
            Protocol::RemoteWrite => "remote write",
        };
        out.push_str(&format!("{} {protocol}\n", strong(&destination.name)));
        for signal in &destination.signals {
            let to = match destination.protocol {
                Protocol::Http | Protocol::RemoteWrite => {
                    let address = destination.address(*signal);
                    format!("{}{}", address.origin().ascii_serialization(), address.path())
                }
                Protocol::Grpc => destination.shown_url(),
            };
            out.push_str(&format!("  {} {to}\n", faint(&format!("{:<9}", signal.name()))));
        }
        let names: Vec<&str> = destination.headers.keys().map(|name| name.as_str()).collect();
        let headers = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let filter = &destination.filter;
        let filters = match (filter.keep.len(), filter.drop.len()) {
            (0, 0) => "everything".to_owned(),
            (keep, drop) => format!("{keep} conditions to keep, {drop} to drop"),
        };
        for (what, value) in [
            ("headers", headers),
            ("queue", style::bytes(destination.queue_bytes)),
            ("timeout", style::duration(destination.timeout.as_secs_f64() * 1e3)),
            ("max age", style::duration(destination.max_age.as_secs_f64() * 1e3)),
            ("passes", filters),
        ] {
            out.push_str(&format!("  {} {value}\n", faint(&format!("{what:<9}"))));
        }
    }
    show::out(&out)?;
    Ok(ExitCode::SUCCESS)
}
