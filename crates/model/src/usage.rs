//! Token counts with one meaning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Tokens of one model call (or a sum of calls), normalised.
///
/// Dialects disagree whether input includes cache reads and whether output includes reasoning
/// (Claude Code excludes the first, Gemini CLI the second). Here the answer is always the same:
/// **input includes cache reads and writes, output includes reasoning.** `None` means the sender did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent to the model, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens the model produced, reasoning included.
    pub output_tokens: Option<u64>,
    /// Part of the input that was read from a prompt cache.
    pub cache_read_tokens: Option<u64>,
    /// Part of the input that was written to a prompt cache.
    pub cache_write_tokens: Option<u64>,
    /// Part of the output that was hidden reasoning.
    pub reasoning_tokens: Option<u64>,
    /// What the sender gave as total; kept because some senders give nothing else.
    pub reported_total: Option<u64>,
}

impl Usage {
    /// Whether the sender gave no count at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Input plus output, or the reported total where that is more: then it holds tokens that have no other place, those of a side
    /// nobody gave, or in a sum those of calls that gave only a total.
    pub fn total_tokens(&self) -> Option<u64> {
        match (self.input_tokens, self.output_tokens) {
            (None, None) => self.reported_total,
            (input, output) => {
                let split = input.unwrap_or(0).saturating_add(output.unwrap_or(0));
                Some(split.max(self.reported_total.unwrap_or(0)))
            }
        }
    }

    /// Adds `other` class by class; a class unknown on both sides stays unknown.
    pub fn add(&mut self, other: &Self) {
        let total = match (self.total_tokens(), other.total_tokens()) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        for (mine, theirs) in [
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
        ] {
            if let Some(theirs) = theirs {
                *mine = Some(mine.unwrap_or(0).saturating_add(theirs));
            }
        }
        self.reported_total = total;
    }
}

/// What changes the price of a call and that [`Usage`] has no place for. Derived from the raw attributes where it is needed;
/// rows do not keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Billing {
    /// Part of the cache writes that lives for an hour.
    pub cache_write_1h_tokens: u64,
    /// Part of the input that is audio and was not read from a cache.
    pub audio_input_tokens: u64,
    /// Part of the output that is audio.
    pub audio_output_tokens: u64,
    /// How the call was served, in the provider's word (`batch`, `flex`, `priority`).
    pub service_tier: Option<Arc<str>>,
    /// The budget reservation under which the call was made.
    pub reservation: Option<Arc<str>>,
}

crate::kind::words!(
    /// Whether a span's usage is its own, a sum of what other spans report, or lost.
    UsageRole {
        /// The span's own model call.
        Own = "own",
        /// A total over other spans (an agent's `gen_ai.aggregated_usage.*`, Codex' turn totals): shown, never added.
        Aggregate = "aggregate",
        /// The sender names token counts and gives no number for any: it lost them (Vercel's SDK 4 where it streams).
        Lost = "lost",
    }
);

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_nobody_reported_stays_unknown_in_a_sum() {
        let mut sum = Usage { input_tokens: Some(3), ..Usage::default() };
        sum.add(&Usage { input_tokens: Some(4), output_tokens: Some(1), ..Usage::default() });
        assert_eq!((sum.input_tokens, sum.output_tokens, sum.reasoning_tokens), (Some(7), Some(1), None));
        assert_eq!(sum.total_tokens(), Some(8));
    }

    #[test]
    fn a_total_without_a_split_is_still_a_total() {
        let mut sum = Usage { reported_total: Some(40), ..Usage::default() };
        assert_eq!(sum.total_tokens(), Some(40));
        sum.add(&Usage { reported_total: Some(2), ..Usage::default() });
        assert_eq!((sum.total_tokens(), sum.input_tokens), (Some(42), None));
    }

    #[test]
    fn a_sum_keeps_the_tokens_of_calls_that_gave_only_a_total() {
        let split = Usage { input_tokens: Some(5), output_tokens: Some(3), ..Usage::default() };
        let total = Usage { reported_total: Some(40), ..Usage::default() };
        for (first, second) in [(split, total), (total, split)] {
            let mut sum = first;
            sum.add(&second);
            assert_eq!((sum.total_tokens(), sum.input_tokens, sum.output_tokens), (Some(48), Some(5), Some(3)));
        }
        let one_side = Usage { input_tokens: Some(5), reported_total: Some(8), ..Usage::default() };
        assert_eq!(one_side.total_tokens(), Some(8));
    }
}
