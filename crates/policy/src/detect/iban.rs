//! International bank account numbers (ISO 13616).

use std::sync::LazyLock;

use regex::Regex;

use super::{Hits, pattern};

/// Length by country, as SWIFT's IBAN registry lists them.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22), ("BI", 27),
    ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28),
    ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23),
    ("GL", 18), ("GR", 27), ("GT", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27),
    ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25),
    ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19), ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18),
    ("NO", 15), ("OM", 23), ("PK", 24), ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33),
    ("SA", 24), ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28),
    ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20),
];

static START: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{2}"));

/// Finds account numbers, in one piece or in groups with a space or hyphen between them.
pub(crate) fn find(text: &str, hits: &mut Hits) {
    let mut done = 0;
    for start in START.find_iter(text) {
        if start.start() < done {
            continue;
        }
        let country = text[start.start()..start.start() + 2].to_ascii_uppercase();
        let Some((_, length)) = LENGTHS.iter().find(|(name, _)| *name == country) else { continue };
        let Some(end) = end(text, start.start(), *length) else { continue };
        if is_valid(&text[start.start()..end]) && super::stands_alone(text, &(start.start()..end)) {
            hits.push(start.start()..end);
            done = end;
        }
    }
}

/// Where `length` letters and digits end that are at most one separator apart.
fn end(text: &str, start: usize, length: usize) -> Option<usize> {
    let (mut seen, mut separated) = (0, false);
    for (at, byte) in text.as_bytes()[start..].iter().enumerate() {
        match byte {
            byte if byte.is_ascii_alphanumeric() => {
                (seen, separated) = (seen + 1, false);
                if seen == length {
                    return Some(start + at + 1);
                }
            }
            b' ' | b'-' if !separated => separated = true,
            _ => return None,
        }
    }
    None
}

/// ISO 7064 modulo 97: country and check digits moved to the end, letters as 10 to 35, the rest must be 1.
fn is_valid(text: &str) -> bool {
    let letters: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(36)).collect();
    let (head, tail) = letters.split_at(4);
    let rest = tail.iter().chain(head).fold(0, |rest, value| {
        let shift = if *value > 9 { 100 } else { 10 };
        (rest * shift + value) % 97
    });
    rest == 1
}
