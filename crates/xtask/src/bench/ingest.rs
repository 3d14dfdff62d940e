//! How fast the release build takes in simulated runs over OTLP/HTTP.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::program::{self, Listen, Server};
use crate::{paths, shell};

/// More runs per second than any server takes: as fast as it goes.
const FLAT_OUT: &str = "1000000";

/// Options of `cargo xtask bench ingest`.
#[derive(Debug, Args)]
pub struct Options {
    /// Seconds of load.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Cargo profile of the program.
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Sends load to a fresh server and prints what came of it.
pub fn run(options: &Options) -> Result<()> {
    let program = program::build(&options.profile, false)?;
    let data = program::fresh_folder("bench-data")?;
    let server = Server::start(&program, &data, &Listen::anywhere(), &paths::scratch().join("bench.log"))?;
    let seconds = format!("{}s", options.seconds);
    let load = ["demo", "--url", &server.http, "--rate", FLAT_OUT, "--for", &seconds, "--history", "0"];
    shell::run(Command::new(&program).args(load))?;
    let status = status(&server.http)?;
    let traces = &status["ingest"]["signals"]["traces"];
    let refused: u64 =
        traces["requests_rejected"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    server.stop();
    let stored = folder_bytes(&data) as f64;
    let number = |key: &str| traces[key].as_f64().unwrap_or(f64::NAN);
    let (spans, bytes, time) = (number("items_accepted"), number("bytes_decompressed"), options.seconds as f64);
    println!("\nOTLP/HTTP, protobuf, whole runs with content, profile {}, {} s", options.profile, options.seconds);
    for (name, value, unit) in [
        ("spans", spans / time, "per second"),
        ("bytes", bytes / time / 1e6, "MB per second"),
        ("requests", number("requests_accepted") / time, "per second"),
        ("requests told to wait", refused as f64, ""),
        ("bytes of a span", bytes / spans, ""),
        ("stored", stored / 1e6, "MB (after stop, log included)"),
        ("stored per byte sent", stored / bytes, ""),
    ] {
        println!("{name:<22} {value:>12.2} {unit}");
    }
    Ok(())
}

fn status(http: &str) -> Result<Value> {
    let text = ureq::get(format!("{http}/api/v1/status"))
        .call()
        .context("the server does not answer")?
        .body_mut()
        .read_to_string()?;
    serde_json::from_str(&text).context("cannot read the server's status")
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
