//! Finding text in what was said: large texts, attribute values, log records.
//!
//! A segment with text carries an index of it (`filter.rs`; the format is in `docs/formats/search.md`): for each block of
//! rows a filter over the four-byte pieces of its texts. A search skips every block whose filter lacks a piece of the
//! wanted text and looks through the rest (`scan.rs`), newest first. Rows in memory and segments without an index are
//! looked through whole: an index is never needed for a right answer.

mod explain;
mod filter;
mod needle;
mod scan;

pub(crate) use filter::{Builder, Index, joined};

pub use explain::Match;
pub use needle::{NEEDLE_BYTES_MAX, Needle, NeedleError, SNIPPET_BYTES};
pub use scan::{Hit, Scan, Source};

use memchr::{memchr, memchr2};

use crate::schema::Table;

/// Key of the file's metadata that says where its index is.
pub(crate) const INDEX_KEY: &str = "tawny.search";

/// Its value, as JSON: the place in the file, in bytes.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct IndexPlace {
    pub offset: u64,
    pub length: u64,
}

/// Columns that are looked through, plain text and JSON in the encoding of `docs/formats/attributes.md`.
pub(crate) const fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Spans => &["attributes", "events"],
        Table::Bodies => &["text"],
        Table::Logs => &["event_name", "service", "preview", "body", "attributes"],
        Table::Runs | Table::Samples => &[],
    }
}

/// The texts among the values of encoded JSON, as they stand there (escaped, without quotes): no keys, and no names of
/// bodies, which are looked through themselves.
pub(crate) struct Values<'t> {
    json: &'t str,
    at: usize,
    /// Inside of `{"$body":[…]}`: the number of the next part. Every second one is a hash.
    part: Option<usize>,
}

impl<'t> Values<'t> {
    pub(crate) const fn of(json: &'t str) -> Self {
        Self { json, at: 0, part: None }
    }
}

impl<'t> Iterator for Values<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let bytes = self.json.as_bytes();
        loop {
            let start = self.at + memchr(b'"', &bytes[self.at..])? + 1;
            let mut end = start;
            loop {
                end += memchr2(b'"', b'\\', &bytes[end..])?;
                if bytes[end] == b'"' {
                    break;
                }
                end = (end + 2).min(bytes.len());
            }
            self.at = end + 1;
            let (text, after) = (&self.json[start..end], bytes.get(end + 1));
            if after == Some(&b':') {
                self.part = (text == "$body").then_some(0);
                continue;
            }
            if let Some(part) = self.part {
                self.part = (after == Some(&b',')).then_some(part + 1);
                if part % 2 == 1 {
                    continue;
                }
            }
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_keys_and_from_names_of_bodies() {
        let json = r#"{"key":"one","n":3,"b":{"$body":["[","0123","," ,"4567","]"]},"list":["two \" , :","x"],"m":{"in":"three"},"e":""}"#;
        let json = json.replace(" ,\"4567\"", ",\"4567\"");
        assert_eq!(Values::of(&json).collect::<Vec<_>>(), ["one", "[", ",", "]", "two \\\" , :", "x", "three"]);
        for broken in ["", "\"", "{\"a\":\"", "\"\\", "{\"a\":\"\\\""] {
            assert_eq!(Values::of(broken).count(), 0, "{broken}");
        }
    }
}
