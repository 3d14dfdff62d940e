//! Detectors: what went wrong in a run, found without a model, a key or a rule written by hand.
//!
//! A detector is one file under `checks/`: documentation on top (what it finds, when it stays silent), its settings, a pure
//! function from [`Evidence`] to findings. [`judge`] runs all of them over one run. [`baseline`] learns what runs of one kind usually
//! are, [`drift`] watches streams of runs for a change, [`outcomes`] says what a run came to, [`suspicion`] orders runs by how
//! likely they failed without saying so.
//!
//! To add one: its file, its row in [`ALL`], and its page by `UPDATE_DOCS=1 lcargo nextest run -p signals`.

pub mod baseline;
mod checks;
pub mod compare;
mod decisions;
pub mod drift;
mod evidence;
pub mod features;
pub mod investigate;
pub mod meaning;
mod night;
pub mod outcomes;
pub mod pulse;
mod results;
mod retrieved;
mod settings;
mod sketch;
pub mod suspicion;
pub mod text;
pub mod vocabulary;
pub mod windows;

use std::collections::HashMap;

use model::{Finding, Run, Severity, SpanId};
use serde_json::{Map, Value as Json};

use self::checks::refuses;

pub use self::checks::ALL;
pub use self::evidence::{Answer, Asked, Call, Evidence, Round};
pub use self::night::{Beside, DRIFT, Gone, Night, SILENCE, Silence, Verdict};
pub use self::results::State;
pub use self::settings::{Setting, Settings, SettingsError, Tuned};
pub use self::sketch::Sketch;

/// Findings of one detector kept of one run; a run that shows more of the same is no worse known by more of them.
pub const MOST_FINDINGS: usize = 20;
/// Spans named by one finding.
pub const MOST_SPANS: usize = 50;

/// When a detector may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// As steps end: what it has seen, no later step undoes.
    Steps,
    /// Once the run has settled: until then what it misses may still come.
    End,
}

impl When {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Steps => "as steps end, and when the run ends",
            Self::End => "when the run has ended",
        }
    }
}

/// One detector.
pub struct Detector {
    /// Its name in findings and settings.
    pub name: &'static str,
    /// When it speaks.
    pub when: When,
    /// Its source, whose first lines document it.
    source: &'static str,
    /// What can be set.
    pub settings: &'static [Setting],
    /// Looks at a run.
    check: fn(&Evidence<'_>, &Tuned) -> Vec<Draft>,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Detector {
    /// Its documentation: the head of its file, as Markdown.
    pub fn documentation(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    }

    /// What it finds, in one line.
    pub fn about(&self) -> String {
        self.documentation().lines().next().unwrap_or_default().to_string()
    }

    /// Its page in the documents.
    pub fn page(&self) -> String {
        let mut page = format!("# {}\n\n{}\n\nSpeaks {}.\n", self.name, self.documentation(), self.when.words());
        if !self.settings.is_empty() {
            page.push_str("\n| setting | default | meaning |\n|---|---|---|\n");
            for setting in self.settings {
                page.push_str(&format!("| `{}` | {} | {} |\n", setting.name, setting.default, setting.about));
            }
        }
        page
    }
}

/// What a detector saw, before it has an identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    severity: Severity,
    message: String,
    spans: Vec<SpanId>,
    kind: String,
    evidence: Map<String, Json>,
}

impl Draft {
    /// A finding of that severity; `kind` tells one failure from another of the same detector (a tool's name, an error's class) and
    /// must not hold anything that differs between repeats.
    pub fn new(severity: Severity, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), spans: Vec::new(), kind: kind.into(), evidence: Map::new() }
    }

    /// Proved by these spans.
    pub fn spans(mut self, spans: impl IntoIterator<Item = SpanId>) -> Self {
        self.spans.extend(spans);
        let mut seen = std::collections::HashSet::new();
        self.spans.retain(|span| seen.insert(*span));
        self.spans.truncate(MOST_SPANS);
        self
    }

    /// With a value behind it.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.evidence.insert(name.into(), value.into());
        self
    }

    /// Becomes a finding of `detector` about `run`. `number` counts the findings of one fingerprint in the run, from 0: a run that goes
    /// on adds to a finding and does not make it another, nor does its agent becoming known.
    pub fn finding(self, detector: &str, run: &Run, severity: Option<Severity>, number: usize) -> Finding {
        let project = &*run.tenant.project;
        let agent = run.agent_or_service().unwrap_or_default();
        let fingerprint = text::fingerprint(&[project, &run.tenant.environment, agent, detector, &self.kind]);
        let trace = run.trace_id.to_string();
        Finding {
            id: text::fingerprint(&[project, &trace, detector, &self.kind, &number.to_string()]),
            detector: detector.to_string(),
            severity: severity.unwrap_or(self.severity),
            trace_id: run.trace_id,
            span_ids: self.spans,
            message: self.message,
            fingerprint,
            at: if run.end.is_unset() { run.start.max(run.last_received) } else { run.end },
            evidence: self.evidence,
        }
    }
}

/// Everything the detectors see in a run; in one that has not settled, what no later step undoes.
pub fn judge(evidence: &Evidence<'_>, settings: &Settings) -> Vec<Finding> {
    let tuned = settings.of(evidence.run);
    let mut found = Vec::new();
    for (detector, tuned) in ALL.iter().zip(&*tuned) {
        if !tuned.enabled || (evidence.run.provisional && detector.when == When::End) {
            continue;
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for draft in (detector.check)(evidence, tuned).into_iter().take(MOST_FINDINGS) {
            let number = numbers.entry(draft.kind.clone()).or_default();
            found.push(draft.finding(detector.name, evidence.run, tuned.severity, *number));
            *number += 1;
        }
    }
    found
}
