//! Secrets and payment data in what was said.
//!
//! Finds: card numbers (13 to 19 digits with a valid check digit and a known issuer's beginning), keys of common providers by their
//! published beginnings, private key blocks, JSON web tokens, United States social security numbers. Only new texts of
//! each step are read, each by its first 16 KiB. The finding names what it is and where, never the text itself.
//!
//! Silent on e-mail addresses, names and phone numbers, which most agents need for their work; a content policy is for those.

use std::collections::BTreeMap;

use model::{Part, Severity};

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text::{self, each_text};

pub(super) const DETECTOR: Detector = Detector {
    name: "sensitive_data",
    source: include_str!("sensitive_data.rs"),
    when: When::Steps,
    settings: &[],
    check,
};

/// Beginnings of keys, with what they are and the fewest characters that follow.
const KEYS: &[(&str, &str, usize)] = &[
    ("sk-ant-", "Anthropic key", 20),
    ("sk-proj-", "OpenAI key", 20),
    ("AKIA", "AWS access key", 16),
    ("ghp_", "GitHub token", 30),
    ("github_pat_", "GitHub token", 30),
    ("xoxb-", "Slack token", 20),
    ("xoxp-", "Slack token", 20),
    ("AIza", "Google API key", 30),
    ("sk_live_", "Stripe key", 16),
    ("glpat-", "GitLab token", 16),
    ("hf_", "Hugging Face token", 30),
    ("eyJhbGciOi", "JSON web token", 40),
];

/// Characters of a key that are looked at: some letters may come before the first digit.
const LONGEST_KEY: usize = 200;

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
    let mut look = |text: &str, step: usize| {
        scan(text::head(text, text::MOST_BYTES), &mut |what| {
            let steps = found.entry(what).or_default();
            if steps.last() != Some(&step) {
                steps.push(step);
            }
        });
    };
    for (at, round) in evidence.rounds.iter().enumerate() {
        for message in evidence.new_messages(at) {
            message.parts.iter().for_each(|part| in_part(part, &mut |text| look(text, round.step)));
        }
        look(&round.text, round.step);
    }
    for call in &evidence.calls {
        for value in [call.arguments, call.result].into_iter().flatten() {
            each_text(value, &mut |text| look(text, call.step));
        }
    }
    let draft = |(what, steps): (&'static str, Vec<usize>)| {
        let message = format!("{what} in the content of {}", text::count(steps.len() as u64, "step"));
        Draft::new(Severity::Warning, what, message)
            .spans(steps.iter().map(|&step| evidence.span_id(step)))
            .with("what", what)
            .with("steps", steps.len())
    };
    found.into_iter().map(draft).collect()
}

fn in_part(part: &Part, look: &mut dyn FnMut(&str)) {
    if let Part::Text { text } = part {
        look(text);
    }
}

/// A secret may begin with the byte where a word begins.
const AT_WORD: u8 = 1;
/// A secret may begin with the byte wherever it stands.
const ANYWHERE: u8 = 2;

/// Of each byte how a secret may begin with it, and how one may begin after it.
static BYTES: [(u8, u8); 256] = {
    let mut bytes = [(0, 0); 256];
    let mut at = 0;
    while at < bytes.len() {
        let byte = at as u8;
        bytes[at].0 = match byte {
            b'0'..=b'9' | b's' | b'A' | b'g' | b'x' | b'h' | b'e' => AT_WORD,
            b'-' => ANYWHERE,
            _ => 0,
        };
        bytes[at].1 = if byte.is_ascii_alphanumeric() { ANYWHERE } else { AT_WORD | ANYWHERE };
        at += 1;
    }
    bytes
};

/// Calls `found` for every kind of secret in a text, reading it once.
fn scan(text: &str, found: &mut dyn FnMut(&'static str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Nearly all bytes of a text begin nothing, and all are looked at: no more than this is asked of most.
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        if BYTES[usize::from(bytes[at])].0 & BYTES[usize::from(before)].1 == 0 {
            at += 1;
            continue;
        }
        match bytes[at] {
            b'0'..=b'9' => at = digits(bytes, at, found),
            b'-' if bytes[at..].starts_with(b"-----BEGIN ") && private_key(&bytes[at..]) => {
                found("private key");
                at += 20;
            }
            b'-' => at += 1,
            _ => {
                if let Some(what) = key(&bytes[at..]) {
                    found(what);
                }
                at += 1;
            }
        }
    }
}

