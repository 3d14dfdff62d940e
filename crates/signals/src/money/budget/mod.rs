//! Budgets: how much may be spent, by whom, in which time, and what happens on the way there.
//!
//! * [`Budgets`] is the file: what is limited ([`Per`]), over which time ([`Over`]), and the levels at which something happens.
//! * [`Book`] is the state: what each account has spent and what is reserved. [`Book::check`] says what an agent may do next.
//!
//! An account's use is made of three parts, each call in exactly one of them:
//!
//! 1. what telemetry told: the ledger of settled runs ([`Book::charge`]), and of runs still going ([`Book::live`]);
//! 2. what callers settled of reservations that no telemetry has told yet;
//! 3. what open reservations hold.
//!
//! The reservation's id travels on the span (`tawny.reservation_id`), and the first telling of it ends its part in 2 and 3.
//! With reservations, 2 and 3 never pass a hard limit as long as no call costs more than it reserved; without, a hard limit is
//! passed by the calls in flight at most, and the standing says by how much.

mod account;
mod book;
mod file;
mod op;
mod verdict;

use std::sync::Arc;

use model::{Timestamp, Usd};

use super::{DAY, HOUR, day_of, hour_of, month_of, next_month};

pub use book::{Book, MAX_ACCOUNTS, MAX_RESERVATIONS};
pub use file::{Budgets, MAX_BUDGETS, MAX_FILE_BYTES, MAX_LEVELS};
pub use op::{Op, Reserved};
pub use verdict::{Announced, CheckError, Crossing, Lost, Settled, Standing, Verdict};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in the file and the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words!(
    /// Whose spending is limited: each value of this has an account of its own.
    Per {
        /// The project as a whole.
        Project = "project",
        /// A run (trace).
        Run = "run",
        /// A conversation.
        Session = "session",
        /// An end user.
        User = "user",
        /// An agent's own calls, not those it delegates.
        Agent = "agent",
        /// A workflow.
        Workflow = "workflow",
        /// A model.
        Model = "model",
    }
);

words!(
    /// Over which time an account adds up. Hours, days and months are UTC.
    Over {
        /// One request: the run it belongs to.
        Request = "request",
        /// The hour.
        Hour = "hour",
        /// The day.
        Day = "day",
        /// The month.
        Month = "month",
    }
);

/// What happens at a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Somebody is told.
    Alert,
    /// Agents that are not critical are to use a cheaper model.
    Downgrade {
        /// Which.
        to: Arc<str>,
    },
    /// No further call.
    Reject {
        /// What the agent may say instead.
        message: Option<Arc<str>>,
    },
}

impl Action {
    /// The word used in the file and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Downgrade { .. } => "downgrade",
            Self::Reject { .. } => "reject",
        }
    }
}

/// Something that happens once an account has used so much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Share of the limit, 1 to 100.
    pub percent: u8,
    /// What happens.
    pub action: Action,
}

/// One budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Its name, unique in the file.
    pub name: Arc<str>,
    /// Whose spending.
    pub per: Per,
    /// Over which time.
    pub over: Over,
    /// The limit.
    pub limit: Usd,
    /// Whether the limit may not be passed.
    pub hard: bool,
    /// Only spending that matches all of these; within one, any of the values.
    pub only: Vec<(Per, Vec<Arc<str>>)>,
    /// Only in these environments; empty: in all.
    pub environments: Vec<Arc<str>>,
    /// Agents that are never told to use a cheaper model.
    pub critical: Vec<Arc<str>>,
    /// Levels, by rising percent.
    pub levels: Vec<Level>,
}

/// Who spends: as much of it as is known. What is unknown has no account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Who {
    /// Project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Arc<str>>,
    /// Environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Arc<str>>,
    /// Trace id, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Arc<str>>,
    /// Conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<str>>,
    /// End user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// Agent that calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// Workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Arc<str>>,
    /// Model to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
}

impl Who {
    /// The value by which a budget tells accounts apart.
    pub const fn get(&self, per: Per) -> Option<&Arc<str>> {
        match per {
            Per::Project => self.project.as_ref(),
            Per::Run => self.run.as_ref(),
            Per::Session => self.session.as_ref(),
            Per::User => self.user.as_ref(),
            Per::Agent => self.agent.as_ref(),
            Per::Workflow => self.workflow.as_ref(),
            Per::Model => self.model.as_ref(),
        }
    }
}

/// Money that telemetry told.
#[derive(Debug, Clone, PartialEq)]
pub struct Spend {
    /// Who spent it.
    pub who: Who,
    /// When the call began.
    pub at: Timestamp,
    /// How much; negative takes back what was told before.
    pub usd: Usd,
    /// The reservation it was made under.
    pub reservation: Option<Arc<str>>,
}

impl Budget {
    /// Whether spending of `who` counts for this budget.
    pub fn concerns(&self, who: &Who) -> bool {
        let listed = |values: &[Arc<str>], value: Option<&Arc<str>>| value.is_some_and(|value| values.contains(value));
        (self.environments.is_empty() || listed(&self.environments, who.environment.as_ref()))
            && self.only.iter().all(|(per, values)| listed(values, who.get(*per)))
    }

    /// The period in which `at` lies: its beginning and its end, `None` for requests, which have no end of their own.
    pub fn period(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self.over {
            Over::Request => None,
            Over::Hour => Some((hour_of(at), hour_of(at).plus_nanos(HOUR))),
            Over::Day => Some((day_of(at), day_of(at).plus_nanos(DAY))),
            Over::Month => Some((month_of(at), next_month(at))),
        }
    }

    /// The highest level that an account has reached which used `used`.
    pub fn reached(&self, used: Usd) -> Option<&Level> {
        let reached = |level: &&Level| {
            used.as_pico().saturating_mul(100) >= self.limit.as_pico().saturating_mul(i128::from(level.percent))
        };
        self.levels.iter().rev().find(reached)
    }
}
