//! National ids. Each row is a form and the check its country defines.

use std::sync::LazyLock;

use regex::Regex;

use super::{Hits, digits, luhn, pattern, stands_alone};

/// A country's id: its form, and whether a text of that form is one.
struct Id {
    form: &'static str,
    check: fn(&str, &[u32]) -> bool,
}

const IDS: &[Id] = &[
    // United States, social security number: no check digit, but areas never issued (SSA)
    Id {
        form: r"\b\d{3}-\d{2}-\d{4}\b",
        check: |_, d| !matches!(number(&d[..3]), 0 | 666 | 900..) && d[3..5] != [0, 0] && d[5..] != [0; 4],
    },
    // Spain, DNI and NIE
    Id { form: r"\b(?:\d{8}|[XYZxyz]-?\d{7})-?[A-Za-z]\b", check: spain },
    // France, NIR
    Id {
        form: r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b",
        check: |_, d| number(&d[13..]) == 97 - number(&d[..13]) % 97,
    },
    // Italy, codice fiscale
    Id {
        form: r"(?i)\b[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b",
        check: italy,
    },
    // Poland, PESEL
    Id { form: r"\b\d{11}\b", check: poland },
    // Belgium, national number
    Id { form: r"\b\d{2}\.\d{2}\.\d{2}[-.]\d{3}[-.]\d{2}\b", check: belgium },
    // Brazil, CPF
    Id { form: r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", check: brazil },
    // Sweden, personnummer
    Id {
        form: r"\b(?:19|20)?\d{6}[-+]\d{4}\b",
        check: |_, d| {
            let d = &d[d.len() - 10..];
            is_day(d[2] * 10 + d[3], d[4] * 10 + d[5]) && luhn(d)
        },
    },
    // Finland, henkilötunnus
    Id { form: r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b", check: finland },
    // United Kingdom, NHS number
    Id {
        form: r"\b\d{3} \d{3} \d{4}\b",
        check: |_, d| weighted(&d[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 == (11 - d[9]) % 11,
    },
    // Canada, social insurance number
    Id { form: r"\b[1-79]\d{2}[- ]\d{3}[- ]\d{3}\b", check: |_, d| luhn(d) },
    // India, Aadhaar
    Id { form: r"\b[2-9]\d{3}[ -]\d{4}[ -]\d{4}\b", check: |_, d| verhoeff(d) },
    // China, resident identity number (GB 11643)
    Id { form: r"\b[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]\b", check: china },
    // Singapore, NRIC and FIN
    Id { form: r"(?i)\b[STFG]\d{7}[A-Z]\b", check: singapore },
];

static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| IDS.iter().map(|id| pattern(id.form)).collect());

/// Finds national ids.
pub(crate) fn find(text: &str, hits: &mut Hits) {
    if text.len() < 9 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    for (id, form) in IDS.iter().zip(FORMS.iter()) {
        let found = form.find_iter(text).map(|found| found.range());
        hits.extend(found.filter(|range| {
            let found = &text[range.clone()];
            // A hyphen or point on either side means a longer number: a version, a UUID.
            let joined = |side: Option<char>| matches!(side, Some('-' | '.'));
            let before = text[..range.start].chars().next_back();
            let after = text[range.end..].chars();
            stands_alone(text, range)
                && !joined(before)
                && after.clone().next().is_none_or(|next| next != '-')
                && !(joined(after.clone().next()) && after.clone().nth(1).is_some_and(char::is_alphanumeric))
                && (id.check)(found, &digits(found))
        }));
    }
}

fn number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn is_day(month: u32, day: u32) -> bool {
    // A day above 60 marks a coordination number in Sweden.
    (1..=12).contains(&month) && ((1..=31).contains(&day) || (61..=91).contains(&day))
}

fn last_letter(text: &str) -> Option<char> {
    text.chars().next_back().map(|letter| letter.to_ascii_uppercase())
}

fn spain(text: &str, digits: &[u32]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let prefix = match text.chars().next().map(|letter| letter.to_ascii_uppercase()) {
        Some('Y') => 10_000_000,
        Some('Z') => 20_000_000,
        _ => 0,
    };
    let rest = (number(digits) + prefix) % 23;
    last_letter(text) == Some(char::from(LETTERS[rest as usize]))
}

fn italy(text: &str, _: &[u32]) -> bool {
    /// Values of letters and digits in odd places (Ministero delle finanze, decree of 23 December 1976).
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
        10, 22, 25, 24, 23,
    ];
    let values: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(36)).collect();
    let sum: u32 = values
        .iter()
        .take(15)
        .enumerate()
        .map(|(at, value)| match at % 2 {
            0 => ODD[*value as usize],
            _ if *value > 9 => value - 10,
            _ => *value,
        })
        .sum();
    values.get(15) == Some(&(10 + sum % 26))
}

fn poland(_: &str, d: &[u32]) -> bool {
    let (month, day) = ((d[2] * 10 + d[3]) % 20, d[4] * 10 + d[5]);
    let check = (10 - weighted(&d[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    (1..=12).contains(&month) && (1..=31).contains(&day) && check == d[10]
}

fn belgium(_: &str, d: &[u32]) -> bool {
    let (base, check) = (number(&d[..9]), number(&d[9..]));
    // Born from 2000 on: a 2 before the number.
    check == 97 - base % 97 || check == 97 - (2_000_000_000 + base) % 97
}

fn brazil(_: &str, d: &[u32]) -> bool {
    let check = |count: usize| {
        let sum: u32 = d[..count].iter().zip((2..=count as u32 + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        (sum * 10 % 11) % 10
    };
    d.iter().any(|digit| *digit != d[0]) && check(9) == d[9] && check(10) == d[10]
}

fn finland(text: &str, d: &[u32]) -> bool {
    const CHECK: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let individual = &d[..9.min(d.len())];
    is_day(d[2] * 10 + d[3], d[0] * 10 + d[1])
        && last_letter(text) == Some(char::from(CHECK[(number(individual) % 31) as usize]))
}

fn china(text: &str, d: &[u32]) -> bool {
    const CHECK: &[u8; 11] = b"10X98765432";
    let sum = weighted(&d[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    last_letter(text) == Some(char::from(CHECK[(sum % 11) as usize]))
}

fn singapore(text: &str, d: &[u32]) -> bool {
    let first = text.chars().next().map(|letter| letter.to_ascii_uppercase());
    let offset = if matches!(first, Some('T' | 'G')) { 4 } else { 0 };
    let letters: &[u8; 11] = if matches!(first, Some('S' | 'T')) { b"JZIHGFEDCBA" } else { b"XWUTRQPNMLK" };
    let rest = (weighted(d, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    last_letter(text) == Some(char::from(letters[rest as usize]))
}

/// Verhoeff's check, by the dihedral group of order ten.
fn verhoeff(digits: &[u32]) -> bool {
    const MULTIPLY: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u32, times: usize| (0..times).fold(digit as usize, |digit, _| usize::from(PERMUTE[digit]));
    let rest = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0_usize, |rest, (at, digit)| usize::from(MULTIPLY[rest][permuted(*digit, at % 8)]));
    rest == 0
}
