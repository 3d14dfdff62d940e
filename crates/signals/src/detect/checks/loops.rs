//! An agent that goes in circles: the same call again and again, calls that alternate, or answers that hardly differ.
//!
//! Finds: one tool called with the same arguments several times in a row (spacing and case do not matter, nor does the wording where the
//! result is the same each time and no number or id in the arguments differs); a cycle of two to four different calls that comes round
//! several times; a model whose outputs one after another are nearly the same.
//!
//! Silent when the results of the equal calls differ each time: that is polling, or paging. Silent when each call but the last
//! broke: that is trying again, of which `retry_storm` speaks. Silent on other wordings of calls that change something, and on outputs of
//! which each asks for another call: that is work on one thing after another.

use std::collections::BTreeSet;

use model::Severity;
use serde_json::Value as Json;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::evidence::{Call, Round};
use crate::detect::results::State;
use crate::detect::text::{self, Likeness};

pub(super) const DETECTOR: Detector = Detector {
    name: "loop",
    source: include_str!("loops.rs"),
    when: When::Steps,
    settings: &[
        Setting { name: "repeats", default: 3.0, about: "equal calls in a row" },
        Setting { name: "cycles", default: 3.0, about: "times a cycle of several calls comes round" },
        Setting { name: "outputs", default: 3.0, about: "nearly equal outputs of a model in a row" },
        Setting {
            name: "similarity",
            default: 0.8,
            about: "share of word pairs in common from which two outputs are nearly equal",
        },
        Setting {
            name: "wording",
            default: 0.6,
            about: "share of words in common from which arguments with the same result are another wording of the same",
        },
    ],
    check,
};

/// Words that arguments must hold to be worded in more than one way: names of people and places are fewer.
const LEAST_WORDS: usize = 4;
/// Longest cycle looked for.
const LONGEST_CYCLE: usize = 4;

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut found = repeats(evidence, tuned.count(0).max(2), tuned.get(4));
    if found.is_empty() {
        found.extend(cycle(evidence, tuned.count(1).max(2)));
    }
    if found.is_empty() {
        found.extend(outputs(evidence, tuned.count(2).max(2), tuned.get(3)));
    }
    found
}

/// Same tool, same or nearly the same arguments, and no sign that the world moved on between the calls.
fn repeats(evidence: &Evidence<'_>, least: usize, wording: f64) -> Vec<Draft> {
    let calls = &evidence.calls;
    let mut found = Vec::new();
    let mut from = 0;
    while from < calls.len() {
        let mut to = from + 1;
        while to < calls.len() && same(evidence, &calls[from], &calls[to], wording) {
            to += 1;
        }
        let streak = &calls[from..to];
        if streak.len() >= least && !moves_on(streak) && !is_retry(streak) {
            let name = streak[0].name;
            let arguments = streak[0].arguments.map(|it| format!(": {}", text::short(&text::as_text(it), 80)));
            let how = match (&arguments, streak.iter().all(|call| call.key == streak[0].key)) {
                (None, _) => "no arguments that are known",
                (Some(_), true) => "the same arguments",
                (Some(_), false) => "the same request in other words",
            };
            let shown = arguments.as_deref().unwrap_or_default();
            let message = format!("`{name}` was called {} times in a row with {how}{shown}", streak.len());
            found.push(
                Draft::new(Severity::Warning, name, message)
                    .spans(streak.iter().rev().map(|call| evidence.span_id(call.step)))
                    .with("repeats", streak.len())
                    .with("tool", name),
            );
        }
        from = to;
    }
    found
}

fn same(evidence: &Evidence<'_>, first: &Call<'_>, other: &Call<'_>, wording: f64) -> bool {
    if first.key == other.key {
        return true;
    }
    // Another wording counts only where the answer is the same too.
    if first.name != other.name || first.result_key == 0 || first.result_key != other.result_key {
        return false;
    }
    let (Some(one), Some(two)) = (first.arguments, other.arguments) else { return false };
    !evidence.changes(first.name) && is_rewording(one, two, wording)
}

/// Whether two values say the same in other words: texts with enough words in common, and no number, id or member that differs.
fn is_rewording(one: &Json, two: &Json, least: f64) -> bool {
    let (Some((said, ids)), Some((said_again, ids_again))) = (spoken(one), spoken(two)) else { return false };
    let both = said.intersection(&said_again).count();
    let all = said.union(&said_again).count();
    ids == ids_again && both as f64 >= least * all as f64
}

