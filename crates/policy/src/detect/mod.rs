//! Things in text that a policy takes out: each detector is a name, what it finds, and a function that finds it.
//!
//! A detector prefers missing a rare spelling to taking out what is none: where a number has a check digit it is checked,
//! and where it has none its form must be unmistakable.

mod card;
mod contact;
mod iban;
mod national;
mod secret;

use std::ops::Range;

pub(crate) use secret::is_secret_name;

/// Where something was found.
pub(crate) type Hits = Vec<Range<usize>>;

/// One sort of thing.
pub struct Detector {
    /// Its name in files, marks and reports.
    pub name: &'static str,
    /// What it finds, for people.
    pub finds: &'static str,
    pub(crate) find: fn(&str, &mut Hits),
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All detectors. Where two find overlapping things, the longer one counts; of equal ones the earlier in this list.
pub const DETECTORS: &[Detector] = &[
    Detector {
        name: "secret",
        finds: "keys and tokens of known providers, JSON web tokens, private keys, passwords in addresses and assignments",
        find: secret::find,
    },
    Detector {
        name: "card",
        finds: "payment cards: 13 to 19 digits of a known issuer that pass Luhn's check",
        find: card::find,
    },
    Detector {
        name: "iban",
        finds: "bank accounts: IBAN of the length of their country, checked modulo 97",
        find: iban::find,
    },
    Detector {
        name: "national_id",
        finds: "national ids with a check digit (BE, BR, CA, CN, ES, FI, FR, GB, IN, IT, PL, SE, SG), and US social security numbers",
        find: national::find,
    },
    Detector { name: "email", finds: "e-mail addresses", find: contact::email },
    Detector {
        name: "phone",
        finds: "phone numbers: international with +, and North American in groups",
        find: contact::phone,
    },
];

/// The detector of that name.
pub fn named(name: &str) -> Option<&'static Detector> {
    DETECTORS.iter().find(|detector| detector.name == name)
}

/// Whether what stands at `range` stands alone: no letter, digit or underscore touches it.
pub(crate) fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    starts_alone(text, range.start) && ends_alone(text, range.end)
}

/// Whether nothing touches what begins at `start`.
pub(crate) fn starts_alone(text: &str, start: usize) -> bool {
    !text[..start].chars().next_back().is_some_and(is_of_a_word)
}

/// Whether nothing touches what ends before `end`.
pub(crate) fn ends_alone(text: &str, end: usize) -> bool {
    !text[end..].chars().next().is_some_and(is_of_a_word)
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The decimal digits of a text.
pub(crate) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|letter| letter.to_digit(10)).collect()
}

/// Luhn's check (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// A pattern of ours.
pub(crate) fn pattern(text: &str) -> regex::Regex {
    regex::Regex::new(text).expect("patterns of the program are right; a test compiles each")
}

#[cfg(test)]
mod tests;
