//! One row of the price table: what a provider asks for a model from a day on.

use std::sync::Arc;

use model::Timestamp;

use super::rate::Factor;
use super::{Class, Sheet, Tier};

/// A price row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Names the row in ledgers: `openai/gpt-4o`, with the first day where it has one, after the file's name where it is a user's.
    pub id: Arc<str>,
    /// Who sells, in OpenTelemetry's spelling; `*` for a user's row that holds for every provider.
    pub provider: Arc<str>,
    /// Model, as the provider writes it.
    pub model: Arc<str>,
    /// First moment the price holds; `None`: since ever.
    pub from: Option<Timestamp>,
    /// Prices of a standard call with a prompt of usual length.
    pub rates: Sheet,
    /// Where the price was read.
    pub source: Arc<str>,
    /// The day it was read, as `2026-11-21`; a user's row may leave it out.
    pub read: Option<Arc<str>>,
    /// Prices of long prompts, by rising length.
    pub(super) above: Vec<Above>,
    /// Prices of other service tiers.
    pub(super) tiers: Vec<(Tier, Adjust)>,
    /// Prices at certain hours.
    pub(super) hours: Option<Hours>,
    /// What a regional endpoint adds, where the model's id tells regional and global endpoints apart (Bedrock).
    pub(super) regional: Factor,
    /// 0 for the built-in table; each override file is a layer above.
    pub(super) layer: u32,
}

/// Prices of a call whose whole prompt is longer than `tokens`; they hold for all its tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Above {
    pub tokens: u64,
    pub rates: Sheet,
}

/// Another price for the same thing: named prices, and a factor for those that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Adjust {
    pub times: Factor,
    pub rates: Sheet,
}

impl Adjust {
    /// Named prices were read for prompts of usual length, so a long one goes by the factor alone.
    fn apply(&self, sheet: &Sheet, long: bool) -> Sheet {
        let scaled = sheet.times(self.times);
        if long { scaled } else { self.rates.over(&scaled) }
    }
}

/// Prices at certain hours of the day, UTC.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hours {
    /// First and past-last second of the day.
    pub windows: Vec<(u32, u32)>,
    /// Only from Monday to Friday.
    pub weekdays_only: bool,
    pub adjust: Adjust,
}

impl Hours {
    fn hold(&self, at: Timestamp) -> bool {
        let seconds = at.as_millis().div_euclid(1000);
        // 1970-01-01 was a Thursday; Monday is 0.
        let weekday = (seconds.div_euclid(86_400) + 3).rem_euclid(7);
        let second = seconds.rem_euclid(86_400);
        !(self.weekdays_only && weekday > 4)
            && self.windows.iter().any(|&(from, to)| (i64::from(from)..i64::from(to)).contains(&second))
    }
}

impl Row {
    /// The prices that hold for a call at `at` with `prompt` tokens of input, served as `tier`.
    pub(super) fn sheet(&self, prompt: u64, tier: Tier, at: Timestamp, regional: bool) -> Sheet {
        let above = self.above.iter().rev().find(|above| prompt > above.tokens);
        let mut sheet = above.map_or(self.rates, |above| above.rates.over(&self.rates));
        if let Some((_, adjust)) = self.tiers.iter().find(|(named, _)| *named == tier) {
            sheet = adjust.apply(&sheet, above.is_some());
        }
        if let Some(hours) = self.hours.as_ref().filter(|hours| hours.hold(at)) {
            sheet = hours.adjust.apply(&sheet, above.is_some() || tier != Tier::Standard);
        }
        if regional { sheet.times(self.regional) } else { sheet }
    }

    /// Whether output costs nothing, as with embeddings.
    pub(super) fn output_free(&self) -> bool {
        self.rates.rate(Class::Output).as_pico() == 0
    }
}
