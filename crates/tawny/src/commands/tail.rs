//! `tawny tail`: runs as they change, a line each.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use server::api::types::Run;

use super::runs::{SHORT_ID, title};
use crate::cli::Tail;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, clip, faint, paint};
use crate::wait::pause;

/// Pause before asking again when the connection broke.
const AGAIN: Duration = Duration::from_secs(2);

/// Watches runs until interrupted.
pub fn run(args: &Tail) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let mut first = true;
    loop {
        let watched = watch(&client, args);
        match watched {
            Err(error) if error.chain().any(|cause| cause.is::<Closed>()) => return Ok(ExitCode::SUCCESS),
            // At the start a missing server is an error; later it may be restarting.
            Err(error) if first => return Err(error),
            Err(error) => eprintln!("{}", faint(&format!("{error:#}; asking again"))),
            Ok(()) => eprintln!("{}", faint("the server ended the stream; asking again")),
        }
        first = false;
        pause(AGAIN);
    }
}

/// Standard output was closed.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
struct Closed;

fn watch(client: &Client, args: &Tail) -> Result<()> {
    let mut event = String::new();
    for line in client.lines("/api/v1/live")? {
        let line = line?;
        if let Some(name) = line.strip_prefix("event:") {
            event = name.trim().to_owned();
        } else if let Some(data) = line.strip_prefix("data:") {
            let data = data.trim_start();
            match event.as_str() {
                "run" => show(args, data)?,
                "missed" => eprintln!("{}", faint(&format!("{data} updates missed: this terminal reads too slowly"))),
                _ => {}
            }
        }
    }
    Ok(())
}

fn show(args: &Tail, data: &str) -> Result<()> {
    let run: Run = parse(data)?;
    let wanted =
        |names: &[String], name: Option<&String>| names.is_empty() || name.is_some_and(|name| names.contains(name));
    if !wanted(&args.agent, run.agent.as_ref())
        || !wanted(&args.service, run.service.as_ref())
        || (args.errors && run.errors == 0)
    {
        return Ok(());
    }
    let text = if args.reading.json { data.to_owned() } else { line(&run) };
    show::out(&text).map_err(|_| Closed.into())
}

fn line(run: &Run) -> String {
    let status = paint(&format!("{:<9}", run.status.as_str()), style::run_status(run.status));
    let errors = if run.errors > 0 { style::bad(&style::plural(run.errors, "error")) } else { String::new() };
    let text = format!(
        "{}  {}  {status}  {:<24}  {:>10}  {:>4} steps  {:>8} → {:<7} tok  {:>9}  {errors}",
        faint(&show::local(run.started_at)),
        &run.trace_id.to_string()[..SHORT_ID],
        clip(title(run), 24),
        style::duration(run.duration_ms),
        run.steps,
        style::count(run.usage.input_tokens),
        style::count(run.usage.output_tokens),
        style::dollars(run.cost_usd),
    );
    text.trim_end().to_owned()
}
