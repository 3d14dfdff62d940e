//! `tawny promql test FILE…`: Prometheus' own test scripts against this program's PromQL.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use promql::testscript::{self, Failure, Report};
use serde_json::json;

use crate::cli;
use crate::show;
use crate::style;

/// Runs what was asked for.
pub fn run(args: &cli::Promql) -> Result<ExitCode> {
    match &args.command {
        cli::PromqlCommand::Test(args) => test(args),
    }
}

/// Runs scripts; fails when an evaluation did not come out as its script expects.
fn test(args: &cli::PromqlTest) -> Result<ExitCode> {
    let mut reports = Vec::with_capacity(args.files.len());
    for file in &args.files {
        // A file that cannot be read fails by itself; the others are run all the same.
        let report = std::fs::read_to_string(file).map_or_else(|error| unread(&error), |text| testscript::run(&text));
        reports.push((file.as_path(), report));
    }
    show::out(&if args.json { in_json(&reports) } else { in_words(&reports) })?;
    let failed = reports.iter().any(|(_, report)| !report.failed.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn unread(error: &std::io::Error) -> Report {
    let failure = Failure { line: 0, query: "the file".to_owned(), message: format!("cannot be read: {error}") };
    Report { failed: vec![failure], ..Report::default() }
}

fn in_words(reports: &[(&Path, Report)]) -> String {
    let mut out = String::new();
    for (file, report) in reports {
        out.push_str(&format!("{}: {}\n", file.display(), figures([report].into_iter())));
        for failure in &report.failed {
            out.push_str(&format!("  {}\n", failure.to_string().replace('\n', "\n  ")));
        }
    }
    if reports.len() > 1 {
        out.push_str(&format!("{} files: {}\n", reports.len(), figures(reports.iter().map(|(_, report)| report))));
    }
    out
}

/// How many passed and failed, of one file or of all.
fn figures<'a>(reports: impl Iterator<Item = &'a Report>) -> String {
    let counts = reports.map(|report| (report.passed, report.failed.len(), report.ignored));
    let (passed, failed, ignored) = counts.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    let ignored = if ignored > 0 { format!(", {ignored} ignored") } else { String::new() };
    let figures = format!("{passed} passed, {failed} failed{ignored}");
    if failed == 0 { figures } else { style::bad(&figures) }
}

fn in_json(reports: &[(&Path, Report)]) -> String {
    let files: Vec<_> = reports
        .iter()
        .map(|(file, report)| {
            let failed: Vec<_> = report
                .failed
                .iter()
                .map(|failure| json!({"line": failure.line, "query": failure.query, "message": failure.message}))
                .collect();
            json!({"file": file.display().to_string(), "passed": report.passed, "ignored": report.ignored, "failed": failed})
        })
        .collect();
    format!("{}\n", json!({ "files": files }))
}
