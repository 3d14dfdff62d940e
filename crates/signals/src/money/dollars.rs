//! An amount of dollars in a file of settings.

use std::fmt;

use model::Usd;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Highest amount believed: a billion dollars.
const MOST: Usd = Usd::from_pico(1_000_000_000 * 1_000_000_000_000);

/// Dollars, from a number or a text such as `"0.50"`; not negative. What was typed is what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dollars(pub Usd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Dollars;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("dollars, such as 50 or \"0.50\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Dollars, E> {
                let usd: Result<Usd, ()> = text.parse();
                match usd {
                    Ok(usd) if (0..=MOST.as_pico()).contains(&usd.as_pico()) => Ok(Dollars(usd)),
                    _ => Err(E::custom(format!("`{text}` is not an amount of dollars from 0 to {MOST}"))),
                }
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Dollars, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Dollars, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Dollars, E> {
                // The shortest text of a float is what was typed.
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Text)
    }
}
