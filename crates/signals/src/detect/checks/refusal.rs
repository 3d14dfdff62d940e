//! The model refused.
//!
//! Finds: a finish reason that says so (`content_filter`, `refusal`, `safety`, …), and an answer that begins with one of the phrases in
//! which models refuse ("I can't help with that"; the plainest of them in fifteen languages).
//!
//! Silent on business refusals that name a rule: "unable to process this refund" is an outcome, which drift and outcomes watch.

use std::sync::LazyLock;

use model::Severity;

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text::{self, Phrases};

pub(super) const DETECTOR: Detector =
    Detector { name: "refusal", source: include_str!("refusal.rs"), when: When::End, settings: &[], check };

/// Finish reasons of providers, folded.
const REASONS: &[&str] = &[
    "content_filter",
    "refusal",
    "safety",
    "recitation",
    "prohibited_content",
    "blocklist",
    "spii",
    "content_filtered",
    "guardrail_intervened",
    "image_safety",
    "error_toxic",
];
/// Phrases at the beginning of an answer, in lower case.
const PHRASES: &[&str] = &[
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i am sorry, but i cannot",
    "i'm sorry, i can't",
    "sorry, but i can't",
    "i can't help with",
    "i cannot help with",
    "i can't assist with",
    "i cannot assist with",
    "i'm not able to help with",
    "i am not able to help with",
    "i'm unable to help with",
    "i'm unable to assist",
    "i am unable to assist",
    "i can't provide",
    "i cannot provide",
    "i won't be able to help",
    "as an ai language model, i cannot",
    "as an ai, i cannot",
    "i must decline",
];

/// Phrases within the beginning of an answer in other languages, in lower case.
const ELSEWHERE: &[&str] = &[
    "dabei kann ich nicht helfen",
    "dabei kann ich ihnen nicht helfen",
    "dabei kann ich dir nicht helfen",
    "kann ich leider nicht helfen",
    "je ne peux pas vous aider",
    "je ne peux pas t'aider",
    "no puedo ayudarte con",
    "no puedo ayudarle con",
    "no puedo ayudar con",
    "non posso aiutarti",
    "non posso aiutarla",
    "não posso ajudar com",
    "ik kan je hier niet mee helpen",
    "我无法协助",
    "我无法帮助",
    "我不能协助",
    "ik kan u daar niet mee helpen",
    "nie mogę pomóc",
    "nie mogę w tym pomóc",
    "не могу помочь",
    "не могу с этим помочь",
    "bu konuda yardımcı olamam",
    "لا أستطيع مساعدتك",
    "لا يمكنني المساعدة",
    "मैं इसमें मदद नहीं कर सकता",
    "抱歉，我不能",
    "抱歉，我无法",
    "お手伝いできません",
    "お答えできません",
    "도와드릴 수 없",
];

/// Whether a text begins as models begin to refuse.
pub fn refuses(said: &str) -> bool {
    static ANYWHERE: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(ELSEWHERE));
    let lower = text::lower(said.trim_start(), 120);
    PHRASES.iter().any(|phrase| lower.starts_with(phrase)) || ANYWHERE.are_in(&lower)
}

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    let mut found: Option<(usize, String, bool)> = None;
    for round in &evidence.rounds {
        let reason = evidence.steps[round.step].span.finish_reason.as_deref();
        if let Some(reason) = reason.filter(|reason| REASONS.contains(reason)) {
            found = Some((round.step, format!("finish reason {reason}"), true));
        } else if !round.failed && round.asked.is_empty() && refuses(&round.text) {
            found = Some((round.step, text::short(&round.text, 100), false));
        }
    }
    let Some((step, why, by_reason)) = found else { return Vec::new() };
    let model = evidence.steps[step].span.model.as_deref().unwrap_or("the model");
    let ends = evidence.rounds.last().is_some_and(|round| round.step == step);
    let severity = if by_reason || ends { Severity::Warning } else { Severity::Info };
    vec![
        Draft::new(severity, model, format!("{model} refused: {why}"))
            .spans([evidence.span_id(step)])
            .with("model", model)
            .with("why", why),
    ]
}
