//! What may be guessed where the numbers do not say, and only where a user asks for it.

use serde::{Deserialize, Deserializer, de};

use super::{Rate, Sheet};

/// Guesses a user has asked for. By default there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimates {
    /// Prices for models of which no row is known (seed C: 5 and 15 dollars a million).
    pub unknown_models: Option<Sheet>,
    /// How much of a total without a split is taken to be output.
    pub output_percent: Option<Percent>,
}

impl Estimates {
    /// Prices for unknown models, in dollars per million tokens; `None` where one is not a price (see [`Rate::parse`]).
    #[must_use]
    pub fn unknown_models_at(mut self, input: &str, output: &str) -> Option<Self> {
        let rate = |text| Rate::parse(text).ok().map(Some);
        self.unknown_models =
            Some(Sheet::new([(super::Class::Input, rate(input)?), (super::Class::Output, rate(output)?)]));
        Some(self)
    }
}

/// Whole percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u8);

impl Percent {
    /// `None` above 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// This share of a count, rounded down.
    pub(super) fn of(self, count: u64) -> u64 {
        u64::try_from(u128::from(count) * u128::from(self.0) / 100).unwrap_or(u64::MAX)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("must be from 0 to 100"))
    }
}

/// Why a cost is an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// The model has no row; the user's prices for unknown models were used.
    UnknownModel,
    /// Only a total was sent; the user's share was taken to be output.
    BareTotal,
    /// Both.
    UnknownModelAndBareTotal,
    /// No token counts were sent; tokens were guessed from the length of what was said.
    NoCounts,
}

impl Why {
    /// Every reason.
    pub const ALL: &[Self] = &[Self::UnknownModel, Self::BareTotal, Self::UnknownModelAndBareTotal, Self::NoCounts];

    /// The word used in ledgers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownModel => "unknown_model",
            Self::BareTotal => "bare_total",
            Self::UnknownModelAndBareTotal => "unknown_model_and_bare_total",
            Self::NoCounts => "no_counts",
        }
    }
}
