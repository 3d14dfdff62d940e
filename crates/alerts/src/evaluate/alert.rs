//! One alert and its state.

use promql::Labels;
use serde::{Deserialize, Serialize};

use super::written;

/// How long a resolved alert is remembered, so that its end is told again to whom it did not reach: 15 minutes, as in Prometheus.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Over, remembered for [`RESOLVED_RETENTION_MS`].
    Inactive,
    /// The expression holds, not yet for long enough.
    Pending,
    /// The expression has held for long enough.
    Firing,
}

impl State {
    /// As the `alertstate` label has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// An alert of a rule. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActiveAlert {
    /// What identifies the alert, `alertname` included.
    #[serde(with = "written::labels")]
    pub labels: Labels,
    /// Labels of the series behind it, as the expression gave them.
    #[serde(with = "written::labels")]
    pub source: Labels,
    /// Texts for people, as last expanded.
    pub annotations: Vec<(String, String)>,
    /// Value of the expression when it last held.
    #[serde(with = "written::float")]
    pub value: f64,
    /// State.
    pub state: State,
    /// When the expression began to hold.
    pub active_at: i64,
    /// When it fired.
    pub fired_at: Option<i64>,
    /// When it was resolved.
    pub resolved_at: Option<i64>,
    /// Since when `keep_firing_for` keeps it firing.
    pub keep_firing_since: Option<i64>,
    /// Since when its series are gone. On a resolved alert: it ended for lack of data, not because things got better.
    pub no_data_since: Option<i64>,
    /// When it was last handed on.
    pub sent_at: Option<i64>,
}

impl ActiveAlert {
    /// Whether the expression holds or is taken to hold.
    pub fn is_active(&self) -> bool {
        self.state != State::Inactive
    }

    /// An annotation; empty where there is none.
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations.iter().find(|(other, _)| other == name).map_or("", |(_, text)| text)
    }

    /// Whether the alert is to be handed on at `now`: when it fires, when it is resolved, and again each `resend_ms`. Marks it.
    pub fn take_due(&mut self, now: i64, resend_ms: i64) -> bool {
        let due = match self.state {
            State::Pending => false,
            // A resolution that was not told yet is always due.
            State::Inactive if self.resolved_at > self.sent_at => true,
            _ => self.sent_at.is_none_or(|sent| now - sent >= resend_ms),
        };
        if due {
            self.sent_at = Some(now);
        }
        due
    }
}
