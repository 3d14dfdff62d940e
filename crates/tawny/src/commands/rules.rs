//! `tawny rules`: rule files in Prometheus' format, checked and tested without a server, and tried on its history.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alerts::{Problem, rules, unit};
use anyhow::{Context, Result, bail};
use serde_json::json;
use server::api::types::{BacktestAnswer, BacktestInterval, BacktestRequest, RuleExplanation};

use crate::cli;
use crate::client::{Client, parse};
use crate::show;
use crate::style;

/// Runs what was asked for.
pub fn run(args: &cli::Rules) -> Result<ExitCode> {
    match &args.command {
        cli::RulesCommand::Check(args) => check(args),
        cli::RulesCommand::Test(args) => test(args),
        cli::RulesCommand::Backtest(args) => backtest(args),
        cli::RulesCommand::Explain(args) => explain(args),
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn code(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Checks files; fails when one of them has a mistake.
fn check(args: &cli::RulesCheck) -> Result<ExitCode> {
    let (mut words, mut files, mut failed) = (String::new(), Vec::new(), false);
    for file in &args.files {
        let text = read(file)?;
        let parsed = if args.ignore_unknown_fields { rules::parse_leniently(&text) } else { rules::parse(&text) };
        let name = file.display().to_string();
        match parsed {
            Ok(parsed) => {
                let (alerts, records) = parsed.count();
                let repeated: Vec<String> = parsed
                    .repeated()
                    .iter()
                    .map(|(group, rule)| {
                        format!("{}: {} in the group {:?} is there twice", rule.place, rule.name, group.name)
                    })
                    .collect();
                words += &format!("{name}: {alerts} alerting and {records} recording rules\n");
                repeated.iter().for_each(|line| words += &format!("  {name}:{line}\n"));
                files.push(json!({"file": name, "alerting": alerts, "recording": records, "repeated": repeated, "problems": []}));
            }
            Err(problems) => {
                failed = true;
                words += &format!("{name}: {}\n", style::bad(&counted(&problems)));
                problems.iter().for_each(|problem| words += &format!("  {name}:{problem}\n"));
                let list: Vec<_> = problems
                    .iter()
                    .map(|it| json!({"line": it.place.line, "column": it.place.column, "message": it.message}))
                    .collect();
                files.push(json!({"file": name, "problems": list}));
            }
        }
    }
    show::out(&if args.json { format!("{}\n", json!({ "files": files })) } else { words })?;
    Ok(code(failed))
}

fn counted(problems: &[Problem]) -> String {
    if problems.len() == 1 { "1 mistake".into() } else { format!("{} mistakes", problems.len()) }
}

/// Runs unit tests; fails when a case does not come out as expected.
fn test(args: &cli::RulesTest) -> Result<ExitCode> {
    let chosen: Vec<regex::Regex> =
        args.run.iter().map(|pattern| regex::Regex::new(pattern).context("--run")).collect::<Result<_>>()?;
    let (mut words, mut files, mut failed) = (String::new(), Vec::new(), false);
    for file in &args.files {
        let results = run_file(file, &chosen)?;
        let name = file.display().to_string();
        let cases: usize = results.iter().map(|result| result.cases).sum();
        let failures: usize = results.iter().map(|result| result.failures.len()).sum();
        failed |= failures > 0;
        let figures = format!("{} tests, {cases} cases, {failures} failed", results.len());
        words += &format!("{name}: {}\n", if failures > 0 { style::bad(&figures) } else { figures });
        for result in results.iter().filter(|result| !result.failures.is_empty()) {
            let title = if result.name.is_empty() { "a test without a name" } else { &result.name };
            for failure in &result.failures {
                words += &format!("  {name}:{}: {title}: {}\n", failure.place, failure.message.replace('\n', "\n  "));
            }
        }
        let tests: Vec<_> = results
            .iter()
            .map(|result| {
                let failures: Vec<_> =
                    result.failures.iter().map(|it| json!({"line": it.place.line, "message": it.message})).collect();
                json!({"name": result.name, "line": result.place.line, "cases": result.cases, "failures": failures})
            })
            .collect();
        files.push(json!({"file": name, "tests": tests}));
    }
    show::out(&if args.json { format!("{}\n", json!({ "files": files })) } else { words })?;
    Ok(code(failed))
}

fn run_file(file: &Path, chosen: &[regex::Regex]) -> Result<Vec<unit::TestResult>> {
    let told = |file: &Path, problems: Vec<Problem>| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("{}:{problem}", file.display())).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    };
    let tests = unit::parse(&read(file)?).map_err(|problems| told(file, problems))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut parsed = Vec::new();
    for pattern in &tests.rule_files {
        for path in matching(&folder.join(pattern))? {
            parsed.push(rules::parse(&read(&path)?).map_err(|problems| told(&path, problems))?);
        }
    }
    let wanted = |test: &unit::Test| chosen.is_empty() || chosen.iter().any(|regex| regex.is_match(&test.name));
    Ok(unit::run(&tests, &parsed, wanted))
}

/// Explains a rule of the server.
fn explain(args: &cli::RulesExplain) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let name: String = args.name.chars().filter(|c| c.is_alphanumeric() || "_:-".contains(*c)).collect();
    let text = client.text(&format!("/api/v1/rules/{name}/explain"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: RuleExplanation = parse(&text)?;
    let mut words = format!("{}: {}\n{}\n", answer.name, answer.says, answer.query);
    if let Some(error) = &answer.error {
        words += &format!("{}\n", style::bad(error));
    }
    for value in answer.values.iter().take(20) {
        let labels: Vec<String> = value.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let share =
            value.of_threshold.map_or_else(String::new, |share| format!("  ({:.0}% of the threshold)", share * 100.0));
        words += &format!("  {:<14} {}{share}\n", value.value, labels.join(" "));
    }
    show::out(&words)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs rules over the history of the server.
fn backtest(args: &cli::RulesBacktest) -> Result<ExitCode> {
    let client = Client::patient(&args.reading.url)?;
    let request = BacktestRequest {
        rules: args.file.as_deref().map(read).transpose()?,
        rule: args.rule.clone(),
        from: Some(args.since.clone()),
        to: Some(args.until.clone()),
        step: args.step.clone(),
    };
    let text = client.post_json("/api/v1/rules/backtest", &request)?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: BacktestAnswer = parse(&text)?;
    let mut words = format!("From {} to {}:\n", answer.from, answer.to);
    for rule in &answer.rules {
        words += &format!("{}: {}\n", rule.name, rule.says);
        rule.errors.iter().for_each(|error| words += &format!("  {}\n", style::bad(error)));
        let hidden = rule.intervals.len().saturating_sub(args.limit);
        rule.intervals[hidden..].iter().for_each(|interval| words += &format!("  {}\n", line(interval)));
        match rule.left_out + hidden as u64 {
            0 => {}
            more => words += &format!("  and {more} earlier (-n shows more, --json up to 500)\n"),
        }
    }
    answer.notes.iter().for_each(|note| words += &format!("Note: {note}.\n"));
    show::out(&words)?;
    Ok(ExitCode::SUCCESS)
}

fn line(interval: &BacktestInterval) -> String {
    let labels: Vec<String> = interval
        .labels
        .iter()
        .filter(|(name, _)| *name != "alertname")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let length = match interval.to {
        Some(_) => style::duration(interval.seconds * 1000.0),
        None => "to the end".to_owned(),
    };
    let value = interval.value.map_or_else(String::new, |value| format!("  value {value}"));
    format!("{}  {length}{value}  {}", interval.from, labels.join(" "))
}

/// Files a path with `*` and `?` in its last part means, in order; a path without them means itself.
fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return Ok(vec![path.to_owned()]);
    }
    let pattern = regex::escape(&name).replace(r"\*", ".*").replace(r"\?", ".");
    let pattern = regex::Regex::new(&format!("^{pattern}$"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| pattern.is_match(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    if found.is_empty() {
        bail!("no file matches {}", path.display());
    }
    Ok(found)
}
