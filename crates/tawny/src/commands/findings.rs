//! `tawny findings` and `tawny issues`: what detectors saw, and the issues it makes.

use std::process::ExitCode;

use anyhow::{Result, bail};
use model::Severity;
use server::api::types::{Finding, FindingsAnswer, Issue, IssueDecision, IssuesAnswer};

use crate::cli::{FindingFilters, Findings, Issues};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{Look, clip, faint, paint, printable};

fn query(filters: &FindingFilters) -> Query {
    Query::new()
        .with("from", filters.from.as_ref())
        .with("to", filters.to.as_ref())
        .with_all("detector", &filters.detector)
        .with_all("severity", &filters.severity)
        .with_all("agent", &filters.agent)
        .with("limit", Some(filters.limit))
        .with("cursor", filters.cursor.as_ref())
}

/// Lists findings.
pub fn list(args: &Findings) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let query = query(&args.filters).with("trace_id", args.run.as_ref()).with("fingerprint", args.issue.as_ref());
    let text = client.text(&query.after("/api/v1/findings"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: FindingsAnswer = parse(&text)?;
    if answer.findings.is_empty() {
        show::out("No findings.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<String> = answer.findings.iter().map(line).collect();
    show::out(&lines.join("\n"))?;
    if answer.next.is_some() {
        show::out(&faint("there are older ones; --limit shows more"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One finding in two lines.
pub fn line(finding: &Finding) -> String {
    let spans: Vec<String> = finding.span_ids.iter().take(3).map(ToString::to_string).collect();
    format!(
        "{}  {}  {}\n    {}  {}",
        faint(&show::local(finding.at)),
        severity(finding.severity),
        printable(&format!("{}: {}", finding.detector, finding.message)),
        finding.trace_id,
        faint(&spans.join(" ")),
    )
}

fn severity(severity: Severity) -> String {
    let look = match severity {
        Severity::Info => Look::Faint,
        Severity::Warning => Look::Yellow,
        Severity::Critical => Look::Red,
    };
    paint(&format!("{severity:<8}"), look)
}

/// Lists issues, shows one, or changes one.
pub fn issues(args: &Issues) -> Result<ExitCode> {
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
