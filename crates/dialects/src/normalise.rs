//! Words of many spellings folded to one: kinds, providers, finish reasons.

use std::borrow::Cow;

use model::StepKind;

/// Lower case, with `_` for `-` and space: how words are compared.
pub(crate) fn fold(word: &str) -> Cow<'_, str> {
    let word = word.trim();
    if word.bytes().all(|byte| !byte.is_ascii_uppercase() && byte != b'-' && byte != b' ') {
        return Cow::Borrowed(word);
    }
    let mut folded = String::with_capacity(word.len());
    folded.extend(word.chars().map(|character| match character {
        '-' | ' ' => '_',
        other => other.to_ascii_lowercase(),
    }));
    Cow::Owned(folded)
}

/// Spellings of providers, folded, and OpenTelemetry's (`gen_ai.provider.name`). Sources: WIRE survey of SDKs.
const PROVIDERS: &[(&str, &str)] = &[
    ("amazon_bedrock", "aws.bedrock"),
    ("anthropic_claude", "anthropic"),
    ("aws", "aws.bedrock"),
    ("aws_bedrock", "aws.bedrock"),
    ("az.ai.inference", "azure.ai.inference"),
    ("az.ai.openai", "azure.ai.openai"),
    ("azure", "azure.ai.openai"),
    ("azure_ai", "azure.ai.inference"),
    ("azure_openai", "azure.ai.openai"),
    ("bedrock", "aws.bedrock"),
    ("bedrock_converse", "aws.bedrock"),
    ("claude", "anthropic"),
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("google_genai", "gcp.gemini"),
    ("google_generativeai", "gcp.gemini"),
    ("google.generative_ai", "gcp.gemini"),
    ("google_vertexai", "gcp.vertex_ai"),
    ("google.vertex", "gcp.vertex_ai"),
    ("grok", "x_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("vertex_ai", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("watsonx", "ibm.watsonx.ai"),
    ("xai", "x_ai"),
];

/// What Vercel's SDK appends to a provider's name for the API used (`openai.chat`, `openai.responses`).
const API_SUFFIXES: &[&str] =
    &[".chat", ".responses", ".messages", ".embedding", ".embeddings", ".completion", ".image", ".text"];

/// A provider in OpenTelemetry's spelling; names nobody listed keep theirs, in lower case.
pub(crate) fn provider(name: &str) -> Cow<'_, str> {
    let folded = fold(name);
    let lookup = |name: &str| PROVIDERS.iter().find(|(from, _)| *from == name).map(|(_, to)| Cow::Borrowed(*to));
    if let Some(known) = lookup(&folded) {
        return known;
    }
    for suffix in API_SUFFIXES {
        if let Some(stem) = folded.strip_suffix(suffix) {
            return lookup(stem).unwrap_or_else(|| Cow::Owned(stem.to_owned()));
        }
    }
    folded
}

/// Names that stand where a provider should and are a framework's.
pub(crate) fn is_framework(provider: &str) -> bool {
    matches!(
        provider,
        "strands_agents"
            | "langchain"
            | "langgraph"
            | "autogen"
            | "microsoft.agent_framework"
            | "crewai"
            | "llamaindex"
    )
}

/// Parts of words that newer versions of a client may use for a kind of step, the most telling first.
const KIND_WORDS: &[(&str, StepKind)] = &[
    ("embed", StepKind::Embedding),
    ("rerank", StepKind::Reranker),
    ("retriev", StepKind::Retriever),
    ("vector_search", StepKind::Retriever),
    ("guardrail", StepKind::Guardrail),
    ("handoff", StepKind::Handoff),
    ("evaluat", StepKind::Evaluator),
    ("tool", StepKind::Tool),
    ("function_call", StepKind::Tool),
    ("agent", StepKind::Agent),
    ("llm", StepKind::Llm),
    ("chat", StepKind::Llm),
    ("completion", StepKind::Llm),
    ("generat", StepKind::Llm),
    ("inference", StepKind::Llm),
    ("workflow", StepKind::Chain),
    ("chain", StepKind::Chain),
    ("task", StepKind::Chain),
];

/// The kind that a folded word nobody listed speaks of. Making or managing something is not doing it.
pub(crate) fn kind_in(word: &str) -> Option<StepKind> {
    if ["create", "update", "delete", "list", "schedule"].iter().any(|verb| word.starts_with(verb)) {
        return Some(StepKind::Chain);
    }
    KIND_WORDS.iter().find(|(part, _)| word.contains(part)).map(|(_, kind)| *kind)
}

/// Finish reasons that mean the same, folded. The words on the right are OpenAI's, the most common ones.
const FINISH: &[(&str, &str)] = &[
    ("tool_call", "tool_calls"),
    ("toolcalls", "tool_calls"),
    ("toolcall", "tool_calls"),
    ("tooluse", "tool_calls"),
    ("endturn", "stop"),
    ("stopsequence", "stop"),
    ("maxtokens", "length"),
    ("contentfilter", "content_filter"),
    ("finish_reason_unspecified", "unknown"),
    ("tool_use", "tool_calls"),
    ("function_call", "tool_calls"),
    ("end_turn", "stop"),
    ("stop_sequence", "stop"),
    ("eos", "stop"),
    ("max_tokens", "length"),
    ("max_output_tokens", "length"),
    ("model_length", "length"),
    ("safety", "content_filter"),
    ("content_filtered", "content_filter"),
    ("guardrail_intervened", "content_filter"),
];

/// A finish reason folded to one spelling: `FinishReason.TOOL_CALLS`, `tool-calls` and `tool_use` are all `tool_calls`.
pub(crate) fn finish_reason(word: &str) -> Cow<'_, str> {
    let word = word.rsplit('.').next().unwrap_or(word);
    let folded = fold(word);
    match FINISH.iter().find(|(from, _)| *from == folded) {
        Some((_, to)) => Cow::Borrowed(to),
        None => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_come_out_in_opentelemetrys_spelling() {
        for (sent, expected) in [
            ("OpenAI", "openai"),
            ("openai.chat", "openai"),
            ("openai.responses", "openai"),
            ("az.ai.openai", "azure.ai.openai"),
            ("vertex_ai", "gcp.vertex_ai"),
            ("gcp.vertex_ai", "gcp.vertex_ai"),
            ("google.generative-ai.chat", "gcp.gemini"),
            ("aws.bedrock", "aws.bedrock"),
            ("Some Startup", "some_startup"),
        ] {
            assert_eq!(provider(sent), expected, "{sent}");
        }
    }

    #[test]
    fn finish_reasons_of_every_sdk_agree() {
        for sent in ["tool_calls", "tool_call", "tool-calls", "tool_use", "FinishReason.TOOL_CALLS", "TOOL_CALLS"] {
            assert_eq!(finish_reason(sent), "tool_calls", "{sent}");
        }
        for sent in ["toolUse", "ToolCalls", "FUNCTION_CALL"] {
            assert_eq!(finish_reason(sent), "tool_calls", "{sent}");
        }
        for sent in ["stop", "STOP", "end_turn", "endTurn", "End-Turn"] {
            assert_eq!(finish_reason(sent), "stop", "{sent}");
        }
    }
}
