//! `cargo xtask bench`: how fast the release build takes in simulated runs over OTLP/HTTP.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::paths;
use crate::program::{self, Listen, Server};

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub struct Options {
    /// Runs sent.
    #[arg(long, default_value_t = 20_000)]
    runs: u64,
    /// Requests on the way at the same time.
    #[arg(long, default_value_t = 8)]
    senders: u64,
    /// Cargo profile of the program.
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Sends load to a fresh server and prints a table.
pub fn run(options: &Options) -> Result<()> {
    let program = program::build(&options.profile, false)?;
    let data = paths::scratch().join("bench-data");
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let server = Server::start(&program, &data, &Listen::anywhere(), &paths::scratch().join("bench.log"))?;
    let output = Command::new(&program)
        .args(["demo", "--load", "--json", "--url", &server.otlp_http])
        .args(["--runs", &options.runs.to_string(), "--senders", &options.senders.to_string()])
        .output()
        .context("cannot start the load")?;
    if !output.status.success() {
        bail!("the load failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: serde_json::Value =
        serde_json::from_str(said.lines().last().unwrap_or_default()).context("the load printed no figures")?;
    server.stop();
    let stored = folder_bytes(&data);
    let number = |key: &str| figures[key].as_f64().unwrap_or(f64::NAN);
    let seconds = number("seconds");
    println!("ingest over OTLP/HTTP, protobuf, {} senders, profile {}", options.senders, options.profile);
    for (name, value, unit) in [
        ("runs", number("runs") / seconds, "per second"),
        ("spans", number("spans") / seconds, "per second"),
        ("bytes sent", number("bytes") / seconds / 1e6, "MB per second"),
        ("time", seconds, "s"),
        ("refused requests", number("refused"), ""),
        ("stored", stored as f64 / 1e6, "MB"),
        ("stored per sent byte", stored as f64 / number("bytes"), ""),
    ] {
        println!("{name:<22} {value:>12.2} {unit}");
    }
    Ok(())
}

fn folder_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
