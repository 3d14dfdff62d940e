//! More was sent to a model than its context window holds.
//!
//! Finds: the wording of every provider for it in a failed model call (OpenAI, Anthropic, Google, Bedrock, Mistral, Cohere, Groq,
//! DeepSeek, xAI, Together, Moonshot, MiniMax, Qwen, watsonx, GitHub, vLLM, SGLang, TGI, Ollama, llama.cpp), and the same in what a framework reports.
//!
//! Silent on other errors; `near_overflow` speaks before it happens.

use model::{Severity, SpanStatus};

use super::{Detector, Draft, Evidence, Tuned, When};
use crate::detect::text;

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

fn check(evidence: &Evidence<'_>, _: &Tuned) -> Vec<Draft> {
    for (at, step) in evidence.steps.iter().enumerate() {
        let span = &step.span;
        if span.status != SpanStatus::Error && span.finish_reason.is_none() {
            continue;
        }
        for said in [&span.error_type, &span.error_message, &span.finish_reason].into_iter().flatten() {
            if let Some(wording) = text::phrase(&text::lower(said, 1_000), WORDINGS) {
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
