//! Cursors: where a page ended, as opaque text.
//!
//! A cursor holds the sort value and the id of the last entry (keyset paging), never a row number, so that entries arriving
//! between two pages neither repeat nor hide others. It also holds what it belongs to: used with another list or another
//! sorting it is refused instead of giving an arbitrary page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::QueryError;

/// Longest cursor text that is looked at. Cursors of runs and logs are about 100 characters, of sessions as long as the session's id.
const MAX_TEXT: usize = 16 << 10;

/// The value an entry was sorted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    /// Times in nanoseconds, counts.
    Int(i64),
    /// Milliseconds, as bits: JSON text of a float need not read back equal.
    Bits {
        /// IEEE 754 bits.
        bits: u64,
    },
    /// Exact decimals.
    Decimal {
        /// Unscaled digits as text, since JSON numbers end at 64 bits.
        unscaled: String,
    },
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// List and sorting it belongs to, for example `runs -started_at`.
    #[serde(rename = "l")]
    pub list: String,
    /// Sort value of the last entry.
    #[serde(rename = "k")]
    pub key: Key,
    /// Id of the last entry, which orders entries of equal value.
    #[serde(rename = "i")]
    pub id: String,
}

impl Cursor {
    /// The text a caller hands back.
    pub fn encode(&self) -> String {
        // A struct of strings and numbers always serialises.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a cursor made for `list`.
    pub fn decode(text: &str, list: &str) -> Result<Self, QueryError> {
        let bad = || {
            QueryError::invalid("the cursor is not one this list gave; leave `cursor` out to start at the first page")
        };
        if text.len() > MAX_TEXT {
            return Err(bad());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        if cursor.list != list {
            return Err(QueryError::invalid(format!(
                "the cursor belongs to the list `{}`, this one is `{list}`; keep the same sort while paging or leave `cursor` out",
                cursor.list.chars().take(40).collect::<String>()
            )));
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_is_refused_by_another_list() {
        for key in
            [Key::Int(-5), Key::Bits { bits: 0.1f64.to_bits() }, Key::Decimal { unscaled: i128::MAX.to_string() }]
        {
            let cursor = Cursor { list: "runs -started_at".into(), key, id: "ab".into() };
            assert_eq!(Cursor::decode(&cursor.encode(), "runs -started_at").unwrap(), cursor);
            assert!(
                Cursor::decode(&cursor.encode(), "runs errors").unwrap_err().to_string().contains("keep the same sort")
            );
        }
    }

    #[test]
    fn garbage_is_refused_with_what_to_do() {
        for text in ["", "x", "!!!!", "e30", &"A".repeat(20_000)] {
            assert!(Cursor::decode(text, "runs -started_at").unwrap_err().to_string().contains("leave `cursor` out"));
        }
    }
}
