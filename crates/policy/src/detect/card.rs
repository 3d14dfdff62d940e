//! Payment card numbers.

use super::{Hits, luhn};

/// Digits of a card number (ISO/IEC 7812: at most 19; issued ones have at least 13).
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// First digits by issuer: from, to (of equal length).
const ISSUERS: &[(u32, u32)] = &[
    (4, 4),           // Visa
    (51, 55),         // Mastercard
    (2221, 2720),     // Mastercard, second range
    (34, 34),         // American Express
    (37, 37),         // American Express
    (300, 305),       // Diners Club
    (36, 36),         // Diners Club
    (38, 39),         // Diners Club
    (6011, 6011),     // Discover
    (644, 649),       // Discover
    (65, 65),         // Discover
    (3528, 3589),     // JCB
    (62, 62),         // UnionPay
    (81, 81),         // UnionPay
    (2200, 2204),     // Mir
    (50, 50),         // Maestro
    (56, 58),         // Maestro
    (6304, 6304),     // Maestro
    (6759, 6763),     // Maestro
];

/// Finds card numbers: digits in one piece, or in groups with a space or hyphen between them.
pub(crate) fn find(text: &str, hits: &mut Hits) {
    if text.len() < *LENGTHS.start() {
        return;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let groups = groups(text, at);
        let end = groups.last().map_or(at + 1, |group| group.1);
        search(text, &groups, hits);
        at = end;
    }
}

/// Groups of digits from `start` on, each one separator from the last: begin and end of each.
fn groups(text: &str, start: usize) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut groups = Vec::new();
    let mut at = start;
    loop {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return groups;
        }
        groups.push((at, at + length));
        at += length;
        at += match text[at..].chars().next() {
            Some(' ' | '-') => 1,
            Some(space @ ('\u{a0}' | '\u{202f}' | '\u{2011}' | '\u{2013}')) => space.len_utf8(),
            _ => return groups,
        };
    }
}

/// Looks for a card in each stretch of whole groups, longest first.
fn search(text: &str, groups: &[(usize, usize)], hits: &mut Hits) {
    let mut first = 0;
    while first < groups.len() {
        let mut numbers = Vec::with_capacity(*LENGTHS.end());
        let mut found = None;
        for (last, group) in groups.iter().enumerate().skip(first) {
            if numbers.len() + (group.1 - group.0) > *LENGTHS.end() {
                break;
            }
            numbers.extend(text[group.0..group.1].bytes().map(|byte| u32::from(byte - b'0')));
            let range = groups[first].0..group.1;
            if is_card(&numbers) && super::stands_alone(text, &range) {
                found = Some((last, range));
            }
        }
        first = match found {
            Some((last, range)) => {
                hits.push(range);
                last + 1
            }
            None => first + 1,
        };
    }
}

fn is_card(digits: &[u32]) -> bool {
    let issued = |(from, to): &(u32, u32)| {
        let length = from.to_string().len();
        let head = digits.iter().take(length).fold(0, |number, digit| number * 10 + digit);
        (*from..=*to).contains(&head)
    };
    LENGTHS.contains(&digits.len()) && ISSUERS.iter().any(issued) && luhn(digits)
}
