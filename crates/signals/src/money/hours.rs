//! Costs by the hour: what a ledger adds to, and takes from, the sums that are kept for ever.
//!
//! The key leaves out what has no bound (run, session, user); those are read from the entries while they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Timestamp, Usd};

use super::hour_of;
use super::ledger::Ledger;

type Text = Option<Arc<str>>;

/// What one sum of an hour is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The hour's beginning, UTC.
    pub hour: Timestamp,
    /// Workflow.
    pub workflow: Arc<str>,
    /// Agent that made the calls.
    pub agent: Text,
    /// Tool inside of which they were made.
    pub tool: Text,
    /// Model.
    pub model: Text,
    /// Who served it.
    pub provider: Text,
    /// Version of the agent.
    pub version: Text,
    /// [`super::ledger::Basis::as_str`].
    pub basis: &'static str,
}

/// A sum. Signed: what is taken back is added with the other sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Entries.
    pub calls: i64,
    /// Input tokens, cached ones included.
    pub input: i64,
    /// Output tokens, reasoning included.
    pub output: i64,
    /// Of the input, read from a cache.
    pub cache_read: i64,
    /// Of the input, written to a cache.
    pub cache_write: i64,
    /// Of the output, reasoning.
    pub reasoning: i64,
    /// Tokens without a cost.
    pub unpriced: i64,
    /// Money, guesses included; the key tells them apart.
    pub usd: Usd,
}

impl Sums {
    /// Adds `other`, `times` 1 or -1.
    pub fn add(&mut self, other: &Self, times: i64) {
        for (mine, theirs) in [
            (&mut self.calls, other.calls),
            (&mut self.input, other.input),
            (&mut self.output, other.output),
            (&mut self.cache_read, other.cache_read),
            (&mut self.cache_write, other.cache_write),
            (&mut self.reasoning, other.reasoning),
            (&mut self.unpriced, other.unpriced),
        ] {
            *mine = mine.saturating_add(theirs.saturating_mul(times));
        }
        self.usd = if times < 0 { self.usd.minus(other.usd) } else { self.usd.plus(other.usd) };
    }

    /// Whether nothing is left.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// What changes in the sums.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// By key.
    pub sums: BTreeMap<Key, Sums>,
    /// Money an agent delegated to agents below it, by hour and agent.
    pub delegated: BTreeMap<(Timestamp, Arc<str>), Usd>,
}

impl Change {
    /// Adds a ledger, `times` 1 or -1: to replace a run's entries, take the old ones and add the new.
    pub fn add(&mut self, ledger: &Ledger, times: i64) {
        for entry in &ledger.entries {
            let hour = hour_of(entry.at);
            let key = Key {
                hour,
                workflow: ledger.workflow.clone(),
                agent: entry.agent.clone(),
                tool: entry.tool.clone(),
                model: entry.model.clone(),
                provider: entry.provider.clone(),
                version: ledger.agent_version.clone(),
                basis: entry.basis.as_str(),
            };
            let usage = entry.usage();
            let count = |tokens: Option<u64>| i64::try_from(tokens.unwrap_or(0)).unwrap_or(i64::MAX);
            let sums = Sums {
                calls: 1,
                input: count(usage.input_tokens),
                output: count(usage.output_tokens),
                cache_read: count(usage.cache_read_tokens),
                cache_write: count(usage.cache_write_tokens),
                reasoning: count(usage.reasoning_tokens),
                unpriced: if entry.is_unpriced() { count(usage.total_tokens()) } else { 0 },
                usd: entry.cost.unwrap_or_default(),
            };
            self.sums.entry(key).or_default().add(&sums, times);
            if let Some(usd) = entry.cost {
                for agent in &entry.above {
                    let place = self.delegated.entry((hour, agent.clone())).or_default();
                    *place = if times < 0 { place.minus(usd) } else { place.plus(usd) };
                }
            }
        }
    }

    /// Adds another change.
    pub fn merge(&mut self, other: Self) {
        for (key, sums) in other.sums {
            self.sums.entry(key).or_default().add(&sums, 1);
        }
        for (key, usd) in other.delegated {
            let place = self.delegated.entry(key).or_default();
            *place = place.plus(usd);
        }
    }

    /// Leaves out what comes to nothing.
    pub fn settle(&mut self) {
        self.sums.retain(|_, sums| !sums.is_zero());
        self.delegated.retain(|_, usd| usd.as_pico() != 0);
    }
}
