//! A tool failed, never worked afterwards, and the agent answered as if nothing had happened.
//!
//! Finds: the last result of a tool in the run is a failure (by its span or by its text), and the final answer is confident: it admits
//! no failure, offers no second try and hands over to nobody.
//!
//! Silent when the same tool succeeded later, when another tool succeeded after it (the agent found another way), and when the answer
//! owns up, or speaks of what the error says (two of its longer words come back): a tool that says no is a rule at work, and telling the
//! user so is right.

use std::collections::HashMap;

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When, admits};
use crate::detect::text;

pub(super) const DETECTOR: Detector = Detector {
    name: "error_then_answer",
    source: include_str!("error_then_answer.rs"),
    when: When::End,
    settings: &[],
    check,
};

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let Some(answer) = &evidence.answer else { return Vec::new() };
    if evidence.calls.iter().all(|call| !call.state.is_failure()) || evidence.admits() {
        return Vec::new();
    }
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (at, call) in evidence.calls.iter().enumerate() {
        last.insert(call.name, at);
    }
    let worked = evidence.calls.iter().rposition(|call| !call.state.is_failure());
    let mut failed: Vec<usize> = last
        .into_values()
        .filter(|&at| evidence.calls[at].state.is_failure() && worked.is_none_or(|worked| worked < at))
        .collect();
    failed.sort_unstable();
    let Some(&at) = failed.last() else { return Vec::new() };
    let call = &evidence.calls[at];
    // In a conversation the last words may be a farewell: what was said since the failure counts.
    let since = evidence.steps[call.step].span.start;
    let said_since = evidence.rounds.iter().filter(|round| evidence.steps[round.step].span.start >= since);
    if said_since.clone().any(|round| admits(&round.text) || speaks_of(&round.text, evidence, call)) {
        return Vec::new();
    }
    if speaks_of(&answer.text, evidence, call) {
        return Vec::new();
    }
    let said = call.result.map(|result| text::short(&text::as_text(result), 80));
    let error = said.or_else(|| evidence.steps[call.step].span.error_message.as_deref().map(|it| text::short(it, 80)));
    let message = format!(
        "`{}` failed ({}) and never worked, yet the answer does not mention it: {}",
        call.name,
        error.unwrap_or_else(|| "no reason given".into()),
        text::short(&answer.text, 80)
    );
    let spans = std::iter::once(answer.step).chain(failed.iter().rev().map(|&at| evidence.calls[at].step));
    vec![
        Draft::new(Severity::Warning, call.name, message)
            .spans(spans.map(|step| evidence.span_id(step)))
            .with("tool", call.name),
    ]
}

/// Whether an answer repeats what the error of a call says.
fn speaks_of(answer: &str, evidence: &Evidence<'_>, call: &crate::detect::evidence::Call<'_>) -> bool {
    let said = call.result.map(text::as_text).unwrap_or_default();
    let error = evidence.steps[call.step].span.error_message.as_deref().unwrap_or_default();
    let telling = |word: &&str| word.len() >= 5 && !["error", "failed", "exception"].contains(&&*word.to_lowercase());
    let words =
        |text: &'_ str| text::words(text::head(text, 600)).filter(telling).map(text::word_hash).collect::<Vec<_>>();
    let of_error: std::collections::HashSet<u64> = words(&said).into_iter().chain(words(error)).collect();
    let mut both: Vec<u64> = text::words(answer).map(text::word_hash).filter(|hash| of_error.contains(hash)).collect();
    both.sort_unstable();
    both.dedup();
    both.len() >= 2
}
