//! E-mail addresses and phone numbers.

use std::sync::LazyLock;

use regex::Regex;

use super::{Hits, digits, ends_alone, pattern, stands_alone, starts_alone};

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[\p{L}\p{N}._%+'&=-]+(?:@|%40)[\p{L}\p{N}](?:[\p{L}\p{N}-]*\.)+(?:xn--[A-Za-z0-9-]+|\p{L}{2,24})")
});

/// Digits of an international number (ITU-T E.164: at most 15).
static INTERNATIONAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\+\d(?:[ .()\u{a0}/-]{0,2}\d){6,16}"));

/// `(415) 555-0132`, `415-555-0132`, `415.555.0132`; area and exchange begin with 2 to 9 (North American Numbering Plan).
static NORTH_AMERICAN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\([2-9]\d{2}\) ?|\b[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}"));

/// Finds e-mail addresses.
pub(crate) fn email(text: &str, hits: &mut Hits) {
    if text.contains('@') || text.contains("%40") {
        hits.extend(EMAIL.find_iter(text).map(|found| found.range()));
    }
}

/// Finds phone numbers.
pub(crate) fn phone(text: &str, hits: &mut Hits) {
    if text.contains('+') {
        // Numbers may follow each other with nothing between them: only the first must begin by itself.
        let mut last = None;
        for range in INTERNATIONAL.find_iter(text).map(|found| found.range()) {
            if (8..=15).contains(&digits(&text[range.clone()]).len())
                && (last == Some(range.start) || starts_alone(text, range.start))
                && ends_alone(text, range.end)
                // A place with a decimal point before it is a number, not a `+` before a phone.
                && !text[..range.start].ends_with(['.', '/', '='])
            {
                last = Some(range.end);
                hits.push(range);
            }
        }
    }
    if text.len() >= 12 {
        let all = NORTH_AMERICAN.find_iter(text).map(|found| found.range());
        hits.extend(all.filter(|range| {
            let joined = |side: Option<char>, next: Option<char>| {
                matches!(side, Some('-' | '.')) && next.is_some_and(|next| next.is_ascii_alphanumeric())
            };
            let (mut before, mut after) = (text[..range.start].chars().rev(), text[range.end..].chars());
            stands_alone(text, range) && !joined(before.next(), before.next()) && !joined(after.next(), after.next())
        }));
    }
}
