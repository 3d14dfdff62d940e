//! A text to be found, in the forms in which it may stand.
//!
//! Case of ASCII letters is ignored; a needle with other letters is looked for as typed, in lower and in upper case. What
//! agents say is mostly kept as the JSON their clients sent, and that may stand inside of other JSON: a needle with quotes,
//! backslashes, line breaks or letters beyond ASCII is also looked for as JSON writes it, up to [`JSON_LEVELS`] deep.

use std::fmt::Write;
use std::ops::Range;

use arrow::array::{Array, StringArray};
use memchr::memmem::Finder;

use super::filter::Grams;
use crate::attributes::encode_value;

/// Most bytes of a text to look for.
pub const NEEDLE_BYTES_MAX: usize = 256;
/// Bytes of a snippet, about: what was found with what stands around it.
pub const SNIPPET_BYTES: usize = 200;
/// Bytes of a snippet before what was found.
const SNIPPET_BEFORE: usize = 60;
/// JSON inside of JSON that a needle is looked for in: arguments of a tool call inside of a message.
const JSON_LEVELS: usize = 2;

/// Why a text cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NeedleError {
    /// Nothing to look for.
    #[error("there is no text to look for")]
    Empty,
    /// Longer than [`NEEDLE_BYTES_MAX`].
    #[error("the text to look for has {0} bytes; the limit needle_bytes is {NEEDLE_BYTES_MAX}: give a part of it")]
    TooLong(usize),
}

/// A text to be found.
#[derive(Debug, Clone)]
pub struct Needle {
    /// Lower-cased forms in which it stands in a text.
    plain: Vec<Finder<'static>>,
    /// The same forms inside of encoded attributes.
    encoded: Vec<Finder<'static>>,
    plain_grams: Vec<Grams>,
    encoded_grams: Vec<Grams>,
}

impl Needle {
    /// A needle of a text, which must not be blank.
    pub fn new(text: &str) -> Result<Self, NeedleError> {
        if text.trim().is_empty() {
            return Err(NeedleError::Empty);
        }
        if text.len() > NEEDLE_BYTES_MAX {
            return Err(NeedleError::TooLong(text.len()));
        }
        let mut plain = Vec::new();
        let typed = [text.to_owned(), text.to_lowercase(), text.to_uppercase()];
        // Among ASCII letters case makes no difference: one form is enough.
        let typed = if text.is_ascii() { &typed[..1] } else { &typed[..] };
        for form in typed {
            add(&mut plain, form.clone());
            let mut nested = vec![form.clone()];
            for _ in 0..JSON_LEVELS {
                nested = nested.iter().flat_map(|form| [inside(form), ascii(&inside(form))]).collect();
                nested.iter().for_each(|form| add(&mut plain, form.clone()));
            }
        }
        let mut encoded = Vec::new();
        plain.iter().for_each(|form| add(&mut encoded, inside(form)));
        let finders = |forms: &[String]| forms.iter().map(|form| Finder::new(form.as_bytes()).into_owned()).collect();
        let grams = |forms: &[String]| forms.iter().map(|form| Grams::of(form.as_bytes())).collect();
        Ok(Self {
            plain: finders(&plain),
            encoded: finders(&encoded),
            plain_grams: grams(&plain),
            encoded_grams: grams(&encoded),
        })
    }

    /// Pieces of each form; one of the forms has to be there whole.
    pub(crate) fn grams(&self, encoded: bool) -> &[Grams] {
        if encoded { &self.encoded_grams } else { &self.plain_grams }
    }

    /// Forms in lower case, to look for in lower-cased text.
    pub(crate) fn finders(&self, encoded: bool) -> &[Finder<'static>] {
        if encoded { &self.encoded } else { &self.plain }
    }

