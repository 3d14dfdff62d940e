//! A price of one kind of token, exactly, and the sheet of such prices that a row holds.

use model::Usd;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// What a token is, for a price. Every token of a call is in exactly one class, so none is billed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Input that is none of the classes below it.
    Input,
    /// Output that is neither reasoning nor audio.
    Output,
    /// Input read from a prompt cache.
    CacheRead,
    /// Input written to a prompt cache for the provider's usual time (Anthropic: 5 minutes).
    CacheWrite,
    /// Input written to a prompt cache for an hour.
    CacheWrite1h,
    /// Hidden reasoning, a part of the output.
    Reasoning,
    /// Audio in the input that was not read from a cache.
    AudioInput,
    /// Audio in the output.
    AudioOutput,
}

impl Class {
    /// Every class, in the order of a bill.
    pub const ALL: [Self; 8] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::AudioInput,
        Self::Output,
        Self::Reasoning,
        Self::AudioOutput,
    ];

    /// The word used in price files and on a bill.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Reasoning => "reasoning",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
        }
    }

    /// The class whose price holds where a sheet has none of its own: a provider that lists no price for cached
    /// input bills it as input; `None` for the two classes that every sheet has.
    const fn otherwise(self) -> Option<Self> {
        match self {
            Self::Input | Self::Output => None,
            Self::CacheRead | Self::CacheWrite | Self::AudioInput => Some(Self::Input),
            Self::CacheWrite1h => Some(Self::CacheWrite),
            Self::Reasoning | Self::AudioOutput => Some(Self::Output),
        }
    }
}

/// A price per million tokens, in units of 10⁻¹² dollars. $2.50 a million is `2_500_000_000_000`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// Tokens a price is quoted for.
    pub const PER: i128 = 1_000_000;
    /// Decimal places a price per million tokens may have: finer than any price list, and a token's price stays a
    /// whole number of 10⁻¹² dollars.
    pub const DECIMALS: usize = 6;
    /// Highest price per million tokens that is believed: $100,000. The dearest list price of any model is $600.
    pub const MOST_DOLLARS: u64 = 100_000;

    /// From decimal text in dollars per million tokens.
    pub fn parse(text: &str) -> Result<Self, String> {
        let usd = decimal(text, Self::DECIMALS)?;
        let pico = u64::try_from(usd.as_pico()).ok().filter(|pico| *pico <= Self::MOST_DOLLARS * 1_000_000_000_000);
        pico.map(Self).ok_or_else(|| format!("cannot be above {} dollars per million tokens", Self::MOST_DOLLARS))
    }

    /// In units of 10⁻¹² dollars per million tokens.
    pub const fn as_pico(self) -> u64 {
        self.0
    }

    /// In dollars per million tokens.
    pub const fn per_million(self) -> Usd {
        Usd::from_pico(self.0 as i128)
    }

    /// This price `times` a factor, rounded to 10⁻¹² dollars per million. Two factors one after another stay exact.
    #[must_use]
    fn times(self, times: Factor) -> Self {
        let product =
            (u128::from(self.0) * u128::from(times.0) + u128::from(Factor::ONE / 2)) / u128::from(Factor::ONE);
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

/// A discount or surcharge, in thousandths: 0.5 is 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u32);

impl Factor {
    const ONE: u32 = 1000;
    /// Highest factor that is believed.
    const MOST: u32 = 10 * Self::ONE;

    fn parse(text: &str) -> Result<Self, String> {
        let thousandths = decimal(text, 3)?.as_pico() / 1_000_000_000;
        u32::try_from(thousandths)
            .ok()
            .filter(|factor| *factor <= Self::MOST)
            .map(Self)
            .ok_or("cannot be above 10".into())
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self(Self::ONE)
    }
}

/// Plain decimal text of at most `places` decimals, not negative.
fn decimal(text: &str, places: usize) -> Result<Usd, String> {
    let usd: Usd = text.parse().map_err(|()| format!("`{text}` is not a plain decimal number"))?;
    if usd.as_pico() < 0 || text.starts_with('-') {
        return Err("cannot be negative".into());
    }
    if text.split_once('.').is_some_and(|(_, part)| part.trim_end_matches('0').len() > places) {
        return Err(format!("cannot have more than {places} decimals"));
    }
    Ok(usd)
}

/// Reads a TOML number or text as a decimal. The shortest decimal that gives a float is the one its author typed.
struct Decimal<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Decimal<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number such as 2.5 or \"2.50\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Decimal(Self::parse))
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Decimal(Self::parse))
    }
}

