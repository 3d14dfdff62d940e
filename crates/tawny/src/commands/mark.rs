//! `tawny mark`: says of runs that they are known to be good, or not.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{Mark as Request, RunMarked};

use crate::cli::Mark;
use crate::client::{Client, parse};
use crate::show;

/// Marks runs.
pub fn run(args: &Mark) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    for run in &args.runs {
        let id = super::run::whole_id(&client, run)?;
        let request = Request { good: args.good, note: args.note.clone() };
        let text = client.post_json(&format!("/api/v1/runs/{id}/mark"), &request)?;
        if args.reading.json {
            show::out(&text)?;
            continue;
        }
        let marked: RunMarked = parse(&text)?;
        show::out(&format!("{}  {}", marked.trace_id, if marked.good { "good" } else { "not good" }))?;
    }
    Ok(ExitCode::SUCCESS)
}
