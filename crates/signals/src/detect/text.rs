//! What detectors ask of texts and JSON values: their words, a hash that does not mind spacing or case, how alike two are.
//!
//! Hashes stay the same on every machine, since fingerprints and baselines are kept: FNV-1a where single bytes go in, xxHash64
//! where whole texts do.

use std::borrow::Cow;
use std::hash::Hasher;

use aho_corasick::AhoCorasick;
use serde_json::Value as Json;
use twox_hash::XxHash64;

/// Bytes of one text that are looked at. Longer ones are judged by their beginning.
pub const MOST_BYTES: usize = 16_384;
/// Hashes kept of a text's word pairs; two texts are compared by them. 64 give the similarity within about 0.06.
const SKETCH: usize = 64;

/// `text` cut to at most `bytes`, at a character's boundary.
pub fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes.min(text.len()))]
}

/// The last `bytes` of `text` at most, from a character's boundary.
pub fn tail(text: &str, bytes: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes))..]
}

/// The words of a text: runs of letters and digits.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    head(text, MOST_BYTES).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// FNV-1a over bytes that are changed on the way in.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn put(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

/// Hash of a word, whatever its case.
pub fn word_hash(word: &str) -> u64 {
    let mut hash = Fnv::new();
    word.bytes().for_each(|byte| hash.put(byte.to_ascii_lowercase()));
    hash.0
}

/// Hash of several texts in order.
pub fn hash_of(parts: &[&str]) -> u64 {
    let mut hasher = XxHash64::with_seed(0);
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0x1f);
    }
    hasher.finish()
}

/// Sixteen hexadecimal digits of a hash of several texts.
pub fn fingerprint(parts: &[&str]) -> String {
    format!("{:016x}", hash_of(parts))
}

/// Hash of a value by its words: spacing, case and punctuation do not matter, names and order do.
pub fn json_key(value: &Json) -> u64 {
    let mut hash = Fnv::new();
    feed(value, &mut hash);
    hash.0
}

fn feed(value: &Json, hash: &mut Fnv) {
    match value {
        Json::Null => hash.put(0),
        Json::Bool(yes) => hash.put(1 + u8::from(*yes)),
        Json::Number(number) => {
            number.as_f64().unwrap_or(f64::NAN).to_le_bytes().into_iter().for_each(|byte| hash.put(byte))
        }
        Json::String(text) => {
            // Operators count: `a > 1` and `a < 1` are two calls.
            for byte in head(text, MOST_BYTES).bytes().filter(|byte| !byte.is_ascii_whitespace()) {
                hash.put(byte.to_ascii_lowercase());
            }
        }
        Json::Array(items) => items.iter().for_each(|item| {
            feed(item, hash);
            hash.put(0xfe);
        }),
        Json::Object(members) => members.iter().for_each(|(name, member)| {
            name.bytes().for_each(|byte| hash.put(byte));
            hash.put(0xff);
            feed(member, hash);
        }),
    }
}

/// Calls `each` for every text in a value.
pub fn each_text<'a>(value: &'a Json, each: &mut impl FnMut(&'a str)) {
    match value {
        Json::String(text) => each(text),
        Json::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        Json::Object(members) => members.values().for_each(|member| each_text(member, each)),
        _ => {}
    }
}

/// A value as text: a string as it is, anything else as JSON.
pub fn as_text(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// The smallest hashes of a text's pairs of neighbouring words: enough to say how alike two texts are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Likeness(Vec<u64>);

impl Likeness {
    /// Of a text.
    pub fn of(text: &str) -> Self {
        Self::of_all([text])
    }

    fn of_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut hashes, mut before) = (Vec::new(), 0u64);
        for text in texts {
            for word in words(text) {
                let hash = word_hash(word);
                hashes.push((before.rotate_left(5) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                before = hash;
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes.truncate(SKETCH);
        Self(hashes)
    }

    /// Share of word pairs that two texts have in common, 0 to 1. Two empty texts are not alike.
    pub fn with(&self, other: &Self) -> f64 {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let (mut seen, mut both) = (0usize, 0usize);
        while seen < SKETCH {
            match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x == y => {
                    both += 1;
                    a.next();
                    b.next();
                }
                (Some(x), Some(y)) if x < y => drop(a.next()),
                (_, Some(_)) => drop(b.next()),
                (Some(_), None) => drop(a.next()),
                (None, None) => break,
            }
            seen += 1;
        }
        if seen == 0 { 0.0 } else { both as f64 / seen as f64 }
    }
}

/// Whether the lower-cased `text` holds one of `phrases` (given in lower case); which one. For what is seldom asked: [`Phrases`] are found
/// sooner.
pub fn phrase<'p>(lower: &str, phrases: &[&'p str]) -> Option<&'p str> {
    phrases.iter().copied().find(|phrase| lower.contains(phrase))
}

