//! `tawny sampling`: rules of which settled runs are kept, checked and tried on history.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use policy::sampling::Sampling;
use server::api::types::{SamplingTrial, SamplingTried};

use crate::cli::SamplingCommand;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{count, faint};

/// Does what the command says.
pub fn run(command: &SamplingCommand) -> Result<ExitCode> {
    match command {
        SamplingCommand::Check { file } => {
            load(file)?;
            show::out(&format!("{} can be used", file.display()))?;
        }
        SamplingCommand::Try { file, since, reading } => {
            load(file)?;
            let trial = SamplingTrial { rules: read(file)?, since: since.clone() };
            let text = Client::new(&reading.url)?.post_json("/api/v1/sampling/try", &trial)?;
            if reading.json {
                show::out(&text)?;
            } else {
                show::out(&render(&parse(&text)?))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn render(tried: &SamplingTried) -> String {
    let share = if tried.runs == 0 { 0.0 } else { tried.kept as f64 * 100.0 / tried.runs as f64 };
    let more = if tried.more { " (the newest; there are more)" } else { "" };
    let mut table = show::table(&["RUNS", "WHAT BECOMES OF THEM"]);
    let mut by: Vec<_> = tried.by.iter().collect();
    by.sort_by_key(|(_, runs)| std::cmp::Reverse(**runs));
    for (what, runs) in by {
        let what = if what == "drop" { "dropped".to_owned() } else { format!("kept: {what}") };
        table.add_row([show::cell(count(*runs)), show::cell(what)]);
    }
    let figures = faint("figures, costs and baselines count all of them");
    format!(
        "{} of {} runs{more} would be kept ({share:.1} %); {figures}\n{}",
        count(tried.kept),
        count(tried.runs),
        show::render(&mut table)
    )
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read the rules in {}", file.display()))
}

/// Reads a file of rules.
pub fn load(file: &Path) -> Result<Arc<Sampling>> {
    Ok(Arc::new(Sampling::parse(&file.display().to_string(), &read(file)?)?))
}