fn private_key(bytes: &[u8]) -> bool {
    let line = &bytes[..bytes.len().min(64)];
    line.windows(16).any(|window| window == b"PRIVATE KEY-----")
}

fn key(bytes: &[u8]) -> Option<&'static str> {
    let &(beginning, what, least) = KEYS.iter().find(|(beginning, _, _)| bytes.starts_with(beginning.as_bytes()))?;
    let rest = bytes[beginning.len()..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    let rest: Vec<u8> = rest.take(LONGEST_KEY).copied().collect();
    // `sk_live_xxxxxxxx` in a manual is no key: real ones mix letters and digits.
    let mixed = rest.iter().any(u8::is_ascii_digit) && rest.iter().any(u8::is_ascii_alphabetic);
    (rest.len() >= least && mixed).then_some(what)
}

/// A number that begins at `from`: gives where it ends.
fn digits(bytes: &[u8], from: usize, found: &mut dyn FnMut(&'static str)) -> usize {
    let (mut at, mut number) = (from, Vec::with_capacity(20));
    let mut groups: Vec<usize> = vec![0];
    while at < bytes.len() && number.len() <= 19 {
        match bytes[at] {
            byte if byte.is_ascii_digit() => {
                number.push(byte - b'0');
                if let Some(last) = groups.last_mut() {
                    *last += 1;
                }
            }
            b' ' | b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => groups.push(0),
            _ => break,
        }
        at += 1;
    }
    let goes_on = match bytes.get(at) {
        Some(b'.') => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        Some(byte) => byte.is_ascii_alphanumeric(),
        None => false,
    };
    let whole = !goes_on;
    let spelled = groups.len() == 1 || groups.iter().all(|group| (4..=6).contains(group));
    if whole && spelled && (13..=19).contains(&number.len()) && is_card(&number) {
        found("payment card number");
    } else if whole && groups == [3, 2, 4] && bytes[from + 3] == b'-' && is_social_security(&number) {
        found("social security number");
    }
    at.max(from + 1)
}

/// An issuer's beginning and length (Visa, Mastercard, American Express, Discover), and the check digit by Luhn.
fn is_card(number: &[u8]) -> bool {
    let begins = |count: usize| number[..count].iter().fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let issuer = match number.len() {
        13 | 19 => number[0] == 4,
        15 => matches!(begins(2), 34 | 37),
        16 => {
            number[0] == 4
                || (51..=55).contains(&begins(2))
                || (2221..=2720).contains(&begins(4))
                || begins(4) == 6011
                || begins(2) == 65
        }
        _ => false,
    };
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match (at % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    issuer && sum.is_multiple_of(10) && number.iter().any(|digit| *digit != number[0])
}

/// Numbers that are given out: no area 000, 666 or 9xx, no group 00, no serial 0000.
fn is_social_security(number: &[u8]) -> bool {
    let part = |from: usize, to: usize| number[from..to].iter().fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let area = part(0, 3);
    area != 0 && area != 666 && area < 900 && part(3, 5) != 0 && part(5, 9) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&'static str> {
        let mut all = Vec::new();
        scan(text, &mut |what| all.push(what));
        all
    }

    #[test]
    fn secrets_are_found_by_form_and_check_digit() {
        assert_eq!(found("card 4111 1111 1111 1111 ok"), ["payment card number"]);
        assert_eq!(found("4111111111111112"), Vec::<&str>::new());
        assert_eq!(found("order 4111-11, ssn 536-90-4399."), ["social security number"]);
        assert_eq!(found("key sk-proj-abc123def456ghi789jkl0 end"), ["OpenAI key"]);
        assert_eq!(found("OPENAI=sk-proj-abcdEFGHijklMNOPqrstUVWX1234567890"), ["OpenAI key"]);
        assert_eq!(found("-----BEGIN RSA PRIVATE KEY-----"), ["private key"]);
        assert_eq!(found("tracking 1736489368000000000 and 2024-05-15 15:00:00"), Vec::<&str>::new());
        assert_eq!(found("task-2 sk_live_xxxxxxxxxxxxxxxxxxxx"), Vec::<&str>::new());
    }
}