/// The words of a value, and what of it must not differ: numbers, members' names, words with digits. `None` where it is not words enough to
/// be worded in more than one way.
fn spoken(value: &Json) -> Option<(BTreeSet<u64>, BTreeSet<u64>)> {
    fn feed(value: &Json, said: &mut BTreeSet<u64>, ids: &mut BTreeSet<u64>) {
        match value {
            Json::String(text) => {
                for word in text::words(text) {
                    let of = if word.bytes().any(|byte| byte.is_ascii_digit()) { &mut *ids } else { &mut *said };
                    of.insert(text::word_hash(word));
                }
            }
            Json::Array(items) => items.iter().for_each(|item| feed(item, said, ids)),
            Json::Object(members) => members.iter().for_each(|(name, member)| {
                ids.insert(text::word_hash(name));
                feed(member, said, ids);
            }),
            other => {
                ids.insert(text::json_key(other));
            }
        }
    }
    let (mut said, mut ids) = (BTreeSet::new(), BTreeSet::new());
    feed(value, &mut said, &mut ids);
    (said.len() >= LEAST_WORDS).then_some((said, ids))
}

/// Every call gave something else: polling, paging, a game.
fn moves_on(streak: &[Call<'_>]) -> bool {
    let told = streak.iter().all(|call| call.result_key != 0 && !call.state.is_failure());
    told && streak.windows(2).all(|pair| pair[0].result_key != pair[1].result_key)
}

/// Every call but the last broke: it was tried again. `retry_storm` speaks where that goes on.
fn is_retry(streak: &[Call<'_>]) -> bool {
    streak[..streak.len() - 1].iter().all(|call| call.state == State::Failed)
}

/// A, B, A, B, … with equal arguments each time.
fn cycle(evidence: &Evidence<'_>, least: usize) -> Option<Draft> {
    let calls = &evidence.calls;
    for period in 2..=LONGEST_CYCLE {
        let mut run = 0;
        for at in period..calls.len() {
            let equal =
                calls[at].key == calls[at - period].key && calls[at].result_key == calls[at - period].result_key;
            run = if equal { run + 1 } else { 0 };
            // The same call over and over is no cycle: how often that may be is another setting.
            let differ = || calls[at - period..at].iter().any(|call| call.key != calls[at].key);
            if run >= period * (least - 1) && differ() {
                let part = &calls[at + 1 - period * least..=at];
                let names: Vec<&str> = part[..period].iter().map(|call| call.name).collect();
                return Some(
                    Draft::new(
                        Severity::Warning,
                        names.join(","),
                        format!(
                            "the calls {} came round {least} times with the same arguments and results",
                            names.join(", ")
                        ),
                    )
                    .spans(part.iter().rev().map(|call| evidence.span_id(call.step)))
                    .with("period", period)
                    .with("cycles", least),
                );
            }
        }
    }
    None
}

/// Two outputs that say nearly the same and ask for different calls: work on one thing after another.
fn asks_for_another(before: &Round<'_>, after: &Round<'_>) -> bool {
    let calls = |round: &Round<'_>| -> Vec<(u64, u64)> {
        round.asked.iter().map(|asked| (text::word_hash(asked.name), text::json_key(asked.arguments))).collect()
    };
    !after.asked.is_empty() && calls(before) != calls(after)
}

/// A model that says nearly the same over and over.
fn outputs(evidence: &Evidence<'_>, least: usize, similarity: f64) -> Option<Draft> {
    let mut streak: Vec<usize> = Vec::new();
    let mut first = Likeness::default();
    for (at, round) in evidence.rounds.iter().enumerate() {
        // Short texts are alike by chance: "Let me look that up."
        if round.text.len() < 60 {
            streak.clear();
            continue;
        }
        let likeness = Likeness::of(&round.text);
        let goes_on = streak.last().is_none_or(|&last| {
            let before = &evidence.rounds[last];
            before.agent == round.agent && !asks_for_another(before, round)
        });
        if goes_on && !streak.is_empty() && first.with(&likeness) >= similarity {
            streak.push(at);
        } else {
            streak = vec![at];
            first = likeness;
        }
        if streak.len() >= least {
            let said = text::short(&round.text, 80);
            return Some(
                Draft::new(
                    Severity::Warning,
                    "output",
                    format!("the model said nearly the same {} times in a row: {said}", streak.len()),
                )
                .spans(streak.iter().rev().map(|&at| evidence.span_id(evidence.rounds[at].step)))
                .with("repeats", streak.len()),
            );
        }
    }
    None
}