    /// Rows whose text contains the needle, in order; `encoded` for texts inside of encoded attributes. The texts of an
    /// array stand behind each other in memory: they are folded and looked through at once.
    pub fn rows(&self, texts: &StringArray, encoded: bool) -> Vec<usize> {
        let offsets = texts.value_offsets();
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Vec::new() };
        let folded = texts.value_data()[*first as usize..*last as usize].to_ascii_lowercase();
        let mut rows = Vec::new();
        for finder in self.finders(encoded) {
            let mut at = 0;
            while let Some(found) = finder.find(&folded[at..]) {
                let place = (at + found) as i32 + first;
                let row = offsets.partition_point(|offset| *offset <= place) - 1;
                let end = offsets[row + 1];
                if place as usize + finder.needle().len() > end as usize {
                    // Across the end of a text.
                    at += found + 1;
                    continue;
                }
                if texts.is_valid(row) {
                    rows.push(row);
                }
                at = (end - first) as usize;
            }
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Where it stands in a text.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let folded = text.as_bytes().to_ascii_lowercase();
        let at = |finder: &Finder<'_>| finder.find(&folded).map(|at| at..at + finder.needle().len());
        self.plain.iter().filter_map(at).min_by_key(|range| range.start)
    }

    /// What was found with what stands around it, cut at characters, with `…` where something was cut off.
    pub fn snippet(&self, text: &str) -> Option<String> {
        let found = self.find(text)?;
        let from = text.floor_char_boundary(found.start.saturating_sub(SNIPPET_BEFORE));
        // What is found may be cut at neither end: a snippet contains the needle.
        let until = text.ceil_char_boundary((from + SNIPPET_BYTES).max(found.end).min(text.len()));
        let (before, after) = (if from > 0 { "…" } else { "" }, if until < text.len() { "…" } else { "" });
        Some(format!("{before}{}{after}", &text[from..until]))
    }
}

fn add(forms: &mut Vec<String>, mut form: String) {
    form.make_ascii_lowercase();
    if !forms.contains(&form) {
        forms.push(form);
    }
}

/// As it stands inside of a JSON string.
pub(crate) fn inside(text: &str) -> String {
    let quoted = encode_value(&text.into());
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

/// JSON as many clients write it: what is not ASCII as `\u00e4`.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(needle: &str, text: &str) -> bool {
        Needle::new(needle).unwrap().find(text).is_some()
    }

    #[test]
    fn text_is_found_whatever_its_case_and_however_json_writes_it() {
        assert!(finds("refund ORDER", "the Refund order 7") && !finds("refund order", "refund  order"));
        assert!(finds("say \"hi\"", r#"{"content":"say \"hi\" now"}"#));
        assert!(finds("say \"hi\"", r#"{"arguments":"{\"text\": \"say \\\"hi\\\"\"}"}"#));
        assert!(finds("für", r#"{"content":"F\u00fcr dich"}"#) && finds("FÜR", "für"));
        assert!(finds("a\nb", r#"{"content":"a\nb"}"#) && finds("a\nb", "a\nb"));
        assert!(finds("🦉", r#""\ud83e\udd89""#) && finds("🦉", "an 🦉 owl"));
        assert!(!finds("für", "fur"));
    }

    #[test]
    fn a_snippet_is_cut_at_characters_and_contains_what_was_found() {
        let needle = Needle::new("needle").unwrap();
        let text = format!("{}needle{}", "ü".repeat(100), "é".repeat(300));
        let snippet = needle.snippet(&text).unwrap();
        assert!(snippet.starts_with('…') && snippet.ends_with('…') && snippet.contains("needle"), "{snippet}");
        assert!(snippet.len() <= SNIPPET_BYTES + 12);
        assert_eq!(needle.snippet("a needle").unwrap(), "a needle");
        let long = Needle::new(&"x".repeat(NEEDLE_BYTES_MAX)).unwrap();
        assert!(long.snippet(&"x".repeat(1000)).unwrap().contains(&"x".repeat(NEEDLE_BYTES_MAX)));
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        assert_eq!(Needle::new("  ").unwrap_err(), NeedleError::Empty);
        let long = Needle::new(&"x".repeat(NEEDLE_BYTES_MAX + 1)).unwrap_err();
        assert!(long.to_string().contains("needle_bytes is 256"));
    }
}
