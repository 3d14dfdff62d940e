//! What became of an import.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use wire::Signal;

use crate::style::{self, bad, count, faint};

/// Problems that are told one by one; further ones are only counted.
const PROBLEMS_KEPT: usize = 10;

/// What became of one file.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Requests the server kept.
    pub requests: u64,
    /// Items kept, by signal.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Items refused inside requests that were kept.
    pub rejected: u64,
    /// Requests the server refused as a whole.
    pub requests_refused: u64,
    /// Lines that are no requests.
    pub unreadable: u64,
    /// Times the server asked to wait.
    pub waits: u64,
    /// The first problems, in words.
    pub problems: Vec<String>,
    /// Bytes after decompression.
    pub bytes: u64,
    /// Seconds it took.
    pub seconds: f64,
}

impl Report {
    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_KEPT && !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }

    /// Notes a request that was kept.
    pub fn sent(&mut self, signal: Signal, accepted: u64, rejected: u64, reason: Option<String>) {
        self.requests += 1;
        *self.accepted.entry(signal.name()).or_default() += accepted;
        self.rejected += rejected;
        if let Some(reason) = reason {
            self.problem(format!("{} refused: {reason}", signal.items()));
        }
    }

    /// Notes a request that was refused.
    pub fn refused(&mut self, line: u64, problem: String) {
        self.requests_refused += 1;
        self.problem(at(line, &problem));
    }

    /// Notes a line that is no request.
    pub fn unreadable(&mut self, line: u64, problem: String) {
        self.unreadable += 1;
        self.problem(at(line, &problem));
    }

    /// Whether something was not imported.
    pub fn failed(&self) -> bool {
        self.requests_refused + self.unreadable > 0
    }

    /// The report in words.
    pub fn text(&self, path: &Path) -> String {
        let kept: Vec<String> = Signal::ALL
            .into_iter()
            .filter_map(|signal| Some(format!("{} {}", count(*self.accepted.get(signal.name())?), signal.items())))
            .collect();
        let kept = if kept.is_empty() { "nothing".to_owned() } else { kept.join(", ") };
        let speed = self.bytes as f64 / self.seconds.max(1e-3);
        let mut out = format!(
            "{}: {kept} in {} requests {}\n",
            path.display(),
            count(self.requests),
            faint(&format!(
                "({} in {}, {}/s)",
                style::bytes(self.bytes),
                style::duration(self.seconds * 1e3),
                style::bytes(speed as u64)
            ))
        );
        for (number, what) in [
            (self.rejected, "items refused"),
            (self.requests_refused, "requests refused"),
            (self.unreadable, "lines or documents that are no OTLP request"),
        ] {
            if number > 0 {
                out.push_str(&format!("  {} {what}\n", bad(&count(number))));
            }
        }
        for problem in &self.problems {
            out.push_str(&format!("  {}\n", style::clip(problem, 400)));
        }
        out
    }
}

fn at(line: u64, problem: &str) -> String {
    if line == 0 { problem.to_owned() } else { format!("line {line}: {problem}") }
}

/// What became of all files.
#[derive(Debug, Default, Serialize)]
pub struct Totals {
    /// By file.
    pub files: BTreeMap<String, Report>,
}

impl Totals {
    /// Adds a file.
    pub fn add(&mut self, path: &Path, report: Report) {
        self.files.insert(path.display().to_string(), report);
    }

    /// Whether something was not imported.
    pub fn failed(&self) -> bool {
        self.files.values().any(Report::failed)
    }
}
