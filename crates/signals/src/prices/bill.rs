//! The arithmetic: a call's tokens, each in one class, times the prices.

use model::Usd;

use super::{Call, Class, Rate, Sheet};

/// One line of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What the tokens are.
    pub class: Class,
    /// How many.
    pub tokens: u64,
    /// At which price.
    pub rate: Rate,
}

impl Line {
    /// The line's amount in units of 10⁻¹⁸ dollars, before rounding.
    const fn atto(self) -> i128 {
        (self.tokens as i128).saturating_mul(self.rate.as_pico() as i128)
    }

    /// The line's amount, rounded to 10⁻¹² dollars.
    pub const fn amount(self) -> Usd {
        round(self.atto())
    }
}

/// Tokens of a call by class. Classes do not overlap and add up to the tokens sent and produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes {
    /// Everything sent, cached tokens included: what context-length prices go by.
    pub prompt: u64,
    counts: [u64; 8],
}

impl Classes {
    /// Splits a call. A part larger than its whole proves that the whole leaves it out, so it is added.
    pub(super) fn of(call: &Call) -> Self {
        let usage = &call.usage;
        let (read, write) = (usage.cache_read_tokens.unwrap_or(0), usage.cache_write_tokens.unwrap_or(0));
        let fresh_input = apart(usage.input_tokens.unwrap_or(0), read.saturating_add(write));
        let reasoning = usage.reasoning_tokens.unwrap_or(0);
        let plain_output = apart(usage.output_tokens.unwrap_or(0), reasoning);
        let hour = call.cache_write_1h_tokens.min(write);
        let audio_input = call.audio_input_tokens.min(fresh_input);
        let audio_output = call.audio_output_tokens.min(plain_output);
        let mut counts = [0; 8];
        for (class, count) in [
            (Class::Input, fresh_input - audio_input),
            (Class::CacheRead, read),
            (Class::CacheWrite, write - hour),
            (Class::CacheWrite1h, hour),
            (Class::AudioInput, audio_input),
            (Class::Output, plain_output - audio_output),
            (Class::Reasoning, reasoning),
            (Class::AudioOutput, audio_output),
        ] {
            counts[class as usize] = count;
        }
        Self { prompt: fresh_input.saturating_add(read).saturating_add(write), counts }
    }

    /// Tokens of a class.
    pub(super) const fn count(&self, class: Class) -> u64 {
        self.counts[class as usize]
    }

    /// The bill, without lines of no tokens.
    pub(super) fn lines(self, sheet: &Sheet) -> impl Iterator<Item = Line> {
        Class::ALL
            .into_iter()
            .map(move |class| Line { class, tokens: self.counts[class as usize], rate: sheet.rate(class) })
            .filter(|line| line.tokens > 0)
    }
}

/// What of `whole` is not `part`; all of it where the part cannot be inside.
const fn apart(whole: u64, part: u64) -> u64 {
    if part > whole { whole } else { whole - part }
}

/// The sum of a bill, rounded once, to 10⁻¹² dollars.
pub(super) fn total(lines: impl Iterator<Item = Line>) -> Usd {
    round(lines.fold(0, |sum, line| i128::saturating_add(sum, line.atto())))
}

const fn round(atto: i128) -> Usd {
    Usd::from_pico(atto.saturating_add(Rate::PER / 2) / Rate::PER)
}
