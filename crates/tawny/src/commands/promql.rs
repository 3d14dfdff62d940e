//! `tawny promql test FILE…`: Prometheus' own test scripts against this program's PromQL.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use promql::testscript::{self, Report};
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
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        reports.push((file.as_path(), testscript::run(&text)));
    }
    show::out(&if args.json { in_json(&reports) } else { in_words(&reports) })?;
    let failed = reports.iter().any(|(_, report)| !report.failed.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn in_words(reports: &[(&Path, Report)]) -> String {
    let mut out = String::new();
    for (file, report) in reports {
        let ignored = if report.ignored > 0 { format!(", {} ignored", report.ignored) } else { String::new() };
        let figures = format!("{} passed, {} failed{ignored}", report.passed, report.failed.len());
        let figures = if report.failed.is_empty() { figures } else { style::bad(&figures) };
        out.push_str(&format!("{}: {figures}\n", file.display()));
        for failure in &report.failed {
            out.push_str(&format!("  {}\n", failure.to_string().replace('\n', "\n  ")));
        }
    }
    out
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
