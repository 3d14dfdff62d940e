//! `tawny logs`: log records, latest last, as in a log file.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;
use server::api::types::{LogRecord, LogsAnswer};

use super::import;
use crate::cli::{Logs, LogsCommand};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{Look, clip, faint, paint};

/// Lists log records.
pub fn run(args: &Logs) -> Result<ExitCode> {
    if let Some(LogsCommand::Import(args)) = &args.command {
        return import::run(args, import::Holds::Logs);
    }
    let client = Client::new(&args.reading.url)?;
    let query = Query::new()
        .with("from", args.from.as_ref())
        .with("to", args.to.as_ref())
        .with("q", args.q.as_ref())
        .with("trace_id", args.trace_id.as_ref())
        .with("severity", args.severity.as_ref())
        .with("span_id", args.span_id.as_ref())
        .with_all("service", &args.service)
        .with_all("event", &args.event)
        .with_all("agent", &args.agent)
        .with_all("attr", &args.attr)
        .with("limit", Some(args.limit))
        .with("cursor", args.cursor.as_ref());
    let text = client.text(&query.after("/api/v1/logs"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: LogsAnswer = parse(&text)?;
    if answer.logs.is_empty() {
        show::out("No log records.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = show::width();
    let lines: Vec<String> = answer.logs.iter().rev().map(|record| line(record, width)).collect();
    show::out(&lines.join("\n"))?;
    if answer.next.is_some() {
        show::out(&faint("there are older ones; --limit shows more"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(record: &LogRecord, width: usize) -> String {
    // OTLP severity numbers: 13 and up is WARN, 17 and up ERROR.
    let look = match record.severity {
        17.. => Look::Red,
        13..=16 => Look::Yellow,
        _ => Look::Faint,
    };
    let body = match &record.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = [record.event_name.as_deref().unwrap_or_default(), &body].join(" ");
    format!(
        "{}  {}  {}  {}",
        faint(&show::local(record.time)),
        paint(&format!("{:<5}", clip(&record.severity_text, 5)), look),
        clip(record.service.as_deref().unwrap_or("-"), 20),
        clip(text.trim(), width.saturating_sub(54).max(40)),
    )
}
