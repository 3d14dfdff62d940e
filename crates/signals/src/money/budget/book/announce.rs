//! Who is told that a level of a budget was passed, or that a call was turned down: each once for an account.

use std::sync::Arc;

use model::Timestamp;

use super::super::account::{Account, Id, Part};
use super::super::verdict::{Announced, Crossing, Verdict};
use super::super::{Action, Level, Who};
use super::{Book, MAX_ACCOUNTS, MAX_CROSSINGS};

impl Book {
    pub(super) fn announce(&mut self, id: &Id, level: Level, run: Option<Arc<str>>, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(id).filter(|account| account.announced < level.percent) {
            account.announced = level.percent;
            let account = account.clone();
            self.cross(id, &account, level, run, false, now);
        }
    }

    /// The first call that is turned down is announced, though the limit itself may not be passed. It names no run to be stopped: a
    /// smaller call may still be allowed.
    pub(super) fn announce_reject(&mut self, verdict: &Verdict, who: &Who, now: Timestamp) {
        let of = |id: &Id| Some(&self.budgets.list[id.budget].name) == verdict.budget.as_ref();
        let Some(id) = self.ids(who, now).into_iter().find(of) else { return };
        let rejects = |level: &&Level| matches!(level.action, Action::Reject { .. });
        let Some(level) = self.budgets.list[id.budget].levels.iter().find(rejects).cloned() else { return };
        // Where nothing was spent or is held, the one call was too large, and the budget is not used up.
        let Some(account) = self.accounts.get_mut(&id) else { return };
        account.last = now;
        if !account.turned_down && account.announced < level.percent {
            account.turned_down = true;
            let account = account.clone();
            self.cross(&id, &account, level, None, true, now);
        }
    }

    fn cross(
        &mut self,
        id: &Id,
        account: &Account,
        level: Level,
        run: Option<Arc<str>>,
        turned_down: bool,
        now: Timestamp,
    ) {
        if self.crossings.len() >= MAX_CROSSINGS {
            self.lost.crossings += 1;
            return;
        }
        if let Some(standing) = self.standing(id, account) {
            self.crossings.push(Crossing { standing, level, run, turned_down, at: now });
        }
    }

    /// What was announced before a restart is not announced again.
    pub fn announced(&mut self, before: &Announced<'_>) {
        let found = self.budgets.list.iter().position(|budget| *budget.name == *before.budget);
        let Some((index, budget)) = found.and_then(|at| Some((at, self.budgets.list.get(at)?))) else { return };
        let part = match budget.period(before.at) {
            Some((from, to)) => Part::From(from, to),
            None => Part::Run(before.run.unwrap_or(before.key).into()),
        };
        let id = Id { budget: index, project: before.project.map(Arc::from), key: before.key.into(), part };
        if self.accounts.len() < MAX_ACCOUNTS || self.accounts.contains_key(&id) {
            let account = self.accounts.entry(id).or_default();
            account.last = account.last.max(before.at);
            if before.turned_down {
                account.turned_down = true;
            } else {
                account.announced = account.announced.max(before.percent);
            }
        }
    }
}
