//! What the interface costs in a browser: bytes and time of the first load, lists over many spans, runs of 20,000 and 100,000 steps,
//! memory of a page that stays live. The server is measured as it ships; the browser's part is `ui/e2e/bench.ts`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::common::{Kind, Measured, data_set};
use super::load::send;
use crate::{browser, paths, program, shell, ui};

/// Options of `cargo xtask bench ui`.
#[derive(Debug, Args)]
pub struct Options {
    /// Spans behind the list of runs; 0 for none but those the browser's part sends.
    #[arg(long, default_value_t = 5_000_000)]
    spans: u64,
    /// Minutes a page stays live while its memory is watched; an hour is what is promised.
    #[arg(long, default_value_t = 60.0)]
    live_minutes: f64,
    /// Measure this program, which has the interface inside, instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Loads, measures and prints.
pub fn run(options: &Options) -> Result<()> {
    if let Err(why) = ui::node() {
        bail!("{why}");
    }
    let chromium = browser::find().map_err(anyhow::Error::msg)?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            ui::build(false)?;
            program::build("release", true)?
        }
    };
    ui::install()?;
    let measured = Measured::start(&program, "bench-ui")?;
    if options.spans > 0 {
        send(&measured.server.otlp_http, &data_set(Kind::Lean, options.spans)?, 4, 0)?;
        measured.settle()?;
    }
    let mut command = shell::command_in(&paths::ui(), "npm", &["run", "--silent", "bench"]);
    command.env("TAWNY_URL", &measured.server.http).env("CHROMIUM", chromium);
    command.env("BENCH_LIVE_MINUTES", options.live_minutes.to_string());
    shell::run(&mut command)
}
