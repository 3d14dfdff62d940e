//! `tawny issues`: the same failures grouped, and what was decided about them.

use std::process::ExitCode;

use anyhow::{Result, bail};
use server::api::types::{Issue, IssueDecision, IssuesAnswer};

use super::findings::query;
use crate::cli::Issues;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{clip, printable};

/// Lists issues, shows one, or changes one.
pub fn run(args: &Issues) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let text = match (&args.issue, args.state.as_slice(), &args.owner) {
        (None, _, _) => client.text(&query(&args.filters).with_all("state", &args.state).after("/api/v1/issues"))?,
        (Some(issue), [], None) => client.text(&format!("/api/v1/issues/{issue}"))?,
        (Some(_), [_, _, ..], _) => bail!("an issue has one state: give --state once"),
        (Some(issue), state, owner) => {
            let decision = IssueDecision { state: state.first().cloned(), owner: owner.clone() };
            client.patch_json(&format!("/api/v1/issues/{issue}"), &decision)?
        }
    };
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let issues: Vec<Issue> = match args.issue {
        Some(_) => vec![parse(&text)?],
        None => parse::<IssuesAnswer>(&text)?.issues,
    };
    if issues.is_empty() {
        show::out("No issues.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = show::table(&["ISSUE", "STATE", "SEVERITY", "DETECTOR", "AGENT", "COUNT", "RUNS", "LAST SEEN", "OWNER", "WHAT"]);
    for issue in &issues {
        table.add_row([
            show::cell(&issue.fingerprint),
            show::cell(&issue.state),
            show::cell(&issue.severity),
            show::cell(&issue.detector),
            show::cell(clip(&issue.agent, 24)),
            show::figure(issue.count),
            show::figure(issue.runs),
            show::cell(show::local(issue.last_seen)),
            show::cell(issue.owner.as_deref().unwrap_or("-")),
            show::cell(clip(&printable(&issue.message), 80)),
        ]);
    }
    show::out(&show::render(&mut table))?;
    Ok(ExitCode::SUCCESS)
}
