//! What judgements about a run give: hallucinations, approvals, feedback.

use super::{About, Observer, Score};
use crate::metrics::Id;
use crate::metrics::subject::Subject;
use crate::metrics::word::Word;

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

pub(super) fn of_scores(whole: &Subject<'_>, about: About, scores: &[Score], to: &mut impl Observer) {
    for score in scores {
        if let Some(name) = hallucination(score) {
            let about = About { subject: to.subject(&Subject { name, ..*whole }), ..about };
            to.take(about, Id::Hallucinations, Word::None, 1.0);
        }
        if names_approval(&score.name) {
            let label = score.label.as_deref().unwrap_or_default().to_ascii_lowercase();
            let outcome = match () {
                () if label.contains("timeout") || label.contains("expired") => Word::Timeout,
                () if is_denial(&label) || (label.is_empty() && score.value.is_some_and(|value| value <= 0.0)) => {
                    Word::Denied
                }
                () => Word::Granted,
            };
            to.take(about, Id::Approvals, outcome, 1.0);
        }
        let name = score.name.to_ascii_lowercase();
        if score.from_user || ["feedback", "thumb", "rating"].iter().any(|part| name.contains(part)) {
            to.take(about, Id::Feedback, sentiment(score), 1.0);
        }
    }
}

/// Thumbs are 1 and 0 or 1 and -1; a rating from 1 to 5 is good from 4 on and bad up to 2.
fn sentiment(score: &Score) -> Word {
    let word = score.label.as_deref().map(str::to_ascii_lowercase);
    match (word.as_deref(), score.value) {
        (Some("up" | "thumbs_up" | "positive" | "good" | "like" | "helpful" | "yes"), _) => Word::Positive,
        (Some("down" | "thumbs_down" | "negative" | "bad" | "dislike" | "unhelpful" | "no"), _) => Word::Negative,
        (_, Some(value)) if value <= 0.0 => Word::Negative,
        (_, Some(value)) if value > 1.0 => match value {
            value if value >= 4.0 => Word::Positive,
            value if value <= 2.0 => Word::Negative,
            _ => Word::Neutral,
        },
        (_, Some(value)) if value > 0.5 => Word::Positive,
        (_, Some(value)) if value < 0.5 => Word::Negative,
        _ => Word::Neutral,
    }
}
