//! What the book says: how accounts stand, which levels were passed, what a caller may do next.

use std::sync::Arc;

use model::{Timestamp, Usd};

use super::book::MAX_RESERVATIONS;
use super::{Action, Budget, Level, Over, Reserved, Who};

/// How one account stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The budget's name.
    pub budget: Arc<str>,
    /// Whose account.
    pub key: Arc<str>,
    /// Project the account is in.
    pub project: Option<Arc<str>>,
    /// The run, for budgets by request.
    pub run: Option<Arc<str>>,
    /// Beginning of the period; `None` for requests.
    pub from: Option<Timestamp>,
    /// When it begins anew; `None` for requests.
    pub resets: Option<Timestamp>,
    /// The limit.
    pub limit: Usd,
    /// Spent, as told by telemetry or settled by callers.
    pub spent: Usd,
    /// Of that, known of runs that are not over: it may still change.
    pub provisional: Usd,
    /// Held by open reservations.
    pub held: Usd,
    /// Left; negative where the limit was passed.
    pub left: Usd,
    /// Spent and held in percent of the limit.
    pub percent: i64,
}

/// A level that an account passed for the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// The account, as it stands.
    pub standing: Standing,
    /// The level.
    pub level: Level,
    /// Run whose spending passed it, where known.
    pub run: Option<Arc<str>>,
    /// Nothing was passed yet: a call was turned down that might have.
    pub turned_down: bool,
    /// When.
    pub at: Timestamp,
}

/// A crossing that was announced before a restart.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    /// The budget's name.
    pub budget: &'a str,
    /// Project of the account.
    pub project: Option<&'a str>,
    /// Whose account.
    pub key: &'a str,
    /// Run whose spending passed it.
    pub run: Option<&'a str>,
    /// The level.
    pub percent: u8,
    /// A call was turned down.
    pub turned_down: bool,
    /// When.
    pub at: Timestamp,
}

/// What an agent may do next.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Allowed as asked ([`Action::Alert`] never stands here), with a cheaper model, or not.
    pub action: Option<Action>,
    /// The budget that decided it.
    pub budget: Option<Arc<str>>,
    /// Why, in words.
    pub reason: String,
    /// The least that any budget leaves, after the reservation; `None` where no budget concerns the caller.
    pub left: Option<Usd>,
    /// What was reserved.
    pub reserved: Option<Reserved>,
    /// Every account that was asked.
    pub standings: Vec<Standing>,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was open and is settled now.
    Now,
    /// It had expired or was released; the cost counts, and a limit may be passed by it.
    Late,
    /// It was settled before, by the caller or by telemetry: nothing changed.
    Again,
    /// No such reservation.
    Unknown,
}

/// Why a check has no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A reservation needs an amount.
    #[error("cannot reserve without an amount: give `usd`, or tokens and a model with a price")]
    NoAmount,
    /// Too many reservations.
    #[error("cannot hold more than {MAX_RESERVATIONS} reservations; settle or release some, or let them expire sooner")]
    Full,
    /// The id is taken.
    #[error("the reservation `{0}` exists already")]
    Taken(Arc<str>),
}

/// Counts of what the book could not follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Amounts for which no account could be opened.
    pub accounts: u64,
    /// Runs in progress beyond the bound.
    pub runs: u64,
    /// Levels passed that nobody took.
    pub crossings: u64,
}

pub(super) fn is_reject(verdict: &Verdict) -> bool {
    matches!(verdict.action, Some(Action::Reject { .. }))
}

/// What one budget says, and why; `None` where it lets the call pass.
pub(super) fn of_budget(budget: &Budget, standing: &Standing, who: &Who, need: Usd) -> Option<(Action, String)> {
    let used = budget.limit.minus(standing.left);
    let (name, limit, per) = (&budget.name, budget.limit, budget.per.as_str());
    let whose = format!("{per} `{}`, budget `{name}`", standing.key);
    let over = match budget.over {
        Over::Request => "for one request",
        Over::Hour => "this hour",
        Over::Day => "today",
        Over::Month => "this month",
    };
    if budget.hard && used.plus(need) > limit {
        let reject = budget.levels.iter().find(|level| matches!(level.action, Action::Reject { .. }));
        let action = reject.map_or(Action::Reject { message: None }, |level| level.action.clone());
        let reason = if need.as_pico() > 0 {
            format!("{whose}: the call may cost ${need}, of ${limit} {over} ${} are left", standing.left)
        } else {
            format!("{whose}: ${used} of ${limit} {over} are used")
        };
        return Some((action, reason));
    }
    let level = budget.reached(used)?;
    let reason = || format!("{whose}: ${used} of ${limit} {over} are used ({} %)", standing.percent);
    match &level.action {
        Action::Alert => None,
        Action::Reject { .. } => Some((level.action.clone(), reason())),
        Action::Downgrade { to } => {
            let spared = who.agent.as_ref().is_some_and(|agent| budget.critical.contains(agent));
            (!spared && who.model.as_ref() != Some(to)).then(|| (level.action.clone(), reason()))
        }
    }
}
