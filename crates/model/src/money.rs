//! Money as exact decimals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// US dollars, exact to a millionth of a millionth (10⁻¹²): a price of $0.0375 a million tokens is 37,500 of these a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Usd(i128);

impl Usd {
    /// Decimal places kept.
    pub const SCALE: u32 = 12;
    const ONE: i128 = 10i128.pow(Self::SCALE);

    /// From units of 10⁻¹² dollars.
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// In units of 10⁻¹² dollars.
    pub const fn as_pico(self) -> i128 {
        self.0
    }

    /// From a float a client reported, rounded to the scale; `None` unless finite and below 10¹² dollars.
    pub fn from_f64(dollars: f64) -> Option<Self> {
        (dollars.is_finite() && dollars.abs() < 1e12).then(|| Self((dollars * Self::ONE as f64).round() as i128))
    }

    /// As a float, for charts.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }

    /// Sum, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference, saturating.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Usd {
    /// Decimal text without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / Self::ONE as u128, self.0.unsigned_abs() % Self::ONE as u128);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{part:012}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl FromStr for Usd {
    type Err = ();
    /// Reads plain decimal text; digits past the scale are cut.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let padded: String = part.chars().chain(std::iter::repeat('0')).take(Self::SCALE as usize).collect();
        let whole: i128 = whole.parse().map_err(|_| ())?;
        let pico = whole.checked_mul(Self::ONE).and_then(|pico| pico.checked_add(padded.parse().ok()?)).ok_or(())?;
        Ok(Self(if negative { -pico } else { pico }))
    }
}

impl Serialize for Usd {
    /// A JSON number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_f64(f64::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("not an amount of dollars"))
    }
}

crate::kind::words!(
    /// Where a cost figure comes from. No number without its source.
    CostSource {
        /// The client sent it.
        Reported = "reported",
        /// Tawny computed it from a price table.
        Computed = "computed",
        /// The client sent it for a step that makes no call of a model itself: a total over steps that tell no cost.
        Aggregated = "aggregated",
        /// Tawny guessed a part of it, because the user asked for that or the client sent no token counts.
        Estimated = "estimated",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_dimes_are_a_dollar() {
        let dime: Usd = "0.1".parse().unwrap();
        let sum = (0..10).fold(Usd::default(), |sum, _| sum.plus(dime));
        assert_eq!(sum.to_string(), "1");
    }

    #[test]
    fn text_round_trips_at_full_scale() {
        for text in ["0.000000000001", "-12.5", "3", "0.0000375"] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), text);
        }
        assert!("1e3".parse::<Usd>().is_err());
    }
}
