//! `tawny doctor`: what is wrong with the instrumentation of what arrived, and what to change.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{DoctorAnswer, DoctorFinding, DoctorOrigin};

use crate::cli;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{Look, count, faint, paint, printable, strong};

/// Examines and shows.
pub fn run(args: &cli::Doctor) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let query = Query::new()
        .with("from", Some(&args.since))
        .with("service", args.service.as_ref())
        .with("trace_id", args.trace_id.as_ref());
    let text = client.text(&query.after("/api/v1/doctor"))?;
    let answer: DoctorAnswer = parse(&text)?;
    if args.reading.json {
        show::out(&text)?;
    } else {
        show::out(&render(&answer))?;
    }
    let errors = answer.findings.iter().any(|finding| finding.severity == "error");
    Ok(if args.strict && errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn render(answer: &DoctorAnswer) -> String {
    let examined = &answer.examined;
    let mut out = format!(
        "{} spans of {} services since {}, {} recent runs in detail\n\n",
        count(examined.spans),
        examined.origins.iter().map(|origin| &origin.service).collect::<std::collections::BTreeSet<_>>().len(),
        examined.from,
        count(examined.runs)
    );
    if examined.spans == 0 {
        out.push_str("No span arrived in this time. `tawny setup` says how to send some.\n");
    } else if answer.findings.is_empty() {
        out.push_str(&format!("{} nothing is wrong with the instrumentation.\n", paint("●", Look::Green)));
    }
    out.push_str(&findings(&answer.findings));
    out
}

/// Findings, one below the other.
pub fn findings(findings: &[DoctorFinding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let look = match finding.severity.as_str() {
            "error" => Look::Red,
            "warning" => Look::Yellow,
            _ => Look::Cyan,
        };
        out.push_str(&format!("{} {} {}\n", paint("●", look), strong(&finding.title), faint(&finding.id)));
        let share = if finding.of > finding.count { format!(" of {}", count(finding.of)) } else { String::new() };
        out.push_str(&format!("  {}{share} {}{}\n", count(finding.count), finding.noun, origin(&finding.origin)));
        out.push_str(&format!("  {}\n", finding.why));
        for detail in &finding.details {
            out.push_str(&format!("  - {}\n", printable(detail)));
        }
        if let Some(example) = &finding.example {
            let span = example.span_id.as_ref().map_or(String::new(), |span| format!(", step {span}"));
            out.push_str(&format!("  {} tawny run {}{span}\n", faint("see"), example.trace_id));
        }
        if let Some(remedy) = &finding.remedy {
            out.push_str(&format!("  {} {}\n", faint("do "), remedy.text));
            if !remedy.line.is_empty() {
                out.push_str(&format!("      {}\n", paint(&remedy.line, Look::Green)));
            }
        }
        out.push('\n');
    }
    out
}

/// Who sent it, as part of a line.
fn origin(origin: &DoctorOrigin) -> String {
    let library = match (origin.scope.as_str(), origin.version.as_str()) {
        ("", _) => origin.dialect.clone(),
        (scope, "") => scope.to_owned(),
        (scope, version) => format!("{scope} {version}"),
    };
    let parts = [origin.service.clone().unwrap_or_default(), library];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { format!(" {}", faint(&printable(&parts.join(" · ")))) }
}
