//! Silences: alerts nobody wants to hear of for a while.

use promql::Labels;

use super::Matchers;

/// A silence. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// Identifier, a UUID as Alertmanager has it.
    pub id: String,
    /// Which alerts.
    pub matchers: Matchers,
    /// From when.
    pub starts_at: i64,
    /// Until when.
    pub ends_at: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was last changed.
    pub updated_at: i64,
}

impl Silence {
    /// `pending`, `active` or `expired`.
    pub fn state(&self, now: i64) -> &'static str {
        if now >= self.ends_at {
            "expired"
        } else if now < self.starts_at {
            "pending"
        } else {
            "active"
        }
    }

    /// Whether it mutes alerts with these labels now.
    pub fn mutes(&self, labels: &Labels, now: i64) -> bool {
        self.state(now) == "active" && self.matchers.matches(labels)
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        if self.matchers.0.is_empty() {
            return Err("a silence needs at least one matcher".into());
        }
        if self.matchers.0.iter().all(|matcher| matcher.is_match("")) {
            return Err("at least one matcher must not match the empty text; this silence would mute everything".into());
        }
        if self.ends_at <= self.starts_at {
            return Err("a silence must end after it starts".into());
        }
        Ok(())
    }
}
