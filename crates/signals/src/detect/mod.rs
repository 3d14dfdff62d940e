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
pub mod drift;
mod evidence;
pub mod features;
pub mod investigate;
mod night;
pub mod outcomes;
mod results;
mod settings;
mod sketch;
pub mod suspicion;
pub mod text;
pub mod windows;

use model::{Finding, Run, Severity, SpanId};
use serde_json::{Map, Value as Json};

pub use self::checks::ALL;
pub use self::evidence::{Answer, Asked, Call, Evidence, Round};
pub use self::night::{DRIFT, Night, SILENCE, Verdict};
pub use self::results::State;
pub use self::settings::{Setting, Settings, SettingsError, Tuned};
pub use self::sketch::Sketch;

/// Findings of one detector kept of one run; a run that shows more of the same is no worse known by more of them.
pub const MOST_FINDINGS: usize = 20;
/// Spans named by one finding.
pub const MOST_SPANS: usize = 50;

/// One detector.
pub struct Detector {
    /// Its name in findings and settings.
    pub name: &'static str,
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
        let mut page = format!("# {}\n\n{}\n", self.name, self.documentation());
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

    /// Becomes a finding of `detector` about `run`.
    pub fn finding(self, detector: &str, run: &Run, severity: Option<Severity>) -> Finding {
        let project = &*run.tenant.project;
        let agent = run.agent.as_deref().or(run.service.as_deref()).unwrap_or_default();
        let fingerprint = text::fingerprint(&[project, &run.tenant.environment, agent, detector, &self.kind]);
        let trace = run.trace_id.to_string();
        // Two findings of one kind in one run differ by the span they name first.
        let first = self.spans.first().map(ToString::to_string).unwrap_or_default();
        Finding {
            id: text::fingerprint(&[project, &trace, detector, &fingerprint, &first]),
            detector: detector.to_string(),
            severity: severity.unwrap_or(self.severity),
            trace_id: run.trace_id,
            span_ids: self.spans,
            message: self.message,
            fingerprint,
            at: if run.end.is_unset() { run.start } else { run.end },
            evidence: self.evidence,
        }
    }
}

/// Everything the detectors see in a run.
pub fn judge(evidence: &Evidence<'_>, settings: &Settings) -> Vec<Finding> {
    let tuned = settings.of(evidence.run);
    let mut found = Vec::new();
    for (detector, tuned) in ALL.iter().zip(&tuned) {
        if tuned.enabled {
            let drafts = (detector.check)(evidence, tuned).into_iter().take(MOST_FINDINGS);
            found.extend(drafts.map(|draft| draft.finding(detector.name, evidence.run, tuned.severity)));
        }
    }
    found
}
