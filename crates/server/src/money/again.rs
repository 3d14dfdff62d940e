//! The ledger under other prices: pricing again, and the same traffic on another model.

use std::sync::Arc;

use model::{Timestamp, TraceId, Usd};
use signals::money::ledger::Basis;
use signals::prices::Prices;
use state::rusqlite::{self, Connection, Transaction};

use super::{judge, kept};

/// Runs of one transaction: between two of them others may write.
const BATCH: usize = 200;

/// What pricing again came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Repriced {
    /// Runs looked at.
    pub runs: u64,
    /// Of these, those that changed.
    pub changed_runs: u64,
    /// Entries that changed.
    pub changed_calls: u64,
    /// Money before.
    pub before: Usd,
    /// And after.
    pub after: Usd,
    /// The run that changed most, and by how much.
    pub most: Option<(TraceId, Usd)>,
}

/// What one batch left to do.
pub struct Batch {
    /// After which row to go on; `None` at the end.
    pub next: Option<i64>,
    /// What budgets are to be charged with.
    pub spends: Vec<signals::money::budget::Spend>,
}

/// What to price again, and how.
pub struct Reprice {
    /// The prices.
    pub prices: Prices,
    /// Project.
    pub project: Arc<str>,
    /// Runs with a call since then.
    pub since: Timestamp,
    /// The time.
    pub now: Timestamp,
    /// Keep nothing.
    pub dry_run: bool,
}

impl Reprice {
    /// Prices the runs of a batch again, those after row `after` and up to `last`. A run that is written anew gets a higher row,
    /// past `last`, so none is looked at twice.
    pub fn batch(
        &self,
        tx: &Transaction<'_>,
        (after, last): (i64, i64),
        sum: &mut Repriced,
    ) -> rusqlite::Result<Batch> {
        let found = kept::ledgers_since(tx, &self.project, self.since, after, BATCH)?;
        let (mut next, mut spends) = (None, Vec::new());
        let full = found.len() == BATCH;
        for old in found {
            if old.0 > last {
                return Ok(Batch { next: None, spends });
            }
            next = Some(old.0);
            let mut ledger = old.1.clone();
            ledger.entries.iter_mut().for_each(|entry| entry.reprice(&self.prices));
            let money = |ledger: &signals::money::ledger::Ledger| {
                ledger.entries.iter().filter_map(|entry| entry.cost).fold(Usd::default(), Usd::plus)
            };
            let (before, after) = (money(&old.1), money(&ledger));
            sum.runs += 1;
            (sum.before, sum.after) = (sum.before.plus(before), sum.after.plus(after));
            let changed = old.1.entries.iter().zip(&ledger.entries).filter(|(old, new)| old != new).count() as u64;
            if changed == 0 {
                continue;
            }
            sum.changed_runs += 1;
            sum.changed_calls += changed;
            let by = Usd::from_pico(after.minus(before).as_pico().abs());
            if sum.most.is_none_or(|(_, most)| by > most) {
                sum.most = Some((ledger.trace_id, by));
            }
            if !self.dry_run {
                kept::replace(tx, Some(&old), &ledger, self.now)?.write(tx)?;
                spends.extend(judge::spends(&old.1, -1));
                spends.extend(judge::spends(&ledger, 1));
            }
        }
        Ok(Batch { next: next.filter(|_| full), spends })
    }
}

/// The highest row of a run.
pub fn last_row(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(id), 0) FROM money_runs", [], |row| row.get(0))
}

/// The same traffic on another model.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WhatIf {
    /// Entries compared.
    pub calls: u64,
    /// What they cost.
    pub cost: Usd,
    /// What they would cost.
    pub would: Usd,
    /// Entries that cannot be compared.
    pub left_out: u64,
}

/// Compares runs with a call from `since` on, entry by entry, up to `until`.
pub fn what_if(
    connection: &Connection,
    prices: &Prices,
    project: &str,
    model: &str,
    (since, until): (Timestamp, Timestamp),
) -> rusqlite::Result<WhatIf> {
    let (mut sum, mut after) = (WhatIf::default(), 0);
    loop {
        let found = kept::ledgers_since(connection, project, since, after, BATCH)?;
        let full = found.len() == BATCH;
        for (id, ledger) in found {
            after = id;
            let inside = |at: Timestamp| since <= at && at < until;
            for entry in ledger.entries.iter().filter(|entry| inside(entry.at) && entry.basis != Basis::Elsewhere) {
                match (entry.cost, entry.cost_as(prices, model)) {
                    (Some(cost), Some(would)) => {
                        sum.calls += 1;
                        (sum.cost, sum.would) = (sum.cost.plus(cost), sum.would.plus(would));
                    }
                    _ => sum.left_out += 1,
                }
            }
        }
        if !full {
            return Ok(sum);
        }
    }
}