/// Prices by class. Classes without one fall back: cached input to input, an hour's cache write to the short one,
/// reasoning and audio to text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sheet([Option<Rate>; 8]);

impl Sheet {
    /// A sheet of the given prices.
    pub(super) fn new(rates: impl IntoIterator<Item = (Class, Option<Rate>)>) -> Self {
        let mut sheet = Self::default();
        for (class, rate) in rates {
            sheet.0[class as usize] = rate;
        }
        sheet
    }

    /// The price of a class; 0 only where the sheet says 0 (every row must name input and output).
    pub fn rate(&self, class: Class) -> Rate {
        match (self.0[class as usize], class.otherwise()) {
            (Some(rate), _) => rate,
            (None, Some(other)) => self.rate(other),
            (None, None) => Rate::default(),
        }
    }

    /// Whether the sheet itself names the class.
    pub(super) fn names(&self, class: Class) -> bool {
        self.0[class as usize].is_some()
    }

    /// These prices where they are named, else those of `under`.
    #[must_use]
    pub(super) fn over(&self, under: &Self) -> Self {
        Self(std::array::from_fn(|class| self.0[class].or(under.0[class])))
    }

    /// Every price times a factor.
    #[must_use]
    pub(super) fn times(&self, times: Factor) -> Self {
        Self(self.0.map(|rate| rate.map(|rate| rate.times(times))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_kept_as_it_was_typed() {
        for (text, pico) in
            [("2.5", 2_500_000_000_000), ("0.003625", 3_625_000_000), ("15", 15_000_000_000_000), ("0", 0)]
        {
            assert_eq!(Rate::parse(text).unwrap().as_pico(), pico, "{text}");
        }
        assert_eq!(Rate::parse("0.0375").unwrap().per_million().to_string(), "0.0375");
    }

    #[test]
    fn prices_that_cannot_be_are_refused_with_the_reason() {
        for (text, reason) in [
            ("-1", "negative"),
            ("1e3", "plain decimal"),
            ("0.0000001", "6 decimals"),
            ("100001", "100000 dollars"),
            ("NaN", "plain decimal"),
            ("", "plain decimal"),
        ] {
            assert!(Rate::parse(text).unwrap_err().contains(reason), "{text}");
        }
        assert!(Factor::parse("0.3333").is_err() && Factor::parse("11").is_err() && Factor::parse("1.1").is_ok());
    }

    #[test]
    fn two_factors_on_a_price_stay_exact() {
        let half_of_eleven_tenths = Rate::parse("0.003625").unwrap().times(Factor(1100)).times(Factor(500));
        // 0.003625 × 1.1 = 0.0039875; × 0.5 = 0.00199375
        assert_eq!(half_of_eleven_tenths.per_million().to_string(), "0.00199375");
    }

    #[test]
    fn a_class_without_a_price_costs_what_its_parent_costs() {
        let rate = |text| Some(Rate::parse(text).unwrap());
        let sheet =
            Sheet::new([(Class::Input, rate("3")), (Class::Output, rate("15")), (Class::CacheWrite, rate("3.75"))]);
        let of = |class| sheet.rate(class).per_million().to_string();
        assert_eq!(
            (of(Class::CacheRead), of(Class::CacheWrite1h), of(Class::Reasoning)),
            ("3".into(), "3.75".into(), "15".into())
        );
    }
}
