//! A tool gave something, and nothing said or done afterwards uses any of it.
//!
//! Finds: the last successful tool call before the answer returned texts with distinctive words (ids, names, longer words), of which none comes back
//! in the answer.
//!
//! Silent for tools that change something (their receipt need not be quoted), for results with fewer than five distinctive words, for
//! answers that admit a failure, and when the arguments themselves hold those words.

use std::collections::HashSet;

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::results::State;
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "ignored_result",
    source: include_str!("ignored_result.rs"),
    when: When::End,
    settings: &[Setting { name: "words", default: 5.0, about: "distinctive words a result must hold" }],
    check,
};

/// Bytes of each text of a result that are looked at.
const LOOKED_AT: usize = 2_000;

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let (Some(answer), Some(call)) = (&evidence.answer, evidence.calls.last()) else { return Vec::new() };
    let Some(result) = call.result.filter(|_| call.state == State::Ok && !evidence.changes(call.name)) else {
        return Vec::new();
    };
    if answer.text.len() < 40 || evidence.admits() {
        return Vec::new();
    }
    let asked = call.arguments.map(|it| text::as_text(it).into_owned()).unwrap_or_default();
    let before: HashSet<u64> = text::words(&asked).map(text::word_hash).collect();
    let mut told: HashSet<u64> = HashSet::new();
    text::each_text(result, &mut |said| {
        let words = text::words(text::head(said, LOOKED_AT)).filter(|word| distinctive(word));
        told.extend(words.map(text::word_hash).filter(|hash| !before.contains(hash)));
    });
    let used = text::words(&answer.text).any(|word| told.contains(&text::word_hash(word)));
    if used || told.len() < tuned.count(0).max(1) {
        return Vec::new();
    }
    let message = format!("nothing of what `{}` returned comes back in the answer", call.name);
    vec![
        Draft::new(Severity::Info, call.name, message)
            .spans([evidence.span_id(answer.step), evidence.span_id(call.step)])
            .with("tool", call.name)
            .with("distinctive_words", told.len()),
    ]
}

/// Numbers, ids and longer words: what an answer about a result could hardly avoid.
fn distinctive(word: &str) -> bool {
    word.len() >= 7 || (word.len() >= 2 && word.bytes().any(|byte| byte.is_ascii_digit()))
}
