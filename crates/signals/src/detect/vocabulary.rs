//! Drift of the words in answers, without a model.
//!
//! The words of the first answers of a kind of run are the reference. Of every later one the share of its words that are not among those is
//! a number like any other, and is watched as one ([`super::drift`]): another subject, another language, another voice bring other words. After
//! a change the reference is learned anew. Kept in memory only: after a restart it is learned again.

use model::Run;

use super::drift::{Settings, Shift, Watch};
use super::features::{Features, Value};
use super::text;

/// Answers that make the reference.
const REFERENCE: u32 = 60;
/// Bytes of an answer that are looked at.
const LOOKED_AT: usize = 4_000;
/// Different words that an answer must have: of fewer a share says little.
const LEAST_WORDS: usize = 8;
/// Bits of the set of known words; two words may share one.
const BITS: u64 = 65_536;
/// The name of the number among features.
pub const FEATURE: &str = "vocabulary";

/// The words of one kind of run.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    known: Vec<u64>,
    seen: u32,
    watch: Watch,
}

impl Vocabulary {
    /// Takes in a run's answer; gives the change that it makes certain.
    pub fn push(&mut self, run: &Run, answer: &str, settings: &Settings) -> Option<Shift> {
        let words = words_of(answer);
        if words.len() < LEAST_WORDS {
            return None;
        }
        if self.seen < REFERENCE {
            self.known.resize((BITS / 64) as usize, 0);
            for word in &words {
                let (at, bit) = place(*word);
                self.known[at] |= bit;
            }
            self.seen += 1;
            return None;
        }
        let is_new = |word: &&u64| {
            let (at, bit) = place(**word);
            self.known[at] & bit == 0
        };
        let new = words.iter().filter(is_new).count();
        let mut features = Features::default();
        features.values.insert(FEATURE.into(), Value::Number(new as f64 / words.len() as f64));
        for (name, value) in [("version", &run.agent_version), ("session", &run.session_id), ("user", &run.user_id)] {
            if let Some(value) = value {
                features.groups.insert(name, value.to_string());
            }
        }
        let shift = self.watch.push(run, &features, settings)?;
        *self = Self::default();
        Some(shift)
    }
}

/// Where a word's bit is: element, and the bit in it.
fn place(word: u64) -> (usize, u64) {
    ((word / 64) as usize, 1u64 << (word % 64))
}

/// The places of an answer's words in the set, each once. Names of things with digits, and the shortest words, say nothing of how it speaks.
fn words_of(answer: &str) -> Vec<u64> {
    let words = text::words(text::head(answer, LOOKED_AT));
    let words = words.filter(|word| word.chars().count() >= 3 && !word.bytes().any(|byte| byte.is_ascii_digit()));
    let mut places: Vec<u64> = words.map(|word| text::word_hash(word) % BITS).collect();
    places.sort_unstable();
    places.dedup();
    places
}
