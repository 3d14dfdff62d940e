//! `tawny issues`: the same failures grouped, and what was decided about them.

use std::process::ExitCode;

use anyhow::{Result, bail};
use server::api::types::{Finding, FindingsAnswer, Issue, IssueDecision, IssuesAnswer};

use super::findings::query;
use crate::cli::Issues;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{clip, count, faint, printable};

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
    let mut table = show::table(&[
        "ISSUE",
        "STATE",
        "SEVERITY",
        "DETECTOR",
        "AGENT",
        "COUNT",
        "RUNS",
        "LAST SEEN",
        "OWNER",
        "WHAT",
    ]);
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
    if let (Some(_), [issue]) = (&args.issue, issues.as_slice()) {
        let newest = Query::new()
            .with("fingerprint", Some(&issue.fingerprint))
            .with("from", Some("2000-01-01T00:00:00Z"))
            .with("limit", Some(1));
        let newest: FindingsAnswer = parse(&client.text(&newest.after("/api/v1/findings"))?)?;
        show::out(&details(issue, newest.findings.first()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the table has no room for: the whole sentence, whom it hit, and the values behind the last finding.
fn details(issue: &Issue, newest: Option<&Finding>) -> String {
    let row = |name: &str, text: &str| format!("  {}  {}", faint(&format!("{name:<14}")), printable(text));
    let versions = if issue.versions.is_empty() { "-".to_owned() } else { issue.versions.join(", ") };
    let mut lines = vec![
        format!("\n{}\n", printable(&issue.message)),
        row("first seen", &show::local(issue.first_seen)),
        row("environment", &issue.environment),
        row("users", &count(issue.users)),
        row("versions", &versions),
        row("last run", &format!("tawny investigate {}", issue.last_trace_id)),
    ];
    for (name, value) in newest.iter().flat_map(|finding| &finding.evidence) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.push(row(&name.replace('_', " "), &text));
    }
    lines.join("\n")
}
