//! What judgements about a run give: hallucinations, approvals, feedback.

use super::super::Id;
use super::{About, Score};

/// Whether a name is that of an approval by a person: a word of it is.
pub(super) fn names_approval(name: &str) -> bool {
    // Asked of every step; few names are long enough and have a p.
    name.len() >= "approval".len()
        && name.bytes().any(|byte| byte | 0x20 == b'p')
        && name
            .split(|character: char| !character.is_ascii_alphabetic())
            .any(|word| word.eq_ignore_ascii_case("approval") || word.eq_ignore_ascii_case("approvals"))
}

pub(super) fn is_denial(outcome: &str) -> bool {
    let outcome = outcome.to_ascii_lowercase();
    ["denied", "deny", "reject", "declin"].iter().any(|word| outcome.contains(word))
}

/// The kind of hallucination a score tells of, if it tells of one.
pub(super) fn hallucination(score: &Score) -> Option<&str> {
    let name = score.name.to_ascii_lowercase();
    let word = |words: &[&str]| {
        score.label.as_deref().is_some_and(|label| words.contains(&label.to_ascii_lowercase().as_str()))
    };
    let found = if name.contains("hallucinat") {
        word(&["hallucinated", "hallucination", "yes", "true", "fail", "failed"])
            || (score.label.is_none() && score.value.is_some_and(|value| value > 0.5))
    } else if ["faithful", "grounded", "factual"].iter().any(|part| name.contains(part)) {
        word(&["unfaithful", "ungrounded", "unfactual", "no", "false", "fail", "failed"])
            || (score.label.is_none() && score.value.is_some_and(|value| value < 0.5))
    } else {
        false
    };
    found.then_some(&*score.name)
}

pub(super) fn of_scores<'a>(
    about: &About<'a>,
    scores: &'a [Score],
    out: &mut impl FnMut(Id, &[&'a str], f64, Option<usize>),
) {
    for score in scores {
        if let Some(kind) = hallucination(score) {
            out(Id::Hallucinations, &[about.agent, kind], 1.0, None);
        }
        if names_approval(&score.name) {
            let label = score.label.as_deref().unwrap_or_default().to_ascii_lowercase();
            let outcome = match () {
                () if label.contains("timeout") || label.contains("expired") => "timeout",
                () if is_denial(&label) || (label.is_empty() && score.value.is_some_and(|value| value <= 0.0)) => {
                    "denied"
                }
                () => "granted",
            };
            out(Id::Approvals, &[about.agent, outcome], 1.0, None);
        }
        let name = score.name.to_ascii_lowercase();
        if score.from_user || ["feedback", "thumb", "rating"].iter().any(|part| name.contains(part)) {
            out(Id::Feedback, &[about.agent, sentiment(score)], 1.0, None);
        }
    }
}

/// Thumbs are 1 and 0 or 1 and -1; a rating from 1 to 5 is good from 4 on and bad up to 2.
fn sentiment(score: &Score) -> &'static str {
    let word = score.label.as_deref().map(str::to_ascii_lowercase);
    match (word.as_deref(), score.value) {
        (Some("up" | "thumbs_up" | "positive" | "good" | "like" | "helpful" | "yes"), _) => "positive",
        (Some("down" | "thumbs_down" | "negative" | "bad" | "dislike" | "unhelpful" | "no"), _) => "negative",
        (_, Some(value)) if value <= 0.0 => "negative",
        (_, Some(value)) if value > 1.0 => match value {
            value if value >= 4.0 => "positive",
            value if value <= 2.0 => "negative",
            _ => "neutral",
        },
        (_, Some(value)) if value > 0.5 => "positive",
        (_, Some(value)) if value < 0.5 => "negative",
        _ => "neutral",
    }
}
