//! `tawny sla`: what workflows promise, and how they keep it.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::SlaAnswer;

use super::runs::SHORT_ID;
use crate::cli::Reading;
use crate::client::{Client, parse};
use crate::show;
use crate::style;

/// Shows service levels.
pub fn run(args: &Reading) -> Result<ExitCode> {
    let text = Client::new(&args.url)?.text("/api/v1/sla")?;
    if args.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: SlaAnswer = parse(&text)?;
    if answer.workflows.is_empty() {
        show::out("No service levels. `tawny serve --sla FILE` names some (docs/sla.md).\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.2} %", share * 100.0));
    let mut table = show::table(&[
        "WORKFLOW",
        "PROMISE",
        "TARGET",
        "RUNS",
        "KEPT",
        "ATTAINED",
        "BUDGET LEFT",
        "BURN 1H",
        "BURN 6H",
    ]);
    for level in &answer.workflows {
        let promises: Vec<String> = level.promises.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let burn =
            |name: &str| level.burn_rate.get(name).copied().flatten().map_or("-".into(), |rate| format!("{rate:.1}"));
        table.add_row(vec![
            show::cell(style::printable(&level.workflow)),
            show::cell(promises.join(", ")),
            show::figure(percent(Some(level.target))),
            show::figure(level.runs),
            show::figure(level.good),
            show::figure(percent(level.attainment)),
            show::figure(percent(level.error_budget_left)),
            show::figure(burn("1h")),
            show::figure(burn("6h")),
        ]);
    }
    let mut out = show::render(&mut table);
    for level in &answer.workflows {
        for breach in level.latest.iter().take(5) {
            let broken =
                breach.broken.iter().map(|one| format!("{} {} (promised {})", one.objective, one.was, one.promised));
            let run = &breach.trace_id.to_string()[..SHORT_ID];
            out.push_str(&format!(
                "{} {run} {}: {}\n",
                style::faint(&show::local(breach.started_at)),
                style::printable(&level.workflow),
                broken.collect::<Vec<_>>().join(", "),
            ));
        }
    }
    show::out(&out)?;
    Ok(ExitCode::SUCCESS)
}
