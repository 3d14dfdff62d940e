//! `tawny investigate RUN`: one run explained in one page.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::InvestigateAnswer;

use crate::cli::Investigate;
use crate::client::{Client, parse};
use crate::show;
use crate::style::printable;

/// Explains a run.
pub fn run(args: &Investigate) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let id = super::run::whole_id(&client, &args.id)?;
    let text = client.text(&format!("/api/v1/runs/{id}/investigate"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: InvestigateAnswer = parse(&text)?;
    let mut page: Vec<String> = answer.text.lines().map(printable).collect();
    if !answer.logs.is_empty() {
        page.push("\nLogs".into());
        for record in &answer.logs {
            let body = record.body.as_str().map_or_else(|| record.body.to_string(), str::to_owned);
            page.push(format!("  {}  {:<5} {}", show::local(record.time), record.severity_text, printable(&body)));
        }
    }
    if !answer.similar.is_empty() {
        page.push("\nSimilar runs".into());
        page.extend(answer.similar.iter().map(|id| format!("  {id}")));
    }
    show::out(&page.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
