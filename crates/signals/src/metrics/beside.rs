//! Families that are no run's share: settings, and what the server knows of findings, outcomes and silence. `/metrics` has them beside those of
//! the table, and whoever lists families lists them as well.

use super::exposed::Exposed;
use super::family::{Kind, Layer};

/// A family beside those of the table.
#[derive(Debug, Clone, Copy)]
pub struct Beside {
    /// Its name.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// In what; empty for counts.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// Where its numbers come from, in words.
    pub source: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Which layer of signals.
    pub layer: Layer,
}

impl Beside {
    /// The family, without points.
    pub fn exposed(&self) -> Exposed {
        Exposed { unit: self.unit, ..Exposed::new(self.name, self.kind, self.help) }
    }
}

/// The budget that guide C's rule compares tokens with.
pub const HOURLY_TOKEN_BUDGET: Beside = Beside {
    name: "agent_hourly_token_budget",
    kind: Kind::Gauge,
    unit: "tokens",
    help: "Tokens an hour that are meant to be enough (setting --hourly-token-budget).",
    source: "the setting; without it there is no series",
    labels: &[],
    layer: Layer::Llm,
};

/// What detectors saw.
pub const FINDINGS: Beside = Beside {
    name: "agent_findings_total",
    kind: Kind::Counter,
    unit: "",
    help: "What detectors saw, by project, agent, detector and severity.",
    source: "every new finding",
    labels: &["agent_id", "detector", "severity", "project"],
    layer: Layer::Agent,
};

/// What runs came to.
pub const OUTCOMES: Beside = Beside {
    name: "agent_outcome_total",
    kind: Kind::Counter,
    unit: "",
    help: "What runs came to, by agent.",
    source: "every settled run with an outcome, by the file of outcomes",
    labels: &["agent", "outcome"],
    layer: Layer::Business,
};

/// Issues that somebody should look at.
pub const NEW_ISSUES: Beside = Beside {
    name: "agent_issue_new",
    kind: Kind::Gauge,
    unit: "",
    help: "1 for each issue that opened or came back within a day and about which nothing was decided.",
    source: "issues, as the page of findings lists them",
    labels: &["agent_id", "environment", "detector", "finding_severity", "state", "issue", "project"],
    layer: Layer::Agent,
};

/// Agents that are quiet.
pub const SILENCE: Beside = Beside {
    name: "agent_silent_seconds",
    kind: Kind::Gauge,
    unit: "seconds",
    help: "For how long nothing was heard of agents that are quiet for far longer than they ever were.",
    source: "the watch for silence; an agent that is heard again has no series",
    labels: &["agent_id", "environment", "project"],
    layer: Layer::Standard,
};

/// All of them.
pub const BESIDE: &[Beside] = &[HOURLY_TOKEN_BUDGET, FINDINGS, OUTCOMES, NEW_ISSUES, SILENCE];
