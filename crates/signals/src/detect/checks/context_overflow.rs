//! More was sent to a model than its context window holds.
//!
//! Finds: the wording of every provider for it in a failed model call (OpenAI, Anthropic, Google, Bedrock, Mistral, Cohere, Groq,
//! DeepSeek, xAI, Together, Moonshot, MiniMax, Qwen, watsonx, GitHub, vLLM, SGLang, TGI, Ollama, llama.cpp), and the same in what a framework reports;
//! and, in a failed model call, any wording that speaks of the context, or of the tokens of prompt or input, and of too much.
//!
//! Silent on other errors, on limits of rate and on limits of the output; `near_overflow` speaks before it happens.

use std::sync::LazyLock;

use model::{Severity, SpanStatus, StepKind};

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text::{self, Phrases};

pub(super) const DETECTOR: Detector = Detector {
    name: "context_overflow",
    source: include_str!("context_overflow.rs"),
    when: When::Steps,
    settings: &[],
    check,
};

/// Wordings, in lower case, from the providers' published errors.
const WORDINGS: &[&str] = &[
    "context_length_exceeded",
    "contextwindowexceeded",
    "context window exceeded",
    "maximum context length",
    "prompt is too long",
    "input is too long",
    "input length and `max_tokens` exceed context limit",
    "exceeds the maximum number of tokens",
    "exceeds the context window",
    "exceed context limit",
    "exceeds the maximum context",
    "exceeds the available context size",
    "exceeds maximum context length",
    "too many tokens: size limit exceeded",
    "tokens in the prompt cannot exceed",
    "cannot exceed the total tokens limit",
    "maximum prompt length is",
    "input tokens exceed the configured limit",
    "exceeded model token limit",
    "range of input length should be",
    "context window exceeds limit",
    "longer than the model's context length",
    "`inputs` must have less than",
    "`inputs` tokens + `max_new_tokens` must be",
    "prompt token count of",
    "too many input tokens",
    "input token count",
    "string too long. expected a string with maximum length",
    "request_too_large",
    "please reduce the length of the messages",
    "please reduce the length of the prompt",
    "reduce your prompt",
    "longer than the maximum model length",
    "longest the model can handle",
    "model_context_window_exceeded",
    "n_ctx",
    "prompt contains too many tokens",
    "larger than the model's context",
];

/// Words for what is too small, for being too much, and for limits of another kind.
const WINDOW: &[&str] =
    &["context length", "context window", "context size", "context limit", "context_length", "context_window"];
const SENT: &[&str] = &["prompt", "input", "messages"];
const TOO_MUCH: &[&str] = &[
    "exceed",
    "too long",
    "too large",
    "too many",
    "too big",
    "greater than",
    "longer than",
    "larger than",
    "more than",
    "overflow",
    "over the limit",
    "beyond",
    "does not fit",
    "doesn't fit",
];
const OTHER_LIMITS: &[&str] =
    &["per min", "per day", "per hour", "per second", "rate limit", "rate_limit", "quota", "tpm", "billing", "credit"];

/// The wording that speaks of a window that is too small. Of errors of model calls any that says so counts, not only the known ones.
fn overflows(said: &str, is_model_error: bool) -> Option<&'static str> {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(WORDINGS));
    let lower = text::lower(said, 1_000);
    let known = PHRASES.first_in(&lower).map(|at| WORDINGS[at]);
    if known.is_some() || !is_model_error || text::phrase(&lower, OTHER_LIMITS).is_some() {
        return known;
    }
    let too_much = text::phrase(&lower, TOO_MUCH)?;
    let of_window = text::phrase(&lower, WINDOW).is_some();
    let of_tokens = lower.contains("token") && text::phrase(&lower, SENT).is_some();
    (of_window || of_tokens).then_some(too_much)
}

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    for (at, step) in evidence.steps.iter().enumerate() {
        let span = &step.span;
        if span.status != SpanStatus::Error && span.finish_reason.is_none() {
            continue;
        }
        let is_model_error = span.status == SpanStatus::Error && span.kind == StepKind::Llm;
        for said in [&span.error_type, &span.error_message, &span.finish_reason].into_iter().flatten() {
            if let Some(wording) = overflows(said, is_model_error) {
                let model = span.model.as_deref().unwrap_or("the model");
                let message = format!("the context of {model} overflowed: {}", text::short(said, 140));
                return vec![
                    Draft::new(Severity::Warning, model, message)
                        .spans([evidence.span_id(at)])
                        .with("model", model)
                        .with("wording", wording),
                ];
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_too_small_is_known_in_words_that_nobody_listed() {
        for message in [
            "Requested tokens (5012) exceed context window of 4096",
            "The estimated number of input and maximum output tokens (40000) exceeded this model context window limit (24000).",
            "The number of tokens to keep from the initial prompt is greater than the context length",
            "the conversation does not fit the context size of this deployment",
        ] {
            assert!(overflows(message, true).is_some(), "{message}");
            // A tool may say so of something else.
            assert_eq!(overflows(message, false), None, "{message}");
        }
        for message in [
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 41000 input tokens.",
            "max_tokens is too large: 20000. This model supports at most 16384 completion tokens.",
            "You exceeded your current quota of input tokens, please check your plan",
            "the image in the prompt is too large",
        ] {
            assert_eq!(overflows(message, true), None, "{message}");
        }
    }
}