/// Phrases that are looked for together: one walk through a text finds all of them, however many there are.
#[derive(Debug)]
pub struct Phrases(AhoCorasick);

impl Phrases {
    /// Those of a list, given in lower case.
    pub fn new<'p>(phrases: impl IntoIterator<Item = &'p &'p str>) -> Self {
        Self(AhoCorasick::new(phrases).expect("a short list of phrases fits an automaton"))
    }

    /// Whether a lower-cased text holds one of them.
    pub fn are_in(&self, lower: &str) -> bool {
        self.0.is_match(lower)
    }

    /// Which of those that a lower-cased text holds is the first of the list: its place there.
    pub fn first_in(&self, lower: &str) -> Option<usize> {
        self.0.find_overlapping_iter(lower).map(|found| found.pattern().as_usize()).min()
    }
}

/// A name in lower case.
pub fn lower_name(name: &str) -> Cow<'_, str> {
    let is_lower = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}

/// The first `bytes` of a text in lower case, with typographic apostrophes made plain, so that phrases are found.
pub fn lower(text: &str, bytes: usize) -> String {
    let head = head(text, bytes);
    if head.is_ascii() { head.to_ascii_lowercase() } else { head.replace('\u{2019}', "'").to_lowercase() }
}

/// So many of something, as a person says it.
pub fn count(number: u64, of: &str) -> String {
    format!("{} {of}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with separators, as the command line and the pages write it: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration as a person reads it, and as the pages write it: `850 µs`, `12 ms`, `3.42 s`, `13.6 s`, `2 m 05 s`, `1 h 12 m`.
pub fn duration(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms if ms < 59_950.0 => format!("{:.1} s", ms / 1e3),
        ms if ms < 3_599_500.0 => {
            let seconds = (ms / 1e3).round() as u64;
            format!("{} m {:02} s", seconds / 60, seconds % 60)
        }
        ms => {
            let minutes = (ms / 60e3).round() as u64;
            format!("{} h {:02} m", minutes / 60, minutes % 60)
        }
    }
}

/// A text in one line, at most `chars` characters, for messages.
pub fn short(text: &str, chars: usize) -> String {
    let mut line = String::new();
    for word in head(text, chars * 8).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_counts_are_written_as_people_read_them() {
        let times = [0.85, 12.4, 999.6, 9_990.0, 13_561.0, 59_960.0, 125_000.0, 4_320_000.0];
        let said = ["850 µs", "12 ms", "1.00 s", "9.99 s", "13.6 s", "1 m 00 s", "2 m 05 s", "1 h 12 m"];
        assert_eq!(times.map(duration), said);
        assert_eq!([7, 999, 5_520, 1_048_576].map(grouped), ["7", "999", "5,520", "1,048,576"]);
    }

    #[test]
    fn spacing_and_case_do_not_make_another_call_but_an_operator_does() {
        assert_eq!(json_key(&json!({"q": "SELECT  a "})), json_key(&json!({"q": "select a"})));
        assert_ne!(json_key(&json!({"q": "a > 1"})), json_key(&json!({"q": "a < 1"})));
        assert_ne!(json_key(&json!({"q": "a", "r": "b"})), json_key(&json!({"q": "b", "r": "a"})));
    }

    #[test]
    fn likeness_is_one_for_the_same_words_and_small_for_others() {
        let a = "I will look up the order and then see whether the refund is due under the rules of the shop";
        let b = "I will look up the order, and then see whether the refund is due under the rules of this shop.";
        let c = "Weather in Lisbon is fine today with light wind from the west and some clouds in the evening";
        assert!(Likeness::of(a).with(&Likeness::of(b)) > 0.75);
        assert!(Likeness::of(a).with(&Likeness::of(c)) < 0.1);
        assert_eq!(Likeness::of("").with(&Likeness::of("")), 0.0);
    }

    #[test]
    fn of_the_phrases_in_a_text_the_first_of_the_list_is_told_wherever_it_stands() {
        let listed = ["can't help", "help", "no help at all", "désolé"];
        let phrases = Phrases::new(&listed);
        for said in ["help", "no help at all", "i can't help you", "je suis désolé", "nothing", "", "helpdésolé"] {
            let expected = phrase(said, &listed);
            assert_eq!(phrases.first_in(said).map(|at| listed[at]), expected, "{said}");
            assert_eq!(phrases.are_in(said), expected.is_some(), "{said}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(tail("éa", 2), "a");
        assert_eq!(short("one  two\nthree", 7), "one two…");
        assert_eq!([count(0, "step"), count(1, "step"), count(2, "step")], ["0 steps", "1 step", "2 steps"]);
    }
}
