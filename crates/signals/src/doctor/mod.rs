//! What is wrong with the instrumentation, from what arrived.
//!
//! Two sorts of checks. Most count rows: a check is a table in `doctor/checks.toml` with two conditions, and whoever has the
//! data counts them ([`counted`] says what the counts mean). The others look at the trees of recent runs ([`traces`]).
//! What to change stands in `doctor/remedies.toml`, by check and by dialect or instrumentation library.
//!
//! To add a check: a table in `checks.toml`, a remedy, and two tests: telemetry that shows it and telemetry that does not.

mod tables;
#[cfg(test)]
mod tests;
pub mod traces;

use model::{SpanId, TraceId};

pub use tables::{Check, Fires, Remedy, View, check, checks, remedies};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Numbers are wrong or missing.
    Error,
    /// Something cannot be seen.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Who sent what a finding is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// `service.name`.
    pub service: Option<String>,
    /// Dialect, empty when none was understood.
    pub dialect: String,
    /// Name of the instrumentation library, empty when not known.
    pub scope: String,
    /// Its version.
    pub version: String,
}

/// Where it can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The trace.
    pub trace_id: TraceId,
    /// The span, where it is about one.
    pub span_id: Option<SpanId>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The check that saw it.
    pub check: &'static Check,
    /// Who sent it.
    pub origin: Origin,
    /// How often.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Where it can be seen.
    pub example: Option<Example>,
    /// What to change.
    pub remedy: Option<&'static Remedy>,
    /// More about it, a line each: models without a price, reasons of refusals.
    pub details: Vec<String>,
}

impl Finding {
    /// A finding of a check, with its remedy.
    ///
    /// # Panics
    /// When there is no check of that name: names are constants of this program, and a test holds them together.
    pub fn new(id: &str, origin: Origin, count: u64, of: u64) -> Self {
        let check = check(id).unwrap_or_else(|| panic!("there is no check `{id}`"));
        Self { check, origin: Origin::default(), count, of, example: None, remedy: None, details: Vec::new() }
            .of_origin(origin)
    }

    /// The same about another origin, with the remedy that fits it.
    #[must_use]
    pub fn of_origin(self, origin: Origin) -> Self {
        let remedy = remedies().iter().find(|remedy| remedy.fits(&self.check.id, &origin));
        Self { origin, remedy, ..self }
    }

    /// The same with a place where it can be seen.
    #[must_use]
    pub fn seen(self, trace_id: TraceId, span_id: Option<SpanId>) -> Self {
        Self { example: Some(Example { trace_id, span_id }), ..self }
    }

    /// The share of rows that show it.
    pub fn share(&self) -> f64 {
        if self.of == 0 { 1.0 } else { self.count as f64 / self.of as f64 }
    }
}

/// How often rows of one origin show what a check looks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// The check.
    pub check: &'static Check,
    /// Whose rows.
    pub origin: Origin,
    /// Rows the check is about.
    pub over: u64,
    /// Those that show it.
    pub when: u64,
    /// One of them.
    pub example: Option<Example>,
}

/// Counts that mean something.
///
/// `log_events` are pairs of service and event name: where content comes in log events, spans without it are no finding.
pub fn counted(counts: Vec<Count>, log_events: &[(Option<String>, String)]) -> Vec<Finding> {
    let all_of_service = |check: &Check, service: &Option<String>| {
        let mut of_service = counts.iter().filter(|c| std::ptr::eq(c.check, check) && c.origin.service == *service);
        of_service.all(|count| count.over == count.when)
    };
    let total = |check: &Check, service: &Option<String>| -> u64 {
        let of_service = counts.iter().filter(|c| std::ptr::eq(c.check, check) && c.origin.service == *service);
        of_service.map(|count| count.when).sum()
    };
    let mut findings = Vec::new();
    for count in &counts {
        let check = count.check;
        let service = &count.origin.service;
        let in_logs = check
            .unless_log
            .as_deref()
            .is_some_and(|start| log_events.iter().any(|(from, name)| from == service && name.starts_with(start)));
        let worth_saying = count.when > 0
            && total(check, service) >= check.count
            && count.when as f64 >= check.share * count.over as f64
            && (check.fires == Fires::Any || all_of_service(check, service));
        if worth_saying && !in_logs {
            let mut finding = Finding::new(&check.id, count.origin.clone(), count.when, count.over);
            finding.example = count.example;
            findings.push(finding);
        }
    }
    findings
}

/// Puts findings in order: the worst first, then the most frequent.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.check.severity, std::cmp::Reverse(finding.count));
        key(a).cmp(&key(b)).then_with(|| (&a.check.id, &a.origin).cmp(&(&b.check.id, &b.origin)))
    });
}
