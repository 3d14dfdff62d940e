//! Rewriting the texts inside of JSON that is itself text, leaving everything else of it byte for byte.
//!
//! Messages, arguments and results travel as JSON in one attribute. Looking at such a text as a whole would miss what is
//! escaped in it (`jane\u0040example.com`) and shortening it would leave something that no longer reads as JSON.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// JSON inside of JSON inside of JSON is followed this deep; deeper is plain text.
const DEPTH: usize = 8;

/// Digits from which a number is looked at like a text: a card number may travel as one.
const DIGITS: usize = 9;

/// Whether a text is a JSON object or array.
pub(crate) fn is_structure(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Rewrites every text in a JSON object or array: `edit` is given the key a text stands under, where it stands under one,
/// and the text, and gives a new one or leaves it. Keys are edited as well, under no key, and numbers of many digits.
/// `None` when nothing changed or it is no JSON.
pub(crate) fn rewrite(text: &str, edit: &mut dyn FnMut(Option<&str>, &str) -> Option<String>) -> Option<String> {
    nested(text, edit, DEPTH)
}

type Edit<'e> = dyn FnMut(Option<&str>, &str) -> Option<String> + 'e;

fn nested(text: &str, edit: &mut Edit<'_>, depth: usize) -> Option<String> {
    if depth == 0 || !is_structure(text) {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = String::new();
    // What of `text` is in `out` already; everything between changes is copied at once.
    let mut copied = 0;
    let mut at = 0;
    let mut key: Option<Cow<'_, str>> = None;
    while at < bytes.len() {
        let start = at;
        let new = match bytes[at] {
            b'"' => {
                at = end_of_string(bytes, at);
                let Ok(Text(inner)) = serde_json::from_str::<Text<'_>>(&text[start..at]) else { continue };
                if next_is_colon(bytes, at) {
                    let new = edit(None, &inner);
                    key = Some(inner);
                    new
                } else {
                    let deeper = depth > 1 && is_structure(&inner);
                    if deeper { nested(&inner, edit, depth - 1) } else { edit(key.as_deref(), &inner) }
                }
            }
            b'-' | b'0'..=b'9' => {
                at += bytes[at..].iter().take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')).count();
                let number = &text[start..at];
                if number.len() < DIGITS { None } else { edit(key.as_deref(), number) }
            }
            b'}' => {
                key = None;
                at += 1;
                None
            }
            _ => {
                at += 1;
                None
            }
        };
        if let Some(new) = new {
            out.push_str(&text[copied..start]);
            out.push_str(&serde_json::Value::String(new).to_string());
            copied = at;
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

#[derive(serde::Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// The byte after the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn next_is_colon(bytes: &[u8], at: usize) -> bool {
    bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}
