//! `tawny restore`: puts a backup back.

use std::process::ExitCode;

use anyhow::Result;

use super::backup::say;
use super::store::{runtime, settings};
use crate::cli::Restore;

/// Puts a backup back.
pub fn run(args: &Restore) -> Result<ExitCode> {
    let restored = runtime()?.block_on(store::restore(args.from.clone(), settings(&args.place)?))?;
    say(args.json, &restored, &format!("Restored into {}", args.place.data))
}
