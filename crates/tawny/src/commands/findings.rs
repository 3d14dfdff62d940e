//! `tawny findings`: what detectors saw.

use std::process::ExitCode;

use anyhow::Result;
use model::Severity;
use server::api::types::{Finding, FindingsAnswer, SuspectsAnswer};

use crate::cli::{FindingFilters, Findings};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{Look, faint, paint, printable};

/// The filters that findings and issues share, as a query.
pub fn query(filters: &FindingFilters) -> Query {
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
pub fn run(args: &Findings) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    if args.suspects {
        return suspects(&client, args);
    }
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

/// Lists the most suspicious runs.
fn suspects(client: &Client, args: &Findings) -> Result<ExitCode> {
    let filters = &args.filters;
    let query = Query::new()
        .with("from", filters.from.as_ref())
        .with("to", filters.to.as_ref())
        .with_all("agent", &filters.agent)
        .with("limit", Some(filters.limit));
    let text = client.text(&query.after("/api/v1/suspects"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: SuspectsAnswer = parse(&text)?;
    if answer.runs.is_empty() {
        show::out("No run was judged yet.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = show::table(&["RUN", "SUSPICION", "AGENT", "OUTCOME", "ENDED"]);
    for run in &answer.runs {
        table.add_row([
            show::cell(run.trace_id),
            show::cell(format!("{:.2}", run.suspicion)),
            show::cell(printable(&run.agent)),
            show::cell(run.outcome.as_deref().unwrap_or("-")),
            show::cell(show::local(run.at)),
        ]);
    }
    show::out(&show::render(&mut table))?;
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
