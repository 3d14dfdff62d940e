//! `tawny summary`: active runs, totals, and what completed last.

use std::process::ExitCode;

use anyhow::Result;

use super::runs::SHORT_ID;
use crate::cli;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, clip, count};

/// Shows the summary.
pub fn run(args: &cli::Summary) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let text = client.text(&Query::new().with_filters(&args.filters).after("/api/v1/summary"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let summary: server::api::types::Summary = parse(&text)?;
    let counters = &summary.counters;
    let mut out = String::new();
    for (name, value) in [
        ("active runs", count(summary.active_runs)),
        ("started", count(counters.runs_started)),
        ("completed", format!("{}, {} failed", count(counters.runs_completed), count(counters.runs_failed))),
        ("steps", count(counters.steps)),
        ("llm calls", count(counters.llm_calls)),
        ("tool calls", count(counters.tool_calls)),
        ("errors", format!("{}, {}", count(counters.errors), style::plural(counters.retries, "retry"))),
        ("tokens", format!("{} in, {} out", count(counters.input_tokens), count(counters.output_tokens))),
        ("cost", style::dollars(counters.cost_usd)),
    ] {
        out.push_str(&format!("{} {value}\n", style::faint(&format!("{name:<12}"))));
    }
    if !summary.last_completed.is_empty() {
        let mut table = show::table(&[
            "RUN", "ENDED", "STATUS", "NAME", "DURATION", "STEPS", "TOKENS", "COST", "ERRORS", "RETRIES",
        ]);
        for run in &summary.last_completed {
            table.add_row(vec![
                show::cell(&run.trace_id.to_string()[..SHORT_ID]),
                show::cell(run.ended_at.map(show::local).unwrap_or_default()),
                show::styled(run.status.as_str(), style::run_status(run.status)),
                show::cell(clip(run.agent.as_deref().unwrap_or(&run.name), 28)),
                show::figure(style::duration(run.duration_ms)),
                show::figure(run.steps),
                show::figure(count(run.usage.total_tokens)),
                show::figure(style::dollars(run.cost_usd)),
                show::failures(run.errors),
                show::figure(run.retries),
            ]);
        }
        out.push('\n');
        out.push_str(&show::render(&mut table));
    }
    show::out(&out)?;
    Ok(ExitCode::SUCCESS)
}
