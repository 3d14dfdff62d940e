//! An agent that goes in circles: the same call again and again, calls that alternate, or answers that hardly differ.
//!
//! Finds: one tool called with the same arguments (spacing, case and small changes of wording do not matter) several times in a
//! row; a cycle of two to four different calls that comes round several times; a model whose outputs one after another are nearly the
//! same.
//!
//! Silent when the results of the equal calls differ each time: that is polling, or paging. Silent when each call but the last
//! broke: that is trying again, of which `retry_storm` speaks.

use model::Severity;

use super::{Detector, Draft, Evidence, Setting, Tuned, When};
use crate::detect::evidence::Call;
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
            default: 0.9,
            about: "share of word pairs in common from which two texts are nearly equal",
        },
    ],
    check,
};

/// Longest cycle looked for.
const LONGEST_CYCLE: usize = 4;

fn check(evidence: &Evidence<'_>, tuned: &Tuned) -> Vec<Draft> {
    let mut found = repeats(evidence, tuned.count(0).max(2), tuned.get(3));
    if found.is_empty() {
        found.extend(cycle(evidence, tuned.count(1).max(2)));
    }
    if found.is_empty() {
        found.extend(outputs(evidence, tuned.count(2).max(2), tuned.get(3)));
    }
    found
}

/// Same tool, same or nearly the same arguments, and no sign that the world moved on between the calls.
fn repeats(evidence: &Evidence<'_>, least: usize, similarity: f64) -> Vec<Draft> {
    let calls = &evidence.calls;
    let mut found = Vec::new();
    let mut from = 0;
    while from < calls.len() {
        let mut to = from + 1;
        let mut likeness = None;
        while to < calls.len() && same(&calls[from], &calls[to], similarity, &mut likeness) {
            to += 1;
        }
        let streak = &calls[from..to];
        if streak.len() >= least && !moves_on(streak) && !is_retry(streak) {
            let name = streak[0].name;
            let arguments = streak[0].arguments.map(|it| text::short(&text::as_text(it), 80)).unwrap_or_default();
            found.push(
                Draft::new(
                    Severity::Warning,
                    name,
                    format!("`{name}` was called {} times in a row with the same arguments: {arguments}", streak.len()),
                )
                .spans(streak.iter().rev().map(|call| evidence.span_id(call.step)))
                .with("repeats", streak.len())
                .with("tool", name),
            );
        }
        from = to;
    }
    found
}

fn same(first: &Call<'_>, other: &Call<'_>, similarity: f64, likeness: &mut Option<Likeness>) -> bool {
    if first.key == other.key {
        return true;
    }
    // Nearly the same arguments count only where the answer is the same too.
    if first.name != other.name || first.result_key == 0 || first.result_key != other.result_key {
        return false;
    }
    let (Some(one), Some(two)) = (first.arguments, other.arguments) else { return false };
    likeness.get_or_insert_with(|| Likeness::of_json(one)).with(&Likeness::of_json(two)) >= similarity
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
            if run >= period * (least - 1) {
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
        let agent = streak.first().is_none_or(|&from| evidence.rounds[from].agent == round.agent);
        if agent && !streak.is_empty() && first.with(&likeness) >= similarity {
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
