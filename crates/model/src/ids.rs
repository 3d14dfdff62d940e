//! Trace and span identifiers as W3C Trace Context and OTLP define them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text or byte string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The number of bytes (or of hex digits divided by two) is wrong.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes an identifier of this type has.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// All bytes are zero, which W3C Trace Context and OTLP call invalid.
    #[error("all bytes are zero")]
    Zero,
    /// A character is not a hexadecimal digit.
    #[error("not hexadecimal")]
    NotHex,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Number of bytes.
            pub const LEN: usize = $len;

            /// Takes the bytes as they are; for ids that are already known to be valid.
            pub const fn from_array(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Checks length and that not every byte is zero.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                let array: [u8; $len] = bytes.try_into().map_err(|_| IdError::Length {
                    expected: $len,
                    found: bytes.len(),
                })?;
                if array == [0; $len] { Err(IdError::Zero) } else { Ok(Self(array)) }
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            /// Reads hexadecimal digits of either case.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text.as_bytes();
                if digits.len() != $len * 2 {
                    return Err(IdError::Length { expected: $len, found: digits.len() / 2 });
                }
                let nibble = |digit: u8| (digit as char).to_digit(16).ok_or(IdError::NotHex);
                let mut bytes = [0u8; $len];
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = (nibble(digits[at * 2])? << 4 | nibble(digits[at * 2 + 1])?) as u8;
                }
                Self::from_slice(&bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0u8; $len * 2];
                for (at, byte) in self.0.iter().enumerate() {
                    text[at * 2] = DIGITS[usize::from(byte >> 4)];
                    text[at * 2 + 1] = DIGITS[usize::from(byte & 15)];
                }
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Sixteen bytes that name a trace, and with it a run.
    TraceId,
    16
);
id!(
    /// Eight bytes that name a span inside its trace.
    SpanId,
    8
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_either_case_reads_back_as_lower_case() {
        let id: TraceId = "4BF92F3577b34da6a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn zero_short_and_non_hex_ids_are_refused_with_the_reason() {
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(IdError::Zero));
        assert_eq!("00ff".parse::<SpanId>(), Err(IdError::Length { expected: 8, found: 2 }));
        assert_eq!("zz000000000000ff".parse::<SpanId>(), Err(IdError::NotHex));
    }
}
