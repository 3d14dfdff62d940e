//! `tawny runs`: a list of runs.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{Run, RunsAnswer};

use crate::cli::Runs;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, clip};

/// Characters of a trace id that are shown; `tawny run` takes any unique beginning.
pub const SHORT_ID: usize = 12;

/// Lists runs.
pub fn run(args: &Runs) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let query = Query::new()
        .with_filters(&args.filters)
        .with("sort", Some(&args.sort))
        .with("limit", Some(args.limit))
        .with("cursor", args.cursor.as_ref())
        .with("facets", args.facets.as_ref());
    let text = client.text(&query.after("/api/v1/runs"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: RunsAnswer = parse(&text)?;
    if answer.runs.is_empty() {
        show::out(&format!(
            "No runs. To send some: point an OpenTelemetry exporter at {} (OTEL_EXPORTER_OTLP_ENDPOINT), or try `tawny demo`.",
            client.base()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    show::out(&list(&answer.runs))?;
    for (name, values) in &answer.facets {
        let values: Vec<String> =
            values.iter().map(|value| format!("{} {}", clip(&value.value, 40), style::count(value.count))).collect();
        show::out(&format!("{}  {}", style::strong(name), values.join(style::faint(" · ").as_str())))?;
    }
    let shown = answer.runs.len() as u64;
    if answer.total > shown {
        show::out(&style::faint(&format!("{shown} of {} runs; --limit shows more", style::count(answer.total))))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs as a table.
pub fn list(runs: &[Run]) -> String {
    let headers = [
        "RUN",
        "STARTED",
        "STATUS",
        "NAME",
        "DURATION",
        "STEPS",
        "LLM",
        "TOOLS",
        "ERRORS",
        "TOKENS IN",
        "OUT",
        "COST",
        "INPUT",
    ];
    let mut table = show::table(&headers);
    for run in runs {
        table.add_row(row(run));
    }
    show::render(&mut table)
}

fn row(run: &Run) -> Vec<comfy_table::Cell> {
    let about = if run.provisional { "~" } else { "" };
    vec![
        show::cell(&run.trace_id.to_string()[..SHORT_ID]),
        show::cell(show::local(run.started_at)),
        show::styled(run.status.as_str(), style::run_status(run.status)),
        show::cell(clip(title(run), 28)),
        show::figure(style::duration(run.duration_ms)),
        show::figure(run.steps),
        show::figure(run.llm_calls),
        show::figure(run.tool_calls),
        show::failures(run.errors),
        show::figure(format!("{about}{}", style::count(run.usage.input_tokens))),
        show::figure(style::count(run.usage.output_tokens)),
        show::figure(style::dollars(run.cost_usd)),
        show::cell(clip(run.input_preview.as_deref().unwrap_or(""), 40)),
    ]
}

/// What a run is called in lists: its agent, else its name.
pub fn title(run: &Run) -> &str {
    run.agent.as_deref().unwrap_or(&run.name)
}
